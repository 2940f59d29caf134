//! Weights of prompts for one image, as AutoCLIP has them (see `prompt_weights.rs`).

/// The share of the entropy of equal weights that AutoCLIP leaves: β of the paper, which takes 0.85 everywhere.
pub(super) const ENTROPY_LEFT: f64 = 0.85;

/// The largest step of AutoCLIP, in units of one over the range of the gradient.
const LARGEST_STEP: f64 = 1000.0;

/// Halvings of the interval in which the step is sought.
const HALVINGS: usize = 60;

/// One image's scores, `[n_classes]`, from its cosines with every class's prompts, `[n_classes, n_prompts]`.
pub(in crate::evaluation) fn autoclip_scores(cosines: &[f32], n_prompts: usize, scores: &mut [f32]) {
    let weights = autoclip_weights(cosines, n_prompts);
    for (score, cosines) in scores.iter_mut().zip(cosines.chunks_exact(n_prompts)) {
        let products = cosines.iter().zip(&weights).map(|(cosine, weight)| weight * f64::from(*cosine));
        *score = products.sum::<f64>() as f32;
    }
}

/// One image's weights, `[n_prompts]`, from the same.
pub(in crate::evaluation) fn autoclip_weights(cosines: &[f32], n_prompts: usize) -> Vec<f64> {
    let equal = vec![1.0 / n_prompts as f64; n_prompts];
    let average =
        |cosines: &[f32]| cosines.iter().map(|cosine| f64::from(*cosine)).sum::<f64>() / n_prompts as f64;
    let classes = softmax(&cosines.chunks_exact(n_prompts).map(average).collect::<Vec<_>>());
    // The gradient of logsumexp of the scores by the logits of the weights, but for a constant and a factor that are the
    // same for all: the first changes nothing, the step makes good for the second.
    let mut gradient = vec![0.0_f64; n_prompts];
    for (cosines, class) in cosines.chunks_exact(n_prompts).zip(classes) {
        gradient.iter_mut().zip(cosines).for_each(|(sum, cosine)| *sum += class * f64::from(*cosine));
    }
    let (low, high) =
        gradient.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)));
    if high <= low {
        return equal;
    }
    gradient.iter_mut().for_each(|x| *x = (*x - high) / (high - low));
    let weights_after = |step: f64| softmax(&gradient.iter().map(|x| step * x).collect::<Vec<_>>());
    let target = ENTROPY_LEFT * (n_prompts as f64).ln();
    let (mut shorter, mut longer) = (0.0, LARGEST_STEP);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(shorter, longer);
        if entropy(&weights_after(middle)) > target { shorter = middle } else { longer = middle }
    }
    weights_after(f64::midpoint(shorter, longer))
}

/// In nats.
pub(super) fn entropy(weights: &[f64]) -> f64 {
    weights.iter().filter(|&&weight| weight > 0.0).map(|weight| -weight * weight.ln()).sum()
}

/// The softmax of some logits.
pub(in crate::evaluation) fn softmax(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.into_iter().map(|x| x / sum).collect()
}
