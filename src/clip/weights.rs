//! The weight files: safetensors headers, verified when opened, and tensors, read and converted when asked for.

use std::collections::{BTreeSet, HashMap};

use candle_core::{Device, Tensor};
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::Deserialize;

use super::error::ClipError;
use super::files::{CheckpointFile, CheckpointSource};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// The opened weight files of one checkpoint. Only their headers are in memory.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    /// The one weight file, or the index of several shards.
    entry: CheckpointFile,
    shards: Vec<Shard>,
    /// Tensor name → place in `shards`.
    shard_of: HashMap<String, usize>,
}

impl Weights {
    /// Opens `model.safetensors`, or else the shards of `model.safetensors.index.json`.
    ///
    /// # Errors
    /// An absent file, a header that cannot be read, or a file of another length than its header says.
    pub(super) fn open(source: &CheckpointSource) -> Result<Self, ClipError> {
        if let Some(entry) = source.find(SINGLE) {
            let shard = Shard::open(entry.clone())?;
            let shard_of = shard.header.tensors().into_keys().map(|tensor| (tensor, 0)).collect();
            return Ok(Self { entry, shards: vec![shard], shard_of });
        }
        match source.find(INDEX) {
            Some(index) => Self::open_shards(source, index),
            None => Err(absent_weights(source)),
        }
    }

    fn open_shards(source: &CheckpointSource, entry: CheckpointFile) -> Result<Self, ClipError> {
        #[derive(Deserialize)]
        struct Index {
            weight_map: HashMap<String, String>,
        }
        let Index { weight_map } = serde_json::from_slice(&entry.read()?)
            .map_err(|error| ClipError::Json { file: entry.label(), problem: error.to_string() })?;

        let remedy = format!("{INDEX} names it, so fetch every file that it names");
        let names: BTreeSet<&String> = weight_map.values().collect();
        let shards = names
            .iter()
            .map(|name| Shard::open(source.require(name, &remedy)?))
            .collect::<Result<Vec<_>, _>>()?;
        let place: HashMap<&String, usize> = names.into_iter().zip(0..).collect();
        let shard_of = weight_map.iter().map(|(tensor, name)| (tensor.clone(), place[name])).collect();
        Ok(Self { entry, shards, shard_of })
    }

    /// Checks that these tensors are there, with these shapes and with elements that can be converted. Others,
    /// like the `position_ids` of old checkpoints, may be there too.
    pub(super) fn verify(&self, expected: &[(String, Vec<usize>)]) -> Result<(), ClipError> {
        for (tensor, shape) in expected {
            let (shard, info) = self.info(tensor)?;
            if !matches!(info.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) {
                return Err(shard.element_type(tensor, info.dtype));
            }
            if info.shape != *shape {
                return Err(ClipError::Shape {
                    file: shard.file.label(),
                    tensor: tensor.clone(),
                    expected: shape.clone(),
                    found: info.shape.clone(),
                });
            }
        }
        Ok(())
    }

    /// A tensor as `f32`, in the shape it has in the file.
    pub(super) fn tensor(&self, name: &str) -> Result<Tensor, ClipError> {
        let shape = self.info(name)?.1.shape.as_slice();
        Ok(Tensor::from_vec(self.values(name)?, shape, &Device::Cpu)?)
    }

    /// The shape of a tensor in the file.
    pub(super) fn shape(&self, name: &str) -> Result<&[usize], ClipError> {
        Ok(&self.info(name)?.1.shape)
    }

    /// A tensor's values as `f32`, row by row.
    pub(super) fn values(&self, name: &str) -> Result<Vec<f32>, ClipError> {
        let (shard, info) = self.info(name)?;
        let (start, end) = info.data_offsets;
        let bytes = shard.file.read_range(shard.data_start + start as u64, end - start)?;
        match info.dtype {
            Dtype::F32 => Ok(convert(&bytes, f32::from_le_bytes)),
            Dtype::F16 => Ok(convert(&bytes, |pair| half::f16::from_le_bytes(pair).to_f32())),
            Dtype::BF16 => Ok(convert(&bytes, |pair| half::bf16::from_le_bytes(pair).to_f32())),
            other => Err(shard.element_type(name, other)),
        }
    }

