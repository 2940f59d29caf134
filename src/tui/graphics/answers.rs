//! Reads what a terminal answers to the questions about its graphics, among whatever else it sends.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a terminal has answered so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answers {
    /// It knows kitty's protocol.
    pub kitty: bool,
    /// It knows sixel.
    pub sixel: bool,
    /// Width and height of a cell, in pixels.
    pub cell: Option<(u16, u16)>,
    /// Width and height of the text area, in pixels.
    pub area: Option<(u16, u16)>,
    /// Its name and version, once told.
    pub name: Vec<String>,
    /// The colour of its background: red, green and blue from 0 to 1.
    pub background: Option<[f64; 3]>,
    /// The last question is answered.
    pub complete: bool,
    /// Ctrl-C was pressed.
    pub interrupted: bool,
}

const ESC: u8 = 0x1b;
const CTRL_C: u8 = 0x03;

/// Reads answers out of everything that a terminal sent; what is none, or has no end, is passed over.
pub fn parse(bytes: &[u8]) -> Answers {
    let mut answers = Answers::default();
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match (byte, after.split_first()) {
            (ESC, Some((b'[', body))) => answers.take_control(body),
            (ESC, Some((&introducer @ (b'_' | b'P' | b']' | b'^' | b'X'), body))) => {
                answers.take_string(introducer, body)
            }
            (CTRL_C, _) => {
                answers.interrupted = true;
                after
            }
            _ => after,
        };
    }
    answers
}

impl Answers {
    /// Takes a control sequence whose introducer was read; returns what follows it.
    fn take_control<'a>(&mut self, body: &'a [u8]) -> &'a [u8] {
        let end = body.iter().position(|byte| !(0x20..=0x3f).contains(byte)).unwrap_or(body.len());
        let (parameters, rest) = body.split_at(end);
        let Some((&last @ 0x40..=0x7e, rest)) = rest.split_first() else { return rest };
        let parameters = std::str::from_utf8(parameters).unwrap_or_default();
        match (last, parameters.strip_prefix('?')) {
            (b'c', Some(attributes)) => {
                self.complete = true;
                // The first number is the terminal's class.
                self.sixel = attributes.split(';').skip(1).any(|attribute| attribute == "4");
            }
            (b't', None) => match parameters.split_once(';') {
                Some(("6", size)) => self.cell = height_and_width(size).or(self.cell),
                Some(("4", size)) => self.area = height_and_width(size).or(self.area),
                _ => {}
            },
            _ => {}
        }
        rest
    }

    /// Takes a string whose introducer was read; returns what follows it.
    fn take_string<'a>(&mut self, introducer: u8, body: &'a [u8]) -> &'a [u8] {
        let ends_here = |&byte: &u8| byte == ESC || (byte == 0x07 && introducer == b']');
        let end = body.iter().position(ends_here).unwrap_or(body.len());
        let (text, rest) = body.split_at(end);
        let Some(rest) = rest.strip_prefix(b"\x1b\\").or_else(|| rest.strip_prefix(b"\x07")) else {
            return rest;
        };
        match introducer {
            b'_' => self.kitty |= text == b"Gi=31;OK",
            b'P' => {
                let name = text.strip_prefix(b">|").map(|name| String::from_utf8_lossy(name).into_owned());
                self.name.extend(name);
            }
            b']' => self.background = text.strip_prefix(b"11;").and_then(color).or(self.background),
            _ => {}
        }
        rest
    }
}

/// `rgb:RR/GG/BB`, with one to four digits each, or the same with `rgba:` and how opaque it is (X11's XParseColor, as OSC 11 answers).
fn color(text: &[u8]) -> Option<[f64; 3]> {
    let text = std::str::from_utf8(text).ok()?;
    let parts = text.strip_prefix("rgb:").or_else(|| text.strip_prefix("rgba:"))?;
    let part = |digits: &str| {
        let most =
            16_u32.checked_pow(u32::try_from(digits.len()).ok().filter(|count| (1..=4).contains(count))?)?;
        let value =
            u32::from_str_radix(digits, 16).ok().filter(|_| digits.bytes().all(|d| d.is_ascii_hexdigit()))?;
        Some(f64::from(value) / f64::from(most - 1))
    };
    let parts: Vec<f64> = parts.split('/').map(part).collect::<Option<_>>()?;
    parts.get(..3)?.try_into().ok()
}

