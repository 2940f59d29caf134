//! A checkpoint as a whole: opened and verified at little cost, then the source of everything that computes.

use super::error::ClipError;
use super::files::{CheckpointFile, CheckpointSource};
use crate::clip::config::clip_config::ClipConfig;
use crate::clip::format::form;
use crate::clip::format::form::Model;
use crate::clip::preprocessing::transform::{Preprocessing, PreprocessingOrigin};
use crate::clip::tokenizer::prompt_tokenizer::{PromptTokenizer, TokenizerFiles};
use crate::clip::towers::text::TextEncoder;
use crate::clip::towers::vision::ImageEncoder;
use crate::kernels::Precision;

/// A CLIP checkpoint whose files were found and verified. No weight is in memory yet.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    name: String,
    model: Model,
    tokenizer_files: TokenizerFiles,
}

impl Checkpoint {
    /// Opens a checkpoint: parses its configuration and verifies every tensor's name, shape and element type from
    /// the headers of the weight files.
    ///
    /// Where no file says how pictures are treated, the family's own preprocessing at the model's `image_size` is used; see
    /// [`Self::preprocessing_origin`].
    ///
    /// # Errors
    /// Whatever is absent, malformed, cut short or does not belong to a CLIP model.
    pub fn open(source: CheckpointSource) -> Result<Self, ClipError> {
        let name = source.name()?;
        let model = form::read(&source)?;
        let tokenizer_files = TokenizerFiles::find(&source, model.tokenizer.clone())?;
        Ok(Self { name, model, tokenizer_files })
    }

    /// The last part of the directory's path, or the embedded checkpoint's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same under another name: a folder may be called something that nobody knows.
    #[must_use]
    pub fn called(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// What the model is like.
    pub fn config(&self) -> &ClipConfig {
        &self.model.config
    }

    /// How a picture becomes pixel values.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.model.preprocessing
    }

    /// Where that is said.
    pub fn preprocessing_origin(&self) -> &PreprocessingOrigin {
        &self.model.preprocessing_origin
    }

    /// Whether the checkpoint's form has a file that could say it: OpenAI's has none.
    pub fn can_say_preprocessing(&self) -> bool {
        self.model.config_file.is_some()
    }

    /// Every file that decides results: configuration, tokenizer, preprocessing (where there is a file), weights.
    pub fn files(&self) -> Vec<CheckpointFile> {
        let preprocessing = self.model.preprocessing_file.iter();
        self.before_weights().chain(preprocessing).chain(self.model.weights.files()).cloned().collect()
    }

    /// Those of them that decide what the encoders are: all but that of the preprocessing.
    pub fn encoder_files(&self) -> Vec<CheckpointFile> {
        self.before_weights().chain(self.model.weights.files()).cloned().collect()
    }

    fn before_weights(&self) -> impl Iterator<Item = &CheckpointFile> {
        self.model.config_file.iter().chain(self.tokenizer_files.files())
    }

    /// The learned `logit_scale`, as it is stored: cosine similarities are multiplied by its exponential before the
    /// softmax. (SigLIP adds a learned bias too, the same for all classes, which cancels in a softmax over them.)
    ///
    /// # Errors
    /// The weight file cannot be read any more.
    pub fn logit_scale(&self) -> Result<f32, ClipError> {
        let values = self.model.weights.values("logit_scale")?;
        values.first().copied().ok_or_else(|| ClipError::Compute("logit_scale has no value".to_owned()))
    }

    /// Loads the tokenizer.
    ///
    /// # Errors
    /// Its files cannot be read, or do not fit the model.
    pub fn tokenizer(&self) -> Result<PromptTokenizer, ClipError> {
        PromptTokenizer::read(&self.tokenizer_files, &self.model.config)
    }

    /// Loads the text tower; what `int8` quantises is quantised now.
    ///
    /// # Errors
    /// The weight files cannot be read any more.
    pub fn text_encoder(&self, precision: Precision) -> Result<TextEncoder, ClipError> {
        TextEncoder::load(&self.model.weights, &self.model.config, precision)
    }

    /// Loads the image tower; what `int8` quantises is quantised now. A ResNet or ConvNeXt is `f32` always.
    ///
    /// # Errors
    /// The weight files cannot be read any more.
    pub fn image_encoder(&self, precision: Precision) -> Result<ImageEncoder, ClipError> {
        ImageEncoder::load(&self.model.weights, &self.model.config, precision)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    use candle_core::{DType, Device, Tensor};
    use tempfile::TempDir;

    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clip").join(name)
    }

