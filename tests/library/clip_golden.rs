//! The `clip` module against the reference implementations: token ids, pixels, pixel values and embeddings computed
//! with transformers and Pillow (experiments/golden-fixtures), and candle-transformers' towers run here.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::reference::{Reference, largest_difference, lowest_cosine};
use candle_core::{DType, Device, Tensor};
use candle_nn::{Module, VarBuilder};
use candle_transformers::models::clip::text_model::{Activation, ClipTextConfig, ClipTextTransformer};
use candle_transformers::models::clip::vision_model::{ClipVisionConfig, ClipVisionTransformer};
use cupl_tui::clip::{Checkpoint, CheckpointSource, ClipError, Precision, TokenizedPrompt, VisionConfig};
use image::RgbImage;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;

/// The standard deviation in all goldens' preprocessing.
const STD: [f32; 3] = [0.2686, 0.2613, 0.2758];

fn own_fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clip")
}

fn own_references() -> [Reference; 2] {
    ["tiny-quickgelu", "tiny-gelu"].map(|name| Reference::open(&own_fixtures().join(name)))
}

/// The fixtures beside the checkout, which not every machine has.
fn shared_fixtures() -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures");
    if directory.is_dir() {
        return Some(directory);
    }
    eprintln!("skipped: ../shared is not there");
    None
}

fn shared_references(directory: &Path) -> [Reference; 2] {
    ["tiny-quickgelu", "tiny-gelu"].map(|name| Reference::open(&directory.join(name)))
}

fn own_picture(name: &str) -> RgbImage {
    image::open(own_fixtures().join(format!("pictures/{name}.png"))).unwrap().to_rgb8()
}

fn check_tokens(reference: &Reference) {
    for (at, (prompt, ids)) in reference.prompts().iter().zip(&reference.golden.input_ids).enumerate() {
        assert_eq!(prompt.ids, *ids, "{:?}", reference.golden.prompts[at]);
        if let Some(truncated) = &reference.golden.truncated {
            assert_eq!(prompt.truncated, truncated[at], "{:?}", reference.golden.prompts[at]);
        }
    }
}

fn check_embeddings(reference: &Reference) {
    let checkpoint = &reference.checkpoint;
    let dim = checkpoint.config().dim;
    let images =
        checkpoint.image_encoder(Precision::F32).unwrap().encode(&reference.values("pixel_values")).unwrap();
    let text_encoder = checkpoint.text_encoder(Precision::F32).unwrap();
    let texts = text_encoder.encode(&reference.prompts()).unwrap();
    assert!(lowest_cosine(&images, &reference.values("image_embeds"), dim) >= 0.99999);
    assert!(lowest_cosine(&texts.projected, &reference.values("text_embeds"), dim) >= 0.99999);
    let pooled = reference.values("text_pooled");
    assert!(lowest_cosine(&texts.pooled, &pooled, text_encoder.hidden_size()) >= 0.99999);
    // Cosines say nothing about lengths.
    assert!(largest_difference(&images, &reference.values("image_embeds")) < 1e-4);
    assert!(largest_difference(&texts.projected, &reference.values("text_embeds")) < 1e-4);

    let scale = checkpoint.logit_scale().unwrap().exp();
    let logits = logits(&images, &texts.projected, dim, scale);
    assert!(largest_difference(&logits, &reference.values("logits_per_image")) < 1e-3);
}

fn logits(images: &[f32], texts: &[f32], dim: usize, scale: f32) -> Vec<f32> {
    let pairs =
        images.chunks_exact(dim).flat_map(|image| texts.chunks_exact(dim).map(move |text| (image, text)));
    pairs.map(|(image, text)| scale * lowest_cosine(image, text, dim)).collect()
}

/// From files on disk to embeddings.
fn check_end_to_end(reference: &Reference, pictures: &[RgbImage], lowest: f32) {
    let preprocessing = reference.checkpoint.preprocessing();
    let values: Vec<f32> = pictures.iter().flat_map(|picture| preprocessing.pixel_values(picture)).collect();
    let images = reference.checkpoint.image_encoder(Precision::F32).unwrap().encode(&values).unwrap();
    let cosine = lowest_cosine(&images, &reference.values("image_embeds"), reference.checkpoint.config().dim);
    assert!(cosine >= lowest, "{cosine}");
}

#[test]
fn tokens_are_the_references() {
    own_references().iter().for_each(check_tokens);
    if let Some(directory) = shared_fixtures() {
        shared_references(&directory).iter().for_each(check_tokens);
    }
}

