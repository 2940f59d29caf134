//! The weight files: what tensors they have, verified when opened, and the tensors, read and converted when asked for.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Component, Path};

use serde::Deserialize;

use super::naming::{Naming, TensorPlace};
use super::stored_tensor::StoredTensor;
use super::{safetensors_file, strangers, torch_file, wrapper};
use crate::clip::error::ClipError;
use crate::clip::files::{CheckpointFile, CheckpointSource};

/// The opened weight files of one checkpoint. Only the descriptions of their tensors are in memory.
#[derive(Debug, Clone)]
pub(in crate::clip) struct Weights {
    /// The one weight file, or the index of several shards.
    entry: CheckpointFile,
    shards: Vec<Shard>,
    /// The files' tensor names, without the wrapper → place in `shards`.
    shard_of: HashMap<String, usize>,
    /// What stands before every name of the model in the files: `module.`, or nothing.
    wrapper: String,
    /// Names that do not begin so.
    outside: Vec<String>,
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
        Self::unwrapped(entry, vec![shard], shard_of, naming)
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
        if let Some(name) = names.iter().find(|name| !lies_within(name)) {
            return Err(ClipError::Setting {
                file: entry.label(),
                key: "weight_map".to_owned(),
                problem: format!(
                    "names the file {name:?}, which is not in the checkpoint's folder; an index names files beside it, so \
                     fetch it again"
                ),
            });
        }
        let shards = names
            .iter()
            .map(|name| Shard::open(source.require(name, &remedy)?))
            .collect::<Result<Vec<_>, _>>()?;
        let place: HashMap<&String, usize> = names.into_iter().zip(0..).collect();
        let shard_of = weight_map.iter().map(|(tensor, name)| (tensor.clone(), place[name])).collect();
        Self::unwrapped(entry, shards, shard_of, naming)
    }

    /// Takes away what a training program put before every name.
    fn unwrapped(
        entry: CheckpointFile,
        mut shards: Vec<Shard>,
        shard_of: HashMap<String, usize>,
        naming: Naming,
    ) -> Result<Self, ClipError> {
        let wrapper = wrapper::of_names(shard_of.keys().map(String::as_str))
            .map_err(|problem| ClipError::ForeignTensors { file: entry.label(), problem })?;
        let (mut within, mut outside) = (HashMap::new(), Vec::new());
        for (name, at) in shard_of {
            match name.strip_prefix(&wrapper) {
                Some(rest) => drop(within.insert(rest.to_owned(), at)),
                None => outside.push(name),
            }
        }
        if !wrapper.is_empty() {
            for shard in &mut shards {
                let tensors = std::mem::take(&mut shard.tensors).into_iter();
                shard.tensors = tensors
                    .filter_map(|(name, tensor)| Some((name.strip_prefix(&wrapper)?.to_owned(), tensor)))
                    .collect();
            }
        }
        Ok(Self { entry, shards, shard_of: within, wrapper, outside, naming })
    }

    /// Checks that these tensors are there, with these shapes and with elements that can be converted, and that there are
    /// no others: what no part of the model takes would be missing from its results. Buffers that hold nothing learned,
    /// like the `position_ids` of old checkpoints, are known by their names, and so is a part of the model that makes no
    /// embeddings: what begins with `left_out`.
    pub(in crate::clip) fn verify(
        &self,
        expected: &[(String, Vec<usize>)],
        left_out: Option<&str>,
    ) -> Result<(), ClipError> {
        let known = self.shard_of.keys().chain(&self.outside).map(String::as_str);
        if let Some(problem) = strangers::changed_layers(known) {
            return Err(ClipError::ForeignTensors { file: self.entry.label(), problem });
        }
        let mut taken = HashSet::new();
        for (tensor, shape) in expected {
            let FoundTensor { shard, place, stored } = self.find(tensor)?;
            taken.insert(place.tensor.clone());
            if stored.element.bytes().is_none() {
                return Err(ClipError::ElementType {
                    file: shard.file.label(),
                    tensor: self.name_in_file(&place.tensor),
                    dtype: stored.element.to_string(),
                });
            }
            if stored.shape != *shape {
                return Err(ClipError::Shape {
                    file: shard.file.label(),
                    tensor: self.name_in_file(&place.to_string()),
                    expected: shape.clone(),
                    found: stored.shape,
                });
            }
        }
        let is_left_out = |name: &str| left_out.is_some_and(|start| name.starts_with(start));
        let left = self
            .shard_of
            .keys()
            .filter(|name| !taken.contains(*name) && !strangers::is_buffer(name) && !is_left_out(name));
        let left = left.map(|name| self.name_in_file(name)).chain(self.outside.iter().cloned());
        match strangers::untaken(left.collect()) {
            None => Ok(()),
            Some(problem) => Err(ClipError::ForeignTensors { file: self.entry.label(), problem }),
        }
    }

    /// What a tensor is called in the file.
    fn name_in_file(&self, name: &str) -> String {
        format!("{}{name}", self.wrapper)
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

    /// How many blocks the file has whose names begin so and go on with their number.
    pub(in crate::clip) fn blocks_in_file(&self, start: &str) -> usize {
        let number = |name: &str| name.strip_prefix(start)?.split('.').next()?.parse::<usize>().ok();
        self.names_in_file().filter_map(number).max().map_or(0, |last| last + 1)
    }

    /// The files that hold the weights, with the index where there is one.
    pub(in crate::clip) fn files(&self) -> impl Iterator<Item = &CheckpointFile> {
        let shards = self.shards.iter().map(|shard| &shard.file);
        std::iter::once(&self.entry).chain(shards.filter(|file| **file != self.entry))
    }

    /// The first of a tensor's places that is there.
    fn find(&self, name: &str) -> Result<FoundTensor<'_>, ClipError> {
        let places = self.naming.places(name);
        let there = |place: &&TensorPlace| self.shard_of.contains_key(&place.tensor);
        let Some(place) = places.iter().find(there) else {
            return Err(self.missing(&self.entry, self.own_spelling(&places).unwrap_or(name)));
        };
        let shard = &self.shards[self.shard_of[&place.tensor]];
        let whole = shard.tensors.get(&place.tensor);
        let whole = whole.ok_or_else(|| self.missing(&shard.file, &place.tensor))?;
        Ok(FoundTensor { shard, place: place.clone(), stored: whole.at(place) })
    }

    /// Of the names that an absent tensor may have, the one of which the fewest last parts are in no name of the file.
    fn own_spelling<'a>(&self, places: &'a [TensorPlace]) -> Option<&'a str> {
        let alike = |a: &str, b: &str| a.split('.').zip(b.split('.')).take_while(|(a, b)| a == b).count();
        let most = |name: &str| self.names_in_file().map(|other| alike(name, other)).max().unwrap_or(0);
        let names = places.iter().map(|place| place.tensor.as_str());
        names.min_by_key(|name| {
            let there = most(name);
            (name.split('.').count() - there, std::cmp::Reverse(there))
        })
    }

    fn missing(&self, file: &CheckpointFile, tensor: &str) -> ClipError {
        ClipError::MissingTensor { file: file.label(), tensor: self.name_in_file(tensor) }
    }
}

/// Whether a path names something in the folder itself, or in a folder of it.
fn lies_within(name: &str) -> bool {
    let mut parts = Path::new(name).components().peekable();
    // A backslash separates folders on one system and is a letter on others.
    !name.contains('\\') && parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
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
