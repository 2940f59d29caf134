//! Python's pickles as data: what one describes is looked at, and nothing in it is ever called.
//!
//! The opcodes are those that Python's protocols 2 to 5 write (`pickletools` of its standard library describes them).
//! Calls and objects become nodes that name what Python would have called; who knows some of them reads their arguments.

use std::io::{self, Read};

/// A node's number in a [`Pickle`].
pub(crate) type NodeId = usize;

/// What a pickle describes: nodes that refer to each other, since lists and dictionaries are filled after they were referred to.
#[derive(Debug)]
pub(crate) struct Pickle {
    nodes: Vec<Node>,
    root: NodeId,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Nothing,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// An integer of more than 64 bits, little-endian.
    Long(Vec<u8>),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<NodeId>),
    Tuple(Vec<NodeId>),
    Dict(Vec<(NodeId, NodeId)>),
    /// A class or function, by its module and name.
    Global(String, String),
    /// What the file's format keeps elsewhere, as the pickle refers to it.
    Persistent(NodeId),
    /// What a function or class would have made of some arguments, and what was put into it afterwards.
    Made {
        by: NodeId,
        arguments: NodeId,
        items: Vec<(NodeId, NodeId)>,
        state: Option<NodeId>,
    },
}

/// The most bytes that one text, or a number of several bytes, may have where nothing is said: names and versions are far
/// shorter.
const LONGEST: u64 = 16 << 20;
/// The most bytes of all texts and such together, where one alone may not have more: those of the largest models are some hundred
/// for each of ten thousand tensors.
const LONGEST_TOGETHER: u64 = 256 << 20;
/// The most nodes: the largest models have some ten thousand tensors of a dozen nodes each, CIFAR's files a hundred thousand
/// labels and names.
const MOST_NODES: usize = 2 << 20;

impl Pickle {
    /// Reads one pickle, up to its end mark and no further.
    ///
    /// # Errors
    /// Of the reader, and [`io::ErrorKind::InvalidData`] with the problem in words.
    pub(crate) fn read(reader: &mut impl Read) -> io::Result<Self> {
        Self::with_longest(LONGEST, reader)
    }

    /// The same where a value may have more bytes.
    ///
    /// # Errors
    /// Those of [`Pickle::read`].
    pub(crate) fn with_longest(longest: u64, reader: &mut impl Read) -> io::Result<Self> {
        let machine = Machine {
            reader,
            longest,
            left: longest.max(LONGEST_TOGETHER),
            nodes: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Vec::new(),
        };
        machine.run()
    }

    pub(crate) fn root(&self) -> NodeId {
        self.root
    }

    /// The numbers of all nodes.
    pub(crate) fn all(&self) -> std::ops::Range<NodeId> {
        0..self.nodes.len()
    }

    pub(crate) fn node(&self, at: NodeId) -> &Node {
        &self.nodes[at]
    }

