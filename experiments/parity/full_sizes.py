"""Compares the program with the reference implementations at full size, with random weights: ViT-B-32, RN50 and SigLIP B/16 of
open_clip, the first two as OpenAI's files too, SigLIP B/16 of transformers, and models of open_clip's other families, one at a
time. See README.md.

    python experiments/parity/full_sizes.py target/release/cupl-tui FOLDER [NAME OF OPEN_CLIP'S …]
"""

import json
import pathlib
import shutil
import subprocess
import sys

PROGRAM, FOLDER, WANTED = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]), sys.argv[3:]
sys.argv[1:] = [str(FOLDER / "unused"), "nmt_nfkc"]

import make_architectures as tiny  # noqa: E402
import open_clip  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import SiglipConfig, SiglipModel  # noqa: E402

PICTURES = tiny.ROOT / "tests/fixtures/clip/pictures"
PROMPTS = [prompt for prompt in tiny.PROMPTS if prompt.strip()]


# Those whose towers are neither of the other functions', with how pictures are treated where it is not as in CLIP.
FAMILIES = {
    "coca_ViT-B-32": {}, "convnext_base": {}, "convnext_base_w": {}, "convnext_large_d": {}, "convnext_xxlarge": {},
    "EVA01-g-14": {}, "EVA02-B-16": {}, "EVA02-L-14-336": {}, "PE-Core-T-16-384": tiny.SIGLIP_PICTURE,
    "PE-Core-B-16": tiny.SIGLIP_PICTURE, "MobileCLIP-B": tiny.UNIT, "MobileCLIP2-L-14": tiny.UNIT,
}  # fmt: skip


def pixels(settings, size=224):
    images = {name: Image.open(PICTURES / f"{name}.png").convert("RGB") for name in tiny.PICTURES}
    return tiny.pixels_of(images, size, settings)


def compare(name, folder, image_embeds, text_embeds):
    """The program's own embeddings, from pictures and texts."""
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    for picture in tiny.PICTURES:
        (pictures / f"{picture}.png").write_bytes((PICTURES / f"{picture}.png").read_bytes())
    (folder / "texts.txt").write_text("\n".join(PROMPTS) + "\n")
    out = folder / "out.safetensors"
    out.unlink(missing_ok=True)
    command = [PROGRAM, "embed", "--checkpoint", folder, "--images", pictures, "--texts", folder / "texts.txt", "--out", out]
    subprocess.run([*command, "--store", folder / "store"], check=True, stdout=subprocess.DEVNULL)
    found = load_file(out)
    unit = torch.nn.functional.normalize
    order = sorted(range(len(tiny.PICTURES)), key=lambda at: tiny.PICTURES[at])
    images = torch.cosine_similarity(found["image_embeds"], unit(image_embeds)[order]).min().item()
    texts = torch.cosine_similarity(found["text_embeds"], unit(text_embeds)).min().item()
    print(f"{name}: lowest cosine of images {images:.7f}, of texts {texts:.7f}", flush=True)


def add_vocabulary(folder):
    published = pathlib.Path(open_clip.tokenizer.default_bpe())
    (folder / published.name).write_bytes(published.read_bytes())


def open_clip_model(name, weights):
    folder, scripted = FOLDER / name, FOLDER / f"{name} of OpenAI's form"
    folder.mkdir(parents=True, exist_ok=True)
    scripted.mkdir(exist_ok=True)
    model = tiny.randomise(open_clip.create_model(name, force_quick_gelu=True), 1)
    config = {"model_cfg": {**open_clip.get_model_config(name), "quick_gelu": True}, "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    if weights.endswith(".bin"):
        torch.save(model.state_dict(), folder / weights)
    else:
        save_file(model.state_dict(), folder / weights)
    tiny.save_scripted(model, 224, scripted / f"{name}.pt")
    with torch.no_grad():
        embeddings = model.encode_image(pixels({})), model.encode_text(open_clip.tokenize(PROMPTS))
    for folder in [folder, scripted]:
        add_vocabulary(folder)
        compare(folder.name, folder, *embeddings)


def siglip(slow, fast):
    folder = FOLDER / "siglip"
    folder.mkdir(parents=True, exist_ok=True)
    fast.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text('{"model_type": "siglip", "text_config": {}, "vision_config": {}}')
    model = tiny.randomise(SiglipModel(SiglipConfig()), 2)
    save_file(model.state_dict(), folder / "model.safetensors")
    padded, _ = tiny.siglip_ids(slow, PROMPTS, 64)
    with torch.no_grad():
        images = model.vision_model(pixel_values=pixels(tiny.SIGLIP_PICTURE)).pooler_output
        compare("siglip-base-patch16-224", folder, images, model.text_model(input_ids=padded).pooler_output)


def open_clip_siglip(slow, fast):
    name = "ViT-B-16-SigLIP"
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    fast.save(str(folder / "tokenizer.json"))
    model = tiny.randomise(open_clip.create_model(name, pretrained_text=False), 3)
    config = {"model_cfg": open_clip.get_model_config(name), "preprocess_cfg": tiny.SIGLIP_PICTURE}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    padded, _ = tiny.siglip_ids(slow, [tiny.canonicalize_text(prompt) for prompt in PROMPTS], 64)
    with torch.no_grad():
        compare(name, folder, model.encode_image(pixels(tiny.SIGLIP_PICTURE)), model.encode_text(padded))


def family(name, settings):
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    config = open_clip.get_model_config(name)
    model = tiny.randomise(open_clip.create_model(name), 4)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": settings}))
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    add_vocabulary(folder)
    rows = open_clip.SimpleTokenizer(context_length=config["text_cfg"]["context_length"])(PROMPTS)
    images = pixels(settings, config["vision_cfg"]["image_size"])
    with torch.no_grad():
        embeddings = model.encode_image(images), model.encode_text(rows)
    del model
    compare(name, folder, *embeddings)
    shutil.rmtree(folder)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in WANTED:
        family(name, FAMILIES[name])
    if WANTED:
        return
    open_clip_model("ViT-B-32", "open_clip_model.safetensors")
    open_clip_model("RN50", "open_clip_pytorch_model.bin")
    slow, fast = tiny.sentence_pieces(FOLDER)
    siglip(slow, fast)
    open_clip_siglip(slow, fast)
    for name, settings in FAMILIES.items():
        family(name, settings)


if __name__ == "__main__":
    main()
