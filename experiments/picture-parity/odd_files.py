"""Picture files in the forms that people have, each as small as its form allows: `odd_files()` yields (name, bytes).

What Pillow, tifffile and imagecodecs do not write is written here byte by byte.
"""

import io
import struct
import zlib

import numpy as np
import tifffile
from PIL import Image, ImageCms, features

WIDTH, HEIGHT = 29, 19  # odd, so that rows need padding and chroma blocks are cut


def ramps() -> np.ndarray:
    """Colour ramps with a hard-edged disc, nothing alike when it is turned: [HEIGHT, WIDTH, 3] of u8."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    blue = 127.5 + 127.5 * np.sin(x / 5) * np.cos(y / 6)
    picture = np.stack([255 * x / (WIDTH - 1), 255 * y / (HEIGHT - 1), blue], -1)
    picture[(x - 9) ** 2 + (y - 7) ** 2 < 30] = (230, 40, 60)
    return picture.round().astype(np.uint8)


RGB = ramps()
GREY = RGB[..., 0] // 2 + RGB[..., 1] // 3
ALPHA = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
PICTURE = Image.fromarray(RGB)
RGBA = Image.fromarray(np.dstack([RGB, ALPHA]))
DEEP = np.linspace(0, 400, WIDTH * HEIGHT).astype(np.uint16).reshape(HEIGHT, WIDTH)
DEEP[0, :5] = (65535, 32768, 255, 256, 4095)
WIDE = RGB.astype(np.uint16) * 256 + 77


def saved(picture: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


# --- TIFF


def tiff(parts, width=WIDTH, height=HEIGHT, endian="<", big=False, magic=None, **tags) -> bytes:
    """A TIFF of these strips (or tiles); `tags` by number (t258=...) as (type, values), None leaves a usual one out."""
    all_tags = {
        256: (4, [width]), 257: (4, [height]), 258: (3, [8, 8, 8]), 259: (3, [1]), 262: (3, [2]), 277: (3, [3]),
        278: (4, [height]), 273: (4, None), 279: (4, [len(p) for p in parts]),
    }
    for name, value in tags.items():
        all_tags[int(name[1:])] = value
    all_tags = {number: value for number, value in all_tags.items() if value is not None}
    word = "Q" if big else "I"
    head = (magic or {"<": b"II", ">": b"MM"}[endian] + struct.pack(endian + "H", 43 if big else 42))
    head += struct.pack(endian + "HHQ", 8, 0, 16) if big else struct.pack(endian + "I", 8)
    size = (20 if big else 12) * len(all_tags)
    start = len(head) + (8 if big else 2) + size + (8 if big else 4)
    offsets = [start + sum(len(q) for q in parts[:i]) for i in range(len(parts))]
    behind, entries = b"", b""
    for number, (kind, values) in sorted(all_tags.items()):
        if values is None:
            values = offsets
        code = {1: "B", 2: "s", 3: "H", 4: "I", 7: "B", 8: "h", 11: "f", 16: "Q"}[kind]
        data = bytes(values) if code == "s" else b"".join(struct.pack(endian + code, v) for v in values)
        count = len(values)
        if len(data) > (8 if big else 4):
            place = struct.pack(endian + word, start + sum(map(len, parts)) + len(behind))
            behind += data
            data = place
        entries += struct.pack(endian + "HH" + word, number, kind, count) + data.ljust(8 if big else 4, b"\0")
    directory = struct.pack(endian + ("Q" if big else "H"), len(all_tags)) + entries + bytes(8 if big else 4)
    return head + directory + b"".join(parts) + behind


def packed(values: np.ndarray, bits: int) -> bytes:
    """Rows of values of fewer than 8 bits, the first in the highest bits."""
    rows = [np.packbits(np.unpackbits(row[:, None], axis=1)[:, 8 - bits :].ravel()).tobytes() for row in values]
    return b"".join(rows)


def reversed_bits(data: bytes) -> bytes:
    return bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)


def grey_tags(bits: int, photometric: int = 1, samples: int = 1) -> dict:
    return {"t258": (3, [bits] * samples), "t262": (3, [photometric]), "t277": (3, [samples])}


def with_tifffile(array: np.ndarray, **options) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, array, metadata=None, **options)
    return out.getvalue()


def tiffs():
    rgb = RGB.tobytes()
    for turn in range(1, 10):
        yield f"turned-{turn}.tif", saved(PICTURE, "TIFF", tiffinfo={274: turn})
    yield "turned-6-lzw.tif", saved(PICTURE, "TIFF", compression="tiff_lzw", tiffinfo={274: 6})
    yield "turned-8-grey.tif", saved(Image.fromarray(GREY), "TIFF", tiffinfo={274: 8})
    yield "turned-7-palette.tif", saved(PICTURE.quantize(16), "TIFF", tiffinfo={274: 7})
    yield "turned-5-deflate-16.tif", tiff([zlib.compress(WIDE.astype("<u2").tobytes())], t259=(3, [8]), t258=(3, [16] * 3), t274=(3, [5]))
    yield "turned-3-as-long.tif", tiff([rgb], t274=(4, [3]))
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    yield "turned-by-xmp.tif", tiff([rgb], t700=(1, list(xmp)))
    yield "turned-by-xmp-element.tif", tiff([rgb], t700=(1, list(b"<tiff:Orientation>3</tiff:Orientation>")))
    yield "turned-by-tag-not-xmp.tif", tiff([rgb], t274=(3, [2]), t700=(1, list(xmp)))

    yield "big-tiff.tif", saved(PICTURE, "TIFF", big_tiff=True)
    yield "big-tiff-lzw-turned.tif", saved(PICTURE, "TIFF", big_tiff=True, compression="tiff_lzw", tiffinfo={274: 8})
    yield "big-tiff-long8.tif", tiff([rgb], big=True, t273=(16, None), t279=(16, [len(rgb)]))
    yield "big-tiff-big-endian.tif", tiff([rgb], big=True, endian=">")
    yield "big-tiff-tifffile.tif", with_tifffile(RGB, bigtiff=True, compression="zlib", predictor=True)
    yield "odd-magic-little.tif", tiff([rgb], magic=b"II\0*")
    yield "odd-magic-big.tif", tiff([rgb], endian=">", magic=b"MM*\0")

    for name, array in {
        "float": np.linspace(-20, 300, WIDTH * HEIGHT, dtype=np.float32).reshape(HEIGHT, WIDTH),
        "float-unit": (GREY / 255).astype(np.float32),
        "int32": np.linspace(-300, 600, WIDTH * HEIGHT).astype(np.int32).reshape(HEIGHT, WIDTH),
        "int16": np.linspace(-300, 600, WIDTH * HEIGHT).astype(np.int16).reshape(HEIGHT, WIDTH),
        "uint16": DEEP,
        "uint32": np.linspace(0, 2**32 - 1, WIDTH * HEIGHT).astype(np.uint32).reshape(HEIGHT, WIDTH) // 7_000_000,
        "int8": (GREY.astype(int) - 100).astype(np.int8),
        "float16": (GREY / 3).astype(np.float16),
        "float64": (GREY / 3).astype(np.float64),
    }.items():
        yield f"{name}.tif", with_tifffile(array, photometric="minisblack")
        yield f"{name}-big-endian.tif", with_tifffile(array, photometric="minisblack", byteorder=">")
        yield f"{name}-white-0.tif", with_tifffile(array, photometric="miniswhite")
        yield f"{name}-lzw.tif", with_tifffile(array, photometric="minisblack", compression="lzw")
    yield "float-nan.tif", with_tifffile(np.full((4, 4), np.nan, np.float32), photometric="minisblack")
    predicted = {"predictor": True, "photometric": "minisblack", "compression": "zlib"}
    yield "float-predictor.tif", with_tifffile(np.linspace(0, 200, 551, dtype=np.float32).reshape(HEIGHT, WIDTH), **predicted)
    yield "uint16-predictor.tif", with_tifffile(DEEP, **predicted)

    nibbles = (np.arange(HEIGHT * WIDTH) % 16).astype(np.uint8).reshape(HEIGHT, WIDTH)
    for bits in (1, 2, 4, 8):
        values = packed(nibbles & (2**bits - 1) if bits < 8 else GREY, bits)
        for photometric, name in ((0, "white-0"), (1, "black-0")):
            yield f"grey-{bits}-{name}.tif", tiff([values], **grey_tags(bits, photometric))
            yield f"grey-{bits}-{name}-reversed.tif", tiff([reversed_bits(values)], t266=(3, [2]), **grey_tags(bits, photometric))
        yield f"grey-{bits}-reversed-deflate.tif", tiff([reversed_bits(zlib.compress(values))], t266=(3, [2]), t259=(3, [8]), **grey_tags(bits))
        colours = [(i * 7919 + c * 101) % 65536 for c in range(3) for i in range(2**bits)]
        yield f"palette-{bits}-reversed.tif", tiff([reversed_bits(values)], t266=(3, [2]), t320=(3, colours), **grey_tags(bits, 3))
        yield f"palette-{bits}-deflate.tif", tiff([zlib.compress(values)], t259=(3, [8]), t320=(3, colours), **grey_tags(bits, 3))
    yield "grey-12.tif", tiff([bytes(range(44)) * HEIGHT], **grey_tags(12))
    yield "palette-short.tif", tiff([GREY.tobytes()], t320=(3, list(range(0, 60000, 1000))), **grey_tags(8, 3))
    yield "white-0-lzw.tif", saved(Image.fromarray(GREY), "TIFF", compression="tiff_lzw", tiffinfo={262: 0})
    yield "no-photometric.tif", tiff([GREY.tobytes()], t258=(3, [8]), t262=None, t277=(3, [1]))
    yield "no-lengths.tif", tiff([rgb], t279=None)
    yield "zero-lengths.tif", tiff([rgb], t279=(4, [0]))
    yield "no-lengths-deflate.tif", tiff([zlib.compress(rgb)], t279=None, t259=(3, [8]))
    yield "one-depth-for-three.tif", tiff([rgb], t258=(3, [8]))
    yield "depths-too-many.tif", tiff([GREY.tobytes()], t258=(3, [8, 8, 8]), t262=(3, [1]), t277=(3, [1]))
    yield "depths-differ.tif", tiff([rgb], t258=(3, [8, 8, 4]))
    yield "rows-per-strip-max.tif", tiff([rgb], t278=(4, [2**32 - 1]))
    yield "strips-of-5.tif", tiff([RGB[y : y + 5].tobytes() for y in range(0, HEIGHT, 5)], t278=(4, [5]))
    yield "strips-missing.tif", tiff([RGB[y : y + 5].tobytes() for y in range(0, 10, 5)], t278=(4, [5]))
    yield "predictor-unpacked.tif", tiff([rgb], t317=(3, [2]))
    yield "cut.tif", tiff([rgb[:-300]])
    yield "cut-deflate.tif", tiff([zlib.compress(rgb)[:-60]], t259=(3, [8]))

    for extra in ([], [0], [1], [2], [999], [3]):
        tags = {"t258": (3, [8] * 4), "t277": (3, [4]), "t338": (3, extra) if extra else None}
        multiplied = np.dstack([RGB * (ALPHA[..., None] / 255.0), ALPHA]).astype(np.uint8)
        name = extra[0] if extra else "none"
        yield f"rgba-extra-{name}.tif", tiff([multiplied.tobytes()], **tags)
        yield f"rgba-extra-{name}-lzw.tif", with_compression(multiplied, "lzw", tags)
        tags["t258"] = (3, [16] * 4)
        yield f"rgba-16-extra-{name}.tif", tiff([(multiplied.astype("<u2") * 257).tobytes()], **tags)
    for extra in (0, 1, 2):
        data = np.dstack([GREY, ALPHA]).tobytes()
        yield f"grey-extra-{extra}.tif", tiff([data], t338=(3, [extra]), **grey_tags(8, 1, 2))
        colours = [(i * 7919 + c * 101) % 65536 for c in range(3) for i in range(256)]
        yield f"palette-extra-{extra}.tif", tiff([data], t338=(3, [extra]), t320=(3, colours), **grey_tags(8, 3, 2))
    five = np.dstack([RGB, ALPHA, GREY])
    yield "rgb-5-samples.tif", tiff([five.tobytes()], t258=(3, [8] * 5), t277=(3, [5]), t338=(3, [2, 0]))
    yield "rgb-6-samples.tif", tiff([np.dstack([five, GREY]).tobytes()], t258=(3, [8] * 6), t277=(3, [6]), t338=(3, [1, 0, 0]))
    yield "rgb-7-samples.tif", tiff([np.dstack([five, GREY, GREY]).tobytes()], t258=(3, [8] * 7), t277=(3, [7]), t338=(3, [0] * 4))

    planes = [RGB[..., c].tobytes() for c in range(3)]
    yield "planar.tif", tiff(planes, t284=(3, [2]))
    yield "planar-deflate.tif", tiff([zlib.compress(p) for p in planes], t284=(3, [2]), t259=(3, [8]))
    yield "planar-unspecified.tif", tiff([*planes, ALPHA.tobytes()], t284=(3, [2]), t258=(3, [8] * 4), t277=(3, [4]), t338=(3, [0]))
    yield "planar-alpha.tif", tiff([*planes, ALPHA.tobytes()], t284=(3, [2]), t258=(3, [8] * 4), t277=(3, [4]), t338=(3, [2]))
    yield "planar-multiplied-deflate.tif", tiff([zlib.compress(p) for p in (*planes, ALPHA.tobytes())], t284=(3, [2]), t259=(3, [8]), t258=(3, [8] * 4), t277=(3, [4]), t338=(3, [1]))
    yield "planar-16-deflate.tif", tiff([zlib.compress(WIDE[..., c].astype("<u2").tobytes()) for c in range(3)], t284=(3, [2]), t259=(3, [8]), t258=(3, [16] * 3))
    yield "planar-16.tif", tiff([WIDE[..., c].astype("<u2").tobytes() for c in range(3)], t284=(3, [2]), t258=(3, [16] * 3))
    yield "planar-predictor.tif", with_tifffile(RGB.transpose(2, 0, 1), photometric="rgb", planarconfig="separate", compression="lzw", predictor=True)
    yield "planar-grey-white-0.tif", tiff([packed(nibbles & 1, 1)], t284=(3, [2]), **grey_tags(1, 0))
    yield "tiles.tif", with_tifffile(RGB, tile=(16, 16), photometric="rgb")
    yield "tiles-lzw.tif", with_tifffile(RGB, tile=(16, 16), photometric="rgb", compression="lzw", predictor=True)
    yield "tiles-grey-16.tif", with_tifffile(DEEP, tile=(16, 32), photometric="minisblack", compression="zlib")
    yield "tiles-jpeg.tif", with_tifffile(RGB, tile=(16, 16), photometric="rgb", compression="jpeg")
    yield "rgb-16-big-endian.tif", with_tifffile(WIDE, byteorder=">", photometric="rgb")
    yield "rgb-16-lzw-big-endian.tif", with_tifffile(WIDE, byteorder=">", photometric="rgb", compression="lzw", predictor=True)

    cmyk = Image.merge("CMYK", [*PICTURE.convert("CMYK").split()[:3], Image.fromarray(ALPHA // 2)])
    yield "cmyk.tif", saved(cmyk, "TIFF")
    yield "cmyk-jpeg.tif", saved(cmyk, "TIFF", compression="jpeg")
    ink = np.asarray(cmyk)
    yield "cmyk-16.tif", tiff([(ink.astype("<u2") * 257).tobytes()], t258=(3, [16] * 4), t262=(3, [5]), t277=(3, [4]))
    yield "cmyk-extra.tif", tiff([np.dstack([ink, GREY]).tobytes()], t258=(3, [8] * 5), t262=(3, [5]), t277=(3, [5]), t338=(3, [0]))
    ycc = np.asarray(PICTURE.convert("YCbCr"))
    yield "ycbcr.tif", tiff([ycc.tobytes()], t262=(3, [6]), t530=(3, [1, 1]))
    yield "ycbcr-lzw.tif", with_compression(ycc, "lzw", {"t262": (3, [6]), "t530": (3, [1, 1])})
    yield "ycbcr-jpeg.tif", saved(PICTURE.convert("YCbCr"), "TIFF", compression="jpeg")
    yield "ycbcr-jpeg-sampled.tif", with_tifffile(RGB, photometric="ycbcr", compression="jpeg", subsampling=(2, 2))
    lab = ImageCms.profileToProfile(PICTURE, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB")
    yield "lab.tif", saved(lab, "TIFF")

    for compression in ("tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "jpeg", "zstd", "lzma", "webp"):
        try:
            yield f"packed-{compression}.tif", saved(PICTURE, "TIFF", compression=compression)
        except OSError:
            pass
    for compression in ("group3", "group4", "tiff_ccitt"):
        yield f"packed-{compression}.tif", saved(PICTURE.convert("1"), "TIFF", compression=compression)
    yield "zstd-predictor.tif", with_tifffile(RGB, compression="zstd", predictor=True, photometric="rgb")
    yield "pages.tif", saved(PICTURE, "TIFF", save_all=True, append_images=[PICTURE.rotate(180)])
    yield "dng.dng", tiff([rgb], t254=(4, [1]), t50706=(1, [1, 4, 0, 0]))
    yield "raw.nef", tiff([rgb], t254=(4, [1]), t330=(4, [8]))
    yield "jpeg-xr.tif", tiff([rgb], t48129=(1, [1]))


def with_compression(array: np.ndarray, name: str, tags: dict) -> bytes:
    import imagecodecs

    data = imagecodecs.lzw_encode(array.tobytes()) if name == "lzw" else zlib.compress(array.tobytes())
    return tiff([data], t259=(3, [5 if name == "lzw" else 8]), **tags)


# --- PNG


def chunk(kind: bytes, data: bytes, crc: int | None = None) -> bytes:
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


SIGNATURE = b"\x89PNG\r\n\x1a\n"
END = chunk(b"IEND", b"")


def png_header(bits: int, colour: int, interlace: int = 0, filters: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, colour, 0, filters, interlace))


def png_rows(rows: list[bytes]) -> bytes:
    return zlib.compress(b"".join(b"\0" + row for row in rows))


def png(bits: int, colour: int, rows: list[bytes], before: bytes = b"", **header) -> bytes:
    return SIGNATURE + png_header(bits, colour, **header) + before + chunk(b"IDAT", png_rows(rows)) + END


def interlaced(array: np.ndarray) -> list[bytes]:
    """The rows of Adam7's seven passes; values of fewer than 8 bits are not packed."""
    steps = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    passes = [array[top::down, left::right] for top, left, down, right in steps]
    return [row.tobytes() for part in passes for row in part if row.size]


