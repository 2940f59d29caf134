"""Makes what every side of the comparison runs: a CLIP ViT-B/32 checkpoint with random weights, its two towers as
ONNX files, and those quantised to int8 by ONNX Runtime. What is there already is kept.

    python make_models.py --work DIR --tokenizer tokenizer.json
"""
import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer
from transformers import CLIPConfig, CLIPModel

from constants import CONTEXT, END, MEAN, SIZE, STD

PREPROCESSING = {
    "image_processor_type": "CLIPImageProcessor",
    "do_resize": True, "size": {"shortest_edge": SIZE}, "resample": 3,
    "do_center_crop": True, "crop_size": {"height": SIZE, "width": SIZE},
    "do_convert_rgb": True, "do_rescale": True, "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": MEAN,
    "image_std": STD,
}


class ImageTower(torch.nn.Module):
    """Pixel values [n, 3, 224, 224] to image embeddings [n, 512], not normalised."""

    def __init__(self, clip):
        super().__init__()
        self.tower, self.projection = clip.vision_model, clip.visual_projection

    def forward(self, pixel_values):
        return self.projection(self.tower(pixel_values=pixel_values).pooler_output)


class TextTower(torch.nn.Module):
    """Padded token ids [n, 77] to text embeddings [n, 512], not normalised.

    There is no mask for the padding: the tower is causal and pooled at the first end of text, so what follows changes
    nothing, and every library is faster without one.
    """

    def __init__(self, clip):
        super().__init__()
        self.tower, self.projection = clip.text_model, clip.text_projection

    def forward(self, input_ids):
        return self.projection(self.tower(input_ids=input_ids).pooler_output)


def make_checkpoint(folder, tokenizer):
    """transformers' defaults are the sizes of openai/clip-vit-base-patch32."""
    end = Tokenizer.from_file(str(tokenizer)).token_to_id(END)
    config = CLIPConfig()
    if end is None or end >= config.text_config.vocab_size:
        raise SystemExit(f"{tokenizer}: no {END} among the first {config.text_config.vocab_size} tokens: "
                         "give a CLIP tokenizer with --tokenizer")
    config.text_config.eos_token_id = end
    config.text_config.bos_token_id = end - 1
    torch.manual_seed(0)
    CLIPModel(config).save_pretrained(folder)
    shutil.copyfile(tokenizer, folder / "tokenizer.json")
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSING, indent=2))


def export(tower, example, input_name, path):
    """Writes one tower with a free batch size and checks it on an input of another batch size."""
    batch = torch.export.Dim("batch", min=1, max=4096)
    tower = tower.eval()
    torch.onnx.export(tower, (example,), path, input_names=[input_name], output_names=["embeddings"], dynamo=True,
                      dynamic_shapes=({0: batch},), external_data=False)
    with torch.inference_mode():
        expected = tower(example[:1]).numpy()
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    got = session.run(None, {input_name: example[:1].numpy()})[0]
    worst = np.abs(got - expected).max() / np.abs(expected).max()
    if worst > 1e-3:
        raise SystemExit(f"{path}: the exported tower's embeddings differ from PyTorch's by {worst:.2g} of the largest")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    arguments = parser.parse_args()

    checkpoint = arguments.work / "vit-b-32-random"
    if not (checkpoint / "preprocessor_config.json").exists():
        make_checkpoint(checkpoint, arguments.tokenizer)
    clip = None
    for name in ("image", "text"):
        f32, int8 = arguments.work / f"{name}-f32.onnx", arguments.work / f"{name}-int8.onnx"
        if not f32.exists():
            clip = clip or CLIPModel.from_pretrained(checkpoint, dtype=torch.float32)
            part = f32.with_suffix(".part")
            if name == "image":
                export(ImageTower(clip), torch.randn(2, 3, SIZE, SIZE), "pixel_values", part)
            else:
                ids = torch.full((2, CONTEXT), clip.config.text_config.eos_token_id)
                ids[:, :8] = torch.arange(16).reshape(2, 8)
                export(TextTower(clip), ids, "input_ids", part)
            part.rename(f32)
        if not int8.exists():
            part = int8.with_suffix(".part")
            # Left to itself ONNX Runtime quantises the patch convolution and the token embeddings too, which was
            # slightly slower; uint8 weights, per-channel scales and fused layer norms did not help either: README.md.
            quantize_dynamic(f32, part, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"])
            part.rename(int8)


if __name__ == "__main__":
    main()
