//! Answers to questions about a session's embeddings, on a thread of its own: the embeddings are there with the first
//! question and stay.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::sync::Arc;

use super::calibration::calibrate_strategy;
use super::explanation::{Explanation, classifier, explain_with};
use super::learning_curve::strategy_curve;
use super::pruning::{Pruning, PruningOptions, prune_strategy};
use crate::evaluation::{Calibration, CalibrationOptions, CurveOptions, LearningCurve, PromptedClassifier};
use crate::store::StorePlace;
use crate::workbench::doctors::finding::Finding;
use crate::workbench::doctors::labels::label_findings;
use crate::workbench::doctors::prompts::prompt_findings;
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::progress::{Cancel, Progress};
use crate::workbench::jobs::worker::{JobEnd, Waiting, Worker, serve};
use crate::workbench::session::evaluation::{Session, SessionEmbeddings};
use crate::workbench::session::shared_embeddings::{ReadingNotice, SharedEmbeddings};

/// A question about a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnalysisRequest {
    /// What may be wrong with labels and prompts.
    Findings,
    /// Why strategies see what they see in an image.
    Explain {
        /// An index into the session's images.
        image: usize,
        /// Indices into the session's strategies.
        strategies: Vec<usize>,
    },
    /// Whether the probabilities of these strategies, indices into the session's, can be trusted.
    Calibrate(Vec<usize>),
    /// How the accuracy of these strategies, indices into the session's, grows with their prompts.
    Curves(Vec<usize>),
    /// What a strategy, an index into the session's, gains without the prompts that do harm.
    Prune(usize),
}

/// An answer, with what was asked.
#[derive(Debug)]
pub enum AnalysisAnswer {
    /// What may be wrong with labels, and then with prompts.
    Found(Vec<Finding>),
    /// Why strategies see what they see in an image.
    Explained {
        /// An index into the session's images.
        image: usize,
        /// Indices into the session's strategies.
        strategies: Vec<usize>,
        /// For each of them.
        explanations: Vec<Explanation>,
    },
    /// For each of these strategies.
    Calibrated(Vec<usize>, Vec<Calibration>),
    /// For each of these strategies.
    Curves(Vec<usize>, Vec<LearningCurve>),
    /// Of its strategy.
    Pruned(Box<Pruning>),
}

/// What the job says.
#[derive(Debug)]
pub enum AnalysisNotice {
    /// How far reading the embeddings, or a long analysis, is.
    Progress(Progress),
    /// What the user should know about the store.
    Note(String),
    /// The embeddings are read.
    Ready,
    /// To the request that it names.
    Answer(Box<AnalysisAnswer>),
    /// A request that cannot be answered, and why.
    Refused(AnalysisRequest, String),
    /// The job has ended: it could not read the embeddings, or made a mistake.
    Failed(String),
}

/// The job. Dropping it stops what it is at, within a batch.
#[derive(Debug)]
pub struct AnalysisJob {
    worker: Worker<AnalysisRequest>,
}

/// What questions are answered from.
struct Analyst {
    session: Arc<Session>,
    embeddings: Arc<SessionEmbeddings>,
    /// Of the strategies that were asked about, with their prompts.
    classifiers: HashMap<usize, PromptedClassifier>,
    /// Where looks at images are counted.
    place: StorePlace,
}

impl AnalysisJob {
    /// Starts to read these embeddings; `notify` is called on the job's thread.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(
        source: SharedEmbeddings,
        notify: impl Fn(AnalysisNotice) + Send + 'static,
    ) -> io::Result<Self> {
        let failed = AnalysisNotice::Failed;
        let worker = Worker::start("job-analysis", notify, failed, move |requests, cancel, notify| {
            let mut analyst = Analyst::open(&source, cancel, notify)?;
            notify(AnalysisNotice::Ready);
            serve(requests, Waiting::NewestOfKind, notify, |request| {
                match analyst.answer(&request, cancel, notify) {
                    Ok(answer) => Ok(AnalysisNotice::Answer(Box::new(answer))),
                    Err(WorkbenchError::Cancelled) => Err(JobEnd::Cancelled),
                    Err(error) => Ok(AnalysisNotice::Refused(request, error.to_string())),
                }
            })
        })?;
        Ok(Self { worker })
    }

    /// Asks something. Where several questions of one kind wait, only the newest is answered. A job that has failed
    /// answers no more.
    pub fn request(&self, request: AnalysisRequest) {
        self.worker.request(request);
    }
}

