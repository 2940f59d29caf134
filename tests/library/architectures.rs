//! Architectures and forms beyond `CLIPModel`'s own against their reference implementations, open_clip and transformers
//! (experiments/parity/make_architectures.py), and the errors for what is not known.

use std::fs;
use std::path::{Path, PathBuf};

use crate::reference::{Reference, largest_difference, lowest_cosine};
use cupl_tui::clip::{Checkpoint, CheckpointSource, Precision};
use image::RgbImage;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Every fixture: its folder, the architecture in words, and how near int8 must come.
const ALL: [(&str, &str, f32); 21] = [
    ("open-clip-gelu", "ViT-2x48/8 at 32 pixels", 0.995),
    ("open-clip-quickgelu", "ViT-1x64/7 at 30 pixels", 0.995),
    ("openai-resnet", "ResNet 1-2-1-1 of width 4", 0.995),
    ("siglip", "SigLIP 2x48/8 at 32 pixels", 0.995),
    ("open-clip-siglip", "SigLIP 2x48/8 at 32 pixels", 0.995),
    ("tinyclip", "ViT-2x56/16 at 32 pixels", 0.995),
    ("siglip2", "SigLIP 2x32/16 at 48 pixels", 0.99),
    ("metaclip-2", "MetaCLIP 2 2x32/16 at 48 pixels", 0.99),
    ("chinese-clip", "Chinese-CLIP 2x32/16 at 48 pixels", 0.99),
    ("open-clip-xlm-roberta", "ViT-2x32/16 at 48 pixels with RoBERTa", 0.99),
    ("open-clip-bert-timm", "ViT-1x48/8 at 32 pixels with BERT", 0.99),
    ("open-clip-coca", "CoCa 2x48/8 at 32 pixels", 0.99),
    ("open-clip-convnext", "ConvNeXt 1-1-2-1 of width 8 at 48 pixels", 0.99),
    ("open-clip-convnext-mlp", "ConvNeXt 1-2-1-1 of width 8 at 40 pixels", 0.99),
    ("open-clip-eva01", "EVA01-1x32/14 at 28 pixels", 0.99),
    ("open-clip-eva02", "EVA02-2x48/8 at 32 pixels", 0.99),
    ("open-clip-eva02-post-norm", "EVA02-2x32/7 at 28 pixels", 0.99),
    ("open-clip-pe-core", "PE-Core 2x24/8 at 32 pixels", 0.99),
    ("open-clip-pe-core-gigantic", "PE-Core 1x64/7 at 28 pixels", 0.99),
    ("open-clip-mobileclip", "MobileCLIP 1x48/16 at 48 pixels", 0.99),
    ("open-clip-mobileclip-2", "ViT-1x32/14 at 28 pixels", 0.99),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/architectures").join(name)
}

fn pictures(reference: &Reference) -> Vec<RgbImage> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clip/pictures");
    let open = |name: &String| image::open(folder.join(format!("{name}.png"))).unwrap().to_rgb8();
    reference.golden.pictures.iter().map(open).collect()
}

fn pixel_values(reference: &Reference) -> Vec<f32> {
    let preprocessing = reference.checkpoint.preprocessing();
    pictures(reference).iter().flat_map(|picture| preprocessing.pixel_values(picture)).collect()
}

/// From pictures and texts to embeddings.
fn check(name: &str, reference: &Reference) {
    for (at, (prompt, ids)) in reference.prompts().iter().zip(&reference.golden.input_ids).enumerate() {
        assert_eq!(prompt.ids, *ids, "{name}: {:?}", reference.golden.prompts[at]);
    }
    let values = pixel_values(reference);
    if reference.tensors.contains_key("pixel_values") {
        assert!(largest_difference(&values, &reference.values("pixel_values")) < 1e-5, "{name}");
    }
    let checkpoint = &reference.checkpoint;
    let dim = checkpoint.config().dim;
    let images = checkpoint.image_encoder(Precision::F32).unwrap().encode(&values).unwrap();
    let texts = checkpoint.text_encoder(Precision::F32).unwrap().encode(&reference.prompts()).unwrap();
    for (found, golden) in [(&images, "image_embeds"), (&texts.projected, "text_embeds")] {
        let cosine = lowest_cosine(found, &reference.values(golden), dim);
        assert!(cosine >= 0.99999, "{name}: {golden} {cosine}");
        // Cosines say nothing about lengths.
        let difference = largest_difference(found, &reference.values(golden));
        assert!(difference < 1e-3, "{name}: {golden} differs by {difference}");
    }
    assert_eq!(checkpoint.logit_scale().unwrap(), reference.values("logit_scale")[0], "{name}");
}

