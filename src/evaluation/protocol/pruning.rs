//! Prompts taken out one after another as long as that helps on labelled images.
//!
//! It fits the prompts to those images, so their accuracy says nothing afterwards: measure on others.
//!
//! Class by class, the prompt goes without which most images are recognised, if that is more than with it; again and
//! again, until no removal gains an image, and all classes again, until nothing changes. While a class is looked at, only
//! its own scores change: for each image, the best of the other classes is worked out once.

use rayon::prelude::*;

use crate::evaluation::EvaluationError;
use crate::evaluation::core::classifier::check as check_prompts;
use crate::evaluation::core::evaluate::check_images;
use crate::evaluation::core::matrix::Matrix;
use crate::evaluation::diagnosis::attribution::dot;
use crate::evaluation::diagnosis::counterfactual::RemovedPrompt;
use crate::prompts::Aggregation;

/// Rounds through all classes: later ones find next to nothing.
const ROUNDS: usize = 4;

/// Takes prompts out of a classifier made of the raw prompt embeddings of each class, `[n_prompts_of_class, dim]`, as long
/// as that raises its top-1 accuracy on `images`, unit rows `[n_images, dim]`, with these `labels`. Every class keeps a
/// prompt. `go_on` is told after each class how many of how many are done in a round; with `false` it ends the search,
/// and what was found so far is returned.
///
/// # Errors
/// [`EvaluationError::WeighsPrompts`], and those of [`Classifier::build`](crate::evaluation::core::classifier::Classifier::build) and
/// [`evaluate`](crate::evaluation::evaluate).
pub fn prune(
    aggregation: Aggregation,
    prompts_per_class: &[Matrix],
    images: &Matrix,
    labels: &[usize],
    go_on: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Vec<RemovedPrompt>, EvaluationError> {
    if aggregation.weighs_prompts() {
        return Err(EvaluationError::WeighsPrompts { aggregation });
    }
    let n_classes = prompts_per_class.len();
    check_images(images, labels, n_classes)?;
    for (class, prompts) in prompts_per_class.iter().enumerate() {
        check_prompts(class, prompts, images.cols())?;
    }
    let mut classes: Vec<Prunable> =
        prompts_per_class.iter().map(|prompts| Prunable::new(aggregation, prompts)).collect();
    // `[n_classes]`, each `[n_images]`.
    let mut scores: Vec<Vec<f64>> = Vec::with_capacity(n_classes);
    let mut removed = Vec::new();
    for some in classes.chunks(rayon::current_num_threads()) {
        let of_class = |class: &Prunable| class.scores(&class.products(images), None);
        for first in some.par_iter().map(of_class).collect::<Vec<_>>() {
            scores.push(first);
            if !go_on(scores.len(), n_classes) {
                return Ok(removed);
            }
        }
    }
    for _ in 0..ROUNDS {
        let before = removed.len();
        for class in 0..n_classes {
            let rivals = Rivals::from_scores(class, labels, &scores);
            let products = classes[class].products(images);
            while let Some(prompt) = classes[class].worst(&products, &rivals) {
                classes[class].kept[prompt] = false;
                removed.push(RemovedPrompt { class, prompt });
            }
            scores[class] = classes[class].scores(&products, None);
            if !go_on(class + 1, n_classes) {
                return Ok(removed);
            }
        }
        if removed.len() == before {
            break;
        }
    }
    Ok(removed)
}

/// The prompts of a class that are left.
struct Prunable {
    aggregation: Aggregation,
    /// As the aggregation adds them up, `[n_prompts, dim]`.
    rows: Matrix,
    kept: Vec<bool>,
}

impl Prunable {
    fn new(aggregation: Aggregation, prompts: &Matrix) -> Self {
        let rows = match aggregation {
            Aggregation::PooledMean => prompts.clone(),
            _ => prompts.clone().normalised(),
        };
        Self { aggregation, kept: vec![true; prompts.rows()], rows }
    }

    /// Of each prompt with each image, `[n_prompts]` each `[n_images]`. They are made for one visit of the class: those of
    /// all classes would not stay in memory.
    fn products(&self, images: &Matrix) -> Vec<Vec<f64>> {
        let with_images = |prompt: usize| {
            let row = self.rows.row(prompt);
            images.iter_rows().map(|image| dot(image, row)).collect()
        };
        (0..self.rows.rows()).into_par_iter().map(with_images).collect()
    }

    /// The score of each image, `[n_images]`, by the prompts that are left but for one.
    fn scores(&self, products: &[Vec<f64>], but: Option<usize>) -> Vec<f64> {
        let counting: Vec<usize> =
            (0..self.kept.len()).filter(|&prompt| self.kept[prompt] && but != Some(prompt)).collect();
        let n_images = products[0].len();
        if self.aggregation == Aggregation::Max {
            let largest = |image: usize| {
                counting.iter().map(|&prompt| products[prompt][image]).fold(f64::NEG_INFINITY, f64::max)
            };
            return (0..n_images).map(largest).collect();
        }
        let divisor = self.divisor(&counting);
        let mut sums = vec![0.0; n_images];
        for &prompt in &counting {
            sums.iter_mut().zip(&products[prompt]).for_each(|(sum, product)| *sum += product);
        }
        if divisor > 0.0 {
            sums.iter_mut().for_each(|sum| *sum /= divisor);
        }
        sums
    }

    /// What the sum of the products is divided by.
    fn divisor(&self, counting: &[usize]) -> f64 {
        if self.aggregation == Aggregation::SimilarityMean {
            return counting.len() as f64;
        }
        let mut sum = vec![0.0; self.rows.cols()];
        for &prompt in counting {
            sum.iter_mut().zip(self.rows.row(prompt)).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        sum.iter().map(|x| x * x).sum::<f64>().sqrt()
    }

    /// The prompt without which most images are recognised, if they are more than with it.
    fn worst(&self, products: &[Vec<f64>], rivals: &Rivals) -> Option<usize> {
        let left: Vec<usize> = (0..self.kept.len()).filter(|&prompt| self.kept[prompt]).collect();
        if left.len() < 2 {
            return None;
        }
        let with_all = rivals.recognised(&self.scores(products, None));
        let without = |&prompt: &usize| (rivals.recognised(&self.scores(products, Some(prompt))), prompt);
        let best = left.par_iter().map(without).max_by_key(|&(count, prompt)| {
            // The first of several that are as good.
            (count, std::cmp::Reverse(prompt))
        })?;
        (best.0 > with_all).then_some(best.1)
    }
}

/// What a class is up against for each image.
struct Rivals {
    images: Vec<Rival>,
}

struct Rival {
    /// The best score of another class.
    score: f64,
    /// That class comes first where both score the same.
    wins_ties: bool,
    /// Who ought to win.
    truth: Truth,
}

enum Truth {
    /// The class itself.
    Own,
    /// The best of the others.
    BestOther,
    /// Neither: the image is missed anyway.
    Neither,
}

impl Rivals {
    fn from_scores(class: usize, labels: &[usize], scores: &[Vec<f64>]) -> Self {
        let rival = |(image, &label): (usize, &usize)| {
            let others = (0..scores.len()).filter(|&other| other != class);
            let best = others.reduce(
                |best, other| {
                    if scores[other][image] > scores[best][image] { other } else { best }
                },
            );
            let truth = match best {
                _ if label == class => Truth::Own,
                Some(best) if label == best => Truth::BestOther,
                _ => Truth::Neither,
            };
            let score = best.map_or(f64::NEG_INFINITY, |best| scores[best][image]);
            Rival { score, wins_ties: best.is_some_and(|best| best < class), truth }
        };
        Self { images: labels.par_iter().enumerate().map(rival).collect() }
    }

    /// How many images are recognised when the class has these scores.
    fn recognised(&self, scores: &[f64]) -> usize {
        let is_recognised = |&(rival, &score): &(&Rival, &f64)| {
            let wins = score > rival.score || (score == rival.score && !rival.wins_ties);
            match rival.truth {
                Truth::Own => wins,
                Truth::BestOther => !wins,
                Truth::Neither => false,
            }
        };
        self.images.iter().zip(scores).filter(is_recognised).count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evaluation::core::classifier::Classifier;
    use crate::evaluation::core::evaluate::evaluate;

    const DIM: usize = 10;

    fn top1(aggregation: Aggregation, prompts: &[Matrix], images: &Matrix, labels: &[usize]) -> f64 {
        let classifier = Classifier::build(aggregation, prompts).unwrap();
        evaluate(images, labels, &classifier, 3.0, 1).unwrap().top1()
    }

    fn without(prompts: &[Matrix], removed: &[RemovedPrompt]) -> Vec<Matrix> {
        let left = |(class, prompts): (usize, &Matrix)| {
            let kept =
                (0..prompts.rows()).filter(|&prompt| !removed.contains(&RemovedPrompt { class, prompt }));
            Matrix::from_rows(&kept.map(|prompt| prompts.row(prompt)).collect::<Vec<_>>()).unwrap()
        };
        prompts.iter().enumerate().map(left).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn each_removal_gains_and_no_further_one_would(n_classes in 1usize..6, n_images in 1usize..60, seed: u64) {
            for aggregation in Aggregation::CLASS_BY_CLASS {
                let prompts: Vec<Matrix> = (0..n_classes)
                    .map(|class| Matrix::random(1 + (class * 3) % 5, DIM, seed ^ (class as u64 + 1)))
                    .collect();
                let images = Matrix::random(n_images, DIM, !seed).normalised();
                let labels: Vec<usize> = (0..n_images).map(|image| (image * 7) % n_classes).collect();
                let removed = prune(aggregation, &prompts, &images, &labels, &mut |_, _| true).unwrap();
                let mut before = top1(aggregation, &prompts, &images, &labels);
                for some in 1..=removed.len() {
                    let after = top1(aggregation, &without(&prompts, &removed[..some]), &images, &labels);
                    prop_assert!(after > before, "{aggregation}: removal {some} gains nothing");
                    before = after;
                }
            }
        }
    }

    /// A prompt of the first class that points at the second class's images.
    #[test]
    fn a_harmful_prompt_goes_and_a_good_one_stays() {
        let prompts = [
            Matrix::from_rows(&[[1.0, 0.0, 0.1], [0.0, 3.0, 0.0]]).unwrap(),
            Matrix::from_rows(&[[0.2, 1.0, 0.9], [0.1, 1.0, 0.8]]).unwrap(),
        ];
        let images = Matrix::from_rows(&[[1.0, 0.1, 0.1], [0.2, 1.0, 0.1], [0.1, 1.0, 0.0], [0.9, 0.0, 0.0]]);
        let (images, labels) = (images.unwrap().normalised(), [0, 1, 1, 0]);
        let removed = prune(Aggregation::Mean, &prompts, &images, &labels, &mut |_, _| true).unwrap();
        assert_eq!(removed, [RemovedPrompt { class: 0, prompt: 1 }]);
        // Stopped after the first class, it has found the same.
        let stopped_after = |calls: usize| {
            let mut left = calls;
            let mut go_on = |_: usize, _: usize| {
                left -= 1;
                left > 0
            };
            prune(Aggregation::Mean, &prompts, &images, &labels, &mut go_on).unwrap()
        };
        assert_eq!(stopped_after(3), removed);
        // While the first scores are made, nothing is found.
        assert_eq!(stopped_after(1), []);
    }

    #[test]
    fn what_cannot_be_pruned_is_refused() {
        let (prompts, images) = ([Matrix::random(2, 4, 1)], Matrix::random(3, 4, 2));
        let refused = |aggregation, labels: &[usize]| {
            prune(aggregation, &prompts, &images, labels, &mut |_, _| true).unwrap_err()
        };
        let aggregation = Aggregation::Zpe;
        assert_eq!(refused(aggregation, &[0; 3]), EvaluationError::WeighsPrompts { aggregation });
        assert_eq!(refused(Aggregation::Mean, &[0; 2]), EvaluationError::LabelCount { images: 3, labels: 2 });
    }
}
