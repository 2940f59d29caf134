//! Which pictures the screen shows, and how large.

use super::*;

impl State {
    /// The key of an image's picture in a room of cells.
    pub fn picture_key(&self, image: usize, size: Size) -> PictureKey {
        PictureKey { image, size, cell: self.graphics.cell }
    }

    /// The pictures on the screen, each at the size of its place.
    pub fn visible_pictures(&self) -> Vec<PictureKey> {
        if self.session.is_none() || self.graphics.protocol == PictureProtocol::Off {
            return Vec::new();
        }
        let body = layout::body(self.size);
        let key = |image: usize, size: Size| self.picture_key(image, size);
        let mut keys: Vec<PictureKey> = match self.place() {
            place @ (Context::Inspector | Context::Explanation) => {
                let size = layout::inspector(body, place == Context::Explanation).picture.as_size();
                self.images.current().map(|image| key(image, size)).into_iter().collect()
            }
            Context::Gallery => {
                let gallery = layout::gallery(body);
                let first = gallery.first(self.images.selected, self.images.list.len());
                let shown = self.images.list.iter().skip(first).take(gallery.tiles());
                shown.enumerate().map(|(at, &image)| key(image, gallery.tile(at).0.as_size())).collect()
            }
            _ => Vec::new(),
        };
        keys.retain(|key| key.size.width > 0 && key.size.height > 0);
        keys
    }
}