#[test]
fn embeddings_are_the_references() {
    for (name, architecture, _) in ALL {
        let reference = Reference::open(&fixture(name));
        assert_eq!(reference.checkpoint.config().architecture(), architecture);
        check(name, &reference);
    }
}

#[test]
fn a_batch_gives_what_single_inputs_give() {
    for (name, ..) in ALL {
        let reference = Reference::open(&fixture(name));
        let (prompts, values) = (reference.prompts(), pixel_values(&reference));
        for precision in Precision::ALL {
            let texts = reference.checkpoint.text_encoder(precision).unwrap();
            let batch = texts.encode(&prompts).unwrap().projected;
            let single: Vec<f32> = prompts
                .iter()
                .flat_map(|prompt| texts.encode(std::slice::from_ref(prompt)).unwrap().projected)
                .collect();
            assert_eq!(batch, single, "{name}");
            assert_eq!(texts.encode_separately(&prompts).unwrap().projected.len(), batch.len());
            let groups = texts.groups(&prompts, 3).unwrap();
            assert_eq!(groups.concat().len(), prompts.len(), "{name}");

            let images = reference.checkpoint.image_encoder(precision).unwrap();
            let one = values.len() / reference.golden.pictures.len();
            let single: Vec<f32> =
                values.chunks_exact(one).flat_map(|image| images.encode(image).unwrap()).collect();
            assert_eq!(images.encode(&values).unwrap(), single, "{name}");
        }
    }
}

#[test]
fn int8_is_near_f32() {
    for (name, _, least) in ALL {
        let reference = Reference::open(&fixture(name));
        let checkpoint = &reference.checkpoint;
        let dim = checkpoint.config().dim;
        let values = pixel_values(&reference);
        let images = |precision| checkpoint.image_encoder(precision).unwrap().encode(&values).unwrap();
        let texts = |precision| {
            checkpoint.text_encoder(precision).unwrap().encode(&reference.prompts()).unwrap().projected
        };
        let cosine = lowest_cosine(&images(Precision::Int8), &images(Precision::F32), dim);
        assert!(cosine >= least, "{name}: images {cosine}");
        let cosine = lowest_cosine(&texts(Precision::Int8), &texts(Precision::F32), dim);
        assert!(cosine >= least, "{name}: texts {cosine}");
    }
}

#[test]
fn siglip_fills_prompts_up_and_shares_nothing_between_them() {
    let reference = Reference::open(&fixture("siglip"));
    let encoder = reference.checkpoint.text_encoder(Precision::F32).unwrap();
    let tokenizer = reference.checkpoint.tokenizer().unwrap();
    let prompts = ["a photo of a frog", "a photo of a cat", "A photo of a frog!"]
        .map(|prompt| tokenizer.tokenize(prompt).unwrap());
    assert_eq!(prompts[0], prompts[2]);
    assert_eq!(encoder.nodes(&prompts).unwrap(), 2 * 16);
    let long = tokenizer.tokenize(&"frog ".repeat(40)).unwrap();
    assert!(long.truncated && long.ids.len() == 16 && long.ids.ends_with(&[1]));
    // A token at the end changes what comes before it: nothing is causal.
    let mut other = prompts[0].clone();
    *other.ids.last_mut().unwrap() = 2;
    assert_ne!(encoder.encode(&[other]).unwrap(), encoder.encode(&prompts[..1]).unwrap());
}

