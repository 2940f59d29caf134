//! Pictures that were made, as many as memory allows; those on the screen always stay.

use std::collections::HashMap;

use super::{Picture, PictureKey};

/// Encoded pictures kept, in bytes.
const ROOM: usize = 64 << 20;

/// What a reason for having no picture counts as.
const REASON: usize = 256;

/// Pictures, or the reasons why there are none.
#[derive(Debug)]
pub struct PictureCache {
    entries: HashMap<PictureKey, Entry>,
    /// The numbers of the pictures among them.
    keys: HashMap<u32, PictureKey>,
    /// What is on the screen.
    visible: Vec<PictureKey>,
    /// Counts how often that has changed.
    round: u64,
    bytes: usize,
    room: usize,
}

#[derive(Debug)]
struct Entry {
    picture: Result<Picture, String>,
    /// The last round in which it was on the screen.
    used: u64,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.picture.as_ref().map_or(REASON, Picture::bytes)
    }
}

impl Default for PictureCache {
    fn default() -> Self {
        Self::with_room(ROOM)
    }
}

impl PictureCache {
    fn with_room(room: usize) -> Self {
        Self { entries: HashMap::new(), keys: HashMap::new(), visible: Vec::new(), round: 0, bytes: 0, room }
    }

    /// A picture, or why there is none; nothing while it is being made.
    pub fn get(&self, key: &PictureKey) -> Option<&Result<Picture, String>> {
        self.entries.get(key).map(|entry| &entry.picture)
    }

    /// The picture with a number.
    pub fn with_id(&self, id: u32) -> Option<&Picture> {
        self.get(self.keys.get(&id)?)?.as_ref().ok()
    }

    /// Keeps a picture; those that were on the screen longest ago make room.
    pub fn insert(&mut self, key: PictureKey, picture: Result<Picture, String>) {
        self.remove(&key);
        if let Ok(picture) = &picture {
            self.keys.insert(picture.id(), key);
        }
        // What was asked for, but has left the screen meanwhile, is older than what is there.
        let used = if self.visible.contains(&key) { self.round } else { self.round.saturating_sub(1) };
        let entry = Entry { picture, used };
        self.bytes += entry.bytes();
        self.entries.insert(key, entry);
        while self.bytes > self.room {
            let hidden = self.entries.iter().filter(|(_, entry)| entry.used < self.round);
            let Some(oldest) = hidden.min_by_key(|(_, entry)| entry.used).map(|(key, _)| *key) else {
                return;
            };
            self.remove(&oldest);
        }
    }

    /// Those of the pictures on the screen that are still to be made; to be called with all that are there now.
    pub fn missing(&mut self, visible: &[PictureKey]) -> Vec<PictureKey> {
        if self.visible != visible {
            self.visible = visible.to_vec();
            self.round += 1;
        }
        for key in visible {
            if let Some(entry) = self.entries.get_mut(key) {
                entry.used = self.round;
            }
        }
        visible.iter().filter(|key| !self.entries.contains_key(key)).copied().collect()
    }

    /// The same as `missing` when other pictures than before are on the screen and the makers have to know: some are
    /// missing, or those that were are no longer.
    pub fn newly_wanted(&mut self, visible: &[PictureKey]) -> Option<Vec<PictureKey>> {
        if self.visible == visible {
            return None;
        }
        let were_missing = self.visible.iter().any(|key| !self.entries.contains_key(key));
        let missing = self.missing(visible);
        (were_missing || !missing.is_empty()).then_some(missing)
    }

    /// Forgets all of them: the images are others.
    pub fn clear(&mut self) {
        *self = Self::with_room(self.room);
    }

