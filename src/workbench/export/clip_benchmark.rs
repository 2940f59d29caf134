//! Results as CLIP_benchmark writes them: a JSON object for each evaluation, which its `build` command and the notebooks
//! around it read.

use serde::Serialize;

use crate::workbench::session::evaluation::Session;

/// One strategy's result.
#[derive(Debug, Serialize)]
pub struct BenchmarkLine<'a> {
    dataset: &'a str,
    model: &'a str,
    /// The start of the checkpoint's fingerprint, which tells weights of one name apart.
    pretrained: String,
    task: &'static str,
    metrics: Metrics,
    language: &'static str,
    /// Not one of CLIP_benchmark's keys: it knows one strategy only.
    strategy: &'a str,
}

/// From 0 to 1.
#[derive(Debug, Serialize)]
struct Metrics {
    acc1: f64,
    /// Nothing with fewer than five classes.
    acc5: Option<f64>,
    mean_per_class_recall: f64,
}

/// A line for each strategy of a session, in their order.
pub fn benchmark_lines(session: &Session) -> impl Iterator<Item = BenchmarkLine<'_>> {
    /// Digits of the fingerprint.
    const DIGITS: usize = 12;
    let pretrained = session.checkpoint_fingerprint.to_hex()[..DIGITS].to_owned();
    session.strategies.iter().map(move |strategy| BenchmarkLine {
        dataset: &session.dataset,
        model: &session.checkpoint,
        pretrained: pretrained.clone(),
        task: "zeroshot_classification",
        metrics: Metrics {
            acc1: strategy.evaluation.top1(),
            acc5: (session.classes.len() >= 5).then(|| strategy.evaluation.top5()),
            mean_per_class_recall: strategy.evaluation.mean_per_class_recall(),
        },
        language: "en",
        strategy: &strategy.name,
    })
}
