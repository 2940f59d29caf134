//! What a model is like: its family, and the sizes of its towers. Where they are read from is another file's matter:
//! `transformers_config.rs`, `open_clip_config.rs` and `openai_model.rs`.

use super::activation::Activation;

/// A model's configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipConfig {
    /// How the towers turn what they read into an embedding.
    pub family: Family,
    /// Length of an embedding, the same for images and text.
    pub dim: usize,
    /// The text tower.
    pub text: TextConfig,
    /// The image tower.
    pub vision: VisionConfig,
}

/// What models of one kind have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// CLIP (Radford et al., arXiv 2103.00020): causal text that is pooled at the end-of-text token, and both towers
    /// projected without a bias.
    Clip,
    /// SigLIP (Zhai et al., arXiv 2303.15343): text that is filled up to the context length, sees all of itself and is
    /// pooled at its last token; images without a class token, pooled by attention. Logits have a learned bias.
    Siglip,
    /// MetaCLIP 2 (Chuang et al., arXiv 2507.22062): CLIP with the vocabulary of XLM-V.
    MetaClip2,
    /// Chinese-CLIP (Yang et al., arXiv 2211.01335): CLIP's image tower with a BERT for texts.
    ChineseClip,
    /// CoCa (Yu et al., arXiv 2205.01917): CLIP with a learned token after each text, and often with learned queries that pool
    /// images. Its decoder, which writes captions, is left out.
    CoCa,
}

/// The text tower's configuration, with the keys of transformers' `text_config`.
#[derive(Debug, Clone, PartialEq)]
pub struct TextConfig {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the MLPs.
    pub intermediate_size: usize,
    /// Number of transformer blocks.
    pub num_hidden_layers: usize,
    /// Attention heads per block.
    pub num_attention_heads: usize,
    /// Activation of the MLPs.
    pub hidden_act: Activation,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f32,
    /// Number of token embeddings.
    pub vocab_size: usize,
    /// The context length: most tokens in a prompt, with start and end.
    pub max_position_embeddings: usize,
    /// Whether no token sees those after it.
    pub causal: bool,
    /// Which token's output becomes the embedding.
    pub pooling: TextPooling,
    /// What makes the embedding of it.
    pub projection: Projection,
    /// What is otherwise where the tower is a BERT.
    pub bert: Option<BertConfig>,
}

/// What a BERT (Devlin et al., arXiv 1810.04805) or RoBERTa has otherwise than CLIP's text tower: layer norms after what is added
/// up, and after the embeddings, where CLIP has them before; no last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BertConfig {
    /// Rows of the position embeddings.
    pub positions: usize,
    /// The row of the first token: RoBERTa's begin after that of its padding.
    pub first_position: usize,
    /// Kinds of tokens, of which prompts have the first.
    pub token_types: usize,
    /// Whether the first token's output goes through a layer and tanh before it is projected.
    pub pooler: bool,
}

/// Which outputs of a text tower become the embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextPooling {
    /// That of the first end-of-text token, which has this id.
    EndOfText(u32),
    /// That of the first of the highest ids, which end-of-text has in CLIP's vocabulary: open_clip's way, and that of
    /// transformers where a configuration of before 4.31 says 2, whatever the id really is.
    HighestId,
    /// That of the last token of a prompt that is filled up to the context length.
    Last,
    /// That of the first token.
    First,
    /// The mean of all of them.
    Mean,
    /// That of a learned token after the prompt and the first token that fills it up (CoCa). It sees those, and itself only
    /// where nothing fills the prompt up.
    ClassToken,
}

/// What turns a tower's pooled output into an embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projection {
    /// Nothing: it is one.
    None,
    /// A layer without a bias.
    Matrix,
    /// A layer with one.
    Linear,
    /// Two layers with GELU between them.
    Mlp {
        /// The width there.
        inner: usize,
        /// Which of the two layers has a bias.
        biases: [bool; 2],
    },
}