/// `HEIGHT;WIDTH` as width and height, if neither is zero.
fn height_and_width(text: &str) -> Option<(u16, u16)> {
    let (height, width) = text.split_once(';')?;
    let size = (width.parse().ok()?, height.parse().ok()?);
    (size.0 > 0 && size.1 > 0).then_some(size)
}

/// Answers that come after the time for them. To who reads keys, a string looks like Alt-_ or Alt-P, its text, and
/// Alt-\; control sequences are passed over there.
#[derive(Debug)]
pub struct LateAnswers {
    awaited: bool,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    /// Behind what opens an answer, which goes on with this letter.
    Opened(char),
    /// In its text, so many letters long.
    Inside(usize),
}

/// No answer is longer.
const LONGEST: usize = 200;

impl LateAnswers {
    /// Whether any are to be expected.
    pub fn new(awaited: bool) -> Self {
        Self { awaited, place: Place::Outside }
    }

    /// Whether a key is a part of one, and was not pressed.
    pub fn has_part(&mut self, key: &KeyEvent) -> bool {
        if !self.awaited {
            return false;
        }
        let letter = match key.code {
            KeyCode::Char(letter) => letter,
            _ => {
                self.place = Place::Outside;
                return false;
            }
        };
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        // Some terminals end the colour of their background with a bell.
        if self.place != Place::Outside && letter == 'g' && key.modifiers.contains(KeyModifiers::CONTROL) {
            self.place = Place::Outside;
            return true;
        }
        let (place, is_part) = match (self.place, alt, letter) {
            (_, true, '_') => (Place::Opened('G'), true),
            (_, true, 'P') => (Place::Opened('>'), true),
            (_, true, ']') => (Place::Opened('1'), true),
            (Place::Opened(next), false, letter) if letter == next => (Place::Inside(1), true),
            (Place::Inside(_), true, '\\') => (Place::Outside, true),
            (Place::Inside(length), false, _) if length < LONGEST => (Place::Inside(length + 1), true),
            _ => (Place::Outside, false),
        };
        self.place = place;
        is_part
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: &[u8] =
        b"\x1b]11;rgb:ffff/8000/0000\x1b\\\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[4;480;800t\x1bP>|kitty(0.36.4)\x1b\\\x1b[?62;4;52c";

    fn all() -> Answers {
        Answers {
            kitty: true,
            sixel: true,
            cell: Some((10, 20)),
            area: Some((800, 480)),
            name: vec!["kitty(0.36.4)".into()],
            background: Some([1.0, 32_768.0 / 65_535.0, 0.0]),
            complete: true,
            interrupted: false,
        }
    }

    #[test]
    fn every_answer_is_understood() {
        assert_eq!(parse(ALL), all());
    }

    #[test]
    fn refusals_and_nonsense_are_none() {
        let answers = parse(b"\x1b_Gi=31;EINVAL:no\x1b\\\x1b[6;0;0t\x1b[4;70000;9t\x1b[4;5t\x1b[?4c");
        assert_eq!(answers, Answers { complete: true, ..Answers::default() });
        assert_eq!(parse(b"\x1b[>1;4000;20c\x1b[24;80R\x1b[c\x1b_Gi=31;OK\x1b"), Answers::default());
        assert!(parse(b"\x1b_Gi=31;OK\x1b[?62c").complete, "a string without an end hides nothing");
    }

    #[test]
    fn keys_pressed_meanwhile_do_no_harm() {
        let answers = parse(b"qq\x1b[A\x1b_Gi=31;OK\x1b\\x\x03\x1bOP\x1b]11;rgb:0/0/0\x07\x1b[?64;4c");
        assert!(answers.kitty && answers.sixel && answers.complete && answers.interrupted);
        assert!(!parse(b"\x1bPa\x03\x1b\\").interrupted, "inside a string");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            parse(&bytes);
        }

        /// Bytes that matter to the reader, in any order.
        #[test]
        fn any_pieces_are_read(pieces in proptest::collection::vec(
            proptest::sample::select(vec!["\x1b", "[", "_", "P", "\\", "?", "6;", "4", "t", "c", "G", ">|", "\x07"]), 0..40,
        )) {
            parse(pieces.concat().as_bytes());
        }

        /// Complete answers are found between any text that a keyboard sends, and one cut off is not taken for more.
        #[test]
        fn answers_are_found_in_between(before in "[a-zA-Z0-9 ]{0,20}", after in "[a-zA-Z0-9 ]{0,20}", cut in 0..ALL.len()) {
            let noisy = [before.as_bytes(), ALL, after.as_bytes()].concat();
            prop_assert_eq!(parse(&noisy), all());
            let part = parse(&ALL[..cut]);
            prop_assert!(!part.complete);
            let continued = parse(&[&ALL[..cut], &ALL[cut..]].concat());
            prop_assert_eq!(continued, all());
        }
    }

