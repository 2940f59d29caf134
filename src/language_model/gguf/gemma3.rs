//! Gemma 3 (Gemma Team, arXiv 2503.19786) with quantised weights. candle-transformers has it too, but with SiLU in its MLPs,
//! where the model has GELU: it goes on in other words than the reference.

use std::io::{Read, Seek};

use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::quantized::{QMatMul, QTensor};
use candle_core::{Device, Module, Result, Tensor, bail};
use candle_nn::ops::{rms_norm, softmax_last_dim};
use candle_nn::rotary_emb::rope;

/// Of so many layers one sees all tokens before, the others a window of them.
const PATTERN: usize = 6;
/// The base of the rotations in the layers with a window, and in the others where the file says nothing (table 1 of the paper).
const NEAR_BASE: f32 = 10_000.0;
const FAR_BASE: f32 = 1_000_000.0;
/// The size whose scores are divided by the root of width / heads instead of the heads' own width: 27B.
const LAYERS_OF_27B: usize = 62;

/// A network with what it has read so far. Clones share the weights.
#[derive(Debug, Clone)]
pub(super) struct Gemma3 {
    /// `[n_vocabulary, width]`
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Norm,
    output: QMatMul,
}

#[derive(Debug, Clone)]
struct Layer {
    heads: Heads,
    before_attention: Norm,
    queries: QMatMul,
    keys: QMatMul,
    values: QMatMul,
    query_norm: Norm,
    key_norm: Norm,
    out: QMatMul,
    after_attention: Norm,
    before_mlp: Norm,
    gate: QMatMul,
    up: QMatMul,
    down: QMatMul,
    after_mlp: Norm,
    /// Keys and values of each row's tokens so far, `[1, n_kv, tokens, width of a head]`.
    read: Vec<(Tensor, Tensor)>,
}

/// How a layer's attention is laid out.
#[derive(Debug, Clone)]
struct Heads {
    n: usize,
    /// Heads of keys and values, which several heads of queries share.
    n_kv: usize,
    width: usize,
    /// What scores are multiplied by.
    scale: f64,
    /// Tokens that one sees, itself among them; all where there is none.
    window: Option<usize>,
    /// `[width / 2]`: radians that a position turns each pair by.
    turns: Vec<f32>,
}

#[derive(Debug, Clone)]
struct Norm {
    weight: Tensor,
    eps: f32,
}

impl Norm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        rms_norm(&x.contiguous()?, &self.weight, self.eps)
    }
}

/// Reads a file's metadata and tensors.
struct Reader<'a, R> {
    content: Content,
    file: &'a mut R,
    eps: f32,
}

impl<R: Read + Seek> Reader<'_, R> {
    fn value(&self, key: &str) -> Result<&Value> {
        let key = format!("gemma3.{key}");
        match self.content.metadata.get(&key) {
            Some(value) => Ok(value),
            None => bail!("the key {key} is missing"),
        }
    }

    fn count(&self, key: &str) -> Result<usize> {
        match self.value(key)?.to_u32()? {
            0 => bail!("the key gemma3.{key} is 0"),
            count => Ok(count as usize),
        }
    }

    fn number_or(&self, key: &str, otherwise: f32) -> Result<f32> {
        self.value(key).ok().map_or(Ok(otherwise), Value::to_f32)
    }

    fn stored(&mut self, name: &str) -> Result<QTensor> {
        self.content.tensor(self.file, &format!("{name}.weight"), &Device::Cpu)
    }

    fn matrix(&mut self, name: &str) -> Result<QMatMul> {
        QMatMul::from_qtensor(self.stored(name)?)
    }

    fn norm(&mut self, name: &str) -> Result<Norm> {
        Ok(Norm { weight: self.stored(name)?.dequantize(&Device::Cpu)?, eps: self.eps })
    }
}

impl Gemma3 {
    /// Reads the network.
    ///
    /// # Errors
    /// A key or a tensor that is missing or malformed.
    pub(super) fn read(content: Content, file: &mut (impl Read + Seek)) -> Result<Self> {
        let mut reader = Reader { content, file, eps: 0.0 };
        reader.eps = reader.value("attention.layer_norm_rms_epsilon")?.to_f32()?;
        let embedding = reader.stored("token_embd")?.dequantize(&Device::Cpu)?;
        let layers = (0..reader.count("block_count")?)
            .map(|at| Layer::read(&mut reader, at))
            .collect::<Result<_>>()?;
        // Where there is no output of its own, the embedding is it.
        let own = reader.content.tensor_infos.contains_key("output.weight");
        let output = reader.matrix(if own { "output" } else { "token_embd" })?;
        Ok(Self { embedding, layers, norm: reader.norm("output_norm")?, output })
    }

    /// The logits after the last of `tokens`, `[rows, length]`: `[rows, n_vocabulary]`. `before` tokens were read already.
    ///
    /// Row by row, since candle rounds products of several rows otherwise than those of one, and what is drawn must not
    /// depend on what is beside it.
    pub(super) fn forward(&mut self, tokens: &Tensor, before: usize) -> Result<Tensor> {
        let of_row = |row| self.forward_row(&tokens.get(row)?, row, before);
        Tensor::cat(&(0..tokens.dim(0)?).map(of_row).collect::<Result<Vec<_>>>()?, 0)
    }

