//! Whether the probabilities of a classifier can be trusted, and the temperature that makes them better.
//!
//! Scores are made again block after block, as often as they are needed: the scores of fifty thousand images for a
//! thousand classes would take 200 MB.

use rayon::prelude::*;

use super::split::{Split, split};
use crate::evaluation::EvaluationError;
use crate::evaluation::core::classifier::Classifier;
use crate::evaluation::core::evaluate::check;
use crate::evaluation::core::matrix::Matrix;
use crate::evaluation::core::scores::Scorer;
use crate::evaluation::core::scores::{BLOCK, Cancellation, scale};
use crate::kernels::Cpu;

/// The temperatures that are tried: from 1 / `LIMIT` to `LIMIT`.
const LIMIT: f64 = 100.0;

/// What a calibration depends on beside the embeddings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalibrationOptions {
    /// Number of bins of the probability; at least one.
    pub bins: usize,
    /// The share of each class's images that the temperature is chosen on, from 0 to 1.
    pub development_share: f64,
    /// Which images these are.
    pub seed: u64,
}

impl Default for CalibrationOptions {
    /// 15 bins, as Guo et al. have them, and half of the images.
    fn default() -> Self {
        Self { bins: 15, development_share: 0.5, seed: 0 }
    }
}

/// The probabilities of a classifier on labelled images.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Of all images, as the checkpoint scales the scores.
    pub reliability: Reliability,
    /// What scores are multiplied with before their softmax: exp(`logit_scale`).
    pub scale: f64,
    /// The best temperature; `None` where no class has images enough for both parts.
    pub fitted: Option<Fitted>,
}

/// A temperature, chosen on some images and measured on others. Scores times [`Calibration::scale`] are divided by it
/// before their softmax; predictions stay as they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// With the smallest negative log-likelihood on the development images.
    pub temperature: f64,
    /// The temperature is the smallest or the largest that is tried: beyond it, the likelihood still grows.
    pub at_limit: bool,
    /// Number of images that it was chosen on.
    pub development_images: usize,
    /// Of the other images, without the temperature.
    pub before: Reliability,
    /// Of the same images, with it.
    pub after: Reliability,
}

/// How probabilities agree with what is right.
#[derive(Clone, Debug, PartialEq)]
pub struct Reliability {
    /// Number of images; at least one.
    pub images: usize,
    /// Share of images whose top prediction is their class.
    pub accuracy: f64,
    /// Mean probability of the top prediction.
    pub confidence: f64,
    /// Negative log-likelihood: the mean of −ln(probability of the true class), in nats.
    pub nll: f64,
    /// Expected calibration error, from 0 to 1: the distance of accuracy and confidence in a bin, averaged over the
    /// images (Guo et al., "On Calibration of Modern Neural Networks", arXiv 1706.04599).
    pub ece: f64,
    /// Images by the probability of their top prediction: bin b of n holds those above b / n and up to (b + 1) / n.
    pub bins: Vec<ReliabilityBin>,
}

/// The images of one bin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReliabilityBin {
    /// Number of images.
    pub images: usize,
    /// Mean probability of their top prediction; `None` without images.
    pub confidence: Option<f64>,
    /// Share of them whose top prediction is their class; `None` without images.
    pub accuracy: Option<f64>,
}

/// Compares the probabilities that `classifier` gives `images`, unit rows `[n_images, dim]`, with their classes `labels`,
/// `[n_images]`, and looks for a better temperature. `logit_scale` is the logarithm that checkpoints store. The result
/// does not depend on the number of threads. `is_cancelled` is asked often.
///
/// # Errors
/// See [`EvaluationError`]; an image at fault is named by its index. [`EvaluationError::Cancelled`] where it says so.
pub fn calibrate(
    images: &Matrix,
    labels: &[usize],
    classifier: &Classifier,
    logit_scale: f32,
    options: &CalibrationOptions,
    is_cancelled: Cancellation<'_>,
) -> Result<Calibration, EvaluationError> {
    check(images, labels, classifier)?;
    let scale = f64::from(scale(logit_scale)?);
    let scorer = Scorer::new(Cpu::detect(), classifier);
    let scored = Scored { images, labels, scorer, n_classes: classifier.n_classes(), scale, is_cancelled };
    let all: Vec<usize> = (0..labels.len()).collect();
    let Split { development, rest } =
        split(labels, scored.n_classes, options.development_share, options.seed);
    // With one class, every temperature is as good.
    let fitted = (!development.is_empty() && scored.n_classes > 1).then(|| {
        let (temperature, at_limit) = scored.best_temperature(&development);
        Fitted {
            temperature,
            at_limit,
            development_images: development.len(),
            before: scored.reliability(&rest, 1.0, options.bins),
            after: scored.reliability(&rest, temperature, options.bins),
        }
    });
    let reliability = scored.reliability(&all, 1.0, options.bins);
    if is_cancelled() {
        Err(EvaluationError::Cancelled)
    } else {
        Ok(Calibration { reliability, scale, fitted })
    }
}

