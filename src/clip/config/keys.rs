//! Every key of a checkpoint's configuration files that is known: those that decide something here, those that are without
//! effect on an embedding, and those that would have one if they were anything but what is listed. A key that is in no row
//! is an error: it may change what the model computes.
//!
//! A key whose value is null says nothing, whatever it is called.

use serde_json::Value;

use super::json_section::{Section, Wrong};

/// An object of a configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::clip) enum Place {
    /// `config.json` of transformers.
    Model,
    /// Its `text_config`.
    Text,
    /// Its `vision_config`.
    Vision,
    /// `preprocessor_config.json` of transformers, and `image_processor` in its `processor_config.json`.
    Picture,
    /// The rest of `processor_config.json`.
    Processor,
    /// `tokenizer_config.json` and `special_tokens_map.json`.
    Tokenizer,
    /// `open_clip_config.json`.
    OpenClip,
    /// Its `model_cfg`.
    OpenClipModel,
    /// Its `vision_cfg`, for open_clip's own towers.
    OpenClipVision,
    /// Its `vision_cfg`, for timm's towers.
    OpenClipTimm,
    /// Its `text_cfg`.
    OpenClipText,
    /// Its `tokenizer_kwargs`.
    OpenClipTokenizer,
    /// Its `preprocess_cfg`.
    OpenClipPicture,
}

/// What a key means.
enum Meaning {
    /// It decides something, and is read.
    Used,
    /// No embedding depends on it.
    NoEffect,
    /// It has no effect with one of these values, as JSON; others are not known here.
    Only(&'static [&'static str]),
}
use Meaning::{NoEffect, Only, Used};
use Place::{
    Model, OpenClip, OpenClipModel, OpenClipPicture, OpenClipText, OpenClipTimm, OpenClipTokenizer,
    OpenClipVision, Picture, Processor, Text, Tokenizer, Vision,
};

