"""Makes tests/fixtures/clip: two tiny random-weight CLIP checkpoints, lossless pictures, and what the reference
implementations (transformers, Pillow) compute from them. See README.md."""

import json
import pathlib
import shutil
import sys

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers, Regex
from transformers import CLIPModel, CLIPTokenizerFast

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures/clip")
SIZE = 32  # of the resized pictures
START, END = "<|startoftext|>", "<|endoftext|>"
MEAN = np.array([0.48145466, 0.4578275, 0.40821073])
STD = np.array([0.26862954, 0.26130258, 0.27577711])
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "lanczos": Image.Resampling.LANCZOS,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
}

ANIMALS = "frog toad cat dog horse deer bird otter newt heron".split()
LOOKS = "small green smooth striped long-tailed furry bright webbed spotted slender".split()
PROMPTS = [
    "a photo of a tree frog",
    "A photo of a TAILED frog.",
    "",
    "  \t\n ",
    "it's the dog's; they're, we'll, I'd, I've, I'm",
    "É naïve café — “smart” quotes … ½ 10°",
    "日本語のカエル 🐸 frog",
    "a black &amp; white <b>cat</b> 12345 3.14",
    "a small green frog " * 12,
    f"a frog {END} never seen, a cat {START} never seen",
    "antidisestablishmentarianism of otters",
    "e\u0301 and é are one letter",
]


def sentences():
    for animal in ANIMALS:
        for look in LOOKS:
            yield f"a photo of a {look} {animal}, a kind of animal."
            yield f"The {animal} has a {look} body and lives near the water."


def make_tokenizer():
    """CLIP's tokenizer in every part, with a vocabulary of its own."""
    tokenizer = Tokenizer(models.BPE(unk_token=END, continuing_subword_prefix="", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    words = rf"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{{L}}]+|[\p{{N}}]|[^\s\p{{L}}\p{{N}}]+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    # The trainer gives no `</w>` forms to bytes that it never saw, so the vocabulary starts with all of them.
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False)
    tokenizer.train_from_iterator(sentences(), trainer)
    learned = json.loads(tokenizer.to_str())["model"]
    vocab = alphabet + [letter + "</w>" for letter in alphabet]
    vocab += ["".join(pair) for pair in learned["merges"]]
    vocab = {token: at for at, token in enumerate(dict.fromkeys(vocab))}
    vocab |= {START: len(vocab), END: len(vocab) + 1}
    tokenizer.model = models.BPE(
        vocab=vocab,
        merges=[tuple(pair) for pair in learned["merges"]],
        unk_token=END,
        continuing_subword_prefix="",
        end_of_word_suffix="</w>",
    )
    tokenizer.add_special_tokens([START, END])
    tokenizer.post_processor = processors.RobertaProcessing(
        (END, vocab[END]), (START, vocab[START]), trim_offsets=False, add_prefix_space=False
    )
    return tokenizer, len(vocab)


def pictures():
    random = np.random.default_rng(7)

    def gradient(width, height):
        y, x = np.mgrid[0:height, 0:width]
        return np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x * 5 + y * 3) % 256], axis=-1)

    def noise(width, height):
        return random.integers(0, 256, (height, width, 3))

    def checks(width, height):
        y, x = np.mgrid[0:height, 0:width]
        return np.repeat((((x // 3 + y // 2) % 2) * 255)[..., None], 3, axis=-1)

    yield "gradient-landscape", gradient(97, 61)
    yield "gradient-portrait", gradient(61, 99)
    yield "noise-landscape", noise(63, 41)
    yield "noise-portrait", noise(40, 55)
    yield "noise-small", noise(13, 9)
    yield "noise-tall", noise(41, 110)
    yield "checks-wide", checks(200, 30)
    yield "checks-tall", checks(31, 150)
    yield "noise-same-size", noise(32, 32)
    yield "noise-one-more", noise(33, 32)
    yield "line", noise(90, 1)
    # What a centre crop cuts off: 2, 3, 5, 6 and 7 pixels, beside those above.
    for more in [2, 3, 5]:
        yield f"surplus-{more}", noise(SIZE + more, SIZE)
    for more in [6, 7]:
        yield f"surplus-{more}", noise(SIZE, SIZE + more)


def resize_and_crop(image, size, resample, rounded=int):
    """As transformers does it, whose crop is rounded down; with `round` as OpenAI's CLIP and open_clip do it with torchvision's
    Resize and CenterCrop."""
    width, height = image.size
    if width <= height:
        resized = (size, int(size * height / width))
    else:
        resized = (int(size * width / height), size)
    image = image.resize(resized, resample)
    left, top = (rounded((side - size) / 2.0) for side in resized)
    return image.crop((left, top, left + size, top + size))


def pixel_values(image, size):
    pixels = np.asarray(resize_and_crop(image, size, Image.Resampling.BICUBIC), dtype=np.float64)
    return (((pixels / 255 - MEAN) / STD).transpose(2, 0, 1)).astype(np.float32)


def save_golden(tensors, path):
    """Contiguous, since safetensors writes memory as it lies."""
    save_arrays({name: np.ascontiguousarray(values) for name, values in tensors.items()}, path)


def make_pictures():
    folder = OUT / "pictures"
    folder.mkdir(parents=True)
    golden, images = {}, {}
    for name, values in pictures():
        image = Image.fromarray(values.astype(np.uint8))
        image.save(folder / f"{name}.png", optimize=True)
        images[name] = image
        for filter_name, resample in FILTERS.items():
            golden[f"{name}/{filter_name}"] = np.asarray(resize_and_crop(image, SIZE, resample))
        golden[f"{name}/open-clip"] = np.asarray(resize_and_crop(image, SIZE, Image.Resampling.BICUBIC, round))
        golden[f"{name}/exact"] = np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    save_golden(golden, folder / "golden.safetensors")
    return images


def make_checkpoint(name, config, dtype_of, shards, tokenizer, images):
    folder = OUT / name
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    size = config["vision_config"]["image_size"]
    preprocessor = {
        "crop_size": size, "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": MEAN.tolist(), "image_std": STD.tolist(),
        "resample": 3, "size": size,
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor, indent=1) + "\n")

    torch.manual_seed(len(name))
    from transformers import CLIPConfig

    model = CLIPModel(CLIPConfig.from_pretrained(folder)).eval()
    with torch.no_grad():
        for tensor_name, parameter in model.named_parameters():
            if parameter.ndim >= 2:  # Larger than at the start of a training, so that attention and MLPs count.
                parameter.normal_(0, 1.5 / parameter[0].numel() ** 0.5)
            elif tensor_name.endswith("bias") or "class_embedding" in tensor_name:
                parameter.normal_(0, 0.3)
            elif tensor_name.endswith("weight"):
                parameter.normal_(1, 0.2)
    state = {key: value.detach().to(dtype_of(key)).contiguous() for key, value in model.state_dict().items()}
    position_ids = torch.arange(config["text_config"]["max_position_embeddings"]).unsqueeze(0)
    state["text_model.embeddings.position_ids"] = position_ids  # Old checkpoints have these.
    if shards == 1:
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    else:
        weight_map = {}
        for shard in range(shards):
            file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
            part = {key: value for at, (key, value) in enumerate(state.items()) if at % shards == shard}
            weight_map |= dict.fromkeys(part, file)
            save_file(part, folder / file, metadata={"format": "pt"})
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}, indent=1))

    model = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
    fast = CLIPTokenizerFast.from_pretrained(folder)
    length = config["text_config"]["max_position_embeddings"]
    ids = [fast(prompt, truncation=True, max_length=length)["input_ids"] for prompt in PROMPTS]
    values = torch.from_numpy(np.stack([pixel_values(image, size) for image in images.values()]))
    with torch.no_grad():
        vision = model.vision_model(pixel_values=values).pooler_output
        image_embeds = model.visual_projection(vision)
        pooled = torch.cat([model.text_model(input_ids=torch.tensor([row])).pooler_output for row in ids])
        text_embeds = model.text_projection(pooled)
        unit = torch.nn.functional.normalize
        logits = model.logit_scale.exp() * unit(image_embeds) @ unit(text_embeds).T
    golden = {
        "pixel_values": values, "image_embeds": image_embeds, "text_pooled": pooled, "text_embeds": text_embeds,
        "logits_per_image": logits,
    }  # fmt: skip
    save_golden(golden, folder / "golden.safetensors")
    truncated = [len(fast(prompt)["input_ids"]) > length for prompt in PROMPTS]
    text = {"pictures": list(images), "prompts": PROMPTS, "input_ids": ids, "truncated": truncated}
    (folder / "golden.json").write_text(json.dumps(text) + "\n")