def pngs():
    rows = [row.tobytes() for row in RGB]
    data = png_rows(rows)
    good = png(8, 2, rows)
    head = SIGNATURE + png_header(8, 2)
    rgb16 = [row.astype(">u2").tobytes() for row in WIDE]
    yield "rgb.png", good
    yield "rgb-16.png", png(16, 2, rgb16)
    yield "rgb-16-transparent.png", png(16, 2, rgb16, chunk(b"tRNS", struct.pack(">HHH", 77, 77, 77)))
    yield "grey-16.png", png(16, 0, [row.astype(">u2").tobytes() for row in DEEP])
    yield "grey-16-interlaced.png", png(16, 0, interlaced(DEEP.astype(">u2")), interlace=1)
    yield "rgb-interlaced.png", png(8, 2, interlaced(RGB), interlace=1)
    yield "rgba-16-interlaced.png", png(16, 6, interlaced(np.dstack([WIDE, WIDE[..., 0]]).astype(">u2")), interlace=1)
    yield "grey-alpha-16.png", png(16, 4, [row.astype(">u2").tobytes() for row in np.dstack([DEEP, DEEP])])
    yield "one-bit-transparent.png", saved(PICTURE.convert("1"), "PNG", transparency=0)
    bits = (np.arange(WIDTH * HEIGHT) % 3 == 0).astype(np.uint8).reshape(HEIGHT, WIDTH)
    one_bit = [packed(row[None], 1) for row in bits]
    yield "one-bit.png", png(1, 0, one_bit)
    palette = chunk(b"PLTE", bytes(range(60)))
    yield "palette-short.png", png(8, 3, [row.tobytes() for row in GREY], palette)
    yield "palette-none.png", png(8, 3, [row.tobytes() for row in GREY])
    yield "palette-interlaced.png", png(8, 3, interlaced(GREY % 20), palette, interlace=1)
    yield "palette-4-short.png", png(4, 3, [packed(row[None] % 16, 4) for row in GREY], chunk(b"PLTE", bytes(range(9))))
    yield "palette-alpha.png", png(8, 3, [row.tobytes() for row in GREY % 20], palette + chunk(b"tRNS", bytes(range(0, 200, 10))))
    yield "palette-suggested.png", png(8, 2, rows, palette)
    yield "gamma.png", png(8, 2, rows, chunk(b"gAMA", struct.pack(">I", 100000)))
    yield "srgb.png", png(8, 2, rows, chunk(b"sRGB", b"\0") + chunk(b"cHRM", bytes(32)))
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    yield "icc.png", saved(PICTURE, "PNG", icc_profile=icc)
    yield "icc-broken.png", png(8, 2, rows, chunk(b"iCCP", b"x\0\0notzlib"))
    yield "exif-turned.png", saved(PICTURE, "PNG", exif=turned_exif())
    yield "no-end.png", good[:-12]
    yield "no-end-and-no-checksum.png", good[:-16]
    yield "cut-in-end.png", good[:-6]
    yield "trailing.png", good + b"garbage" * 9
    yield "cut-in-rows.png", good[: len(good) // 2]
    yield "cut-adler.png", head + chunk(b"IDAT", data[:-4]) + END
    yield "cut-behind-rows.png", good[:-12] + chunk(b"tEXt", b"key\0" + b"v" * 90)[:40]
    yield "adler-wrong.png", head + chunk(b"IDAT", data[:-4] + b"\1\2\3\4") + END
    yield "text-checksum-wrong.png", head + chunk(b"tEXt", b"a\0b", 7) + good[len(head) :]
    yield "text-checksum-wrong-behind.png", good[:-12] + chunk(b"tEXt", b"a\0b", 7) + END
    yield "header-checksum-wrong.png", SIGNATURE + png_header(8, 2)[:-4] + b"\1\2\3\4" + good[len(head) :]
    yield "palette-checksum-wrong.png", SIGNATURE + png_header(8, 3) + chunk(b"PLTE", bytes(range(60)), 5) + chunk(b"IDAT", png_rows([r.tobytes() for r in GREY % 20])) + END
    yield "rows-checksum-wrong.png", head + chunk(b"IDAT", data, 9) + END
    yield "end-checksum-wrong.png", good[:-4] + b"\1\2\3\4"
    yield "rows-in-parts.png", head + b"".join(chunk(b"IDAT", data[i : i + 50]) for i in range(0, len(data), 50)) + END
    yield "rows-empty-part.png", head + chunk(b"IDAT", b"") + chunk(b"IDAT", data) + chunk(b"IDAT", b"") + END
    yield "rows-too-few.png", head + chunk(b"IDAT", png_rows(rows[:9])) + END
    yield "rows-too-many.png", head + chunk(b"IDAT", png_rows(rows + rows[:3])) + END
    yield "rows-torn-apart.png", head + chunk(b"IDAT", data[:100]) + chunk(b"tEXt", b"a\0b") + chunk(b"IDAT", data[100:]) + END
    yield "no-rows.png", head + END
    yield "unknown-critical.png", head + chunk(b"ABCD", b"xyz") + good[len(head) :]
    yield "unknown-broken-name.png", head + chunk(b"\1\2\3\4", b"xyz") + good[len(head) :]
    yield "filter-method.png", png(8, 2, rows, filters=1)
    yield "depth-3.png", png(3, 2, rows)
    yield "filter-9.png", head + chunk(b"IDAT", zlib.compress(b"".join(b"\x09" + row for row in rows))) + END
    yield "text-huge.png", head + chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2 << 20))) + good[len(head) :]
    yield "phys-short.png", head + chunk(b"pHYs", b"\0\0") + good[len(head) :]
    yield "zero-width.png", SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 9, 8, 2, 0, 0, 0)) + good[len(head) :]
    red = Image.new("RGB", PICTURE.size, (255, 0, 0))
    yield "animated.png", saved(PICTURE, "PNG", save_all=True, append_images=[red], duration=100)
    yield "animated-default.png", saved(PICTURE, "PNG", save_all=True, default_image=True, append_images=[red], duration=9)
    yield "sequence-wrong.png", head + chunk(b"acTL", struct.pack(">II", 2, 0)) + chunk(b"fcTL", struct.pack(">IIIIIHHBB", 5, WIDTH, HEIGHT, 0, 0, 1, 1, 0, 0)) + good[len(head) :]


