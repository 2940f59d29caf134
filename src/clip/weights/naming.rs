//! What other programs call the tensors of a model. The towers speak transformers' names (and open_clip's for ResNets,
//! which transformers does not have); here is where each of those lies in a file of open_clip's.
//!
//! A tensor may lie there as a part of a larger one, or transposed.

/// Whose names a weight file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::clip) enum Naming {
    /// `CLIPModel`'s or `SiglipModel`'s of transformers.
    Transformers,
    /// Those of open_clip, whose towers may be timm's, and of OpenAI's own files.
    OpenClip,
}

/// Where a tensor lies in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::clip) struct TensorPlace {
    /// The file's name for what it lies in.
    pub tensor: String,
    /// Which of how many equal parts of the rows it is.
    pub part: Option<(usize, usize)>,
    /// Whether rows and columns are exchanged.
    pub transposed: bool,
    /// How many first dimensions of 1 are left out.
    pub single: usize,
}

impl std::fmt::Display for TensorPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.tensor)?;
        if let Some((part, of)) = self.part {
            write!(f, " (part {} of {of})", part + 1)?;
        }
        f.write_str(if self.transposed { " (transposed)" } else { "" })
    }
}

impl TensorPlace {
    fn whole(tensor: impl Into<String>) -> Self {
        Self { tensor: tensor.into(), part: None, transposed: false, single: 0 }
    }

    fn part(tensor: String, part: usize, of: usize) -> Self {
        Self { part: Some((part, of)), ..Self::whole(tensor) }
    }
}

/// Blocks of transformers, open_clip and timm: how each calls a block's layers. Those of EVA-02's gated MLPs are in timm's towers
/// alone.
const BLOCK_LAYERS: [(&str, &str, &str); 8] = [
    ("self_attn.norm.", "attn.norm.", "attn.norm."),
    ("mlp.gate.", "mlp.gate.", "mlp.fc1_g."),
    ("mlp.norm.", "mlp.norm.", "mlp.norm."),
    ("layer_norm1.", "ln_1.", "norm1."),
    ("self_attn.out_proj.", "attn.out_proj.", "attn.proj."),
    ("layer_norm2.", "ln_2.", "norm2."),
    ("mlp.fc1.", "mlp.c_fc.", "mlp.fc1."),
    ("mlp.fc2.", "mlp.c_proj.", "mlp.fc2."),
];

/// Blocks of a BERT.
const BERT_LAYERS: [(&str, &str); 8] = [
    ("self_attn.q_proj.", "attention.self.query."),
    ("self_attn.k_proj.", "attention.self.key."),
    ("self_attn.v_proj.", "attention.self.value."),
    ("self_attn.out_proj.", "attention.output.dense."),
    ("layer_norm1.", "attention.output.LayerNorm."),
    ("mlp.fc1.", "intermediate.dense."),
    ("mlp.fc2.", "output.dense."),
    ("layer_norm2.", "output.LayerNorm."),
];

/// Single tensors and layers of the text tower.
const TEXT: [(&str, &str); 7] = [
    ("text_model.embeddings.class_embedding", "cls_emb"),
    ("text_model.embeddings.token_embedding.", "token_embedding."),
    ("text_model.embeddings.position_embedding.weight", "positional_embedding"),
    ("text_model.final_layer_norm.", "ln_final."),
    ("text_model.head.", "text_projection."),
    ("text_projection.", "text_projection."),
    // That of a text tower of transformers'.
    ("text_projection.", "proj."),
];

