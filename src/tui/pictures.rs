//! Pictures made of terminal cells, decoded and fitted on a thread of their own; only the newest request counts.

use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};
use image::imageops::FilterType;
use image::{DynamicImage, RgbImage};
use ratatui::layout::Size;
use ratatui_image::protocol::Protocol;
use ratatui_image::protocol::halfblocks::Halfblocks;

use super::state::PictureKey;
use crate::workbench::PictureSource;

/// A picture ready to be drawn.
pub struct Picture {
    /// What ratatui-image draws; other graphics protocols are other variants of it.
    pub protocol: Protocol,
    /// Width and height of the file, in pixels.
    pub pixels: (u32, u32),
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Picture").field("pixels", &self.pixels).finish_non_exhaustive()
    }
}

/// How many cells of `room` a picture of `width` × `height` pixels takes when it is as large as fits; a cell shows two
/// pixels, one above the other.
pub fn fitted_cells(width: u32, height: u32, room: Size) -> Size {
    if width == 0 || height == 0 || room.width == 0 || room.height == 0 {
        return Size::ZERO;
    }
    let scale =
        (f64::from(room.width) / f64::from(width)).min(2.0 * f64::from(room.height) / f64::from(height));
    let columns = (f64::from(width) * scale).round().clamp(1.0, f64::from(room.width));
    let rows = (f64::from(height) * scale / 2.0).round().clamp(1.0, f64::from(room.height));
    Size::new(columns as u16, rows as u16)
}

/// Fits a picture to its cells.
///
/// The protocol is built directly: ratatui-image's picker would change the user's tmux settings.
pub fn fit(image: RgbImage, room: Size) -> Result<Picture, String> {
    let pixels = image.dimensions();
    let cells = fitted_cells(pixels.0, pixels.1, room);
    let (columns, rows) = (u32::from(cells.width), 2 * u32::from(cells.height));
    let filter = if columns > pixels.0 { FilterType::Nearest } else { FilterType::Triangle };
    let fitted = image::imageops::resize(&image, columns.max(1), rows.max(1), filter);
    let halfblocks =
        Halfblocks::new(DynamicImage::ImageRgb8(fitted), cells).map_err(|error| error.to_string())?;
    Ok(Picture { protocol: Protocol::Halfblocks(halfblocks), pixels })
}

/// The thread that makes pictures.
#[derive(Debug)]
pub struct PictureThread {
    requests: Sender<(PictureKey, PictureSource)>,
}

impl PictureThread {
    /// Starts it; `ready` is called on it with each result.
    pub fn start(
        ready: impl Fn(PictureKey, Result<Picture, String>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (requests, receiver) = unbounded();
        thread::Builder::new().name("job-pictures".into()).spawn(move || serve(&receiver, &ready))?;
        Ok(Self { requests })
    }

    /// Asks for a picture; earlier requests that were not begun are dropped.
    pub fn request(&self, key: PictureKey, source: PictureSource) {
        // The thread ends only with this sender: a failed send means that the program is ending.
        let _ended = self.requests.send((key, source));
    }
}

fn serve(
    requests: &Receiver<(PictureKey, PictureSource)>,
    ready: &impl Fn(PictureKey, Result<Picture, String>),
) {
    while let Ok(mut request) = requests.recv() {
        while let Ok(newer) = requests.try_recv() {
            request = newer;
        }
        let (key, source) = request;
        let picture =
            source.decode().map_err(|error| error.to_string()).and_then(|image| fit(image, key.size));
        ready(key, picture);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_square_takes_twice_as_many_columns_as_rows() {
        assert_eq!(fitted_cells(32, 32, Size::new(80, 10)), Size::new(20, 10));
        assert_eq!(fitted_cells(32, 32, Size::new(10, 80)), Size::new(10, 5));
        assert_eq!(fitted_cells(4000, 10, Size::new(40, 10)), Size::new(40, 1));
        assert_eq!(fitted_cells(0, 10, Size::new(40, 10)), Size::ZERO);
    }

    proptest! {
        #[test]
        fn it_always_fits(width in 1u32..9000, height in 1u32..9000, columns in 1u16..300, rows in 1u16..100) {
            let cells = fitted_cells(width, height, Size::new(columns, rows));
            prop_assert!(cells.width >= 1 && cells.width <= columns);
            prop_assert!(cells.height >= 1 && cells.height <= rows);
        }
    }

    #[test]
    fn only_the_newest_waiting_request_is_served() {
        let (requests, receiver) = unbounded();
        let pixels = |value| {
            PictureSource::Pixels(std::sync::Arc::new(RgbImage::from_pixel(4, 4, image::Rgb([value; 3]))))
        };
        for image in 0..5 {
            requests.send((PictureKey { image, size: Size::new(4, 2) }, pixels(image as u8))).unwrap();
        }
        drop(requests);
        let (done, results) = unbounded();
        serve(&receiver, &|key, picture| done.send((key.image, picture.is_ok())).unwrap());
        assert_eq!(results.try_iter().collect::<Vec<_>>(), [(4, true)]);
    }
}