/// The image tower's configuration.
#[derive(Debug, Clone, PartialEq)]
pub enum VisionConfig {
    /// A vision transformer.
    Transformer(VisionTransformerConfig),
    /// CLIP's ResNet.
    ResNet(ResNetConfig),
    /// ConvNeXt.
    ConvNext(ConvNextConfig),
}

/// A vision transformer's configuration, with the keys of transformers' `vision_config`.
#[derive(Debug, Clone, PartialEq)]
pub struct VisionTransformerConfig {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the MLPs.
    pub intermediate_size: usize,
    /// Number of transformer blocks.
    pub num_hidden_layers: usize,
    /// Attention heads per block.
    pub num_attention_heads: usize,
    /// Activation of the MLPs.
    pub hidden_act: Activation,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f32,
    /// Side of the square image, in pixels.
    pub image_size: usize,
    /// Side of a square patch, in pixels.
    pub patch_size: usize,
    /// Whether a class token stands before the patches, as in CLIP.
    pub class_token: bool,
    /// Whether the class token has a position embedding.
    pub class_position: bool,
    /// Channels between the three convolutions of 4, 2 and 2 pixels that make a patch's token in MobileCLIP; `None` where one
    /// layer makes it.
    pub stem: Option<usize>,
    /// Whether the patches' layer has a bias.
    pub patch_bias: bool,
    /// Whether a layer norm stands before the blocks.
    pub pre_norm: bool,
    /// What its blocks have otherwise than CLIP's.
    pub blocks: BlockConfig,
    /// Which tokens' outputs become the embedding.
    pub pooling: VisionPooling,
    /// What makes the embedding of them.
    pub projection: Projection,
}

/// What a vision transformer's tokens become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VisionPooling {
    /// The first token's output, the class token's.
    ClassToken,
    /// What a learned query and an MLP make of all of them (SigLIP).
    Attention {
        /// Attention heads of the query.
        heads: usize,
        /// Width inside the MLP.
        inner: usize,
    },
    /// What the first of some learned queries makes of all of them, as long as an embedding (CoCa).
    Queries {
        /// How many there are.
        queries: usize,
        /// Attention heads of each.
        heads: usize,
    },
    /// The mean of those of the patches, normed before or after.
    Mean {
        /// The last layer norm comes before the mean.
        normed: bool,
    },
}

/// What a transformer's blocks have otherwise than CLIP's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockConfig {
    /// Where the layer norms are.
    pub norms: Norms,
    /// Whether the layer of the keys has a bias.
    pub key_bias: bool,
    /// Whether the MLP is gated (SwiGLU: Shazeer, arXiv 2002.05202), with layer norms inside it and inside attention, as in EVA-02
    /// (Fang et al., arXiv 2303.11331).
    pub gated: bool,
    /// How queries and keys are turned by their patch's place.
    pub rotation: Option<RotationConfig>,
}

impl BlockConfig {
    /// CLIP's.
    pub const CLIP: Self = Self { norms: Norms::Before, key_bias: true, gated: false, rotation: None };
}

/// Where a block's layer norms are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norms {
    /// x += attention(norm1(x)); x += mlp(norm2(x)).
    Before,
    /// x = norm1(x + attention(x)); x = norm2(x + mlp(x)).
    AfterSums,
    /// x += norm1(attention(x)); x += norm2(mlp(x)).
    AfterParts,
}

/// Rotary position embeddings of two axes (Su et al., arXiv 2104.09864), half of a head's channels for each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RotationConfig {
    /// Patches along one side of the image that places are counted in.
    pub reference: usize,
    /// Added to places that count from 0.
    pub offset: f32,
    /// Whether the first half of the channels is turned by the column, and not by the row.
    pub column_first: bool,
}

/// ConvNeXt's configuration (Liu et al., arXiv 2201.03545).
#[derive(Debug, Clone, PartialEq)]
pub struct ConvNextConfig {
    /// Blocks of each of the four stages.
    pub layers: [usize; 4],
    /// Channels of each.
    pub widths: [usize; 4],
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f32,
    /// Side of the square image, in pixels.
    pub image_size: usize,
    /// What makes the embedding of the mean of all places.
    pub projection: Projection,
}

