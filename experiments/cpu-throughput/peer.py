"""One measurement of a Python peer: PyTorch in f32 or under bf16 autocast, ONNX Runtime with the f32 or the int8 towers,
or OpenVINO in f32, bf16 or int8.

Prints {"images_per_s": .., "prompts_per_s": ..} for preprocessed pixel values and padded token ids. Run by compare.py,
each time as a process of its own, so that no library's threads or memory are in another's way.
"""
import argparse
import contextlib
import json
import sys
import time
from pathlib import Path

import numpy as np

from constants import CONTEXT, SIZE


def torch_towers(models, threads, precision):
    import torch
    from transformers import CLIPModel

    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    clip = CLIPModel.from_pretrained(models / "vit-b-32-random", dtype=torch.float32).eval()

    def features(output):
        return (output if isinstance(output, torch.Tensor) else output.pooler_output).float().numpy()

    def inference():
        stack = contextlib.ExitStack()
        stack.enter_context(torch.inference_mode())
        if precision == "bf16":
            stack.enter_context(torch.autocast("cpu", dtype=torch.bfloat16))
        return stack

    def image_tower(pixels):
        with inference():
            return features(clip.get_image_features(pixel_values=torch.from_numpy(pixels)))

    def text_tower(tokens):
        with inference():
            return features(clip.get_text_features(input_ids=torch.from_numpy(tokens)))

    return image_tower, text_tower


def onnx_towers(models, threads, precision):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL

    def tower(name):
        session = onnxruntime.InferenceSession(models / f"{name}-{precision}.onnx", options,
                                               providers=["CPUExecutionProvider"])
        input_name = session.get_inputs()[0].name
        return lambda rows: session.run(None, {input_name: rows})[0]

    return tower("image"), tower("text")


def openvino_towers(models, threads, precision, pixels, tokens):
    """The towers of the ONNX files. In int8 they are quantised by NNCF as OpenVINO's documentation has it for transformers,
    calibrated on the inputs of the comparison."""
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32"}

    def tower(name, rows):
        path = models / f"{name}-f32.onnx"
        if precision == "int8":
            quantised = models / f"{name}-int8-openvino.xml"
            if not quantised.exists():
                import nncf

                model = core.read_model(path)
                data = nncf.Dataset([rows[at:at + 1] for at in range(len(rows))])
                # Its progress is no figure of this program.
                with contextlib.redirect_stdout(sys.stderr):
                    model = nncf.quantize(model, data, model_type=nncf.ModelType.TRANSFORMER, subset_size=len(rows))
                openvino.save_model(model, quantised, compress_to_fp16=False)
            path = quantised
        request = core.compile_model(path, "CPU", settings).create_infer_request()
        return lambda rows: request.infer({0: rows}, share_inputs=True)[0]

    return tower("image", pixels), tower("text", tokens)


def batches(rows, size):
    return [np.ascontiguousarray(rows[start:start + size]) for start in range(0, len(rows), size)]


def rate(tower, rows, size, seconds):
    """Rows per second over whole passes, as many as `seconds` takes, after one untimed batch."""
    parts = batches(rows, size)
    tower(parts[0])
    done, start = 0, time.perf_counter()
    while done == 0 or time.perf_counter() - start < seconds:
        for part in parts:
            done += len(tower(part))
    return done / (time.perf_counter() - start)


def unit_rows(tower, rows):
    embeddings = np.concatenate([tower(part) for part in batches(rows, 16)])
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runtime", choices=["torch", "onnx", "openvino"])
    parser.add_argument("--precision", choices=["f32", "bf16", "int8"], default="f32")
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--pixels", type=Path, required=True)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--image-batch", type=int, default=32)
    parser.add_argument("--prompt-batch", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--embeddings", type=Path, help="write the unit rows to this .npz instead of measuring")
    arguments = parser.parse_args()

    pixels = np.fromfile(arguments.pixels, dtype="<f4").reshape(-1, 3, SIZE, SIZE)
    tokens = np.array(json.loads(arguments.tokens.read_text()), dtype=np.int64).reshape(-1, CONTEXT)
    if arguments.runtime == "torch":
        image_tower, text_tower = torch_towers(arguments.models, arguments.threads, arguments.precision)
    elif arguments.runtime == "openvino":
        image_tower, text_tower = openvino_towers(arguments.models, arguments.threads, arguments.precision, pixels, tokens)
    else:
        image_tower, text_tower = onnx_towers(arguments.models, arguments.threads, arguments.precision)
    if arguments.embeddings:
        np.savez(arguments.embeddings, image_embeds=unit_rows(image_tower, pixels),
                 text_embeds=unit_rows(text_tower, tokens))
        return
    print(json.dumps({
        "images_per_s": rate(image_tower, pixels, arguments.image_batch, arguments.seconds),
        "prompts_per_s": rate(text_tower, tokens, arguments.prompt_batch, arguments.seconds),
    }))


if __name__ == "__main__":
    main()