    /// The text of a node that is one.
    pub(crate) fn text(&self, at: NodeId) -> Option<&str> {
        match self.node(at) {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number of a node that is a whole one and not negative.
    pub(crate) fn count(&self, at: NodeId) -> Option<usize> {
        match self.node(at) {
            Node::Int(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The parts of a tuple or list.
    pub(crate) fn parts(&self, at: NodeId) -> Option<&[NodeId]> {
        match self.node(at) {
            Node::Tuple(parts) | Node::List(parts) => Some(parts),
            _ => None,
        }
    }

    /// The whole name of a class or function: `collections.OrderedDict`.
    pub(crate) fn global(&self, at: NodeId) -> Option<String> {
        match self.node(at) {
            Node::Global(module, name) => Some(format!("{module}.{name}")),
            _ => None,
        }
    }

    /// What stands in a dictionary or in something made that has some: pairs of key and value, and the state of an object.
    pub(crate) fn entries(&self, at: NodeId) -> (&[(NodeId, NodeId)], Option<NodeId>) {
        match self.node(at) {
            Node::Dict(items) => (items, None),
            Node::Made { items, state, .. } => (items, *state),
            _ => (&[], None),
        }
    }
}

fn malformed(problem: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem.into())
}

/// The stack machine that opcodes are written for.
struct Machine<'a, R> {
    reader: &'a mut R,
    /// The most bytes of one value.
    longest: u64,
    /// The bytes that all values may still have.
    left: u64,
    nodes: Vec<Node>,
    stack: Vec<NodeId>,
    /// Lengths of the stack at marks.
    marks: Vec<usize>,
    memo: Vec<Option<NodeId>>,
}

impl<R: Read> Machine<'_, R> {
    fn run(mut self) -> io::Result<Pickle> {
        loop {
            match self.byte()? {
                b'.' => {
                    let root = self.pop()?;
                    return Ok(Pickle { nodes: self.nodes, root });
                }
                opcode => self.step(opcode)?,
            }
        }
    }

    fn step(&mut self, opcode: u8) -> io::Result<()> {
        match opcode {
            // PROTO and FRAME say nothing about the values.
            0x80 => self.bytes(1).map(drop)?,
            0x95 => self.bytes(8).map(drop)?,
            b'(' => self.marks.push(self.stack.len()),
            b'0' => self.pop().map(drop)?,
            b'1' => self.since_mark().map(drop)?,
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'N' => self.push(Node::Nothing)?,
            0x88 => self.push(Node::Bool(true))?,
            0x89 => self.push(Node::Bool(false))?,
            b'J' => {
                let number = i32::from_le_bytes(self.array()?);
                self.push(Node::Int(number.into()))?;
            }
            b'K' => {
                let number = self.byte()?;
                self.push(Node::Int(number.into()))?;
            }
            b'M' => {
                let number = u16::from_le_bytes(self.array()?);
                self.push(Node::Int(number.into()))?;
            }
            0x8a => {
                let length = self.byte()?;
                self.long(length.into())?;
            }
            0x8b => {
                let length = u32::from_le_bytes(self.array()?);
                self.long(length.into())?;
            }
            b'G' => {
                let number = f64::from_be_bytes(self.array()?);
                self.push(Node::Float(number))?;
            }
            0x8c => {
                let length = self.byte()?;
                self.push_text(length.into())?;
            }
            b'X' => {
                let length = u32::from_le_bytes(self.array()?);
                self.push_text(length.into())?;
            }
            0x8d => {
                let length = u64::from_le_bytes(self.array()?);
                self.push_text(length)?;
            }
            b'C' | b'U' => {
                let length = self.byte()?;
                self.push_bytes(length.into())?;
            }
            b'B' | b'T' => {
                let length = u32::from_le_bytes(self.array()?);
                self.push_bytes(length.into())?;
            }
            0x8e | 0x96 => {
                let length = u64::from_le_bytes(self.array()?);
                self.push_bytes(length)?;
            }
            b']' | 0x8f => self.push(Node::List(Vec::new()))?,
            b'}' => self.push(Node::Dict(Vec::new()))?,
            b')' => self.push(Node::Tuple(Vec::new()))?,
            0x85..=0x87 => {
                let parts = self.take(usize::from(opcode - 0x84))?;
                self.push(Node::Tuple(parts))?;
            }
            b't' | 0x91 => {
                let parts = self.since_mark()?;
                self.push(Node::Tuple(parts))?;
            }
            b'l' => {
                let parts = self.since_mark()?;
                self.push(Node::List(parts))?;
            }
            b'd' => {
                let parts = self.since_mark()?;
                let items = pairs(&parts)?;
                self.push(Node::Dict(items))?;
            }
            b'a' => {
                let part = self.pop()?;
                self.append(vec![part])?;
            }
            b'e' | 0x90 => {
                let parts = self.since_mark()?;
                self.append(parts)?;
            }
            b's' => {
                let parts = self.take(2)?;
                self.set(&parts)?;
            }
            b'u' => {
                let parts = self.since_mark()?;
                self.set(&parts)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Node::Global(module, name))?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (&self.nodes[module], &self.nodes[name]) {
                    (Node::Text(module), Node::Text(name)) => {
                        let global = Node::Global(module.clone(), name.clone());
                        self.push(global)?;
                    }
                    _ => return Err(malformed("a class or function is named by something that is no text")),
                }
            }
            // REDUCE and NEWOBJ.
            b'R' | 0x81 => {
                let parts = self.take(2)?;
                self.make(parts[0], parts[1])?;
            }
            // NEWOBJ_EX has keyword arguments too.
            0x92 => {
                let parts = self.take(3)?;
                self.make(parts[0], parts[1])?;
            }
            b'b' => {
                let state = self.pop()?;
                let object = self.top()?;
                if let Node::Made { state: known, .. } = &mut self.nodes[object] {
                    *known = Some(state);
                }
            }
            b'Q' => {
                let id = self.pop()?;
                self.push(Node::Persistent(id))?;
            }
            b'q' => {
                let at = self.byte()?;
                self.memorise(at.into())?;
            }
            b'r' => {
                let at = u32::from_le_bytes(self.array()?);
                self.memorise(at as usize)?;
            }
            0x94 => self.memorise(self.memo.len())?,
            b'h' => {
                let at = self.byte()?;
                self.recall(at.into())?;
            }
            b'j' => {
                let at = u32::from_le_bytes(self.array()?);
                self.recall(at as usize)?;
            }
            other => {
                return Err(malformed(format!("its pickle has the opcode {other:#04x}, which is not known")));
            }
        }
        Ok(())
    }

    fn byte(&mut self) -> io::Result<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Counts bytes that are kept.
    fn hold(&mut self, length: u64) -> io::Result<()> {
        let left = self.left.checked_sub(length);
        self.left = left.ok_or_else(|| malformed("its pickle has more text than a model has"))?;
        Ok(())
    }

    /// So many bytes; a length that is a lie costs no memory.
    fn bytes(&mut self, length: u64) -> io::Result<Vec<u8>> {
        if length > self.longest {
            return Err(malformed(format!("its pickle has a value of {length} bytes")));
        }
        self.hold(length)?;
        let mut bytes = Vec::new();
        self.reader.by_ref().take(length).read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(bytes)
    }

    /// A line of text, without its end.
    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => {
                    self.hold(line.len() as u64)?;
                    return text(line);
                }
                byte if (line.len() as u64) < self.longest => line.push(byte),
                _ => return Err(malformed("its pickle has a line without an end")),
            }
        }
    }

    fn push(&mut self, node: Node) -> io::Result<()> {
        if self.nodes.len() >= MOST_NODES {
            return Err(malformed("its pickle has more values than a model has"));
        }
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
        Ok(())
    }

    fn push_text(&mut self, length: u64) -> io::Result<()> {
        let text = text(self.bytes(length)?)?;
        self.push(Node::Text(text))
    }

    fn push_bytes(&mut self, length: u64) -> io::Result<()> {
        let bytes = self.bytes(length)?;
        self.push(Node::Bytes(bytes))
    }

    /// An integer of so many bytes in two's complement.
    fn long(&mut self, length: u64) -> io::Result<()> {
        let bytes = self.bytes(length)?;
        if bytes.len() > 8 {
            return self.push(Node::Long(bytes));
        }
        let is_negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut whole = [if is_negative { 0xff } else { 0 }; 8];
        whole[..bytes.len()].copy_from_slice(&bytes);
        self.push(Node::Int(i64::from_le_bytes(whole)))
    }

    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> io::Result<NodeId> {
        match self.stack.last() {
            Some(top) if self.stack.len() > self.floor() => Ok(*top),
            _ => Err(malformed("its pickle takes a value that is not there")),
        }
    }

    fn pop(&mut self) -> io::Result<NodeId> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// The topmost values, the lowest first.
    fn take(&mut self, count: usize) -> io::Result<Vec<NodeId>> {
        let mut parts = (0..count).map(|_| self.pop()).collect::<io::Result<Vec<_>>>()?;
        parts.reverse();
        Ok(parts)
    }

    fn since_mark(&mut self) -> io::Result<Vec<NodeId>> {
        let mark = self.marks.pop().ok_or_else(|| malformed("its pickle lacks a mark"))?;
        Ok(self.stack.split_off(mark))
    }

    fn append(&mut self, mut parts: Vec<NodeId>) -> io::Result<()> {
        let list = self.top()?;
        match &mut self.nodes[list] {
            Node::List(known) => known.append(&mut parts),
            // Other collections can be filled in this way: none of them holds a tensor.
            Node::Made { .. } => {}
            _ => return Err(malformed("its pickle appends to something that is no list")),
        }
        Ok(())
    }

    fn set(&mut self, parts: &[NodeId]) -> io::Result<()> {
        let mut new = pairs(parts)?;
        let dict = self.top()?;
        match &mut self.nodes[dict] {
            Node::Dict(items) | Node::Made { items, .. } => items.append(&mut new),
            _ => return Err(malformed("its pickle sets a key of something that has none")),
        }
        Ok(())
    }

    fn make(&mut self, by: NodeId, arguments: NodeId) -> io::Result<()> {
        self.push(Node::Made { by, arguments, items: Vec::new(), state: None })
    }

    fn memorise(&mut self, at: usize) -> io::Result<()> {
        let top = self.top()?;
        if at >= self.memo.len() {
            if at >= MOST_NODES {
                return Err(malformed(format!("its pickle remembers a value as number {at}")));
            }
            self.memo.resize(at + 1, None);
        }
        self.memo[at] = Some(top);
        Ok(())
    }

    fn recall(&mut self, at: usize) -> io::Result<()> {
        let known = self.memo.get(at).copied().flatten();
        self.stack.push(
            known.ok_or_else(|| malformed(format!("its pickle recalls value {at}, which is not there")))?,
        );
        Ok(())
    }
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| malformed("its pickle has a text that is not UTF-8"))
}

