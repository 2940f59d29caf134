"""Compares what this program reads with what Pillow reads, file by file, and prints a table.

    python experiments/picture-parity/compare.py [--all] [--folder FOLDER]

Without --folder, the odd files that `odd_files.py` makes; without --all, only what differs is listed.
Needs Pillow, numpy, tifffile and imagecodecs (see requirements.txt).
"""

import argparse
import io
import pathlib
import struct
import subprocess
import tempfile
import warnings

import numpy as np
from PIL import Image

from odd_files import odd_files

ROOT = pathlib.Path(__file__).resolve().parents[2]


def pillows(path: pathlib.Path) -> np.ndarray | str:
    """[height, width, 3] of u8, or the error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # From memory: some of what Pillow maps from a file it reads in the wrong width when it is to be turned.
            return np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB"))
    except Exception as error:  # noqa: BLE001
        return f"{type(error).__name__}: {error}".replace(str(path), "…")


def ours(out: pathlib.Path, name: str) -> np.ndarray | str:
    if (out / f"{name}.err").exists():
        return (out / f"{name}.err").read_text()
    content = (out / f"{name}.rgb").read_bytes()
    width, height = struct.unpack("<II", content[:8])
    return np.frombuffer(content[8:], np.uint8).reshape(height, width, 3)


def shape(result: np.ndarray | str) -> str:
    return result[:60] if isinstance(result, str) else f"{result.shape[1]}×{result.shape[0]}"


def difference(a, b) -> tuple[str, bool]:
    """In words, and whether the two agree."""
    if isinstance(a, str) or isinstance(b, str):
        return ("both refuse", True) if isinstance(a, str) and isinstance(b, str) else ("one refuses", False)
    if a.shape != b.shape:
        return "sizes differ", False
    apart = np.abs(a.astype(int) - b.astype(int))
    if not apart.any():
        return "equal", True
    return f"max {apart.max()}, mean {apart.mean():.3f}", apart.mean() <= 1.0


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--all", action="store_true")
    arguments.add_argument("--folder", type=pathlib.Path)
    arguments = arguments.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, out = arguments.folder or pathlib.Path(place) / "odd", pathlib.Path(place) / "out"
        if not arguments.folder:
            folder.mkdir()
            for name, data in odd_files():
                (folder / name).write_bytes(data)
        command = ["cargo", "run", "--quiet", "--locked", "--example", "picture-parity", "--", str(folder), str(out)]
        subprocess.run(command, cwd=ROOT, check=True)
        counts = {"equal": 0, "nearly equal": 0, "both refuse": 0, "different": 0}
        for path in sorted(folder.iterdir()):
            theirs, mine = pillows(path), ours(out, path.name)
            words, agree = difference(theirs, mine)
            kind = words if words in counts else "nearly equal" if agree else "different"
            counts[kind] += 1
            if arguments.all or not agree or kind == "nearly equal":
                print(f"{path.name:40} | {shape(theirs):60} | {shape(mine):60} | {words}")
        print(", ".join(f"{count} {kind}" for kind, count in counts.items()))


if __name__ == "__main__":
    main()
