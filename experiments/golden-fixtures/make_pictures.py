"""Writes tests/fixtures/pictures: one small file per picture format and mode, beside it the RGB bytes that Pillow's
`Image.open(file).convert("RGB")` gives, and index.json with the tolerance of each.

    python experiments/golden-fixtures/make_pictures.py

Needs numpy and Pillow (the committed files were made with 13.0.0). Formats that Pillow reads but does not write
(16-bit colour PNG and TIFF, planar TIFF, YCCK JPEG, a GIF whose first frame does not fill the screen) are written here.
"""

import io
import json
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests/fixtures/pictures"
WIDTH, HEIGHT = 29, 19  # odd, so that rows need padding and chroma blocks are cut

# (max, mean) absolute difference of a decoded byte. JPEG decoders differ in their inverse cosine transform and in how
# they enlarge the chroma planes, and Pillow rounds uncompressed YCbCr down; everything else is exact.
EXACT = (0, 0.0)
JPEG = (4, 0.5)
ROUNDED_DOWN = (1, 0.5)


def source() -> np.ndarray:
    """Smooth colour ramps with a hard-edged disc: [HEIGHT, WIDTH, 3] of u8."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    red, green = 255 * x / (WIDTH - 1), 255 * y / (HEIGHT - 1)
    blue = 127.5 + 127.5 * np.sin(x / 5) * np.cos(y / 6)
    picture = np.stack([red, green, blue], -1)
    picture[(x - 12) ** 2 + (y - 9) ** 2 < 36] = (230, 40, 60)
    return picture.round().astype(np.uint8)


def grey16() -> np.ndarray:
    """A ramp over the low values, which survive Pillow's clipping, and a few high ones: [HEIGHT, WIDTH] of u16."""
    ramp = np.linspace(0, 400, WIDTH * HEIGHT).astype(np.uint16).reshape(HEIGHT, WIDTH)
    ramp[0, :4] = (65535, 32768, 255, 256)
    return ramp


def alpha() -> np.ndarray:
    return np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))


def png(samples: np.ndarray, depth: int, colour_type: int, chunks: bytes = b"") -> bytes:
    """A PNG of `samples` ([height, width, channels] of u16 or packed u8 rows), `chunks` before the data."""
    height = samples.shape[0]
    rows = samples.astype(">u2") if depth == 16 else samples
    data = b"".join(b"\0" + rows[y].tobytes() for y in range(height))
    header = struct.pack(">IIBBBBB", WIDTH, height, depth, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunks + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    )


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def tiff(
    planes: list[bytes],
    bits: int,
    samples: int,
    photometric: int,
    planar: bool = False,
    endian: str = "<",
    palette: list[int] | None = None,
) -> bytes:
    """An uncompressed TIFF with one strip per plane; `bits` per sample."""
    entries, extra = [], b""
    start = 8 + 2 + 12 * (11 if palette else 10) + 4
    size = sum(map(len, planes))

    def put(tag: int, kind: int, values: list[int]) -> None:
        nonlocal extra
        data = b"".join(struct.pack(endian + {3: "H", 4: "I"}[kind], v) for v in values)
        if len(data) > 4:
            offset = start + size + len(extra)
            extra += data
            data = struct.pack(endian + "I", offset)
        entries.append(struct.pack(endian + "HHI", tag, kind, len(values)) + data.ljust(4, b"\0"))

    offsets = [start + sum(map(len, planes[:i])) for i in range(len(planes))]
    put(256, 4, [WIDTH])
    put(257, 4, [HEIGHT])
    put(258, 3, [bits] * samples)
    put(259, 3, [1])
    put(262, 3, [photometric])
    put(273, 4, offsets)
    put(277, 3, [samples])
    put(278, 4, [HEIGHT])
    put(279, 4, [len(p) for p in planes])
    put(284, 3, [2 if planar else 1])
    if palette:
        put(320, 3, palette)
    magic = {"<": b"II", ">": b"MM"}[endian]
    directory = struct.pack(endian + "H", len(entries)) + b"".join(entries) + b"\0\0\0\0"
    return magic + struct.pack(endian + "HI", 42, 8) + directory + b"".join(planes) + extra


