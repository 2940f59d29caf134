//! Weight files of PyTorch (`pytorch_model.bin`, `.pt`): a pickle that says what the tensors are, and their bytes. Nothing
//! in the pickle is executed; what it says of tensors is read, and everything else is passed over.
//!
//! There are two formats: a ZIP archive with `data.pkl` and a member for each storage (`torch.save` since PyTorch 1.6, and
//! TorchScript), and before that five pickles one after the other, followed by the storages.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use zip::{CompressionMethod, ZipArchive};

use super::stored_tensor::{ElementType, StoredTensor};
use crate::clip::error::ClipError;
use crate::clip::files::{CheckpointFile, FileReader};
use crate::files::foreign::guarded;
use crate::files::pickle::{Node, NodeId, Pickle};

/// The largest description of tensors: hundreds of bytes for each of some ten thousand.
const LARGEST_PICKLE: u64 = 256 << 20;
/// How deep the modules of a model may lie in each other.
const DEEPEST: usize = 32;
/// The most values to look at: references to one value from many places must not multiply without an end.
const MOST_VALUES: usize = 1 << 20;
/// The first number in a file of the old format.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// What training programs keep beside a model: the state of what trained it.
const TRAINING_STATE: [&str; 12] = [
    "optimizer",
    "optimizers",
    "optimizer_states",
    "optimizer_state_dict",
    "scheduler",
    "lr_scheduler",
    "lr_schedulers",
    "scaler",
    "callbacks",
    "loops",
    "rng_state",
    "args",
];

/// The tensors of a file, by the names that PyTorch's `state_dict` gives them. Their bytes are not read.
///
/// Training checkpoints, which have the model under `state_dict` or a name of their own, which then stands before all of its
/// names, and scripted modules (OpenAI's files) are read too.
///
/// # Errors
/// [`ClipError::Torch`] for a file that is cut short, compressed or not PyTorch's.
pub(in crate::clip) fn tensors(file: &CheckpointFile) -> Result<HashMap<String, StoredTensor>, ClipError> {
    let bad = |problem: String| ClipError::Torch { file: file.label(), problem };
    let reader = BufReader::new(file.open()?);
    let found = guarded(|| read(reader).map(|contents| contents.tensors()).map_err(|error| in_words(&error)));
    let found = found.and_then(|read| read).map_err(bad)?;
    match found.problem {
        Some(problem) => Err(bad(problem)),
        None if found.tensors.is_empty() => Err(bad("it has no tensors".to_owned())),
        None => Ok(found.tensors),
    }
}

fn read(mut reader: BufReader<FileReader>) -> io::Result<Contents> {
    let mut start = [0; 4];
    let is_zip = reader.read_exact(&mut start).is_ok() && &start == b"PK\x03\x04";
    reader.seek(SeekFrom::Start(0))?;
    if is_zip { Contents::of_zip(reader) } else { Contents::of_pickles(reader) }
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it is cut short".to_owned(),
        _ => error.to_string(),
    }
}

/// A run of numbers that tensors are views of.
struct Storage {
    /// Where it starts in the file.
    start: u64,
    bytes: u64,
}

/// A file's description of its tensors, and where their numbers are.
struct Contents {
    pickle: Pickle,
    storages: HashMap<String, Storage>,
}

