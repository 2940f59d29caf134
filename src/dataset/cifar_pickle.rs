//! Files of CIFAR's Python version: a pickle of a dictionary with an array of pixels and a list of labels.
//!
//! The keys are `data`, of bytes `[n_records, 3072]`, and `labels` (CIFAR-100: `coarse_labels`, `fine_labels`); the file of
//! class names has `label_names` (CIFAR-100: `fine_label_names`). Python 2 wrote the published files; what Python 3 and newer
//! numpy make of them is read too.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::files::pickle::{Node, NodeId, Pickle};

/// Width and height of a picture.
pub(super) const SIDE: u32 = 32;
/// Bytes of a colour of a picture.
pub(super) const PLANE: usize = (SIDE * SIDE) as usize;
/// Bytes of the largest array: the 50,000 pictures of CIFAR-100 have 154 million.
const LONGEST: u64 = 256 << 20;
/// The keys of labels: CIFAR-10's, and CIFAR-100's fine ones.
const LABELS: [&str; 2] = ["labels", "fine_labels"];
/// The keys of class names.
const NAMES: [&str; 2] = ["label_names", "fine_label_names"];

/// Whether a file begins as a pickle of protocol 2 or later does.
pub(super) fn is_pickle(path: &Path) -> bool {
    let mut start = [0; 2];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && start[0] == 0x80
        && start[1] >= 2
}

/// The class names in a file of them.
///
/// # Errors
/// Of the reader, and [`io::ErrorKind::InvalidData`] for another pickle.
pub(super) fn class_names(reader: &mut impl Read) -> io::Result<Vec<String>> {
    let dictionary = Dictionary::read(reader)?;
    let names = dictionary.list(&NAMES)?;
    let name = |at: &NodeId| dictionary.text(*at).ok_or_else(|| other("a class name that is no text"));
    names.iter().map(name).collect()
}

/// Writes the records of a file as the binary version has them. Of two label bytes the first stays zero: the coarse label.
///
/// # Errors
/// Of reader and writer, and [`io::ErrorKind::InvalidData`] for another pickle.
pub(super) fn write_records(
    reader: &mut impl Read,
    label_bytes: usize,
    writer: &mut impl Write,
) -> io::Result<()> {
    let dictionary = Dictionary::read(reader)?;
    let pixels = dictionary.pixels()?;
    let labels = dictionary.list(&LABELS)?;
    if pixels.len() != labels.len() * 3 * PLANE {
        return Err(other(&format!("{} labels and {} bytes of pixels", labels.len(), pixels.len())));
    }
    for (label, pixels) in labels.iter().zip(pixels.chunks_exact(3 * PLANE)) {
        let label = dictionary.pickle.count(*label).and_then(|label| u8::try_from(label).ok());
        let label = label.ok_or_else(|| other("a label that is not a number below 256"))?;
        writer.write_all(&vec![0; label_bytes - 1])?;
        writer.write_all(&[label])?;
        writer.write_all(pixels)?;
    }
    Ok(())
}

fn other(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("its pickle is not as CIFAR's are: it has {what}"))
}

/// The dictionary that a file is.
struct Dictionary {
    pickle: Pickle,
}

impl Dictionary {
    fn read(reader: &mut impl Read) -> io::Result<Self> {
        Ok(Self { pickle: Pickle::with_longest(LONGEST, reader)? })
    }

    /// A text, which Python 2 wrote as bytes.
    fn text(&self, at: NodeId) -> Option<String> {
        match self.pickle.node(at) {
            Node::Text(text) => Some(text.clone()),
            Node::Bytes(bytes) => String::from_utf8(bytes.clone()).ok(),
            _ => None,
        }
    }

    /// The value of the first of these keys that is there.
    fn value(&self, keys: &[&str]) -> io::Result<NodeId> {
        let (items, _) = self.pickle.entries(self.pickle.root());
        let named = |wanted: &&str| items.iter().find(|(key, _)| self.text(*key).as_deref() == Some(*wanted));
        let found = keys.iter().find_map(named).map(|(_, value)| *value);
        found.ok_or_else(|| other(&format!("no key {}", keys.join(" or "))))
    }

    fn list(&self, keys: &[&str]) -> io::Result<&[NodeId]> {
        let parts = self.pickle.parts(self.value(keys)?);
        parts.ok_or_else(|| other(&format!("no list under {}", keys.join(" or "))))
    }

    /// The bytes of the array of pixels.
    fn pixels(&self) -> io::Result<&[u8]> {
        let array = self.value(&["data"])?;
        let pixels = self.reconstructed(array).or_else(|| self.in_buffer(array));
        pixels.ok_or_else(|| other("no array of bytes, row after row, under data"))
    }

    /// An array whose state is a version, a shape, a type, whether columns come first, and the bytes.
    fn reconstructed(&self, array: NodeId) -> Option<&[u8]> {
        let Node::Made { state: Some(state), .. } = self.pickle.node(array) else { return None };
        let &[_, shape, kind, columns_first, bytes] = self.pickle.parts(*state)? else { return None };
        let is_false = matches!(self.pickle.node(columns_first), Node::Bool(false) | Node::Int(0));
        is_false.then(|| self.bytes_of(kind, shape, bytes))?
    }

    /// `_frombuffer(bytes, type, shape, order)`, as protocol 5 has it.
    fn in_buffer(&self, array: NodeId) -> Option<&[u8]> {
        let Node::Made { arguments, .. } = self.pickle.node(array) else { return None };
        let &[bytes, kind, shape, order] = self.pickle.parts(*arguments)? else { return None };
        (self.text(order)? == "C").then(|| self.bytes_of(kind, shape, bytes))?
    }

    /// The bytes of an array `[n_records, 3072]` of unsigned bytes.
    fn bytes_of(&self, kind: NodeId, shape: NodeId, bytes: NodeId) -> Option<&[u8]> {
        let Node::Made { arguments, .. } = self.pickle.node(kind) else { return None };
        let is_bytes = self.text(*self.pickle.parts(*arguments)?.first()?)? == "u1";
        let [_, row] = self.pickle.parts(shape)? else { return None };
        let is_row = self.pickle.count(*row)? == 3 * PLANE;
        match self.pickle.node(bytes) {
            Node::Bytes(bytes) if is_bytes && is_row => Some(bytes),
            _ => None,
        }
    }
}