/// Those of the image tower, in open_clip's and in timm's.
const VISION: [(&str, &str); 21] = [
    ("vision_model.pooler.queries", "visual.attn_pool.query"),
    ("vision_model.pooler.query_norm.", "visual.attn_pool.ln_q."),
    ("vision_model.pooler.key_norm.", "visual.attn_pool.ln_k."),
    ("vision_model.pooler.attention.out_proj.", "visual.attn_pool.attn.out_proj."),
    ("vision_model.embeddings.class_embedding", "visual.class_embedding"),
    ("vision_model.embeddings.class_embedding", "visual.trunk.cls_token"),
    ("visual_projection.", "visual.head.proj."),
    ("visual_projection.", "visual.trunk.head."),
    ("vision_model.embeddings.patch_embedding.", "visual.conv1."),
    ("vision_model.embeddings.patch_embedding.", "visual.trunk.patch_embed.proj."),
    ("vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"),
    ("vision_model.embeddings.position_embedding.weight", "visual.trunk.pos_embed"),
    ("vision_model.pre_layrnorm.", "visual.ln_pre."),
    ("vision_model.pre_layrnorm.", "visual.trunk.norm_pre."),
    ("vision_model.post_layernorm.", "visual.ln_post."),
    ("vision_model.post_layernorm.", "visual.trunk.norm."),
    ("vision_model.head.probe", "visual.trunk.attn_pool.latent"),
    ("vision_model.head.attention.q_proj.", "visual.trunk.attn_pool.q."),
    ("vision_model.head.attention.out_proj.", "visual.trunk.attn_pool.proj."),
    ("vision_model.head.layernorm.", "visual.trunk.attn_pool.norm."),
    ("vision_model.head.mlp.", "visual.trunk.attn_pool.mlp."),
];

/// The two layers of open_clip's head of an image tower of timm's.
const HEAD: [(&str, &str); 2] =
    [("visual_projection.0.", "visual.head.mlp.fc1."), ("visual_projection.2.", "visual.head.mlp.fc2.")];

/// Queries, keys and values of the attention that pools in SigLIP, which lie in one tensor everywhere.
const POOLING: &str = "vision_model.head.attention.";

/// Likewise of CoCa's.
const QUERIES: &str = "vision_model.pooler.attention.";

impl Naming {
    /// Where a tensor of the model may lie, the likeliest place first.
    pub(in crate::clip) fn places(self, name: &str) -> Vec<TensorPlace> {
        match self {
            Self::Transformers => transformers(name),
            Self::OpenClip => open_clip(name),
        }
    }
}

fn transformers(name: &str) -> Vec<TensorPlace> {
    let place = match name.strip_prefix(POOLING).and_then(projection) {
        Some((part, kind)) => TensorPlace::part(format!("{POOLING}in_proj_{kind}"), part, 3),
        None => TensorPlace { single: usize::from(is_scalar(name)), ..TensorPlace::whole(name) },
    };
    let bert = bert(name).map(|place| place.in_front("text_model."));
    [place].into_iter().chain(bert).collect()
}

/// What transformers calls the tensors of a BERT, within it.
fn bert(name: &str) -> Option<TensorPlace> {
    let name = name.strip_prefix("text_model.")?;
    if let Some((layer, rest)) = block(name, "encoder.layers.") {
        let (ours, berts) = BERT_LAYERS.iter().find(|(ours, _)| rest.starts_with(ours))?;
        return Some(TensorPlace::whole(format!("encoder.layer.{layer}.{berts}{}", &rest[ours.len()..])));
    }
    Some(TensorPlace::whole(match name {
        "embeddings.token_embedding.weight" => "embeddings.word_embeddings.weight",
        "embeddings.position_embedding.weight" => "embeddings.position_embeddings.weight",
        _ if name.starts_with("embeddings.") || name.starts_with("pooler.") => name,
        _ => return None,
    }))
}