    /// `tokens` is `[length]`, the result `[1, n_vocabulary]`.
    fn forward_row(&mut self, tokens: &Tensor, row: usize, before: usize) -> Result<Tensor> {
        let (length, width) = (tokens.dim(0)?, self.embedding.dim(1)?);
        let embedded = self.embedding.index_select(tokens, 0)?.unsqueeze(0)?;
        let mut x = (embedded * (width as f64).sqrt())?;
        for layer in &mut self.layers {
            x = layer.forward(&x, row, before)?;
        }
        let last = x.narrow(1, length - 1, 1)?.squeeze(1)?;
        self.output.forward(&self.norm.forward(&last)?)
    }
}

impl Layer {
    fn read<R: Read + Seek>(reader: &mut Reader<'_, R>, at: usize) -> Result<Self> {
        let heads = Heads::read(reader, at)?;
        let name = |part: &str| format!("blk.{at}.{part}");
        Ok(Self {
            heads,
            before_attention: reader.norm(&name("attn_norm"))?,
            queries: reader.matrix(&name("attn_q"))?,
            keys: reader.matrix(&name("attn_k"))?,
            values: reader.matrix(&name("attn_v"))?,
            query_norm: reader.norm(&name("attn_q_norm"))?,
            key_norm: reader.norm(&name("attn_k_norm"))?,
            out: reader.matrix(&name("attn_output"))?,
            after_attention: reader.norm(&name("post_attention_norm"))?,
            before_mlp: reader.norm(&name("ffn_norm"))?,
            gate: reader.matrix(&name("ffn_gate"))?,
            up: reader.matrix(&name("ffn_up"))?,
            down: reader.matrix(&name("ffn_down"))?,
            after_mlp: reader.norm(&name("post_ffw_norm"))?,
            read: Vec::new(),
        })
    }

    /// `x` and the result are `[1, length, width]`.
    fn forward(&mut self, x: &Tensor, row: usize, before: usize) -> Result<Tensor> {
        let attended = self.attend(&self.before_attention.forward(x)?, row, before)?;
        let x = (x + self.after_attention.forward(&attended)?)?;
        let normed = self.before_mlp.forward(&x)?;
        let inner = (self.gate.forward(&normed)?.gelu()? * self.up.forward(&normed)?)?;
        x + self.after_mlp.forward(&self.down.forward(&inner)?)?
    }

    fn attend(&mut self, x: &Tensor, row: usize, before: usize) -> Result<Tensor> {
        let length = x.dim(1)?;
        let Heads { n, n_kv, width, scale, .. } = self.heads;
        let by_head = |y: Tensor, heads| y.reshape((1, length, heads, width))?.transpose(1, 2)?.contiguous();
        let queries = self.query_norm.forward(&by_head(self.queries.forward(x)?, n)?)?;
        let keys = self.key_norm.forward(&by_head(self.keys.forward(x)?, n_kv)?)?;
        let values = by_head(self.values.forward(x)?, n_kv)?;
        let (cos, sin) = self.heads.rotations(before, length)?;
        let (queries, keys) = (rope(&queries, &cos, &sin)?, rope(&keys, &cos, &sin)?);
        // What begins at the start forgets what was read before.
        self.read.truncate(if before == 0 { row } else { usize::MAX });
        let (keys, values) = match self.read.get(row) {
            Some((earlier_keys, earlier_values)) => {
                (Tensor::cat(&[earlier_keys, &keys], 2)?, Tensor::cat(&[earlier_values, &values], 2)?)
            }
            None => (keys, values),
        };
        let read = (keys.clone(), values.clone());
        match self.read.get_mut(row) {
            Some(known) => *known = read,
            None => self.read.push(read),
        }

        // Heads that share keys stand one after the other, so that their queries are rows of one product.
        let (group, total) = (n / n_kv, before + length);
        let queries = queries.reshape((1, n_kv, group * length, width))?;
        let scores = (queries.matmul(&keys.transpose(2, 3)?)? * scale)?;
        let scores = scores.reshape((1, n_kv, group, length, total))?;
        let scores = match self.heads.unseen(before, length)? {
            Some(unseen) => scores.broadcast_add(&unseen)?,
            None => scores,
        };
        let shares = softmax_last_dim(&scores)?.reshape((1, n_kv, group * length, total))?;
        let attended = shares.matmul(&values)?.reshape((1, n, length, width))?;
        self.out.forward(&attended.transpose(1, 2)?.reshape((1, length, n * width))?)
    }
}

