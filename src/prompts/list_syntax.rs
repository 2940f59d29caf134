//! Templates as programs keep them: lists of Python, with texts or with lambdas that make texts, and lines that have kept
//! the quotation marks, bullets or numbers of a list.

use std::iter::Peekable;
use std::str::Chars;

use crate::text::text_file::numbered_lines;

/// A text with its line, from 1.
pub(super) type Numbered = (usize, String);

/// What a file of templates was read as.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub texts: Vec<Numbered>,
    /// How that came about, where it is not a template a line.
    pub notes: Vec<String>,
}

/// A line that could be meant in several ways, or in none; `what` is wrong and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unclear {
    pub line: usize,
    pub what: String,
}

/// Reads the lists of a Python file, or the lines of a text.
pub(super) fn listed(text: &str, is_python: bool) -> Result<Listed, Unclear> {
    if is_python || begins_list(text) {
        let texts = PythonList::read(text)?;
        let note =
            "it was read as a list of Python, without its quotation marks, brackets and commas".to_owned();
        return Ok(Listed { texts, notes: vec![note] });
    }
    of_lines(text)
}

/// Whether the first thing in a text is a list of texts, with or without a name before it.
fn begins_list(text: &str) -> bool {
    let code = numbered_lines(text).map(|(_, line)| line.trim()).filter(|line| !is_comment(line));
    let code: String = code.collect::<Vec<_>>().join(" ");
    let code = code.trim_start();
    let list = match code.split_once('=') {
        Some((name, list)) if !name.trim().is_empty() && name.trim().chars().all(in_name) => {
            list.trim_start()
        }
        _ => code,
    };
    let Some(inner) = list.strip_prefix(['[', '(']) else { return list.starts_with("lambda ") };
    let inner = inner.trim_start();
    let unprefixed = inner.trim_start_matches(['f', 'r', 'u', 'b']);
    unprefixed.starts_with(['"', '\'']) || inner.starts_with("lambda ")
}

fn in_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_comment(line: &str) -> bool {
    line.strip_prefix('#').is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '#', '!']))
        || line.starts_with("//")
}

/// Quotation marks that open, each with the one that closes.
pub(super) const QUOTES: [(char, char); 6] =
    [('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’'), ('`', '`'), ('«', '»')];

/// What a line has around its template, and what is left without it.
fn unwrapped(line: &str) -> Option<(&'static str, &str)> {
    let line = line.trim();
    let bare = line.strip_suffix([',', ';']).unwrap_or(line).trim_end();
    let quoted = QUOTES.iter().find_map(|&(open, close)| bare.strip_prefix(open)?.strip_suffix(close));
    if let Some(inner) = quoted {
        return Some(("quotation marks", inner));
    }
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    let item = match digits {
        0 => line.strip_prefix(['-', '*', '•']),
        1..=3 => line[digits..].strip_prefix(['.', ')']),
        _ => None,
    };
    let item = item.filter(|item| item.starts_with(char::is_whitespace))?;
    Some((if digits > 0 { "numbers" } else { "bullets" }, item.trim_start()))
}

