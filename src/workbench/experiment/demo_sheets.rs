//! The tile sheets of the embedded demo: per class one PNG with its images side by side.

use std::sync::Arc;

use image::RgbImage;
use image::imageops::crop_imm;

use crate::dataset::{Class, Dataset, DatasetError, DatasetImage, Picture, PictureSource};

/// Width and height of a tile, in pixels.
const TILE: u32 = 32;
/// Tiles in a row of a sheet.
const COLUMNS: u32 = 10;

/// One class of a demo.
#[derive(Debug, Clone, Copy)]
pub(super) struct SheetClass<'a> {
    /// The class name.
    pub name: &'a str,
    /// A picture file of 32×32 tiles, ten in a row, filled row by row.
    pub sheet: &'a [u8],
    /// For each tile, the index of the image in the dataset it was taken from; this names the image.
    pub indices: &'a [u32],
}

/// Cuts sheets into images called like `deer/06214.png`, in the order of the tiles. The classes keep their order.
///
/// # Errors
/// When a sheet does not decode, or is not as large as its indices say.
pub(super) fn from_sheets(name: &str, classes: &[SheetClass<'_>]) -> Result<Dataset, DatasetError> {
    let mut images = Vec::new();
    for (label, class) in classes.iter().enumerate() {
        for (tile, index) in tiles(class)?.into_iter().zip(class.indices) {
            let source = PictureSource::Pixels(Arc::new(tile));
            images.push(DatasetImage { name: format!("{}/{index:05}.png", class.name), label, source });
        }
    }
    let class = |class: &SheetClass<'_>| Class { folder: class.name.to_owned(), name: class.name.to_owned() };
    Ok(Dataset {
        classes: classes.iter().map(class).collect(),
        images,
        ..Dataset::empty(name.to_owned(), "tile sheets of the embedded demo")
    })
}

fn tiles(class: &SheetClass<'_>) -> Result<Vec<RgbImage>, DatasetError> {
    let problem = |problem: String| DatasetError::Sheet { class: class.name.to_owned(), problem };
    let sheet =
        Picture::Encoded(class.sheet.to_vec()).decode().map_err(|error| problem(error.to_string()))?;
    let count = u32::try_from(class.indices.len()).unwrap_or(u32::MAX);
    let wanted = (TILE * COLUMNS, TILE.saturating_mul(count.div_ceil(COLUMNS)));
    if sheet.dimensions() != wanted {
        let (width, height) = sheet.dimensions();
        let (w, h) = wanted;
        return Err(problem(format!("it is {width}×{height} pixels; {count} tiles need {w}×{h}")));
    }
    let tile = |i: u32| crop_imm(&sheet, TILE * (i % COLUMNS), TILE * (i / COLUMNS), TILE, TILE).to_image();
    Ok((0..count).map(tile).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    /// A sheet of `rows` rows whose pixels tell their tile and their place in it.
    fn sheet(rows: u32) -> Vec<u8> {
        let pixel = |x: u32, y: u32| {
            let tile = (y / TILE) * COLUMNS + x / TILE;
            Rgb([u8::try_from(tile).unwrap(), (x % TILE) as u8, (y % TILE) as u8])
        };
        let sheet = RgbImage::from_fn(TILE * COLUMNS, TILE * rows, pixel);
        let mut png = std::io::Cursor::new(Vec::new());
        sheet.write_to(&mut png, image::ImageFormat::Png).unwrap();
        png.into_inner()
    }

    #[test]
    fn tiles_become_images_in_order() {
        let (one, two) = (sheet(1), sheet(2));
        let indices: Vec<u32> = (0..12).map(|i| 6214 + i).collect();
        let classes = [
            SheetClass { name: "deer", sheet: &two, indices: &indices },
            SheetClass { name: "cat", sheet: &one, indices: &[7] },
        ];
        let dataset = from_sheets("demo", &classes).unwrap();
        assert_eq!(dataset.class_names(), ["deer", "cat"]);
        assert_eq!(dataset.images.len(), 13);
        let image = &dataset.images[11];
        assert_eq!((image.name.as_str(), image.label), ("deer/06225.png", 0));
        let pixels = image.source.decode().unwrap();
        assert_eq!(pixels.dimensions(), (32, 32));
        assert_eq!(pixels.get_pixel(5, 9), &Rgb([11, 5, 9]));
        assert_eq!(dataset.images[12].name, "cat/00007.png");
    }

    #[test]
    fn a_sheet_of_another_size_or_none_is_an_error() {
        let one = sheet(1);
        let open = |sheet: &[u8]| {
            let class = SheetClass { name: "deer", sheet, indices: &[0; 11] };
            from_sheets("demo", &[class]).unwrap_err().to_string()
        };
        assert_eq!(open(&one), "the sheet of class \"deer\": it is 320×32 pixels; 11 tiles need 320×64");
        assert_eq!(open(&one[..100]), "the sheet of class \"deer\": truncated PNG");
    }
}