impl Contents {
    fn of_zip(reader: BufReader<FileReader>) -> io::Result<Self> {
        let mut archive = ZipArchive::new(reader)?;
        let (mut description, mut storages) = (None, HashMap::new());
        for at in 0..archive.len() {
            let mut member = archive.by_index_raw(at)?;
            let name = member.name()?.into_owned();
            let Some((_, within)) = name.split_once('/') else { continue };
            let is_read = matches!(within, "data.pkl" | "byteorder") || within.starts_with("data/");
            if is_read && member.compression() != CompressionMethod::Stored {
                let problem = format!("{name} in it is compressed, as PyTorch never does");
                return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
            }
            match (within, within.strip_prefix("data/")) {
                ("data.pkl", _) => {
                    let mut bytes = Vec::new();
                    member.by_ref().take(LARGEST_PICKLE).read_to_end(&mut bytes)?;
                    description = Some(bytes);
                }
                ("byteorder", _) => {
                    let mut order = String::new();
                    member.by_ref().take(16).read_to_string(&mut order)?;
                    if order.trim() != "little" {
                        let problem = format!("its numbers are in {}-endian order", order.trim());
                        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
                    }
                }
                (_, Some(key)) => {
                    let start = member.data_start().unwrap_or(u64::MAX);
                    storages.insert(key.to_owned(), Storage { start, bytes: member.size() });
                }
                _ => {}
            }
        }
        let description = description.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "it is a ZIP archive without data.pkl, not PyTorch's")
        })?;
        Ok(Self { pickle: Pickle::read(&mut &description[..])?, storages })
    }

    fn of_pickles(reader: BufReader<FileReader>) -> io::Result<Self> {
        let mut reader = Counting { reader, read: 0 };
        let not_torch = || {
            let problem = "it is neither a ZIP archive nor begins as PyTorch's old format does";
            io::Error::new(io::ErrorKind::InvalidData, problem)
        };
        let magic = Pickle::read(&mut reader).map_err(|_| not_torch())?;
        if !matches!(magic.node(magic.root()), Node::Long(bytes) if **bytes == MAGIC) {
            return Err(not_torch());
        }
        // The format's version, and the sizes of the writer's integers.
        let (_, _) = (Pickle::read(&mut reader)?, Pickle::read(&mut reader)?);
        let pickle = Pickle::read(&mut reader)?;
        let keys = Pickle::read(&mut reader)?;
        let kinds = pickle.all().filter_map(|at| pickle.storage(at));
        let sizes: HashMap<&str, Option<usize>> = kinds.map(|kind| (kind.key, kind.element)).collect();
        let mut storages = HashMap::new();
        for key in keys.parts(keys.root()).unwrap_or_default() {
            let Some(key) = keys.text(*key) else { continue };
            let mut count = [0; 8];
            reader.read_exact(&mut count)?;
            let size = sizes.get(key).copied().flatten().ok_or_else(|| {
                let problem = format!("its storage {key} has numbers of a size that is not known");
                io::Error::new(io::ErrorKind::InvalidData, problem)
            })?;
            let bytes = u64::from_le_bytes(count).saturating_mul(size as u64);
            storages.insert(key.to_owned(), Storage { start: reader.read, bytes });
            reader.skip(bytes)?;
        }
        Ok(Self { pickle, storages })
    }

    fn tensors(&self) -> PickledTensors {
        let mut found = PickledTensors::default();
        let root = self.pickle.root();
        let of_key = |wanted: &str| {
            let (items, _) = self.pickle.entries(root);
            items.iter().find(|(key, _)| self.pickle.text(*key) == Some(wanted)).map(|(_, value)| *value)
        };
        self.collect(of_key("state_dict").unwrap_or(root), "", 0, &mut found);
        found
    }

    /// Notes the tensors in dictionaries and objects, whose names are joined by dots.
    fn collect(&self, at: NodeId, name: &str, depth: usize, found: &mut PickledTensors) {
        found.visited += 1;
        if depth > DEEPEST || found.visited > MOST_VALUES {
            found.problem.get_or_insert("its modules lie in each other without an end".to_owned());
            return;
        }
        match self.tensor(at) {
            Ok(Some(tensor)) => {
                found.tensors.insert(name.to_owned(), tensor);
                return;
            }
            Ok(None) => {}
            Err(problem) => {
                found.problem.get_or_insert(format!("the tensor {name} {problem}"));
                return;
            }
        }
        let (items, state) = self.pickle.entries(at);
        for (key, value) in items {
            if let Some(key) = self.pickle.text(*key)
                && !(depth == 0 && TRAINING_STATE.contains(&key))
            {
                let name = if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
                self.collect(*value, &name, depth + 1, found);
            }
        }
        if let Some(state) = state {
            self.collect(state, name, depth + 1, found);
        }
    }

    /// The tensor that a node stands for, if it does: what `torch._utils` would have made of it.
    fn tensor(&self, at: NodeId) -> Result<Option<StoredTensor>, String> {
        let pickle = &self.pickle;
        let Node::Made { by, arguments, .. } = pickle.node(at) else { return Ok(None) };
        let arguments = pickle.parts(*arguments).unwrap_or_default();
        match (pickle.global(*by).as_deref(), arguments) {
            (Some("torch._utils._rebuild_parameter"), [data, ..]) => self.tensor(*data),
            (
                Some("torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor"),
                [storage, offset, shape, strides, ..],
            ) => {
                let numbers = |at: NodeId| {
                    pickle.parts(at)?.iter().map(|part| pickle.count(*part)).collect::<Option<Vec<_>>>()
                };
                let described = (|| {
                    Some((
                        pickle.storage(*storage)?,
                        pickle.count(*offset)?,
                        numbers(*shape)?,
                        numbers(*strides)?,
                    ))
                })();
                let Some((kind, offset, shape, strides)) = described else {
                    return Err("is described in a way that is not known".to_owned());
                };
                self.view(&kind, offset, shape, strides).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn view(
        &self,
        kind: &StorageKind<'_>,
        offset: usize,
        shape: Vec<usize>,
        strides: Vec<usize>,
    ) -> Result<StoredTensor, String> {
        let storage = self
            .storages
            .get(kind.key)
            .ok_or_else(|| format!("lies in a storage {}, which is not there", kind.key))?;
        let mut tensor = StoredTensor { element: kind.element_type(), shape, strides, start: storage.start };
        if let Some(size) = kind.element {
            tensor.start = storage.start.saturating_add((offset as u64).saturating_mul(size as u64));
            let end = tensor.extent().and_then(|extent| extent.checked_add(offset)?.checked_mul(size));
            if tensor.shape.len() != tensor.strides.len() || end.is_none_or(|end| end as u64 > storage.bytes)
            {
                return Err(format!("reaches beyond its storage of {} bytes", storage.bytes));
            }
        }
        Ok(tensor)
    }
}

/// What is found in a file.
#[derive(Default)]
struct PickledTensors {
    /// Values that were looked at.
    visited: usize,
    tensors: HashMap<String, StoredTensor>,
    /// The first tensor that cannot be one.
    problem: Option<String>,
}

/// How a pickle refers to a storage: `("storage", torch.FloatStorage, key, device, length)`.
struct StorageKind<'a> {
    key: &'a str,
    name: &'a str,
    /// Bytes of a number.
    element: Option<usize>,
}

impl StorageKind<'_> {
    fn element_type(&self) -> ElementType {
        match self.name {
            "DoubleStorage" => ElementType::F64,
            "FloatStorage" => ElementType::F32,
            "HalfStorage" => ElementType::F16,
            "BFloat16Storage" => ElementType::Bf16,
            other => ElementType::Other(other.trim_end_matches("Storage").to_owned()),
        }
    }
}