impl Analyst {
    fn open(
        source: &SharedEmbeddings,
        cancel: &Cancel,
        notify: &dyn Fn(AnalysisNotice),
    ) -> Result<Self, WorkbenchError> {
        let reading = |reading| {
            notify(match reading {
                ReadingNotice::Progress(progress) => AnalysisNotice::Progress(progress),
                ReadingNotice::Note(note) => AnalysisNotice::Note(note),
            });
        };
        let embeddings = source.get(cancel, &reading)?;
        let (session, place) = (Arc::clone(source.session()), source.place().clone());
        Ok(Self { session, embeddings, classifiers: HashMap::new(), place })
    }

    fn answer(
        &mut self,
        request: &AnalysisRequest,
        cancel: &Cancel,
        notify: &dyn Fn(AnalysisNotice),
    ) -> Result<AnalysisAnswer, WorkbenchError> {
        let (session, embeddings) = (&self.session, &self.embeddings);
        match request {
            AnalysisRequest::Findings => {
                let progress = |progress| notify(AnalysisNotice::Progress(progress));
                let mut findings = label_findings(session, embeddings, cancel, &progress)?;
                findings.extend(prompt_findings(session, embeddings, cancel)?);
                Ok(AnalysisAnswer::Found(findings))
            }
            AnalysisRequest::Explain { image, strategies } => {
                let mut explanations = Vec::with_capacity(strategies.len());
                for &strategy in strategies {
                    let classifier = match self.classifiers.entry(strategy) {
                        Entry::Occupied(known) => known.into_mut(),
                        Entry::Vacant(place) => {
                            place.insert(classifier(session, embeddings, strategy, cancel)?)
                        }
                    };
                    explanations.push(explain_with(session, embeddings, classifier, *image, strategy)?);
                }
                Ok(AnalysisAnswer::Explained { image: *image, strategies: strategies.clone(), explanations })
            }
            AnalysisRequest::Calibrate(strategies) => {
                let options = CalibrationOptions::default();
                let calibrated =
                    |&strategy| calibrate_strategy(session, embeddings, strategy, &options, cancel);
                let calibrations = strategies.iter().map(calibrated).collect::<Result<_, _>>()?;
                Ok(AnalysisAnswer::Calibrated(strategies.clone(), calibrations))
            }
            AnalysisRequest::Curves(strategies) => {
                let options = CurveOptions::default();
                let mut progress = |progress| notify(AnalysisNotice::Progress(progress));
                let curve = |&strategy| {
                    strategy_curve(session, embeddings, strategy, &options, cancel, &mut progress)
                };
                let curves = strategies.iter().map(curve).collect::<Result<_, _>>()?;
                Ok(AnalysisAnswer::Curves(strategies.clone(), curves))
            }
            AnalysisRequest::Prune(strategy) => {
                let progress = |progress| notify(AnalysisNotice::Progress(progress));
                let (options, store) = (PruningOptions::default(), self.place.open()?.store);
                let pruned =
                    prune_strategy(session, embeddings, *strategy, options, &store, cancel, &progress)?;
                Ok(AnalysisAnswer::Pruned(Box::new(pruned)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::{Receiver, unbounded};

    use super::*;
    use crate::workbench::editing::prompt_editor::tests::{pond, session_of};
    use crate::workbench::experiment::definition::{CheckpointChoice, Experiment};

    struct Analysis {
        job: AnalysisJob,
        notices: Receiver<AnalysisNotice>,
    }

    impl Analysis {
        fn start(experiment: Experiment, place: &StorePlace, session: &Arc<Session>) -> Self {
            let (sender, notices) = unbounded();
            let notify = move |notice| sender.send(notice).unwrap();
            let source = SharedEmbeddings::new(experiment, place.clone(), Arc::clone(session));
            let job = AnalysisJob::start(source, notify).unwrap();
            Self { job, notices }
        }

        fn next(&self) -> AnalysisNotice {
            let is_answer = |notice: &AnalysisNotice| !matches!(notice, AnalysisNotice::Progress(_));
            self.notices.iter().find(is_answer).unwrap()
        }
    }

    #[test]
    fn the_store_is_open_to_others_once_the_embeddings_are_read() {
        let (images, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let place = StorePlace::Directory(folder.path().join("store"));
        let experiment = pond(images.path());
        let session = session_of(&experiment, &place);
        let analysis = Analysis::start(experiment, &place, &session);
        assert!(matches!(analysis.next(), AnalysisNotice::Ready));
        // As another process would, which waits as long as this one has it.
        std::fs::File::options().write(true).open(folder.path().join("store/lock")).unwrap().lock().unwrap();
        drop(analysis.job);
        assert!(analysis.notices.recv().is_err());
    }

    #[test]
    fn images_are_explained_and_what_is_not_there_refused() {
        let (images, place) = (tempfile::tempdir().unwrap(), StorePlace::in_memory());
        let experiment = pond(images.path());
        let session = session_of(&experiment, &place);
        let analysis = Analysis::start(experiment, &place, &session);
        assert!(matches!(analysis.next(), AnalysisNotice::Ready));
        analysis.job.request(AnalysisRequest::Explain { image: 1, strategies: vec![1, 0] });
        let AnalysisNotice::Answer(answer) = analysis.next() else { panic!("no answer") };
        let AnalysisAnswer::Explained { image, strategies, explanations } = *answer else {
            panic!("another answer")
        };
        assert_eq!((image, strategies), (1, vec![1, 0]));
        assert_eq!(explanations.iter().map(|found| found.strategy).collect::<Vec<_>>(), [1, 0]);
        let request = AnalysisRequest::Explain { image: 9, strategies: vec![0] };
        analysis.job.request(request.clone());
        let AnalysisNotice::Refused(refused, reason) = analysis.next() else { panic!("not refused") };
        assert_eq!(refused, request);
        assert!(reason.contains("the images changed"), "{reason}");
    }

    #[test]
    fn strategies_are_calibrated_and_their_curves_drawn() {
        let (images, place) = (tempfile::tempdir().unwrap(), StorePlace::in_memory());
        let experiment = pond(images.path());
        let session = session_of(&experiment, &place);
        let analysis = Analysis::start(experiment, &place, &session);
        assert!(matches!(analysis.next(), AnalysisNotice::Ready));
        analysis.job.request(AnalysisRequest::Calibrate(vec![1]));
        let AnalysisNotice::Answer(answer) = analysis.next() else { panic!("no answer") };
        let AnalysisAnswer::Calibrated(strategies, calibrations) = *answer else { panic!("another answer") };
        assert_eq!(strategies, [1]);
        let accuracy = session.strategies[1].evaluation.top1();
        assert!((calibrations[0].reliability.accuracy - accuracy).abs() < 1e-12);
        analysis.job.request(AnalysisRequest::Curves(vec![0, 1]));
        let AnalysisNotice::Answer(answer) = analysis.next() else { panic!("no answer") };
        let AnalysisAnswer::Curves(strategies, curves) = *answer else { panic!("another answer") };
        assert_eq!(strategies, [0, 1]);
        for (strategy, curve) in curves.iter().enumerate() {
            let top1 = session.strategies[strategy].evaluation.top1();
            assert_eq!(curve.points.last().unwrap().top1, top1);
        }
        for looks in [1, 2] {
            analysis.job.request(AnalysisRequest::Prune(1));
            match analysis.next() {
                AnalysisNotice::Answer(answer) => {
                    let AnalysisAnswer::Pruned(pruning) = *answer else { panic!("another answer") };
                    assert_eq!(pruning.strategy, 1);
                    assert!(pruning.removed.is_empty() || pruning.looks == looks);
                }
                // Of images this few there may be none to choose on.
                AnalysisNotice::Refused(request, _) => assert_eq!(request, AnalysisRequest::Prune(1)),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_failure_is_told_with_its_reason() {
        let images = tempfile::tempdir().unwrap();
        let (experiment, place) = (pond(images.path()), StorePlace::in_memory());
        let session = session_of(&experiment, &place);
        let failed = |experiment: Experiment| match Analysis::start(experiment, &place, &session).next() {
            AnalysisNotice::Failed(message) => message,
            other => panic!("{other:?}"),
        };
        let elsewhere = CheckpointChoice::Directory("/nowhere".into());
        assert!(failed(Experiment { checkpoint: elsewhere, ..experiment.clone() }).contains("/nowhere"));
        std::fs::remove_file(images.path().join("a-frog/2.png")).unwrap();
        assert!(failed(experiment).contains("the images changed"));
    }
}
