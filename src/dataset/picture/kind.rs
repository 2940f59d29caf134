//! What a file is, by its first bytes.

use super::error::PictureError;

/// A format that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bmp,
    Gif,
    Jpeg,
    Png,
    Pnm,
    Tiff,
    WebP,
}

impl Kind {
    /// Recognises a file as Pillow does.
    ///
    /// # Errors
    /// When it is empty, no picture, or something that is known but not read here: then its name and a remedy.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Kind, PictureError> {
        if bytes.is_empty() {
            return Err(PictureError::Empty);
        }
        match bytes {
            [0xff, 0xd8, 0xff, ..] => return Ok(Kind::Jpeg),
            [b'P', b'0'..=b'6' | b'f' | b'y', ..] => return Ok(Kind::Pnm),
            _ if bytes.starts_with(b"\x89PNG\r\n\x1a\n") => return Ok(Kind::Png),
            _ if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") => return Ok(Kind::Gif),
            _ if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") => return Ok(Kind::WebP),
            _ => {}
        }
        if let Some(foreign) = Foreign::from_bytes(bytes) {
            return Err(PictureError::Foreign { format: foreign.format, remedy: foreign.remedy });
        }
        match bytes {
            [b'I', b'I', 42 | 43, 0, ..] | [b'I', b'I', 0, 42, ..] => Ok(Kind::Tiff),
            [b'M', b'M', 0, 42 | 43, ..] | [b'M', b'M', 42, 0, ..] => Ok(Kind::Tiff),
            // The second is the same without a file header.
            [b'B', b'M', ..] | [12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0, ..] => Ok(Kind::Bmp),
            _ => Err(PictureError::NotAPicture),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Bmp => "BMP",
            Kind::Gif => "GIF",
            Kind::Jpeg => "JPEG",
            Kind::Png => "PNG",
            Kind::Pnm => "PNM",
            Kind::Tiff => "TIFF",
            Kind::WebP => "WebP",
        }
    }
}

/// Whether bytes begin a picture that is read here, by marks that no text begins with.
pub(in crate::dataset) fn is_start_of_picture(bytes: &[u8]) -> bool {
    matches!(Kind::from_bytes(bytes), Ok(Kind::Gif | Kind::Jpeg | Kind::Png | Kind::Tiff | Kind::WebP))
}

/// What is often met where a picture should be, and is not read here.
#[derive(Debug, Clone, Copy)]
struct Foreign {
    format: &'static str,
    remedy: &'static str,
}

/// A camera's own format, which begins as a TIFF does.
pub(super) fn raw_photo(format: &'static str) -> PictureError {
    PictureError::Foreign { format, remedy: RAW_REMEDY }
}

const RAW_REMEDY: &str = "develop it into a JPEG or TIFF, for example with darktable-cli or dcraw";
const HEIC_REMEDY: &str = "convert it, for example with `heif-convert a.heic a.png`";
const AVIF_REMEDY: &str = "convert it, for example with `avifdec a.avif a.png`";
const JPEG_2000_REMEDY: &str = "convert it, for example with `opj_decompress -i a.jp2 -o a.png`";
const JPEG_XL_REMEDY: &str = "convert it, for example with `djxl a.jxl a.png`";
const VIDEO_REMEDY: &str = "take a frame out of it, for example with `ffmpeg -i a.mp4 -frames:v 1 a.png`";
const CONVERT_REMEDY: &str = "convert it to PNG, for example with ImageMagick's `magick`";

impl Foreign {
    fn from_bytes(bytes: &[u8]) -> Option<Foreign> {
        let known = |format, remedy| Some(Foreign { format, remedy });
        if let Some(brands) = brands(bytes) {
            return match brands {
                Brands::Avif => known("AVIF", AVIF_REMEDY),
                Brands::Heic => known("HEIC", HEIC_REMEDY),
                Brands::CanonRaw => known("Canon RAW (CR3)", RAW_REMEDY),
                Brands::Video => known("a video", VIDEO_REMEDY),
            };
        }
        let begins = |magic: &[u8]| bytes.starts_with(magic);
        match () {
            () if begins(b"\0\0\0\x0cjP  \r\n\x87\n") || begins(b"\xff\x4f\xff\x51") => {
                known("JPEG 2000", JPEG_2000_REMEDY)
            }
            () if begins(b"\xff\x0a") || begins(b"\0\0\0\x0cJXL \r\n\x87\n") => {
                known("JPEG XL", JPEG_XL_REMEDY)
            }
            () if bytes.get(8..10) == Some(b"CR") && begins(b"II*\0") => known("Canon RAW (CR2)", RAW_REMEDY),
            () if begins(b"FUJIFILMCCD-RAW") => known("Fujifilm RAW (RAF)", RAW_REMEDY),
            () if begins(b"IIRO") || begins(b"IIRS") || begins(b"MMOR") => {
                known("Olympus RAW (ORF)", RAW_REMEDY)
            }
            () if begins(b"IIU\0") => known("Panasonic RAW (RW2)", RAW_REMEDY),
            () if begins(b"FOVb") => known("Sigma RAW (X3F)", RAW_REMEDY),
            () if begins(b"8BPS") => known("PSD", CONVERT_REMEDY),
            () if begins(b"\x93NUMPY") => known(
                "a NumPy array (.npy)",
                "save its pixels as pictures, for example with `PIL.Image.fromarray(array).save(\"a.png\")`",
            ),
            () if begins(b"\0\0\x01\0") && bytes.get(4..6) != Some(b"\0\0") => known("ICO", CONVERT_REMEDY),
            () if begins(b"DDS ") => known("DDS", CONVERT_REMEDY),
            () if begins(b"qoif") => known("QOI", CONVERT_REMEDY),
            () if begins(b"v/1\x01") => known("OpenEXR", CONVERT_REMEDY),
            () if begins(b"#?RADIANCE") || begins(b"#?RGBE") => known("Radiance HDR", CONVERT_REMEDY),
            () if begins(b"P7\n") => known("PAM", CONVERT_REMEDY),
            () if begins(b"II\xbc") => known("JPEG XR", CONVERT_REMEDY),
            () if begins(b"%PDF-") => {
                known("PDF", "export its pages, for example with `pdftoppm -png a.pdf a`")
            }
            () if begins(b"%!PS") || begins(b"\xc5\xd0\xd3\xc6") => known("PostScript", CONVERT_REMEDY),
            () if begins(b"\x1f\x8b") => known("gzip", "unpack it with `gunzip`"),
            () if begins(b"\x1aE\xdf\xa3") => known("a video", VIDEO_REMEDY),
            () if begins(b"version https://git-lfs.github.com/spec/") => {
                known("a pointer of Git LFS", "fetch the picture that it stands for with `git lfs pull`")
            }
            () => match first_element(bytes)? {
                Element::Svg => {
                    known("SVG", "draw it as pixels, for example with `rsvg-convert a.svg -o a.png`")
                }
                Element::Page => known(
                    "a web page",
                    "it is what a server answered instead of the picture: download it again",
                ),
            },
        }
    }
}

