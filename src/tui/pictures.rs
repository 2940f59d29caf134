//! Pictures made of terminal cells, decoded and fitted on a thread of their own; only the newest request counts.

use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};
use image::imageops::FilterType;
use image::{DynamicImage, RgbImage};
use ratatui::layout::Size;
use ratatui_image::protocol::Protocol;
use ratatui_image::protocol::halfblocks::Halfblocks;

use crate::workbench::PictureSource;

/// The picture of one image at one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PictureKey {
    /// An index into the session's images.
    pub image: usize,
    /// The cells it may fill.
    pub size: Size,
}

/// The pictures that are made.
#[derive(Debug, Default)]
pub struct PictureCache(std::collections::HashMap<PictureKey, Result<Picture, String>>);

impl PictureCache {
    /// A picture, or why there is none; nothing while it is not made.
    pub fn get(&self, key: &PictureKey) -> Option<&Result<Picture, String>> {
        self.0.get(key)
    }

    /// Takes a picture.
    pub fn insert(&mut self, key: PictureKey, picture: Result<Picture, String>) {
        self.0.insert(key, picture);
    }

    /// These are on the screen.
    pub fn touch(&mut self, _keys: &[PictureKey]) {}
}

impl Picture {
    /// Whether it is made of coloured cells.
    pub fn needs_colors(&self) -> bool {
        true
    }

    /// The cells it fills.
    pub fn size(&self) -> Size {
        self.protocol.size()
    }
}

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
    requests: Sender<Vec<(PictureKey, PictureSource)>>,
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

    /// Asks for pictures; earlier requests that were not begun are dropped.
    pub fn want(&self, wanted: Vec<(PictureKey, PictureSource)>) {
        // The thread ends only with this sender: a failed send means that the program is ending.
        let _ended = self.requests.send(wanted);
    }
}

fn serve(
    requests: &Receiver<Vec<(PictureKey, PictureSource)>>,
    ready: &impl Fn(PictureKey, Result<Picture, String>),
) {
    let mut wanted = Vec::new().into_iter();
    loop {
        while let Ok(newer) = requests.try_recv() {
            wanted = newer.into_iter();
        }
        let Some((key, source)) = wanted.next() else {
            match requests.recv() {
                Ok(newer) => wanted = newer.into_iter(),
                Err(_) => return,
            }
            continue;
        };
        let source: PictureSource = source;
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
}
