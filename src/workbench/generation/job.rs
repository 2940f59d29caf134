//! A generation on a thread of its own, for the screens: it takes wishes and says what comes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::{io, thread};

use crossbeam_channel::{Receiver, bounded, select, unbounded};

use super::class_line::GeneratedClass;
use super::live::LiveAccuracy;
use super::plan::{GenerationPlan, MoreSentences};
use super::run::{Generation, GenerationNotice, TokenCounter};
use crate::language_model::LanguageModelError;
use crate::workbench::editing::history::SavedPrompts;
use crate::workbench::editing::prompt_editor::check_prompt_set_name;
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::definition::CheckpointChoice;
use crate::workbench::experiment::generation_settings::GenerationSettings;
use crate::workbench::jobs::progress::{Cancel, Progress};
use crate::workbench::jobs::worker::{JobEnd, Worker, panic_message};
use crate::workbench::session::opening::open_checkpoint;
use crate::workbench::session::shared_embeddings::{ReadingNotice, SharedEmbeddings};

/// What a job is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenerationRequest {
    /// A sentence is not wanted.
    Drop {
        /// The class.
        class: usize,
        /// The sentence's place in the line of its class.
        at: usize,
    },
    /// More sentences of a class are wanted.
    More {
        /// The class.
        class: usize,
        /// How many more.
        more: usize,
    },
    /// Stop asking.
    Stop,
    /// Go on.
    Resume,
    /// Save what is of use as a version of the prompt set.
    Save,
}

/// What a job says.
#[derive(Debug)]
pub enum GenerationJobNotice {
    /// The model answers; what the store has of it already.
    Opened(Box<GenerationPlan>, Vec<GeneratedClass>),
    /// There is something new of a class.
    Changed(Box<GenerationNotice>),
    /// The accuracy of the sentences so far: how many a class on average, and top-1 from 0 to 1.
    Accuracy(f64, f64),
    /// How far the embeddings of the images are read that the accuracy needs; nothing once that is over.
    Reading(Option<Progress>),
    /// The accuracy will not be known, and why; all else goes on.
    NoAccuracy(String),
    /// What the user should know about the store.
    Note(String),
    /// It asks.
    Running,
    /// It stopped when asked to.
    Stopped,
    /// It stopped by a failure of the model or the store; it goes on when asked to.
    Broken(String),
    /// Every class has what is wanted, or as much as there is to be had.
    Done(Option<String>),
    /// The prompts are saved.
    Saved(SavedPrompts),
    /// What was asked for cannot be done; it goes on.
    Refused(String),
    /// It cannot begin, or broke off for good; what came before is kept.
    Failed(String),
}

/// The job. Dropping it stops it.
#[derive(Debug)]
pub struct GenerationJob {
    worker: Worker<GenerationRequest>,
}

impl GenerationJob {
    /// Starts to generate prompts for the classes of the session whose embeddings these are, with what its user wished for
    /// `more` of; `notify` is called on several threads.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(
        name: String,
        settings: GenerationSettings,
        more: Vec<MoreSentences>,
        source: SharedEmbeddings,
        notify: impl Fn(GenerationJobNotice) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let failed = GenerationJobNotice::Failed;
        let worker = Worker::start("job-generation", notify, failed, move |requests, cancel, notify| {
            let generation = open(&name, &settings, &more, &source)?;
            if cancel.is_cancelled() {
                return Err(JobEnd::Cancelled);
            }
            notify(GenerationJobNotice::Opened(Box::new(generation.plan()), generation.all_classes()));
            generate(&generation, LiveAccuracy::new(source), requests, notify);
            Ok(())
        })?;
        Ok(Self { worker })
    }

    /// Asks for something. A job that has failed answers no more.
    pub fn request(&self, request: GenerationRequest) {
        self.worker.request(request);
    }
}

fn open(
    name: &str,
    settings: &GenerationSettings,
    more: &[MoreSentences],
    source: &SharedEmbeddings,
) -> Result<Generation, WorkbenchError> {
    check_prompt_set_name(name).map_err(|error| LanguageModelError::Settings(error.to_string()))?;
    let model = settings.open_model(|name| std::env::var(name).ok())?;
    let mut plan = settings.plan(name, source.session().classes.clone(), &*model)?;
    plan.wish(more);
    let count_tokens = token_counter(&source.experiment().checkpoint)?;
    Generation::open(plan, model, source.place().clone(), count_tokens)
}

/// Counts tokens as a checkpoint does: one more than fits where the end is left out.
///
/// # Errors
/// A checkpoint without a tokenizer of use.
pub fn token_counter(checkpoint: &CheckpointChoice) -> Result<TokenCounter, WorkbenchError> {
    let tokenizer = open_checkpoint(checkpoint)?.tokenizer()?;
    Ok(Box::new(move |text| {
        // What cannot be read as tokens is not counted.
        tokenizer.tokenize(text).map_or(0, |tokens| tokens.ids.len() + usize::from(tokens.truncated))
    }))
}

