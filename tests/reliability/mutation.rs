//! Damaged copies of files, as disks, networks and people with a purpose make them. The same number always makes the same copy.

/// Numbers that follow from a first one (SplitMix64).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`; 0 where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    pub fn happens(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

/// What files say of lengths, counts and sizes when they lie.
const EXTREMES: [u64; 14] = [
    0,
    1,
    2,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 40,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

/// The same in files of text, and what else surprises who expects a number or a word there.
const WORDS: [&str; 18] = [
    "0",
    "-1",
    "1e400",
    "99999999999",
    "18446744073709551616",
    "0.0000001",
    "NaN",
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "\u{feff}",
    "\u{0}",
    "e\u{301}\u{200b}\u{202e}",
    "{{{",
    "\r",
    "..//",
];

/// Bytes of a copy at most.
const LONGEST: usize = 1 << 20;

/// A copy of `seed` with one to sixteen faults; pieces of `other`, a file of the same kind, may be in it.
pub fn damaged(seed: &[u8], other: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    let faults = [1, 1, 1, 2, 4, 16][chance.below(6)];
    for _ in 0..faults {
        damage(&mut bytes, other, chance);
        bytes.truncate(LONGEST);
    }
    bytes
}

fn damage(bytes: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    if bytes.is_empty() {
        bytes.extend_from_slice(&other[..chance.below(other.len())]);
        return;
    }
    let at = place(bytes.len(), chance);
    let end = (at + 1 + chance.below(64)).min(bytes.len());
    match chance.below(14) {
        0 | 1 => bytes[at] ^= 1 << chance.below(8),
        2 => bytes[at] = [0, 0x7f, 0x80, 0xff][chance.below(4)],
        3 | 4 => {
            let width = [1, 2, 4, 8][chance.below(4)];
            put(bytes, at, width, EXTREMES[chance.below(EXTREMES.len())], chance.happens(3));
        }
        5 => length_field(bytes, at, chance),
        6 => bytes.truncate(at),
        7 => drop(bytes.drain(at..end)),
        8 => {
            // A piece once more, or until it is large.
            let piece = bytes[at..end].to_vec();
            let times = [1, 2, 100, 3000][chance.below(4)];
            bytes.splice(at..at, piece.repeat(times));
        }
        9 => {
            let from = place(other.len(), chance);
            bytes.splice(at.., other[from.min(other.len())..].iter().copied());
        }
        10 => {
            let from = place(other.len(), chance).min(other.len());
            let piece = &other[from..(from + 1 + chance.below(64)).min(other.len())];
            bytes.splice(at..end.min(at + piece.len()), piece.iter().copied());
        }
        11 => bytes[at..end].fill_with(|| chance.next() as u8),
        12 => word(bytes, at, chance),
        _ => {
            let inner = chance.one_of(&["[", "{\"a\":", "(", "{%if a%}", "<", "\"", "0\u{80}"]);
            let times = [10, 200, 20_000][chance.below(3)];
            bytes.splice(at..at, inner.repeat(times).into_bytes());
        }
    }
}

/// A place in a file; the first bytes say the most.
fn place(length: usize, chance: &mut Chance) -> usize {
    match chance.below(3) {
        0 => chance.below(length.min(64)),
        1 => chance.below(length.min(1024)),
        _ => chance.below(length),
    }
}

fn put(bytes: &mut [u8], at: usize, width: usize, value: u64, is_big_endian: bool) {
    let all = if is_big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let part = if is_big_endian { &all[8 - width..] } else { &all[..width] };
    for (to, from) in bytes.iter_mut().skip(at).zip(part) {
        *to = *from;
    }
}

/// Changes a little what could be a length: a number that is smaller than the file.
fn length_field(bytes: &mut [u8], from: usize, chance: &mut Chance) {
    let length = bytes.len();
    let width = [2, 4, 8][chance.below(3)];
    let is_big_endian = chance.happens(3);
    let number = |piece: &[u8]| {
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        if is_big_endian { piece.iter().fold(0, add) } else { piece.iter().rev().fold(0, add) }
    };
    let found = bytes[from..].windows(width).position(|piece| (1..length as u64).contains(&number(piece)));
    let Some(at) = found.map(|found| from + found) else { return };
    let now = number(&bytes[at..at + width]);
    let other = [now.wrapping_sub(1), now + 1, now * 2, length as u64, length as u64 + 1, 0][chance.below(6)];
    put(bytes, at, width, other, is_big_endian);
}

/// Puts a word in place of a number, a word or a mark.
fn word(bytes: &mut Vec<u8>, from: usize, chance: &mut Chance) {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let start = bytes[from..].iter().position(is_part).map_or(from, |found| from + found);
    let length = bytes[start..].iter().take(64).take_while(|byte| is_part(byte)).count();
    bytes.splice(start..start + length, chance.one_of(&WORDS).bytes());
}
