"""Compares cupl-tui's encoding on the CPU with candle-transformers, PyTorch, ONNX Runtime and OpenVINO. See README.md.

    python compare.py --photos photos/ --cupl imagenet_prompts_base.json \\
        --templates en_zeroshot_classification_templates.json --class-names en_classnames.json
"""
import argparse
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
CHECKPOINT = "vit-b-32-random"
PACKAGES = ["torch", "transformers", "tokenizers", "safetensors", "numpy", "PIL", "onnx", "onnxscript", "onnxruntime",
            "openvino", "nncf"]
STOCK_CANDLE, TORCH, ONNX_F32, ONNX_INT8 = "stock-candle", "torch-f32", "onnx-f32", "onnx-int8"
TORCH_BF16, OPENVINO_F32, OPENVINO_BF16, OPENVINO_INT8 = "torch-bf16", "openvino-f32", "openvino-bf16", "openvino-int8"
OURS_F32, OURS_BF16, OURS_INT8 = "cupl-f32", "cupl-bf16", "cupl-int8"
OURS = [OURS_F32, OURS_BF16, OURS_INT8]
# Measured only where the processor has products of bfloat16.
BF16 = [TORCH_BF16, OPENVINO_BF16, OURS_BF16]
BATCHED = [TORCH, TORCH_BF16, ONNX_F32, ONNX_INT8, OPENVINO_F32, OPENVINO_BF16, OPENVINO_INT8]
SIDES = [STOCK_CANDLE, *BATCHED, *OURS]
IMAGES, CUPL, TEMPLATES = "images", "cupl", "templates"
TITLES = {IMAGES: "images", CUPL: "CuPL sentences", TEMPLATES: "80 templates x 300 classes"}
NAMES = {STOCK_CANDLE: "stock candle", TORCH: "PyTorch", TORCH_BF16: "PyTorch", ONNX_F32: "ONNX Runtime",
         ONNX_INT8: "ONNX Runtime", OPENVINO_F32: "OpenVINO", OPENVINO_BF16: "OpenVINO", OPENVINO_INT8: "OpenVINO"}


@dataclass(frozen=True)
class Row:
    """One line of the table: cupl-tui's figure against a peer's, and the ratio that is the goal."""

    figure: str
    ours: str
    peer: str
    must: float | None = None
    aim: float | None = None

    def title(self):
        precision = self.ours.removeprefix("cupl-")
        return f"{TITLES[self.figure]}, {precision}, against {NAMES[self.peer]}"


ROWS = [
    Row(IMAGES, OURS_F32, ONNX_F32, 1.05, 1.25),
    Row(IMAGES, OURS_F32, STOCK_CANDLE, 2.0, 2.5),
    # With AVX2 alone 1.1 and 1.5.
    Row(IMAGES, OURS_INT8, ONNX_INT8, 1.5, 2.5),
    Row(IMAGES, OURS_BF16, OPENVINO_BF16, 1.0, 1.5),
    Row(CUPL, OURS_F32, ONNX_F32, 6.5, 7.5),
    Row(TEMPLATES, OURS_F32, ONNX_F32, 20.0, 24.0),
    # Without goals:
    Row(IMAGES, OURS_F32, OPENVINO_F32),
    Row(IMAGES, OURS_INT8, OPENVINO_INT8),
    Row(IMAGES, OURS_BF16, TORCH_BF16),
    Row(CUPL, OURS_F32, OPENVINO_F32),
    Row(CUPL, OURS_BF16, OPENVINO_BF16),
    Row(IMAGES, OURS_F32, TORCH),
    Row(CUPL, OURS_F32, TORCH),
    Row(CUPL, OURS_F32, STOCK_CANDLE),
    Row(CUPL, OURS_INT8, ONNX_INT8),
    Row(TEMPLATES, OURS_F32, TORCH),
    Row(TEMPLATES, OURS_F32, STOCK_CANDLE),
    Row(TEMPLATES, OURS_INT8, ONNX_INT8),
]


