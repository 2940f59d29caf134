//! CLIP's tokenizer from its parts, where there is no `tokenizer.json` or it is not what the reference reads: `vocab.json` and
//! `merges.txt` as transformers writes them, or `bpe_simple_vocab_16e6.txt.gz` as OpenAI and open_clip have it.
//!
//! The pieces around the merges (Unicode's composed form, blanks, lower case, the words' pattern, bytes as letters) are
//! those of transformers' `CLIPTokenizer`, or of the tokenizers of open_clip and OpenAI, which clean texts before.

use std::collections::HashMap;
use std::io::Read;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::clip::error::ClipError;
use crate::clip::files::CheckpointFile;

pub(in crate::clip) const START_OF_TEXT: &str = "<|startoftext|>";
pub(in crate::clip) const END_OF_TEXT: &str = "<|endoftext|>";

/// Whose manner of cutting texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::clip) enum Manner {
    /// transformers' `CLIPTokenizer`.
    Transformers,
    /// open_clip's `SimpleTokenizer`, which calls start and end otherwise.
    OpenClip,
    /// The same of OpenAI.
    OpenAi,
}

impl Manner {
    /// What stands for the start and the end token in texts.
    pub(in crate::clip) fn special(self) -> [&'static str; 2] {
        match self {
            Self::Transformers | Self::OpenAi => [START_OF_TEXT, END_OF_TEXT],
            Self::OpenClip => ["<start_of_text>", "<end_of_text>"],
        }
    }
}

const END_OF_WORD: &str = "</w>";
/// The merges of the published file that count; the rest of it was never used (OpenAI's `simple_tokenizer.py`).
const PUBLISHED_MERGES: usize = 49152 - 256 - 2;
/// The published file unpacked has 3 MB.
const LARGEST: u64 = 64 << 20;

/// What `tokenizer.json` would hold, from `vocab.json` and `merges.txt`, for this manner.
///
/// # Errors
/// Malformed JSON, or a vocabulary without the tokens that stand for start and end.
pub(in crate::clip) fn from_parts(
    vocabulary: &CheckpointFile,
    merges: &CheckpointFile,
    manner: Manner,
) -> Result<Vec<u8>, ClipError> {
    let ids: HashMap<String, u32> = serde_json::from_slice(&vocabulary.read()?)
        .map_err(|error| ClipError::Json { file: vocabulary.label(), problem: error.to_string() })?;
    let merges = String::from_utf8_lossy(&merges.read()?).into_owned();
    let merges: Vec<&str> =
        merges.lines().filter(|line| !line.starts_with("#version") && !line.trim().is_empty()).collect();
    tokenizer(vocabulary, ids, &merges, manner)
}

