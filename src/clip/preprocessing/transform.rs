//! From a picture to pixel values, as `preprocessor_config.json` or open_clip's `preprocess_cfg` says.
//!
//! The shorter side is resized in 8-bit pixels with antialiasing. The centre crop's offset is (side − S) / 2, whose halves
//! OpenAI's CLIP and open_clip round to even and transformers rounds down, which moves some pictures by one pixel: each form's
//! pictures are cut as its reference does it.

use std::fmt::Write as _;

use image::RgbImage;
use serde_json::Value;

use super::resize::{Resample, Window, resize};
use crate::clip::config::clip_config::Family;
use crate::clip::config::json_section::{Section, Wrong, whole};
use crate::clip::config::keys::{self, Place};
use crate::clip::error::ClipError;
use crate::clip::files::{CheckpointFile, CheckpointSource};

/// How pictures become pixel values.
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocessing {
    image_size: usize,
    /// `None` leaves pictures in their size.
    resize: Option<Resize>,
    resample: Resample,
    rounding: CropRounding,
    /// What pixel values 0 to 255 become, per channel.
    rescale_factor: f64,
    mean: [f64; 3],
    std: [f64; 3],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resize {
    /// The shorter side to this many pixels; the aspect ratio stays.
    ShortestEdge(usize),
    /// The longer side to the model's image size; the aspect ratio stays, and this grey level fills up the shorter.
    LongestEdge { fill: u8 },
    /// To exactly the model's image size.
    Exact,
}

/// Where a centre crop begins that cannot be in the centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CropRounding {
    /// At the even one of the two places (Python's `round`, in torchvision's `center_crop`).
    Even,
    /// At the first of them (`int`, in transformers' `center_crop`).
    Down,
}

/// Where it is said how pictures are treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreprocessingOrigin {
    /// In this file of the checkpoint.
    File(String),
    /// Nowhere: it is the one that the family was trained with.
    FamilyDefault,
}

impl std::fmt::Display for PreprocessingOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(name) => f.write_str(name),
            Self::FamilyDefault => f.write_str("the family's default"),
        }
    }
}

/// Mean and standard deviation of OpenAI's training pictures (github.com/openai/CLIP, `clip.py`).
const CLIP_MEAN: [f64; 3] = [0.48145466, 0.4578275, 0.40821073];
const CLIP_STD: [f64; 3] = [0.26862954, 0.26130258, 0.27577711];
const CLIP_RESCALE_FACTOR: f64 = 1.0 / 255.0;

/// Mean and standard deviation of SigLIP's pixels, likewise (`IMAGENET_STANDARD_MEAN` of transformers).
const SIGLIP_CENTRE: [f64; 3] = [0.5; 3];

/// `preprocess_cfg` of open_clip; what is `None` has its default.
#[derive(Debug, Clone, Default)]
pub(in crate::clip) struct OpenClipPicture {
    pub mean: Option<[f64; 3]>,
    pub std: Option<[f64; 3]>,
    pub interpolation: Option<String>,
    pub resize_mode: Option<String>,
    pub fill_color: Option<usize>,
}

impl Preprocessing {
    /// Changes whenever the same picture file and configuration give other pixel values than before, decoding included: a
    /// part of every cache key of an image embedding, and of what is remembered of files.
    pub const VERSION: u32 = 3;

    /// CLIP's own: bicubic to the shorter side, centre crop, CLIP's mean and standard deviation.
    pub(in crate::clip) fn clip(image_size: usize) -> Self {
        Self {
            image_size,
            resize: Some(Resize::ShortestEdge(image_size)),
            resample: Resample::Bicubic,
            rounding: CropRounding::Even,
            rescale_factor: CLIP_RESCALE_FACTOR,
            mean: CLIP_MEAN,
            std: CLIP_STD,
        }
    }

    /// SigLIP's own: bicubic to exactly the image size, pixel values from −1 to 1.
    pub(in crate::clip) fn siglip(image_size: usize) -> Self {
        Self {
            resize: Some(Resize::Exact),
            mean: SIGLIP_CENTRE,
            std: SIGLIP_CENTRE,
            ..Self::clip(image_size)
        }
    }

