//! Prompts to token ids.

use std::borrow::Cow;

use tokenizers::models::ModelWrapper;
use tokenizers::{PaddingDirection, PaddingParams, Tokenizer, TokenizerImpl};

use super::byte_pairs::{self, END_OF_TEXT, Manner, START_OF_TEXT};
use super::cleaning::{Cleaning, Step};
use super::declaration::TokenizerDeclaration;
use super::word_pieces;
use crate::clip::config::clip_config::{ClipConfig, Family};
use crate::clip::error::ClipError;
use crate::clip::files::{CheckpointFile, CheckpointSource};
use crate::files::foreign::guarded;

/// The token that ends prompts in SentencePiece's vocabularies of SigLIP, and fills them up.
const END_OF_SENTENCE: &str = "</s>";

const WHOLE: &str = "tokenizer.json";
const VOCABULARY: &str = "vocab.json";
const MERGES: &str = "merges.txt";
/// The vocabulary of a BERT, a token a line.
const WORD_PIECES: &str = "vocab.txt";
/// CLIP's vocabulary as OpenAI published it.
const PUBLISHED: &str = "bpe_simple_vocab_16e6.txt.gz";

/// How a checkpoint's reference turns a text into ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::clip) enum Scheme {
    /// As transformers' `CLIPTokenizer`.
    Clip,
    /// As open_clip's `SimpleTokenizer` and OpenAI's `tokenize`: byte pairs of CLIP's vocabulary after a cleaning of their own.
    Simple { cleaning: Cleaning, manner: Manner },
    /// As `tokenizer.json` and the files beside it say, after this cleaning; `strip_separator` puts 0 in place of the token that
    /// ends a BERT's prompts (open_clip's `strip_sep_token`).
    Declared { cleaning: Cleaning, strip_separator: bool },
}

/// The files that a tokenizer is made of.
#[derive(Debug, Clone)]
pub(in crate::clip) struct TokenizerFiles {
    vocabulary: VocabularyFiles,
    scheme: Scheme,
    declared: TokenizerDeclaration,
}

#[derive(Debug, Clone)]
enum VocabularyFiles {
    /// `tokenizer.json`.
    Whole(CheckpointFile),
    /// `vocab.json` and `merges.txt`.
    Parts { vocabulary: CheckpointFile, merges: CheckpointFile },
    /// `bpe_simple_vocab_16e6.txt.gz`.
    Published(CheckpointFile),
    /// `vocab.txt`.
    WordPieces(CheckpointFile),
}

impl TokenizerFiles {
    /// The first form that is there and that the scheme has, and what is declared of it.
    ///
    /// # Errors
    /// There is none; a declaration that cannot be followed.
    pub(in crate::clip) fn find(source: &CheckpointSource, scheme: Scheme) -> Result<Self, ClipError> {
        // open_clip's own tokenizer reads no declarations.
        let declared = match scheme {
            Scheme::Simple { .. } => TokenizerDeclaration::default(),
            _ => TokenizerDeclaration::read(source)?,
        };
        let vocabulary = VocabularyFiles::find(source, !matches!(scheme, Scheme::Declared { .. }))?;
        Ok(Self { vocabulary, scheme, declared })
    }

    /// All of them.
    pub(in crate::clip) fn files(&self) -> Vec<&CheckpointFile> {
        let vocabulary = match &self.vocabulary {
            VocabularyFiles::Whole(file)
            | VocabularyFiles::Published(file)
            | VocabularyFiles::WordPieces(file) => vec![file],
            VocabularyFiles::Parts { vocabulary, merges } => vec![vocabulary, merges],
        };
        vocabulary.into_iter().chain(&self.declared.files).collect()
    }
}