/// A checkpoint folder whose tokenizer is in its parts, or in the form that OpenAI published.
fn with_parts_of_tokenizer(folder: &Path, published: bool) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let tokenizer: Value =
        serde_json::from_slice(&std::fs::read(folder.join("tokenizer.json")).unwrap()).unwrap();
    let merge = |merge: &Value| match merge {
        Value::Array(pair) => format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()),
        merge => merge.as_str().unwrap().to_owned(),
    };
    let merges: Vec<String> = tokenizer["model"]["merges"].as_array().unwrap().iter().map(merge).collect();
    let merges = format!("#version: 0.2\n{}\n", merges.join("\n"));
    if published {
        let file = std::fs::File::create(copy.path().join("bpe_simple_vocab_16e6.txt.gz")).unwrap();
        let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        // The published file has merges that no tokenizer uses after those that count.
        packed.write_all(format!("{merges}not used\nnot used\n").as_bytes()).unwrap();
        packed.finish().unwrap();
    } else {
        std::fs::write(copy.path().join("vocab.json"), tokenizer["model"]["vocab"].to_string()).unwrap();
        std::fs::write(copy.path().join("merges.txt"), merges).unwrap();
    }
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if name != "tokenizer.json" {
            std::fs::copy(&path, copy.path().join(name)).unwrap();
        }
    }
    copy
}

#[test]
fn a_tokenizer_in_parts_is_the_same() {
    for name in ["tiny-quickgelu", "tiny-gelu"] {
        let folder = with_parts_of_tokenizer(&own_fixtures().join(name), false);
        let reference = Reference::open(folder.path());
        check_tokens(&reference);
        let names: Vec<String> = reference.checkpoint.files().into_iter().map(|file| file.name).collect();
        assert_eq!(names[1..3], ["vocab.json", "merges.txt"]);
    }
}

#[test]
fn tokens_of_published_prompts_are_the_references() {
    #[derive(Deserialize)]
    struct Line {
        text: String,
        ids: Vec<u32>,
    }
    let Some(directory) = shared_fixtures() else { return };
    let lines = std::fs::read_to_string(directory.join("tokenizer_golden.jsonl")).unwrap();
    let lines: Vec<Line> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1500);
    let whole = directory.join("tiny-quickgelu");
    let parts = [false, true].map(|published| with_parts_of_tokenizer(&whole, published));
    for folder in [whole.as_path(), parts[0].path(), parts[1].path()] {
        let source = CheckpointSource::Directory(folder.to_owned());
        let tokenizer = Checkpoint::open(source).unwrap().tokenizer().unwrap();
        for line in &lines {
            assert_eq!(tokenizer.tokenize(&line.text).unwrap().ids, line.ids, "{}", line.text);
        }
    }
}

#[test]
fn embeddings_are_the_references() {
    own_references().iter().for_each(check_embeddings);
    if let Some(directory) = shared_fixtures() {
        shared_references(&directory).iter().for_each(check_embeddings);
    }
}

#[test]
fn resized_pictures_are_pillows() {
    let golden = own_fixtures().join("pictures/golden.safetensors");
    let golden = candle_core::safetensors::load(golden, &Device::Cpu).unwrap();
    let open_clip = open_clip_checkpoint();
    for (key, pixels) in &golden {
        let (name, filter) = key.split_once('/').unwrap();
        let picture = own_picture(name);
        let expected: Vec<u8> = pixels.flatten_all().unwrap().to_vec1().unwrap();
        if filter == "open-clip" {
            assert!(*open_clip.preprocessing().resize_and_crop(&picture).as_raw() == expected, "{key}");
            continue;
        }
        let settings = match filter {
            "exact" => r#"{"size": {"height": 32, "width": 32}}"#.to_owned(),
            _ => {
                let filters = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"];
                let number = filters.iter().position(|known| *known == filter).unwrap();
                format!(r#"{{"resample": {number}}}"#)
            }
        };
        let found = with_settings(&settings).preprocessing().resize_and_crop(&picture);
        assert_eq!(found.dimensions(), (32, 32));
        assert!(*found.as_raw() == expected, "{key}");
    }
    assert_eq!(golden.len(), 16 * 8);
}

/// A checkpoint in open_clip's form whose pictures are 32 × 32 pixels, treated as open_clip does by itself.
fn open_clip_checkpoint() -> Checkpoint {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/architectures/open-clip-gelu");
    let directory = tempfile::tempdir().unwrap();
    for name in ["vocab.json", "merges.txt", "open_clip_model.safetensors"] {
        std::fs::copy(folder.join(name), directory.path().join(name)).unwrap();
    }
    let config = std::fs::read(folder.join("open_clip_config.json")).unwrap();
    let mut config: Value = serde_json::from_slice(&config).unwrap();
    config["preprocess_cfg"] = Value::Null;
    std::fs::write(directory.path().join("open_clip_config.json"), config.to_string()).unwrap();
    Checkpoint::open(CheckpointSource::Directory(directory.path().to_owned())).unwrap()
}

/// The tiny QuickGELU checkpoint (32 × 32 pixels) with another `preprocessor_config.json`.
fn with_settings(preprocessor_config: &str) -> Checkpoint {
    let directory = tempfile::tempdir().unwrap();
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(own_fixtures().join("tiny-quickgelu").join(name), directory.path().join(name)).unwrap();
    }
    std::fs::write(directory.path().join("preprocessor_config.json"), preprocessor_config).unwrap();
    Checkpoint::open(CheckpointSource::Directory(directory.path().to_owned())).unwrap()
}

