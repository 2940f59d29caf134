//! The text tower: from token ids to an embedding.

use candle_core::{Device, Tensor};

use super::config::{ClipConfig, TextConfig};
use super::error::ClipError;
use super::tokenizer::TokenizedPrompt;
use super::transformer::{LayerNorm, Transformer};
use super::weights::Weights;

/// The text tower with its projection.
#[derive(Debug, Clone)]
pub struct TextEncoder {
    config: TextConfig,
    dim: usize,
    /// `[vocab_size, hidden_size]`
    token_embedding: Vec<f32>,
    /// `[max_position_embeddings, hidden_size]`
    position_embedding: Vec<f32>,
    transformer: Transformer,
    final_norm: LayerNorm,
    /// `[dim, hidden_size]`
    projection: Tensor,
}

/// Embeddings of some prompts, in their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TextEmbeddings {
    /// `[n, hidden_size]`: at the end-of-text token, after the final layer norm.
    pub pooled: Vec<f32>,
    /// `[n, dim]`: `pooled` · `text_projection`ᵀ, not normalised. The projection is linear without a bias, so the mean
    /// of these is the projected mean of `pooled`.
    pub projected: Vec<f32>,
}

impl TextEncoder {
    pub(super) fn load(weights: &Weights, config: &ClipConfig) -> Result<Self, ClipError> {
        let text = &config.text;
        Ok(Self {
            config: text.clone(),
            dim: config.dim,
            token_embedding: weights.values("text_model.embeddings.token_embedding.weight")?,
            position_embedding: weights.values("text_model.embeddings.position_embedding.weight")?,
            transformer: Transformer::load(weights, "text_model", text.transformer(), true)?,
            final_norm: LayerNorm::load(weights, "text_model.final_layer_norm", text.layer_norm_eps)?,
            projection: weights.tensor("text_projection.weight")?,
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

    /// Encodes prompts in one batch, as long as its longest prompt: give prompts of similar length together.
    ///
    /// Attention is causal and the result is taken at the end-of-text token, so that nothing after it changes the
    /// result: prompts are cut there, and what fills shorter ones up does not matter.
    ///
    /// # Errors
    /// [`ClipError::Input`] for ids that the model does not have, no ids, or more than the context length.
    pub fn encode(&self, prompts: &[TokenizedPrompt]) -> Result<TextEmbeddings, ClipError> {
        let prompts = prompts.iter().map(|prompt| self.seen(&prompt.ids)).collect::<Result<Vec<_>, _>>()?;
        let Some(tokens) = prompts.iter().map(|ids| ids.len()).max() else {
            return Ok(TextEmbeddings::default());
        };
        let x = self.embed(&prompts, tokens)?;
        self.transformer.forward(&x, prompts.len())?;

        let last: Vec<u32> =
            prompts.iter().enumerate().map(|(at, ids)| (at * tokens + ids.len() - 1) as u32).collect();
        let last = Tensor::from_vec(last, prompts.len(), &Device::Cpu)?;
        let pooled = self.final_norm.forward(&x.index_select(&last, 0)?)?;
        let projected = pooled.matmul(&self.projection.t()?)?;
        Ok(TextEmbeddings {
            pooled: pooled.flatten_all()?.to_vec1()?,
            projected: projected.flatten_all()?.to_vec1()?,
        })
    }

    /// The ids up to the one where the result is taken.
    ///
    /// That is the first end-of-text token, even where a prompt's own words contain it, or the first of the highest
    /// ids where the configuration does not know the end-of-text token: both as in transformers' `CLIPTextModel`.
    fn seen<'a>(&self, ids: &'a [u32]) -> Result<&'a [u32], ClipError> {
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
        let end = self.config.end_of_text_id().unwrap_or(highest);
        match ids.iter().position(|id| *id == end) {
            Some(at) => Ok(&ids[..=at]),
            None => Err(ClipError::Input(format!("a prompt does not have the end-of-text token {end}"))),
        }
    }

    /// Token and position embeddings, `[n · tokens, hidden_size]`; zeros after a prompt's end.
    fn embed(&self, prompts: &[&[u32]], tokens: usize) -> Result<Tensor, ClipError> {
        let width = self.config.hidden_size;
        let mut x = vec![0.0; prompts.len() * tokens * width];
        for (sequence, ids) in x.chunks_exact_mut(tokens * width).zip(prompts) {
            let positions = self.position_embedding.chunks_exact(width);
            for ((row, position), id) in sequence.chunks_exact_mut(width).zip(positions).zip(*ids) {
                let token = &self.token_embedding[*id as usize * width..][..width];
                row.iter_mut()
                    .zip(token.iter().zip(position))
                    .for_each(|(x, (token, position))| *x = token + position);
            }
        }
        Ok(Tensor::from_vec(x, (prompts.len() * tokens, width), &Device::Cpu)?)
    }
}