/// Likewise from another `tokenizer.json`: its vocabulary and merges without its own rules.
///
/// # Errors
/// Malformed JSON, or another kind of vocabulary.
pub(in crate::clip) fn from_whole(file: &CheckpointFile, manner: Manner) -> Result<Vec<u8>, ClipError> {
    #[derive(Deserialize)]
    struct Whole {
        #[serde(default)]
        added_tokens: Vec<Added>,
        model: Model,
    }
    #[derive(Deserialize)]
    struct Added {
        id: u32,
        content: String,
    }
    #[derive(Deserialize)]
    struct Model {
        vocab: HashMap<String, u32>,
        merges: Vec<Merge>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Merge {
        Line(String),
        Pair(String, String),
    }
    let Whole { added_tokens, model } =
        serde_json::from_slice(&file.read()?).map_err(|error| ClipError::Tokenizer {
            file: file.label(),
            problem: format!(
                "it is no tokenizer of CLIP's ({error}); fetch the checkpoint's own tokenizer.json"
            ),
        })?;
    let mut ids = model.vocab;
    ids.extend(added_tokens.into_iter().map(|added| (added.content, added.id)));
    let merges: Vec<String> = model
        .merges
        .into_iter()
        .map(|merge| match merge {
            Merge::Line(line) => line,
            Merge::Pair(left, right) => format!("{left} {right}"),
        })
        .collect();
    tokenizer(file, ids, &merges.iter().map(String::as_str).collect::<Vec<_>>(), manner)
}

/// Likewise from `bpe_simple_vocab_16e6.txt.gz`, whose tokens are numbered in order: bytes, bytes at a word's end, merges,
/// start and end.
///
/// # Errors
/// A file that cannot be unpacked or has too few merges.
pub(in crate::clip) fn from_published(file: &CheckpointFile, manner: Manner) -> Result<Vec<u8>, ClipError> {
    let bad = |problem: String| ClipError::Tokenizer { file: file.label(), problem };
    let mut text = String::new();
    flate2::read::GzDecoder::new(file.open()?)
        .take(LARGEST)
        .read_to_string(&mut text)
        .map_err(|error| bad(format!("it cannot be unpacked ({error}); fetch the file again")))?;
    let merges: Vec<&str> = text.lines().skip(1).take(PUBLISHED_MERGES).collect();
    if merges.len() < PUBLISHED_MERGES {
        return Err(bad(format!(
            "it has {} merges, not {PUBLISHED_MERGES}; fetch the file again",
            merges.len()
        )));
    }
    let letters = letters();
    let at_end = letters.iter().map(|letter| format!("{letter}{END_OF_WORD}"));
    let tokens = letters
        .iter()
        .map(char::to_string)
        .chain(at_end)
        .chain(merges.iter().map(|merge| merge.replace(' ', "")))
        .chain([START_OF_TEXT.to_owned(), END_OF_TEXT.to_owned()]);
    tokenizer(file, tokens.zip(0..).collect(), &merges, manner)
}

fn tokenizer(
    vocabulary: &CheckpointFile,
    mut ids: HashMap<String, u32>,
    merges: &[&str],
    manner: Manner,
) -> Result<Vec<u8>, ClipError> {
    let special = manner.special();
    for (wanted, names) in
        special.iter().zip([[START_OF_TEXT, "<start_of_text>"], [END_OF_TEXT, "<end_of_text>"]])
    {
        let Some(id) = names.iter().find_map(|name| ids.remove(*name)) else {
            return Err(ClipError::Tokenizer {
                file: vocabulary.label(),
                problem: format!(
                    "it has no token {}, so it is not CLIP's; fetch the checkpoint's own {}",
                    names[0], vocabulary.name
                ),
            });
        };
        ids.insert((*wanted).to_owned(), id);
    }
    let added = special.map(|token| {
        json!({
            "id": ids.get(token), "content": token, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })
    });
    const PATTERN: &str = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
    // Texts of the others are cleaned before, and may be meant to have upper case.
    let is_transformers = manner == Manner::Transformers;
    let (pattern, normalizer) = if is_transformers {
        let normalizer = json!({"type": "Sequence", "normalizers": [
            {"type": "NFC"},
            {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
            {"type": "Lowercase"},
        ]});
        (format!(r"<\|startoftext\|>|<\|endoftext\|>|{PATTERN}"), normalizer)
    } else {
        (format!("(?i){PATTERN}"), Value::Null)
    };
    let whole: Value = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Removed", "invert": true},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": is_transformers},
        ]},
        "post_processor": null,
        "decoder": null,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": special[1], "continuing_subword_prefix": "",
            "end_of_word_suffix": END_OF_WORD, "fuse_unk": false, "byte_fallback": false,
            "vocab": ids, "merges": merges,
        },
    });
    Ok(whole.to_string().into_bytes())
}

/// The letter that stands for each byte, in the order of their ids: first the bytes that are visible letters of Latin-1
/// themselves, then the others as letters from U+0100 on.
fn letters() -> Vec<char> {
    let visible: Vec<char> = ('!'..='~').chain('¡'..='¬').chain('®'..='ÿ').collect();
    let others = 256 - visible.len() as u32;
    visible.into_iter().chain((0x100..0x100 + others).filter_map(char::from_u32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::files::FileContent;

    fn file(name: &str, bytes: &'static [u8]) -> CheckpointFile {
        CheckpointFile { name: name.to_owned(), content: FileContent::Bytes(bytes) }
    }

    #[test]
    fn every_byte_has_a_letter() {
        let letters = letters();
        let distinct: std::collections::HashSet<char> = letters.iter().copied().collect();
        assert_eq!((letters.len(), distinct.len()), (256, 256));
        assert_eq!((letters[0], letters[93], letters[94], letters[188]), ('!', '~', '¡', 'Ā'));
    }

    #[test]
    fn parts_that_are_not_clips_are_named() {
        let message = |vocabulary: &'static [u8]| {
            from_parts(
                &file("vocab.json", vocabulary),
                &file("merges.txt", b"#version: 0.2\na b\n"),
                Manner::Transformers,
            )
            .unwrap_err()
            .to_string()
        };
        assert!(message(b"{\"a\": 0}").contains("vocab.json: it has no token <|startoftext|>"));
        assert!(message(b"{\n\"a\": -1}").contains("line 2"));
    }

    #[test]
    fn a_published_file_that_is_damaged_is_named() {
        let message = |bytes| from_published(&file("bpe.gz", bytes), Manner::OpenAi).unwrap_err().to_string();
        assert!(message(b"no gzip").contains("bpe.gz: it cannot be unpacked"));
        // An empty text, packed.
        const EMPTY: &[u8] = &[31, 139, 8, 0, 0, 0, 0, 0, 0, 255, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(message(EMPTY).contains("0 merges"));
    }
}