#[test]
fn pixel_values_of_lossless_pictures_are_the_references() {
    for reference in own_references() {
        let pictures: Vec<RgbImage> =
            reference.golden.pictures.iter().map(|name| own_picture(name)).collect();
        let preprocessing = reference.checkpoint.preprocessing();
        let values: Vec<f32> =
            pictures.iter().flat_map(|picture| preprocessing.pixel_values(picture)).collect();
        assert!(largest_difference(&values, &reference.values("pixel_values")) < 1e-6);
        check_end_to_end(&reference, &pictures, 0.99999);
    }
}

/// JPEG decoders differ by a level here and there, so this is about the average. `pixel_values_hf` are transformers' own; the
/// other goldens were made with OpenAI's and open_clip's crop, which is a pixel beside it for some of these photos, so that
/// embeddings of the others alone are compared.
#[test]
fn pixel_values_of_photos_are_near_the_references() {
    let Some(directory) = shared_fixtures() else { return };
    for reference in shared_references(&directory) {
        let photo = |name: &String| image::open(directory.join("photos").join(name)).unwrap().to_rgb8();
        let photos: Vec<RgbImage> = reference.golden.pictures.iter().map(photo).collect();
        let preprocessing = reference.checkpoint.preprocessing();
        let expected = reference.values("pixel_values_hf");
        let side = preprocessing.image_size();
        let dim = reference.checkpoint.config().dim;
        let encoder = reference.checkpoint.image_encoder(Precision::F32).unwrap();
        let (cropped, embeddings) = (reference.values("pixel_values"), reference.values("image_embeds"));
        let mut compared = 0;
        for (at, (photo, expected)) in photos.iter().zip(expected.chunks_exact(3 * side * side)).enumerate() {
            let levels: Vec<f32> = preprocessing
                .pixel_values(photo)
                .chunks_exact(side * side)
                .zip(expected.chunks_exact(side * side))
                .zip(STD)
                .flat_map(|((found, expected), std)| {
                    found.iter().zip(expected).map(move |(a, b)| (a - b).abs() * std * 255.0)
                })
                .collect();
            let mean = levels.iter().sum::<f32>() / levels.len() as f32;
            let largest = levels.iter().copied().fold(0.0, f32::max);
            println!("{}: {mean:.3} levels on average, {largest:.0} at most", reference.golden.pictures[at]);
            assert!(mean <= 1.0, "{}", reference.golden.pictures[at]);
            if largest_difference(expected, &cropped[at * expected.len()..][..expected.len()]) < 0.1 {
                let found = encoder.encode(&preprocessing.pixel_values(photo)).unwrap();
                assert!(lowest_cosine(&found, &embeddings[at * dim..][..dim], dim) > 0.999);
                compared += 1;
            }
        }
        assert!(compared > 3, "{compared}");
    }
}

#[test]
fn a_batch_gives_what_single_inputs_give() {
    for reference in own_references() {
        let (prompts, pixels) = (reference.prompts(), reference.values("pixel_values"));
        let text_encoder = reference.checkpoint.text_encoder(Precision::F32).unwrap();
        let batch = text_encoder.encode(&prompts).unwrap();
        let single: Vec<f32> = prompts
            .iter()
            .flat_map(|prompt| text_encoder.encode(std::slice::from_ref(prompt)).unwrap().projected)
            .collect();
        assert!(largest_difference(&batch.projected, &single) < 1e-5);

        let image_encoder = reference.checkpoint.image_encoder(Precision::F32).unwrap();
        let batch = image_encoder.encode(&pixels).unwrap();
        let one = pixels.len() / reference.golden.pictures.len();
        let single: Vec<f32> =
            pixels.chunks_exact(one).flat_map(|image| image_encoder.encode(image).unwrap()).collect();
        assert!(largest_difference(&batch, &single) < 1e-5);
    }
}