fn pairs(parts: &[NodeId]) -> io::Result<Vec<(NodeId, NodeId)>> {
    match parts.as_chunks::<2>() {
        (pairs, []) => Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect()),
        _ => Err(malformed("its pickle has a key without a value")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Pickle> {
        Pickle::read(&mut &bytes[..])
    }

    #[test]
    fn values_of_python() {
        // pickle.dumps({"a": (1, -2, 3.5), "b": [None, True, 70000]}, protocol=2)
        let bytes = b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01K\x01J\xfe\xff\xff\xffG@\x0c\x00\x00\x00\x00\x00\x00\x87q\x02X\x01\x00\x00\x00bq\x03]q\x04(N\x88Jp\x11\x01\x00eu.rest";
        let mut reader = &bytes[..];
        let pickle = Pickle::read(&mut reader).unwrap();
        assert_eq!(reader, b"rest");
        let (items, state) = pickle.entries(pickle.root());
        assert_eq!(state, None);
        let [(a, tuple), (b, list)] = items[..] else { panic!("{items:?}") };
        assert_eq!((pickle.text(a), pickle.text(b)), (Some("a"), Some("b")));
        let nodes =
            |at| pickle.parts(at).unwrap().iter().map(|at| pickle.node(*at).clone()).collect::<Vec<_>>();
        assert_eq!(nodes(tuple), [Node::Int(1), Node::Int(-2), Node::Float(3.5)]);
        assert_eq!(nodes(list), [Node::Nothing, Node::Bool(true), Node::Int(70000)]);
    }

    #[test]
    fn a_dictionary_that_is_filled_after_it_was_referred_to_is_the_same_everywhere() {
        // d = {}; pickle.dumps([d, d]) with d filled between the two references.
        let pickle = read(b"\x80\x02](}q\x00K\x01K\x02sh\x00e.").unwrap();
        let parts = pickle.parts(pickle.root()).unwrap();
        assert_eq!(parts[0], parts[1]);
        assert_eq!(pickle.entries(parts[1]).0.len(), 1);
    }

    #[test]
    fn what_python_would_call_is_only_named() {
        // pickle.dumps of an object whose __reduce__ is (os.system, ("touch /tmp/x",))
        let pickle = read(b"\x80\x02cposix\nsystem\nX\x0c\x00\x00\x00touch /tmp/x\x85R.").unwrap();
        let Node::Made { by, arguments, .. } = pickle.node(pickle.root()) else { panic!("{pickle:?}") };
        assert_eq!(pickle.global(*by).as_deref(), Some("posix.system"));
        assert_eq!(pickle.parts(*arguments).unwrap().len(), 1);
    }

    #[test]
    fn long_integers() {
        let pickle = read(b"\x80\x02\x8a\x02\x00\xff.").unwrap();
        assert_eq!(pickle.node(pickle.root()), &Node::Int(-256));
        let pickle = read(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.").unwrap();
        assert!(matches!(pickle.node(pickle.root()), Node::Long(bytes) if bytes.len() == 10));
    }

    #[test]
    fn malformed_pickles_are_refused_in_words() {
        for (bytes, problem) in [
            (&b"\x80\x02\xff."[..], "opcode 0xff"),
            (b"\x80\x02.", "not there"),
            (b"\x80\x02h\x05.", "recalls value 5"),
            (b"\x80\x02e.", "lacks a mark"),
            (b"\x80\x02}K\x01u.", "lacks a mark"),
            (b"\x80\x02}(K\x01u.", "key without a value"),
            (b"\x80\x02K\x01K\x02K\x03s.", "has none"),
            (b"\x80\x02X\xff\xff\xff\xffa.", "4294967295 bytes"),
            (b"\x80\x02X\x01\x00\x00\x00\xff.", "UTF-8"),
            (b"\x80\x02K\x01K\x02\x93.", "no text"),
            (b"\x80\x02K\x01r\xff\xff\xff\xff.", "number 4294967295"),
        ] {
            let message = read(bytes).unwrap_err().to_string();
            assert!(message.contains(problem), "{bytes:?}: {message}");
        }
        assert_eq!(read(b"\x80\x02X\x05\x00\x00\x00ab").unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    proptest! {
        #[test]
        fn no_bytes_bring_it_down(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _whatever = read(&bytes);
        }
    }
}