/// Generates and grants requests until nobody can make one any more.
pub(super) fn generate(
    generation: &Generation,
    mut live: LiveAccuracy,
    requests: &Receiver<GenerationRequest>,
    notify: &(impl Fn(GenerationJobNotice) + Sync),
) {
    let (changes, changed) = bounded(1);
    // Of the run that is the newest.
    let current = Mutex::new(Cancel::default());
    let cancel = &|| current.lock().unwrap_or_else(PoisonError::into_inner).clone();
    thread::scope(|scope| {
        let (ended, end) = unbounded::<Result<(), WorkbenchError>>();
        let mut is_done = false;
        let start = || {
            let its_cancel = Cancel::default();
            *current.lock().unwrap_or_else(PoisonError::into_inner) = its_cancel.clone();
            notify(GenerationJobNotice::Running);
            // The images are read while the first sentences come.
            let _busy = changes.try_send(());
            let (ended, changes) = (ended.clone(), changes.clone());
            scope.spawn(move || {
                let told = catch_unwind(AssertUnwindSafe(|| {
                    generation.run(&its_cancel, &|notice| {
                        notify(GenerationJobNotice::Changed(Box::new(notice)));
                        // A measurement that is under way will be followed by another.
                        let _busy = changes.try_send(());
                    })
                }));
                let ending = told.unwrap_or_else(|panic| {
                    let reason = panic_message(panic.as_ref());
                    let model = generation.plan().model;
                    Err(LanguageModelError::Model { model, reason }.into())
                });
                let _gone = ended.send(ending);
            });
        };
        scope.spawn(move || {
            while changed.recv().is_ok() {
                let reading = |reading| {
                    notify(match reading {
                        ReadingNotice::Progress(progress) => GenerationJobNotice::Reading(Some(progress)),
                        ReadingNotice::Note(note) => GenerationJobNotice::Note(note),
                    });
                };
                let measured = live.measure(&generation.all_classes(), &cancel(), &reading);
                notify(GenerationJobNotice::Reading(None));
                match measured {
                    Ok(None) => {}
                    Ok(Some((prompts, top1))) => notify(GenerationJobNotice::Accuracy(prompts, top1)),
                    // Who goes on with a stopped generation reads on.
                    Err(WorkbenchError::Cancelled) => {}
                    Err(error) => return notify(GenerationJobNotice::NoAccuracy(error.to_string())),
                }
            }
        });
        start();
        let mut runs = true;
        loop {
            select! {
                recv(requests) -> request => match request {
                    // Nobody is there any more.
                    Err(_) => {
                        cancel().cancel();
                        break;
                    }
                    Ok(request) => {
                        match grant(generation, request, &cancel()) {
                            Ok(None) => {}
                            Ok(Some(saved)) => notify(GenerationJobNotice::Saved(saved)),
                            Err(message) => notify(GenerationJobNotice::Refused(message)),
                        }
                        if let GenerationRequest::Drop { class, .. } | GenerationRequest::More { class, .. } = request {
                            notify(GenerationJobNotice::Changed(Box::new(generation.now(class))));
                        }
                        let goes_on = match request {
                            GenerationRequest::Resume | GenerationRequest::More { .. } => true,
                            // What was dropped is made up for, unless the user stopped it.
                            GenerationRequest::Drop { .. } => is_done,
                            GenerationRequest::Stop | GenerationRequest::Save => false,
                        };
                        if !runs && goes_on {
                            (runs, is_done) = (true, false);
                            start();
                        }
                    }
                },
                recv(end) -> ending => {
                    runs = false;
                    let lacks = |class: &GeneratedClass| !class.is_done && class.problem.is_none();
                    match ending {
                        // Something was dropped or wished for behind the run's back.
                        Ok(Ok(())) if generation.all_classes().iter().any(lacks) => {
                            runs = true;
                            start();
                        }
                        Ok(Ok(())) => {
                            is_done = true;
                            notify(GenerationJobNotice::Done(generation.note()));
                        }
                        Ok(Err(WorkbenchError::Cancelled)) => notify(GenerationJobNotice::Stopped),
                        Ok(Err(error)) => notify(GenerationJobNotice::Broken(error.to_string())),
                        Err(_) => break,
                    }
                }
            }
        }
        drop(changes);
    });
}

fn grant(
    generation: &Generation,
    request: GenerationRequest,
    cancel: &Cancel,
) -> Result<Option<SavedPrompts>, String> {
    let done = match request {
        GenerationRequest::Drop { class, at } => generation.drop_sentence(class, at),
        GenerationRequest::More { class, more } => generation.want_more(class, more),
        GenerationRequest::Stop => {
            cancel.cancel();
            Ok(())
        }
        GenerationRequest::Resume => Ok(()),
        GenerationRequest::Save => return generation.save().map(Some).map_err(|error| error.to_string()),
    };
    done.map(|()| None).map_err(|error| error.to_string())
}