    /// The files that hold the weights, with the index where there is one.
    pub(super) fn files(&self) -> impl Iterator<Item = &CheckpointFile> {
        let shards = self.shards.iter().map(|shard| &shard.file);
        std::iter::once(&self.entry).chain(shards.filter(|file| **file != self.entry))
    }

    fn info(&self, tensor: &str) -> Result<(&Shard, &TensorInfo), ClipError> {
        let missing = |file: &CheckpointFile| ClipError::MissingTensor {
            file: file.label(),
            tensor: tensor.to_owned(),
        };
        let place = self.shard_of.get(tensor).ok_or_else(|| missing(&self.entry))?;
        let shard = &self.shards[*place];
        Ok((shard, shard.header.info(tensor).ok_or_else(|| missing(&shard.file))?))
    }
}

fn convert<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| value(*chunk)).collect()
}

/// Says which other form of weights the directory has.
fn absent_weights(source: &CheckpointSource) -> ClipError {
    let convert = "load the checkpoint with CLIPModel.from_pretrained of the Python package transformers and write it \
                   with save_pretrained, which makes model.safetensors";
    let remedy = if source.find("pytorch_model.bin").is_some()
        || source.find("pytorch_model.bin.index.json").is_some()
    {
        format!("there are only PyTorch weights (pytorch_model.bin): {convert}")
    } else if source.find("open_clip_model.safetensors").is_some()
        || source.find("open_clip_pytorch_model.bin").is_some()
    {
        "there are only weights in open_clip's form: fetch the Hugging Face form of this checkpoint"
            .to_owned()
    } else {
        "fetch it from where the rest of the checkpoint came from".to_owned()
    };
    ClipError::AbsentFile { file: source.label(SINGLE), remedy }
}

/// One safetensors file: 8 bytes with the header's length, the header (JSON), the tensors' bytes.
#[derive(Debug, Clone)]
struct Shard {
    file: CheckpointFile,
    header: Metadata,
    /// Where the tensors' bytes start.
    data_start: u64,
}

impl Shard {
    fn open(file: CheckpointFile) -> Result<Self, ClipError> {
        const LENGTH_BYTES: usize = 8;
        let bad = |problem: String| ClipError::Header { file: file.label(), problem };
        let actual = file.len()?;
        if actual < LENGTH_BYTES as u64 {
            return Err(bad(format!("it has {actual} bytes")));
        }
        let prefix = file.read_range(0, LENGTH_BYTES)?;
        let header_length = <[u8; LENGTH_BYTES]>::try_from(&*prefix).map_or(u64::MAX, u64::from_le_bytes);
        let data_start = header_length.saturating_add(LENGTH_BYTES as u64);
        if data_start > actual {
            return Err(bad(format!("its header should have {header_length} bytes, the file has {actual}")));
        }
        let length = usize::try_from(header_length).map_err(|error| bad(error.to_string()))?;
        let bytes = file.read_range(LENGTH_BYTES as u64, length)?;
        let header: Metadata = serde_json::from_slice(&bytes)
            .map_err(|error| bad(format!("its header is malformed: {error}")))?;
        let expected = data_start + header.data_len() as u64;
        if expected != actual {
            return Err(ClipError::Length { file: file.label(), expected, actual });
        }
        Ok(Self { file, header, data_start })
    }

    fn element_type(&self, tensor: &str, dtype: Dtype) -> ClipError {
        ClipError::ElementType {
            file: self.file.label(),
            tensor: tensor.to_owned(),
            dtype: format!("{dtype:?}"),
        }
    }
}
