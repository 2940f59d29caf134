//! Which tensors a checkpoint has, and their shapes: what opening it verifies, and loading relies on.

use crate::clip::config::clip_config::{
    ClipConfig, ConvNextConfig, Projection, ResNetConfig, TextPooling, TransformerConfig, VisionConfig,
    VisionPooling, VisionTransformerConfig,
};

/// Layers that are looked for, whatever a configuration says: a file lacks the next one long before.
const MOST_LAYERS: usize = 4096;

/// Names, in the towers' spelling, and shapes of all tensors that the model uses.
pub(in crate::clip) fn expected_tensors(config: &ClipConfig) -> Vec<(String, Vec<usize>)> {
    let text = &config.text;
    let mut tensors = Tensors::default();

    let width = text.hidden_size;
    tensors.add("text_model.embeddings.token_embedding.weight", &[text.vocab_size, width]);
    tensors.add("text_model.embeddings.position_embedding.weight", &[text.positions(), width]);
    if text.pooling == TextPooling::ClassToken {
        tensors.add("text_model.embeddings.class_embedding", &[width]);
    }
    tensors.add_blocks("text_model", text.transformer());
    match text.bert {
        None => tensors.add_norm("text_model.final_layer_norm", width),
        Some(bert) => {
            tensors.add("text_model.embeddings.token_type_embeddings.weight", &[bert.token_types, width]);
            tensors.add_norm("text_model.embeddings.LayerNorm", width);
            if bert.pooler {
                tensors.add_linear("text_model.pooler.dense", width, width);
            }
        }
    }
    match text.projection {
        Projection::Linear => tensors.add_linear("text_model.head", width, config.dim),
        other => tensors.add_projection("text_projection", other, width, config.dim),
    }

    match &config.vision {
        VisionConfig::Transformer(vision) => tensors.add_vision_transformer(vision, config),
        VisionConfig::ResNet(vision) => tensors.add_resnet(vision, config.dim),
        VisionConfig::ConvNext(vision) => tensors.add_convnext(vision, config.dim),
    }

    tensors.add("logit_scale", &[]);
    tensors.0
}