/// Where which keys mean what.
struct Row(&'static [Place], &'static [&'static str], Meaning);

const FALSE: Meaning = Only(&["false"]);
const NULL: Meaning = Only(&["null"]);

const TABLE: &[Row] = &[
    // transformers' configurations.
    Row(&[Model], &["model_type", "architectures", "projection_dim"], Used),
    Row(&[Model], &["text_config", "text_config_dict", "vision_config", "vision_config_dict"], Used),
    Row(
        &[Text, Vision],
        &[
            "model_type",
            "hidden_size",
            "intermediate_size",
            "num_hidden_layers",
            "num_attention_heads",
            "hidden_act",
            "layer_norm_eps",
        ],
        Used,
    ),
    Row(
        &[Text],
        &["vocab_size", "max_position_embeddings", "eos_token_id", "projection_size", "type_vocab_size"],
        Used,
    ),
    // Of BERT's first configurations; nothing reads them.
    Row(
        &[Text],
        &[
            "directionality",
            "pooler_fc_size",
            "pooler_num_attention_heads",
            "pooler_num_fc_layers",
            "pooler_size_per_head",
            "pooler_type",
        ],
        NoEffect,
    ),
    Row(&[Vision], &["num_channels", "image_size", "patch_size", "vision_use_head"], Used),
    // The projections of towers that are used alone; whole models have theirs in `projection_dim` of the file.
    Row(&[Text, Vision], &["projection_dim", "architectures"], NoEffect),
    Row(&[Text, Vision], &["logit_scale_init_value"], NoEffect),
    // Code of a repository's own, and weights that are not what they are called.
    Row(&[Model, Text, Vision, Picture, Processor, Tokenizer], &["auto_map"], NULL),
    Row(&[Model, Text, Vision], &["quantization_config"], NULL),
    Row(&[Model, Text, Vision], &["pruned_heads"], Only(&["{}"])),
    Row(&[Text], &["position_embedding_type"], Only(&["\"absolute\""])),
    // Training, generation of text, and how Python returns results: `PretrainedConfig` of every version.
    Row(
        &[Model, Text, Vision],
        &[
            "_attn_implementation",
            "_attn_implementation_autoset",
            "_attn_implementation_internal",
            "_commit_hash",
            "_name_or_path",
            "add_cross_attention",
            "attention_dropout",
            "attention_probs_dropout_prob",
            "attn_implementation",
            "bad_words_ids",
            "begin_suppress_tokens",
            "bos_token_id",
            "chunk_size_feed_forward",
            "classifier_dropout",
            "cross_attention_hidden_size",
            "decoder_start_token_id",
            "diversity_penalty",
            "do_sample",
            "dropout",
            "dtype",
            "early_stopping",
            "encoder_no_repeat_ngram_size",
            "exponential_decay_length_penalty",
            "finetuning_task",
            "forced_bos_token_id",
            "forced_eos_token_id",
            "gradient_checkpointing",
            "hidden_dropout_prob",
            "id2label",
            "initializer_factor",
            "initializer_range",
            "is_decoder",
            "is_encoder_decoder",
            "label2id",
            "length_penalty",
            "max_length",
            "min_length",
            "no_repeat_ngram_size",
            "num_beam_groups",
            "num_beams",
            "num_labels",
            "num_return_sequences",
            "output_attentions",
            "output_hidden_states",
            "output_past",
            "output_scores",
            "pad_token_id",
            "prefix",
            "problem_type",
            "remove_invalid_values",
            "repetition_penalty",
            "return_dict",
            "return_dict_in_generate",
            "sep_token_id",
            "suppress_tokens",
            "task_specific_params",
            "temperature",
            "tf_legacy_loss",
            "tie_encoder_decoder",
            "tie_word_embeddings",
            "tokenizer_class",
            "top_k",
            "top_p",
            "torch_dtype",
            "torchscript",
            "transformers.js_config",
            "transformers_version",
            "typical_p",
            "use_bfloat16",
            "use_cache",
        ],
        NoEffect,
    ),
    Row(&[Model], &["eos_token_id", "hidden_size", "logit_scale_init_value", "vocab_size"], NoEffect),
    // transformers' image processors.
    Row(
        &[Picture],
        &[
            "image_processor_type",
            "feature_extractor_type",
            "do_resize",
            "size",
            "resample",
            "do_center_crop",
            "crop_size",
            "do_rescale",
            "rescale_factor",
            "do_normalize",
            "image_mean",
            "image_std",
        ],
        Used,
    ),
    // A picture that is not RGB becomes so always; the references fail on one where this is false.
    Row(&[Picture], &["do_convert_rgb"], NoEffect),
    Row(&[Picture], &["do_pad", "default_to_square", "use_square_size"], FALSE),
    Row(&[Picture], &["pad_size"], NULL),
    Row(
        &[Picture],
        &[
            "_processor_class",
            "_valid_processor_keys",
            "data_format",
            "device",
            "disable_grouping",
            "image_seq_length",
            "input_data_format",
            "processor_class",
            "return_tensors",
            "tokenizer_class",
            "use_fast",
        ],
        NoEffect,
    ),
    Row(&[Processor], &["image_processor"], Used),
    Row(&[Processor], &["processor_class", "chat_template"], NoEffect),
    // Tokenizers.
    Row(
        &[Tokenizer],
        &[
            "tokenizer_class",
            "bos_token",
            "eos_token",
            "pad_token",
            "add_bos_token",
            "add_eos_token",
            "sep_token",
            "do_lower_case",
            "strip_accents",
            "tokenize_chinese_chars",
            "model_max_length",
            "added_tokens_decoder",
            "additional_special_tokens",
            "extra_special_tokens",
        ],
        Used,
    ),
    Row(&[Tokenizer], &["padding_side", "truncation_side"], Only(&["\"right\""])),
    Row(&[Tokenizer], &["split_special_tokens", "add_prefix_space"], FALSE),
    Row(
        &[Tokenizer],
        &[
            // The tokens of `bos_token` and `eos_token` are what prompts begin and end with; where these differ, the
            // vocabulary's own frame around a prompt has them.
            "cls_token",
            "unk_token",
            "mask_token",
            "backend",
            "chat_template",
            "clean_up_tokenization_spaces",
            // Of tokenizers that are written in Python.
            "do_basic_tokenize",
            "never_split",
            "errors",
            "fix_mistral_regex",
            "is_local",
            "legacy",
            "local_files_only",
            "max_length",
            "model_input_names",
            "name_or_path",
            "pad_to_multiple_of",
            "pad_token_type_id",
            "processor_class",
            "sp_model_kwargs",
            "spaces_between_special_tokens",
            "special_tokens_map_file",
            "stride",
            "tokenizer_file",
            "truncation_strategy",
            "use_default_system_prompt",
            "use_fast",
            "vocab_size",
        ],
        NoEffect,
    ),
    // open_clip.
    Row(&[OpenClip], &["model_cfg", "preprocess_cfg"], Used),
    Row(&[OpenClip], &["model_name", "license", "tags", "version"], NoEffect),
    // That the last is there says that the model is a CoCa; what it says is of the decoder, which is left out.
    Row(&[OpenClipModel], &["embed_dim", "quick_gelu", "vision_cfg", "text_cfg", "multimodal_cfg"], Used),
    Row(
        &[OpenClipModel],
        &["custom_text", "init_logit_scale", "init_logit_bias", "nonscalar_logit_scale", "output_dict"],
        NoEffect,
    ),
    Row(
        &[OpenClipVision, OpenClipText],
        &["width", "layers", "mlp_ratio", "act_kwargs", "norm_kwargs"],
        Used,
    ),
    Row(&[OpenClipVision, OpenClipText], &["ls_init_value"], NULL),
    Row(&[OpenClipVision, OpenClipText], &["block_type"], Only(&["\"default\""])),
    Row(
        &[OpenClipVision, OpenClipText],
        &["qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc"],
        FALSE,
    ),
    // A layer norm before or after one token is taken is the same.
    Row(&[OpenClipVision], &["final_ln_after_pool"], Used),
    Row(&[OpenClipText], &["final_ln_after_pool"], NoEffect),
    Row(&[OpenClipVision, OpenClipText], &["output_tokens"], NoEffect),
    Row(&[OpenClipVision], &["image_size", "patch_size", "head_width", "no_ln_pre", "pool_type"], Used),
    Row(&[OpenClipVision], &["input_patchnorm", "global_average_pool"], FALSE),
    Row(&[OpenClipVision], &["attentional_pool", "attn_pooler_queries", "attn_pooler_heads"], Used),
    // Both kinds of position embeddings are in the weights.
    Row(&[OpenClipVision], &["pos_embed_type"], NoEffect),
    Row(&[OpenClipVision], &["timm_model_name"], NULL),
    Row(&[OpenClipVision], &["timm_pool", "timm_proj", "timm_proj_bias"], NoEffect),
    Row(
        &[OpenClipTimm],
        &["image_size", "timm_model_name", "timm_pool", "timm_proj", "timm_proj_bias"],
        Used,
    ),
    // Of open_clip's own towers, in whose place timm's is.
    Row(
        &[OpenClipTimm],
        &[
            "act_kwargs",
            "attentional_pool",
            "attn_pooler_heads",
            "attn_pooler_queries",
            "final_ln_after_pool",
            "head_width",
            "layers",
            "ls_init_value",
            "mlp_ratio",
            "no_ln_pre",
            "norm_kwargs",
            "output_tokens",
            "patch_size",
            "pool_type",
            "pos_embed_type",
            "width",
        ],
        NoEffect,
    ),
    // In training only, and where the weights once came from.
    Row(
        &[OpenClipVision, OpenClipTimm],
        &["patch_dropout", "timm_model_pretrained", "timm_drop", "timm_drop_path"],
        NoEffect,
    ),
    Row(
        &[OpenClipText],
        &[
            "context_length",
            "vocab_size",
            "heads",
            "no_causal_mask",
            "embed_cls",
            "pad_id",
            "pool_type",
            "eos_id",
            "proj_bias",
            "proj_type",
            "hf_tokenizer_name",
            "tokenizer_kwargs",
            "hf_model_name",
            "hf_proj_type",
            "hf_pooler_type",
        ],
        Used,
    ),
    Row(&[OpenClipText], &["tokenizer_mode"], Only(&["\"\""])),
    Row(&[OpenClipText], &["hf_model_pretrained"], NoEffect),
    Row(&[OpenClipTokenizer], &["clean", "strip_sep_token"], Used),
    Row(&[OpenClipTokenizer], &["reduction_mask"], Only(&["\"\""])),
    Row(&[OpenClipTokenizer], &["additional_special_tokens"], Only(&["[]"])),
    Row(&[OpenClipPicture], &["mode", "mean", "std", "interpolation", "resize_mode", "fill_color"], Used),
    // The model's image_size counts.
    Row(&[OpenClipPicture], &["size"], NoEffect),
];

/// Complains of every key of an object that means nothing here, and of values that are not known.
pub(in crate::clip) fn check(place: Place, section: &Section<'_>) -> Result<(), Wrong> {
    for (name, value) in section.map {
        if *value == Value::Null {
            continue;
        }
        let row = TABLE
            .iter()
            .find(|Row(places, names, _)| places.contains(&place) && names.contains(&name.as_str()));
        match row {
            Some(Row(_, _, Used | NoEffect)) => {}
            Some(Row(_, _, Only(values))) if values.contains(&value.to_string().as_str()) => {}
            Some(Row(_, _, Only(values))) => {
                let known = match *values {
                    [] | ["null"] => "it is absent".to_owned(),
                    values => format!("it is absent or {}", values.join(" or ")),
                };
                let problem = format!("is {}; only models where {known} can be used", shortened(value));
                return Err(section.wrong(name, &problem));
            }
            None => {
                let problem = format!(
                    "is {}, but it is not known here what that changes; if it is without effect on embeddings, remove it from the \
                     file",
                    shortened(value)
                );
                return Err(section.wrong(name, &problem));
            }
        }
    }
    Ok(())
}

/// A value as an error shows it.
fn shortened(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_key_has_two_meanings() {
        let mut seen = HashSet::new();
        for Row(places, names, _) in TABLE {
            for place in *places {
                for name in *names {
                    assert!(seen.insert(format!("{place:?} {name}")), "{place:?} {name}");
                }
            }
        }
    }

    #[test]
    fn keys_that_are_not_known_are_named() {
        let complaint = |place, json: &str| {
            let value = serde_json::from_str(json).unwrap();
            let section = Section::from_value("part".to_owned(), &value).unwrap();
            check(place, &section).map_err(|(key, problem)| format!("{key} {problem}"))
        };
        assert_eq!(complaint(Place::Text, r#"{"hidden_size": 3, "top_k": 5, "what": null}"#), Ok(()));
        let message = complaint(Place::Text, r#"{"num_registers": 4}"#).unwrap_err();
        assert!(message.starts_with("part.num_registers is 4, but"), "{message}");
        let message = complaint(Place::OpenClipVision, r#"{"qk_norm": true}"#).unwrap_err();
        assert!(
            message.starts_with("part.qk_norm is true; only models where it is absent or false can"),
            "{message}"
        );
        let long = format!(r#"{{"auto_map": "{}"}}"#, "x".repeat(100));
        assert!(complaint(Place::Model, &long).unwrap_err().contains("xxx…; only models where it is absent"));
        assert!(complaint(Place::Model, r#"{"longest_edge": 1}"#).is_err());
    }
}