impl Pickle {
    /// What a node that refers to a storage says of it.
    fn storage(&self, at: NodeId) -> Option<StorageKind<'_>> {
        let Node::Persistent(id) = self.node(at) else { return None };
        let [word, kind, key, ..] = self.parts(*id)? else { return None };
        let Node::Global(_, name) = self.node(*kind) else { return None };
        let element = match name.as_str() {
            "DoubleStorage" | "LongStorage" | "ComplexFloatStorage" => Some(8),
            "FloatStorage" | "IntStorage" => Some(4),
            "HalfStorage" | "BFloat16Storage" | "ShortStorage" => Some(2),
            "ByteStorage" | "CharStorage" | "BoolStorage" => Some(1),
            _ => None,
        };
        (self.text(*word)? == "storage").then_some(StorageKind { key: self.text(*key)?, name, element })
    }
}

/// Knows how far it has read.
struct Counting {
    reader: BufReader<FileReader>,
    read: u64,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

impl Counting {
    /// Goes on after `bytes` more, which have to be there.
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let end = self.read.checked_add(bytes).ok_or(io::ErrorKind::UnexpectedEof)?;
        let Some(last) = end.checked_sub(1).filter(|_| bytes > 0) else { return Ok(()) };
        self.reader.seek(SeekFrom::Start(last))?;
        self.read = last;
        let mut byte = [0];
        self.read_exact(&mut byte)
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use proptest::prelude::*;