#[test]
fn cocas_token_for_filling_up_is_no_token_of_a_prompt() {
    let reference = Reference::open(&fixture("open-clip-coca"));
    let encoder = reference.checkpoint.text_encoder(Precision::F32).unwrap();
    let mut prompt = reference.prompts().swap_remove(0);
    assert!(encoder.encode(std::slice::from_ref(&prompt)).is_ok());
    prompt.ids[1] = 0;
    let message = encoder.encode(&[prompt]).unwrap_err().to_string();
    assert!(message.contains("the token 0"), "{message}");
}

#[test]
fn every_file_that_decides_is_named() {
    let names = |name: &str| {
        let checkpoint = Checkpoint::open(CheckpointSource::Directory(fixture(name))).unwrap();
        checkpoint.files().into_iter().map(|file| file.name).collect::<Vec<_>>()
    };
    let parts = ["vocab.json", "merges.txt"];
    assert_eq!(
        names("open-clip-gelu"),
        [&["open_clip_config.json"], &parts[..], &["open_clip_model.safetensors"]].concat()
    );
    assert_eq!(names("openai-resnet"), [&parts[..], &["RN.pt"]].concat());
    assert_eq!(
        names("siglip"),
        ["config.json", "tokenizer.json", "preprocessor_config.json", "model.safetensors"]
    );
}

/// A copy of a fixture, for changes.
struct Copy(TempDir);

impl Copy {
    fn of(name: &str) -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        for entry in fs::read_dir(fixture(name)).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, copy.path(path.file_name().unwrap().to_str().unwrap())).unwrap();
        }
        copy
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn rename(self, from: &str, to: &str) -> Self {
        fs::rename(self.path(from), self.path(to)).unwrap();
        self
    }

    fn write(self, name: &str, contents: &Value) -> Self {
        fs::write(self.path(name), contents.to_string()).unwrap();
        self
    }

    /// With another value in `open_clip_config.json`.
    fn set(self, path: &str, value: Value) -> Self {
        let mut config: Value =
            serde_json::from_slice(&fs::read(self.path("open_clip_config.json")).unwrap()).unwrap();
        let (parent, key) = path.rsplit_once('/').unwrap();
        let object = config.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        object.insert(key.to_owned(), value);
        self.write("open_clip_config.json", &config)
    }

    fn message(&self) -> String {
        match Checkpoint::open(CheckpointSource::Directory(self.0.path().to_owned())) {
            Ok(checkpoint) => panic!("opened {:?}", checkpoint.config()),
            Err(error) => error.to_string(),
        }
    }

    fn complains(&self, parts: &[&str]) {
        let message = self.message();
        for part in parts {
            assert!(message.contains(part), "no {part:?} in {message:?}");
        }
    }
}

#[test]
fn a_resnet_in_open_clips_form_is_the_same() {
    let vision = json!({"image_size": 64, "layers": [1, 2, 1, 1], "width": 4, "patch_size": null});
    let vocabulary = fs::read(fixture("openai-resnet/vocab.json")).unwrap();
    let vocabulary = serde_json::from_slice::<Value>(&vocabulary).unwrap().as_object().unwrap().len();
    let text = json!({"context_length": 24, "vocab_size": vocabulary, "width": 64, "heads": 1, "layers": 1});
    let config = json!({"embed_dim": 20, "quick_gelu": true, "vision_cfg": vision, "text_cfg": text});
    let copy = Copy::of("openai-resnet")
        .rename("RN.pt", "open_clip_pytorch_model.bin")
        .write("open_clip_config.json", &json!({ "model_cfg": config }));
    let reference = Reference::open(copy.0.path());
    check("open_clip's form", &reference);
    copy.set("/model_cfg/vision_cfg/layers", json!([1, 1, 1])).complains(&["vision_cfg.layers", "four"]);
}

#[test]
fn transformers_files_count_before_open_clips() {
    let copy = Copy::of("tinyclip").write("open_clip_config.json", &json!({}));
    assert!(Reference::open(copy.0.path()).checkpoint.files().iter().any(|file| file.name == "config.json"));
    // But not those of another program, as repositories of timm's have them.
    let copy = Copy::of("open-clip-gelu").write("config.json", &json!({"architecture": "vit_tiny"}));
    fs::copy(copy.path("open_clip_model.safetensors"), copy.path("model.safetensors")).unwrap();
    check("beside timm's files", &Reference::open(copy.0.path()));
}

