//! Which files of a repository make a checkpoint: those that transformers wrote, or else open_clip's. Weights of other
//! programs (flax, tf, onnx) stay where they are.

/// The forms in which a repository may hold a checkpoint; transformers' is preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointForm {
    /// `config.json` and weights.
    Transformers,
    /// `open_clip_config.json` and weights.
    OpenClip,
}

/// What a repository without any of these lacks.
pub const NO_CHECKPOINT: &str = "it has neither config.json with model.safetensors or pytorch_model.bin, nor open_clip_config.json \
                           with open_clip_model.safetensors or open_clip_pytorch_model.bin";

/// Files that go with the weights, where they are there.
const BESIDE: &[&str] = &[
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    // Says that the weights are not the whole model.
    "adapter_config.json",
];

/// Those of a tokenizer without `tokenizer.json`; CLIP's as OpenAI published it only where there is no other.
const OLD_TOKENIZER: &[&str] = &["vocab.json", "merges.txt", "spiece.model"];
const PUBLISHED_TOKENIZER: &str = "bpe_simple_vocab_16e6.txt.gz";

impl CheckpointForm {
    /// The file that describes the model.
    pub fn config(self) -> &'static str {
        match self {
            Self::Transformers => "config.json",
            Self::OpenClip => "open_clip_config.json",
        }
    }

    /// The files that may hold the weights, best first; an index stands for its shards.
    fn weights(self) -> &'static [&'static str] {
        match self {
            Self::Transformers => &[
                "model.safetensors",
                "model.safetensors.index.json",
                "pytorch_model.bin",
                "pytorch_model.bin.index.json",
            ],
            Self::OpenClip => &["open_clip_model.safetensors", "open_clip_pytorch_model.bin"],
        }
    }
}

/// The forms that are whole among these names of files, the preferred one first.
pub fn forms(names: &[&str]) -> Vec<CheckpointForm> {
    let is_whole = |form: &CheckpointForm| names.contains(&form.config()) && weights(names, *form).is_some();
    [CheckpointForm::Transformers, CheckpointForm::OpenClip].into_iter().filter(is_whole).collect()
}

/// The files of a form that is whole: description, tokenizer and preprocessing first, since they are small.
pub fn wanted<'a>(names: &[&'a str], form: CheckpointForm) -> Vec<&'a str> {
    let has_tokenizer = names.contains(&"tokenizer.json");
    let tokenizer = match has_tokenizer {
        true => &[][..],
        false if OLD_TOKENIZER.iter().any(|old| names.contains(old)) => OLD_TOKENIZER,
        false => &[PUBLISHED_TOKENIZER],
    };
    let small = [form.config()].into_iter().chain(BESIDE.iter().chain(tokenizer).copied());
    let small = small.filter_map(|wanted| names.iter().copied().find(|name| *name == wanted));
    small.chain(weights(names, form).unwrap_or_default()).collect()
}

fn weights<'a>(names: &[&'a str], form: CheckpointForm) -> Option<Vec<&'a str>> {
    form.weights().iter().find_map(|wanted| {
        let file = names.iter().copied().find(|name| name == wanted)?;
        let Some(whole) = wanted.strip_suffix(".index.json") else { return Some(vec![file]) };
        let shards: Vec<&str> = names.iter().copied().filter(|name| shard(name, whole).is_some()).collect();
        let count = shards.first().and_then(|name| shard(name, whole))?;
        (shards.len() == count).then(|| [file].into_iter().chain(shards).collect())
    })
}

/// Of how many files `name` is one, if it is a shard of `whole`: `model-00001-of-00002.safetensors` of
/// `model.safetensors` is one of two.
fn shard(name: &str, whole: &str) -> Option<usize> {
    let (stem, ending) = whole.rsplit_once('.')?;
    let numbers = name.strip_prefix(stem)?.strip_prefix('-')?.strip_suffix(ending)?.strip_suffix('.')?;
    let (number, count) = numbers.split_once("-of-")?;
    let is_number = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(number) && is_number(count)).then(|| count.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&str]) -> Vec<String> {
        let form = forms(names).first().copied();
        form.map(|form| wanted(names, form).into_iter().map(str::to_owned).collect()).unwrap_or_default()
    }

    #[test]
    fn only_what_is_needed_is_wanted() {
        let names = [
            ".gitattributes",
            "README.md",
            "config.json",
            "flax_model.msgpack",
            "merges.txt",
            "model.safetensors",
            "onnx/model.onnx",
            "preprocessor_config.json",
            "pytorch_model.bin",
            "special_tokens_map.json",
            "tf_model.h5",
            "tokenizer.json",
            "tokenizer_config.json",
            "vocab.json",
        ];
        assert_eq!(
            chosen(&names),
            [
                "config.json",
                "preprocessor_config.json",
                "tokenizer.json",
                "tokenizer_config.json",
                "special_tokens_map.json",
                "model.safetensors"
            ]
        );
        let old: Vec<&str> = names
            .into_iter()
            .filter(|name| !matches!(*name, "tokenizer.json" | "model.safetensors"))
            .collect();
        let chosen = chosen(&old);
        assert!(chosen.ends_with(&["vocab.json".into(), "merges.txt".into(), "pytorch_model.bin".into()]));
    }

    #[test]
    fn a_published_vocabulary_comes_where_it_is_the_only_one() {
        let published =
            ["open_clip_config.json", "bpe_simple_vocab_16e6.txt.gz", "open_clip_model.safetensors"];
        assert_eq!(chosen(&published), published);
        let both = [&published[..], &["tokenizer.json"]].concat();
        assert!(!chosen(&both).contains(&published[1].to_owned()));
        let processor =
            ["config.json", "preprocessor_config.json", "processor_config.json", "model.safetensors"];
        assert_eq!(chosen(&processor), processor);
    }

    #[test]
    fn shards_come_all_or_not_at_all() {
        let (one, two) = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors");
        let whole = ["config.json", "model.safetensors.index.json", one, two, "pytorch_model.bin"];
        assert_eq!(chosen(&whole), ["config.json", "model.safetensors.index.json", one, two]);
        assert_eq!(chosen(&[&whole[..3], &whole[4..]].concat()), ["config.json", "pytorch_model.bin"]);
        assert_eq!(chosen(&whole[..3]), [""; 0]);
        let bin = ["config.json", "pytorch_model.bin.index.json", "pytorch_model-00001-of-00001.bin"];
        assert_eq!(chosen(&bin), bin);
    }

    #[test]
    fn transformers_form_is_preferred() {
        let open_clip = ["open_clip_config.json", "open_clip_pytorch_model.bin", "tokenizer.json"];
        assert_eq!(
            chosen(&open_clip),
            ["open_clip_config.json", "tokenizer.json", "open_clip_pytorch_model.bin"]
        );
        let both = [&open_clip[..], &["config.json", "pytorch_model.bin"]].concat();
        assert_eq!(forms(&both), [CheckpointForm::Transformers, CheckpointForm::OpenClip]);
        assert_eq!(chosen(&both), ["config.json", "tokenizer.json", "pytorch_model.bin"]);
        // A description without weights is no checkpoint.
        assert_eq!(forms(&["config.json", "tokenizer.json"]), []);
        assert_eq!(forms(&["config.json", "open_clip_model.safetensors"]), []);
    }
}