    /// open_clip's for evaluation (`image_transform` in its `transform.py`). Its `size` does not count there: the model's
    /// `image_size` does.
    ///
    /// # Errors
    /// The key, and what is wrong with its value.
    pub(in crate::clip) fn open_clip(picture: OpenClipPicture, image_size: usize) -> Result<Self, Problem> {
        let clip = Self::clip(image_size);
        let resize = match picture.resize_mode.as_deref() {
            None | Some("shortest") => Resize::ShortestEdge(image_size),
            Some("longest") => {
                let fill = picture.fill_color.unwrap_or(0);
                let fill = u8::try_from(fill)
                    .map_err(|_| ("fill_color", format!("is {fill}; it should be a level from 0 to 255")))?;
                Resize::LongestEdge { fill }
            }
            Some("squash") => Resize::Exact,
            Some(other) => {
                return Err((
                    "resize_mode",
                    format!("is {other:?}; it should be shortest, longest or squash"),
                ));
            }
        };
        let resample = match picture.interpolation.as_deref() {
            // At evaluation, a random filter is the bicubic one.
            None | Some("bicubic" | "random") => Resample::Bicubic,
            Some("bilinear") => Resample::Bilinear,
            Some(other) => {
                return Err(("interpolation", format!("is {other:?}; it should be bicubic or bilinear")));
            }
        };
        let std = picture.std.unwrap_or(CLIP_STD);
        if std.contains(&0.0) {
            return Err(("std", NO_DIVISOR.to_owned()));
        }
        Ok(Self { resize: Some(resize), resample, mean: picture.mean.unwrap_or(CLIP_MEAN), std, ..clip })
    }

    /// The family's own, as transformers does it.
    fn of_family(image_size: usize, family: Family) -> Self {
        let preprocessing = match family {
            Family::Siglip => Self::siglip(image_size),
            Family::Clip | Family::MetaClip2 | Family::ChineseClip | Family::CoCa => Self::clip(image_size),
        };
        Self { rounding: CropRounding::Down, ..preprocessing }
    }

    /// Finds and reads what transformers' files say, with the file that says it: `image_processor` in `processor_config.json`,
    /// which version 5 writes and prefers, or `preprocessor_config.json`. Absent keys have the values of the image processor
    /// that is named, or of the family's where none is; sizes are the model's `image_size`.
    ///
    /// # Errors
    /// Malformed JSON, another model's image processor, keys that are not known, or a result that is not `image_size` ×
    /// `image_size`.
    pub(in crate::clip) fn find(
        source: &CheckpointSource,
        image_size: usize,
        family: Family,
    ) -> Result<(Self, Option<CheckpointFile>), ClipError> {
        for (name, part) in
            [("processor_config.json", Some("image_processor")), ("preprocessor_config.json", None)]
        {
            let Some(file) = source.find(name) else { continue };
            if let Some(preprocessing) = Self::read(&file, part, image_size, family)? {
                return Ok((preprocessing, Some(file)));
            }
        }
        Ok((Self::of_family(image_size, family), None))
    }

    /// Reads a file, or a part of it, which need not be there.
    fn read(
        file: &CheckpointFile,
        part: Option<&str>,
        image_size: usize,
        family: Family,
    ) -> Result<Option<Self>, ClipError> {
        let value: Value = serde_json::from_slice(&file.read()?)
            .map_err(|error| ClipError::Json { file: file.label(), problem: error.to_string() })?;
        let read = || {
            let root = Section::from_value(String::new(), &value)?;
            let section = match part {
                None => Some(root),
                Some(part) => {
                    keys::check(Place::Processor, &root)?;
                    root.section(part)?
                }
            };
            section.map(|section| of_transformers(&section, image_size, family)).transpose()
        };
        read().map_err(|(key, problem)| ClipError::Setting { file: file.label(), key, problem })
    }

    /// Side of the square that [`Self::pixel_values`] gives, in pixels.
    pub fn image_size(&self) -> usize {
        self.image_size
    }

    /// The 8-bit picture that the model sees, `image_size` × `image_size`. Where the picture does not reach, because the
    /// configuration asks for no resizing or only of the longer side, it is black or as the configuration says.
    pub fn resize_and_crop(&self, image: &RgbImage) -> RgbImage {
        let side = self.image_size;
        let fill = match self.resize {
            Some(Resize::LongestEdge { fill }) => fill,
            _ => 0,
        };
        let mut seen = RgbImage::from_pixel(side as u32, side as u32, image::Rgb([fill; 3]));
        let (source_width, source_height) = (image.width() as usize, image.height() as usize);
        if source_width == 0 || source_height == 0 {
            return seen;
        }
        let (width, height) = self.resized(source_width, source_height);
        let (columns, left) = crop(width, side, self.rounding);
        let (rows, top) = crop(height, side, self.rounding);
        let part = resize(image, width, height, &Window { columns, rows }, self.resample);
        if (part.width(), part.height()) == seen.dimensions() {
            return part;
        }
        image::imageops::replace(&mut seen, &part, left as i64, top as i64);
        seen
    }

