"""Makes tiny random-weight checkpoints of every family and form, and changed ones; has the program embed pictures and texts with
them and prints a table: variant, lowest cosine of images and of texts to the reference's, or the program's error.

    python experiments/parity/checkpoint_variants.py PROGRAM FOLDER [NAME …]

With --fixtures, FOLDER gets some of them as fixtures of the tests: weights in f16, and in golden.* what the reference makes of them.
With --check-only, FOLDER's sub-folders are compared as they are: each has REF.st (`images`, `texts`) and REF.json beside its
files. See README.md.
"""

import json
import pathlib
import shutil
import subprocess
import sys

import open_clip
import torch
import transformers
from open_clip import CLIP, CoCa, CustomTextCLIP
from open_clip.hf_model import HFTextEncoder
from open_clip.tokenizer import SimpleTokenizer, get_clean_fn
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from safetensors.torch import load_file, save_file
from small_towers import small_towers
from timm.models.vision_transformer import VisionTransformer
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers.models.chinese_clip.image_processing_pil_chinese_clip import ChineseCLIPImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

ROOT = pathlib.Path(__file__).resolve().parents[2]
PICTURES = ROOT / "tests/fixtures/clip/pictures"
CHECK_ONLY, FIXTURES = "--check-only" in sys.argv, "--fixtures" in sys.argv
ARGUMENTS = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
PROGRAM, OUT, WANTED = ARGUMENTS[0], pathlib.Path(ARGUMENTS[1]), ARGUMENTS[2:]
# Fixtures, and the token that fills their prompts up.
KEPT = {"siglip2": 0, "metaclip-2": 1, "chinese-clip": 0, "open-clip-xlm-roberta": 1, "open-clip-bert-timm": 0}
IDS = []
TEXTS = [
    "a photo of a frog.", "A Photo of a TREE frog", "x", "it's a dog!", "snake_case_word", "two, three; four", "caf\u00e9 \u732b",
    "Tom &amp; Jerry", "\u201cquoted\u201d", "a dog " * 60,
]  # fmt: skip
THRESHOLD = 0.99999


def pictures():
    return {file.name: Image.open(file).convert("RGB") for file in sorted(PICTURES.glob("*.png"))}


def randomise(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            noise = torch.randn(value.shape, generator=generator)
            if name.endswith("logit_scale"):
                value.fill_(2.5)
            elif name.endswith("logit_bias"):
                value.fill_(-3)
            elif value.ndim >= 2 and "embedding" not in name and "pos_embed" not in name:
                value.copy_(noise * (1.2 / value[0].numel() ** 0.5))
            elif value.ndim >= 2:
                value.copy_(noise * 0.4)
            elif name.endswith("weight"):
                value.copy_(1 + 0.2 * noise)
            else:
                value.copy_(0.2 * noise)
            value.copy_(value.half().float())
    return model.eval()


def features(value):
    return value if torch.is_tensor(value) else value.pooler_output


# Tokenizers.


def gemma_like():
    """SigLIP 2's in small: byte pairs with a fallback to bytes, special tokens first, and HTML's among the others."""
    vocabulary = {}
    for token in ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<s>", "</s>", *[f"<0x{byte:02X}>" for byte in range(256)]]:
        vocabulary[token] = len(vocabulary)
    letters = sorted(set("".join(TEXTS) + "".join(TEXTS).lower() + "\u2581") - {" "})
    for letter in letters:
        vocabulary.setdefault(letter, len(vocabulary))
    merges = []
    for word in ["photo", "frog", "dog", "quoted"]:
        whole = "\u2581"
        for letter in word:
            if (whole, letter) not in merges:
                merges.append((whole, letter))
            whole += letter
            vocabulary.setdefault(whole, len(vocabulary))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in ["<pad>", "<eos>", "<bos>", "<unk>"]])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in ["<s>", "</s>"]])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    return tokenizer


