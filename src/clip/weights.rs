//! The weight files: what tensors they have, verified when opened, and the tensors, read and converted when asked for.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use candle_core::{Device, Tensor};
use serde::Deserialize;

use super::error::ClipError;
use super::files::{CheckpointFile, CheckpointSource};
use super::stored_tensor::StoredTensor;
use super::{safetensors_file, torch_file};

/// Names of weight files, the first that is there counts: safetensors before PyTorch's own, which hold the same.
const FILES: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];

/// The opened weight files of one checkpoint. Only the descriptions of their tensors are in memory.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    /// The one weight file, or the index of several shards.
    entry: CheckpointFile,
    shards: Vec<Shard>,
    /// Tensor name → place in `shards`.
    shard_of: HashMap<String, usize>,
}

impl Weights {
    /// Opens the weight file, or the shards of its index.
    ///
    /// # Errors
    /// An absent file, a header that cannot be read, or a file of another length than its header says.
    pub(super) fn open(source: &CheckpointSource) -> Result<Self, ClipError> {
        let entry =
            FILES.into_iter().find_map(|name| source.find(name)).ok_or_else(|| absent_weights(source))?;
        if entry.name.ends_with(".index.json") {
            return Self::open_shards(source, entry);
        }
        let shard = Shard::open(entry.clone())?;
        let shard_of = shard.tensors.keys().map(|tensor| (tensor.clone(), 0)).collect();
        Ok(Self { entry, shards: vec![shard], shard_of })
    }

    fn open_shards(source: &CheckpointSource, entry: CheckpointFile) -> Result<Self, ClipError> {
        #[derive(Deserialize)]
        struct Index {
            weight_map: HashMap<String, String>,
        }
        let Index { weight_map } = serde_json::from_slice(&entry.read()?)
            .map_err(|error| ClipError::Json { file: entry.label(), problem: error.to_string() })?;

        let remedy = format!("{} names it, so fetch every file that it names", entry.name);
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
            let (shard, stored) = self.stored(tensor)?;
            if stored.element.bytes().is_none() {
                return Err(ClipError::ElementType {
                    file: shard.file.label(),
                    tensor: tensor.clone(),
                    dtype: stored.element.to_string(),
                });
            }
            if stored.shape != *shape {
                return Err(ClipError::Shape {
                    file: shard.file.label(),
                    tensor: tensor.clone(),
                    expected: shape.clone(),
                    found: stored.shape.clone(),
                });
            }
        }
        Ok(())
    }

    /// A tensor as `f32`, in the shape it has in the file.
    pub(super) fn tensor(&self, name: &str) -> Result<Tensor, ClipError> {
        let shape = self.stored(name)?.1.shape.as_slice();
        Ok(Tensor::from_vec(self.values(name)?, shape, &Device::Cpu)?)
    }

    /// The shape of a tensor in the file.
    pub(super) fn shape(&self, name: &str) -> Result<&[usize], ClipError> {
        Ok(&self.stored(name)?.1.shape)
    }

    /// A tensor's values as `f32`, row by row.
    pub(super) fn values(&self, name: &str) -> Result<Vec<f32>, ClipError> {
        let (shard, stored) = self.stored(name)?;
        stored.values(name, &shard.file)
    }

    /// The files that hold the weights, with the index where there is one.
    pub(super) fn files(&self) -> impl Iterator<Item = &CheckpointFile> {
        let shards = self.shards.iter().map(|shard| &shard.file);
        std::iter::once(&self.entry).chain(shards.filter(|file| **file != self.entry))
    }

    fn stored(&self, tensor: &str) -> Result<(&Shard, &StoredTensor), ClipError> {
        let missing = |file: &CheckpointFile| ClipError::MissingTensor {
            file: file.label(),
            tensor: tensor.to_owned(),
        };
        let place = self.shard_of.get(tensor).ok_or_else(|| missing(&self.entry))?;
        let shard = &self.shards[*place];
        Ok((shard, shard.tensors.get(tensor).ok_or_else(|| missing(&shard.file))?))
    }
}

/// Says which other form of weights the directory has.
fn absent_weights(source: &CheckpointSource) -> ClipError {
    let remedy = if source.find("open_clip_model.safetensors").is_some()
        || source.find("open_clip_pytorch_model.bin").is_some()
    {
        "there are only weights in open_clip's form: fetch the Hugging Face form of this checkpoint"
            .to_owned()
    } else {
        "fetch it from where the rest of the checkpoint came from".to_owned()
    };
    ClipError::AbsentFile { file: source.label(FILES[0]), remedy }
}

/// One weight file.
#[derive(Debug, Clone)]
struct Shard {
    file: CheckpointFile,
    tensors: HashMap<String, StoredTensor>,
}

impl Shard {
    /// Reads what tensors a file has; its name's ending says which format it has.
    fn open(file: CheckpointFile) -> Result<Self, ClipError> {
        let is_safetensors = Path::new(&file.name).extension().is_some_and(|ending| ending == "safetensors");
        let tensors =
            if is_safetensors { safetensors_file::tensors(&file) } else { torch_file::tensors(&file) }?;
        Ok(Self { file, tensors })
    }
}
