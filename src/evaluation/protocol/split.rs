//! Images in two parts: what is chosen on one is measured on the other.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Uniform};

/// Indices of images, each in one of the two parts, in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// To choose on.
    pub development: Vec<usize>,
    /// To measure on.
    pub rest: Vec<usize>,
}

/// Takes a `share` of the images of each class, from 0 to 1, for development; `labels`, `[n_images]`, are below
/// `n_classes`. Of a class, that is its share rounded down, or up where the classes before it still miss half an image;
/// one image at least stays in the rest. Which images they are depends on the `seed` alone, on every machine.
pub fn split(labels: &[usize], n_classes: usize, share: f64, seed: u64) -> Split {
    let mut of_class = vec![Vec::new(); n_classes];
    for (image, &label) in labels.iter().enumerate() {
        of_class[label].push(image);
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut is_development = vec![false; labels.len()];
    let mut missing = 0.0;
    for images in of_class.iter_mut().filter(|images| images.len() > 1) {
        let exact = share * images.len() as f64;
        missing += exact.fract();
        let extra = missing >= 0.5;
        missing -= f64::from(u8::from(extra));
        let take = (exact as usize + usize::from(extra)).min(images.len() - 1);
        for at in 0..take {
            // There is always an image left to take.
            let other = Uniform::new(at, images.len()).map_or(at, |left| left.sample(&mut random));
            images.swap(at, other);
            is_development[images[at]] = true;
        }
    }
    let (development, rest) = (0..labels.len()).partition(|&image| is_development[image]);
    Split { development, rest }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_the_same_on_every_machine() {
        let labels: Vec<usize> = (0..20).map(|image| image % 3).collect();
        assert_eq!(split(&labels, 3, 0.5, 0).development, [0, 2, 3, 5, 10, 12, 13, 15, 16, 17]);
        assert_eq!(split(&labels, 3, 0.5, 1).development, [0, 3, 4, 5, 9, 10, 11, 13, 17, 18]);
    }

    #[test]
    fn classes_of_three_are_halved_together() {
        let labels: Vec<usize> = (0..300).map(|image| image / 3).collect();
        assert_eq!(split(&labels, 100, 0.5, 0).development.len(), 150);
    }

    proptest! {
        #[test]
        fn every_class_gives_its_share(labels in prop::collection::vec(0usize..7, 0..200), share in 0.0..1.0, seed: u64) {
            let Split { development, rest } = split(&labels, 8, share, seed);
            let mut all: Vec<usize> = development.iter().chain(&rest).copied().collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
            for class in 0..8 {
                let of = |part: &[usize]| part.iter().filter(|&&image| labels[image] == class).count();
                let (chosen, images) = (of(&development), of(&development) + of(&rest));
                prop_assert!(images == 0 || chosen < images);
                prop_assert!((chosen as f64 - share * images as f64).abs() <= 1.0);
            }
            prop_assert_eq!(&split(&labels, 8, share, seed).rest, &rest);
        }
    }
}