    /// What [`crate::clip::towers::vision::ImageEncoder::encode`] takes for one picture: `[3, image_size, image_size]`, that is
    /// (pixel / 255 − mean) / std.
    pub fn pixel_values(&self, image: &RgbImage) -> Vec<f32> {
        let seen = self.resize_and_crop(image);
        let mut values = Vec::with_capacity(3 * self.image_size * self.image_size);
        for channel in 0..3 {
            let value =
                |level| (f64::from(level) * self.rescale_factor - self.mean[channel]) / self.std[channel];
            let of_level: Vec<f32> = (0..=u8::MAX).map(|level| value(level) as f32).collect();
            values.extend(seen.pixels().map(|pixel| of_level[usize::from(pixel[channel])]));
        }
        values
    }

    /// In what pictures are treated another way than OpenAI's CLIP treats them for a model of this size: but for the pixel by
    /// which the forms' crops differ, which no published number shows.
    pub fn unlike_clip(&self) -> Vec<&'static str> {
        let clip = Self::clip(self.image_size);
        let parts = [
            (
                (self.resize, self.resample) == (clip.resize, clip.resample),
                "the shorter side is not resized bicubically to the model's size",
            ),
            (self.rescale_factor == clip.rescale_factor, "pixels are not divided by 255"),
            (self.mean == clip.mean, "the mean is not CLIP's"),
            (self.std == clip.std, "the standard deviation is not CLIP's"),
        ];
        parts.into_iter().filter(|(is_alike, _)| !is_alike).map(|(_, problem)| problem).collect()
    }

    /// Everything that decides [`Self::pixel_values`], with [`Self::VERSION`], as text for cache keys.
    pub fn signature(&self) -> String {
        let mut signature = format!("preprocessing {} size {}", Self::VERSION, self.image_size);
        // Writing to a string cannot fail.
        let _ = match self.resize {
            None => write!(signature, " unresized"),
            Some(Resize::ShortestEdge(side)) => {
                write!(signature, " shortest-edge {side} {:?}", self.resample)
            }
            Some(Resize::LongestEdge { fill }) => {
                write!(signature, " longest-edge {:?} fill {fill}", self.resample)
            }
            Some(Resize::Exact) => write!(signature, " exact {:?}", self.resample),
        };
        if self.rounding == CropRounding::Down {
            signature.push_str(" crop-rounded-down");
        }
        let Self { rescale_factor, mean, std, .. } = self;
        let _ = write!(signature, " rescale {rescale_factor:?} mean {mean:?} std {std:?}");
        signature
    }

    /// Width and height before the crop.
    fn resized(&self, width: usize, height: usize) -> (usize, usize) {
        match self.resize {
            None => (width, height),
            Some(Resize::Exact) => (self.image_size, self.image_size),
            Some(Resize::LongestEdge { .. }) => {
                let longest = width.max(height) as f64 / self.image_size as f64;
                let scaled = |length: usize| (length as f64 / longest).round_ties_even().max(1.0) as usize;
                (scaled(width), scaled(height))
            }
            Some(Resize::ShortestEdge(side)) if width <= height => (side, side * height / width),
            Some(Resize::ShortestEdge(side)) => (side * width / height, side),
        }
    }
}

/// Which part of a line of `length` pixels is in a centre crop of `side`, and where in the crop it starts.
fn crop(length: usize, side: usize, rounding: CropRounding) -> (std::ops::Range<usize>, usize) {
    if length <= side {
        return (0..length, (side - length) / 2);
    }
    let surplus = length - side;
    let offset = match rounding {
        CropRounding::Even if surplus % 4 == 3 => surplus / 2 + 1,
        CropRounding::Even | CropRounding::Down => surplus / 2,
    };
    (offset..offset + side, 0)
}