def main():
    torch.set_num_threads(1)
    shutil.rmtree(OUT, ignore_errors=True)
    images = make_pictures()
    tokenizer, vocab_size = make_tokenizer()

    def text(**keys):
        return {"vocab_size": vocab_size, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
                "bos_token_id": vocab_size - 2, **keys}  # fmt: skip

    def vision(**keys):
        return {"intermediate_size": 96, "num_hidden_layers": 2, **keys}

    chosen = {name: images[name] for name in list(images)[:5]}
    quick = {
        "architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": 24,
        "text_config": text(num_attention_heads=2, max_position_embeddings=32, eos_token_id=vocab_size - 1),
        "vision_config": vision(hidden_size=48, num_attention_heads=3, image_size=32, patch_size=8),
    }  # fmt: skip
    make_checkpoint("tiny-quickgelu", quick, lambda key: torch.float16, 1, tokenizer, chosen)

    # As older converters wrote it: `*_config_dict`, an end-of-text id of 2, patches that do not fill the picture.
    text_dict = text(num_attention_heads=4, max_position_embeddings=24, eos_token_id=2, hidden_act="gelu")
    vision_dict = vision(hidden_size=32, num_attention_heads=2, image_size=30, patch_size=7, hidden_act="gelu")
    gelu = {
        "architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": 16,
        "text_config": dict(text_dict), "text_config_dict": text_dict,
        "vision_config": dict(vision_dict), "vision_config_dict": vision_dict,
    }  # fmt: skip
    kinds = {"text_model": torch.bfloat16, "vision_model": torch.float32}
    make_checkpoint("tiny-gelu", gelu, lambda key: kinds.get(key.split(".")[0], torch.float32), 2, tokenizer, chosen)


if __name__ == "__main__":
    main()
