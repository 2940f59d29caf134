//! The weight files: what tensors they have, verified when opened, and the tensors, read and converted when asked for.

use std::collections::{BTreeSet, HashMap};
use std::path::{Component, Path};

use serde::Deserialize;

use super::naming::{Naming, TensorPlace};
use super::stored_tensor::StoredTensor;
use super::{safetensors_file, torch_file};
use crate::clip::error::ClipError;
use crate::clip::files::{CheckpointFile, CheckpointSource};

/// The opened weight files of one checkpoint. Only the descriptions of their tensors are in memory.
#[derive(Debug, Clone)]
pub(in crate::clip) struct Weights {
    /// The one weight file, or the index of several shards.
    entry: CheckpointFile,
    shards: Vec<Shard>,
    /// The files' tensor names → place in `shards`.
    shard_of: HashMap<String, usize>,
    naming: Naming,
}

impl Weights {
    /// Opens a weight file, or the shards of an index.
    ///
    /// # Errors
    /// An absent file, a header that cannot be read, or a file of another length than its header says.
    pub(in crate::clip) fn open(
        source: &CheckpointSource,
        entry: CheckpointFile,
        naming: Naming,
    ) -> Result<Self, ClipError> {
        if entry.name.ends_with(".index.json") {
            return Self::open_shards(source, entry, naming);
        }
        let shard = Shard::open(entry.clone())?;
        let shard_of = shard.tensors.keys().map(|tensor| (tensor.clone(), 0)).collect();
        Ok(Self { entry, shards: vec![shard], shard_of, naming })
    }

    fn open_shards(
        source: &CheckpointSource,
        entry: CheckpointFile,
        naming: Naming,
    ) -> Result<Self, ClipError> {
        #[derive(Deserialize)]
        struct Index {
            weight_map: HashMap<String, String>,
        }
        let Index { weight_map } = serde_json::from_slice(&entry.read()?)
            .map_err(|error| ClipError::Json { file: entry.label(), problem: error.to_string() })?;

        let remedy = format!("{} names it, so fetch every file that it names", entry.name);
        let names: BTreeSet<&String> = weight_map.values().collect();
        let leaves =
            |name: &&String| !Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if let Some(name) = names.iter().copied().find(leaves) {
            let problem =
                format!("it names {name:?}, which is outside of its folder; fetch the checkpoint again");
            return Err(ClipError::Json { file: entry.label(), problem });
        }
        let shards = names
            .iter()
            .map(|name| Shard::open(source.require(name, &remedy)?))
            .collect::<Result<Vec<_>, _>>()?;
        let place: HashMap<&String, usize> = names.into_iter().zip(0..).collect();
        let shard_of = weight_map.iter().map(|(tensor, name)| (tensor.clone(), place[name])).collect();
        Ok(Self { entry, shards, shard_of, naming })
    }

    /// Checks that these tensors are there, with these shapes and with elements that can be converted. Others,
    /// like the `position_ids` of old checkpoints, may be there too.
    pub(in crate::clip) fn verify(&self, expected: &[(String, Vec<usize>)]) -> Result<(), ClipError> {
        for (tensor, shape) in expected {
            let FoundTensor { shard, place, stored } = self.find(tensor)?;
            if stored.element.bytes().is_none() {
                return Err(ClipError::ElementType {
                    file: shard.file.label(),
                    tensor: place.tensor,
                    dtype: stored.element.to_string(),
                });
            }
            if stored.shape != *shape {
                return Err(ClipError::Shape {
                    file: shard.file.label(),
                    tensor: place.to_string(),
                    expected: shape.clone(),
                    found: stored.shape,
                });
            }
        }
        Ok(())
    }

    /// The shape of a tensor.
    pub(in crate::clip) fn shape(&self, name: &str) -> Result<Vec<usize>, ClipError> {
        Ok(self.find(name)?.stored.shape)
    }

    /// A tensor's values as `f32`, row by row.
    pub(in crate::clip) fn values(&self, name: &str) -> Result<Vec<f32>, ClipError> {
        let FoundTensor { shard, place, stored } = self.find(name)?;
        stored.values(&place.tensor, &shard.file)
    }

    /// The names that the files have for their tensors.
    pub(in crate::clip) fn names_in_file(&self) -> impl Iterator<Item = &str> {
        self.shard_of.keys().map(String::as_str)
    }

    /// The shape of a tensor in the file, by its name there.
    pub(in crate::clip) fn shape_in_file(&self, name: &str) -> Result<&[usize], ClipError> {
        let place = self.shard_of.get(name).and_then(|at| self.shards[*at].tensors.get(name));
        place.map(|stored| stored.shape.as_slice()).ok_or_else(|| self.missing(&self.entry, name))
    }

    /// The files that hold the weights, with the index where there is one.
    pub(in crate::clip) fn files(&self) -> impl Iterator<Item = &CheckpointFile> {
        let shards = self.shards.iter().map(|shard| &shard.file);
        std::iter::once(&self.entry).chain(shards.filter(|file| **file != self.entry))
    }

    /// The first of a tensor's places that is there.
    fn find(&self, name: &str) -> Result<FoundTensor<'_>, ClipError> {
        let places = self.naming.places(name);
        let there = places.iter().find(|place| self.shard_of.contains_key(&place.tensor));
        let Some(place) = there.or(places.first()) else {
            return Err(self.missing(&self.entry, name));
        };
        let at = self.shard_of.get(&place.tensor);
        let shard = &self.shards[*at.ok_or_else(|| self.missing(&self.entry, &place.tensor))?];
        let whole = shard.tensors.get(&place.tensor);
        let whole = whole.ok_or_else(|| self.missing(&shard.file, &place.tensor))?;
        Ok(FoundTensor { shard, place: place.clone(), stored: whole.at(place) })
    }

    fn missing(&self, file: &CheckpointFile, tensor: &str) -> ClipError {
        ClipError::MissingTensor { file: file.label(), tensor: tensor.to_owned() }
    }
}

/// A tensor of the model in the files.
struct FoundTensor<'a> {
    shard: &'a Shard,
    place: TensorPlace,
    stored: StoredTensor,
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