def roberta_like(end=2):
    """XLM-RoBERTa's and XLM-V's in small."""
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *sorted(set("".join(TEXTS) + "\u2581") - {" "}), "\u2581photo", "\u2581frog", "\u2581dog"]
    pieces = list(dict.fromkeys(pieces))
    tokenizer = Tokenizer(models.Unigram([(piece, -float(at) / 9) for at, piece in enumerate(pieces)], unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in ["<s>", "<pad>", "</s>", "<unk>"]])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", end)])
    return tokenizer


def word_pieces():
    letters = sorted(set("".join(TEXTS).lower()) - {" "})
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *[f"##{letter}" for letter in letters], "photo", "frog", "dog"]
    return list(dict.fromkeys(tokens))


def bert_like():
    vocabulary = {token: at for at, token in enumerate(word_pieces())}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    pair = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=pair)
    return tokenizer


def declare(folder, tokenizer, kind, **more):
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind, **more}))


GEMMA = dict(add_bos_token=False, add_eos_token=True, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>",
             padding_side="right", model_max_length=64)  # fmt: skip
ROBERTA = dict(bos_token="<s>", eos_token="</s>", sep_token="</s>", cls_token="<s>", pad_token="<pad>", unk_token="<unk>",
               model_max_length=77)  # fmt: skip
BERT = dict(cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", unk_token="[UNK]", mask_token="[MASK]", do_lower_case=True,
            model_max_length=512)  # fmt: skip

# Pictures are resized with Pillow: what torchvision makes of tall ones has cosines down to 0.996 with that.

# Variants: each makes its folder and returns what the reference embeds, or None where it is to be refused.

VARIANTS = {}


def variant(make):
    VARIANTS[make.__name__.replace("_", "-")] = make
    return make


def of_transformers(folder, model, processor, ids_of):
    IDS[:] = [ids_of(text)["input_ids"][0].tolist() for text in TEXTS]
    with torch.no_grad():
        pixels = processor(images=list(pictures().values()), return_tensors="pt")["pixel_values"]
        images = features(model.get_image_features(pixel_values=pixels))
        texts = torch.stack([features(model.get_text_features(**ids_of(text)))[0] for text in TEXTS])
    return images, texts


SIDE = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2)


@variant
def siglip2(folder):
    tokenizer = gemma_like()
    declare(folder, tokenizer, "Siglip2Tokenizer", **GEMMA)
    text = dict(**SIDE, vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=64, projection_size=32)
    vision = dict(**SIDE, image_size=48, patch_size=16)
    model = randomise(transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=vision)))
    model.save_pretrained(folder)
    processor = SiglipImageProcessorPil(size={"height": 48, "width": 48})
    processor.save_pretrained(folder)
    loaded = transformers.AutoTokenizer.from_pretrained(folder)
    options = dict(padding="max_length", truncation=True, max_length=64, return_tensors="pt")
    return of_transformers(folder, model, processor, lambda text: {"input_ids": loaded([text], **options)["input_ids"]})


@variant
def siglip2_without_declarations(folder):
    result = siglip2(folder)
    (folder / "tokenizer_config.json").unlink()
    return result


@variant
def siglip2_padded_left(folder):
    siglip2(folder)
    change(folder / "tokenizer_config.json", lambda said: said.update(padding_side="left"))


def metaclip(folder, **text):
    tokenizer = roberta_like()
    declare(folder, tokenizer, "XLMRobertaTokenizer", **ROBERTA)
    text = dict(**SIDE, vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=77, eos_token_id=2, bos_token_id=0,
                pad_token_id=1, **text)  # fmt: skip
    vision = dict(**SIDE, image_size=48, patch_size=16)
    config = transformers.MetaClip2Config(text_config=text, vision_config=vision, projection_dim=48)
    model = randomise(transformers.MetaClip2Model(config))
    model.save_pretrained(folder)
    processor = CLIPImageProcessorPil(size={"shortest_edge": 48}, crop_size={"height": 48, "width": 48})
    processor.save_pretrained(folder)
    options = dict(padding="max_length", truncation=True, max_length=77, return_tensors="pt")
    loaded = transformers.AutoTokenizer.from_pretrained(folder)
    return of_transformers(folder, model, processor, lambda text: dict(loaded([text], **options)))