/// A template a line. What every line has around its template goes, and comments go; what only some have is unclear.
fn of_lines(text: &str) -> Result<Listed, Unclear> {
    let mut notes = Vec::new();
    let written: Vec<(usize, &str)> =
        numbered_lines(text).filter(|(_, line)| !line.trim().is_empty()).collect();
    let lines: Vec<(usize, &str)> =
        written.iter().copied().filter(|(_, line)| !is_comment(line.trim())).collect();
    match written.len() - lines.len() {
        0 => {}
        1 => notes.push("a line that begins with # or // was taken as a comment".to_owned()),
        comments => notes.push(format!("{comments} lines that begin with # or // were taken as comments")),
    }
    let around: Vec<Option<(&str, &str)>> = lines.iter().map(|(_, line)| unwrapped(line)).collect();
    let wrapping = around.first().copied().flatten().map(|(wrapping, _)| wrapping);
    let is_other = |found: &Option<(&str, &str)>| found.map(|(wrapping, _)| wrapping) != wrapping;
    if let Some(other) = around.iter().position(is_other) {
        let (line, wrapping) = match around[other] {
            Some((wrapping, _)) => (lines[other].0, wrapping),
            None => (lines[0].0, wrapping.unwrap_or_default()),
        };
        let what = format!(
            "it has {wrapping} around its template and other lines have not; take them away, or write the templates as a \
             JSON list of texts where they belong to the prompts"
        );
        return Err(Unclear { line, what });
    }
    let mut texts = Vec::with_capacity(lines.len());
    for ((line, whole), around) in lines.into_iter().zip(around) {
        let text = around.map_or(whole, |(_, inner)| inner);
        let unclear = |what: &str| Err(Unclear { line, what: what.to_owned() });
        if around.is_some_and(|(wrapping, inner)| wrapping == "quotation marks" && is_broken(whole, inner)) {
            return unclear(
                "a quotation mark inside of its quotation marks; write the templates as a JSON list of texts",
            );
        }
        let trimmed = text.trim();
        if trimmed.strip_prefix('#').is_some_and(|rest| rest.starts_with(char::is_alphanumeric)) {
            return unclear(
                "it begins with #: a comment has a blank after it; a template with it can stand in a JSON list of texts",
            );
        }
        if trimmed.contains(" # ") || trimmed.contains(" // ") {
            return unclear(
                "a comment after a template would be in every prompt; write it on a line of its own",
            );
        }
        if trimmed.ends_with([',', ';']) || trimmed.starts_with("lambda ") {
            return unclear("it looks like a part of a list; write the template alone");
        }
        texts.push((line, text.to_owned()));
    }
    if let Some(wrapping) = wrapping {
        notes.push(format!("every line has {wrapping} around its template, which are left out"));
    }
    Ok(Listed { texts, notes })
}

/// Whether a quoted text has its closing mark, or an escape, in it.
fn is_broken(whole: &str, inner: &str) -> bool {
    let open = whole.trim().chars().next();
    let marks = QUOTES.iter().find(|(mark, _)| Some(*mark) == open);
    let is_straight = marks.is_some_and(|(open, close)| open == close);
    inner.contains('\\') || (is_straight && marks.is_some_and(|(_, close)| inner.contains(*close)))
}

/// Reads one list of texts or of lambdas that make texts; everything else of Python is refused.
struct PythonList<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
}

