"""Makes tests/fixtures/architectures: a tiny random-weight checkpoint of every architecture and form beyond CLIPModel's own,
with what its reference implementation (open_clip, transformers) computes. See README.md."""

import gzip
import json
import pathlib
import shutil
import sys
import tempfile

import numpy as np
import open_clip
import sentencepiece
import torch
from open_clip.tokenizer import canonicalize_text
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file
from small_towers import small_towers
from timm.models.vision_transformer import VisionTransformer
from tokenizers import pre_tokenizers
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel, SiglipTokenizer
from transformers.convert_slow_tokenizer import T5Converter

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "experiments/golden-fixtures"))
import make_clip  # noqa: E402

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "tests/fixtures/architectures")
# Published vocabularies have `nmt_nfkc`, whose table alone is larger than a fixture should be.
NORMALISATION = sys.argv[2] if len(sys.argv) > 2 else "identity"
PICTURES = ["gradient-landscape", "noise-portrait", "checks-wide"]
# None of these is changed by open_clip's cleaning (ftfy, html.unescape), which the program does not have.
PROMPTS = [
    "a photo of a tree frog",
    "A photo of a TAILED frog.",
    "",
    "it's the dog's; they're, we'll, I'd, I've, I'm",
    "É naïve café ½ 10°",
    "日本語のカエル 🐸 frog",
    "a photo of  a small_green\tfrog 12345 3.14",
    "a small green frog " * 20,
]


def randomise(model, seed):
    """Weights larger than at the start of a training, so that attention and MLPs count, rounded to what f16 holds."""
    torch.manual_seed(seed)
    with torch.no_grad():
        statistics = [(name, value) for name, value in model.named_buffers() if "running_" in name]
        for name, value in [*model.named_parameters(), *statistics]:
            if "logit_scale" in name:
                value.fill_(2.0)
            elif "logit_bias" in name:
                value.fill_(-9.0)
            elif name.endswith("running_var"):
                value.uniform_(0.5, 1.5)
            elif value.ndim >= 2:
                value.normal_(0, 1.5 / value[0].numel() ** 0.5)
            elif name.endswith(("weight", "gamma")):
                value.normal_(1, 0.2)
            else:
                value.normal_(0, 0.3)
            value.copy_(value.half().float())
    return model.eval()


def half(state):
    return {name: value.half().contiguous() if value.is_floating_point() else value for name, value in state.items()}


def save_golden(folder, pixels, images, texts, ids, scale, keep_pixels=True):
    """`ids` without padding; embeddings before normalisation."""
    golden = {"image_embeds": images, "text_embeds": texts, "logit_scale": scale.reshape(1)}
    if keep_pixels:
        golden["pixel_values"] = pixels
    arrays = {name: np.ascontiguousarray(value.detach().float().numpy()) for name, value in golden.items()}
    save_arrays(arrays, folder / "golden.safetensors")
    text = {"pictures": PICTURES, "prompts": PROMPTS, "input_ids": ids}
    (folder / "golden.json").write_text(json.dumps(text) + "\n")


def clip_vocabulary():
    """CLIP's tokenizer with few merges, numbered as in the published file: its parts and open_clip's own tokenizer."""
    tokenizer, _ = make_clip.make_tokenizer()
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in merges]
    with tempfile.NamedTemporaryFile(suffix=".gz") as file:
        file.write(gzip.compress(("#version: 0.2\n" + "\n".join(merges)).encode()))
        file.flush()
        simple = open_clip.SimpleTokenizer(bpe_path=file.name, context_length=24)
    special = {"<start_of_text>": make_clip.START, "<end_of_text>": make_clip.END}
    vocabulary = {special.get(token, token): number for token, number in simple.encoder.items()}
    assert set(pre_tokenizers.ByteLevel.alphabet()) < set(vocabulary)
    return vocabulary, merges, simple


def save_clip_parts(folder, vocabulary, merges):
    (folder / "vocab.json").write_text(json.dumps(vocabulary) + "\n")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")


def clip_ids(simple):
    rows = simple(PROMPTS)
    return rows, [row[: row.argmax() + 1].tolist() for row in rows]


def pixels_of(images, size, settings):
    transform = image_transform_v2(PreprocessCfg(**{**settings, "size": size}), is_train=False)
    return torch.stack([transform(images[name]) for name in PICTURES])


def new_folder(name):
    folder = OUT / name
    folder.mkdir(parents=True)
    return folder