impl Heads {
    fn read<R: Read + Seek>(reader: &Reader<'_, R>, layer: usize) -> Result<Self> {
        let (n, n_kv) = (reader.count("attention.head_count")?, reader.count("attention.head_count_kv")?);
        let width = reader.count("attention.key_length")?;
        if n % n_kv != 0 || width % 2 != 0 {
            bail!("{n} heads of width {width} do not share {n_kv} heads of keys");
        }
        let is_far = (layer + 1).is_multiple_of(PATTERN);
        let (base, factor) = match is_far {
            true => {
                (reader.number_or("rope.freq_base", FAR_BASE)?, reader.number_or("rope.scaling.factor", 1.0)?)
            }
            false => (reader.number_or("rope.local_freq_base", NEAR_BASE)?, 1.0),
        };
        let divisor = match reader.count("block_count")? {
            LAYERS_OF_27B => reader.count("embedding_length")? / n,
            _ => width,
        };
        Ok(Self {
            n,
            n_kv,
            width,
            scale: 1.0 / (divisor as f64).sqrt(),
            window: if is_far { None } else { Some(reader.count("attention.sliding_window")?) },
            turns: (0..width).step_by(2).map(|at| base.powf(-(at as f32) / width as f32) / factor).collect(),
        })
    }

    /// Cosines and sines of the positions from `before` on, `[length, width / 2]` each.
    fn rotations(&self, before: usize, length: usize) -> Result<(Tensor, Tensor)> {
        let angles: Vec<f32> = (before..before + length)
            .flat_map(|position| self.turns.iter().map(move |turn| position as f32 * turn))
            .collect();
        let angles = Tensor::from_vec(angles, (length, self.turns.len()), &Device::Cpu)?;
        Ok((angles.cos()?, angles.sin()?))
    }

    /// `[length, before + length]`: −∞ where a token does not see another; nothing where each sees all.
    fn unseen(&self, before: usize, length: usize) -> Result<Option<Tensor>> {
        let total = before + length;
        let window = self.window.unwrap_or(usize::MAX);
        if length == 1 && total <= window {
            return Ok(None);
        }
        let sees = |from: usize, to: usize| to <= from && from - to < window;
        let mask: Vec<f32> = (before..total)
            .flat_map(|from| (0..total).map(move |to| if sees(from, to) { 0.0 } else { f32::NEG_INFINITY }))
            .collect();
        Tensor::from_vec(mask, (length, total), &Device::Cpu).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Golden {
        tokens: Vec<u32>,
        /// `[tokens, n_vocabulary]`
        logits: Vec<Vec<f32>>,
    }

    fn fixture() -> (Gemma3, Golden) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gguf");
        let mut file = File::open(folder.join("tiny-gemma3.gguf")).unwrap();
        let content = Content::read(&mut file).unwrap();
        let golden = std::fs::read(folder.join("tiny-gemma3.json")).unwrap();
        (Gemma3::read(content, &mut file).unwrap(), serde_json::from_slice(&golden).unwrap())
    }

    fn tokens(rows: &[&[u32]]) -> Tensor {
        Tensor::new(rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>(), &Device::Cpu).unwrap()
    }

    fn assert_close(found: &Tensor, expected: &[f32]) {
        for row in found.to_vec2::<f32>().unwrap() {
            for (found, expected) in row.iter().zip(expected) {
                assert!((found - expected).abs() < 2e-3, "{found} for {expected}");
            }
        }
    }

    #[test]
    fn logits_are_those_of_the_reference() {
        let (network, golden) = fixture();
        for length in 1..=golden.tokens.len() {
            let found = network.clone().forward(&tokens(&[&golden.tokens[..length]]), 0).unwrap();
            assert_close(&found, &golden.logits[length - 1]);
        }
    }

    #[test]
    fn it_may_be_read_in_parts_and_beside_others() {
        let (mut network, Golden { tokens: all, logits }) = fixture();
        let mut other = all.clone();
        other.reverse();
        let (mut read, mut alone) = (0, network.clone());
        for length in [3, 1, 1, 5, 2] {
            let part = read..read + length;
            let rows = [&all[part.clone()], &other[part.clone()], &all[part.clone()]];
            let found = network.forward(&tokens(&rows), read).unwrap();
            let single = alone.forward(&tokens(&[&other[part]]), read).unwrap();
            read += length;
            assert_close(&found.narrow(0, 0, 1).unwrap(), &logits[read - 1]);
            // To the last bit: what is drawn must not depend on what is beside it.
            let beside = found.narrow(0, 1, 1).unwrap().to_vec2::<f32>().unwrap();
            assert_eq!(beside, single.to_vec2::<f32>().unwrap());
        }
        // What begins at the start forgets what was read before.
        assert_close(&network.forward(&tokens(&[&all]), 0).unwrap(), &logits[11]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gguf");
        for (key, problem) in [
            ("gemma3.block_count", "gemma3.block_count is missing"),
            ("gemma3.attention.sliding_window", "sliding_window is missing"),
        ] {
            let mut file = File::open(folder.join("tiny-gemma3.gguf")).unwrap();
            let mut content = Content::read(&mut file).unwrap();
            content.metadata.remove(key).unwrap();
            let message = Gemma3::read(content, &mut file).unwrap_err().to_string();
            assert!(message.contains(problem), "{message}");
        }
    }
}