/// A key, and what is wrong with its value.
type Problem = (&'static str, String);

const NO_DIVISOR: &str = "has a 0, by which pixels cannot be divided";

/// What an image processor of transformers is told.
fn of_transformers(section: &Section<'_>, image_size: usize, family: Family) -> Result<Preprocessing, Wrong> {
    let default = Preprocessing::of_family(image_size, processor(section, family)?);
    keys::check(Place::Picture, section)?;
    let flag = |name: &str, usual: bool| match section.map.get(name) {
        None | Some(Value::Null) => Ok(usual),
        Some(_) => section.flag(name),
    };
    let not_the_models = |name: &str, value: &Value| {
        let problem = format!(
            "is {value}, but by the model's configuration it takes {image_size} × {image_size} pixels"
        );
        section.wrong(name, &problem)
    };
    let size = |name: &str| {
        let value = section.map.get(name).filter(|value| !value.is_null());
        let read = |value| PictureSize::read(section, name, value).map(|size| (value, size));
        value.map(read).transpose()
    };
    let cropped = flag("do_center_crop", default.resize != Some(Resize::Exact))?;
    if cropped
        && let Some((value, size)) = size("crop_size")?
        && size != PictureSize::Side(image_size)
        && size != PictureSize::Exact(image_size, image_size)
    {
        return Err(not_the_models("crop_size", value));
    }
    let resize = if flag("do_resize", true)? {
        match size("size")? {
            None => default.resize,
            Some((_, PictureSize::Side(side))) => Some(Resize::ShortestEdge(side)),
            Some((_, PictureSize::Exact(height, width))) if (height, width) == (image_size, image_size) => {
                Some(Resize::Exact)
            }
            Some((value, PictureSize::Exact(..))) => return Err(not_the_models("size", value)),
        }
    } else {
        None
    };
    if !cropped && resize != Some(Resize::Exact) {
        let problem =
            "is false, so pictures keep their aspect ratio, but the model takes squares; make it true";
        return Err(section.wrong("do_center_crop", problem));
    }
    if let Some(Resize::ShortestEdge(side)) = resize
        && side < image_size
    {
        let problem = format!("makes pictures of {side} pixels, the model takes {image_size}");
        return Err(section.wrong("size", &problem));
    }
    let (mean, std) = if flag("do_normalize", true)? {
        let channels = |name: &str, usual| section.channels(name).map(|channels| channels.unwrap_or(usual));
        (channels("image_mean", default.mean)?, channels("image_std", default.std)?)
    } else {
        ([0.0; 3], [1.0; 3])
    };
    if std.contains(&0.0) {
        return Err(section.wrong("image_std", NO_DIVISOR));
    }
    let rescale_factor = match section.map.get("rescale_factor") {
        None | Some(Value::Null) => CLIP_RESCALE_FACTOR,
        Some(value) => value
            .as_f64()
            .ok_or_else(|| section.wrong("rescale_factor", &format!("is {value}; it should be a number")))?,
    };
    let rescale_factor = if flag("do_rescale", true)? { rescale_factor } else { 1.0 };
    Ok(Preprocessing { resize, resample: filter(section)?, rescale_factor, mean, std, ..default })
}

fn filter(section: &Section<'_>) -> Result<Resample, Wrong> {
    let Some(value) = section.map.get("resample").filter(|value| !value.is_null()) else {
        return Ok(Resample::Bicubic);
    };
    let known = match value {
        Value::String(name) => Resample::from_name(name),
        value => value.as_u64().and_then(Resample::from_number),
    };
    known.ok_or_else(|| {
        let problem = format!(
            "is {value}; it is a filter of Pillow's, nearest, lanczos, bilinear, bicubic, box or hamming, or its number from 0 to 5"
        );
        section.wrong("resample", &problem)
    })
}

/// Whose processor this is. Others have other defaults, and read `size` in another way.
fn processor(section: &Section<'_>, family: Family) -> Result<Family, Wrong> {
    let (key, kind) = match (section.word("image_processor_type")?, section.word("feature_extractor_type")?) {
        (Some(kind), _) => ("image_processor_type", kind),
        (None, Some(kind)) => ("feature_extractor_type", kind),
        (None, None) => return Ok(family),
    };
    // The same by other programs.
    let written = kind.strip_suffix("Fast").or(kind.strip_suffix("Pil")).unwrap_or(&kind);
    match written {
        "CLIPImageProcessor" | "CLIPFeatureExtractor" => Ok(Family::Clip),
        "ChineseCLIPImageProcessor" | "ChineseCLIPFeatureExtractor" => Ok(Family::ChineseClip),
        "SiglipImageProcessor" => Ok(Family::Siglip),
        _ => {
            let known = "only CLIPImageProcessor and SiglipImageProcessor are known, so rewrite the file for one of them";
            Err(section.wrong(key, &format!("is {kind:?}; {known}")))
        }
    }
}

/// The forms that `size` and `crop_size` have.
#[derive(Debug, PartialEq, Eq)]
enum PictureSize {
    Side(usize),
    /// Height and width.
    Exact(usize, usize),
}

impl PictureSize {
    fn read(section: &Section<'_>, key: &str, value: &Value) -> Result<Self, Wrong> {
        let number = |value: &Value| whole(value).filter(|side| *side > 0);
        let exact = |height, width| Some(Self::Exact(number(height)?, number(width)?));
        let size = match value {
            Value::Array(sides) => match sides.as_slice() {
                [height, width] => exact(height, width),
                _ => None,
            },
            Value::Object(map) => {
                let said: Vec<(&str, &Value)> = map
                    .iter()
                    .filter(|(_, value)| !value.is_null())
                    .map(|(key, value)| (key.as_str(), value))
                    .collect();
                match said.as_slice() {
                    [("shortest_edge", side)] => number(side).map(Self::Side),
                    [("height", height), ("width", width)] | [("width", width), ("height", height)] => {
                        exact(height, width)
                    }
                    _ => None,
                }
            }
            value => number(value).map(Self::Side),
        };
        size.ok_or_else(|| {
            let forms =
                "a number, {\"shortest_edge\": …}, {\"height\": …, \"width\": …} or a list of the two";
            section.wrong(key, &format!("is {value}; it should be {forms}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clip::files::FileContent;

    fn read_as(json: &'static str, family: Family) -> Result<Preprocessing, ClipError> {
        let content = FileContent::Bytes(json.as_bytes());
        let file = CheckpointFile { name: "preprocessor_config.json".to_owned(), content };
        Preprocessing::read(&file, None, 32, family).map(Option::unwrap)
    }

    fn read(json: &'static str) -> Result<Preprocessing, ClipError> {
        read_as(json, Family::Clip)
    }

    fn siglip() -> Preprocessing {
        Preprocessing::of_family(32, Family::Siglip)
    }

    fn clip() -> Preprocessing {
        Preprocessing::of_family(32, Family::Clip)
    }

    #[test]
    fn siglips_settings() {
        let written = r#"{"image_processor_type": "SiglipImageProcessor", "size": {"height": 32, "width": 32},
            "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "resample": 3}"#;
        for json in [written, r#"{"image_processor_type": "SiglipImageProcessorFast"}"#] {
            assert_eq!(read(json).unwrap(), siglip(), "{json}");
        }
        assert_eq!(read_as("{}", Family::Siglip).unwrap(), siglip());
    }

    #[test]
    fn settings_of_open_clip() {
        let picture = |mode: &str, filter: &str, fill| OpenClipPicture {
            resize_mode: Some(mode.to_owned()),
            interpolation: Some(filter.to_owned()),
            fill_color: fill,
            ..OpenClipPicture::default()
        };
        assert_eq!(
            Preprocessing::open_clip(OpenClipPicture::default(), 32).unwrap(),
            Preprocessing::clip(32)
        );
        let squashed = Preprocessing::open_clip(picture("squash", "bilinear", None), 32).unwrap();
        assert_eq!((squashed.resize, squashed.resample), (Some(Resize::Exact), Resample::Bilinear));
        let longest = Preprocessing::open_clip(picture("longest", "bicubic", Some(9)), 32).unwrap();
        let seen = longest.resize_and_crop(&RgbImage::from_pixel(640, 210, image::Rgb([200; 3])));
        // 210 / 20 = 10.5 rows, rounded to 10, 11 above and below.
        let column: Vec<u8> = (0..32).map(|y| seen.get_pixel(7, y)[0]).collect();
        assert_eq!(column, [[9; 11].as_slice(), &[200; 10], &[9; 11]].concat());
        for (picture, key) in [
            (picture("crop", "bicubic", None), "resize_mode"),
            (picture("squash", "lanczos", None), "interpolation"),
            (picture("longest", "bicubic", Some(256)), "fill_color"),
            (OpenClipPicture { std: Some([0.0; 3]), ..OpenClipPicture::default() }, "std"),
        ] {
            assert_eq!(Preprocessing::open_clip(picture, 32).unwrap_err().0, key);
        }
    }

    #[test]
    fn every_form_of_clips_own_settings_is_the_same() {
        for json in [
            "{}",
            r#"{"size": 32, "crop_size": 32, "resample": 3, "feature_extractor_type": "CLIPFeatureExtractor"}"#,
            r#"{"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}, "do_convert_rgb": true}"#,
            r#"{"image_processor_type": "CLIPImageProcessorFast", "crop_size": {"shortest_edge": 32}}"#,
        ] {
            assert_eq!(read(json).unwrap(), clip(), "{json}");
        }
    }

    #[test]
    fn switches_are_honoured() {
        let picture = RgbImage::from_pixel(50, 40, image::Rgb([51, 102, 255]));
        let values = |json| {
            let values = read(json).unwrap().pixel_values(&picture);
            assert_eq!(values.len(), 3 * 32 * 32);
            [values[0], values[32 * 32], values[2 * 32 * 32]]
        };
        assert_eq!(values(r#"{"do_normalize": false}"#), [0.2, 0.4, 1.0]);
        assert_eq!(values(r#"{"do_normalize": false, "do_rescale": false}"#), [51.0, 102.0, 255.0]);
        assert_eq!(values(r#"{"image_mean": [0, 0, 0], "image_std": [1, 2, 4]}"#), [0.2, 0.2, 0.25]);
        assert_eq!(values(r#"{"do_normalize": false, "rescale_factor": 0.5}"#), [25.5, 51.0, 127.5]);
    }

    #[test]
    fn without_resizing_the_centre_is_cut_out_and_filled_up() {
        let preprocessing = read(r#"{"do_resize": false}"#).unwrap();
        let seen =
            preprocessing.resize_and_crop(&RgbImage::from_fn(40, 9, |x, _| image::Rgb([x as u8, 1, 1])));
        assert_eq!(seen.get_pixel(0, 11), &image::Rgb([4, 1, 1]));
        assert_eq!(seen.get_pixel(31, 19), &image::Rgb([35, 1, 1]));
        assert_eq!(
            (seen.get_pixel(0, 10), seen.get_pixel(0, 20)),
            (&image::Rgb([0; 3]), &image::Rgb([0; 3]))
        );
    }

    #[test]
    fn crop_offsets_are_rounded_as_the_references_do() {
        let offsets =
            |rounding| (10..=18).map(|length| crop(length, 10, rounding).0.start).collect::<Vec<usize>>();
        assert_eq!(offsets(CropRounding::Even), [0, 0, 1, 2, 2, 2, 3, 4, 4]);
        assert_eq!(offsets(CropRounding::Down), [0, 0, 1, 1, 2, 2, 3, 3, 4]);
        for rounding in [CropRounding::Even, CropRounding::Down] {
            assert_eq!((crop(10, 10, rounding), crop(7, 10, rounding)), ((0..10, 0), (0..7, 1)));
        }
    }

    #[test]
    fn the_processors_file_counts_before_that_of_the_pictures() {
        const OTHER: &[u8] = br#"{"resample": 2}"#;
        let found = |files: &'static [(&'static str, &'static [u8])]| {
            let source = CheckpointSource::Embedded { name: "x", files };
            Preprocessing::find(&source, 32, Family::Clip)
        };
        let (both, file) = found(&[
            ("preprocessor_config.json", OTHER),
            (
                "processor_config.json",
                br#"{"image_processor": {"resample": 0}, "processor_class": "CLIPProcessor"}"#,
            ),
        ])
        .unwrap();
        assert_eq!(
            (both.resample, file.unwrap().name.as_str()),
            (Resample::Nearest, "processor_config.json")
        );
        // What version 4 writes says nothing of pictures.
        let (one, file) = found(&[
            ("preprocessor_config.json", OTHER),
            ("processor_config.json", br#"{"processor_class": "CLIPProcessor"}"#),
        ])
        .unwrap();
        assert_eq!(
            (one.resample, file.unwrap().name.as_str()),
            (Resample::Bilinear, "preprocessor_config.json")
        );
        assert_eq!(found(&[]).unwrap(), (clip(), None));
        let message = found(&[("processor_config.json", br#"{"image_processor": {"longest_edge": 3}}"#)]);
        let message = message.unwrap_err().to_string();
        assert!(message.contains("processor_config.json: `image_processor.longest_edge` is 3"), "{message}");
    }

    #[test]
    fn one_number_for_all_channels_names_of_filters_and_lists_of_sides() {
        let json = r#"{"image_mean": 0.5, "image_std": 0.25, "resample": "bilinear", "size": [32, 32], "crop_size": [32, 32]}"#;
        let read = read(json).unwrap();
        assert_eq!((read.mean, read.std, read.resample), ([0.5; 3], [0.25; 3], Resample::Bilinear));
        assert_eq!(read.resize, Some(Resize::Exact));
        assert_eq!(read_as(r#"{"resample": "PIL.Image.BICUBIC"}"#, Family::Clip).ok(), None);
    }

    proptest! {
        /// Whatever the size, the filter's weights add up to one and no pixel outside the picture is read.
        #[test]
        fn one_colour_stays_that_colour(width in 1_u32..300, height in 1_u32..300, number in 0_u64..6, colour: [u8; 3]) {
            let resample = Resample::from_number(number).unwrap();
            let picture = RgbImage::from_pixel(width, height, image::Rgb(colour));
            for resize in [Resize::ShortestEdge(32), Resize::ShortestEdge(40), Resize::Exact] {
                let preprocessing = Preprocessing { resize: Some(resize), resample, ..Preprocessing::clip(32) };
                let expected = RgbImage::from_pixel(32, 32, image::Rgb(colour));
                prop_assert_eq!(preprocessing.resize_and_crop(&picture), expected);
            }
        }
    }

    #[test]
    fn an_empty_picture_is_black() {
        assert_eq!(Preprocessing::clip(32).resize_and_crop(&RgbImage::new(0, 4)), RgbImage::new(32, 32));
    }

    #[test]
    fn a_line_of_pixels_is_a_picture_too() {
        let seen =
            Preprocessing::clip(32).resize_and_crop(&RgbImage::from_pixel(60_000, 1, image::Rgb([9, 8, 7])));
        assert_eq!(seen, RgbImage::from_pixel(32, 32, image::Rgb([9, 8, 7])));
    }

    #[test]
    fn what_is_unlike_clip_is_named() {
        assert!(Preprocessing::clip(32).unlike_clip().is_empty());
        assert!(read("{}").unwrap().unlike_clip().is_empty());
        let other = read(r#"{"resample": 2, "image_mean": [0.5, 0.5, 0.5], "rescale_factor": 1.0}"#).unwrap();
        assert_eq!(other.unlike_clip().len(), 3, "{:?}", other.unlike_clip());
    }

    #[test]
    fn settings_that_cannot_be_used_are_named() {
        for (json, key) in [
            (r#"{"size": "small"}"#, "`size` is \"small\""),
            (r#"{"size": 0}"#, "`size` is 0"),
            (r#"{"size": {"longest_edge": 32}}"#, "`size` is {\"longest_edge\":32}"),
            (r#"{"size": 30}"#, "`size` makes pictures of 30"),
            (r#"{"size": {"height": 32, "width": 48}}"#, "`size` is"),
            (r#"{"crop_size": 24}"#, "`crop_size` is 24"),
            (r#"{"do_center_crop": false}"#, "`do_center_crop` is false"),
            (r#"{"resample": 9}"#, "`resample` is 9"),
            (r#"{"image_std": [1, 0, 1]}"#, "`image_std` has a 0"),
            (
                r#"{"image_processor_type": "ViTImageProcessor"}"#,
                "`image_processor_type` is \"ViTImageProcessor\"",
            ),
            (r#"{"image_mean": "5"}"#, "`image_mean` is \"5\"; it should be three numbers"),
            (r#"{"size": {"shortest_edge": 32, "longest_edge": 64}}"#, "`size` is"),
            (r#"{"longest_edge": 32}"#, "`longest_edge` is 32, but it is not known"),
            (r#"{"do_pad": true}"#, "`do_pad` is true"),
        ] {
            let message = read(json).unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        }
    }

    #[test]
    fn signatures_differ_where_results_do() {
        let signatures: std::collections::HashSet<String> = [
            "{}",
            r#"{"size": 36}"#,
            r#"{"size": {"height": 32, "width": 32}}"#,
            r#"{"resample": 2}"#,
            r#"{"do_resize": false}"#,
            r#"{"do_rescale": false}"#,
            r#"{"do_normalize": false}"#,
            r#"{"image_std": [0.5, 0.5, 0.5]}"#,
        ]
        .into_iter()
        .map(|json| read(json).unwrap().signature())
        .collect();
        assert_eq!(signatures.len(), 8);
    }
}