@variant
def metaclip_2(folder):
    return metaclip(folder)


def chinese(folder):
    vision = dict(**SIDE, image_size=48, patch_size=16)
    text = dict(**SIDE, vocab_size=len(word_pieces()), max_position_embeddings=128)
    config = transformers.ChineseCLIPConfig(text_config=text, vision_config=vision, projection_dim=48)
    model = randomise(transformers.ChineseCLIPModel(config))
    model.save_pretrained(folder)
    processor = ChineseCLIPImageProcessorPil(size={"height": 48, "width": 48}, do_center_crop=False)
    processor.save_pretrained(folder)
    loaded = transformers.AutoTokenizer.from_pretrained(folder)
    options = dict(truncation=True, max_length=128, return_tensors="pt")
    return of_transformers(folder, model, processor, lambda text: dict(loaded([text], **options)))


@variant
def chinese_clip(folder):
    declare(folder, bert_like(), "BertTokenizer", **{**BERT, "model_max_length": 128})
    return chinese(folder)


@variant
def chinese_clip_vocab_txt(folder):
    declare(folder, bert_like(), "BertTokenizer", **{**BERT, "model_max_length": 128})
    result = chinese(folder)
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(word_pieces()) + "\n")
    return result


# open_clip.

OWN_VISION = dict(image_size=48, layers=2, width=32, head_width=16, patch_size=16)
OWN_TEXT = dict(context_length=77, vocab_size=49408, width=64, heads=4, layers=2)


def open_clip_reference(model, size, ids_of, **settings):
    IDS[:] = [ids_of(text)[0].tolist() for text in TEXTS]
    transform = image_transform_v2(PreprocessCfg(**settings, size=size), is_train=False)
    with torch.no_grad():
        images = model.encode_image(torch.stack([transform(picture) for picture in pictures().values()]))
        return images, torch.cat([model.encode_text(ids_of(text)) for text in TEXTS])


def write_open_clip(folder, config, state, settings=None):
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": settings or {}}, indent=1))
    save_file({name: value.clone().contiguous() for name, value in state.items()}, folder / "open_clip_model.safetensors")


def hugging_face_ids(folder, length, clean="whitespace", strip=None):
    loaded, cleaned = transformers.AutoTokenizer.from_pretrained(folder), get_clean_fn(clean)

    def ids(text):
        ids = loaded([cleaned(text)], max_length=length, padding="max_length", truncation=True, return_tensors="pt")["input_ids"]
        return ids if strip is None else torch.where(ids == strip, torch.zeros_like(ids), ids)

    return ids


def plain(folder, model_class=CLIP, text=None, **config):
    shutil.copy(open_clip.tokenizer.default_bpe(), folder)
    config = dict(embed_dim=48, vision_cfg=OWN_VISION, text_cfg={**OWN_TEXT, **(text or {})}, **config)
    model = randomise(model_class(**json.loads(json.dumps(config))))
    write_open_clip(folder, config, model.state_dict())
    kwargs = config["text_cfg"].get("tokenizer_kwargs", {})
    return open_clip_reference(model, 48, SimpleTokenizer(context_length=77, **kwargs))


@variant
def open_clip_plain(folder):
    return plain(folder)


@variant
def open_clip_whitespace(folder):
    return plain(folder, text={"tokenizer_kwargs": {"clean": "whitespace"}})


@variant
def open_clip_last_of_all(folder):
    return plain(folder, text={"pool_type": "last", "no_causal_mask": True})