impl VocabularyFiles {
    fn find(source: &CheckpointSource, clip: bool) -> Result<Self, ClipError> {
        if let Some(file) = source.find(WHOLE) {
            return Ok(Self::Whole(file));
        }
        if let Some(file) = source.find(WORD_PIECES).filter(|_| !clip) {
            return Ok(Self::WordPieces(file));
        }
        match (source.find(VOCABULARY), source.find(MERGES), source.find(PUBLISHED)) {
            (Some(vocabulary), Some(merges), _) if clip => Ok(Self::Parts { vocabulary, merges }),
            (_, _, Some(file)) if clip => Ok(Self::Published(file)),
            _ => Err(ClipError::AbsentFile {
                file: source.label(WHOLE),
                remedy: if clip {
                    format!(
                        "fetch it from where the rest of the checkpoint came from, or {VOCABULARY} and {MERGES}, or {PUBLISHED} of \
                         github.com/openai/CLIP; all models with CLIP's own vocabulary of 49408 tokens have the same"
                    )
                } else {
                    "fetch it from where the rest of the checkpoint came from; where there is only a vocabulary in another form \
                     (spiece.model), load the tokenizer with AutoTokenizer.from_pretrained of the Python package \
                     transformers and write it with save_pretrained"
                        .to_owned()
                },
            }),
        }
    }

    /// The one that messages name.
    fn first(&self) -> &CheckpointFile {
        match self {
            Self::Whole(file) | Self::Published(file) | Self::WordPieces(file) => file,
            Self::Parts { vocabulary, .. } => vocabulary,
        }
    }

    fn read(&self, scheme: &Scheme) -> Result<Cow<'static, [u8]>, ClipError> {
        let manner = match scheme {
            Scheme::Simple { manner, .. } => *manner,
            _ => Manner::Transformers,
        };
        match self {
            Self::Whole(file) if matches!(scheme, Scheme::Simple { .. }) => {
                byte_pairs::from_whole(file, manner).map(Cow::Owned)
            }
            Self::Whole(file) => file.read(),
            Self::Parts { vocabulary, merges } => {
                byte_pairs::from_parts(vocabulary, merges, manner).map(Cow::Owned)
            }
            Self::Published(file) => byte_pairs::from_published(file, manner).map(Cow::Owned),
            Self::WordPieces(file) => word_pieces::from_lines(file).map(Cow::Owned),
        }
    }
}

fn no_tokenizer(detail: &str) -> String {
    format!("it is no tokenizer ({detail}); fetch the file again")
}

/// A checkpoint's tokenizer.
#[derive(Debug, Clone)]
pub struct PromptTokenizer {
    tokenizer: Tokenizer,
    label: String,
    cleaning: Cleaning,
    /// What stands before and after the words of every prompt.
    before: Vec<u32>,
    after: Vec<u32>,
    context_length: usize,
    filling: Option<Filling>,
    /// A token in whose place 0 stands.
    stripped: Option<u32>,
}

/// What prompts are filled up with where the model sees that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Filling {
    /// The token.
    pub token: u32,
    /// The length that every prompt has then.
    pub length: usize,
}

/// A prompt as the text tower takes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenizedPrompt {
    /// What stands before all prompts (start-of-text in CLIP), the prompt, end-of-text; at most the context length, without
    /// what fills it up.
    pub ids: Vec<u32>,
    /// Whether tokens at the prompt's end were left out because it is longer than the context length.
    pub truncated: bool,
    /// What fills it up, which only models count whose tokens see those after them.
    pub filling: Option<Filling>,
}

impl PromptTokenizer {
    /// Reads the tokenizer's files.
    ///
    /// # Errors
    /// A file that is malformed, has no start or end token, or has ids that the model does not have.
    pub(in crate::clip) fn read(files: &TokenizerFiles, config: &ClipConfig) -> Result<Self, ClipError> {
        let label = files.vocabulary.first().label();
        let contradicts = |detail: String| {
            Err(ClipError::Tokenizer { file: label.clone(), problem: no_tokenizer(&detail) })
        };
        guarded(|| Self::read_unguarded(files, config, &label)).unwrap_or_else(contradicts)
    }

