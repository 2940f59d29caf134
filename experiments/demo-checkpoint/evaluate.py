"""Measures the demo checkpoint with transformers, in f32 from the saved f16 files.

Top-1 accuracy with the templates, with the CuPL sentences and with both, on
all 10,000 CIFAR-10 test images and on the demo's 1,000. The weight of a class
is CLIP's mean: every prompt's embedding normalised, averaged, normalised.

    python evaluate.py --package PACKAGE

With --reference FILE it also writes what the program's tests compare with: for
each strategy the demo images' confusion matrix, top-5 hits, and the
probability of the true class for the first image of each class.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from transformers import AutoTokenizer, CLIPImageProcessor, CLIPModel

HERE = Path(__file__).resolve().parent


@torch.no_grad()
def text_vectors(model, tokenizer, prompts):
    coded = tokenizer(prompts, padding=True, truncation=True, return_tensors="pt")
    pooled = model.text_model(input_ids=coded.input_ids, attention_mask=coded.attention_mask).pooler_output
    return F.normalize(model.text_projection(pooled), dim=-1)


@torch.no_grad()
def image_vectors(model, processor, images):
    vectors = []
    for start in range(0, len(images), 500):
        part = [Image.fromarray(a) for a in images[start:start + 500]]
        pixels = processor(images=part, return_tensors="pt").pixel_values
        vectors.append(model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output))
    return F.normalize(torch.cat(vectors), dim=-1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, default=Path("package"))
    parser.add_argument("--demo", type=Path, default=HERE / "../../data/demo")
    parser.add_argument("--reference", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(2)

    names = json.loads((args.demo / "class_names.json").read_text())
    templates = [t for t in (args.demo / "templates.txt").read_text().splitlines() if t.strip()]
    cupl = json.loads((args.demo / "cupl.json").read_text())
    checkpoint = args.demo / "checkpoint"
    model = CLIPModel.from_pretrained(checkpoint, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    processor = CLIPImageProcessor.from_pretrained(checkpoint)

    strategies = {"templates": {}, "cupl": {}, "both": {}}
    for name in names:
        strategies["templates"][name] = [t.replace("{}", name) for t in templates]
        strategies["cupl"][name] = cupl[name]
        strategies["both"][name] = strategies["templates"][name] + cupl[name]
    weights = {kind: torch.stack([F.normalize(text_vectors(model, tokenizer, prompts[n]).mean(0), dim=-1)
                                  for n in names]) for kind, prompts in strategies.items()}

    Image.MAX_IMAGE_PIXELS = None
    images = np.asarray(Image.open(args.package / "test_batch.png"))[:, :, :3].reshape(-1, 32, 32, 3)
    labels = torch.tensor(json.loads((args.package / "test_lables.json").read_text()))
    vectors = image_vectors(model, processor, images)

    # The demo's images are read from their sheets and must be the test split's.
    index = json.loads((args.demo / "images/index.json").read_text())
    tile, columns, demo_rows = index["tile"], index["columns"], []
    for entry in index["classes"]:
        sheet = np.asarray(Image.open(args.demo / "images" / entry["sheet"]).convert("RGB"))
        for k, row in enumerate(entry["indices"]):
            y, x = k // columns * tile, k % columns * tile
            assert (sheet[y:y + tile, x:x + tile] == images[row]).all()
            assert names[labels[row]] == entry["class"]
        demo_rows += entry["indices"]

    if args.reference:
        reference = {}
        rows, truth = vectors[demo_rows], labels[demo_rows]
        first = [int((truth == number).nonzero()[0]) for number in range(len(names))]
        for kind, w in weights.items():
            scores = rows @ w.T
            confusion = torch.zeros(len(names), len(names), dtype=int)
            for label, predicted in zip(truth, scores.argmax(1)):
                confusion[label, predicted] += 1
            probabilities = F.softmax(model.logit_scale.exp() * scores, dim=1)
            reference[kind] = {
                "prompts": sum(map(len, strategies[kind].values())),
                "top5": int((scores.topk(5, 1).indices == truth[:, None]).any(1).sum()),
                "confusion": confusion.tolist(),
                "first_true_probabilities": [round(float(probabilities[i, truth[i]]), 6) for i in first],
            }
        args.reference.write_text(json.dumps(reference, separators=(",", ":")))

    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}; "
          f"logit scale: {model.logit_scale.exp().item():.2f}")
    for title, rows in (("all 10,000 test images", torch.arange(len(images))),
                        (f"the demo's {len(demo_rows)} images", torch.tensor(demo_rows))):
        hits = {kind: (vectors[rows] @ w.T).argmax(1) == labels[rows] for kind, w in weights.items()}
        print(f"\n{title}\n\n| | {' | '.join(hits)} |\n|---|{'---:|' * len(hits)}")
        print("| **all** | " + " | ".join(f"**{100 * h.float().mean():.2f} %**" for h in hits.values()) + " |")
        for number, name in enumerate(names):
            mine = labels[rows] == number
            print(f"| {name} | " + " | ".join(f"{100 * h[mine].float().mean():.1f} %" for h in hits.values()) + " |")


if __name__ == "__main__":
    main()