enum Brands {
    Avif,
    Heic,
    CanonRaw,
    Video,
}

/// What the `ftyp` box of an ISO base media file says: the main brand, and for its general ones the compatible ones.
fn brands(bytes: &[u8]) -> Option<Brands> {
    if bytes.get(4..8) != Some(b"ftyp") {
        return None;
    }
    let length = bytes.first_chunk().map_or(0, |length| u32::from_be_bytes(*length) as usize);
    let all = bytes.get(8..length.clamp(12, 256).min(bytes.len())).unwrap_or_default();
    // Between the main brand and the compatible ones lies a version.
    let (main, others) = (all.get(..4).unwrap_or_default(), all.get(8..).unwrap_or_default());
    let has = |wanted: &[&[u8]]| {
        wanted.contains(&main) || others.chunks_exact(4).any(|brand| wanted.contains(&brand))
    };
    Some(if main == b"crx " {
        Brands::CanonRaw
    } else if has(&[b"avif", b"avis"]) {
        Brands::Avif
    } else if has(&[
        b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2",
    ]) {
        Brands::Heic
    } else {
        Brands::Video
    })
}

enum Element {
    Svg,
    Page,
}

/// Which of these the first element of a text of markup is, behind comments, declarations and processing instructions.
fn first_element(bytes: &[u8]) -> Option<Element> {
    let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    loop {
        rest = rest.trim_ascii_start();
        let name = rest.strip_prefix(b"<")?;
        let is =
            |wanted: &[u8]| name.get(..wanted.len()).is_some_and(|name| name.eq_ignore_ascii_case(wanted));
        if is(b"svg") {
            return Some(Element::Svg);
        }
        if is(b"html") || is(b"head") || is(b"!doctype html") {
            return Some(Element::Page);
        }
        let end: &[u8] = match name {
            [b'!', b'-', b'-', ..] => b"-->",
            [b'!' | b'?', ..] => b">",
            _ => return None,
        };
        let at = name.windows(end.len()).position(|window| window == end)?;
        rest = &name[at + end.len()..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: &[u8]) -> String {
        Kind::from_bytes(bytes).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_read_here_is_named() {
        for (bytes, name) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], "HEIC"),
            (b"\0\0\0\x18ftypheic", "HEIC"),
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
            (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf", "AVIF"),
            (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "Canon RAW (CR3)"),
            (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "a video"),
            (b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ", "JPEG 2000"),
            (b"\xff\x4f\xff\x51\0\x2f", "JPEG 2000"),
            (b"\xff\x0a\xfa\x7f", "JPEG XL"),
            (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
            (b"II*\0\x10\0\0\0CR\x02\0", "Canon RAW (CR2)"),
            (b"8BPS\0\x01", "PSD"),
            (b"\x93NUMPY\x01\0", "a NumPy array (.npy)"),
            (b"\x1f\x8b\x08\0", "gzip"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab", "a pointer of Git LFS"),
            (b"<!DOCTYPE html><html>404</html>", "a web page"),
            (b"\n<HTML>", "a web page"),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "SVG"),
            (
                b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- a > b --><!DOCTYPE svg PUBLIC \"-//W3C\">\n<svg>",
                "SVG",
            ),
        ] {
            let message = message(bytes);
            assert!(message.starts_with(&format!("{name} cannot be read here; ")), "{name}: {message}");
        }
    }

    #[test]
    fn what_is_no_picture_stays_unnamed() {
        for bytes in [&b"a text"[..], b"<", b"<!-- never ends", b"<xml>", b"II", b"P7", b"\0\0\0\0ftyp"] {
            let message = message(bytes);
            assert!(message.starts_with("not a picture") || message.starts_with("a video"), "{message}");
        }
    }
}