def turned_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


# --- JPEG


def segments(jpeg: bytes):
    """(marker, segment) up to the first scan, and the rest."""
    at = 2
    while jpeg[at + 1] != 0xDA:
        length = struct.unpack(">H", jpeg[at + 2 : at + 4])[0]
        yield jpeg[at + 1], jpeg[at : at + 2 + length]
        at += 2 + length
    yield 0xDA, jpeg[at:]


def without(jpeg: bytes, marker: int) -> bytes:
    return jpeg[:2] + b"".join(data for kind, data in segments(jpeg) if kind != marker)


def adobe(transform: int) -> bytes:
    return b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([transform])


def renamed(jpeg: bytes, names: bytes) -> bytes:
    """Other names for the three components."""
    out = bytearray(jpeg)
    for kind, first in ((0xC0, 10), (0xDA, 5)):
        at = jpeg.index(bytes([0xFF, kind]))
        for i, name in enumerate(names):
            out[at + first + i * (3 if kind == 0xC0 else 2)] = name
    return bytes(out)


def jpegs():
    full = saved(PICTURE, "JPEG", quality=92, subsampling=0)
    yield "full.jpg", full
    yield "half.jpg", saved(PICTURE, "JPEG", quality=92, subsampling=1)
    yield "quarter.jpg", saved(PICTURE, "JPEG", quality=92, subsampling=2)
    for name in ("4:4:0", "4:1:1"):
        try:
            yield f"sampled-{name.replace(':', '')}.jpg", saved(PICTURE, "JPEG", quality=92, subsampling=name)
        except (TypeError, ValueError, OSError):
            pass
    yield "quality-1.jpg", saved(PICTURE, "JPEG", quality=1)
    yield "quality-30-quarter.jpg", saved(PICTURE, "JPEG", quality=30, subsampling=2)
    yield "progressive.jpg", saved(PICTURE, "JPEG", quality=92, progressive=True)
    yield "grey.jpg", saved(Image.fromarray(GREY), "JPEG", quality=92)
    yield "restart.jpg", saved(PICTURE, "JPEG", quality=92, restart_marker_blocks=1)
    yield "turned.jpg", saved(PICTURE, "JPEG", quality=92, exif=turned_exif())
    yield "stored-rgb.jpg", saved(PICTURE, "JPEG", quality=92, keep_rgb=True)
    plain = without(full, 0xE0)
    yield "no-jfif.jpg", plain
    yield "adobe-rgb.jpg", plain[:2] + adobe(0) + plain[2:]
    yield "adobe-ycc.jpg", plain[:2] + adobe(1) + plain[2:]
    yield "jfif-and-adobe-rgb.jpg", full[:20] + adobe(0) + full[20:]
    yield "names-rgb.jpg", renamed(plain, b"RGB")
    yield "names-rgb-jfif.jpg", renamed(full, b"RGB")
    yield "names-012.jpg", renamed(plain, bytes([0, 1, 2]))
    yield "names-9-8-7.jpg", renamed(plain, bytes([9, 8, 7]))
    cmyk = Image.merge("CMYK", [*PICTURE.convert("CMYK").split()[:3], Image.fromarray(ALPHA // 2)])
    ink = saved(cmyk, "JPEG", quality=92)
    yield "cmyk.jpg", ink
    yield "cmyk-no-adobe.jpg", without(ink, 0xEE)
    at = ink.index(b"Adobe") + 11
    yield "ycck.jpg", ink[:at] + b"\2" + ink[at + 1 :]
    yield "cmyk-adobe-1.jpg", ink[:at] + b"\1" + ink[at + 1 :]
    yield "trailing.jpg", full + bytes(500)
    yield "two.jpg", full + saved(PICTURE.rotate(180), "JPEG")
    yield "mpo.jpg", saved(PICTURE, "MPO", save_all=True, append_images=[PICTURE.rotate(180)])
    yield "cut-half.jpg", full[: len(full) // 2]
    yield "cut-end.jpg", full[:-2]
    yield "cut-end-progressive.jpg", saved(PICTURE, "JPEG", progressive=True)[:-2]
    yield "leading-junk.jpg", b"\r\n" + full
    yield "fill-bytes.jpg", full[:2] + b"\xff\xff\xff" + full[2:]
    yield "junk-between.jpg", full[:20] + b"\x12\x34" + full[20:]
    scan = full.index(b"\xff\xda") + 14
    yield "ends-early.jpg", full[: scan + (len(full) - scan) // 2] + b"\xff\xd9"
    damaged = bytearray(full)
    damaged[scan + 60 : scan + 64] = b"\x55\xaa\x13\x37"
    yield "damaged.jpg", bytes(damaged)
    yield "restart-missing.jpg", saved(PICTURE, "JPEG", quality=92, restart_marker_blocks=2).replace(b"\xff\xd2", b"\x11\x22")
    frame = full.index(b"\xff\xc0")
    yield "twelve-bits.jpg", full[: frame + 4] + b"\x0c" + full[frame + 5 :]
    yield "height-0.jpg", full[: frame + 5] + b"\0\0" + full[frame + 7 :]
    yield "one-pixel.jpg", saved(Image.new("RGB", (1, 1), (200, 30, 60)), "JPEG")
    yield "comment.jpg", saved(PICTURE, "JPEG", comment=b"\xff\xd9" * 40, quality=92)
    try:
        import imagecodecs

        yield "lossless.jpg", imagecodecs.ljpeg_encode(GREY)
        yield "arithmetic.jpg", arithmetic(full)
    except Exception:  # noqa: BLE001  (not all builds have these)
        pass


def arithmetic(jpeg: bytes) -> bytes:
    import shutil
    import subprocess

    if not shutil.which("jpegtran"):
        raise OSError
    return subprocess.run(["jpegtran", "-arithmetic"], input=jpeg, capture_output=True, check=True).stdout


# --- GIF


def lzw(data: bytes, bits: int) -> bytes:
    """Uncompressed codes of `bits` + 1 bits, with a clear code before the width would grow; in blocks."""
    clear, width = 1 << bits, bits + 1
    codes, room = [clear], (1 << bits) - 2
    for i, value in enumerate(data):
        if i and i % room == 0:
            codes.append(clear)
        codes.append(value)
    codes.append(clear + 1)
    number = 0
    for i, code in enumerate(codes):
        number |= code << (i * width)
    raw = number.to_bytes((len(codes) * width + 7) // 8, "little")
    blocks = b"".join(bytes([len(raw[i : i + 255])]) + raw[i : i + 255] for i in range(0, len(raw), 255))
    return bytes([bits]) + blocks + b"\0"


def gif(indices, screen=None, place=(0, 0), palette=None, local=None, control=None, background=0, version=b"GIF89a", flags=0) -> bytes:
    height, width = indices.shape
    def bits(colours):
        return max(1, (len(colours) // 3 - 1).bit_length())
    screen = screen or (width, height)
    head = version + struct.pack("<HH", *screen) + bytes([0x80 | bits(palette) - 1 if palette else 0, background, 0])
    head += palette.ljust(3 << bits(palette), b"\0") if palette else b""
    if control is not None:
        head += b"\x21\xf9\x04" + control + b"\0"
    image = b"\x2c" + struct.pack("<HHHH", *place, width, height) + bytes([(0x80 | bits(local) - 1 if local else 0) | flags])
    image += local.ljust(3 << bits(local), b"\0") if local else b""
    return head + image + lzw(indices.tobytes(), 7) + b"\x3b"


def gifs():
    indices = (GREY % 120).astype(np.uint8)
    colours = bytes((i * 37 + c * 59) % 256 for i in range(128) for c in range(3))
    few = bytes(range(30, 54))
    see_through = bytes([1, 0, 0, 5])
    yield "plain.gif", gif(indices, palette=colours)
    yield "old.gif", gif(indices, palette=colours, version=b"GIF87a")
    yield "local-palette.gif", gif(indices, palette=few, local=colours)
    yield "no-palette.gif", gif(indices)
    yield "palette-short.gif", gif(indices, palette=few)
    yield "palette-of-greys.gif", gif(indices, palette=bytes(v for i in range(16) for v in (i, i, i)))
    yield "transparent.gif", gif(indices, palette=colours, control=see_through)
    yield "small-frame.gif", gif(indices, (40, 30), (4, 3), palette=colours, background=7)
    yield "small-frame-transparent.gif", gif(indices, (40, 30), (4, 3), palette=colours, control=see_through)
    yield "small-frame-local.gif", gif(indices, (40, 30), (4, 3), palette=few, local=colours, background=7)
    yield "small-frame-no-palette.gif", gif(indices, (40, 30), (4, 3), control=see_through)
    for disposal in (1, 2, 3):
        yield f"disposal-{disposal}.gif", gif(indices, (40, 30), (4, 3), palette=colours, control=bytes([disposal << 2 | 1, 0, 0, 5]))
    yield "large-frame.gif", gif(indices, (20, 10), (4, 3), palette=colours)
    yield "two-controls.gif", gif(indices, palette=colours, control=see_through).replace(b"\x21\xf9", b"\x21\xf9\x04\0\0\0\x09\0\x21\xf9", 1)
    yield "comment.gif", gif(indices, palette=colours).replace(b"\x2c", b"\x21\xfe\x03abc\0\x2c", 1)
    yield "no-trailer.gif", gif(indices, palette=colours)[:-1]
    yield "cut.gif", gif(indices, palette=colours)[:-200]
    yield "cut-terminator.gif", gif(indices, palette=colours)[:-2]
    short = gif(indices[:9], (WIDTH, HEIGHT), palette=colours)
    yield "rows-too-few.gif", short.replace(struct.pack("<HHHH", 0, 0, WIDTH, 9), struct.pack("<HHHH", 0, 0, WIDTH, HEIGHT), 1)
    yield "rows-too-many.gif", gif(indices, palette=colours).replace(b"\x2c" + struct.pack("<HHHH", 0, 0, WIDTH, HEIGHT), b"\x2c" + struct.pack("<HHHH", 0, 0, WIDTH, 9), 1)
    yield "no-frame.gif", gif(indices, palette=colours)[: 13 + len(colours)] + b"\x3b"
    yield "interlaced.gif", saved(PICTURE.quantize(64), "GIF", interlace=1)
    red = Image.new("RGB", PICTURE.size, (255, 0, 0))
    yield "animated.gif", saved(PICTURE.quantize(64), "GIF", save_all=True, append_images=[red.quantize(4)])
    yield "junk-before-frame.gif", gif(indices, palette=colours).replace(b"\x2c", b"\0\0\x2c", 1)


# --- BMP


def bmp(rows: bytes, bits: int, compression=0, palette=b"", size=40, masks=b"", height=HEIGHT, colours=0, offset=None, file_header=True, width=WIDTH) -> bytes:
    if size == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, len(rows), 2835, 2835, colours, 0)
        info += masks if size > 40 else b""
        info = info.ljust(size, b"\0")
    behind = (masks if size <= 40 else b"") + palette
    start = 14 + len(info) + len(behind)
    head = b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start if offset is None else offset)
    return (head if file_header else b"") + info + behind + rows


def padded(rows) -> bytes:
    return b"".join(row + bytes(-len(row) % 4) for row in rows)


def bmps():
    up = RGB[::-1]
    bgr = padded(row[:, ::-1].tobytes() for row in up)
    quads = np.dstack([up[..., ::-1], ALPHA])
    yield "rgb.bmp", bmp(bgr, 24)
    yield "core.bmp", bmp(bgr, 24, size=12)
    yield "top-down.bmp", bmp(padded(row[:, ::-1].tobytes() for row in RGB), 24, height=-HEIGHT)
    yield "no-file-header.dib", bmp(bgr, 24, file_header=False)
    yield "rgbx.bmp", bmp(quads.tobytes(), 32)
    for size in (52, 56, 64, 108, 124):
        yield f"header-{size}.bmp", bmp(quads.tobytes(), 32, size=size)
    def masks(*values):
        return struct.pack(f"<{len(values)}I", *values)
    alpha = masks(0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    yield "masks-32.bmp", bmp(quads.tobytes(), 32, 3, masks=alpha[:12])
    yield "masks-32-alpha.bmp", bmp(quads.tobytes(), 32, 3, size=56, masks=alpha)
    yield "masks-32-v5.bmp", bmp(quads.tobytes(), 32, 3, size=124, masks=alpha)
    yield "masks-32-rgba.bmp", bmp(quads.tobytes(), 32, 3, size=124, masks=masks(0xFF, 0xFF00, 0xFF0000, 0xFF000000))
    yield "masks-32-xbgr.bmp", bmp(quads.tobytes(), 32, 3, size=56, masks=masks(0xFF000000, 0xFF0000, 0xFF00, 0))
    yield "masks-32-abgr.bmp", bmp(quads.tobytes(), 32, 3, size=56, masks=masks(0xFF000000, 0xFF0000, 0xFF00, 0xFF))
    yield "masks-32-bgar.bmp", bmp(quads.tobytes(), 32, 3, size=56, masks=masks(0xFF000000, 0xFF00, 0xFF, 0xFF0000))
    yield "masks-32-zero.bmp", bmp(quads.tobytes(), 32, 3, size=56, masks=masks(0, 0, 0, 0))
    yield "masks-32-ten-bits.bmp", bmp(quads.tobytes(), 32, 3, masks=masks(0x3FF00000, 0xFFC00, 0x3FF))
    yield "masks-24.bmp", bmp(bgr, 24, 3, masks=alpha[:12])
    words = (up[..., 0].astype("<u2") >> 3 << 10) | (up[..., 1].astype("<u2") >> 3 << 5) | (up[..., 2] >> 3)
    yield "fifteen-bits.bmp", bmp(padded(row.astype("<u2").tobytes() for row in words), 16)
    yield "masks-555.bmp", bmp(padded(row.astype("<u2").tobytes() for row in words), 16, 3, masks=masks(0x7C00, 0x3E0, 0x1F))
    words = (up[..., 0].astype("<u2") >> 3 << 11) | (up[..., 1].astype("<u2") >> 2 << 5) | (up[..., 2] >> 3)
    yield "masks-565.bmp", bmp(padded(row.astype("<u2").tobytes() for row in words), 16, 3, masks=masks(0xF800, 0x7E0, 0x1F))
    yield "masks-444.bmp", bmp(padded(row.astype("<u2").tobytes() for row in words), 16, 3, masks=masks(0xF00, 0xF0, 0xF))
    def palette(count, entry=4):
        return b"".join(bytes([(i * 37) % 256, (i * 59) % 256, (i * 83) % 256, 0][:entry]) for i in range(count))
    indices = GREY[::-1]
    yield "palette.bmp", bmp(padded(r.tobytes() for r in indices), 8, palette=palette(256))
    yield "palette-core.bmp", bmp(padded(r.tobytes() for r in indices), 8, palette=palette(256, 3), size=12)
    yield "palette-short.bmp", bmp(padded(r.tobytes() for r in indices), 8, palette=palette(20), colours=20)
    greys = b"".join(bytes([i, i, i, 0]) for i in range(256))
    yield "palette-greys.bmp", bmp(padded(r.tobytes() for r in indices), 8, palette=greys)
    nibbles = indices % 16
    yield "palette-4.bmp", bmp(padded(packed(r[None], 4) for r in nibbles), 4, palette=palette(16))
    yield "palette-4-short.bmp", bmp(padded(packed(r[None], 4) for r in nibbles), 4, palette=palette(6), colours=6)
    yield "palette-2.bmp", bmp(padded(packed(r[None] % 4, 2) for r in nibbles), 2, palette=palette(4))
    yield "palette-1.bmp", bmp(padded(packed(r[None] % 2, 1) for r in nibbles), 1, palette=palette(2))
    yield "palette-1-black-white.bmp", bmp(padded(packed(r[None] % 2, 1) for r in nibbles), 1, palette=bytes([0, 0, 0, 0, 255, 255, 255, 0]))
    yield "palette-1-white-black.bmp", bmp(padded(packed(r[None] % 2, 1) for r in nibbles), 1, palette=bytes([255, 255, 255, 0, 0, 0, 0, 0]))
    yield "palette-offset-wrong.bmp", bmp(padded(r.tobytes() for r in indices), 8, palette=palette(256), offset=54)
    yield "offset-0.bmp", bmp(bgr, 24, offset=0)
    yield "cut.bmp", bmp(bgr, 24)[:-200]
    yield "cut-padding.bmp", bmp(bgr, 24)[:-1]
    runs = b"".join(runs_of(row) + b"\0\0" for row in indices // 40)
    yield "runs-8.bmp", bmp(runs + b"\0\1", 8, 1, palette=palette(256))
    yield "runs-8-top-down.bmp", bmp(runs + b"\0\1", 8, 1, palette=palette(256), height=-HEIGHT)
    yield "runs-8-no-end.bmp", bmp(runs, 8, 1, palette=palette(256))
    yield "runs-8-short.bmp", bmp(runs[: len(runs) // 2] + b"\0\1", 8, 1, palette=palette(256))
    literal = b"".join(b"\0" + bytes([WIDTH]) + row.tobytes() + bytes(len(row) % 2) + b"\0\0" for row in indices)
    yield "runs-8-literal.bmp", bmp(literal + b"\0\1", 8, 1, palette=palette(256))
    delta = b"\x05\x09\0\2\x03\x02\x04\x11\0\0" + b"".join(bytes([WIDTH, i]) + b"\0\0" for i in range(HEIGHT - 3)) + b"\0\1"
    yield "runs-8-delta.bmp", bmp(delta, 8, 1, palette=palette(256))
    yield "runs-8-too-long.bmp", bmp(b"".join(bytes([WIDTH + 5, i]) + b"\0\0" for i in range(HEIGHT)) + b"\0\1", 8, 1, palette=palette(256))
    runs = b"".join(bytes([10, 0x12, WIDTH - 10, 0x34]) + b"\0\0" for _ in range(HEIGHT))
    yield "runs-4.bmp", bmp(runs + b"\0\1", 4, 2, palette=palette(16))
    literal = b"".join(b"\0" + bytes([WIDTH]) + packed(row[None], 4) + bytes((WIDTH + 1) // 2 % 2) + b"\0\0" for row in nibbles)
    yield "runs-4-literal.bmp", bmp(literal + b"\0\1", 4, 2, palette=palette(16))
    yield "jpeg-inside.bmp", bmp(saved(PICTURE, "JPEG"), 24, 4)
    yield "header-16.bmp", bmp(bgr, 24, size=16)


def runs_of(row) -> bytes:
    out, i = b"", 0
    while i < len(row):
        count = 1
        while i + count < len(row) and row[i + count] == row[i]:
            count += 1
        out += bytes([count, row[i]])
        i += count
    return out


# --- WebP


def webps():
    yield "lossless.webp", saved(PICTURE, "WEBP", lossless=True)
    yield "lossless-alpha.webp", saved(RGBA, "WEBP", lossless=True, exact=True)
    yield "lossless-alpha-cleaned.webp", saved(RGBA, "WEBP", lossless=True)
    yield "lossy.webp", saved(PICTURE, "WEBP", quality=90)
    yield "lossy-30.webp", saved(PICTURE, "WEBP", quality=30)
    yield "lossy-alpha.webp", saved(RGBA, "WEBP", quality=90)
    yield "lossy-alpha-lossy.webp", saved(RGBA, "WEBP", quality=60, alpha_quality=20, exact=True)
    yield "palette.webp", saved(PICTURE.quantize(7).convert("RGB"), "WEBP", lossless=True)
    yield "turned.webp", saved(PICTURE, "WEBP", lossless=True, exif=turned_exif())
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    yield "icc.webp", saved(PICTURE, "WEBP", lossless=True, icc_profile=icc)
    red = Image.new("RGBA", PICTURE.size, (255, 0, 0, 20))
    for name, options in {"lossless": {"lossless": True, "exact": True}, "lossy": {"quality": 80}}.items():
        for kind, first in {"rgb": PICTURE, "rgba": RGBA}.items():
            data = saved(first, "WEBP", save_all=True, append_images=[red], background=(10, 200, 30, 255), **options)
            yield f"animated-{kind}-{name}.webp", data
            yield f"animated-{kind}-{name}-placed.webp", placed(data)
    good = saved(PICTURE, "WEBP", lossless=True)
    yield "cut.webp", good[: len(good) // 2]
    yield "trailing.webp", good + b"XXXX"
    yield "one-pixel.webp", saved(Image.new("RGB", (1, 1), (9, 99, 199)), "WEBP", lossless=True)


def placed(webp: bytes) -> bytes:
    """Enlarges the canvas of an animation, so that its first frame lies at (4, 2) and does not fill it."""
    out = bytearray(webp)
    canvas = webp.index(b"VP8X") + 12
    out[canvas : canvas + 6] = (WIDTH + 8).to_bytes(3, "little") + (HEIGHT + 6).to_bytes(3, "little")
    frame = webp.index(b"ANMF") + 8
    out[frame : frame + 6] = (2).to_bytes(3, "little") + (1).to_bytes(3, "little")
    return bytes(out)


# --- PNM


def pnms():
    size = b"%d %d" % (WIDTH, HEIGHT)
    bits = (GREY > 90).astype(np.uint8)
    yield "rgb.ppm", b"P6\n" + size + b"\n255\n" + RGB.tobytes()
    yield "grey.pgm", b"P5\n" + size + b"\n255\n" + GREY.tobytes()
    yield "bits.pbm", b"P4\n" + size + b"\n" + b"".join(packed(row[None], 1) for row in bits)
    text = [b" ".join(b"%d" % v for v in row.ravel()) for row in RGB]
    yield "text.ppm", b"P3\n" + size + b"\n255\n" + b"\n".join(text) + b"\n"
    yield "text.pgm", b"P2\n" + size + b"\n255\n" + b"\n".join(b" ".join(b"%d" % v for v in row) for row in GREY)
    yield "text.pbm", b"P1\n" + size + b"\n" + b"\n".join(b" ".join(b"%d" % v for v in row) for row in bits)
    yield "text-dense.pbm", b"P1\n" + size + b"\n" + b"\n".join(b"".join(b"%d" % v for v in row) for row in bits)
    yield "comments.ppm", b"P6 # one\n# two\n#\n%d#three\n %d\n# four\n255\n" % (WIDTH, HEIGHT) + RGB.tobytes()
    yield "comment-in-number.pgm", b"P5\n2#x\n9 19\n255\n" + GREY.tobytes()
    yield "comment-in-text.ppm", b"P3\n" + size + b"\n255\n" + b" # a row\n".join(text) + b"\n"
    yield "tabs.pgm", b"P5\t%d\r\n%d\x0b255\x0c" % (WIDTH, HEIGHT) + GREY.tobytes()
    for most in (1, 7, 100, 254):
        yield f"most-{most}.pgm", b"P5\n" + size + b"\n%d\n" % most + (GREY % (most + 1)).tobytes()
        yield f"most-{most}.ppm", b"P6\n" + size + b"\n%d\n" % most + (RGB % (most + 1)).tobytes()
        yield f"most-{most}-beyond.pgm", b"P5\n" + size + b"\n%d\n" % most + GREY.tobytes()
        yield f"most-{most}-text.pgm", b"P2\n" + size + b"\n%d\n" % most + b" ".join(b"%d" % v for v in (GREY % (most + 1)).ravel())
    for most in (256, 1023, 4095, 65535):
        values = np.minimum(DEEP, most)
        yield f"most-{most}.pgm", b"P5\n" + size + b"\n%d\n" % most + values.astype(">u2").tobytes()
        wide = (WIDE.astype(int) * most // 65535).astype(">u2")
        yield f"most-{most}.ppm", b"P6\n" + size + b"\n%d\n" % most + wide.tobytes()
        yield f"most-{most}-text.ppm", b"P3\n" + size + b"\n%d\n" % most + b" ".join(b"%d" % v for v in wide.ravel())
        yield f"most-{most}-text.pgm", b"P2\n" + size + b"\n%d\n" % most + b" ".join(b"%d" % v for v in values.ravel())
    floats = np.linspace(-20, 300, WIDTH * HEIGHT).astype(np.float32).reshape(HEIGHT, WIDTH)
    yield "float.pfm", b"Pf\n" + size + b"\n-1.0\n" + floats.astype("<f4").tobytes()
    yield "float-big-endian.pfm", b"Pf\n" + size + b"\n1.0\n" + floats.astype(">f4").tobytes()
    yield "float-colour.pfm", b"PF\n" + size + b"\n-1.0\n" + np.dstack([floats] * 3).astype("<f4").tobytes()
    yield "trailing.ppm", b"P6\n" + size + b"\n255\n" + RGB.tobytes() + b"more"
    yield "trailing.pbm", b"P1\n" + size + b"\n" + b" ".join(b"%d" % v for v in bits.ravel()) + b" more"
    yield "cut.ppm", b"P6\n" + size + b"\n255\n" + RGB.tobytes()[:-9]
    yield "cut-scaled.ppm", b"P6\n" + size + b"\n100\n" + (RGB % 101).tobytes()[:-9]
    yield "cut-text.ppm", b"P3\n" + size + b"\n255\n" + b"\n".join(text[:9])
    yield "cut-header.ppm", b"P6\n" + size
    yield "value-beyond.pgm", b"P2\n2 2\n9\n1 2 3 10\n"
    yield "value-negative.pgm", b"P2\n2 2\n9\n1 2 3 -1\n"
    yield "value-no-number.pgm", b"P2\n2 2\n9\n1 2 x 1\n"
    yield "most-0.pgm", b"P5\n2 2\n0\n\0\0\0\0"
    yield "most-65536.pgm", b"P5\n2 2\n65536\n" + bytes(8)
    yield "bit-of-2.pbm", b"P1\n2 2\n0 1 2 1\n"
    yield "zero.pgm", b"P5\n0 2\n255\n"
    yield "arbitrary.pam", b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" + bytes(6)


# --- what is not read here


def foreign():
    for kind, name in (("AVIF", "avif"), ("JPEG2000", "jpeg-2000"), ("ICO", "ico"), ("TGA", "tga"), ("PCX", "pcx")):
        try:
            yield f"{name}-called.jpg", saved(PICTURE, kind)
        except (OSError, KeyError, ValueError):
            pass
    yield "heic-called.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99)
    yield "svg-called.png", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    yield "page-called.jpg", b"<!DOCTYPE html><html>404</html>"
    yield "pointer-called.png", b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 12\n"
    yield "psd-called.jpg", b"8BPS\0\1" + bytes(99)
    yield "array.npy", b"\x93NUMPY\1\0" + bytes(99)
    yield "empty.jpg", b""
    yield "zeros.jpg", bytes(3000)
    yield "text.jpg", b"no picture"


FORMATS = {"tiff": tiffs, "png": pngs, "jpeg": jpegs, "gif": gifs, "bmp": bmps, "webp": webps, "pnm": pnms, "foreign": foreign}


def odd_files():
    for folder, files in FORMATS.items():
        for name, data in files():
            yield f"{folder}-{name}", data


assert features.check("webp")
