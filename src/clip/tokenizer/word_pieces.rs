//! A BERT's tokenizer: from its vocabulary alone, where there is no `tokenizer.json`, and what is declared of letters.

use serde_json::{Map, Value, json};
use tokenizers::{NormalizerWrapper, Tokenizer};

use super::declaration::TokenizerDeclaration;
use crate::clip::error::ClipError;
use crate::clip::files::CheckpointFile;

/// What `tokenizer.json` would hold, from `vocab.txt`, as transformers' `BertTokenizer` makes it.
///
/// # Errors
/// A vocabulary without the tokens that stand around a prompt.
pub(super) fn from_lines(file: &CheckpointFile) -> Result<Vec<u8>, ClipError> {
    let text = String::from_utf8_lossy(&file.read()?).into_owned();
    let ids: Map<String, Value> =
        text.lines().enumerate().map(|(id, token)| (token.trim_end().to_owned(), json!(id))).collect();
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
    let id = |token: &str| {
        ids.get(token).cloned().ok_or_else(|| ClipError::Tokenizer {
            file: file.label(),
            problem: format!(
                "it has no token {token}, so it is no BERT's; fetch the checkpoint's own vocab.txt"
            ),
        })
    };
    let mut added = Vec::new();
    for token in special {
        added.push(json!({
            "id": id(token)?, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        }));
    }
    let one = |token: &str| json!({"SpecialToken": {"id": token, "type_id": 0}});
    let text = json!({"Sequence": {"id": "A", "type_id": 0}});
    let whole = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
            "lowercase": true,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [one("[CLS]"), text, one("[SEP]")],
            "pair": [one("[CLS]"), text, one("[SEP]")],
            "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [id("[CLS]")?], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [id("[SEP]")?], "tokens": ["[SEP]"]},
            },
        },
        "decoder": null,
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": ids,
        },
    });
    Ok(whole.to_string().into_bytes())
}

/// What is declared of letters counts before what `tokenizer.json` has, as in transformers.
///
/// # Errors
/// What the tokenizer says.
pub(super) fn follow(tokenizer: &mut Tokenizer, declared: &TokenizerDeclaration) -> tokenizers::Result<()> {
    let Some(NormalizerWrapper::BertNormalizer(normalizer)) = tokenizer.get_normalizer() else {
        return Ok(());
    };
    let mut normalizer = *normalizer;
    normalizer.lowercase = declared.lower_case.unwrap_or(normalizer.lowercase);
    normalizer.strip_accents = declared.strip_accents.or(normalizer.strip_accents);
    normalizer.handle_chinese_chars = declared.chinese_letters.unwrap_or(normalizer.handle_chinese_chars);
    tokenizer.with_normalizer(Some(normalizer)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::files::FileContent;

    fn tokens(vocabulary: &'static str, declared: &TokenizerDeclaration, text: &str) -> Vec<u32> {
        let content = FileContent::Bytes(vocabulary.as_bytes());
        let bytes = from_lines(&CheckpointFile { name: "vocab.txt".to_owned(), content }).unwrap();
        let mut tokenizer = Tokenizer::from_bytes(bytes).unwrap();
        follow(&mut tokenizer, declared).unwrap();
        tokenizer.encode_fast(text, true).unwrap().get_ids().to_vec()
    }

    #[test]
    fn a_vocabulary_alone_is_a_tokenizer() {
        let vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nfro\n##g\n猫\nA";
        let plain = TokenizerDeclaration::default();
        assert_eq!(tokens(vocabulary, &plain, "A frog 猫猫 é"), [2, 5, 6, 7, 8, 8, 1, 3]);
        let cased = TokenizerDeclaration { lower_case: Some(false), ..plain };
        assert_eq!(tokens(vocabulary, &cased, "A frog"), [2, 9, 6, 7, 3]);
        let content = FileContent::Bytes(b"a\nb");
        let error = from_lines(&CheckpointFile { name: "vocab.txt".to_owned(), content }).unwrap_err();
        assert!(error.to_string().contains("vocab.txt: it has no token [PAD]"), "{error}");
    }
}
