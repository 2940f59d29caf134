//! Figures before all images are embedded: in an order that is spread over the classes, the first hundred already say where it
//! goes.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::evaluation::{Classifier, Matrix, evaluate, wilson_interval};
use crate::workbench::error::WorkbenchError;

/// Images that are evaluated together.
const TOGETHER: usize = 100;

/// What strategies come to on the images that are embedded so far.
#[derive(Debug, Clone, PartialEq)]
pub struct FirstFigures {
    /// Images so far, some of each class.
    pub images: usize,
    /// All of them.
    pub total: usize,
    /// Those whose classifier can be made before all images are there.
    pub strategies: Vec<FirstFigure>,
}

/// One strategy so far.
#[derive(Debug, Clone, PartialEq)]
pub struct FirstFigure {
    /// The strategy.
    pub name: String,
    /// From 0 to 1.
    pub top1: f64,
    /// The 95 % interval of it, from 0 to 1; see [`wilson_interval`].
    pub interval: (f64, f64),
}

impl std::fmt::Display for FirstFigures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "top-1 on {}:", self.images)?;
        for (at, FirstFigure { name, top1, interval: (low, high) }) in self.strategies.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma} {name} {:.1} % ({:.0} to {:.0})", 100.0 * top1, 100.0 * low, 100.0 * high)?;
        }
        Ok(())
    }
}

/// Makes classifiers, each with its strategy's name.
type Classifiers<'a> = &'a dyn Fn() -> Result<Vec<(String, Classifier)>, WorkbenchError>;

/// Evaluates images as they come.
pub(in crate::workbench) struct Watcher<'a> {
    labels: &'a [usize],
    logit_scale: f32,
    /// Makes the classifiers, each with its strategy's name; asked once there are images for them.
    classifiers: Classifiers<'a>,
    /// Each with its name, and how many of its answers were right.
    strategies: Option<Vec<(String, Classifier, usize)>>,
    notify: &'a dyn Fn(FirstFigures),
    images: usize,
    rows: Vec<Vec<f32>>,
    labels_of_rows: Vec<usize>,
}

impl<'a> Watcher<'a> {
    /// `labels` are those of all images, `[n_images]`.
    pub(in crate::workbench) fn new(
        labels: &'a [usize],
        logit_scale: f32,
        classifiers: Classifiers<'a>,
        notify: &'a dyn Fn(FirstFigures),
    ) -> Self {
        let (rows, labels_of_rows) = (Vec::new(), Vec::new());
        Self { labels, logit_scale, classifiers, strategies: None, notify, images: 0, rows, labels_of_rows }
    }

    /// An image's raw embedding, `[dim]`.
    ///
    /// # Errors
    /// What prevents evaluating it.
    pub(in crate::workbench) fn take(
        &mut self,
        image: usize,
        embedding: &[f32],
    ) -> Result<(), WorkbenchError> {
        self.rows.push(embedding.to_vec());
        self.labels_of_rows.push(self.labels[image]);
        if self.rows.len() < TOGETHER {
            return Ok(());
        }
        let rows = Matrix::from_rows(&std::mem::take(&mut self.rows))?.normalised();
        let labels = std::mem::take(&mut self.labels_of_rows);
        self.images += labels.len();
        let strategies = match &mut self.strategies {
            Some(strategies) => strategies,
            none => {
                let made = (self.classifiers)()?.into_iter();
                none.insert(made.map(|(name, classifier)| (name, classifier, 0)).collect())
            }
        };
        let mut figures = Vec::with_capacity(strategies.len());
        for (name, classifier, correct) in strategies {
            let evaluation = evaluate(&rows, &labels, classifier, self.logit_scale, 1)?;
            *correct += (0..labels.len()).filter(|&image| evaluation.is_correct(image)).count();
            figures.push(FirstFigure {
                name: name.clone(),
                top1: *correct as f64 / self.images as f64,
                interval: wilson_interval(*correct, self.images),
            });
        }
        if !figures.is_empty() {
            (self.notify)(FirstFigures {
                images: self.images,
                total: self.labels.len(),
                strategies: figures,
            });
        }
        Ok(())
    }
}

/// All images, `[n_images]`, in an order whose every beginning has the classes in their shares, as well as that can be: drawn
/// at random within each class, always in the same way.
pub(in crate::workbench) fn spread_over_classes(labels: &[usize], n_classes: usize) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut of_class = vec![Vec::new(); n_classes];
    for (image, &label) in labels.iter().enumerate() {
        of_class[label].push((random.next_u64(), image));
    }
    let mut order = Vec::with_capacity(labels.len());
    for (class, images) in of_class.iter_mut().enumerate() {
        images.sort_unstable();
        let places = images.len();
        // The place of an image among all, as a share of them.
        order.extend(
            images
                .iter()
                .enumerate()
                .map(|(at, &(_, image))| ((2 * at + 1) as f64 / places as f64, class, image)),
        );
    }
    order.sort_unstable_by(|(x, x_class, _), (y, y_class, _)| x.total_cmp(y).then(x_class.cmp(y_class)));
    order.into_iter().map(|(_, _, image)| image).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::prelude::*;

    use super::*;
    use crate::prompts::Aggregation;

    #[test]
    fn figures_come_with_every_hundred_images() {
        let labels: Vec<usize> = (0..250).map(|image| image % 2).collect();
        let axes = [[1.0, 0.0], [0.0, 1.0]].map(|row| Matrix::from_rows(&[row]).unwrap());
        let classifiers = || Ok(vec![("axes".to_owned(), Classifier::build(Aggregation::Mean, &axes)?)]);
        let said = RefCell::new(Vec::new());
        let notify = |figures| said.borrow_mut().push(figures);
        let mut watcher = Watcher::new(&labels, 3.0, &classifiers, &notify);
        for image in (0..250).rev() {
            // One image of ten lies on the other side.
            let side = if image % 10 == 0 { 1 - labels[image] } else { labels[image] };
            watcher.take(image, &[[2.0, 0.1], [0.1, 2.0]][side]).unwrap();
        }
        let said = said.into_inner();
        let figures: Vec<_> =
            said.iter().map(|said| (said.images, said.total, said.strategies[0].top1)).collect();
        assert_eq!(figures, [(100, 250, 0.9), (200, 250, 0.9)]);
        assert_eq!(said[0].to_string(), "top-1 on 100: axes 90.0 % (83 to 94)");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn every_beginning_has_the_classes_in_their_shares(labels in prop::collection::vec(0usize..6, 1..300)) {
            let order = spread_over_classes(&labels, 6);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..labels.len()).collect::<Vec<_>>());
            let of = |images: &[usize], class: usize| images.iter().filter(|&&image| labels[image] == class).count() as f64;
            for end in 1..=order.len() {
                for class in 0..6 {
                    let wanted = of(&order, class) * end as f64 / order.len() as f64;
                    prop_assert!((of(&order[..end], class) - wanted).abs() <= 3.5, "{} of class {}", end, class);
                }
            }
        }
    }
}