fn open_clip(name: &str) -> Vec<TensorPlace> {
    if let Some((layer, rest)) = block(name, "text_model.encoder.layers.") {
        let (own, _) = in_block(rest);
        let place = own.in_front(&format!("transformer.resblocks.{layer}."));
        let bert = bert(name).map(|place| place.in_front("text.transformer."));
        return with_text_prefix(vec![place]).into_iter().chain(bert).collect();
    }
    if let Some((layer, rest)) = block(name, "vision_model.encoder.layers.") {
        let (own, timms) = in_block(rest);
        let own = own.in_front(&format!("visual.transformer.resblocks.{layer}."));
        let timms = timms.into_iter().map(|place| place.in_front(&format!("visual.trunk.blocks.{layer}.")));
        return [own].into_iter().chain(timms).collect();
    }
    match name {
        "visual_projection.weight" => {
            return vec![
                TensorPlace { transposed: true, ..TensorPlace::whole("visual.proj") },
                TensorPlace::whole("visual.head.proj.weight"),
                TensorPlace::whole("visual.trunk.head.weight"),
            ];
        }
        "text_projection.weight" => {
            let matrix = TensorPlace { transposed: true, ..TensorPlace::whole("text_projection") };
            return with_text_prefix(vec![
                matrix,
                TensorPlace::whole("text_projection.weight"),
                TensorPlace::whole("proj.weight"),
            ]);
        }
        _ => {}
    }
    if let Some((rest, theirs)) =
        HEAD.iter().find_map(|(ours, theirs)| Some((name.strip_prefix(ours)?, theirs)))
    {
        return vec![TensorPlace::whole(format!("{theirs}{rest}"))];
    }
    if let Some((part, kind)) = name.strip_prefix(QUERIES).and_then(projection) {
        let of_three = TensorPlace::part(format!("{}in_proj_{kind}", "visual.attn_pool.attn."), part, 3);
        // Where queries and keys are of different widths, PyTorch has their layers apart, but for the biases.
        let letter = ["q", "k", "v"][part];
        let apart = TensorPlace::whole(format!("visual.attn_pool.attn.{letter}_proj_{kind}"));
        return vec![of_three, apart];
    }
    if let Some((part @ 1..=2, kind)) = name.strip_prefix(POOLING).and_then(projection) {
        return vec![TensorPlace::part(format!("visual.trunk.attn_pool.kv.{kind}"), part - 1, 2)];
    }
    let renamed = |table: &[(&str, &str)]| -> Vec<TensorPlace> {
        let found = table.iter().filter_map(|(ours, theirs)| Some((name.strip_prefix(ours)?, theirs)));
        found
            .map(|(rest, theirs)| TensorPlace {
                single: match theirs.rsplit('.').next() {
                    Some("cls_token") => 2,
                    Some("pos_embed") => 1,
                    _ => 0,
                },
                ..TensorPlace::whole(format!("{theirs}{rest}"))
            })
            .collect()
    };
    let (text, vision) = (renamed(&TEXT), renamed(&VISION));
    let bert_place = bert(name).map(|place| place.in_front("text.transformer."));
    match (text.is_empty(), vision.is_empty()) {
        (false, _) => with_text_prefix(text).into_iter().chain(bert_place).collect(),
        (true, false) => vision,
        (true, true) if bert_place.is_some() => bert_place.into_iter().collect(),
        (true, true) => {
            vec![TensorPlace { single: usize::from(is_scalar(name)), ..TensorPlace::whole(name) }]
        }
    }
}

/// The text tower is the model's own, or in one part called `text`.
fn with_text_prefix(places: Vec<TensorPlace>) -> Vec<TensorPlace> {
    let within = places.clone().into_iter().map(|place| place.in_front("text."));
    places.into_iter().chain(within).collect()
}

impl TensorPlace {
    fn in_front(self, prefix: &str) -> Self {
        Self { tensor: format!("{prefix}{}", self.tensor), ..self }
    }
}

/// The number of a block and what follows it.
fn block<'a>(name: &'a str, prefix: &str) -> Option<(&'a str, &'a str)> {
    name.strip_prefix(prefix)?.split_once('.')
}