    /// Keys as crossterm makes them of bytes that are no key's.
    fn keys(text: &str) -> Vec<KeyEvent> {
        let mut keys = Vec::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            let (letter, modifiers) = match letter {
                '\x1b' => (letters.next().unwrap(), KeyModifiers::ALT),
                letter => (letter, KeyModifiers::NONE),
            };
            keys.push(KeyEvent::new(KeyCode::Char(letter), modifiers));
        }
        keys
    }

    fn pressed(late: &mut LateAnswers, text: &str) -> usize {
        keys(text).iter().filter(|key| !late.has_part(key)).count()
    }

    #[test]
    fn backgrounds_are_told_in_several_ways() {
        let told = |text: &str| parse(format!("\x1b]11;{text}\x1b\\").as_bytes()).background;
        assert_eq!(told("rgb:ffff/0000/8080"), Some([1.0, 0.0, 32_896.0 / 65_535.0]));
        assert_eq!(told("rgb:f/0/f"), Some([1.0, 0.0, 1.0]));
        assert_eq!(told("rgba:ff/ff/ff/00"), Some([1.0; 3]));
        assert_eq!(parse(b"\x1b]11;rgb:00/00/00\x07").background, Some([0.0; 3]));
        for nonsense in
            ["", "rgb:", "rgb:ff/ff", "rgb:fffff/0/0", "rgb:-1/0/0", "rgb:+f/0/0", "white", "rgb:é/0/0"]
        {
            assert_eq!(told(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn late_answers_are_no_keys() {
        let mut late = LateAnswers::new(true);
        assert_eq!(pressed(&mut late, "\x1b_Gi=31;OK\x1b\\"), 0);
        assert_eq!(pressed(&mut late, "q"), 1);
        assert_eq!(pressed(&mut late, "\x1bP>|quick terminal 1q\x1b\\j\x1b_Gi=31;OK\x1b\\k"), 2);
        assert_eq!(pressed(&mut late, "\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\q"), 1);
        let bell = KeyEvent::new(KeyCode::Char('g'), KeyModifiers::CONTROL);
        assert_eq!(pressed(&mut late, "\x1b]11;rgb:1e1e/1e1e/1e1e"), 0);
        assert!(late.has_part(&bell) && !late.has_part(&bell));
        assert_eq!(pressed(&mut LateAnswers::new(false), "\x1b_Gq"), 3);
    }

    #[test]
    fn the_keyboard_comes_back() {
        let mut late = LateAnswers::new(true);
        assert_eq!(pressed(&mut late, "\x1b_q"), 1, "not an answer's second letter");
        pressed(&mut late, "\x1b_G");
        let enter = KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE);
        assert!(!late.has_part(&enter));
        assert_eq!(pressed(&mut late, "q"), 1);
        pressed(&mut late, "\x1b_G");
        assert_eq!(pressed(&mut late, &"q".repeat(LONGEST + 5)), 6);
    }
}
