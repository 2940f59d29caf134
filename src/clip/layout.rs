//! Which tensors a CLIP checkpoint has, and their shapes: what opening it verifies, and loading relies on.

use super::config::{ClipConfig, TransformerConfig};

/// Names, in transformers' spelling, and shapes of all tensors that the model uses.
pub(super) fn expected_tensors(config: &ClipConfig) -> Vec<(String, Vec<usize>)> {
    let (text, vision) = (&config.text, &config.vision);
    let mut tensors = Tensors::default();

    let width = text.hidden_size;
    tensors.add("text_model.embeddings.token_embedding.weight", &[text.vocab_size, width]);
    tensors.add("text_model.embeddings.position_embedding.weight", &[text.max_position_embeddings, width]);
    tensors.add_blocks("text_model", text.transformer());
    tensors.add_norm("text_model.final_layer_norm", width);
    tensors.add("text_projection.weight", &[config.dim, width]);

    let (width, patch) = (vision.hidden_size, vision.patch_size);
    tensors.add("vision_model.embeddings.class_embedding", &[width]);
    tensors
        .add("vision_model.embeddings.patch_embedding.weight", &[width, vision.num_channels, patch, patch]);
    tensors.add("vision_model.embeddings.position_embedding.weight", &[vision.tokens(), width]);
    tensors.add_norm("vision_model.pre_layrnorm", width);
    tensors.add_blocks("vision_model", vision.transformer());
    tensors.add_norm("vision_model.post_layernorm", width);
    tensors.add("visual_projection.weight", &[config.dim, width]);

    tensors.add("logit_scale", &[]);
    tensors.0
}

#[derive(Default)]
struct Tensors(Vec<(String, Vec<usize>)>);

impl Tensors {
    fn add(&mut self, name: &str, shape: &[usize]) {
        self.0.push((name.to_owned(), shape.to_vec()));
    }

    fn add_norm(&mut self, name: &str, width: usize) {
        self.add(&format!("{name}.weight"), &[width]);
        self.add(&format!("{name}.bias"), &[width]);
    }

    fn add_linear(&mut self, name: &str, inputs: usize, outputs: usize) {
        self.add(&format!("{name}.weight"), &[outputs, inputs]);
        self.add(&format!("{name}.bias"), &[outputs]);
    }

    fn add_blocks(&mut self, tower: &str, config: TransformerConfig) {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        for layer in 0..config.layers {
            let block = format!("{tower}.encoder.layers.{layer}");
            self.add_norm(&format!("{block}.layer_norm1"), width);
            for projection in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                self.add_linear(&format!("{block}.self_attn.{projection}"), width, width);
            }
            self.add_norm(&format!("{block}.layer_norm2"), width);
            self.add_linear(&format!("{block}.mlp.fc1"), width, inner);
            self.add_linear(&format!("{block}.mlp.fc2"), inner, width);
        }
    }
}