#[test]
fn models_that_open_clip_has_and_the_towers_do_not_are_named() {
    for (path, value, parts) in [
        ("/model_cfg/multimodal_cfg", json!(1), &["model_cfg.multimodal_cfg", "not a JSON object"][..]),
        (
            "/model_cfg/vision_cfg/ls_init_value",
            json!(0.1),
            &["model_cfg.vision_cfg.ls_init_value", "is 0.1", "absent"],
        ),
        (
            "/model_cfg/vision_cfg/no_ln_pre",
            json!(true),
            &["open_clip_model.safetensors", "visual.ln_pre.bias"],
        ),
        ("/model_cfg/vision_cfg/attentional_pool", json!("parallel"), &["vision_cfg.attentional_pool"]),
        ("/model_cfg/vision_cfg/attentional_pool", json!(true), &["visual.attn_pool.query"]),
        ("/model_cfg/vision_cfg/pool_type", json!("max"), &["vision_cfg.pool_type", "\"tok\""]),
        ("/model_cfg/vision_cfg/qk_norm", json!(true), &["vision_cfg.qk_norm"]),
        (
            "/model_cfg/vision_cfg/image_size",
            json!([32, 48]),
            &["vision_cfg.image_size", "[32,48]", "squares"],
        ),
        (
            "/model_cfg/vision_cfg/timm_model_name",
            json!("fastvit_mci2"),
            &["timm_model_name", "fastvit_mci2", "MobileCLIP"],
        ),
        ("/model_cfg/vision_cfg/eva_model_name", json!("eva"), &["vision_cfg.eva_model_name", "not known"]),
        ("/model_cfg/vision_cfg/head_width", json!(64), &["vision_cfg.head_width", "is 0"]),
        ("/model_cfg/vision_cfg/head_width", json!(9), &["vision_cfg.width", "48", "5 attention heads"]),
        (
            "/model_cfg/text_cfg/hf_model_name",
            json!("google/mt5-base"),
            &["text_cfg.hf_model_name", "google/mt5-base"],
        ),
        ("/model_cfg/text_cfg/pool_type", json!("mean"), &["text_cfg.pool_type", "argmax"]),
        ("/model_cfg/text_cfg/proj_type", json!("none"), &["text_cfg.proj_type", "width of 32"]),
        (
            "/model_cfg/text_cfg/tokenizer_kwargs",
            json!({"clean": "upper"}),
            &["tokenizer_kwargs.clean", "lower"],
        ),
        ("/model_cfg/text_cfg/tokenizer_kwargs", json!({"reduction_mask": "simple"}), &["reduction_mask"]),
        ("/preprocess_cfg/longest_edge", json!(3), &["preprocess_cfg.longest_edge", "not known"]),
        ("/model_cfg/text_cfg/embed_cls", json!(true), &["positional_embedding", "[25, 32]", "[24, 32]"]),
        ("/model_cfg/text_cfg/act_kwargs", json!({"slope": 1}), &["text_cfg.act_kwargs", "slope"]),
        ("/model_cfg/text_cfg/norm_kwargs", json!({"affine": false}), &["norm_kwargs.affine"]),
        ("/model_cfg/text_cfg/width", json!("wide"), &["text_cfg.width", "\"wide\"", "whole number"]),
        ("/model_cfg/quick_gelu", json!(1), &["model_cfg.quick_gelu", "true or false"]),
        ("/model_cfg/vision_cfg", json!(5), &["model_cfg.vision_cfg", "not a JSON object"]),
        (
            "/model_cfg/text_cfg/layers",
            json!(3),
            &["open_clip_model.safetensors", "lacks", "transformer.resblocks.2.ln_1.weight"],
        ),
        ("/model_cfg/embed_dim", json!(25), &["text_projection (transposed)", "[24, 32]", "[25, 32]"]),
        ("/preprocess_cfg/resize_mode", json!("crop"), &["preprocess_cfg.resize_mode", "squash"]),
        ("/preprocess_cfg/mean", json!([0.5, 0.5]), &["preprocess_cfg.mean", "three numbers"]),
        ("/preprocess_cfg/mode", json!("L"), &["preprocess_cfg.mode", "RGB"]),
    ] {
        let copy = Copy::of("open-clip-gelu").set(path, value);
        copy.complains(&[&["open_clip"], parts].concat());
    }
    let copy = Copy::of("open-clip-siglip");
    copy.set("/model_cfg/text_cfg/proj_bias", json!(false))
        .complains(&["no part of the model takes", "text.text_projection.bias"]);
    for (name, path, value, parts) in [
        ("open-clip-coca", "/model_cfg/text_cfg/pad_id", json!(1), &["text_cfg.pad_id", "is 1"][..]),
        ("open-clip-coca", "/model_cfg/text_cfg/no_causal_mask", json!(true), &["text_cfg.no_causal_mask"]),
        ("open-clip-coca", "/model_cfg/vision_cfg/pool_type", json!("avg"), &["vision_cfg.pool_type"]),
        ("open-clip-coca", "/model_cfg/vision_cfg/attn_pooler_heads", json!(3), &["3 attention heads"]),
        (
            "open-clip-coca",
            "/model_cfg/multimodal_cfg",
            Value::Null,
            &["text_decoder.", "no part of the model takes"],
        ),
        (
            "open-clip-convnext",
            "/model_cfg/vision_cfg/timm_proj",
            json!("mlp"),
            &["visual.head.mlp.fc1.weight"],
        ),
        ("open-clip-convnext", "/model_cfg/vision_cfg/timm_proj", Value::Null, &["vision_cfg.timm_proj"]),
        (
            "open-clip-convnext",
            "/model_cfg/vision_cfg/timm_model_name",
            json!("convnextv2_base"),
            &["convnextv2_base", "ConvNeXt"],
        ),
        (
            "open-clip-eva02",
            "/model_cfg/vision_cfg/timm_pool",
            json!("avg"),
            &["vision_cfg.timm_pool", "token"],
        ),
        (
            "open-clip-eva02",
            "/model_cfg/vision_cfg/timm_model_name",
            json!("eva02_base_patch14_224"),
            &["eva02_base_patch14_224", "EVA-CLIP"],
        ),
        (
            "open-clip-pe-core",
            "/model_cfg/vision_cfg/timm_model_name",
            json!("vit_pe_lang_large_patch14_448"),
            &["vit_pe_lang_large_patch14_448", "Perception Encoder"],
        ),
        ("open-clip-mobileclip", "/model_cfg/vision_cfg/image_size", json!(64), &["visual.trunk.pos_embed"]),
    ] {
        Copy::of(name).set(path, value).complains(parts);
    }
    let copy = Copy::of("open-clip-siglip");
    copy.set("/model_cfg/vision_cfg/timm_pool", json!("avg")).complains(&["vision_cfg.timm_pool", "\"map\""]);
}