def open_clip_folder(name, model_cfg, settings, images, clip, weights="safetensors", keep_pixels=True):
    folder = new_folder(name)
    vocabulary, merges, simple = clip
    is_coca = "multimodal_cfg" in model_cfg
    model_class = open_clip.CoCa if is_coca else open_clip.CustomTextCLIP if model_cfg.get("custom_text") else open_clip.CLIP
    model = model_class(**{key: value for key, value in model_cfg.items() if key != "custom_text"})
    model = randomise(model, len(name))
    config = {"model_cfg": model_cfg, "preprocess_cfg": settings}
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=1) + "\n")
    state = half(model.state_dict())
    if weights == "safetensors":
        save_file(state, folder / "open_clip_model.safetensors")
    else:
        torch.save(state, folder / "open_clip_pytorch_model.bin")
    save_clip_parts(folder, vocabulary, merges)
    rows, ids = clip_ids(simple)
    pixels = pixels_of(images, model_cfg["vision_cfg"]["image_size"], settings)
    with torch.no_grad():
        # CoCa's are normalised if nothing else is asked for.
        raw = {"normalize": False}
        embeds = model.encode_image(pixels, **raw), model.encode_text(rows, **raw)
        save_golden(folder, pixels, *embeds, ids, model.logit_scale, keep_pixels)


def text_cfg(vocabulary, **keys):
    return {"context_length": 24, "vocab_size": len(vocabulary), "width": 32, "heads": 4, "layers": 2, **keys}


def make_open_clip(images, clip):
    vocabulary = clip[0]
    gelu = {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 48, "head_width": 12, "mlp_ratio": 2.53, "patch_size": 8},
        "text_cfg": text_cfg(vocabulary),
    }
    settings = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.25], "interpolation": "bicubic", "resize_mode": "longest", "fill_color": 7}
    open_clip_folder("open-clip-gelu", gelu, settings, images, clip)
    quick = {
        "embed_dim": 16, "quick_gelu": True, "custom_text": True,
        "vision_cfg": {"image_size": 30, "layers": 1, "width": 64, "patch_size": 7},
        "text_cfg": text_cfg(vocabulary, mlp_ratio=3.0, norm_kwargs={"eps": 1e-3}),
    }  # fmt: skip
    settings = {"interpolation": "bilinear", "resize_mode": "squash"}
    open_clip_folder("open-clip-quickgelu", quick, settings, images, clip, weights="bin")


class Part(torch.nn.Module):
    """A module of a scripted file, without what it computes."""

    def forward(self):
        return 0

    @staticmethod
    def of(state):
        part, inner = Part(), {}
        for name, value in state.items():
            first, _, rest = name.partition(".")
            if rest:
                inner.setdefault(first, {})[rest] = value
            else:
                part.register_buffer(first, value)
        for name, state in inner.items():
            part.add_module(name, Part.of(state))
        return part


def save_scripted(model, size, path):
    """In f16, with the numbers that OpenAI's files have beside the tensors."""
    beside = {"input_resolution": size, "context_length": model.context_length, "vocab_size": model.vocab_size}
    state = half(model.state_dict()) | {name: torch.tensor(value) for name, value in beside.items()}
    torch.jit.save(torch.jit.script(Part.of(state)), path)


def make_openai(images, clip):
    """A ResNet as OpenAI's `.pt` files have it: scripted, in f16, heads of 64 channels."""
    folder = new_folder("openai-resnet")
    vocabulary, merges, simple = clip
    vision = {"image_size": 64, "layers": [1, 2, 1, 1], "width": 4}
    text = text_cfg(vocabulary, width=64, heads=1, layers=1)
    model = randomise(open_clip.CLIP(20, vision, text, quick_gelu=True), 4)
    pixels = pixels_of(images, 64, {})
    rows, ids = clip_ids(simple)
    with torch.no_grad():
        save_golden(folder, pixels, model.encode_image(pixels), model.encode_text(rows), ids, model.logit_scale, keep_pixels=False)
    save_scripted(model, 64, folder / "RN.pt")
    save_clip_parts(folder, vocabulary, merges)


def sentence_pieces(folder):
    """A vocabulary of SentencePiece's with T5's and SigLIP's special tokens: transformers' SiglipTokenizer, which reads it,
    and the same as tokenizer.json."""
    model = folder / "spiece.model"
    texts = [*make_clip.sentences(), *(ROOT / "experiments/demo-checkpoint/english.txt").read_text().splitlines()]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(canonicalize_text(text) for text in texts),
        model_prefix=str(folder / "spiece"), model_type="unigram", vocab_size=200, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        normalization_rule_name=NORMALISATION, minloglevel=2,
    )  # fmt: skip
    (folder / "spiece.vocab").unlink()
    slow = SiglipTokenizer(str(model), model_max_length=16)

    class Original:
        vocab_file = str(model)
        _extra_ids = 0
        legacy = False
        add_prefix_space = True

        @staticmethod
        def convert_tokens_to_ids(token):
            return slow.sp_model.piece_to_id(token)

    fast = T5Converter(Original()).converted()
    fast.add_special_tokens(["</s>", "<unk>"])
    return slow, fast