/// The configuration of CLIP's ResNet, with the keys of open_clip's `vision_cfg`.
#[derive(Debug, Clone, PartialEq)]
pub struct ResNetConfig {
    /// Blocks of each of the four stages.
    pub layers: [usize; 4],
    /// Channels of the stem; a stage's blocks have 4, 8, 16 and 32 times as many.
    pub width: usize,
    /// Attention heads of the pooling.
    pub heads: usize,
    /// Side of the square image, in pixels.
    pub image_size: usize,
}

impl VisionConfig {
    /// Side of the square image, in pixels.
    pub fn image_size(&self) -> usize {
        match self {
            Self::Transformer(config) => config.image_size,
            Self::ResNet(config) => config.image_size,
            Self::ConvNext(config) => config.image_size,
        }
    }
}

impl ConvNextConfig {
    /// Width inside a block's MLP for each channel.
    pub(in crate::clip) const EXPANSION: usize = 4;

    /// Side of the picture in each stage: the stem takes 4 pixels for one place, and each later stage 2 places.
    pub(in crate::clip) fn sides(&self) -> [usize; 4] {
        let first = self.image_size / 4;
        [first, first / 2, first / 4, first / 8]
    }

    /// Blocks of a stage that are looked for, whatever a file says.
    pub(in crate::clip) fn blocks(&self, stage: usize) -> std::ops::Range<usize> {
        0..self.layers[stage].min(MOST_BLOCKS)
    }
}

impl VisionTransformerConfig {
    /// Patches along one side; pixels that fill no patch are left out, as the reference's convolution does.
    pub(in crate::clip) fn grid(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Tokens of one image: the patches, and the class token where there is one.
    pub(in crate::clip) fn tokens(&self) -> usize {
        usize::from(self.class_token) + self.grid() * self.grid()
    }

    pub(in crate::clip) fn transformer(&self) -> TransformerConfig {
        TransformerConfig {
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            layers: self.num_hidden_layers,
            heads: self.num_attention_heads,
            activation: self.hidden_act,
            layer_norm_eps: self.layer_norm_eps,
            blocks: self.blocks,
        }
    }

    /// Rows of the position embeddings.
    pub(in crate::clip) fn positions(&self) -> usize {
        self.tokens() - usize::from(self.class_token && !self.class_position)
    }
}

/// One block of CLIP's ResNet: what decides the shapes of its convolutions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::clip) struct BottleneckConfig {
    /// As in the files: `layer2.0`.
    pub name: String,
    /// Channels that come in, between and go out.
    pub inputs: usize,
    pub planes: usize,
    pub outputs: usize,
    /// Side of the picture that comes in.
    pub side: usize,
    /// 2 where the picture is halved, or 1.
    pub stride: usize,
}

impl BottleneckConfig {
    /// Whether what goes round the block has a convolution of its own.
    pub(in crate::clip) fn has_shortcut(&self) -> bool {
        self.stride > 1 || self.inputs != self.outputs
    }
}

impl ResNetConfig {
    /// Side of the picture after the stem's first convolution, which halves it rounding up, and after its pooling, which
    /// does so rounding down.
    pub(in crate::clip) fn stem_sides(&self) -> (usize, usize) {
        let convolved = self.image_size.div_ceil(2);
        (convolved, convolved / 2)
    }

    /// The blocks of all stages, in their order.
    pub(in crate::clip) fn blocks(&self) -> Vec<BottleneckConfig> {
        const EXPANSION: usize = 4;
        let (mut side, mut inputs) = (self.stem_sides().1, self.width);
        let mut blocks = Vec::new();
        for (stage, count) in self.layers.iter().enumerate() {
            let planes = self.width << stage;
            for block in 0..(*count).min(MOST_BLOCKS) {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let outputs = planes * EXPANSION;
                let name = format!("layer{}.{block}", stage + 1);
                blocks.push(BottleneckConfig { name, inputs, planes, outputs, side, stride });
                (side, inputs) = (side / stride, outputs);
            }
        }
        blocks
    }