def say(line):
    print(line, file=sys.stderr, flush=True)


def call(command, environment=None):
    """Runs a program and gives what it wrote to standard output; its last lines of complaint if it fails."""
    command = [str(part) for part in command]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        complaint = "\n".join(done.stderr.strip().splitlines()[-15:])
        raise SystemExit(f"{' '.join(command)}\nended with {done.returncode}:\n{complaint}")
    return done.stdout


def call_for_json(command, environment=None):
    output = call(command, environment)
    try:
        return json.loads(output)
    except ValueError as error:
        raise SystemExit(f"{command[0]} did not print JSON ({error}):\n{output[:500]}") from error


class Sides:
    """How each side is asked for its figures: {"images": .., "cupl": .., "templates": ..} per second."""

    def __init__(self, arguments, models, inputs):
        self.arguments, self.models, self.inputs = arguments, models, inputs
        self.checkpoint = models / CHECKPOINT
        self.batch = {side: {IMAGES: 32, "prompts": 32} for side in BATCHED}

    def measure(self, side):
        if side in OURS:
            return self.measure_ours(side.removeprefix("cupl-"))
        rates = self.measure_peer(side)
        prompts = rates["prompts_per_s"]
        return {IMAGES: rates["images_per_s"], CUPL: prompts, TEMPLATES: prompts}

    def measure_peer(self, side):
        common = ["--pixels", self.inputs.pixels, "--tokens", self.inputs.tokens, "--threads", self.arguments.threads,
                  "--seconds", self.arguments.seconds]
        if side == STOCK_CANDLE:
            command = [self.arguments.stock_candle, "--checkpoint", self.checkpoint, *common]
        else:
            batch = self.batch[side]
            command = [*self.python_peer(side), *common, "--image-batch", batch[IMAGES],
                       "--prompt-batch", batch["prompts"]]
        return call_for_json(command, self.peer_environment())

    def python_peer(self, side):
        runtime, precision = side.split("-")
        return [sys.executable, HERE / "peer.py", runtime, "--precision", precision, "--models", self.models]

    def peer_environment(self):
        threads = str(self.arguments.threads)
        return os.environ | {"RAYON_NUM_THREADS": threads, "CANDLE_NUM_THREADS": threads, "OMP_NUM_THREADS": threads,
                             "MKL_NUM_THREADS": threads}

    def choose_batch(self, side):
        """Tries the batch sizes once and keeps the fastest for images and for prompts."""
        tried = {}
        for size in self.arguments.batches:
            self.batch[side] = {IMAGES: size, "prompts": size}
            tried[size] = self.measure_peer(side)
            say(f"  {side}, batches of {size}: {tried[size]['images_per_s']:.1f} images/s, "
                f"{tried[size]['prompts_per_s']:.1f} prompts/s")
        self.batch[side] = {IMAGES: max(tried, key=lambda size: tried[size]["images_per_s"]),
                            "prompts": max(tried, key=lambda size: tried[size]["prompts_per_s"])}

    def measure_ours(self, precision):
        bench = [self.arguments.cupl_tui, "bench", "--checkpoint", self.checkpoint, "--precision", precision,
                 "--threads", self.arguments.threads, "--format", "json"]
        with_images = call_for_json([*bench, "--images", self.inputs.images, "--texts", self.inputs.texts[CUPL]])
        templates = call_for_json([*bench, "--texts", self.inputs.texts[TEMPLATES]])
        return {IMAGES: with_images["images"]["encode_per_s"], CUPL: with_images["texts"]["tree_per_s"],
                TEMPLATES: templates["texts"]["tree_per_s"], "bench": [with_images, templates]}

    def embed(self, precision, out, images=None, texts=None):
        """The command that makes cupl-tui encode into a file, with a store of its own that holds nothing yet."""
        store = self.arguments.work / "store"
        shutil.rmtree(store, ignore_errors=True)
        command = [self.arguments.cupl_tui, "embed", "--checkpoint", self.checkpoint, "--out", out, "--store", store,
                   "--threads", self.arguments.threads]
        command += ["--images", images] if images else []
        command += ["--texts", texts] if texts else []
        return command + (["--precision", precision] if precision != "f32" else [])