def siglip_ids(slow, prompts, length):
    padded = slow(prompts, padding="max_length", truncation=True, max_length=length, return_tensors="pt").input_ids
    return padded, [row[: row.index(1) + 1] for row in padded.tolist()]


SIGLIP_PICTURE = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}


def make_siglip(images):
    folder = new_folder("siglip")
    slow, fast = sentence_pieces(folder)
    (folder / "spiece.model").unlink()
    fast.save(str(folder / "tokenizer.json"), pretty=False)
    tower = {"hidden_size": 48, "intermediate_size": 100, "num_hidden_layers": 2}
    config = {
        "architectures": ["SiglipModel"], "model_type": "siglip",
        "text_config": {**tower, "num_attention_heads": 4, "vocab_size": 200, "max_position_embeddings": 16},
        "vision_config": {**tower, "num_attention_heads": 3, "image_size": 32, "patch_size": 8},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    processor = {
        "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
        "image_processor_type": "SiglipImageProcessor", "processor_class": "SiglipProcessor", "resample": 3,
        "rescale_factor": 1 / 255, "size": {"height": 32, "width": 32},
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=1) + "\n")
    model = randomise(SiglipModel(SiglipConfig.from_pretrained(folder)), 5)
    save_file(half(model.state_dict()), folder / "model.safetensors", metadata={"format": "pt"})
    padded, ids = siglip_ids(slow, PROMPTS, 16)
    pixels = pixels_of(images, 32, SIGLIP_PICTURE)
    with torch.no_grad():
        image_embeds = model.vision_model(pixel_values=pixels).pooler_output
        text_embeds = model.text_model(input_ids=padded).pooler_output
    save_golden(folder, pixels, image_embeds, text_embeds, ids, model.logit_scale)
    return slow, fast


def make_open_clip_siglip(images, slow, fast):
    """timm's image tower, whose heads follow from its name: 12 for `base`."""
    folder = new_folder("open-clip-siglip")
    fast.save(str(folder / "tokenizer.json"), pretty=False)
    model_cfg = {
        "embed_dim": 48, "init_logit_bias": -10, "custom_text": True,
        "vision_cfg": {"image_size": 32, "timm_model_name": "vit_base_patch16_siglip_224", "timm_model_pretrained": False, "timm_pool": "map", "timm_proj": "none"},
        "text_cfg": {
            "context_length": 16, "vocab_size": 200, "hf_tokenizer_name": "timm/ViT-B-16-SigLIP", "tokenizer_kwargs": {"clean": "canonicalize"},
            "width": 48, "heads": 4, "layers": 2, "no_causal_mask": True, "proj_bias": True, "pool_type": "last", "norm_kwargs": {"eps": 1e-6},
        },
    }  # fmt: skip
    text = open_clip.model._build_text_tower(48, model_cfg["text_cfg"])
    trunk = VisionTransformer(
        img_size=32, patch_size=8, embed_dim=48, depth=2, num_heads=12, mlp_ratio=2, class_token=False, global_pool="map", num_classes=0,
    )  # fmt: skip

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.visual = torch.nn.Module()
            self.visual.trunk = trunk
            self.text = text
            self.logit_scale = torch.nn.Parameter(torch.ones([]))
            self.logit_bias = torch.nn.Parameter(torch.ones([]))

    model = randomise(Model(), 6)
    save_file(half(model.state_dict()), folder / "open_clip_model.safetensors")
    config = {"model_cfg": model_cfg, "preprocess_cfg": SIGLIP_PICTURE}
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=1) + "\n")
    # As HFTokenizer does it; the cleaned text is not changed by cleaning it again.
    cleaned = [canonicalize_text(prompt) for prompt in PROMPTS]
    padded, ids = siglip_ids(slow, cleaned, 16)
    pixels = pixels_of(images, 32, SIGLIP_PICTURE)
    with torch.no_grad():
        save_golden(folder, pixels, trunk(pixels), text(padded), ids, model.logit_scale)