    /// Channels of the last stage: the width of the attention pooling.
    pub(in crate::clip) fn outputs(&self) -> usize {
        self.width.saturating_mul(32)
    }

    /// Tokens of the attention pooling: the mean and the places of the last picture. (As open_clip counts them.)
    pub(in crate::clip) fn tokens(&self) -> usize {
        1 + (self.image_size / 32).pow(2)
    }
}

/// Blocks of a ResNet's stage that are looked for, whatever a file says.
const MOST_BLOCKS: usize = 4096;

/// No size of a model is larger: what is computed from it stays a number, and what it sizes stays in memory. Images have less
/// than 1/256 of it a side.
const LARGEST: usize = 1 << 24;

/// What both towers' transformers have.
#[derive(Debug, Clone, Copy)]
pub(in crate::clip) struct TransformerConfig {
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub layers: usize,
    pub heads: usize,
    pub activation: Activation,
    pub layer_norm_eps: f32,
    pub blocks: BlockConfig,
}

impl TextConfig {
    /// The end-of-text token's id, if it is known.
    pub(in crate::clip) fn end_of_text_id(&self) -> Option<u32> {
        match self.pooling {
            TextPooling::EndOfText(id) => Some(id),
            _ => None,
        }
    }

    /// Whether prompts end where their embedding is taken, and what follows them changes nothing.
    pub(in crate::clip) fn ends_at_its_end(&self) -> bool {
        self.causal && matches!(self.pooling, TextPooling::EndOfText(_) | TextPooling::HighestId)
    }

    /// Whether its result is taken at an end token that sees what follows it.
    pub(in crate::clip) fn ends_within(&self) -> bool {
        !self.causal && matches!(self.pooling, TextPooling::EndOfText(_) | TextPooling::HighestId)
    }

    /// Rows of the position embeddings.
    pub(in crate::clip) fn positions(&self) -> usize {
        let class_token = usize::from(self.pooling == TextPooling::ClassToken);
        self.bert.map_or(self.max_position_embeddings + class_token, |bert| bert.positions)
    }

    pub(in crate::clip) fn transformer(&self) -> TransformerConfig {
        let norms = if self.bert.is_some() { Norms::AfterSums } else { Norms::Before };
        TransformerConfig {
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            layers: self.num_hidden_layers,
            heads: self.num_attention_heads,
            activation: self.hidden_act,
            layer_norm_eps: self.layer_norm_eps,
            blocks: BlockConfig { norms, ..BlockConfig::CLIP },
        }
    }
}

/// A size that makes no model: a tower, `text` or `vision`, or none; which size; and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::clip) struct Problem {
    pub tower: Option<&'static str>,
    pub size: Size,
    pub problem: String,
}

/// What every form of configuration has under a name of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::clip) enum Size {
    Dim,
    Width,
    Inner,
    Heads,
    Vocabulary,
    Context,
    Projection,
    Patch,
    Image,
    Queries,
    PoolingHeads,
}

impl ClipConfig {
    /// Whether the average of texts' embeddings, before they are normalised, is the embedding of their average: what is pooled
    /// is projected by one layer.
    pub fn projects_texts_linearly(&self) -> bool {
        !matches!(self.text.projection, Projection::Mlp { .. })
    }