def measure_round(sides, names, number):
    """Every side once; each round begins with the next side, so that no one is always first."""
    start = number % len(names)
    results = {}
    for side in names[start:] + names[:start]:
        results[side] = sides.measure(side)
        figures = ", ".join(f"{TITLES[key]} {results[side][key]:.1f}/s" for key in TITLES)
        say(f"round {number + 1}: {side}: {figures}")
    return results


def summarize(rounds):
    """The rows whose two sides were measured: medians over the rounds, and the median of each round's own ratio."""
    summary = []
    for row in ROWS:
        pairs = [(done[row.ours][row.figure], done[row.peer][row.figure])
                 for done in rounds if row.ours in done and row.peer in done]
        if pairs:
            ratios = [ours / peer for ours, peer in pairs]
            summary.append(asdict(row) | {
                "title": row.title(),
                "ours_per_s": statistics.median(ours for ours, _ in pairs),
                "peer_per_s": statistics.median(peer for _, peer in pairs),
                "ratio": statistics.median(ratios), "lowest_ratio": min(ratios), "highest_ratio": max(ratios),
            })
    return summary


def table(summary):
    goal = "{:g}".format
    lines = ["| figure | ours | peer | ratio | must | aim |", "|---|---:|---:|---:|---:|---:|"]
    for row in summary:
        must, aim = (goal(row[key]) if row[key] is not None else "" for key in ("must", "aim"))
        lines.append(f"| {row['title']} | {row['ours_per_s']:.1f}/s | {row['peer_per_s']:.1f}/s | "
                     f"{row['ratio']:.2f} ({row['lowest_ratio']:.2f} to {row['highest_ratio']:.2f}) | {must} | {aim} |")
    return "\n".join(lines)


def measure_cosine(sides, work):
    """Mean and least cosine of cupl-tui's embeddings: f32 against PyTorch's, the other precisions against its own f32."""
    import numpy as np
    from safetensors.numpy import load_file

    reference = work / "torch-embeddings.npz"
    call([*sides.python_peer(TORCH), "--pixels", sides.inputs.pixels, "--tokens", sides.inputs.tokens,
          "--threads", sides.arguments.threads, "--embeddings", reference])
    ours = {}
    for precision in ["f32", "int8"] + (["bf16"] if has_bf16() else []):
        out = work / f"cupl-{precision}.safetensors"
        call(sides.embed(precision, out, images=sides.inputs.images, texts=sides.inputs.sample))
        ours[precision] = load_file(out)
    found = {}
    with np.load(reference) as torch_rows:
        pairs = [(f"{precision} against f32", rows, ours["f32"]) for precision, rows in ours.items() if precision != "f32"]
        for title, left, right in [("f32 against PyTorch", ours["f32"], torch_rows), *pairs]:
            for tensor in ("image_embeds", "text_embeds"):
                if left[tensor].shape != right[tensor].shape:
                    raise SystemExit(f"{tensor}, {title}: shapes {left[tensor].shape} and {right[tensor].shape}")
                cosines = (left[tensor].astype(np.float64) * right[tensor]).sum(axis=1)
                found[f"{tensor}, {title}"] = {"mean": float(cosines.mean()), "least": float(cosines.min())}
    return found


