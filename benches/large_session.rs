//! The workbench on 1,000 classes and 50,000 images: how long it takes to open, how long every key takes, and how much
//! memory it needs.
//!
//! The pictures are small and the checkpoint's towers have one layer, but its embeddings have 512 dimensions, as those of
//! a ViT-B/32. They are made once, in `target/tmp/large-session`, which takes some minutes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use cupl_tui::tui::offscreen::{KeyAnswer, Offscreen};
use cupl_tui::tui::theme::{ColorDepth, Palette, Theme, UNICODE};
use cupl_tui::workbench::{Experiment, StorePlace};
use ratatui::layout::Size;

const CLASSES: usize = 1000;
const IMAGES_OF_CLASS: usize = 50;
const DIM: usize = 512;

/// Every screen and everything on it, as a user might.
const KEYS: &str = "j k b b Space Space Enter j j G g Ctrl-d s s s s s s s r t t / 1 2 Enter Enter i Esc Esc Esc 3 j G g d \
    d d v j l l Enter Esc Esc 4 j j G g Ctrl-d f f f f f f f f c c / 7 Enter Enter n n p Esc 6 5 j Space u ] ] [ \
    a a Space c a t Enter u h l Tab Tab ? / s o r t Esc 1";

fn main() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("large-session");
    let experiment = make(&folder);
    let store = StorePlace::Directory(folder.join("store"));
    let theme = Theme { depth: ColorDepth::True, palette: Palette::Dark, glyphs: UNICODE };
    let open = || {
        let start = Instant::now();
        let workbench = Offscreen::open(experiment.clone(), store.clone(), Size::new(80, 24), theme).unwrap();
        (workbench, start.elapsed())
    };
    if !folder.join("store").exists() {
        println!("embedding them");
        drop(open());
        // Embedding takes memory of its own: what follows is measured in a process that does not.
        let again = std::process::Command::new(std::env::current_exe().unwrap()).status().unwrap();
        assert!(again.success());
        return;
    }
    let mut times: Vec<Duration> = (0..5).map(|_| open().1).collect();
    times.sort();
    println!("{CLASSES} classes, {} images, {DIM} dimensions", CLASSES * IMAGES_OF_CLASS);
    println!("opening, all in the store: {:.2} s (median of 5)", times[2].as_secs_f64());

    let mut workbench = open().0;
    let mut answers: Vec<KeyAnswer> = workbench.press(KEYS);
    workbench.resize(Size::new(200, 60));
    answers.extend(workbench.press(KEYS));
    answers.sort_by_key(|answer| answer.answered);
    let at = |part: f64| answers[((answers.len() - 1) as f64 * part) as usize].answered.as_secs_f64() * 1e3;
    let slowest = answers.last().unwrap();
    println!(
        "{} keys until the frame is drawn: median {:.1} ms, 95 % within {:.1} ms, slowest {:.1} ms ({})",
        answers.len(),
        at(0.5),
        at(0.95),
        at(1.0),
        slowest.key
    );
    let mut edits: Vec<Duration> = (0..20)
        .flat_map(|_| workbench.press("5 Space u"))
        .filter(|answer| matches!(answer.key.as_str(), "Space" | "u"))
        .map(|answer| answer.settled)
        .collect();
    edits.sort();
    println!(
        "an edited prompt, until every image is scored again and drawn: median {:.1} ms, slowest {:.1} ms",
        edits[edits.len() / 2].as_secs_f64() * 1e3,
        edits[edits.len() - 1].as_secs_f64() * 1e3
    );
    println!(
        "peak memory: {} MB",
        peak_memory().map_or_else(|| "?".to_owned(), |bytes| (bytes >> 20).to_string())
    );
}

/// Dataset, checkpoint, prompts and experiment file, if they are not there yet.
fn make(folder: &Path) -> Experiment {
    let file = folder.join("experiment.toml");
    if !file.exists() {
        println!("making {} images in {}", CLASSES * IMAGES_OF_CLASS, folder.display());
        make_images(&folder.join("images"));
        make_checkpoint(&folder.join("checkpoint"));
        let names = (0..CLASSES).map(name);
        let sentences = |class: String| {
            let of = |n| format!("A {class} in its {n}. place, as one often sees it.");
            (class.clone(), (1..=10).map(of).collect::<Vec<_>>())
        };
        let cupl: std::collections::BTreeMap<_, _> = names.map(sentences).collect();
        fs::write(folder.join("cupl.json"), serde_json::to_string(&cupl).unwrap()).unwrap();
        fs::write(folder.join("templates.txt"), "a photo of a {}.\na drawing of a {}.\n").unwrap();
        let toml = "checkpoint = \"checkpoint\"\nimages = \"images\"\n\
                    [[strategy]]\nname = \"templates\"\ntemplates = \"templates.txt\"\n\
                    [[strategy]]\nname = \"cupl\"\ncupl = \"cupl.json\"\n";
        fs::write(&file, toml).unwrap();
    }
    Experiment::read(&file).unwrap()
}