#[test]
fn weights_under_other_names_are_read_where_they_stand_alone() {
    let copy = Copy::of("open-clip-quickgelu").rename("open_clip_pytorch_model.bin", "epoch_5.pt");
    fs::remove_file(copy.path("golden.safetensors")).unwrap();
    let mut reference = Reference::open(&fixture("open-clip-quickgelu"));
    reference.checkpoint = Checkpoint::open(CheckpointSource::Directory(copy.0.path().to_owned())).unwrap();
    check("epoch_5.pt", &reference);
    fs::copy(copy.path("epoch_5.pt"), copy.path("epoch_6.pt")).unwrap();
    copy.complains(&["open_clip_model.safetensors is absent", "epoch_5.pt, epoch_6.pt"]);
    let copy = Copy::of("siglip").rename("model.safetensors", "model.fp16.safetensors");
    fs::remove_file(copy.path("golden.safetensors")).unwrap();
    copy.complains(&["model.safetensors is absent", "there is model.fp16.safetensors", "rename"]);
    let copy = Copy::of("siglip").write("adapter_config.json", &json!({"peft_type": "LORA"}));
    copy.complains(&["adapter_config.json", "Merge first"]);
}

/// A copy whose tensors are changed.
fn with_tensors(
    name: &str,
    change: impl Fn(&mut std::collections::HashMap<String, candle_core::Tensor>),
) -> Copy {
    let copy = Copy::of(name);
    let path =
        copy.path(if name.starts_with("open") { "open_clip_model.safetensors" } else { "model.safetensors" });
    let mut tensors = candle_core::safetensors::load(&path, &candle_core::Device::Cpu).unwrap();
    change(&mut tensors);
    candle_core::safetensors::save(&tensors, &path).unwrap();
    copy
}