def saved(picture: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def exif_rotated() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    return exif


def small_first_frame(gif: bytes) -> bytes:
    """Enlarges the logical screen of a GIF by 9 x 7, so that its first frame lies at (4, 3) and does not fill it."""
    out = bytearray(gif)
    width, height = struct.unpack("<HH", out[6:10])
    out[6:10] = struct.pack("<HH", width + 9, height + 7)
    descriptor = out.index(b"\x2c" + struct.pack("<HHHH", 0, 0, width, height))
    out[descriptor + 1 : descriptor + 5] = struct.pack("<HH", 4, 3)
    return bytes(out)


def adobe_transform(jpeg: bytes, transform: int) -> bytes:
    """Sets the colour transform that the Adobe segment of a JPEG names (2 for four components: YCCK)."""
    out = bytearray(jpeg)
    out[out.index(b"Adobe") + 11] = transform
    return bytes(out)


def pictures():
    """Yields (file name, its bytes, tolerance)."""
    pixels = source()
    rgb = Image.fromarray(pixels)
    grey, bits = rgb.convert("L"), rgb.convert("1")
    rgba = rgb.copy()
    rgba.putalpha(Image.fromarray(alpha()))
    grey_alpha = rgba.convert("LA")
    palette = rgb.quantize(64, dither=Image.Dither.NONE)
    few = rgb.quantize(11, dither=Image.Dither.NONE)
    four, two = rgb.quantize(4, dither=Image.Dither.NONE), rgb.quantize(2, dither=Image.Dither.NONE)
    cmyk = Image.merge("CMYK", [*rgb.convert("CMYK").split()[:3], Image.fromarray(alpha())])
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    wide = pixels.astype(np.uint16) * 256 + np.arange(WIDTH, dtype=np.uint16)[None, :, None] * 6
    wide_alpha = np.dstack([wide, alpha().astype(np.uint16) * 257])
    frames = [rgb.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]

    yield "rgb.png", saved(rgb, "PNG"), EXACT
    yield "rgba.png", saved(rgba, "PNG"), EXACT
    yield "grey.png", saved(grey, "PNG"), EXACT
    yield "grey-alpha.png", saved(grey_alpha, "PNG"), EXACT
    yield "one-bit.png", saved(bits, "PNG"), EXACT
    yield "two-bit-grey.png", png(np.arange(HEIGHT * 8, dtype=np.uint8).reshape(HEIGHT, 8), 2, 0), EXACT
    yield "four-bit-grey.png", png(np.arange(HEIGHT * 15).astype(np.uint8).reshape(HEIGHT, 15), 4, 0), EXACT
    yield "palette.png", saved(palette, "PNG"), EXACT
    yield "palette-4-bit.png", saved(few, "PNG", bits=4), EXACT
    yield "palette-2-bit.png", saved(four, "PNG", bits=2), EXACT
    yield "palette-1-bit.png", saved(two, "PNG", bits=1), EXACT
    yield "palette-transparent-index.png", saved(palette, "PNG", transparency=5), EXACT
    yield "palette-alpha.png", saved(palette, "PNG", transparency=bytes(range(0, 256, 4))), EXACT
    yield "grey-transparent.png", saved(grey, "PNG", transparency=100), EXACT
    yield "rgb-transparent.png", saved(rgb, "PNG", transparency=(230, 40, 60)), EXACT
    yield "grey-16.png", saved(Image.fromarray(grey16()), "PNG"), EXACT
    yield "grey-16-transparent.png", png(grey16()[..., None], 16, 0, chunk(b"tRNS", b"\0\xff")), EXACT
    yield "grey-alpha-16.png", png(wide_alpha[..., [0, 3]], 16, 4), EXACT
    yield "rgb-16.png", png(wide, 16, 2), EXACT
    yield "rgba-16.png", png(wide_alpha, 16, 6), EXACT
    yield "icc.png", saved(rgb, "PNG", icc_profile=icc), EXACT
    yield "exif-rotated.png", saved(rgb, "PNG", exif=exif_rotated()), EXACT
    yield "animated.png", saved(rgb, "PNG", save_all=True, append_images=frames), EXACT

    yield "chroma-full.jpg", saved(rgb, "JPEG", quality=92, subsampling=0), JPEG
    yield "chroma-half.jpg", saved(rgb, "JPEG", quality=92, subsampling=1), JPEG
    yield "chroma-quarter.jpg", saved(rgb, "JPEG", quality=92, subsampling=2), JPEG
    yield "progressive.jpg", saved(rgb, "JPEG", quality=92, progressive=True), JPEG
    yield "restart.jpg", saved(rgb, "JPEG", quality=92, restart_marker_blocks=2), JPEG
    yield "grey.jpg", saved(grey, "JPEG", quality=92), JPEG
    yield "stored-rgb.jpg", saved(rgb, "JPEG", quality=92, keep_rgb=True), JPEG
    yield "cmyk.jpg", saved(cmyk, "JPEG", quality=92), JPEG
    yield "ycck.jpg", adobe_transform(saved(cmyk, "JPEG", quality=92), 2), JPEG
    yield "exif-rotated.jpg", saved(rgb, "JPEG", quality=92, exif=exif_rotated()), JPEG
    yield "icc.jpg", saved(rgb, "JPEG", quality=92, icc_profile=icc), JPEG

    yield "lossy.webp", saved(rgb, "WEBP", quality=90), EXACT
    yield "lossless.webp", saved(rgb, "WEBP", lossless=True), EXACT
    yield "lossy-alpha.webp", saved(rgba, "WEBP", quality=90, exact=True), EXACT
    yield "lossless-alpha.webp", saved(rgba, "WEBP", lossless=True, exact=True), EXACT
    yield "animated.webp", saved(rgb, "WEBP", lossless=True, save_all=True, append_images=frames), EXACT

    yield "palette.gif", saved(palette, "GIF"), EXACT
    yield "grey.gif", saved(grey, "GIF"), EXACT
    yield "not-interlaced.gif", saved(palette, "GIF", interlace=0), EXACT
    yield "transparent.gif", saved(palette, "GIF", transparency=5), EXACT
    yield "animated.gif", saved(rgb, "GIF", save_all=True, append_images=frames), EXACT
    yield "small-first-frame.gif", small_first_frame(saved(palette, "GIF")), EXACT
    yield "small-transparent-first-frame.gif", small_first_frame(saved(palette, "GIF", transparency=5)), EXACT

    yield "rgb.bmp", saved(rgb, "BMP"), EXACT
    yield "rgba.bmp", saved(rgba, "BMP"), EXACT
    yield "grey.bmp", saved(grey, "BMP"), EXACT
    yield "palette.bmp", saved(palette, "BMP"), EXACT
    yield "one-bit.bmp", saved(bits, "BMP"), EXACT

    yield "rgb.tif", saved(rgb, "TIFF"), EXACT
    yield "rgba.tif", saved(rgba, "TIFF", compression="tiff_lzw"), EXACT
    yield "lzw.tif", saved(rgb, "TIFF", compression="tiff_lzw"), EXACT
    yield "deflate.tif", saved(rgb, "TIFF", compression="tiff_adobe_deflate"), EXACT
    yield "predictor.tif", saved(rgb, "TIFF", compression="tiff_lzw", tiffinfo={317: 2}), EXACT
    yield "packbits.tif", saved(rgb, "TIFF", compression="packbits"), EXACT
    yield "jpeg.tif", saved(rgb, "TIFF", compression="jpeg", quality=92), JPEG
    yield "ycbcr-jpeg.tif", saved(rgb.convert("YCbCr"), "TIFF", compression="jpeg", quality=92), JPEG
    yield "ycbcr.tif", saved(rgb.convert("YCbCr"), "TIFF"), ROUNDED_DOWN
    yield "grey.tif", saved(grey, "TIFF"), EXACT
    yield "grey-alpha.tif", saved(grey_alpha, "TIFF"), EXACT
    yield "one-bit.tif", saved(bits, "TIFF"), EXACT
    yield "fax.tif", saved(bits, "TIFF", compression="group4"), EXACT
    yield "palette.tif", saved(palette, "TIFF"), EXACT
    ramps = [c * 257 for channel in (range(0, 256, 17), range(255, -1, -17), range(100, 116)) for c in channel]
    four_bit = (np.arange(HEIGHT * 15) % 256).astype(np.uint8).tobytes()
    yield "palette-4-bit.tif", tiff([four_bit], 4, 1, 3, palette=ramps), EXACT
    yield "palette-big-endian.tif", tiff([four_bit], 4, 1, 3, palette=ramps, endian=">"), EXACT
    yield "palette-lzw.tif", saved(palette, "TIFF", compression="tiff_lzw"), EXACT
    yield "cmyk.tif", saved(cmyk, "TIFF", compression="tiff_lzw"), EXACT
    yield "grey-16.tif", saved(Image.fromarray(grey16()), "TIFF"), EXACT
    yield "grey-16-big-endian.tif", tiff([grey16().astype(">u2").tobytes()], 16, 1, 1, endian=">"), EXACT
    yield "white-is-zero.tif", tiff([(255 - np.asarray(grey)).tobytes()], 8, 1, 0), EXACT
    yield "four-bit-grey.tif", tiff([four_bit], 4, 1, 1), EXACT
    yield "rgb-16.tif", tiff([wide.astype("<u2").tobytes()], 16, 3, 2), EXACT
    yield "planar.tif", tiff([pixels[..., c].tobytes() for c in range(3)], 8, 3, 2, planar=True), EXACT
    yield "pages.tif", saved(rgb, "TIFF", compression="tiff_lzw", save_all=True, append_images=frames), EXACT


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    index = []
    for name, data, (most, mean) in pictures():
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        (FOLDER / name).write_bytes(data)
        (FOLDER / f"{name}.rgb").write_bytes(picture.tobytes())
        index.append({"file": name, "width": picture.width, "height": picture.height, "max": most, "mean": mean})
    lines = ",\n".join(json.dumps(entry) for entry in index)
    (FOLDER / "index.json").write_text(f"[\n{lines}\n]\n")


main()