/// What open_clip and timm call a tensor of a block. In timm's, queries, keys and values are one tensor or three, and where
/// keys have no bias, the biases of the others may be tensors of their own.
fn in_block(rest: &str) -> (TensorPlace, Vec<TensorPlace>) {
    if let Some((part, kind)) = rest.strip_prefix("self_attn.").and_then(projection) {
        let of_three = |tensor: String| TensorPlace::part(tensor, part, 3);
        let letter = ["q", "k", "v"][part];
        let mut timms = vec![
            of_three(format!("attn.qkv.{kind}")),
            TensorPlace::whole(format!("attn.{letter}_proj.{kind}")),
        ];
        if kind == "bias" {
            timms.push(TensorPlace::whole(format!("attn.{letter}_bias")));
        }
        return (of_three(format!("attn.in_proj_{kind}")), timms);
    }
    for (ours, own, timms) in BLOCK_LAYERS {
        if let Some(kind) = rest.strip_prefix(ours) {
            let mut of_timm = vec![TensorPlace::whole(format!("{timms}{kind}"))];
            if ours == "mlp.fc1." {
                // Beside a gate.
                of_timm.push(TensorPlace::whole(format!("mlp.fc1_x.{kind}")));
            }
            return (TensorPlace::whole(format!("{own}{kind}")), of_timm);
        }
    }
    (TensorPlace::whole(rest), vec![TensorPlace::whole(rest)])
}

/// Of queries, keys and values, which is meant, and whether its weight or its bias.
fn projection(rest: &str) -> Option<(usize, &str)> {
    ["q_proj.", "k_proj.", "v_proj."]
        .into_iter()
        .enumerate()
        .find_map(|(part, layer)| Some((part, rest.strip_prefix(layer)?)))
}

/// A number that some write as one, others as a list of one.
fn is_scalar(name: &str) -> bool {
    name == "logit_scale"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(naming: Naming, name: &str) -> Vec<String> {
        naming.places(name).iter().map(TensorPlace::to_string).collect()
    }

    #[test]
    fn names_of_transformers_are_the_towers_own() {
        let name = "text_model.encoder.layers.3.self_attn.k_proj.bias";
        let bert = "text_model.encoder.layer.3.attention.self.key.bias";
        assert_eq!(found(Naming::Transformers, name), [name, bert]);
        assert_eq!(
            found(Naming::Transformers, "vision_model.head.attention.v_proj.weight"),
            ["vision_model.head.attention.in_proj_weight (part 3 of 3)"]
        );
    }

    #[test]
    fn names_of_open_clip() {
        for (name, expected) in [
            (
                "text_model.encoder.layers.11.self_attn.k_proj.bias",
                &[
                    "transformer.resblocks.11.attn.in_proj_bias (part 2 of 3)",
                    "text.transformer.resblocks.11.attn.in_proj_bias (part 2 of 3)",
                ][..],
            ),
            (
                "vision_model.encoder.layers.0.mlp.fc2.weight",
                &["visual.transformer.resblocks.0.mlp.c_proj.weight", "visual.trunk.blocks.0.mlp.fc2.weight"],
            ),
            (
                "vision_model.encoder.layers.0.self_attn.out_proj.bias",
                &[
                    "visual.transformer.resblocks.0.attn.out_proj.bias",
                    "visual.trunk.blocks.0.attn.proj.bias",
                ],
            ),
            (
                "text_projection.weight",
                &[
                    "text_projection (transposed)",
                    "text_projection.weight",
                    "proj.weight",
                    "text.text_projection (transposed)",
                    "text.text_projection.weight",
                    "text.proj.weight",
                ],
            ),
            ("visual_projection.weight", &["visual.proj (transposed)"]),
            (
                "text_model.embeddings.position_embedding.weight",
                &["positional_embedding", "text.positional_embedding"],
            ),
            ("text_model.head.bias", &["text_projection.bias", "text.text_projection.bias"]),
            (
                "vision_model.head.attention.k_proj.weight",
                &["visual.trunk.attn_pool.kv.weight (part 1 of 2)"],
            ),
            ("vision_model.head.attention.q_proj.weight", &["visual.trunk.attn_pool.q.weight"]),
            ("vision_model.head.mlp.fc1.bias", &["visual.trunk.attn_pool.mlp.fc1.bias"]),
            ("visual.layer1.0.conv1.weight", &["visual.layer1.0.conv1.weight"]),
            ("logit_scale", &["logit_scale"]),
        ] {
            // Places in towers of timm's and transformers' may follow.
            assert_eq!(found(Naming::OpenClip, name)[..expected.len()], *expected, "{name}");
        }
    }
}