impl PythonList<'_> {
    fn read(text: &str) -> Result<Vec<Numbered>, Unclear> {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut reader = PythonList { rest: text.chars().peekable(), line: 1 };
        let mut found: Option<Vec<Numbered>> = None;
        loop {
            reader.skip();
            let Some(&next) = reader.rest.peek() else {
                let line = reader.line;
                return found
                    .ok_or_else(|| unclear(line, "no list of texts is in it; write a template a line"));
            };
            if in_name(next) {
                let name = reader.name();
                if matches!(name.as_str(), "import" | "from") {
                    reader.skip_line();
                    continue;
                }
                reader.skip();
                if reader.rest.next_if_eq(&'=').is_none() {
                    return Err(
                        reader.unclear("only lists of texts are read of Python; write a template a line")
                    );
                }
                reader.skip();
            }
            let close = match reader.rest.next() {
                Some('[') => ']',
                Some('(') => ')',
                _ => {
                    return Err(
                        reader.unclear("only lists of texts are read of Python; write a template a line")
                    );
                }
            };
            if found.is_some() {
                return Err(reader.unclear("a second list begins here; keep the templates' list alone"));
            }
            found = Some(reader.items(close)?);
        }
    }

    fn items(&mut self, close: char) -> Result<Vec<Numbered>, Unclear> {
        let mut items = Vec::new();
        loop {
            self.skip();
            if self.rest.next_if_eq(&close).is_some() {
                return Ok(items);
            }
            if self.rest.peek().is_none() {
                return Err(self.unclear("the list has no end; close it with a bracket"));
            }
            let line = self.line;
            items.push((line, self.item()?));
            self.skip();
            if self.rest.next_if_eq(&',').is_none() && self.rest.peek() != Some(&close) {
                return Err(match self.rest.peek() {
                    None => continue,
                    Some('"' | '\'') => self.unclear(
                        "a comma is missing before this text: Python would join it to the one before",
                    ),
                    Some(_) => self.unclear("only texts, and lambdas that make them, are read of a list"),
                });
            }
        }
    }

    /// A text, or a lambda that makes one, as a template with `{}` where the lambda's argument goes.
    fn item(&mut self) -> Result<String, Unclear> {
        let mut prefix =
            if self.rest.peek().copied().is_some_and(in_name) { self.name() } else { String::new() };
        let mut argument = None;
        if prefix == "lambda" {
            self.skip();
            let name = self.name();
            self.skip();
            if name.is_empty() || self.rest.next_if_eq(&':').is_none() {
                return Err(self.unclear("a lambda with one argument is needed, as in lambda c: f\"a {c}.\""));
            }
            argument = Some(name);
            self.skip();
            prefix = if self.rest.peek().copied().is_some_and(in_name) { self.name() } else { String::new() };
        }
        let (is_raw, is_format) = match prefix.to_lowercase().as_str() {
            "" | "u" => (false, false),
            "r" => (true, false),
            "f" => (false, true),
            "fr" | "rf" => (true, true),
            _ => return Err(self.unclear("only texts, and lambdas that make them, are read of a list")),
        };
        let text = self.text(is_raw)?;
        if is_format {
            let Some(argument) = argument else {
                return Err(self.unclear(
                    "an f\"…\" outside of a lambda was filled in already; write {} for the class name",
                ));
            };
            return Ok(text.replace(&format!("{{{argument}}}"), "{}"));
        }
        let Some(argument) = argument else { return Ok(text) };
        self.skip();
        let tail = match self.rest.peek() {
            Some('.') => format!(".format({argument})"),
            Some('%') => format!("%{argument}"),
            _ => return Ok(text),
        };
        for expected in tail.chars() {
            self.skip();
            if self.rest.next_if_eq(&expected).is_none() {
                return Err(
                    self.unclear("of lambdas, only those that put their argument into one text are read")
                );
            }
        }
        Ok(text)
    }

    fn text(&mut self, is_raw: bool) -> Result<String, Unclear> {
        let Some(quote) = self.rest.next_if(|c| matches!(c, '"' | '\'')) else {
            return Err(self.unclear("a text in quotation marks should be here"));
        };
        let mut text = String::new();
        loop {
            match self.rest.next() {
                None | Some('\n') => return Err(self.unclear("a text without its closing quotation mark")),
                Some(c) if c == quote => break,
                Some('\\') if !is_raw => match self.rest.next() {
                    Some(c @ ('\\' | '"' | '\'')) => text.push(c),
                    Some('t') => text.push('\t'),
                    _ => {
                        return Err(self
                            .unclear("an escape other than \\\\, \\\" and \\'; write the character itself"));
                    }
                },
                Some(c) => text.push(c),
            }
        }
        if text.is_empty() && self.rest.peek() == Some(&quote) {
            return Err(
                self.unclear("a text in three quotation marks; write each template in one pair of them")
            );
        }
        Ok(text)
    }

    fn name(&mut self) -> String {
        std::iter::from_fn(|| self.rest.next_if(|c| in_name(*c))).collect()
    }

    /// Passes over blanks and comments.
    fn skip(&mut self) {
        while let Some(&c) = self.rest.peek() {
            match c {
                '#' => self.skip_line(),
                c if c.is_whitespace() => {
                    self.line += usize::from(c == '\n');
                    self.rest.next();
                }
                _ => break,
            }
        }
    }

    fn skip_line(&mut self) {
        while self.rest.next_if(|c| *c != '\n').is_some() {}
    }

    fn unclear(&self, what: &str) -> Unclear {
        unclear(self.line, what)
    }
}