def measure_memory(sides, photos, count, precisions):
    """Peak memory of `cupl-tui embed` over many pictures of distinct content, and the same less the size of the
    weights' file. Some prompts are encoded too, since a tower that nothing asks for need not be in memory."""
    from inputs import photo_copies

    folder = sides.arguments.work / "memory-images"
    photo_copies(photos, folder, count)
    weights = (sides.checkpoint / "model.safetensors").stat().st_size
    found = {}
    for precision in precisions:
        say(f"memory: {count} images, {precision}")
        out = sides.arguments.work / "memory.safetensors"
        peak = peak_memory(sides.embed(precision, out, images=folder, texts=sides.inputs.sample))
        found[precision] = {"images": count, "peak_mb": peak / 1e6, "peak_without_weights_mb": (peak - weights) / 1e6}
    shutil.rmtree(folder)
    return found


def peak_memory(command):
    """Bytes. Until a child runs its program it counts as large as this process, which therefore loads nothing big."""
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{command[0]} embed ended with {child.returncode}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def check_programs(arguments, names):
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise SystemExit(f"Python packages are missing ({', '.join(missing)}): "
                           f"{sys.executable} -m pip install -r {HERE / 'requirements.txt'}")
    ours = arguments.cosine or arguments.memory_images or set(OURS) & set(names)
    wanted = [(arguments.cupl_tui, ours, "--cupl-tui", "cargo build --release --locked"),
              (arguments.stock_candle, STOCK_CANDLE in names, "--stock-candle",
               "cargo build --release --locked --example stock-candle")]
    for path, needed, option, build in wanted:
        if needed and not os.access(path, os.X_OK):
            raise SystemExit(f"{path} is not a program: build it with `{build}`, or give another with {option}")


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def has_bf16():
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags


def sides_here(wanted):
    """The sides that were asked for and that this processor can run, in the order of all."""
    missing = [] if has_bf16() else [side for side in BF16 if side in wanted]
    if missing:
        say(f"left out, since this processor has no products of bfloat16: {', '.join(missing)}")
    return [side for side in SIDES if side in wanted and side not in missing]


def versions():
    from importlib.metadata import version
    return {name: version(name) for name in ("torch", "transformers", "onnxruntime", "openvino")}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR", help="JPEG or PNG photos to encode")
    parser.add_argument("--cupl", type=Path, required=True, metavar="FILE", help="a CuPL file of 300 classes or more")
    parser.add_argument("--templates", type=Path, required=True, metavar="FILE",
                        help="CLIP_benchmark's en_zeroshot_classification_templates.json")
    parser.add_argument("--class-names", type=Path, required=True, metavar="FILE",
                        help="CLIP_benchmark's en_classnames.json")
    parser.add_argument("--dataset", default="imagenet1k", metavar="NAME",
                        help="whose list to take from those two files [default: %(default)s]")
    parser.add_argument("--tokenizer", type=Path, metavar="FILE",
                        default=ROOT / "data" / "demo" / "checkpoint" / "tokenizer.json",
                        help="a CLIP tokenizer.json or a folder with one [default: the demo's, of 3,072 tokens]")
    parser.add_argument("--cupl-tui", type=Path, default=TARGET / "release" / "cupl-tui", metavar="PATH")
    parser.add_argument("--stock-candle", type=Path, default=TARGET / "release" / "examples" / "stock-candle",
                        metavar="PATH")
    parser.add_argument("--work", type=Path, default=TARGET / "cpu-throughput", metavar="DIR",
                        help="where models and inputs are kept [default: %(default)s]")
    parser.add_argument("--threads", type=int, default=2, help="of every side [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=5, help="[default: %(default)s]")
    parser.add_argument("--seconds", type=float, default=2.0,
                        help="a peer's figure is measured for at least this long in a round [default: %(default)s]")
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 16, 32], metavar="N",
                        help="batch sizes to try for PyTorch, ONNX Runtime and OpenVINO [default: 8 16 32]")
    parser.add_argument("--only", nargs="+", choices=SIDES, default=SIDES, metavar="SIDE",
                        help=f"measure only these of: {', '.join(SIDES)}")
    parser.add_argument("--cosine", action="store_true",
                        help="also compare the embeddings: f32 with PyTorch's, the other precisions with f32")
    parser.add_argument("--memory-images", type=int, default=0, metavar="N",
                        help="also measure `cupl-tui embed`'s peak memory over N images; 20000 take a quarter of an hour")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's figures to this file")
    arguments = parser.parse_args()
    if min(arguments.rounds, arguments.threads, *arguments.batches) < 1:
        parser.error("--rounds, --threads and --batches are 1 or more")
    if arguments.tokenizer.is_dir():
        arguments.tokenizer = arguments.tokenizer / "tokenizer.json"
    if not arguments.tokenizer.is_file():
        parser.error(f"{arguments.tokenizer}: no such file: give a CLIP tokenizer with --tokenizer")
    return arguments


