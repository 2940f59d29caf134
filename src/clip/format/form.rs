//! The forms in which checkpoints are kept: which of them a folder has, and what each says of the model.

use super::{open_clip_config, openai_model, transformers_config};
use crate::clip::config::clip_config::{ClipConfig, Family};
use crate::clip::error::ClipError;
use crate::clip::files::{CheckpointFile, CheckpointSource};
use crate::clip::preprocessing::transform::{Preprocessing, PreprocessingOrigin};
use crate::clip::tokenizer::byte_pairs::Manner;
use crate::clip::tokenizer::cleaning::Cleaning;
use crate::clip::tokenizer::prompt_tokenizer::Scheme;
use crate::clip::weights::layout::expected_tensors;
use crate::clip::weights::naming::Naming;
use crate::clip::weights::tensors::Weights;

/// What is known of a checkpoint before its tokenizer. The weights are verified.
#[derive(Debug, Clone)]
pub(in crate::clip) struct Model {
    pub config: ClipConfig,
    /// OpenAI's form has none.
    pub config_file: Option<CheckpointFile>,
    pub tokenizer: Scheme,
    pub preprocessing: Preprocessing,
    pub preprocessing_origin: PreprocessingOrigin,
    /// Where it has a file of its own.
    pub preprocessing_file: Option<CheckpointFile>,
    pub weights: Weights,
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

/// What files of weights end with. Their names may be anything: `epoch_5.pt`, `model.fp16.safetensors`.
const WEIGHT_ENDINGS: [&str; 4] = [".safetensors", ".bin", ".pt", ".pth"];

/// A file beside the weights of an adapter, which changes them.
const ADAPTER: &str = "adapter_config.json";

/// Finds out a checkpoint's form and reads what it says. A folder that has both transformers' and open_clip's files, as
/// many have, is read in transformers' form.
///
/// # Errors
/// Whatever is absent, malformed, cut short or describes a model that is not known.
pub(in crate::clip) fn read(source: &CheckpointSource) -> Result<Model, ClipError> {
    if source.find(ADAPTER).is_some() {
        return Err(ClipError::Setting {
            file: source.label(ADAPTER),
            key: "peft_type".to_owned(),
            problem: "makes this an adapter (PEFT, LoRA), which changes another model's weights. Merge first: load it in Python, model \
                      = model.merge_and_unload(), model.save_pretrained(FOLDER), and give that folder"
                .to_owned(),
        });
    }
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
    let model = transformers_config::read(&config_file)?;
    let config = model.config;
    let weights = source.find_first(&TRANSFORMERS_WEIGHTS).ok_or_else(|| {
        if source.find_first(&OPEN_CLIP_WEIGHTS).is_some() {
            let remedy = "there are weights in open_clip's form: fetch open_clip_config.json, with which they can be used";
            return absent(source, TRANSFORMERS_WEIGHTS[0], remedy);
        }
        let remedy = match other_weights(source).as_slice() {
            [] => "fetch it from where the rest of the checkpoint came from".to_owned(),
            [one] => format!("there is {}: if these are the weights that are meant, rename the file", one.name),
            several => format!(
                "there are {}: give the one that is meant this name",
                several.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(", ")
            ),
        };
        absent(source, TRANSFORMERS_WEIGHTS[0], &remedy)
    })?;
    let weights = Weights::open(source, weights, Naming::Transformers)?;
    weights.verify(&expected_tensors(&config), None)?;
    let image_size = config.vision.image_size();
    let (preprocessing, preprocessing_file) = Preprocessing::find(source, image_size, config.family)?;
    Ok(Model {
        config,
        config_file: Some(config_file),
        tokenizer: model.tokenizer,
        preprocessing,
        preprocessing_origin: match &preprocessing_file {
            Some(file) => PreprocessingOrigin::File(file.name.clone()),
            None => PreprocessingOrigin::FamilyDefault,
        },
        preprocessing_file,
        weights,
    })
}

fn open_clip_model(source: &CheckpointSource, config_file: CheckpointFile) -> Result<Model, ClipError> {
    let weights = match (source.find_first(&OPEN_CLIP_WEIGHTS), other_weights(source).as_slice()) {
        (Some(file), _) => file,
        // A checkpoint of a training has a name of its own.
        (None, [file]) => file.clone(),
        (None, []) => {
            let remedy = "fetch it from where open_clip_config.json came from";
            return Err(absent(source, OPEN_CLIP_WEIGHTS[0], remedy));
        }
        (None, several) => {
            let names: Vec<&str> = several.iter().map(|file| file.name.as_str()).collect();
            let remedy = format!("there are {}: leave the one that is meant", names.join(", "));
            return Err(absent(source, OPEN_CLIP_WEIGHTS[0], &remedy));
        }
    };
    let weights = Weights::open(source, weights, Naming::OpenClip)?;
    let model = open_clip_config::read(&config_file, &weights)?;
    // The part of CoCa that writes captions.
    let decoder = (model.config.family == Family::CoCa).then_some("text_decoder.");
    weights.verify(&expected_tensors(&model.config), decoder)?;
    Ok(Model {
        config: model.config,
        tokenizer: model.tokenizer,
        preprocessing: model.preprocessing,
        preprocessing_origin: match model.has_preprocessing {
            true => PreprocessingOrigin::File(config_file.name.clone()),
            false => PreprocessingOrigin::FamilyDefault,
        },
        config_file: Some(config_file),
        preprocessing_file: None,
        weights,
    })
}

fn openai_model_in(source: &CheckpointSource, file: CheckpointFile) -> Result<Model, ClipError> {
    let weights = Weights::open(source, file.clone(), Naming::OpenClip)?;
    let config = openai_model::config(&file, &weights)?;
    weights.verify(&expected_tensors(&config), None)?;
    let preprocessing = Preprocessing::clip(config.vision.image_size());
    Ok(Model {
        config,
        config_file: None,
        tokenizer: Scheme::Simple { cleaning: Cleaning::openai(), manner: Manner::OpenAi },
        preprocessing,
        preprocessing_origin: PreprocessingOrigin::FamilyDefault,
        preprocessing_file: None,
        weights,
    })
}

/// Files that look like weights under names that are not expected.
fn other_weights(source: &CheckpointSource) -> Vec<CheckpointFile> {
    let files = WEIGHT_ENDINGS.iter().flat_map(|ending| source.find_ending(ending));
    // What trained a model, and tokenizers that end so.
    let others = [
        "training_args.bin",
        "optimizer.pt",
        "scheduler.pt",
        "optimizer.bin",
        "scheduler.bin",
        "sentencepiece.bpe.model",
    ];
    files
        .filter(|file| !others.contains(&file.name.as_str()) && !file.name.starts_with("rng_state"))
        .collect()
}

fn absent(source: &CheckpointSource, name: &str, remedy: &str) -> ClipError {
    ClipError::AbsentFile { file: source.label(name), remedy: remedy.to_owned() }
}