impl Calibration {
    /// What the temperature means and whether it does any good, in a sentence without its end.
    pub fn words(&self) -> String {
        let Some(Fitted { temperature, at_limit, development_images, before, after }) = &self.fitted else {
            return "no temperature, since no class has images enough to choose on some and measure on others"
                .to_owned();
        };
        let mut words = match temperature {
            t if *t > 1.0 => "the temperature lowers its probabilities",
            t if *t < 1.0 => "the temperature raises its probabilities",
            _ => "the temperature changes nothing",
        }
        .to_owned();
        words.push_str(&format!(
            "; scores are multiplied with {:.1} instead of {:.1}, as {development_images} images say; measured on the other \
             {}",
            self.scale / temperature,
            self.scale,
            before.images
        ));
        if after.nll > before.nll {
            words.push_str(", where it does harm (NLL is higher with it)");
        }
        if *at_limit {
            words.push_str("; it is the last that was tried, and a more extreme one would be better still");
        }
        words
    }
}

/// Labelled images and what scores them.
struct Scored<'a> {
    images: &'a Matrix,
    labels: &'a [usize],
    scorer: Scorer,
    n_classes: usize,
    scale: f64,
    is_cancelled: Cancellation<'a>,
}

/// The scores of an image below its best one, weighted by their probabilities: sums of e^d, d·e^d and d²·e^d.
struct Moments {
    best: usize,
    sum: f64,
    first: f64,
    second: f64,
}

impl Moments {
    /// `scale` is what scores are multiplied with before their softmax.
    fn from_scores(scores: &[f32], scale: f64) -> Self {
        let mut best = 0;
        for (class, score) in scores.iter().enumerate() {
            if *score > scores[best] {
                best = class;
            }
        }
        let mut moments = Self { best, sum: 0.0, first: 0.0, second: 0.0 };
        for &score in scores {
            let below = f64::from(score) - f64::from(scores[best]);
            let weight = (scale * below).exp();
            moments.sum += weight;
            moments.first += weight * below;
            moments.second += weight * below * below;
        }
        moments
    }
}

/// What reliability is made of.
#[derive(Clone)]
struct Tally {
    nll: f64,
    bins: Vec<BinTally>,
}

#[derive(Clone, Copy, Default)]
struct BinTally {
    images: usize,
    correct: usize,
    confidence: f64,
}

/// Slope and curvature of the negative log-likelihood along the scale, summed over images.
#[derive(Clone, Copy)]
struct Slope {
    first: f64,
    second: f64,
}

