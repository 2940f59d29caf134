//! Small random networks in files that are made here.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Uniform};

use super::*;
use crate::language_model::Sampling;

const DIM: usize = 32;
const HEADS: u32 = 4;
const KV_HEADS: u32 = 2;
const FFN: usize = 64;
const LAYERS: u32 = 2;
const TEMPLATE: &str = "{% for message in messages %}{{ '<|im_start|>' + message['content'] + '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>' }}{% endif %}";

/// Letters, a blank, marks, two merges, and the marks of a conversation.
fn vocabulary() -> Vec<String> {
    let mut tokens: Vec<String> = ('a'..='z').map(String::from).collect();
    tokens.extend(["Ġ", ".", ":", "D", "fr", "og", "frog", "Ġfrog"].map(str::to_owned));
    tokens.extend(["<|im_start|>", "<|im_end|>"].map(str::to_owned));
    tokens
}

fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}

fn texts(values: &[&str]) -> Value {
    Value::Array(values.iter().map(|value| text(value)).collect())
}

fn metadata() -> Vec<(String, Value)> {
    let tokens = vocabulary();
    let kinds = tokens.iter().map(|token| Value::I32(if token.starts_with('<') { 3 } else { 1 }));
    let names: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let number = |id: u32| Value::U32(id);
    let pairs = [
        ("general.architecture", text("llama")),
        ("llama.block_count", number(LAYERS)),
        ("llama.context_length", number(128)),
        ("llama.embedding_length", number(DIM as u32)),
        ("llama.attention.head_count", number(HEADS)),
        ("llama.attention.head_count_kv", number(KV_HEADS)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("llama.rope.dimension_count", number(DIM as u32 / HEADS)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("default")),
        ("tokenizer.ggml.tokens", texts(&names)),
        ("tokenizer.ggml.token_type", Value::Array(kinds.collect())),
        ("tokenizer.ggml.merges", texts(&["f r", "o g", "fr og", "Ġ frog"])),
        ("tokenizer.ggml.eos_token_id", number(tokens.len() as u32 - 1)),
        ("tokenizer.chat_template", text(TEMPLATE)),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn tensors() -> Vec<(String, QTensor)> {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let range = Uniform::new(-0.5_f32, 0.5).unwrap();
    let mut made = Vec::new();
    let mut add = |name: String, shape: &[usize], kind: GgmlDType| {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| range.sample(&mut random)).collect();
        let values =
            if shape.len() == 1 { values.iter().map(|value| 1.0 + 0.1 * value).collect() } else { values };
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        made.push((name, QTensor::quantize(&tensor, kind).unwrap()));
    };
    let (q8, f32) = (GgmlDType::Q8_0, GgmlDType::F32);
    let kv = DIM * KV_HEADS as usize / HEADS as usize;
    add("token_embd.weight".to_owned(), &[vocabulary().len(), DIM], q8);
    add("output_norm.weight".to_owned(), &[DIM], f32);
    for layer in 0..LAYERS {
        let mut of_layer =
            |name: &str, shape: &[usize], kind| add(format!("blk.{layer}.{name}.weight"), shape, kind);
        of_layer("attn_q", &[DIM, DIM], q8);
        of_layer("attn_k", &[kv, DIM], q8);
        of_layer("attn_v", &[kv, DIM], q8);
        of_layer("attn_output", &[DIM, DIM], q8);
        of_layer("ffn_gate", &[FFN, DIM], q8);
        of_layer("ffn_up", &[FFN, DIM], q8);
        of_layer("ffn_down", &[DIM, FFN], q8);
        of_layer("attn_norm", &[DIM], f32);
        of_layer("ffn_norm", &[DIM], f32);
    }
    made
}

/// A file of these metadata in a folder that goes with the test.
struct Made {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

fn made_of(metadata: &[(String, Value)]) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    let pairs: Vec<(&str, &Value)> = metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let tensors = tensors();
    let tensors: Vec<(&str, &QTensor)> =
        tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let mut bytes = std::io::Cursor::new(Vec::new());
    gguf_file::write(&mut bytes, &pairs, &tensors).unwrap();
    std::fs::File::create(&path).unwrap().write_all(&bytes.into_inner()).unwrap();
    Made { path, _folder: folder }
}

fn made() -> Made {
    made_of(&metadata())
}

fn sampling(temperature: f64) -> Sampling {
    Sampling { temperature, max_tokens: 12, stop: Vec::new(), seed: Some(5), ..Sampling::default() }
}

fn ask(model: &Gguf, samples: std::ops::Range<u32>, sampling: &Sampling) -> Vec<Sample> {
    let request = SampleRequest { llm_prompt: "a frog:".to_owned(), samples, sampling: sampling.clone() };
    let mut found = Vec::new();
    model.sample(&request, &|| false, &mut |notice| found.extend(notice.sample())).unwrap();
    found.sort_by_key(|sample| sample.number);
    found
}

#[test]
fn texts_and_conversations_become_tokens() {
    let made = made();
    let model = Gguf::open(&made.path).unwrap();
    let place = |token: &str| vocabulary().iter().position(|known| known == token).unwrap() as u32;
    let expected = ["<|im_start|>", "a", "Ġfrog", ":", "<|im_end|>", "<|im_start|>"].map(place);
    assert_eq!(model.tokens("a frog:").unwrap(), expected);
    assert_eq!(model.preamble, [place("<|im_start|>")]);
    assert_eq!(model.tokenizer.decode(&expected).unwrap(), "a frog:");
    assert_eq!((model.model(), model.identity().len(), model.concurrency()), ("tiny.gguf", 64, 1));
}

#[test]
fn greedy_answers_are_those_of_the_whole_text_read_anew() {
    let made = made();
    let model = Gguf::open(&made.path).unwrap();
    let found = ask(&model, 0..1, &sampling(0.0));
    // Without any cache: all tokens so far, again and again.
    let mut tokens = model.tokens("a frog:").unwrap();
    let prompt = tokens.len();
    for _ in 0..12 {
        let all = Tensor::from_vec(tokens.clone(), (1, tokens.len()), &Device::Cpu).unwrap();
        let logits = model.network.clone().forward(&all, 0).unwrap().to_vec2::<f32>().unwrap();
        let best =
            (0..logits[0].len()).max_by(|&a, &b| logits[0][a].total_cmp(&logits[0][b])).unwrap() as u32;
        if model.tokenizer.ends(best) {
            break;
        }
        tokens.push(best);
    }
    assert_eq!(found[0].text, model.tokenizer.decode(&tokens[prompt..]).unwrap());
    assert_eq!(found[0].tokens, Some(tokens.len() - prompt));
}

#[test]
fn an_answer_does_not_depend_on_what_is_drawn_beside_it() {
    let made = made();
    let model = Gguf::open(&made.path).unwrap();
    let together = ask(&model, 0..13, &sampling(1.0));
    assert_eq!(together.len(), 13);
    for sample in &together {
        assert_eq!(
            ask(&model, sample.number..sample.number + 1, &sampling(1.0)),
            std::slice::from_ref(sample)
        );
    }
    let different: std::collections::HashSet<&str> =
        together.iter().map(|sample| sample.text.as_str()).collect();
    assert!(different.len() > 8, "{different:?}");
    let seeded = Sampling { seed: Some(6), ..sampling(1.0) };
    assert_ne!(ask(&model, 0..13, &seeded), together);
    // Nor on what was read before: a model that was opened anew says the same.
    assert_eq!(ask(&Gguf::open(&made.path).unwrap(), 3..5, &sampling(1.0)), together[3..5]);
}

#[test]
fn answers_end_where_they_are_to_end() {
    let made = made();
    let model = Gguf::open(&made.path).unwrap();
    let whole = ask(&model, 0..13, &sampling(1.0));
    let long = whole.iter().find(|sample| sample.text.len() > 4).unwrap();
    let stop = long.text[2..4].to_owned();
    let stopped = Sampling { stop: vec!["#".to_owned(), stop.clone()], ..sampling(1.0) };
    let found = ask(&model, long.number..long.number + 1, &stopped);
    let cut = long.text.find(&stop).unwrap();
    assert_eq!((found[0].text.as_str(), found[0].ending), (&long.text[..cut], SampleEnding::Stop));
    let shorter = Sampling { max_tokens: 3, ..sampling(1.0) };
    for sample in ask(&model, 0..13, &shorter) {
        assert!(sample.tokens <= Some(3));
        assert_eq!(sample.ending == SampleEnding::Length, sample.tokens == Some(3), "{sample:?}");
    }
}

#[test]
fn drawing_can_be_stopped_between_tokens() {
    let made = made();
    let model = Gguf::open(&made.path).unwrap();
    let asked = AtomicUsize::new(0);
    let request = SampleRequest {
        llm_prompt: "a".to_owned(),
        samples: 0..2,
        sampling: Sampling { max_tokens: 50, ..sampling(1.0) },
    };
    let stop = || asked.fetch_add(1, Ordering::Relaxed) >= 3;
    let ended = model.sample(&request, &stop, &mut |_| {});
    assert!(matches!(ended, Err(LanguageModelError::Cancelled)), "{ended:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 4);
    let long = SampleRequest { llm_prompt: "a frog ".repeat(40), ..request };
    let error = model.sample(&long, &|| false, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("tiny.gguf reads 128 tokens"), "{error}");
}

#[test]
fn files_that_cannot_be_used_say_why() {
    let problem = |made: &Made| Gguf::open(&made.path).map(|_| ()).unwrap_err().to_string();
    let with = |key: &str, value: Option<Value>| {
        let mut metadata = metadata();
        metadata.retain(|(known, _)| known != key);
        metadata.extend(value.map(|value| (key.to_owned(), value)));
        made_of(&metadata)
    };
    for (made, words) in [
        (with("general.architecture", Some(text("mamba"))), "the architecture \"mamba\" is not known here"),
        (with("general.architecture", None), "general.architecture is missing"),
        (with("llama.block_count", None), "cannot be loaded as llama"),
        (with("tokenizer.ggml.model", Some(text("rwkv"))), "the tokenizer \"rwkv\" is not known"),
        (with("tokenizer.ggml.merges", None), "tokenizer.ggml.merges is missing"),
        (with("tokenizer.chat_template", Some(text("{% for %}"))), "chat template"),
    ] {
        let problem = problem(&made);
        assert!(problem.contains(words) && problem.contains("tiny.gguf"), "{problem}");
    }
    let made = made();
    let bytes = std::fs::read(&made.path).unwrap();
    for length in [0, 3, 100, bytes.len() - 40] {
        std::fs::write(&made.path, &bytes[..length]).unwrap();
        let problem = problem(&made);
        assert!(problem.contains("get it anew"), "{length}: {problem}");
    }
    std::fs::remove_file(&made.path).unwrap();
    assert!(problem(&made).contains("cannot be read"));
}