    /// A copy of a fixture, for damage.
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

        fn remove(self, name: &str) -> Self {
            fs::remove_file(self.path(name)).unwrap();
            self
        }

        fn write(self, name: &str, contents: impl AsRef<[u8]>) -> Self {
            fs::write(self.path(name), contents).unwrap();
            self
        }

        fn replace(self, name: &str, from: &str, to: &str) -> Self {
            let text = fs::read_to_string(self.path(name)).unwrap();
            assert!(text.contains(from), "{name} lacks {from}");
            self.write(name, text.replace(from, to))
        }

        fn change_weights(self, change: impl Fn(&mut HashMap<String, Tensor>)) -> Self {
            let path = self.path("model.safetensors");
            let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
            change(&mut tensors);
            candle_core::safetensors::save(&tensors, &path).unwrap();
            self
        }

        fn open(&self) -> Result<Checkpoint, ClipError> {
            Checkpoint::open(CheckpointSource::Directory(self.0.path().to_owned()))
        }

        /// Opening fails with a message that contains all of these.
        fn complains(&self, parts: &[&str]) {
            assert_contains(&self.open().unwrap_err(), parts);
        }

        fn tokenizer_complains(&self, parts: &[&str]) {
            assert_contains(&self.open().unwrap().tokenizer().unwrap_err(), parts);
        }
    }

    fn assert_contains(error: &ClipError, parts: &[&str]) {
        let message = error.to_string();
        for part in parts {
            assert!(message.contains(part), "no {part:?} in {message:?}");
        }
    }

    fn quick() -> Copy {
        Copy::of("tiny-quickgelu")
    }

    fn sharded() -> Copy {
        Copy::of("tiny-gelu")
    }

    #[test]
    fn a_path_that_is_no_directory() {
        for path in [fixture("absent"), fixture("tiny-gelu/config.json")] {
            let error = Checkpoint::open(CheckpointSource::Directory(path)).unwrap_err();
            assert_contains(&error, &["tests/fixtures/clip", "is not a directory"]);
        }
    }

    #[test]
    fn a_path_without_a_name_has_that_of_its_directory() {
        let source = CheckpointSource::Directory(fixture("tiny-gelu/../tiny-quickgelu/."));
        assert_eq!(Checkpoint::open(source).unwrap().name(), "tiny-quickgelu");
    }

    #[test]
    fn an_empty_directory() {
        let copy = Copy(tempfile::tempdir().unwrap());
        copy.complains(&["config.json is absent", "model.safetensors", "open_clip_config.json", ".pt"]);
    }

    #[test]
    fn a_malformed_config() {
        quick().write("config.json", "{\n \"model_type\": }").complains(&["config.json", "line 2 column 16"]);
    }

    #[test]
    fn a_config_of_another_model() {
        quick().replace("config.json", "\"clip\"", "\"vit\"").complains(&["config.json", "\"vit\"", "CLIP"]);
    }

    #[test]
    fn a_config_of_another_clip() {
        let copy = quick().replace("config.json", "\"image_size\": 32", "\"image_size\": 40");
        copy.complains(&["vision_model.embeddings.position_embedding.weight", "[17, 48]", "[26, 48]"]);
    }

    #[test]
    fn cut_short_weights() {
        let copy = quick();
        let bytes = fs::read(copy.path("model.safetensors")).unwrap();
        let (all, fewer) = (bytes.len().to_string(), (bytes.len() - 1).to_string());
        let copy = copy.write("model.safetensors", &bytes[..bytes.len() - 1]);
        copy.complains(&["model.safetensors", &all, &fewer, "cut short"]);
        copy.write("model.safetensors", &bytes[..500]).complains(&["model.safetensors", "500"]);
    }

    #[test]
    fn weights_that_are_no_safetensors() {
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 605247071\n";
        quick().write("model.safetensors", pointer).complains(&["not a safetensors file", "Git LFS"]);
        quick().write("model.safetensors", "short").complains(&["not a safetensors file", "5 bytes"]);
        let header = [&16_u64.to_le_bytes()[..], b"{\"x\": [1, 2, 3]}"].concat();
        quick().write("model.safetensors", header).complains(&["not a safetensors file", "malformed"]);
    }

    #[test]
    fn a_missing_tensor() {
        for name in ["vision_model.embeddings.class_embedding", "text_model.encoder.layers.1.mlp.fc2.bias"] {
            let copy = quick().change_weights(|tensors| assert!(tensors.remove(name).is_some()));
            copy.complains(&["model.safetensors", name]);
        }
    }

    #[test]
    fn a_tensor_of_an_odd_shape() {
        let name = "visual_projection.weight";
        let copy = quick().change_weights(|tensors| {
            let transposed = tensors[name].t().unwrap().contiguous().unwrap();
            tensors.insert(name.to_owned(), transposed);
        });
        copy.complains(&["model.safetensors", name, "[48, 24]", "[24, 48]"]);
    }

    #[test]
    fn tensors_of_types_that_are_no_weights() {
        let name = "text_projection.weight";
        for (dtype, known_as) in [(DType::I64, "I64"), (DType::F8E4M3, "F8_E4M3")] {
            let copy = quick().change_weights(|tensors| {
                let converted = tensors[name].to_dtype(DType::F32).unwrap().to_dtype(dtype).unwrap();
                tensors.insert(name.to_owned(), converted);
            });
            copy.complains(&["model.safetensors", name, &format!("of type {known_as};")]);
        }
    }

    #[test]
    fn a_missing_shard() {
        let shard = "model-00002-of-00002.safetensors";
        sharded().remove(shard).complains(&[shard, "absent", "model.safetensors.index.json names it"]);
    }

    #[test]
    fn an_index_that_names_an_absent_file() {
        let copy = sharded().replace("model.safetensors.index.json", "model-00001-of", "model-00007-of");
        copy.complains(&["model-00007-of-00002.safetensors", "absent", "index.json names it"]);
    }

    #[test]
    fn an_index_that_leaves_its_folder() {
        for outside in ["../model-00001-of-", "/tmp/model-00001-of-", "x/../../model-00001-of-"] {
            let copy = sharded().replace("model.safetensors.index.json", "model-00001-of-", outside);
            copy.complains(&["model.safetensors.index.json", "which is not in the checkpoint's folder"]);
        }
    }

    #[test]
    fn sizes_that_no_model_has() {
        for size in ["100000000", "4294967295", "9223372036854775807"] {
            for key in
                ["num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads", "image_size"]
            {
                let config = fs::read_to_string(fixture("tiny-quickgelu/config.json")).unwrap();
                let mut document: serde_json::Value = serde_json::from_str(&config).unwrap();
                document["vision_config"][key] = serde_json::from_str(size).unwrap();
                let copy = quick().write("config.json", document.to_string());
                copy.complains(&[]);
            }
        }
    }

    #[test]
    fn an_index_that_names_the_wrong_shard() {
        let index = "model.safetensors.index.json";
        let (wrong, right) = ("model-00002-of-00002.safetensors", "model-00001-of-00002.safetensors");
        sharded().replace(index, right, wrong).complains(&[wrong, "lacks the tensor"]);
    }

    #[test]
    fn an_index_without_a_tensor() {
        let copy = sharded().replace("model.safetensors.index.json", "\"logit_scale\"", "\"other\"");
        copy.complains(&["model.safetensors.index.json", "logit_scale"]);
    }

    #[test]
    fn a_malformed_index() {
        let copy = sharded().write("model.safetensors.index.json", "{\n}");
        copy.complains(&["model.safetensors.index.json", "weight_map", "line 2"]);
    }

    #[test]
    fn weights_in_another_form_only() {
        let copy = quick().remove("model.safetensors").write("pytorch_model.bin", "");
        copy.complains(&["pytorch_model.bin", "neither a ZIP archive", "save the model as safetensors"]);
        let copy = quick().remove("model.safetensors").write("open_clip_model.safetensors", "");
        copy.complains(&["model.safetensors is absent", "fetch open_clip_config.json"]);
        quick().remove("model.safetensors").complains(&["model.safetensors is absent"]);
    }

    #[test]
    fn weights_of_pytorch_are_those_of_safetensors() {
        let torch = fixture("../torch/tiny-quickgelu.bin");
        let copy = quick().remove("model.safetensors").write("pytorch_model.bin", fs::read(torch).unwrap());
        let other = quick();
        let (torch, safetensors) = (copy.open().unwrap(), other.open().unwrap());
        let prompts = ["a frog", "a photo of a ship."]
            .map(|prompt| torch.tokenizer().unwrap().tokenize(prompt).unwrap());
        let embed = |checkpoint: &Checkpoint| {
            checkpoint.text_encoder(Precision::F32).unwrap().encode(&prompts).unwrap()
        };
        assert_eq!(embed(&torch), embed(&safetensors));
        assert_eq!(torch.logit_scale().unwrap(), safetensors.logit_scale().unwrap());
        assert!(torch.files().iter().any(|file| file.name == "pytorch_model.bin"));
        // Where both are there, safetensors count.
        let both =
            copy.write("model.safetensors", fs::read(fixture("tiny-quickgelu/model.safetensors")).unwrap());
        assert!(both.open().unwrap().files().iter().any(|file| file.name == "model.safetensors"));
    }

    #[test]
    fn an_absent_tokenizer() {
        let copy = quick().remove("tokenizer.json");
        copy.complains(&["tokenizer.json is absent", "fetch", "vocab.json and merges.txt"]);
        let copy = copy.write("vocab.json", "{}").write("merges.txt", "");
        copy.tokenizer_complains(&["vocab.json", "no token <|startoftext|>"]);
    }

    #[test]
    fn a_malformed_tokenizer() {
        quick()
            .write("tokenizer.json", "{\n  oops")
            .tokenizer_complains(&["tokenizer.json", "line 2 column 3"]);
    }

    #[test]
    fn a_tokenizer_of_another_model() {
        let copy = quick().replace("tokenizer.json", "<|startoftext|>", "<s>");
        copy.tokenizer_complains(&["tokenizer.json", "no token <|startoftext|>"]);
    }

    #[test]
    fn a_tokenizer_with_more_tokens_than_the_model() {
        let copy = quick().replace("tokenizer.json", "\"id\":615", "\"id\":616");
        let copy = copy.replace("tokenizer.json", "\"<|endoftext|>\":615", "\"<|endoftext|>\":616");
        copy.tokenizer_complains(&["tokenizer.json", "token id 616", "616 tokens"]);
    }

    #[test]
    fn an_end_of_text_id_that_is_not_the_tokenizers() {
        let copy = quick().replace("config.json", "\"eos_token_id\": 615", "\"eos_token_id\": 600");
        copy.tokenizer_complains(&["tokenizer.json", "id 615", "600"]);
    }

    #[test]
    fn padding_and_truncation_of_the_tokenizer_do_not_count() {
        let expected = quick().open().unwrap().tokenizer().unwrap().tokenize("a frog").unwrap();
        assert_eq!(expected.ids.len(), 4);
        let truncation =
            r#""truncation":{"max_length":3,"stride":0,"strategy":"LongestFirst","direction":"Right"}"#;
        let padding = r#""padding":{"strategy":{"Fixed":9},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"!"}"#;
        let copy = quick().replace("tokenizer.json", r#""truncation":null"#, truncation);
        let copy = copy.replace("tokenizer.json", r#""padding":null"#, padding);
        assert_eq!(copy.open().unwrap().tokenizer().unwrap().tokenize("a frog").unwrap(), expected);
    }

    #[test]
    fn an_absent_preprocessor_config_gives_clips_preprocessing() {
        let copy = quick();
        let written = copy.open().unwrap();
        let defaults = copy.remove("preprocessor_config.json").open().unwrap();
        assert_eq!(defaults.preprocessing(), written.preprocessing());
        assert_eq!(defaults.files().len() + 1, written.files().len());
    }

    #[test]
    fn a_preprocessor_config_of_another_size() {
        let copy = quick().write("preprocessor_config.json", r#"{"crop_size": 224, "size": 224}"#);
        copy.complains(&["preprocessor_config.json", "`crop_size` is 224", "32 × 32"]);
    }

    #[test]
    fn weights_that_vanish_after_opening() {
        let copy = quick();
        let checkpoint = copy.open().unwrap();
        let copy = copy.remove("model.safetensors");
        assert!(matches!(checkpoint.logit_scale().unwrap_err(), ClipError::Read { .. }));
        drop(copy);
    }

    #[test]
    fn buffers_of_old_checkpoints_are_left_alone() {
        let (_, info) =
            candle_core::safetensors::load(fixture("tiny-quickgelu/model.safetensors"), &Device::Cpu)
                .unwrap()
                .remove_entry("text_model.embeddings.position_ids")
                .unwrap();
        assert_eq!(info.dtype(), DType::I64);
        assert!(quick().open().is_ok());
    }
}