fn unclear(line: usize, what: &str) -> Unclear {
    Unclear { line, what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(text: &str) -> Vec<String> {
        listed(text, false).unwrap().texts.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn lists_of_python_are_their_texts() {
        for text in [
            "[\"a {}.\", \"the {}.\"]\n",
            "['a {}.', 'the {}.',]",
            "templates = [\n    'a {}.',  # the first\n    'the {}.',\n]\n",
            "# CLIP's\nimport clip\nx = (\n  'a {}.',\r\n 'the {}.')",
            "t = [\n lambda c: f'a {c}.',\n lambda c: f\"the {c}.\",\n]",
            "[lambda name : 'a {}.'.format( name ), lambda name: 'the {}.']",
            "'a {}.',\n'the {}.',\n",
            "\"a {}.\"\n\"the {}.\"\n",
            "“a {}.”\n“the {}.”",
            "- a {}.\n- the {}.",
            "1. a {}.\n2. the {}.",
            "# comment\na {}.\n#\n// another\nthe {}.\n",
            "a {}.\rthe {}.\r",
        ] {
            let is_python = text.starts_with("# CLIP");
            let found = listed(text, is_python).unwrap();
            let read: Vec<&str> = found.texts.iter().map(|(_, text)| text.as_str()).collect();
            assert_eq!(read, ["a {}.", "the {}."], "{text}");
            assert_eq!(found.notes.is_empty(), text.starts_with("a {}"), "{text}: {:?}", found.notes);
        }
        assert_eq!(texts("[lambda c: 'a %s.' % c, lambda c: f'{{}} {c}']"), ["a %s.", "{{}} {}"]);
        assert_eq!(texts("['it\\'s a {}', r'\\d {}']"), ["it's a {}", "\\d {}"]);
    }

    #[test]
    fn ordinary_lines_stay_as_they_are() {
        for text in [
            "a photo of \"{}\".",
            "\"{}\" on a sign",
            "{} = [1, 2]",
            "[V] {}",
            "{}",
            "[CLASS]",
            "#{}",
            "a {}'s 'paw'",
            "-{}",
            "3 {}",
            "a {}; b",
        ] {
            assert_eq!(
                listed(text, false).unwrap(),
                Listed { texts: vec![(1, text.to_owned())], notes: vec![] }
            );
        }
    }

    #[test]
    fn unclear_lines_are_named() {
        for (text, line, part) in [
            ("a {}.\n'the {}.'\n", 2, "quotation marks"),
            ("'a {}.'\nthe {}.\n", 1, "quotation marks"),
            ("a {}.\n- the {}.", 2, "bullets"),
            ("['a {}.'\n 'the {}.']", 2, "a comma is missing"),
            ("['a {}.',\n 3]", 2, "only texts"),
            ("['a {}.',\n", 2, "no end"),
            ("['a {}.]", 1, "closing quotation mark"),
            ("['a {}.']\nclasses = ['cat']", 2, "a second list"),
            ("x = [f'a {c}.']", 1, "f\"…\""),
            ("['''a {}.''']", 1, "three"),
            ("[lambda c, d: f'{c}']", 1, "one argument"),
            ("[lambda c: f'{c}'.upper()]", 1, "only"),
            ("'a cat's {}.'\n", 1, "inside"),
            ("#a {}.\n", 1, "begins with #"),
            ("a {}.  # good\n", 1, "a comment after"),
            ("a {}.,\n", 1, "part of a list"),
        ] {
            let error = listed(text, false).unwrap_err();
            assert_eq!(error.line, line, "{text}: {error:?}");
            assert!(error.what.contains(part), "{text}: {error:?}");
        }
        assert!(listed("def f(): pass", true).is_err());
        assert!(listed("", true).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-c'\"{}\\[\\](),=#\n lmbd:\\\\-]{0,40}", is_python: bool) {
            if let Ok(found) = listed(&text, is_python) {
                prop_assert!(found.texts.iter().all(|(line, _)| *line >= 1));
            }
        }

        #[test]
        fn a_list_of_any_texts_comes_back(expected in prop::collection::vec("[a-zé {}.,#\\[\\]]{1,12}", 1..5)) {
            let quoted: Vec<String> = expected.iter().map(|text| format!("'{text}'")).collect();
            prop_assert_eq!(texts(&format!("[{}]", quoted.join(",\n"))), expected);
        }
    }
}