    fn remove(&mut self, key: &PictureKey) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes();
            if let Ok(picture) = entry.picture {
                self.keys.remove(&picture.id());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::graphics::Graphics;
    use crate::tui::pictures::fit;
    use image::RgbImage;
    use proptest::prelude::*;
    use ratatui::layout::Size;

    fn key(image: usize) -> PictureKey {
        PictureKey { image, size: Size::new(4, 2), cell: (1, 2) }
    }

    fn picture() -> Result<Picture, String> {
        fit(RgbImage::new(4, 4), Size::new(4, 2), &Graphics::HALFBLOCKS)
    }

    /// A cache with room for so many pictures.
    fn cache(pictures: usize) -> PictureCache {
        PictureCache::with_room(pictures * picture().unwrap().bytes())
    }

    fn held(cache: &PictureCache, images: std::ops::Range<usize>) -> Vec<usize> {
        images.filter(|&image| cache.get(&key(image)).is_some()).collect()
    }

    #[test]
    fn the_longest_unseen_makes_room() {
        let mut cache = cache(3);
        for image in 0..3 {
            cache.missing(&[key(image)]);
            cache.insert(key(image), picture());
        }
        assert_eq!(cache.missing(&[key(0)]), []);
        assert_eq!(cache.missing(&[key(3)]), [key(3)]);
        cache.insert(key(3), picture());
        assert_eq!(held(&cache, 0..4), [0, 2, 3]);
    }

    #[test]
    fn what_is_on_the_screen_stays() {
        let mut cache = cache(2);
        let all: Vec<PictureKey> = (0..5).map(key).collect();
        assert_eq!(cache.missing(&all), all);
        for &key in &all {
            cache.insert(key, picture());
        }
        assert_eq!(held(&cache, 0..5), [0, 1, 2, 3, 4]);
        cache.insert(key(9), picture());
        assert_eq!(held(&cache, 0..10), [0, 1, 2, 3, 4], "it came too late");
        cache.missing(&[key(7)]);
        cache.insert(key(7), picture());
        assert_eq!(held(&cache, 0..10).len(), 2);
        assert!(cache.get(&key(7)).is_some());
    }

    #[test]
    fn a_reason_is_kept_as_well() {
        let mut cache = cache(2);
        cache.missing(&[key(0)]);
        cache.insert(key(0), Err("the file is gone".into()));
        assert_eq!(cache.missing(&[key(0)]), []);
        assert!(cache.get(&key(0)).unwrap().is_err());
    }

    #[test]
    fn makers_hear_only_of_changes() {
        let mut cache = cache(9);
        assert_eq!(cache.newly_wanted(&[]), None);
        assert_eq!(cache.newly_wanted(&[key(0), key(1)]), Some(vec![key(0), key(1)]));
        assert_eq!(cache.newly_wanted(&[key(0), key(1)]), None);
        cache.insert(key(0), picture());
        assert_eq!(cache.newly_wanted(&[key(0), key(1)]), None);
        assert_eq!(cache.newly_wanted(&[key(0)]), Some(vec![]), "1 need not be made any more");
        assert_eq!(cache.newly_wanted(&[]), None);
        cache.clear();
        assert_eq!(cache.newly_wanted(&[key(0)]), Some(vec![key(0)]));
    }

    #[test]
    fn pictures_are_found_by_number() {
        let mut cache = cache(9);
        let made = picture().unwrap();
        let id = made.id();
        cache.insert(key(0), Ok(made));
        assert_eq!(cache.with_id(id).map(Picture::id), Some(id));
        cache.insert(key(0), picture());
        assert!(cache.with_id(id).is_none());
    }

    proptest! {
        /// Memory stays bounded, apart from what is on the screen, and is accounted for.
        #[test]
        fn memory_is_bounded(steps in proptest::collection::vec((0usize..20, 0usize..4), 1..60)) {
            let mut cache = cache(5);
            let one = picture().unwrap().bytes();
            for (first, count) in steps {
                let visible: Vec<PictureKey> = (first..first + count).map(key).collect();
                for key in cache.missing(&visible) {
                    cache.insert(key, picture());
                }
                prop_assert_eq!(cache.missing(&visible), vec![]);
                prop_assert!(cache.bytes <= cache.room.max(count * one));
                prop_assert_eq!(cache.bytes, cache.entries.len() * one);
                prop_assert_eq!(cache.keys.len(), cache.entries.len());
            }
        }
    }
}