@variant
def open_clip_worldwide(folder):
    tokenizer = roberta_like()
    declare(folder, tokenizer, "XLMRobertaTokenizer", **ROBERTA)
    text = {**OWN_TEXT, "vocab_size": tokenizer.get_vocab_size(), "pool_type": "eos", "eos_id": 2, "hf_tokenizer_name": "xlm-v"}
    config = dict(embed_dim=48, vision_cfg=OWN_VISION, text_cfg=text)
    model = randomise(CLIP(**json.loads(json.dumps(config))))
    write_open_clip(folder, config, model.state_dict())
    return open_clip_reference(model, 48, hugging_face_ids(folder, 77))


@variant
def open_clip_clipa(folder):
    declare(folder, bert_like(), "BertTokenizer", **BERT)
    text = {**OWN_TEXT, "context_length": 32, "vocab_size": len(word_pieces()), "pool_type": "last", "no_causal_mask": True,
            "hf_tokenizer_name": "bert-base-uncased", "tokenizer_kwargs": {"strip_sep_token": True}}  # fmt: skip
    vision = {**OWN_VISION, "no_ln_pre": True, "pool_type": "avg", "final_ln_after_pool": True}
    config = dict(embed_dim=48, vision_cfg=vision, text_cfg=text)
    model = randomise(CLIP(**json.loads(json.dumps(config))))
    write_open_clip(folder, config, model.state_dict())
    return open_clip_reference(model, 48, hugging_face_ids(folder, 32, strip=3))


def with_bert(folder, tokenizer, kind, declared, config, name, pooler, projection, vision, timm=None, length=64):
    """open_clip's text towers of transformers', whose configuration is made here: hubs are not asked."""
    declare(folder, tokenizer, kind, **declared)
    text = dict(hf_model_name=name, hf_tokenizer_name=name, hf_proj_type=projection, hf_pooler_type=pooler, context_length=length)
    whole = dict(embed_dim=48, vision_cfg=vision, text_cfg=text)
    model = CustomTextCLIP(48, vision, dict(**OWN_TEXT)).eval()
    if timm is not None:
        model.visual.trunk, model.visual.head.proj = timm, torch.nn.Linear(timm.num_features, 48, bias=False)
    model.text = HFTextEncoder(name, 48, config=config, pooler_type=pooler, proj_type=projection)
    if pooler != "cls_pooler":
        model.text.transformer.pooler = None
    randomise(model)
    write_open_clip(folder, whole, model.state_dict())
    size = vision["image_size"]
    return open_clip_reference(model, size, hugging_face_ids(folder, length))


BERT_SIZES = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=1, num_attention_heads=1)


@variant
def open_clip_biomed(folder):
    config = transformers.BertConfig(vocab_size=len(word_pieces()), max_position_embeddings=80, **BERT_SIZES)
    vision = dict(timm_model_name="vit_tiny_patch16_224", timm_pool="", timm_proj="linear", image_size=224)
    return with_bert(folder, bert_like(), "BertTokenizer", BERT, config, "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract",
                     "cls_last_hidden_state_pooler", "mlp", vision)  # fmt: skip


@variant
def open_clip_bert_timm(folder):
    config = transformers.BertConfig(vocab_size=len(word_pieces()), max_position_embeddings=80, **BERT_SIZES)
    vision = dict(timm_model_name="vit_tiny_patch16_224", timm_pool="token", timm_proj="linear", image_size=32)
    timm = VisionTransformer(img_size=32, patch_size=8, embed_dim=48, depth=1, num_heads=3, num_classes=0)
    return with_bert(folder, bert_like(), "BertTokenizer", BERT, config, "bert-base-uncased",
                     "cls_pooler", "mlp", vision, timm)  # fmt: skip


@variant
def open_clip_bert_pooler(folder):
    config = transformers.BertConfig(vocab_size=len(word_pieces()), max_position_embeddings=80, **BERT_SIZES)
    return with_bert(folder, bert_like(), "BertTokenizer", BERT, config, "bert-base-uncased", "cls_pooler", "linear", OWN_VISION)