#[test]
fn what_stands_before_all_names_is_taken_away_in_every_form() {
    for name in ["siglip", "open-clip-siglip", "open-clip-gelu"] {
        for wrapper in ["module.", "_orig_mod.", "clip.", "net.inner."] {
            let copy = with_tensors(name, |tensors| {
                *tensors =
                    tensors.drain().map(|(name, tensor)| (format!("{wrapper}{name}"), tensor)).collect();
            });
            check(wrapper, &Reference::open(copy.0.path()));
        }
        let copy = with_tensors(name, |tensors| {
            let twice = tensors.drain().flat_map(|(name, tensor)| {
                [(format!("ema.{name}"), tensor.clone()), (format!("model.{name}"), tensor)]
            });
            *tensors = twice.collect();
        });
        copy.complains(&["several models", "ema. and model."]);
    }
}

#[test]
fn tensors_that_nothing_takes_are_named_in_every_form() {
    for (name, tensor) in [
        ("siglip", "vision_model.embeddings.register_tokens"),
        ("open-clip-gelu", "visual.transformer.resblocks.0.ls_1.gamma"),
        ("open-clip-siglip", "visual.trunk.blocks.0.ls1.gamma"),
        ("open-clip-gelu", "transformer.resblocks.2.ln_1.weight"),
        ("open-clip-coca", "text.visual.text_decoder.weight"),
        ("open-clip-convnext", "visual.trunk.stages.0.blocks.0.mlp.grn.weight"),
        ("open-clip-eva02", "visual.trunk.blocks.0.gamma_1"),
        ("open-clip-pe-core", "visual.trunk.reg_token"),
        ("open-clip-mobileclip", "visual.trunk.patch_embed.proj.weight"),
    ] {
        let stranger = |tensors: &mut std::collections::HashMap<String, candle_core::Tensor>| {
            let ones =
                candle_core::Tensor::ones(4, candle_core::DType::F32, &candle_core::Device::Cpu).unwrap();
            tensors.insert(tensor.to_owned(), ones);
        };
        with_tensors(name, stranger).complains(&[tensor, "no part of the model takes"]);
    }
    let copy = with_tensors("siglip", |tensors| {
        let positions = candle_core::Tensor::arange(0_i64, 16, &candle_core::Device::Cpu).unwrap();
        tensors.insert("text_model.embeddings.position_ids".to_owned(), positions);
    });
    check("with a buffer", &Reference::open(copy.0.path()));
    let doubles = with_tensors("open-clip-gelu", |tensors| {
        for tensor in tensors.values_mut() {
            *tensor = tensor.to_dtype(candle_core::DType::F64).unwrap();
        }
    });
    check("f64", &Reference::open(doubles.0.path()));
}

#[test]
fn a_missing_tensor_is_named_as_the_file_spells_its_kin() {
    for (fixture, tensor) in [
        ("open-clip-xlm-roberta", "text.transformer.encoder.layer.0.attention.self.query.weight"),
        ("open-clip-bert-timm", "text.transformer.embeddings.LayerNorm.bias"),
        ("open-clip-bert-timm", "visual.trunk.blocks.0.norm1.weight"),
        ("chinese-clip", "text_model.encoder.layer.1.output.dense.bias"),
        ("open-clip-siglip", "text.positional_embedding"),
        ("open-clip-gelu", "transformer.resblocks.1.mlp.c_fc.weight"),
    ] {
        let copy = with_tensors(fixture, |tensors| assert!(tensors.remove(tensor).is_some(), "{tensor}"));
        copy.complains(&["lacks the tensor", &format!(" {tensor}")]);
    }
}

