"""Writes tests/fixtures/odd-pictures: some of the odd files, and index.json with what Pillow makes of each.

    python experiments/picture-parity/make_goldens.py

An entry has the size of the picture and the SHA-256 of Pillow's RGB bytes; or, where two decoders may differ, the largest and
the mean difference that are allowed, with Pillow's bytes beside the file; or says that Pillow refuses the file.
"""

import hashlib
import json

from compare import ROOT, pillows
from odd_files import odd_files

FOLDER = ROOT / "tests/fixtures/odd-pictures"

CHOSEN = """
tiff-turned-1.tif tiff-turned-2.tif tiff-turned-3-as-long.tif tiff-turned-4.tif tiff-turned-5-deflate-16.tif tiff-turned-6-lzw.tif
tiff-turned-7-palette.tif tiff-turned-7.tif tiff-turned-8-grey.tif tiff-turned-by-xmp-element.tif tiff-turned-by-tag-not-xmp.tif
tiff-turned-by-xmp.tif tiff-big-tiff-lzw-turned.tif tiff-big-tiff-long8.tif tiff-big-tiff-tifffile.tif tiff-odd-magic-little.tif
tiff-float.tif tiff-float-big-endian.tif tiff-float-white-0.tif tiff-float-predictor.tif tiff-int32.tif tiff-int32-lzw.tif
tiff-int16.tif tiff-int16-big-endian.tif tiff-uint32.tif tiff-int8.tif tiff-uint16-white-0.tif tiff-uint16-predictor.tif
tiff-grey-1-white-0-reversed.tif tiff-grey-2-black-0.tif tiff-grey-4-reversed-deflate.tif tiff-grey-4-white-0.tif
tiff-palette-2-deflate.tif tiff-palette-8-reversed.tif tiff-palette-short.tif tiff-no-photometric.tif tiff-no-lengths-deflate.tif
tiff-zero-lengths.tif tiff-depths-too-many.tif tiff-depths-differ.tif tiff-predictor-unpacked.tif tiff-rgba-extra-1-lzw.tif
tiff-rgba-extra-3.tif tiff-rgba-16-extra-1.tif tiff-grey-extra-1.tif tiff-palette-extra-2.tif tiff-rgb-6-samples.tif
tiff-planar-multiplied-deflate.tif tiff-planar-16-deflate.tif tiff-tiles-lzw.tif tiff-tiles-grey-16.tif tiff-cmyk-16.tif
tiff-rgb-16-lzw-big-endian.tif tiff-packed-zstd.tif tiff-zstd-predictor.tif tiff-cut-deflate.tif tiff-cut.tif tiff-jpeg-xr.tif
png-grey-16-interlaced.png png-rgba-16-interlaced.png png-palette-short.png png-palette-none.png png-palette-interlaced.png
png-palette-4-short.png png-icc-broken.png png-no-end-and-no-checksum.png png-cut-in-end.png png-cut-in-rows.png
png-cut-adler.png png-cut-behind-rows.png png-adler-wrong.png png-text-checksum-wrong.png png-text-checksum-wrong-behind.png
png-header-checksum-wrong.png png-palette-checksum-wrong.png png-rows-checksum-wrong.png png-end-checksum-wrong.png
png-rows-in-parts.png png-rows-empty-part.png png-rows-too-many.png png-rows-torn-apart.png png-no-rows.png
png-unknown-critical.png png-unknown-broken-name.png png-filter-method.png png-filter-9.png png-animated-default.png
jpeg-adobe-rgb.jpg jpeg-jfif-and-adobe-rgb.jpg jpeg-names-rgb.jpg jpeg-names-rgb-jfif.jpg jpeg-cmyk-no-adobe.jpg
jpeg-cmyk-adobe-1.jpg jpeg-sampled-411.jpg jpeg-mpo.jpg jpeg-fill-bytes.jpg jpeg-cut-end-progressive.jpg jpeg-leading-junk.jpg jpeg-twelve-bits.jpg
gif-no-palette.gif gif-palette-short.gif gif-palette-of-greys.gif gif-small-frame-local.gif gif-small-frame-no-palette.gif
gif-disposal-2.gif gif-large-frame.gif gif-cut.gif gif-rows-too-few.gif gif-no-frame.gif
bmp-core.bmp bmp-top-down.bmp bmp-no-file-header.dib bmp-masks-32-alpha.bmp bmp-masks-32-abgr.bmp bmp-masks-32-zero.bmp
bmp-masks-32-ten-bits.bmp bmp-fifteen-bits.bmp bmp-masks-565.bmp bmp-masks-444.bmp bmp-palette-short.bmp bmp-palette-core.bmp
bmp-palette-4-short.bmp bmp-palette-2.bmp bmp-palette-1-white-black.bmp bmp-palette-offset-wrong.bmp bmp-offset-0.bmp bmp-cut.bmp
bmp-cut-padding.bmp bmp-runs-8.bmp bmp-runs-8-top-down.bmp bmp-runs-8-short.bmp bmp-runs-8-literal.bmp bmp-runs-8-delta.bmp
bmp-runs-8-too-long.bmp bmp-runs-4.bmp bmp-runs-4-literal.bmp bmp-header-16.bmp
webp-animated-rgb-lossless-placed.webp webp-animated-rgba-lossless.webp webp-cut.webp webp-trailing.webp
pnm-rgb.ppm pnm-bits.pbm pnm-text.pgm pnm-text-dense.pbm pnm-comments.ppm pnm-comment-in-number.pgm pnm-tabs.pgm
pnm-most-100.pgm pnm-most-7.ppm pnm-most-7-beyond.pgm pnm-most-1023.pgm pnm-most-4095.ppm pnm-most-65535.pgm
pnm-most-4095-text.pgm pnm-float.pfm pnm-float-big-endian.pfm pnm-trailing.pbm pnm-cut.ppm pnm-cut-header.ppm
pnm-value-beyond.pgm pnm-value-negative.pgm pnm-most-0.pgm pnm-bit-of-2.pbm pnm-zero.pgm
""".split()

# Decoders of JPEG round in their own ways.
LOSSY = (6, 1.0)


def main() -> None:
    files = dict(odd_files())
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    index = []
    for name in CHOSEN:
        path = FOLDER / name
        path.write_bytes(files[name])
        picture = pillows(path)
        if isinstance(picture, str):
            index.append({"file": name, "refused": picture.split(":")[0]})
            continue
        entry = {"file": name, "width": picture.shape[1], "height": picture.shape[0]}
        if name.startswith("jpeg-"):
            path.with_name(f"{name}.rgb").write_bytes(picture.tobytes())
            entry |= {"max": LOSSY[0], "mean": LOSSY[1]}
        else:
            entry["sha256"] = hashlib.sha256(picture.tobytes()).hexdigest()
        index.append(entry)
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in index)
    (FOLDER / "index.json").write_text(f"[\n{lines}\n]\n")


main()
