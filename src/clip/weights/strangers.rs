//! Tensors that no part of a model takes: which may be there all the same, and what the others tell about a file.

/// The last parts of names of buffers: counts and masks that the model's code makes anew, and numbers that no embedding
/// depends on.
const BUFFERS: [&str; 8] = [
    // Positions 0, 1, 2 …: transformers' until 4.31, and its BERTs'.
    "position_ids",
    "token_type_ids",
    // The mask of causal attention.
    "attn_mask",
    // Added to all logits alike, in SigLIP and models that are trained as it is.
    "logit_bias",
    // What batch norms count.
    "num_batches_tracked",
    // OpenAI's scripted models.
    "input_resolution",
    "context_length",
    "vocab_size",
];

/// What stands in the name of a tensor that changes another one, and what to do about it.
const CHANGES: [(&str, &str); 9] = [
    (".lora_", MERGE),
    (".base_layer.", MERGE),
    (".original_module.", MERGE),
    (".modules_to_save.", MERGE),
    (".SCB", DEQUANTISE),
    (".quant_map", DEQUANTISE),
    (".quant_state", DEQUANTISE),
    (".qweight", DEQUANTISE),
    (".weight_scale", DEQUANTISE),
];
const MERGE: &str = "is a part of an adapter (PEFT, LoRA). Merge first: load the model with it in Python, \
     model = model.merge_and_unload(), and model.save_pretrained(FOLDER)";
const DEQUANTISE: &str = "belongs to quantised weights, which are not read here. Save the model from its unquantised weights, in f32, f16 or bf16";

/// Names in an error.
const NAMED: usize = 3;

/// Whether a tensor of that name is nothing that was learned for the embeddings.
pub(super) fn is_buffer(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    BUFFERS.contains(&last)
}

/// Complains of tensors that change others, which would otherwise be seen as the others' absence.
pub(super) fn changed_layers<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut found: Vec<(&str, &str)> = names
        .filter_map(|name| {
            let (_, remedy) = CHANGES.iter().find(|(mark, _)| name.contains(mark))?;
            Some((name, *remedy))
        })
        .collect();
    found.sort_unstable();
    found.first().map(|(name, remedy)| format!("the tensor {name} {remedy}"))
}

/// Complains of tensors that nothing took.
pub(super) fn untaken(mut names: Vec<String>) -> Option<String> {
    names.sort();
    let named = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let count = match names.len() {
        0 => return None,
        1 => "a tensor that no part of the model takes".to_owned(),
        count => format!("{count} tensors that no part of the model takes"),
    };
    let more = if names.len() > NAMED { ", …" } else { "" };
    Some(format!(
        "it has {count}: {named}{more}. Without them the model would compute something else, so either the configuration is \
         that of another model, or the model has parts that are not known here"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_known_by_their_names() {
        for name in [
            "text_model.embeddings.position_ids",
            "attn_mask",
            "logit_bias",
            "visual.bn1.num_batches_tracked",
        ] {
            assert!(is_buffer(name), "{name}");
        }
        for name in ["vision_model.embeddings.register_tokens", "position_ids.weight", "x_logit_bias"] {
            assert!(!is_buffer(name), "{name}");
        }
    }

    #[test]
    fn adapters_and_quantised_weights_say_what_to_do() {
        let of = |name| changed_layers([name, "logit_scale"].into_iter()).unwrap_or_default();
        assert!(of("a.q_proj.lora_A.default.weight").contains("merge_and_unload"));
        assert!(of("a.q_proj.base_layer.weight").contains("Merge first"));
        assert!(of("a.fc1.SCB").contains("quantised"));
        assert_eq!(of("a.q_proj.weight"), "");
    }

    #[test]
    fn the_first_few_are_named() {
        let of = |names: &[&str]| untaken(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(of(&[]), None);
        assert!(of(&["b"]).unwrap().contains("a tensor that no part of the model takes: b. Without"));
        assert!(
            of(&["d", "c", "b", "a"])
                .unwrap()
                .contains("4 tensors that no part of the model takes: a, b, c, …")
        );
    }
}