    fn read_unguarded(files: &TokenizerFiles, config: &ClipConfig, label: &str) -> Result<Self, ClipError> {
        let bad = |problem: String| ClipError::Tokenizer { file: label.to_owned(), problem };
        let content = files.vocabulary.read(&files.scheme)?;
        let mut tokenizer =
            Tokenizer::from_bytes(content).map_err(|error| bad(no_tokenizer(&error.to_string())))?;
        word_pieces::follow(&mut tokenizer, &files.declared).map_err(|error| bad(error.to_string()))?;
        let own_padding = tokenizer.get_padding().cloned();
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| bad(error.to_string()))?;

        let declared = &files.declared;
        let id = |token: &str| {
            tokenizer.token_to_id(token).ok_or_else(|| {
                bad(format!(
                    "it has no token {token}, so it is not this model's; fetch the checkpoint's own tokenizer.json"
                ))
            })
        };
        let frame = match &files.scheme {
            Scheme::Simple { cleaning, manner } => {
                let [start, end] = manner.special();
                // Both fill up with zeros.
                Frame {
                    cleaning: cleaning.clone(),
                    before: vec![id(start)?],
                    after: vec![id(end)?],
                    padding: Some(0),
                }
            }
            Scheme::Clip => {
                let start = declared.start.as_deref().unwrap_or(START_OF_TEXT);
                let end = declared.end.as_deref().unwrap_or(END_OF_TEXT);
                Frame {
                    cleaning: Cleaning::default(),
                    before: vec![id(start)?],
                    after: vec![id(end)?],
                    padding: None,
                }
            }
            Scheme::Declared { cleaning, .. } => {
                let known = DeclaredTokenizer { tokenizer: &tokenizer, declared, own_padding };
                known.frame(cleaning.clone(), config, &id).map_err(|error| match error {
                    FrameError::Unknown(problem) => bad(problem),
                    FrameError::Clip(error) => error,
                })?
            }
        };
        let stripped = match &files.scheme {
            Scheme::Declared { strip_separator: true, .. } => {
                Some(id(declared.separator.as_deref().unwrap_or("[SEP]"))?)
            }
            _ => None,
        };
        let highest = tokenizer.get_vocab(true).into_values().max().unwrap_or(0);
        if highest as usize >= config.text.vocab_size {
            return Err(bad(format!(
                "it has the token id {highest}, but the model has embeddings for {} tokens; fetch the checkpoint's own \
                 tokenizer.json",
                config.text.vocab_size
            )));
        }
        if let Some((token, declared)) = declared.added.iter().find(|(token, declared)| {
            let known = tokenizer.token_to_id(token);
            known.is_none() || declared.is_some_and(|id| known != Some(id))
        }) {
            let number = declared.map_or_else(String::new, |id| format!(" with the id {id}"));
            return Err(bad(format!(
                "it has no token {token}{number}, which the files beside it add; write the tokenizer again with save_pretrained"
            )));
        }
        if let Some(pooled) = config.text.end_of_text_id()
            && frame.after.last() != Some(&pooled)
        {
            let end = frame.after.last().map_or_else(|| "nothing".to_owned(), u32::to_string);
            return Err(bad(format!(
                "prompts end with the id {end}, but by the configuration the model looks for {pooled}; one of the two files is \
                 not this checkpoint's"
            )));
        }
        let context_length = config.text.max_position_embeddings.min(declared.longest.unwrap_or(usize::MAX));
        if context_length <= frame.before.len() + frame.after.len() {
            return Err(bad(format!("prompts of at most {context_length} tokens have no room for words")));
        }
        Ok(Self {
            tokenizer,
            label: label.to_owned(),
            cleaning: frame.cleaning,
            before: frame.before,
            after: frame.after,
            context_length,
            filling: frame.padding.map(|token| Filling { token, length: context_length }),
            stripped,
        })
    }

    /// Turns a prompt into ids. A prompt longer than the context length loses its last words, never the end token.
    ///
    /// # Errors
    /// [`ClipError::Tokenizer`], which no known prompt causes.
    pub fn tokenize(&self, prompt: &str) -> Result<TokenizedPrompt, ClipError> {
        let cleaned = self.cleaning.clean(prompt);
        let encoding =
            guarded(|| self.tokenizer.encode_fast(&*cleaned, false).map_err(|error| error.to_string()))
                .and_then(|encoded| encoded)
                .map_err(|error| ClipError::Tokenizer {
                    file: self.label.clone(),
                    problem: format!("it cannot encode {prompt:?}: {error}"),
                })?;
        let words = encoding.get_ids();
        let room = self.context_length.saturating_sub(self.before.len() + self.after.len());
        let kept = &words[..words.len().min(room)];
        let shown = |id: &u32| if self.stripped == Some(*id) { 0 } else { *id };
        let ids = self.before.iter().chain(kept).chain(&self.after).map(shown).collect();
        Ok(TokenizedPrompt { ids, truncated: words.len() > room, filling: self.filling })
    }
}

