//! The embedded demo: everything below `data/demo/`, built into the program.

use serde::Deserialize;

use super::demo_sheets::{SheetClass, from_sheets};
use crate::clip::CheckpointSource;
use crate::dataset::{Dataset, DatasetError};
use crate::prompts::{PromptError, PromptSet};

macro_rules! demo_file {
    ($path:literal) => {
        include_bytes!(concat!("../../../data/demo/", $path))
    };
}

/// Said wherever the demo's numbers are shown.
pub const CAUTION: &str = "demo model: to try the workbench, not to publish numbers from";

const CHECKPOINT: &[(&str, &[u8])] = &[
    ("config.json", demo_file!("checkpoint/config.json")),
    ("model.safetensors", demo_file!("checkpoint/model.safetensors")),
    ("preprocessor_config.json", demo_file!("checkpoint/preprocessor_config.json")),
    ("tokenizer.json", demo_file!("checkpoint/tokenizer.json")),
];

const INDEX: &str = include_str!("../../../data/demo/images/index.json");

const SHEETS: &[(&str, &[u8])] = &[
    ("airplane.png", demo_file!("images/airplane.png")),
    ("automobile.png", demo_file!("images/automobile.png")),
    ("bird.png", demo_file!("images/bird.png")),
    ("cat.png", demo_file!("images/cat.png")),
    ("deer.png", demo_file!("images/deer.png")),
    ("dog.png", demo_file!("images/dog.png")),
    ("frog.png", demo_file!("images/frog.png")),
    ("horse.png", demo_file!("images/horse.png")),
    ("ship.png", demo_file!("images/ship.png")),
    ("truck.png", demo_file!("images/truck.png")),
];

#[derive(Deserialize)]
struct Index {
    classes: Vec<IndexClass>,
}

#[derive(Deserialize)]
struct IndexClass {
    class: String,
    sheet: String,
    indices: Vec<u32>,
}

/// The demo's checkpoint.
pub fn checkpoint() -> CheckpointSource {
    CheckpointSource::Embedded { name: "demo checkpoint", files: CHECKPOINT }
}

/// The demo's images: 100 of each of CIFAR-10's classes, from its test split.
pub fn dataset() -> Result<Dataset, DatasetError> {
    let index: Index = serde_json::from_str(INDEX)
        .map_err(|error| DatasetError::Sheet { class: "index.json".into(), problem: error.to_string() })?;
    let sheet =
        |name: &str| SHEETS.iter().find(|(sheet, _)| *sheet == name).map_or(&[][..], |(_, bytes)| bytes);
    let classes: Vec<SheetClass<'_>> = index
        .classes
        .iter()
        .map(|class| SheetClass { name: &class.class, sheet: sheet(&class.sheet), indices: &class.indices })
        .collect();
    from_sheets("demo", &classes)
}

/// The names of the demo's prompt sets.
pub const PROMPT_SETS: [&str; 2] = ["demo-templates", "demo-cupl"];

/// The demo's hand-written templates.
pub fn templates() -> Result<PromptSet, PromptError> {
    let lines: Vec<String> =
        include_str!("../../../data/demo/templates.txt").lines().map(str::to_owned).collect();
    PromptSet::from_templates(PROMPT_SETS[0], &lines)
}

/// The demo's CuPL prompts.
pub fn cupl() -> Result<PromptSet, PromptError> {
    PromptSet::from_json(PROMPT_SETS[1], include_str!("../../../data/demo/cupl.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_is_whole() {
        let dataset = dataset().unwrap();
        assert_eq!(dataset.images.len(), 1000);
        let names = dataset.class_names();
        let listed: Vec<String> =
            serde_json::from_str(include_str!("../../../data/demo/class_names.json")).unwrap();
        assert_eq!(names, listed);
        for label in 0..names.len() {
            assert_eq!(dataset.images.iter().filter(|image| image.label == label).count(), 100);
        }
        let cupl = cupl().unwrap().resolve(&names).unwrap();
        assert!(cupl.per_class.iter().all(|prompts| prompts.len() >= 20));
        assert!(cupl.loosely_matched.is_empty() && cupl.left_over.is_empty());
        assert!(templates().unwrap().resolve(&names).unwrap().per_class[0].len() >= 5);
        crate::clip::Checkpoint::open(checkpoint()).unwrap();
    }

    #[test]
    fn it_stays_small() {
        let size = |files: &[(&str, &[u8])]| files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        assert!(size(CHECKPOINT) <= 8_000_000);
        assert!(size(SHEETS) <= 3_000_000);
    }
}
