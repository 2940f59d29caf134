//! The text tower: from token ids to an embedding.

use std::borrow::Cow;

use candle_core::{Device, Tensor};

use super::head::Head;
use super::layers::{LayerNorm, Linear};
use super::ops;
use super::prompt_tree::{PromptOrder, PromptTree};
use super::transformer::Transformer;
use crate::clip::config::clip_config::{ClipConfig, Projection, TextConfig, TextPooling};
use crate::clip::error::ClipError;
use crate::clip::tokenizer::prompt_tokenizer::TokenizedPrompt;
use crate::clip::weights::tensors::Weights;
use crate::kernels::{Cpu, Precision, Queries, Segment};

/// The text tower with its projection.
#[derive(Debug)]
pub struct TextEncoder {
    cpu: Cpu,
    config: TextConfig,
    dim: usize,
    /// `[vocab_size, hidden_size]`, and the class token's after them where there is one
    token_embedding: Vec<f32>,
    /// `[max_position_embeddings, hidden_size]`, in a BERT with what all tokens have
    position_embedding: Vec<f32>,
    transformer: Transformer,
    /// A BERT has one after its embeddings, all others after their blocks.
    norm: LayerNorm,
    /// A layer before tanh, in some BERTs.
    pooler: Option<Linear>,
    projection: Head,
}

/// Embeddings of some prompts, in their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TextEmbeddings {
    /// `[n, hidden_size]`: at the end-of-text token, or in SigLIP at the last one, after the final layer norm.
    pub pooled: Vec<f32>,
    /// `[n, dim]`: `pooled` · `text_projection`ᵀ (and SigLIP's bias), not normalised. Where the projection is linear, which
    /// [`ClipConfig::projects_texts_linearly`] says, the mean of these is the projected mean of `pooled`.
    pub projected: Vec<f32>,
}

impl TextEncoder {
    pub(in crate::clip) fn load(
        weights: &Weights,
        config: &ClipConfig,
        precision: Precision,
    ) -> Result<Self, ClipError> {
        let (text, cpu) = (&config.text, Cpu::detect());
        let projection = match text.projection {
            Projection::Linear => "text_model.head",
            _ => "text_projection",
        };
        let norm = match text.bert {
            None => "text_model.final_layer_norm",
            Some(_) => "text_model.embeddings.LayerNorm",
        };
        let mut token_embedding = weights.values("text_model.embeddings.token_embedding.weight")?;
        if text.pooling == TextPooling::ClassToken {
            token_embedding.extend(weights.values("text_model.embeddings.class_embedding")?);
        }
        let mut position_embedding = weights.values("text_model.embeddings.position_embedding.weight")?;
        if text.bert.is_some() {
            // All of a prompt's tokens are of the first kind.
            let kinds = weights.values("text_model.embeddings.token_type_embeddings.weight")?;
            let kind = &kinds[..text.hidden_size.min(kinds.len())];
            for position in position_embedding.chunks_exact_mut(text.hidden_size) {
                position.iter_mut().zip(kind).for_each(|(position, kind)| *position += kind);
            }
        }
        Ok(Self {
            cpu,
            config: text.clone(),
            dim: config.dim,
            token_embedding,
            position_embedding,
            transformer: Transformer::load(
                weights,
                "text_model",
                text.transformer(),
                text.causal,
                None,
                precision,
            )?,
            norm: LayerNorm::load(weights, norm, text.layer_norm_eps)?,
            pooler: match text.bert {
                Some(bert) if bert.pooler => {
                    Some(Linear::load(weights, "text_model.pooler.dense", cpu, Precision::F32)?)
                }
                _ => None,
            },
            projection: Head::load(weights, text.projection, projection, cpu)?,
        })
    }

    /// Length of a projected embedding.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Length of a pooled output.
    pub fn hidden_size(&self) -> usize {
        self.config.hidden_size
    }

    /// Cuts prompts into groups that are best encoded in one call each, by several threads: prompts that begin alike
    /// are together, and a group has at most about 500 tokens that differ, fewer where `threads` would be idle; in SigLIP
    /// every prompt has the context length of them. Gives the indices of each group's prompts.
    ///
    /// # Errors
    /// As [`TextEncoder::encode`].
    pub fn groups(&self, prompts: &[TokenizedPrompt], threads: usize) -> Result<Vec<Vec<usize>>, ClipError> {
        const NODES: usize = 504;
        let order = self.order(prompts)?;
        Ok(order.groups(order.nodes().div_ceil(threads.max(1)).min(NODES)))
    }