/// Prompts of few words, so that many begin alike, are prefixes of each other or the same; some are empty, some fill
/// the context.
fn alike_prompts() -> impl Strategy<Value = Vec<TokenizedPrompt>> {
    const CONTEXT: usize = 24;
    let words = prop_oneof![
        8 => proptest::collection::vec(5u32..8, 0..8),
        1 => proptest::collection::vec(5u32..6, CONTEXT - 2),
    ];
    let prompt = words.prop_map(|words| {
        let ids = [vec![614], words, vec![615]].concat();
        TokenizedPrompt { truncated: ids.len() == CONTEXT, ids, filling: None }
    });
    proptest::collection::vec(prompt, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn prompts_that_share_their_beginnings_are_as_each_on_its_own(
        prompts in alike_prompts(), threads in 1usize..5,
    ) {
        for reference in own_references() {
            for precision in Precision::ALL {
                let encoder = reference.checkpoint.text_encoder(precision).unwrap();
                let apart = encoder.encode_separately(&prompts).unwrap();
                let together = encoder.encode(&prompts).unwrap();
                prop_assert!(lowest_cosine(&together.projected, &apart.projected, encoder.dim()) >= 0.999999);
                prop_assert!(largest_difference(&together.pooled, &apart.pooled) < 1e-5);
                for group in encoder.groups(&prompts, threads).unwrap() {
                    let of_group: Vec<_> = group.iter().map(|&at| prompts[at].clone()).collect();
                    let found = encoder.encode(&of_group).unwrap().projected;
                    for (row, at) in found.chunks_exact(encoder.dim()).zip(group) {
                        let expected = &apart.projected[at * encoder.dim()..][..encoder.dim()];
                        prop_assert!(largest_difference(row, expected) < 1e-5);
                    }
                }
            }
        }
    }
}

#[test]
fn nothing_after_the_end_of_text_counts() {
    for reference in own_references() {
        let encoder = reference.checkpoint.text_encoder(Precision::F32).unwrap();
        let prompt = reference.checkpoint.tokenizer().unwrap().tokenize("a frog").unwrap();
        let end = *prompt.ids.last().unwrap();
        let expected = encoder.encode(std::slice::from_ref(&prompt)).unwrap();
        for after in [vec![end; 5], vec![320, 7, 320, end], vec![0; 12]] {
            let ids = [prompt.ids.clone(), after].concat();
            assert_eq!(
                encoder.encode(&[TokenizedPrompt { ids, truncated: false, filling: None }]).unwrap(),
                expected
            );
        }
        let mut other = prompt.clone();
        other.ids[1] += 1;
        assert_ne!(encoder.encode(&[other]).unwrap(), expected);
    }
}

#[test]
fn nothing_gives_nothing() {
    let [reference, _] = own_references();
    assert!(
        reference.checkpoint.text_encoder(Precision::F32).unwrap().encode(&[]).unwrap().projected.is_empty()
    );
    assert!(reference.checkpoint.image_encoder(Precision::F32).unwrap().encode(&[]).unwrap().is_empty());
}

#[test]
fn inputs_that_do_not_fit_the_model_are_errors() {
    let [reference, _] = own_references();
    let encoder = reference.checkpoint.text_encoder(Precision::F32).unwrap();
    for (ids, complaint) in [
        (vec![], "no tokens"),
        (vec![614, 320], "end-of-text token 615"),
        (vec![614, 616, 615], "token id 616"),
        ([vec![320; 32], vec![615]].concat(), "33 tokens"),
    ] {
        let error = encoder.encode(&[TokenizedPrompt { ids, truncated: false, filling: None }]).unwrap_err();
        assert!(matches!(&error, ClipError::Input(problem) if problem.contains(complaint)), "{error}");
    }
    let error = reference.checkpoint.image_encoder(Precision::F32).unwrap().encode(&[0.0; 3000]).unwrap_err();
    assert!(error.to_string().contains("3000 pixel values"), "{error}");
}

#[test]
fn embeddings_are_those_of_candle_transformers() {
    let reference = Reference::open(&own_fixtures().join("tiny-quickgelu"));
    let weights = own_fixtures().join("tiny-quickgelu/model.safetensors");
    let weights: HashMap<String, Tensor> = candle_core::safetensors::load(weights, &Device::Cpu)
        .unwrap()
        .into_iter()
        .map(|(name, tensor)| (name, tensor.to_dtype(DType::F32).unwrap()))
        .collect();
    let weights = VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu);
    let config = reference.checkpoint.config();
    let VisionConfig::Transformer(sizes) = &config.vision else { panic!("a ResNet") };
    let project = |pooled: &Tensor, name: &str| -> Vec<f32> {
        let projection = weights.get((config.dim, pooled.dims()[1]), &format!("{name}.weight")).unwrap();
        pooled.matmul(&projection.t().unwrap()).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    };

    let vision = ClipVisionConfig {
        embed_dim: sizes.hidden_size,
        activation: Activation::QuickGelu,
        intermediate_size: sizes.intermediate_size,
        num_hidden_layers: sizes.num_hidden_layers,
        num_attention_heads: sizes.num_attention_heads,
        projection_dim: config.dim,
        num_channels: 3,
        image_size: sizes.image_size,
        patch_size: sizes.patch_size,
    };
    let tower = ClipVisionTransformer::new(weights.pp("vision_model"), &vision).unwrap();
    let expected = project(&tower.forward(&reference.tensors["pixel_values"]).unwrap(), "visual_projection");
    let found = reference
        .checkpoint
        .image_encoder(Precision::F32)
        .unwrap()
        .encode(&reference.values("pixel_values"))
        .unwrap();
    assert!(largest_difference(&found, &expected) < 1e-4);

    let text = ClipTextConfig {
        vocab_size: config.text.vocab_size,
        embed_dim: config.text.hidden_size,
        activation: Activation::QuickGelu,
        intermediate_size: config.text.intermediate_size,
        max_position_embeddings: config.text.max_position_embeddings,
        pad_with: None,
        num_hidden_layers: config.text.num_hidden_layers,
        num_attention_heads: config.text.num_attention_heads,
        projection_dim: config.dim,
    };
    let tower = ClipTextTransformer::new(weights.pp("text_model"), &text).unwrap();
    let found =
        reference.checkpoint.text_encoder(Precision::F32).unwrap().encode(&reference.prompts()).unwrap();
    for (ids, found) in reference.golden.input_ids.iter().zip(found.projected.chunks_exact(config.dim)) {
        let ids = Tensor::new(ids.as_slice(), &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let expected = project(&tower.forward(&ids).unwrap(), "text_projection");
        assert!(largest_difference(found, &expected) < 1e-4);
    }
}

#[test]
fn an_embedded_checkpoint_is_the_directory() {
    macro_rules! file {
        ($name:literal) => {
            ($name, include_bytes!(concat!("../fixtures/clip/tiny-gelu/", $name)).as_slice())
        };
    }
    static FILES: &[(&str, &[u8])] = &[
        file!("config.json"),
        file!("model.safetensors.index.json"),
        file!("model-00001-of-00002.safetensors"),
        file!("model-00002-of-00002.safetensors"),
        file!("preprocessor_config.json"),
        file!("tokenizer.json"),
    ];
    let [_, directory] = own_references();
    let embedded = Checkpoint::open(CheckpointSource::Embedded { name: "demo", files: FILES }).unwrap();
    assert_eq!((embedded.name(), directory.checkpoint.name()), ("demo", "tiny-gelu"));
    assert_eq!(embedded.preprocessing(), directory.checkpoint.preprocessing());
    let names =
        |checkpoint: &Checkpoint| checkpoint.files().into_iter().map(|file| file.name).collect::<Vec<_>>();
    assert_eq!(names(&embedded).len(), FILES.len());
    assert_eq!(names(&embedded), names(&directory.checkpoint));
    let encode = |checkpoint: &Checkpoint| {
        checkpoint.text_encoder(Precision::F32).unwrap().encode(&directory.prompts()).unwrap()
    };
    assert_eq!(encode(&embedded), encode(&directory.checkpoint));
}

#[test]
fn everything_goes_between_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Checkpoint>();
    check::<cupl_tui::clip::PromptTokenizer>();
    check::<cupl_tui::clip::TextEncoder>();
    check::<cupl_tui::clip::ImageEncoder>();
    check::<ClipError>();
}