@variant
def open_clip_xlm_roberta(folder):
    tokenizer = roberta_like()
    config = transformers.XLMRobertaConfig(vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=80, type_vocab_size=1,
                                           pad_token_id=1, layer_norm_eps=1e-5, **BERT_SIZES)  # fmt: skip
    return with_bert(folder, tokenizer, "XLMRobertaTokenizer", ROBERTA, config, "xlm-roberta-base", "mean_pooler", "mlp", OWN_VISION)


@variant
def open_clip_mt5(folder):
    open_clip_xlm_roberta(folder)
    change(folder / "open_clip_config.json", lambda said: said["model_cfg"]["text_cfg"].update(hf_model_name="google/mt5-base"))


def with_timm(name, tower, size, pool, proj, text=None):
    """A small tower of timm's under its name, with open_clip's text tower."""

    def make(folder):
        shutil.copy(open_clip.tokenizer.default_bpe(), folder)
        vision = dict(timm_model_name=tower, timm_model_pretrained=False, timm_pool=pool, timm_proj=proj, image_size=size)
        config = dict(embed_dim=24, vision_cfg=vision, text_cfg={**OWN_TEXT, **(text or {})}, custom_text=True)
        with small_towers():
            model = CustomTextCLIP(24, dict(vision), dict(config["text_cfg"]))
        randomise(model)
        write_open_clip(folder, config, model.state_dict())
        return open_clip_reference(model, size, SimpleTokenizer(context_length=77))

    VARIANTS[name] = make


with_timm("open-clip-convnext", "convnext_base", 48, "", "linear")
with_timm("open-clip-convnext-mlp", "convnext_xxlarge", 40, "", "mlp")
with_timm("open-clip-eva01", "eva_giant_patch14_224", 28, "token", None)
with_timm("open-clip-eva02", "eva02_base_patch16_clip_224", 32, "token", None)
with_timm("open-clip-eva02-post-norm", "eva02_enormous_patch14_clip_224", 28, "token", None)
with_timm("open-clip-pe-core", "vit_pe_core_tiny_patch16_384", 32, "map", None)
with_timm("open-clip-pe-core-gigantic", "vit_pe_core_gigantic_patch14_448", 28, "map", None)
with_timm("open-clip-mobileclip", "vit_base_mci_224", 48, "token", None)
with_timm("open-clip-mobileclip-2", "vit_large_patch14_clip_quickgelu_224", 28, "token", None, {"no_causal_mask": True})


@variant
def open_clip_coca(folder):
    shutil.copy(open_clip.tokenizer.default_bpe(), folder)
    vision = dict(**OWN_VISION, attentional_pool=True, attn_pooler_queries=5, attn_pooler_heads=4, output_tokens=True)
    text = {**OWN_TEXT, "context_length": 76, "embed_cls": True, "output_tokens": True}
    decoder = {**OWN_TEXT, "context_length": 76, "layers": 1, "attn_pooler_heads": 4}
    config = dict(embed_dim=48, vision_cfg=vision, text_cfg=text, multimodal_cfg=decoder, custom_text=True)
    parts = json.loads(json.dumps({key: value for key, value in config.items() if key != "custom_text"}))
    model = randomise(CoCa(**parts))
    write_open_clip(folder, config, model.state_dict())
    return open_clip_reference(model, 48, SimpleTokenizer(context_length=76))


# Changed ones: what must be read all the same, and what must be refused.


def change(path, how):
    said = json.loads(path.read_text())
    how(said)
    path.write_text(json.dumps(said))


def retensor(folder, how):
    path = next(folder.glob("*.safetensors"))
    save_file(how(load_file(path)), path)


def renamed(name, base, wrapper):
    def make(folder):
        result = base(folder)
        retensor(folder, lambda state: {wrapper + tensor: value for tensor, value in state.items()})
        return result

    VARIANTS[name] = make


for form, base in [("siglip2", siglip2), ("open-clip", open_clip_plain)]:
    for wrapper in ["module.", "model.", "_orig_mod.", "student.net."]:
        renamed(f"{form}-{wrapper}", base, wrapper)


