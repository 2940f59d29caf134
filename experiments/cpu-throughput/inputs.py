"""The images and prompts that every side of the comparison encodes."""
import json
from pathlib import Path

import numpy as np
from PIL import Image
from tokenizers import Tokenizer

from constants import CONTEXT, END, MEAN, SIZE, STD

PHOTO_ENDINGS = {".jpg", ".jpeg", ".png"}
CLASSES = 300
TEMPLATES = 80
SAMPLE = 64


def photo_copies(photos, folder, count):
    """Fills `folder` with `count` pictures of distinct content: the photos in turn, each copy with a number after the
    picture's end, which decoders ignore. Returns their paths in order."""
    sources = sorted(path for path in photos.rglob("*") if path.suffix.lower() in PHOTO_ENDINGS)
    if not sources:
        raise SystemExit(f"{photos}: no JPEG or PNG pictures: give a folder of photos with --photos")
    folder.mkdir(parents=True, exist_ok=True)
    contents = [source.read_bytes() for source in sources]
    paths = []
    for number in range(count):
        source = number % len(sources)
        path = folder / f"{number:06}{sources[source].suffix.lower()}"
        path.write_bytes(contents[source] + number.to_bytes(8, "big"))
        paths.append(path)
    for stale in set(folder.iterdir()) - set(paths):
        stale.unlink()
    return paths


def pixel_values(path):
    """[3, 224, 224] as OpenAI's CLIP prepares a picture."""
    picture = Image.open(path).convert("RGB")
    width, height = picture.size
    short = min(width, height)
    width, height = SIZE * width // short, SIZE * height // short
    left, top = round((width - SIZE) / 2), round((height - SIZE) / 2)
    picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    picture = picture.crop((left, top, left + SIZE, top + SIZE))
    values = (np.asarray(picture, dtype=np.float32) / 255 - np.float32(MEAN)) / np.float32(STD)
    return values.transpose(2, 0, 1)


def one_line(sentence):
    return " ".join(sentence.split())


def without_repeats(sentences):
    return list(dict.fromkeys(filter(None, map(one_line, sentences))))


def cupl_sentences(path):
    """Every sentence of the first 300 classes of a CuPL file, once each."""
    classes = read_json(path, "--cupl")
    if not isinstance(classes, dict) or len(classes) < CLASSES:
        raise SystemExit(f"{path}: not a CuPL file of {CLASSES} classes or more (class name to list of sentences)")
    return without_repeats(sentence for name in list(classes)[:CLASSES] for sentence in classes[name])


def template_prompts(templates, class_names, dataset):
    """80 templates for each of the first 300 classes, from CLIP_benchmark's en_*.json files."""
    templates = read_list(templates, "--templates", dataset, TEMPLATES)
    names = read_list(class_names, "--class-names", dataset, CLASSES)
    return without_repeats(template.replace("{c}", name) for name in names for template in templates)


def read_list(path, option, dataset, count):
    lists = read_json(path, option)
    if not isinstance(lists, dict) or dataset not in lists:
        raise SystemExit(f"{path}: no list named {dataset}: give a file of CLIP_benchmark's form with {option}, "
                         "and the list's name with --dataset")
    if len(lists[dataset]) < count:
        raise SystemExit(f"{path}: {dataset} has {len(lists[dataset])} entries, {count} are wanted")
    return lists[dataset][:count]


def read_json(path, option):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path}: {error}: give another file with {option}") from error


def spread(items, count):
    """`count` of the items, evenly spread over all."""
    return [items[index * len(items) // count] for index in range(count)]


class PromptTokens:
    """CLIP token ids of prompts, cut at 77."""

    def __init__(self, path):
        self.tokenizer = Tokenizer.from_file(str(path))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(CONTEXT)
        self.vocabulary = self.tokenizer.get_vocab_size()
        self.end = self.tokenizer.token_to_id(END)

    def padded(self, prompts):
        """[n, 77], filled with end-of-text."""
        rows = [encoding.ids for encoding in self.tokenizer.encode_batch(prompts)]
        return [row + [self.end] * (CONTEXT - len(row)) for row in rows]

    def count(self, prompts):
        """Tokens of all prompts, start and end included, padding not."""
        return sum(len(encoding.ids) for encoding in self.tokenizer.encode_batch(prompts))


class Inputs:
    """Writes the inputs to `folder` and says where they are."""

    def __init__(self, folder, photos, cupl, templates, class_names, dataset, tokenizer):
        folder.mkdir(parents=True, exist_ok=True)
        self.images = folder / "images"
        self.pixels = folder / "pixels.f32"
        self.tokens = folder / "tokens.json"
        self.sample = folder / "sample.txt"
        self.texts = {"cupl": folder / "cupl-300.txt", "templates": folder / "templates-300.txt"}

        copies = photo_copies(photos, self.images, SAMPLE)
        np.stack([pixel_values(path) for path in copies]).astype("<f4").tofile(self.pixels)
        prompts = {"cupl": cupl_sentences(cupl), "templates": template_prompts(templates, class_names, dataset)}
        tokens = PromptTokens(tokenizer)
        self.vocabulary = tokens.vocabulary
        self.counts = {name: (len(lines), tokens.count(lines)) for name, lines in prompts.items()}
        for name, lines in prompts.items():
            write_lines(self.texts[name], lines)
        sample = [line for lines in prompts.values() for line in spread(lines, SAMPLE // 2)]
        write_lines(self.sample, sample)
        self.tokens.write_text(json.dumps(tokens.padded(sample)))


def write_lines(path, lines):
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