    /// What keeps these sizes from being a model's.
    pub(in crate::clip) fn problem(&self) -> Option<Problem> {
        let text = self.text.transformer();
        let found = |tower, size, problem: String| Some(Problem { tower, size, problem });
        let mut sizes = vec![
            (None, Size::Dim, self.dim),
            (Some("text"), Size::Width, text.hidden_size),
            (Some("text"), Size::Inner, text.intermediate_size),
            (Some("text"), Size::Heads, text.heads),
            (Some("text"), Size::Vocabulary, self.text.vocab_size),
        ];
        let mut widths = vec![("text", text.hidden_size, text.heads)];
        match &self.vision {
            VisionConfig::Transformer(vision) => {
                sizes.extend([
                    (Some("vision"), Size::Width, vision.hidden_size),
                    (Some("vision"), Size::Inner, vision.intermediate_size),
                    (Some("vision"), Size::Heads, vision.num_attention_heads),
                    (Some("vision"), Size::Patch, vision.patch_size),
                ]);
                widths.push(("vision", vision.hidden_size, vision.num_attention_heads));
                match vision.pooling {
                    VisionPooling::Attention { heads, .. } => {
                        sizes.push((Some("vision"), Size::Heads, heads));
                        widths.push(("vision", vision.hidden_size, heads));
                    }
                    VisionPooling::Queries { queries, heads } => {
                        sizes.extend([
                            (Some("vision"), Size::Queries, queries),
                            (Some("vision"), Size::PoolingHeads, heads),
                        ]);
                        widths.push(("vision", self.dim, heads));
                    }
                    _ => {}
                }
            }
            VisionConfig::ConvNext(vision) => {
                sizes.extend(vision.widths.map(|width| (Some("vision"), Size::Width, width)));
            }
            VisionConfig::ResNet(vision) => {
                sizes.extend([
                    (Some("vision"), Size::Width, vision.width / 2),
                    (Some("vision"), Size::Heads, vision.heads),
                ]);
                widths.push(("vision", vision.outputs(), vision.heads));
            }
        }
        if let Some((tower, size, _)) = sizes.iter().find(|(.., size)| *size == 0) {
            return found(*tower, *size, "is 0".to_owned());
        }
        sizes.push((Some("text"), Size::Context, self.text.max_position_embeddings));
        sizes.push((Some("vision"), Size::Image, self.vision.image_size().saturating_mul(256)));
        if let Some((tower, size, _)) = sizes.into_iter().find(|(.., size)| *size > LARGEST) {
            return found(tower, size, "is larger than that of any model".to_owned());
        }
        for (tower, width, heads) in widths {
            if width % heads != 0 {
                let problem = format!("is {width}, not a multiple of the {heads} attention heads");
                return found(Some(tower), Size::Width, problem);
            }
        }
        let positions = self.text.max_position_embeddings;
        if let Some(bert) = self.text.bert.filter(|bert| bert.first_position + positions > bert.positions) {
            let problem = format!(
                "is {positions}, but the model knows {} positions",
                bert.positions - bert.first_position
            );
            return found(Some("text"), Size::Context, problem);
        }
        if self.text.projection == Projection::None && text.hidden_size != self.dim {
            let problem = format!(
                "leaves out the projection, but texts have a width of {} and embeddings one of {}",
                text.hidden_size, self.dim
            );
            return found(Some("text"), Size::Projection, problem);
        }
        if self.text.max_position_embeddings < 2 {
            let problem = "leaves no room for the start and end tokens".to_owned();
            return found(Some("text"), Size::Context, problem);
        }
        if let VisionConfig::Transformer(vision) = &self.vision
            && vision.blocks.rotation.is_some()
            && !(vision.hidden_size / vision.num_attention_heads).is_multiple_of(4)
        {
            let problem = "has heads whose channels are no pairs for two axes".to_owned();
            return found(Some("vision"), Size::Heads, problem);
        }
        let (image, least) = match &self.vision {
            VisionConfig::Transformer(vision) => (vision.image_size, vision.patch_size),
            VisionConfig::ResNet(vision) => (vision.image_size, 32),
            VisionConfig::ConvNext(vision) => (vision.image_size, 32),
        };
        if image < least {
            return found(Some("vision"), Size::Image, format!("is {image}, less than one patch of {least}"));
        }
        match &self.vision {
            // The places of the last picture are counted as image_size / 32, which needs every halving to be one.
            VisionConfig::ResNet(vision) if vision.image_size % 32 != 0 => {
                let problem = format!("is {image}; a ResNet's image is a multiple of 32 pixels wide");
                found(Some("vision"), Size::Image, problem)
            }
            _ => None,
        }
    }
}