/// What stands around the words of every prompt, and what happens to them before.
struct Frame {
    cleaning: Cleaning,
    before: Vec<u32>,
    after: Vec<u32>,
    /// What fills prompts up, where the model sees it.
    padding: Option<u32>,
}

enum FrameError {
    /// What the files do not say, or say in a way that is not known.
    Unknown(String),
    Clip(ClipError),
}

impl From<ClipError> for FrameError {
    fn from(error: ClipError) -> Self {
        Self::Clip(error)
    }
}

/// A tokenizer of Hugging Face's, with what is declared of it.
struct DeclaredTokenizer<'a> {
    tokenizer: &'a Tokenizer,
    declared: &'a TokenizerDeclaration,
    /// How `tokenizer.json` itself fills up.
    own_padding: Option<PaddingParams>,
}

/// Whose rules a tokenizer follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    /// transformers' `SiglipTokenizer`: canonical texts, always an end token, which fills up.
    Siglip,
    /// Those of SigLIP 2, Gemma's with lower case: as the files say.
    Siglip2,
    /// As the files say.
    Plain,
}

impl DeclaredTokenizer<'_> {
    fn frame(
        self,
        mut cleaning: Cleaning,
        config: &ClipConfig,
        id: &impl Fn(&str) -> Result<u32, ClipError>,
    ) -> Result<Frame, FrameError> {
        let rules = self.rules(config.family)?;
        match rules {
            // open_clip's cleaning comes before, and leaves nothing of this to do.
            Rules::Siglip if cleaning.0.is_empty() => {
                if self.declared.lower_case.unwrap_or(true) {
                    cleaning.0.push(Step::LowerCase);
                }
                cleaning.0.push(Step::Canonical { underscore: "" });
            }
            Rules::Siglip2 => cleaning.0.push(Step::LowerLetters),
            _ => {}
        }
        self.check_side(rules)?;
        let own_token = self.own_padding.as_ref().map(|padding| padding.pad_token.clone());
        let end_of_siglip = (rules == Rules::Siglip).then(|| END_OF_SENTENCE.to_owned());
        let end = self.declared.end.clone().or(end_of_siglip.clone());
        let padding = self.declared.padding.clone().or(own_token).or(end_of_siglip);
        let (mut before, mut after) = self.around()?;
        let said = (self.declared.adds_start, self.declared.adds_end);
        if rules == Rules::Siglip {
            before.clear();
            after = vec![id(end.as_deref().unwrap_or(END_OF_SENTENCE))?];
        } else if said != (None, None) {
            // As transformers' tokenizers do: where one of the two is said, the other is false.
            let named = |wanted: Option<bool>, token: &Option<String>, key: &str| match (wanted, token) {
                (Some(true), Some(token)) => Ok(vec![id(token)?]),
                (Some(true), None) => Err(FrameError::Unknown(format!(
                    "a token is added to every prompt, but tokenizer_config.json has no `{key}` that says which"
                ))),
                _ => Ok(Vec::new()),
            };
            before = named(said.0, &self.declared.start, "bos_token")?;
            after = named(said.1, &end, "eos_token")?;
        }
        if after.is_empty() {
            return Err(FrameError::Unknown(
                "no file says what a prompt ends with: tokenizer.json needs a post_processor that adds the end token, or \
                 tokenizer_config.json an `eos_token` and `add_eos_token`; write the tokenizer again with save_pretrained"
                    .to_owned(),
            ));
        }
        let padding = match padding {
            Some(token) => Some(id(&token)?),
            // Gemma's vocabulary, by the name and the place that it has there.
            None if self.tokenizer.token_to_id("<pad>") == Some(0) => Some(0),
            None if config.text.ends_at_its_end() || config.text.bert.is_some() => None,
            None => {
                return Err(FrameError::Unknown(
                    "no file says what a prompt is filled up with: tokenizer_config.json needs a `pad_token`"
                        .to_owned(),
                ));
            }
        };
        Ok(Frame { cleaning, before, after, padding })
    }

    /// Prompts are filled up on the right. transformers takes the side of `tokenizer_config.json`, else that of
    /// `tokenizer.json`, else its class's: the left with the classes of SigLIP 2, which was not trained so.
    fn check_side(&self, rules: Rules) -> Result<(), FrameError> {
        let own = self.own_padding.as_ref().map(|padding| padding.direction);
        let class = self.declared.class.as_deref().map(|class| class.trim_end_matches("Fast"));
        let left = match (&self.declared.padding_side, own) {
            (Some(_), _) | (None, Some(PaddingDirection::Right)) => return Ok(()),
            (None, Some(PaddingDirection::Left)) => "its padding has the direction Left".to_owned(),
            (None, None) => match class {
                Some(class @ ("Siglip2Tokenizer" | "GemmaTokenizer")) if rules == Rules::Siglip2 => {
                    format!(
                        "tokenizer_config.json has no `padding_side`, and a {class} without fills up on the left"
                    )
                }
                _ => return Ok(()),
            },
        };
        Err(FrameError::Unknown(format!(
            "{left}, but the model reads prompts that are filled up on the right; write \"padding_side\": \"right\" into \
             tokenizer_config.json if it was trained so"
        )))
    }

    fn rules(&self, family: Family) -> Result<Rules, FrameError> {
        let class = self.declared.class.as_deref();
        if family != Family::Siglip {
            return Ok(Rules::Plain);
        }
        let unigram = matches!(self.model(), ModelWrapper::Unigram(_));
        match class.map(|class| class.trim_end_matches("Fast")) {
            Some("SiglipTokenizer") => Ok(Rules::Siglip),
            Some("Siglip2Tokenizer" | "GemmaTokenizer") => Ok(Rules::Siglip2),
            // timm's folders of SigLIP say T5, whose vocabulary has the same form.
            Some("T5Tokenizer" | "PreTrainedTokenizer" | "TokenizersBackend") | None if unigram => {
                Ok(Rules::Siglip)
            }
            Some("PreTrainedTokenizer" | "TokenizersBackend") | None => Ok(Rules::Siglip2),
            Some(_) => Err(FrameError::Unknown(format!(
                "tokenizer_config.json says that it is a {}; of SigLIP's tokenizers SiglipTokenizer, Siglip2Tokenizer and \
                 GemmaTokenizer are known",
                class.unwrap_or_default()
            ))),
        }
    }

    fn model(&self) -> &ModelWrapper {
        let inner: &TokenizerImpl<_, _, _, _, _> = self.tokenizer;
        inner.get_model()
    }

    /// What the tokenizer's own post-processor puts around a word.
    fn around(&self) -> Result<(Vec<u32>, Vec<u32>), FrameError> {
        let encode = |special: bool| {
            let encoding = self.tokenizer.encode_fast("a", special);
            encoding.map(|encoding| encoding.get_ids().to_vec()).map_err(|error| {
                FrameError::Unknown(format!("it cannot encode a letter ({error}); fetch the file again"))
            })
        };
        let (word, framed) = (encode(false)?, encode(true)?);
        let at = (0..=framed.len().saturating_sub(word.len())).find(|at| framed[*at..].starts_with(&word));
        match at {
            Some(at) if !word.is_empty() => Ok((framed[..at].to_vec(), framed[at + word.len()..].to_vec())),
            _ => Err(FrameError::Unknown(
                "what it puts around a text cannot be told from the text; fetch the file again".to_owned(),
            )),
        }
    }
}