    /// Tokens that encoding all these prompts takes: the nodes of their prefix tree, or in SigLIP all of each distinct
    /// prompt's.
    ///
    /// # Errors
    /// As [`TextEncoder::encode`].
    pub fn nodes(&self, prompts: &[TokenizedPrompt]) -> Result<usize, ClipError> {
        Ok(self.order(prompts)?.nodes())
    }

    /// Encodes prompts on the calling thread; what they have in common at their beginning is computed once. Any number
    /// of threads may do so at once; memory is needed for all tokens that differ, so give
    /// [groups](TextEncoder::groups).
    ///
    /// In CLIP, attention is causal and the result is taken at the end-of-text token, so that nothing after it changes the
    /// result: prompts are cut there and not filled up. Where attention is not causal, as in SigLIP, they are filled up as
    /// their tokenizer says, and share nothing.
    ///
    /// # Errors
    /// [`ClipError::Input`] for ids that the model does not have, no ids, or more than the context length.
    pub fn encode(&self, prompts: &[TokenizedPrompt]) -> Result<TextEmbeddings, ClipError> {
        self.encode_tree(&self.order(prompts)?.tree())
    }

    /// Encodes prompts without sharing anything between them, for comparison: results are those of
    /// [`TextEncoder::encode`].
    ///
    /// # Errors
    /// As [`TextEncoder::encode`].
    pub fn encode_separately(&self, prompts: &[TokenizedPrompt]) -> Result<TextEmbeddings, ClipError> {
        self.encode_tree(&self.order(prompts)?.separate())
    }

