//! The forms in which checkpoints are kept: which of them a folder has, and what each says of the model.

use super::{open_clip_config, openai_model, transformers_config};
use crate::clip::config::clip_config::{ClipConfig, Family};
use crate::clip::error::ClipError;
use crate::clip::files::{CheckpointFile, CheckpointSource};
use crate::clip::preprocessing::transform::Preprocessing;
use crate::clip::weights::layout::expected_tensors;
use crate::clip::weights::naming::Naming;
use crate::clip::weights::tensors::Weights;

/// What is known of a checkpoint before its tokenizer. The weights are verified.
#[derive(Debug, Clone)]
pub(in crate::clip) struct Model {
    pub form: CheckpointForm,
    pub config: ClipConfig,
    /// OpenAI's form has none.
    pub config_file: Option<CheckpointFile>,
    pub preprocessing: Preprocessing,
    /// Where it has a file of its own.
    pub preprocessing_file: Option<CheckpointFile>,
    pub weights: Weights,
}

/// Whose form a checkpoint has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::clip) enum CheckpointForm {
    /// `config.json`, `model.safetensors` and others, as transformers writes them.
    Transformers,
    /// `open_clip_config.json` and `open_clip_model.safetensors`.
    OpenClip,
    /// One `.pt` file, as OpenAI published its models.
    OpenAi,
}

const CONFIG: &str = "config.json";
const OPEN_CLIP_CONFIG: &str = "open_clip_config.json";

/// Names of weight files, the first that is there counts: safetensors before PyTorch's own, which hold the same.
const TRANSFORMERS_WEIGHTS: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];
const OPEN_CLIP_WEIGHTS: [&str; 2] = ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"];

/// Finds out a checkpoint's form and reads what it says. A folder that has both transformers' and open_clip's files, as
/// many have, is read in transformers' form.
///
/// # Errors
/// Whatever is absent, malformed, cut short or describes a model that is not known.
pub(in crate::clip) fn read(source: &CheckpointSource) -> Result<Model, ClipError> {
    let config = source.find(CONFIG);
    let open_clip = source.find(OPEN_CLIP_CONFIG);
    let whole = config.as_ref().is_some_and(transformers_config::is_known)
        && source.find_first(&TRANSFORMERS_WEIGHTS).is_some();
    match open_clip {
        Some(file) if !whole => return open_clip_model(source, file),
        _ => {}
    }
    match (config, source.find_ending(".pt").as_slice()) {
        (None, [file]) => openai_model_in(source, file.clone()),
        (None, [first, second, ..]) => Err(ClipError::AbsentFile {
            file: source.label(CONFIG),
            remedy: format!(
                "without it a folder is one of OpenAI's models, but there are {} and {}: leave one of them",
                first.name, second.name
            ),
        }),
        _ => transformers_model(source),
    }
}

fn transformers_model(source: &CheckpointSource) -> Result<Model, ClipError> {
    let config_file = source.require(
        CONFIG,
        "a checkpoint is a folder with config.json, model.safetensors, tokenizer.json and preprocessor_config.json, or with \
         open_clip_config.json and open_clip_model.safetensors, or with one .pt file of OpenAI's",
    )?;
    let config = transformers_config::read(&config_file)?;
    let weights = source.find_first(&TRANSFORMERS_WEIGHTS).ok_or_else(|| {
        let remedy = if source.find_first(&OPEN_CLIP_WEIGHTS).is_some() {
            "there are weights in open_clip's form: fetch open_clip_config.json, with which they can be used"
        } else {
            "fetch it from where the rest of the checkpoint came from"
        };
        absent(source, TRANSFORMERS_WEIGHTS[0], remedy)
    })?;
    let weights = Weights::open(source, weights, Naming::Transformers)?;
    weights.verify(&expected_tensors(&config))?;
    let preprocessing_file = source.find("preprocessor_config.json");
    let image_size = config.vision.image_size();
    let preprocessing = match (&preprocessing_file, config.family) {
        (Some(file), family) => Preprocessing::read(file, image_size, family)?,
        (None, Family::Clip) => Preprocessing::clip(image_size),
        (None, Family::Siglip) => Preprocessing::siglip(image_size),
    };
    Ok(Model {
        form: CheckpointForm::Transformers,
        config,
        config_file: Some(config_file),
        preprocessing,
        preprocessing_file,
        weights,
    })
}

fn open_clip_model(source: &CheckpointSource, config_file: CheckpointFile) -> Result<Model, ClipError> {
    let weights = source.find_first(&OPEN_CLIP_WEIGHTS).ok_or_else(|| {
        absent(source, OPEN_CLIP_WEIGHTS[0], "fetch it from where open_clip_config.json came from")
    })?;
    let weights = Weights::open(source, weights, Naming::OpenClip)?;
    let (config, preprocessing) = open_clip_config::read(&config_file, &weights)?;
    weights.verify(&expected_tensors(&config))?;
    Ok(Model {
        form: CheckpointForm::OpenClip,
        config,
        config_file: Some(config_file),
        preprocessing,
        preprocessing_file: None,
        weights,
    })
}

fn openai_model_in(source: &CheckpointSource, file: CheckpointFile) -> Result<Model, ClipError> {
    let weights = Weights::open(source, file.clone(), Naming::OpenClip)?;
    let config = openai_model::config(&file, &weights)?;
    weights.verify(&expected_tensors(&config))?;
    let preprocessing = Preprocessing::clip(config.vision.image_size());
    Ok(Model {
        form: CheckpointForm::OpenAi,
        config,
        config_file: None,
        preprocessing,
        preprocessing_file: None,
        weights,
    })
}

fn absent(source: &CheckpointSource, name: &str, remedy: &str) -> ClipError {
    ClipError::AbsentFile { file: source.label(name), remedy: remedy.to_owned() }
}