fn name(class: usize) -> String {
    format!("thing {class:04}")
}

/// Pictures of 8 × 8 pixels, a colour a class with an own pixel each.
fn make_images(folder: &Path) {
    for class in 0..CLASSES {
        let of_class: PathBuf = folder.join(name(class));
        fs::create_dir_all(&of_class).unwrap();
        for number in 0..IMAGES_OF_CLASS {
            let color = [(class % 256) as u8, (class / 256 * 60) as u8, (class * 7 % 256) as u8];
            let mut picture = image::RgbImage::from_pixel(8, 8, image::Rgb(color));
            picture.put_pixel(number as u32 % 8, number as u32 / 8, image::Rgb([255, 255, number as u8]));
            picture.save(of_class.join(format!("{number:03}.png"))).unwrap();
        }
    }
}

/// Random towers of one layer, with the demo's tokenizer.
fn make_checkpoint(folder: &Path) {
    const HIDDEN: usize = 64;
    fs::create_dir_all(folder).unwrap();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/demo/checkpoint");
    for file in ["tokenizer.json", "preprocessor_config.json"] {
        fs::copy(demo.join(file), folder.join(file)).unwrap();
    }
    let config: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(demo.join("config.json")).unwrap()).unwrap();
    let (mut config, size) =
        (config.clone(), config["vision_config"]["image_size"].as_u64().unwrap() as usize);
    config["projection_dim"] = DIM.into();
    for tower in ["text_config", "vision_config"] {
        config[tower]["hidden_size"] = HIDDEN.into();
        config[tower]["intermediate_size"] = (2 * HIDDEN).into();
        config[tower]["num_hidden_layers"] = 1.into();
        config[tower]["num_attention_heads"] = 2.into();
        config[tower]["projection_dim"] = DIM.into();
    }
    config["vision_config"]["patch_size"] = (size / 2).into();
    let context = config["text_config"]["max_position_embeddings"].as_u64().unwrap() as usize;
    let vocabulary = config["text_config"]["vocab_size"].as_u64().unwrap() as usize;
    fs::write(folder.join("config.json"), config.to_string()).unwrap();

    let mut tensors = std::collections::HashMap::new();
    let mut add = |name: String, shape: &[usize]| {
        let tensor = if name.contains("norm") && name.ends_with("weight") {
            Tensor::ones(shape, candle_core::DType::F32, &Device::Cpu)
        } else {
            Tensor::randn(0f32, 0.05, shape, &Device::Cpu)
        };
        tensors.insert(name, tensor.unwrap());
    };
    for (tower, norms) in
        [("text_model", &["final_layer_norm"][..]), ("vision_model", &["pre_layrnorm", "post_layernorm"])]
    {
        let layer = format!("{tower}.encoder.layers.0");
        for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            add(format!("{layer}.self_attn.{part}.weight"), &[HIDDEN, HIDDEN]);
            add(format!("{layer}.self_attn.{part}.bias"), &[HIDDEN]);
        }
        for (part, rows, columns) in [("fc1", 2 * HIDDEN, HIDDEN), ("fc2", HIDDEN, 2 * HIDDEN)] {
            add(format!("{layer}.mlp.{part}.weight"), &[rows, columns]);
            add(format!("{layer}.mlp.{part}.bias"), &[rows]);
        }
        let norms = norms.iter().map(|norm| format!("{tower}.{norm}"));
        for norm in norms.chain(["layer_norm1", "layer_norm2"].map(|norm| format!("{layer}.{norm}"))) {
            add(format!("{norm}.weight"), &[HIDDEN]);
            add(format!("{norm}.bias"), &[HIDDEN]);
        }
    }
    add("text_model.embeddings.token_embedding.weight".into(), &[vocabulary, HIDDEN]);
    add("text_model.embeddings.position_embedding.weight".into(), &[context, HIDDEN]);
    add("vision_model.embeddings.class_embedding".into(), &[HIDDEN]);
    add("vision_model.embeddings.patch_embedding.weight".into(), &[HIDDEN, 3, size / 2, size / 2]);
    add("vision_model.embeddings.position_embedding.weight".into(), &[5, HIDDEN]);
    add("text_projection.weight".into(), &[DIM, HIDDEN]);
    add("visual_projection.weight".into(), &[DIM, HIDDEN]);
    tensors.insert("logit_scale".into(), Tensor::new(4.6f32, &Device::Cpu).unwrap());
    candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).unwrap();
}

/// The most memory that this process has had, in bytes.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? << 10)
}