    fn order<'a>(&self, prompts: &'a [TokenizedPrompt]) -> Result<PromptOrder<'a>, ClipError> {
        let seen = prompts.iter().map(|prompt| self.seen(&prompt.ids)).collect::<Result<Vec<_>, _>>()?;
        // A BERT does not see what fills up.
        let seen_filling = |prompt: &TokenizedPrompt| prompt.filling.filter(|_| self.config.bert.is_none());
        let filling = || prompts.iter().find_map(seen_filling).unwrap_or_default();
        // Before a class token, too, nothing sees what follows it.
        let is_filled = !self.config.ends_at_its_end() && self.config.pooling != TextPooling::ClassToken;
        Ok(PromptOrder::new(seen, is_filled.then(filling)))
    }

    fn encode_tree(&self, tree: &PromptTree) -> Result<TextEmbeddings, ClipError> {
        if tree.tokens.is_empty() {
            return Ok(TextEmbeddings::default());
        }
        let x = self.embed(tree)?;
        let asking = match self.config.pooling {
            _ if self.config.ends_within() => Queries::All,
            TextPooling::ClassToken => Queries::Last,
            TextPooling::EndOfText(_) | TextPooling::HighestId | TextPooling::Last => Queries::Last,
            TextPooling::First => Queries::First,
            TextPooling::Mean => Queries::All,
        };
        if self.config.bert.is_some() {
            ops::norm(self.cpu, &x, &self.norm)?;
        }
        let seen_by_ends = (self.config.pooling == TextPooling::ClassToken).then(|| {
            tree.segments.iter().map(|segment| seen_by_class_token(tree, *segment)).collect::<Vec<_>>()
        });
        let mut ends =
            self.transformer.forward_with_ends(&x, &tree.segments, seen_by_ends.as_deref(), asking)?;
        if self.config.ends_within() {
            let rows: Vec<u32> = tree.segments.iter().map(|segment| self.end_row(tree, *segment)).collect();
            ends = ends.index_select(&Tensor::new(rows, &Device::Cpu)?, 0)?;
        }
        if self.config.pooling == TextPooling::Mean {
            let mean = |segment: &Segment| ends.narrow(0, segment.first_row, segment.tokens)?.mean(0);
            let means = tree.segments.iter().map(mean).collect::<candle_core::Result<Vec<_>>>()?;
            ends = Tensor::stack(&means, 0)?;
        }
        let segments: Vec<u32> = tree.segment_of.iter().map(|segment| *segment as u32).collect();
        let pooled = ends.index_select(&Tensor::new(segments, &Device::Cpu)?, 0)?;
        if self.config.bert.is_none() {
            ops::norm(self.cpu, &pooled, &self.norm)?;
        }
        let pooled = match &self.pooler {
            None => pooled,
            Some(pooler) => ops::project(self.cpu, &pooled, pooler)?.tanh()?,
        };
        let projected = self.projection.project(self.cpu, &pooled)?;
        Ok(TextEmbeddings {
            pooled: pooled.flatten_all()?.to_vec1()?,
            projected: projected.flatten_all()?.to_vec1()?,
        })
    }

    /// The ids up to the one where the result is taken; all of them where that is not the end-of-text token.
    ///
    /// It is the first end-of-text token, even where a prompt's own words contain it, or the first of the highest
    /// ids where the configuration does not know the end-of-text token: both as in transformers' `CLIPTextModel`.
    fn seen<'a>(&self, ids: &'a [u32]) -> Result<Cow<'a, [u32]>, ClipError> {
        let TextConfig { vocab_size, max_position_embeddings, .. } = self.config;
        if ids.len() > max_position_embeddings {
            let problem =
                format!("a prompt has {} tokens, the model takes {max_position_embeddings}", ids.len());
            return Err(ClipError::Input(problem));
        }
        let Some(highest) = ids.iter().copied().max() else {
            return Err(ClipError::Input("a prompt has no tokens, not even start and end".to_owned()));
        };
        if highest as usize >= vocab_size {
            let problem = format!("a prompt has the token id {highest}, the model has {vocab_size} tokens");
            return Err(ClipError::Input(problem));
        }
        if self.config.pooling == TextPooling::ClassToken {
            return self.with_class_token(ids).map(Cow::Owned);
        }
        if !self.config.ends_at_its_end() {
            return Ok(Cow::Borrowed(ids));
        }
        let end = self.config.end_of_text_id().unwrap_or(highest);
        match ids.iter().position(|id| *id == end) {
            Some(at) => Ok(Cow::Borrowed(&ids[..=at])),
            None => Err(ClipError::Input(format!("a prompt does not have the end-of-text token {end}"))),
        }
    }

    /// A prompt with what its class token sees: the first token that fills it up, and the class token, whose number is the one
    /// after all others. The reference hides the places after those that hold a filling token, one too late.
    fn with_class_token(&self, ids: &[u32]) -> Result<Vec<u32>, ClipError> {
        let TextConfig { vocab_size, max_position_embeddings, .. } = self.config;
        if ids.contains(&FILLING) {
            let problem = format!(
                "a prompt has the token {FILLING} (a `!` within other letters), which this model takes for the end of its prompts; write                  it without"
            );
            return Err(ClipError::Input(problem));
        }
        let filling = (ids.len() < max_position_embeddings).then_some(FILLING);
        Ok(ids.iter().copied().chain(filling).chain([vocab_size as u32]).collect())
    }

    /// The row of the end token of a prompt that sees all of itself.
    fn end_row(&self, tree: &PromptTree, segment: Segment) -> u32 {
        let ids = &tree.tokens[segment.first_row..][..segment.tokens];
        let end = self.config.end_of_text_id().or(ids.iter().copied().max());
        let at = ids.iter().position(|id| Some(*id) == end).unwrap_or(0);
        (segment.first_row + at) as u32
    }

    /// Token and position embeddings, `[nodes, hidden_size]`.
    fn embed(&self, tree: &PromptTree) -> Result<Tensor, ClipError> {
        let width = self.config.hidden_size;
        let first = self.config.bert.map_or(0, |bert| bert.first_position);
        let mut x = Vec::with_capacity(tree.tokens.len() * width);
        for (&token, &position) in tree.tokens.iter().zip(&tree.positions) {
            let is_class_token = token as usize == self.config.vocab_size;
            let position = if is_class_token { self.config.max_position_embeddings } else { position };
            let token = &self.token_embedding[token as usize * width..][..width];
            let position = &self.position_embedding[(first + position) * width..][..width];
            x.extend(token.iter().zip(position).map(|(token, position)| token + position));
        }
        Ok(Tensor::from_vec(x, (tree.tokens.len(), width), &Device::Cpu)?)
    }
}

/// What fills prompts up before a class token (open_clip's `pad_id`).
const FILLING: u32 = 0;

/// The tokens that a prompt's class token, the last of its segment, sees: those before it, and itself where nothing fills the
/// prompt up.
fn seen_by_class_token(tree: &PromptTree, segment: Segment) -> Segment {
    let is_filled = tree.tokens[segment.first_row..][..segment.tokens].iter().rev().nth(1) == Some(&FILLING);
    Segment { tokens: segment.tokens - usize::from(is_filled), ..segment }
}