def compare(arguments):
    names = sides_here(arguments.only)
    check_programs(arguments, names)
    from inputs import Inputs

    tokenizer_hash = hashlib.sha256(arguments.tokenizer.read_bytes()).hexdigest()
    models = arguments.work / f"models-{tokenizer_hash[:12]}"
    say(f"models in {models}")
    call([sys.executable, HERE / "make_models.py", "--work", models, "--tokenizer", arguments.tokenizer])
    inputs = Inputs(arguments.work / "inputs", arguments.photos, arguments.cupl, arguments.templates,
                    arguments.class_names, arguments.dataset, arguments.tokenizer)
    sides = Sides(arguments, models, inputs)
    for side in names:
        if side in BATCHED and len(arguments.batches) > 1:
            sides.choose_batch(side)
        elif side in BATCHED:
            sides.batch[side] = {IMAGES: arguments.batches[0], "prompts": arguments.batches[0]}

    result = {
        "processor": processor(), "threads": arguments.threads, "versions": versions(),
        "vocabulary": inputs.vocabulary,
        "prompts": {name: {"prompts": count, "tokens": tokens} for name, (count, tokens) in inputs.counts.items()},
        "batches": sides.batch, "rounds": [],
    }
    for number in range(arguments.rounds):
        result["rounds"].append(measure_round(sides, names, number))
        result["rows"] = summarize(result["rounds"])
        write_json(arguments.json, result)
    if arguments.cosine:
        result["cosine"] = measure_cosine(sides, arguments.work)
    if arguments.memory_images:
        precisions = [side.removeprefix("cupl-") for side in OURS if side in names] or ["f32"]
        result["memory"] = measure_memory(sides, arguments.photos, arguments.memory_images, precisions)
    write_json(arguments.json, result)
    return result


def write_json(path, result):
    """After every round, so that an interrupted comparison keeps what it has."""
    if path:
        path.write_text(json.dumps(result, indent=1) + "\n")


def report(result, names):
    libraries = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    print(f"{result['processor']}, {result['threads']} threads; {libraries}; "
          f"{len(result['rounds'])} rounds, medians (lowest to highest ratio).")
    for key, counts in result["prompts"].items():
        print(f"{TITLES[key]}: {counts['prompts']} prompts of {counts['tokens'] / counts['prompts']:.1f} tokens each "
              f"({counts['tokens']} in all) with a vocabulary of {result['vocabulary']}; peers pad each to 77.")
    for side in names:
        if side in BATCHED:
            batch = result["batches"][side]
            print(f"{side}: batches of {batch[IMAGES]} images and {batch['prompts']} prompts.")
    if result["rows"]:
        print(f"\n{table(result['rows'])}")
    for title, cosine in result.get("cosine", {}).items():
        print(f"\ncosine of {title}: mean {cosine['mean']:.6f}, least {cosine['least']:.6f}")
    for precision, memory in result.get("memory", {}).items():
        print(f"\npeak memory of embed, {precision}, {memory['images']} images: {memory['peak_mb']:.0f} MB, "
              f"{memory['peak_without_weights_mb']:.0f} MB without the weights")


def main():
    arguments = parse_arguments()
    report(compare(arguments), sides_here(arguments.only))


if __name__ == "__main__":
    main()