/// Numbers that training adjusts: all of them but the statistics that batch norms keep.
pub(in crate::clip) fn parameters(config: &ClipConfig) -> u64 {
    let learned = |name: &str| !name.ends_with(".running_mean") && !name.ends_with(".running_var");
    expected_tensors(config)
        .iter()
        .filter(|(name, _)| learned(name))
        .map(|(_, shape)| shape.iter().map(|length| *length as u64).product::<u64>())
        .sum()
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

    fn add_projection(&mut self, name: &str, projection: Projection, inputs: usize, outputs: usize) {
        match projection {
            Projection::None => {}
            Projection::Matrix => self.add(&format!("{name}.weight"), &[outputs, inputs]),
            Projection::Linear => self.add_linear(name, inputs, outputs),
            Projection::Mlp { inner, biases } => {
                let layers = [("0", inputs, inner), ("2", inner, outputs)];
                for ((layer, inputs, outputs), bias) in layers.into_iter().zip(biases) {
                    self.add(&format!("{name}.{layer}.weight"), &[outputs, inputs]);
                    if bias {
                        self.add(&format!("{name}.{layer}.bias"), &[outputs]);
                    }
                }
            }
        }
    }

    /// Attention of queries of a width over rows of another.
    fn add_attention(&mut self, name: &str, rows: usize, width: usize) {
        for (projection, inputs) in
            [("q_proj", width), ("k_proj", rows), ("v_proj", rows), ("out_proj", width)]
        {
            self.add_linear(&format!("{name}.{projection}"), inputs, width);
        }
    }

    fn add_mlp(&mut self, name: &str, width: usize, inner: usize) {
        self.add_linear(&format!("{name}.fc1"), width, inner);
        self.add_linear(&format!("{name}.fc2"), inner, width);
    }

    fn add_blocks(&mut self, tower: &str, config: TransformerConfig) {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        for layer in 0..config.layers.min(MOST_LAYERS) {
            let block = format!("{tower}.encoder.layers.{layer}");
            self.add_norm(&format!("{block}.layer_norm1"), width);
            for projection in ["q_proj", "v_proj", "out_proj"] {
                self.add_linear(&format!("{block}.self_attn.{projection}"), width, width);
            }
            self.add(&format!("{block}.self_attn.k_proj.weight"), &[width, width]);
            if config.blocks.key_bias {
                self.add(&format!("{block}.self_attn.k_proj.bias"), &[width]);
            }
            self.add_norm(&format!("{block}.layer_norm2"), width);
            self.add_mlp(&format!("{block}.mlp"), width, inner);
            if config.blocks.gated {
                self.add_norm(&format!("{block}.self_attn.norm"), width);
                self.add_linear(&format!("{block}.mlp.gate"), width, inner);
                self.add_norm(&format!("{block}.mlp.norm"), inner);
            }
        }
    }

    fn add_vision_transformer(&mut self, vision: &VisionTransformerConfig, config: &ClipConfig) {
        let (width, patch) = (vision.hidden_size, vision.patch_size);
        if vision.class_token {
            self.add("vision_model.embeddings.class_embedding", &[width]);
        }
        match vision.stem {
            None => self.add("vision_model.embeddings.patch_embedding.weight", &[width, 3, patch, patch]),
            Some(channels) => {
                for (at, [outputs, inputs, side]) in
                    [[channels, 3, 4], [channels, channels, 2]].iter().enumerate()
                {
                    let (convolution, norm) = (
                        format!("visual.trunk.patch_embed.backbone.{at}.conv"),
                        format!("visual.trunk.patch_embed.backbone.{at}.bn"),
                    );
                    self.add_convolution(&convolution, &norm, [*outputs, *inputs, *side]);
                }
                self.add_patches("visual.trunk.patch_embed.backbone.2.conv", [width, channels, 2]);
            }
        }
        self.add("vision_model.embeddings.position_embedding.weight", &[vision.positions(), width]);
        if vision.pre_norm {
            self.add_norm("vision_model.pre_layrnorm", width);
        }
        if vision.patch_bias {
            self.add("vision_model.embeddings.patch_embedding.bias", &[width]);
        }
        self.add_blocks("vision_model", vision.transformer());
        let pooled = match vision.pooling {
            VisionPooling::ClassToken | VisionPooling::Mean { .. } => width,
            VisionPooling::Attention { inner, .. } => {
                self.add("vision_model.head.probe", &[1, 1, width]);
                self.add_attention("vision_model.head.attention", width, width);
                self.add_norm("vision_model.head.layernorm", width);
                self.add_mlp("vision_model.head.mlp", width, inner);
                width
            }
            VisionPooling::Queries { queries, .. } => {
                self.add("vision_model.pooler.queries", &[queries, config.dim]);
                self.add_norm("vision_model.pooler.query_norm", config.dim);
                self.add_norm("vision_model.pooler.key_norm", width);
                self.add_attention("vision_model.pooler.attention", width, config.dim);
                config.dim
            }
        };
        self.add_norm("vision_model.post_layernorm", pooled);
        self.add_projection("visual_projection", vision.projection, pooled, config.dim);
    }

    fn add_resnet(&mut self, vision: &ResNetConfig, dim: usize) {
        let half = vision.width / 2;
        self.add_convolution("visual.conv1", "visual.bn1", [half, 3, 3]);
        self.add_convolution("visual.conv2", "visual.bn2", [half, half, 3]);
        self.add_convolution("visual.conv3", "visual.bn3", [vision.width, half, 3]);
        for block in vision.blocks() {
            let name = format!("visual.{}", block.name);
            for (at, [outputs, inputs, side]) in [
                (1, [block.planes, block.inputs, 1]),
                (2, [block.planes, block.planes, 3]),
                (3, [block.outputs, block.planes, 1]),
            ] {
                let (convolution, norm) = (format!("{name}.conv{at}"), format!("{name}.bn{at}"));
                self.add_convolution(&convolution, &norm, [outputs, inputs, side]);
            }
            if block.has_shortcut() {
                let (convolution, norm) = (format!("{name}.downsample.0"), format!("{name}.downsample.1"));
                self.add_convolution(&convolution, &norm, [block.outputs, block.inputs, 1]);
            }
        }
        let width = vision.outputs();
        self.add("visual.attnpool.positional_embedding", &[vision.tokens(), width]);
        for projection in ["q_proj", "k_proj", "v_proj"] {
            self.add_linear(&format!("visual.attnpool.{projection}"), width, width);
        }
        self.add_linear("visual.attnpool.c_proj", width, dim);
    }

    fn add_convnext(&mut self, vision: &ConvNextConfig, dim: usize) {
        let trunk = "visual.trunk";
        self.add_patches(&format!("{trunk}.stem.0"), [vision.widths[0], 3, 4]);
        self.add_norm(&format!("{trunk}.stem.1"), vision.widths[0]);
        for (stage, width) in vision.widths.into_iter().enumerate() {
            if stage > 0 {
                let before = vision.widths[stage - 1];
                self.add_norm(&format!("{trunk}.stages.{stage}.downsample.0"), before);
                self.add_patches(&format!("{trunk}.stages.{stage}.downsample.1"), [width, before, 2]);
            }
            for block in vision.blocks(stage) {
                let block = format!("{trunk}.stages.{stage}.blocks.{block}");
                self.add_patches(&format!("{block}.conv_dw"), [width, 1, 7]);
                self.add_norm(&format!("{block}.norm"), width);
                self.add_mlp(&format!("{block}.mlp"), width, ConvNextConfig::EXPANSION * width);
                self.add(&format!("{block}.gamma"), &[width]);
            }
        }
        self.add_norm(&format!("{trunk}.head.norm"), vision.widths[3]);
        self.add_projection("visual_projection", vision.projection, vision.widths[3], dim);
    }

    /// A convolution with a bias.
    fn add_patches(&mut self, name: &str, [outputs, inputs, side]: [usize; 3]) {
        self.add(&format!("{name}.weight"), &[outputs, inputs, side, side]);
        self.add(&format!("{name}.bias"), &[outputs]);
    }

    /// A convolution without a bias, and the batch norm that follows it.
    fn add_convolution(&mut self, name: &str, norm: &str, [outputs, inputs, side]: [usize; 3]) {
        self.add(&format!("{name}.weight"), &[outputs, inputs, side, side]);
        self.add_norm(norm, outputs);
        self.add(&format!("{norm}.running_mean"), &[outputs]);
        self.add(&format!("{norm}.running_var"), &[outputs]);
    }
}