def make_tinyclip(images, clip):
    """CLIPModel with sizes as TinyCLIP's pruning leaves them: towers that differ in width, depth and head width."""
    folder = new_folder("tinyclip")
    vocabulary, merges, simple = clip
    config = {
        "architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": 20,
        "text_config": {
            "vocab_size": len(vocabulary), "hidden_size": 24, "intermediate_size": 70, "num_hidden_layers": 1, "num_attention_heads": 3,
            "max_position_embeddings": 24, "bos_token_id": len(vocabulary) - 2, "eos_token_id": len(vocabulary) - 1,
        },
        "vision_config": {
            "hidden_size": 56, "intermediate_size": 90, "num_hidden_layers": 2, "num_attention_heads": 7, "image_size": 32, "patch_size": 16,
            "hidden_act": "gelu",
        },
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    save_clip_parts(folder, vocabulary, merges)
    model = randomise(CLIPModel(CLIPConfig.from_pretrained(folder)), 7)
    torch.save(half(model.state_dict()), folder / "pytorch_model.bin")
    rows, ids = clip_ids(simple)
    pixels = pixels_of(images, 32, {})
    with torch.no_grad():
        image_embeds = model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)
        text_embeds = model.text_projection(model.text_model(input_ids=rows).pooler_output)
    save_golden(folder, pixels, image_embeds, text_embeds, ids, model.logit_scale)


UNIT = {"mean": [0.0] * 3, "std": [1.0] * 3, "interpolation": "bilinear"}


def make_timm(images, clip):
    """Models of open_clip's with timm's towers."""
    for folder, name, size, pool, proj, settings, text in [
        ("open-clip-convnext", "convnext_base", 48, "", "linear", {}, {}),
        ("open-clip-convnext-mlp", "convnext_xxlarge", 40, "", "mlp", {}, {}),
        ("open-clip-eva02", "eva02_base_patch16_clip_224", 32, "token", None, {}, {}),
        ("open-clip-eva02-post-norm", "eva02_enormous_patch14_clip_224", 28, "token", None, {}, {}),
        ("open-clip-eva01", "eva_giant_patch14_224", 28, "token", None, {}, {}),
        ("open-clip-pe-core", "vit_pe_core_tiny_patch16_384", 32, "map", None, SIGLIP_PICTURE, {}),
        ("open-clip-pe-core-gigantic", "vit_pe_core_gigantic_patch14_448", 28, "map", None, SIGLIP_PICTURE, {}),
        ("open-clip-mobileclip", "vit_base_mci_224", 48, "token", None, UNIT, {}),
        ("open-clip-mobileclip-2", "vit_large_patch14_clip_quickgelu_224", 28, "token", None, UNIT, {"no_causal_mask": True}),
    ]:
        vision = {"timm_model_name": name, "timm_model_pretrained": False, "timm_pool": pool, "timm_proj": proj, "timm_drop": 0.0,
                  "timm_drop_path": 0.1, "image_size": size}  # fmt: skip
        config = {"embed_dim": 20, "vision_cfg": vision, "text_cfg": text_cfg(clip[0], width=24, heads=2, layers=1, **text), "custom_text": True}
        with small_towers():
            open_clip_folder(folder, config, settings, images, clip, keep_pixels=False)


def make_coca(images, clip):
    """Prompts without the token 0, which CoCa's masks take for what fills prompts up."""
    vision = {"image_size": 32, "layers": 2, "width": 48, "head_width": 12, "patch_size": 8, "attentional_pool": True,
              "attn_pooler_queries": 5, "attn_pooler_heads": 4, "output_tokens": True}  # fmt: skip
    text = text_cfg(clip[0], width=24, heads=2, embed_cls=True, output_tokens=True)
    decoder = {**text_cfg(clip[0], width=20, heads=2, layers=1), "attn_pooler_heads": 2}
    config = {"embed_dim": 20, "vision_cfg": vision, "text_cfg": text, "multimodal_cfg": decoder, "custom_text": True}
    open_clip_folder("open-clip-coca", config, {}, images, clip, keep_pixels=False)


def main():
    torch.set_num_threads(1)
    shutil.rmtree(OUT, ignore_errors=True)
    pictures = ROOT / "tests/fixtures/clip/pictures"
    images = {name: Image.open(pictures / f"{name}.png").convert("RGB") for name in PICTURES}
    clip = clip_vocabulary()
    make_open_clip(images, clip)
    make_openai(images, clip)
    make_open_clip_siglip(images, *make_siglip(images))
    make_tinyclip(images, clip)
    make_timm(images, clip)
    make_coca(images, clip)


if __name__ == "__main__":
    main()