    use super::super::safetensors_file;
    use super::*;
    use crate::clip::files::FileContent;

    fn fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
    }

    fn at(path: PathBuf) -> CheckpointFile {
        CheckpointFile { name: "pytorch_model.bin".to_owned(), content: FileContent::Path(path) }
    }

    fn fixture(name: &str) -> CheckpointFile {
        at(fixtures().join("torch").join(name))
    }

    /// What `make_torch_files.py` calls a tensor: 0, 0.5, 1 …
    fn halves(places: impl IntoIterator<Item = usize>) -> Vec<f32> {
        places.into_iter().map(|place| place as f32 / 2.0).collect()
    }

    fn assert_is_the_state(name: &str) {
        let file = fixture(name);
        let tensors = tensors(&file).unwrap().into_iter();
        let tensors: HashMap<String, StoredTensor> =
            tensors.map(|(name, tensor)| (name.trim_start_matches("module.").to_owned(), tensor)).collect();
        assert_eq!(tensors.len(), 9, "{name}: {:?}", tensors.keys());
        let transposed = (0..4).flat_map(|column| (0..3).map(move |row| row * 4 + column));
        let columns = (1..4).flat_map(|row| (2..4).map(move |column| row * 6 + column));
        for (tensor, shape, values) in [
            ("plain", &[3, 4][..], halves(0..12)),
            ("half", &[2, 5], halves(0..10)),
            ("brain", &[2, 5], halves(0..10)),
            ("transposed", &[4, 3], halves(transposed)),
            ("columns", &[3, 2], halves(columns)),
            ("same_storage", &[4, 6], halves(0..24)),
            ("scalar", &[], vec![2.5]),
            ("parameter", &[2, 2], halves(0..4)),
        ] {
            let stored = &tensors[tensor];
            assert_eq!(stored.shape, shape, "{name}: {tensor}");
            assert_eq!(stored.values(tensor, &file).unwrap(), values, "{name}: {tensor}");
        }
        let error = tensors["numbers"].values("numbers", &file).unwrap_err().to_string();
        assert!(error.contains("numbers") && error.contains("type Long"), "{error}");
    }

    #[test]
    fn both_formats_hold_the_same() {
        assert_is_the_state("zip.bin");
        assert_is_the_state("pickles.bin");
    }

    #[test]
    fn the_model_of_a_training_checkpoint_is_taken() {
        assert_is_the_state("training.pt");
        assert!(tensors(&fixture("training.pt")).unwrap().keys().all(|name| name.starts_with("module.")));
    }

    #[test]
    fn scripted_modules_are_named_by_their_place() {
        let file = fixture("scripted.pt");
        let tensors = tensors(&file).unwrap();
        assert_eq!(tensors["visual.weight"].values("visual.weight", &file).unwrap(), halves(0..6));
        assert_eq!(tensors["logit_scale"].values("logit_scale", &file).unwrap(), [1.5]);
        assert_eq!(tensors["input_resolution"].element, ElementType::Other("Long".to_owned()));
        assert_eq!(tensors.len(), 3);
    }