impl Scored<'_> {
    /// What `add` makes of the scores and the labels of some images, block after block.
    fn blocks<T: Clone + Send + Sync>(
        &self,
        which: &[usize],
        zero: &T,
        add: impl Fn(&mut T, &[f32], usize) + Sync + Send,
    ) -> Vec<T> {
        let of_block = |scratch: &mut _, block: &[usize]| {
            let mut sum = zero.clone();
            if (self.is_cancelled)() {
                return sum;
            }
            let scores = self.scorer.scores_of(self.images, block, scratch);
            for (scores, &image) in scores.chunks_exact(self.n_classes).zip(block) {
                add(&mut sum, scores, self.labels[image]);
            }
            sum
        };
        which.par_chunks(BLOCK).map_init(|| self.scorer.scratch(), of_block).collect()
    }

    fn reliability(&self, which: &[usize], temperature: f64, n_bins: usize) -> Reliability {
        let scale = self.scale / temperature;
        let n_bins = n_bins.max(1);
        let zero = Tally { nll: 0.0, bins: vec![BinTally::default(); n_bins] };
        let blocks = self.blocks(which, &zero, |tally, scores, label| {
            let moments = Moments::from_scores(scores, scale);
            let below = f64::from(scores[label]) - f64::from(scores[moments.best]);
            tally.nll += moments.sum.ln() - scale * below;
            let confidence = 1.0 / moments.sum;
            let bin = (confidence * n_bins as f64).ceil() as usize;
            let bin = &mut tally.bins[bin.clamp(1, n_bins) - 1];
            bin.images += 1;
            bin.correct += usize::from(moments.best == label);
            bin.confidence += confidence;
        });
        let mut total = zero;
        for block in blocks {
            total.nll += block.nll;
            for (bin, of_block) in total.bins.iter_mut().zip(block.bins) {
                bin.images += of_block.images;
                bin.correct += of_block.correct;
                bin.confidence += of_block.confidence;
            }
        }
        total.reliability(which.len())
    }

    /// The temperature with the smallest negative log-likelihood, and whether it is at a limit. The likelihood is convex
    /// in the scale, so Newton's steps find the only place where its slope is zero, with halving in the logarithm
    /// wherever a step would leave the interval that is left.
    fn best_temperature(&self, which: &[usize]) -> (f64, bool) {
        let (mut low, mut high) = (1.0 / LIMIT, LIMIT);
        if self.slope(which, high).first <= 0.0 {
            return (1.0 / high, true);
        }
        if self.slope(which, low).first > 0.0 {
            return (1.0 / low, true);
        }
        let mut factor = 1.0_f64;
        for _ in 0..60 {
            if (self.is_cancelled)() {
                break;
            }
            let Slope { first, second } = self.slope(which, factor);
            if first > 0.0 {
                high = factor
            } else {
                low = factor
            }
            let newton = factor - first / second;
            let next = if newton > low && newton < high { newton } else { (low * high).sqrt() };
            let step = (next / factor).ln().abs();
            factor = next;
            if first == 0.0 || step < 1e-9 {
                break;
            }
        }
        (1.0 / factor, false)
    }

    /// The slope where the scale is `factor` times what the checkpoint says.
    fn slope(&self, which: &[usize], factor: f64) -> Slope {
        let scale = self.scale * factor;
        let blocks = self.blocks(which, &Slope { first: 0.0, second: 0.0 }, |slope, scores, label| {
            let Moments { best, sum, first, second } = Moments::from_scores(scores, scale);
            let mean = first / sum;
            let truth = f64::from(scores[label]) - f64::from(scores[best]);
            slope.first += self.scale * (mean - truth);
            slope.second += self.scale * self.scale * (second / sum - mean * mean);
        });
        let add = |a: Slope, b: Slope| Slope { first: a.first + b.first, second: a.second + b.second };
        blocks.into_iter().fold(Slope { first: 0.0, second: 0.0 }, add)
    }
}

impl Tally {
    fn reliability(self, images: usize) -> Reliability {
        let share = |of: f64| of / images as f64;
        let sum = |of: fn(&BinTally) -> f64| share(self.bins.iter().map(of).sum());
        Reliability {
            images,
            accuracy: sum(|bin| bin.correct as f64),
            confidence: sum(|bin| bin.confidence),
            nll: share(self.nll),
            ece: sum(|bin| (bin.correct as f64 - bin.confidence).abs()),
            bins: self.bins.iter().map(BinTally::means).collect(),
        }
    }
}