@variant
def stranger(folder):
    siglip2(folder)
    retensor(folder, lambda state: {**state, "vision_model.encoder.layers.0.layer_scale1.lambda1": torch.ones(64)})


@variant
def unknown_key(folder):
    siglip2(folder)
    change(folder / "config.json", lambda said: said["vision_config"].update(use_rope=True))


@variant
def processor_config(folder):
    result = siglip2(folder)
    said = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": said, "processor_class": "SiglipProcessor"}))
    change(folder / "preprocessor_config.json", lambda other: other.update(image_mean=[0.1, 0.2, 0.3]))
    return result


def keep(name, folder):
    """A variant becomes a fixture."""
    for path in folder.glob("*.safetensors"):
        save_file({tensor: value.half() if value.is_floating_point() else value for tensor, value in load_file(path).items()}, path)
    reference, scale = load_file(folder / "REF.st"), torch.tensor([2.5])
    golden = {"image_embeds": reference["images"], "text_embeds": reference["texts"], "logit_scale": scale}
    save_file(golden, folder / "golden.safetensors")

    def unpadded(ids):
        while ids and ids[-1] == KEPT[name]:
            ids = ids[:-1]
        return ids

    said = {"pictures": [picture.removesuffix(".png") for picture in pictures()], "prompts": TEXTS}
    (folder / "golden.json").write_text(json.dumps({**said, "input_ids": [unpadded(ids) for ids in IDS]}) + "\n")
    (folder / "REF.st").unlink()


def embedded(folder, texts):
    """What the program makes of a folder: tensors, or its error."""
    lines, out = folder.parent / "texts.jsonl", folder.parent / "out.safetensors"
    lines.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    out.unlink(missing_ok=True)
    command = [PROGRAM, "embed", "--checkpoint", folder, "--images", folder.parent / "pictures", "--texts", lines, "--out", out]
    done = subprocess.run([*command, "--store", ":memory:"], capture_output=True, text=True, timeout=600)
    if not out.exists():
        said = [line for line in done.stderr.splitlines() if line.startswith("error")]
        return (said or [f"exit code {done.returncode}"])[0].replace(str(folder) + "/", "")
    return load_file(out)


def row(name, folder):
    reference, texts = folder / "REF.st", TEXTS
    if (folder / "REF.json").exists():
        texts = json.loads((folder / "REF.json").read_text())["texts"]
    found = embedded(folder, texts)
    if isinstance(found, str):
        return f"| {name} | {found} |", not reference.exists()
    if not reference.exists():
        return f"| {name} | loads, and should not |", CHECK_ONLY
    expected = load_file(reference)
    worst = {}
    for ours, theirs in [("image_embeds", "images"), ("text_embeds", "texts")]:
        if theirs in expected:
            worst[theirs] = torch.cosine_similarity(found[ours], expected[theirs]).min().item()
    words = ", ".join(f"{what} {cosine:.6f}" for what, cosine in worst.items())
    return f"| {name} | {words} |", all(cosine > THRESHOLD for cosine in worst.values())


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    shown = OUT / "pictures"
    shutil.rmtree(shown, ignore_errors=True)
    shown.mkdir()
    for file in PICTURES.glob("*.png"):
        shutil.copy(file, shown)
    print("| variant | lowest cosine, or the error |\n|---|---|")
    names = [path.name for path in sorted(OUT.iterdir()) if path.is_dir() and path != shown] if CHECK_ONLY else list(VARIANTS)
    failed = []
    for name in names:
        if (WANTED and name not in WANTED) or (FIXTURES and name not in KEPT):
            continue
        folder = OUT / name
        if not CHECK_ONLY:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            result = VARIANTS[name](folder)
            if result is not None:
                images, texts = result
                save_file({"images": images.contiguous(), "texts": texts.contiguous()}, folder / "REF.st")
        if FIXTURES:
            keep(name, folder)
            continue
        line, is_right = row(name, folder)
        print(line if is_right else line + " <<<", flush=True)
        failed += [] if is_right else [name]
    sys.exit(f"not as the reference: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