    #[test]
    fn a_whole_checkpoint_is_that_of_its_safetensors() {
        let file = fixture("tiny-quickgelu.bin");
        let other = at(fixtures().join("clip/tiny-quickgelu/model.safetensors"));
        let (found, expected) = (tensors(&file).unwrap(), safetensors_file::tensors(&other).unwrap());
        assert_eq!(found.len(), expected.len());
        for (name, tensor) in &expected {
            assert_eq!(found[name].shape, tensor.shape, "{name}");
            if tensor.element.bytes().is_some() {
                assert_eq!(found[name].values(name, &file), tensor.values(name, &other), "{name}");
            }
        }
    }

    fn refused(bytes: Vec<u8>) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.bin");
        std::fs::write(&path, bytes).unwrap();
        tensors(&at(path)).unwrap_err().to_string()
    }

    #[test]
    fn files_that_are_cut_short_or_others() {
        for name in ["zip.bin", "pickles.bin"] {
            let bytes = std::fs::read(fixtures().join("torch").join(name)).unwrap();
            let message = refused(bytes[..bytes.len() - 8].to_vec());
            assert!(message.contains("weights.bin is not a PyTorch weight file"), "{name}: {message}");
        }
        assert!(refused(Vec::new()).contains("neither a ZIP archive"));
        assert!(refused(b"version https://git-lfs.github.com/spec/v1".to_vec()).contains("neither a ZIP"));
        assert!(refused(b"\x80\x02}.".to_vec()).contains("neither a ZIP archive"));
        let mut old = std::fs::read(fixtures().join("torch/pickles.bin")).unwrap();
        old.truncate(200);
        assert!(refused(old).contains("cut short"));
    }

    #[test]
    fn a_tensor_beyond_its_storage_is_refused() {
        let bytes = std::fs::read(fixtures().join("torch/pickles.bin")).unwrap();
        // The shape (3, 4) of the first tensor, as two small integers and the mark of a pair.
        let at = bytes.windows(5).position(|window| window == b"K\x03K\x04\x86").unwrap();
        let mut longer = bytes.clone();
        longer[at + 1] = 200;
        let message = refused(longer);
        assert!(message.contains("the tensor plain reaches beyond its storage of 48 bytes"), "{message}");
    }

    #[test]
    fn values_that_refer_to_each_other_without_an_end_are_refused() {
        // A dictionary in itself, and forty that each hold the one before twice.
        let mut itself = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.".to_vec();
        let mut doubled = itself.clone();
        itself.extend(b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.\x80\x02].");
        assert!(refused(itself).contains("without an end"));
        doubled.extend(b"\x80\x02}q\x00");
        for level in 1..30_u8 {
            doubled.extend(b"}(X\x01\x00\x00\x00ah");
            doubled.push(level - 1);
            doubled.extend(b"X\x01\x00\x00\x00bh");
            doubled.push(level - 1);
            doubled.extend(b"uq");
            doubled.push(level);
        }
        doubled.extend(b".\x80\x02].");
        assert!(refused(doubled).contains("without an end"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Damage leads to an error, to tensors that can be read, or to ones that say why they cannot be.
        #[test]
        fn damaged_files_bring_nothing_down(name in 0..4_usize, place: prop::sample::Index, byte: u8) {
            let name = ["zip.bin", "pickles.bin", "training.pt", "scripted.pt"][name];
            let mut bytes = std::fs::read(fixtures().join("torch").join(name)).unwrap();
            let place = place.index(bytes.len());
            bytes[place] = byte;
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("weights.bin");
            std::fs::write(&path, bytes).unwrap();
            let file = at(path);
            for (name, tensor) in tensors(&file).unwrap_or_default() {
                if tensor.shape.iter().product::<usize>() < 1 << 16 {
                    let _values_or_error = tensor.values(&name, &file);
                }
            }
        }
    }
}