#[test]
fn siglip_keeps_letters_where_its_tokenizer_says_so() {
    let ids = |copy: &Copy| {
        let checkpoint = Checkpoint::open(CheckpointSource::Directory(copy.0.path().to_owned())).unwrap();
        let tokenizer = checkpoint.tokenizer().unwrap();
        ["a PHOTO, of a frog", "a photo of a frog"].map(|prompt| tokenizer.tokenize(prompt).unwrap().ids)
    };
    let [upper, lower] = ids(&Copy::of("siglip"));
    assert_eq!(upper, lower);
    let declared = json!({"tokenizer_class": "SiglipTokenizer", "do_lower_case": false});
    let [upper, cased] = ids(&Copy::of("siglip").write("tokenizer_config.json", &declared));
    assert_eq!(cased, lower);
    assert_ne!(upper, lower);
}

#[test]
fn files_that_are_missing_or_too_many_are_named() {
    let copy = Copy::of("open-clip-gelu").rename("open_clip_model.safetensors", "other.npz");
    fs::remove_file(copy.path("golden.safetensors")).unwrap();
    copy.complains(&["open_clip_model.safetensors is absent", "open_clip_config.json came from"]);
    let copy = Copy::of("open-clip-gelu").rename("merges.txt", "merges");
    copy.complains(&[
        "tokenizer.json is absent",
        "vocab.json and merges.txt",
        "bpe_simple_vocab_16e6.txt.gz",
    ]);
    let copy = Copy::of("siglip").rename("tokenizer.json", "spiece.model");
    copy.complains(&["tokenizer.json is absent", "save_pretrained"]);
    let copy = Copy::of("openai-resnet");
    fs::copy(copy.path("RN.pt"), copy.path("RN2.pt")).unwrap();
    copy.complains(&["config.json is absent", "RN.pt and RN2.pt"]);
    let copy = Copy::of("open-clip-siglip").rename("open_clip_config.json", "config");
    copy.complains(&["config.json is absent", "open_clip_config.json"]);
}

#[test]
fn a_pt_file_of_another_model_is_named() {
    let copy = Copy::of("openai-resnet");
    fs::copy(fixture("../torch/scripted.pt"), copy.path("RN.pt")).unwrap();
    copy.complains(&["RN.pt", "lacks the tensor visual.layer1.0.conv1.weight"]);
    // Nothing says which activation this has.
    let copy = Copy::of("open-clip-quickgelu").rename("open_clip_pytorch_model.bin", "epoch_32.pt");
    fs::remove_file(copy.path("open_clip_config.json")).unwrap();
    copy.complains(&["epoch_32.pt is not one of OpenAI's", "input_resolution", "open_clip_config.json"]);
}

#[test]
fn a_tokenizer_of_another_family_is_named() {
    let copy = Copy::of("open-clip-gelu");
    fs::copy(fixture("siglip/tokenizer.json"), copy.path("tokenizer.json")).unwrap();
    let checkpoint = Checkpoint::open(CheckpointSource::Directory(copy.0.path().to_owned())).unwrap();
    let message = checkpoint.tokenizer().unwrap_err().to_string();
    assert!(message.contains("no tokenizer of CLIP's"), "{message}");
}

#[test]
fn the_side_on_which_prompts_are_filled_up_is_not_guessed() {
    let declared = |change: &dyn Fn(String) -> String| {
        let copy = Copy::of("siglip2");
        let text = fs::read_to_string(copy.path("tokenizer_config.json")).unwrap();
        fs::write(copy.path("tokenizer_config.json"), change(text)).unwrap();
        let checkpoint = Checkpoint::open(CheckpointSource::Directory(copy.0.path().to_owned())).unwrap();
        checkpoint.tokenizer().map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(declared(&|text| text), Ok(()));
    for class in ["Siglip2Tokenizer", "GemmaTokenizer", "GemmaTokenizerFast"] {
        let message = declared(&|text| {
            text.replace(r#""padding_side": "right", "#, "").replace("Siglip2Tokenizer", class)
        });
        let message = message.unwrap_err();
        assert!(message.contains("no `padding_side`") && message.contains("\"right\""), "{message}");
    }
}