impl BinTally {
    fn means(&self) -> ReliabilityBin {
        let mean = |of: f64| (self.images > 0).then(|| of / self.images as f64);
        ReliabilityBin {
            images: self.images,
            confidence: mean(self.confidence),
            accuracy: mean(self.correct as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::prompts::Aggregation;

    const LABELS: [usize; 24] = [2, 3, 0, 3, 1, 2, 2, 1, 3, 0, 1, 1, 2, 1, 0, 0, 0, 0, 0, 3, 0, 2, 3, 0];

    /// Thousandths.
    const SCORES: [[i16; 4]; 24] = [
        [-48, 80, 70, -87],
        [-4, -58, -31, 36],
        [24, 28, -3, -29],
        [20, 41, -82, 47],
        [-49, 51, -64, 1],
        [-2, -15, 8, -20],
        [-55, -68, 71, -55],
        [59, 96, -100, 14],
        [-55, 2, 2, -39],
        [48, -13, 48, -59],
        [37, 5, -17, -42],
        [72, 88, 122, 32],
        [42, 42, 30, -4],
        [68, 40, 9, -1],
        [90, -18, -8, 12],
        [65, -43, 45, -65],
        [0, -64, 48, -18],
        [11, -57, 21, -53],
        [-4, 31, -60, -16],
        [0, -22, -3, 127],
        [34, -63, -92, -10],
        [-18, 13, 37, -24],
        [-36, -26, 8, 41],
        [65, 95, 24, -79],
    ];

    /// The weights are the axes, so that an image's values are its scores.
    fn axes(n: usize) -> Classifier {
        let axis = |class: usize| (0..n).map(|i| f32::from(u8::from(i == class))).collect::<Vec<_>>();
        let rows: Vec<Matrix> = (0..n).map(|class| Matrix::from_rows(&[axis(class)]).unwrap()).collect();
        Classifier::build(Aggregation::Mean, &rows).unwrap()
    }

    fn golden_images() -> Matrix {
        Matrix::from_rows(&SCORES.map(|row| row.map(|score| f32::from(score) / 1000.0))).unwrap()
    }

    fn scored<'a>(images: &'a Matrix, labels: &'a [usize]) -> Scored<'a> {
        let n_classes = images.cols();
        let scorer = Scorer::new(Cpu::detect(), &axes(n_classes));
        Scored { images, labels, scorer, n_classes, scale: f64::from(4.6_f32.exp()), is_cancelled: &|| false }
    }

    #[track_caller]
    fn assert_close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
    }

    /// With numpy: the softmax of the scores times exp(4.6), `numpy.linspace(0, 1, 16)` for the edges; the temperature
    /// with `scipy.optimize.minimize_scalar(lambda u: nll(exp(u)), bounds=(log(0.01), log(100)), method="bounded")`.
    #[test]
    fn it_agrees_with_numpy_and_scipy() {
        let images = golden_images();
        let scored = scored(&images, &LABELS);
        let all: Vec<usize> = (0..24).collect();
        let found = scored.reliability(&all, 1.0, 15);
        assert_close(found.nll, 1.381_066_206);
        assert_close(found.ece, 0.378_058_079);
        assert_close(found.confidence, 0.840_945_357);
        assert_close(found.accuracy, 13.0 / 24.0);
        let counts: Vec<usize> = found.bins.iter().map(|bin| bin.images).collect();
        assert_eq!(counts, [0, 0, 0, 0, 0, 0, 1, 2, 1, 2, 2, 0, 0, 2, 14]);
        assert_close(found.bins[7].confidence.unwrap(), 0.497_187_151);
        assert_close(found.bins[14].confidence.unwrap(), 0.975_369_019);
        assert_close(found.bins[14].accuracy.unwrap(), 8.0 / 14.0);
        assert_eq!(found.bins[0], ReliabilityBin { images: 0, confidence: None, accuracy: None });
        assert_close(scored.reliability(&all, 1.0, 5).ece, 0.299_278_690);

        let (temperature, at_limit) = scored.best_temperature(&all);
        assert!((temperature - 3.102_127_119).abs() < 1e-5 && !at_limit, "{temperature}");
        let found = scored.reliability(&all, temperature, 15);
        assert_close(found.nll, 0.884_037_341);
        assert!((found.ece - 0.148_217_068).abs() < 1e-5);
    }

    #[test]
    fn the_temperature_is_measured_on_other_images() {
        let options = CalibrationOptions::default();
        let images = golden_images();
        let found = calibrate(&images, &LABELS, &axes(4), 4.6, &options, &|| false).unwrap();
        let Fitted { development_images, before, after, .. } = found.fitted.unwrap();
        assert_eq!((found.reliability.images, development_images, before.images), (24, 12, 12));
        assert_eq!((after.images, after.accuracy), (12, before.accuracy));
        assert!(after.nll < before.nll);

        // One image a class: there is nothing to choose on.
        let few = Matrix::from_rows(&[[0.1, 0.0], [0.0, 0.2]]).unwrap();
        assert_eq!(calibrate(&few, &[0, 1], &axes(2), 4.6, &options, &|| false).unwrap().fitted, None);
        let error = calibrate(&few, &[0, 2], &axes(2), 4.6, &options, &|| false).unwrap_err();
        assert_eq!(error, EvaluationError::Label { image: 1, label: 2, n_classes: 2 });
    }

    #[test]
    fn what_is_always_right_or_hopeless_ends_at_a_limit() {
        let images = Matrix::from_rows(&[[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]).unwrap();
        assert_eq!(scored(&images, &[0, 1, 0]).best_temperature(&[0, 1, 2]), (0.01, true));
        assert_eq!(scored(&images, &[1, 0, 1]).best_temperature(&[0, 1, 2]), (100.0, true));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn no_other_temperature_is_better_and_threads_change_nothing(seed: u64, n_images in 1usize..300, n_classes in 1usize..9) {
            let images = Matrix::random(n_images, n_classes, seed);
            let labels: Vec<usize> = (0..n_images).map(|image| image * 7 % n_classes).collect();
            let scored = scored(&images, &labels);
            let all: Vec<usize> = (0..n_images).collect();
            let (temperature, _) = scored.best_temperature(&all);
            let found = scored.reliability(&all, temperature, 15);
            for other in [0.9, 0.999, 1.001, 1.1] {
                let other = (temperature * other).clamp(0.01, 100.0);
                prop_assert!(found.nll <= scored.reliability(&all, other, 15).nll + 1e-12);
            }
            prop_assert!((0.0..=1.0).contains(&found.ece));
            prop_assert!((found.accuracy - found.confidence).abs() <= found.ece + 1e-12);
            let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            prop_assert_eq!(one.install(|| scored.reliability(&all, temperature, 15)), found);
        }
    }
}
