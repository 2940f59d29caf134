//! Carries out a plan: asks, keeps each answer the moment it is there, judges, and asks again for what is missing.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::class_line::{ClassLine, GeneratedClass, GeneratedSentence};
use super::plan::{GenerationPlan, KeptSample, PlannedClass, SampleSlot};
use crate::language_model::{LanguageModel, LanguageModelError, Retry, Sample, SampleNotice, SampleRequest};
use crate::store::Store;
use crate::store::StorePlace;
use crate::workbench::editing::history::SavedPrompts;
use crate::workbench::editing::prompt_editor::{EditorError, set_of_classes};
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::progress::{Cancel, short_duration};

/// Counts the tokens of a sentence as the text tower does.
pub type TokenCounter = Box<dyn Fn(&str) -> usize + Send + Sync>;

/// A generation: its plan and what has come of it.
pub struct Generation {
    plan: Mutex<GenerationPlan>,
    model: Arc<dyn LanguageModel>,
    place: StorePlace,
    count_tokens: TokenCounter,
    /// `[n_classes]`
    lines: Vec<Mutex<ClassLine>>,
    pace: Mutex<Pace>,
    /// What is tried again, by its class.
    retries: Mutex<BTreeMap<usize, Retry>>,
}

/// How fast it goes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pace {
    /// Answers that came in this run.
    pub answers: usize,
    /// Tokens in them, as far as they were counted.
    pub tokens: usize,
    /// Since the run began.
    pub elapsed: Duration,
    /// Sentences that are still missing.
    pub missing: usize,
}

impl Pace {
    /// `2.0 sentences/s`, `30 tokens/s` and, while it `runs`, `15s left`: what can be told of it.
    pub fn words(&self, runs: bool) -> Vec<String> {
        let seconds = self.elapsed.as_secs_f64();
        let rate = |count: usize| (count > 0 && seconds > 0.0).then(|| count as f64 / seconds);
        let sentences = rate(self.answers);
        // Were each answer of use.
        let left = sentences.filter(|_| runs).map(|rate| self.missing as f64 / rate);
        let left = left.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let words = [
            sentences.map(|rate| format!("{rate:.1} sentences/s")),
            rate(self.tokens).map(|rate| format!("{rate:.0} tokens/s")),
            left.map(|left| format!("{} left", short_duration(left))),
        ];
        words.into_iter().flatten().collect()
    }
}

/// Something has changed.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationNotice {
    /// The class.
    pub class: usize,
    /// What there is of it now.
    pub now: GeneratedClass,
    /// How fast it goes.
    pub pace: Pace,
    /// What is tried again, of several what comes first.
    pub retry: Option<Retry>,
}

impl Generation {
    /// A generation with this plan. What the store has of it is there at once; a plan of the same name that differs in
    /// nothing but how many sentences are wanted keeps what the user dropped.
    ///
    /// # Errors
    /// What prevents reading or writing the store.
    pub fn open(
        mut plan: GenerationPlan,
        model: Arc<dyn LanguageModel>,
        place: StorePlace,
        count_tokens: TokenCounter,
    ) -> Result<Self, WorkbenchError> {
        let store = place.open()?.store;
        if let Some(before) = kept_plan(&plan.name, &store)? {
            // A class is known by its name, its hint and its place among the classes that share both.
            let mut dropped: HashMap<(&str, Option<&str>), VecDeque<&Vec<usize>>> = HashMap::new();
            for class in &before.classes {
                dropped.entry((&class.name, class.hint.as_deref())).or_default().push_back(&class.dropped);
            }
            let is_same = (&before.llm_prompts, &before.context, &before.sampling, &before.identity)
                == (&plan.llm_prompts, &plan.context, &plan.sampling, &plan.identity);
            for class in plan.classes.iter_mut().filter(|_| is_same) {
                let known = dropped.get_mut(&(class.name.as_str(), class.hint.as_deref()));
                class.dropped = known.and_then(VecDeque::pop_front).cloned().unwrap_or_default();
            }
        }
        save_plan(&plan, &store)?;
        let lines = (0..plan.classes.len()).map(|_| Mutex::default()).collect();
        let generation = Self {
            plan: Mutex::new(plan),
            model,
            place,
            count_tokens,
            lines,
            pace: Mutex::default(),
            retries: Mutex::default(),
        };
        for class in 0..generation.lines.len() {
            generation.look(class, &store)?;
        }
        Ok(generation)
    }

    /// The plan as it is now.
    pub fn plan(&self) -> GenerationPlan {
        locked(&self.plan).clone()
    }

    /// What there is of a class.
    pub fn class(&self, class: usize) -> GeneratedClass {
        let planned = locked(&self.plan).classes[class].clone();
        locked(&self.lines[class]).generated(&planned)
    }

    /// What there is of every class.
    pub fn all_classes(&self) -> Vec<GeneratedClass> {
        (0..self.lines.len()).map(|class| self.class(class)).collect()
    }

    /// What the user should know of the model.
    pub fn note(&self) -> Option<String> {
        self.model.note()
    }

    /// Asks until every class has what is wanted of it, or as many samples as may be were asked for. `notify` is told of
    /// each answer, on several threads.
    ///
    /// # Errors
    /// [`WorkbenchError::Cancelled`] soon after the request, and what the model or the store fails with; everything that
    /// came before is kept. What goes wrong with one class alone is its [`GeneratedClass::problem`].
    pub fn run(
        &self,
        cancel: &Cancel,
        notify: &(dyn Fn(GenerationNotice) + Sync),
    ) -> Result<(), WorkbenchError> {
        // It stays open, so that keeping an answer does not wait for others.
        let _open = self.place.open()?;
        let began = Instant::now();
        *locked(&self.pace) = Pace::default();
        locked(&self.retries).clear();
        let (next, ends) = (AtomicUsize::new(0), AtomicBool::new(false));
        let failure: Mutex<Option<WorkbenchError>> = Mutex::default();
        let work = || {
            while !ends.load(Ordering::Relaxed) {
                let class = next.fetch_add(1, Ordering::Relaxed);
                if class >= self.lines.len() {
                    return;
                }
                if let Err(error) = self.complete(class, cancel, &ends, began, notify) {
                    ends.store(true, Ordering::Relaxed);
                    locked(&failure).get_or_insert(error);
                }
            }
        };
        let threads = self.model.concurrency().clamp(1, self.lines.len().max(1));
        thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None if cancel.is_cancelled() => Err(WorkbenchError::Cancelled),
            None => Ok(()),
        }
    }

    /// Asks until a class has what is wanted of it.
    fn complete(
        &self,
        class: usize,
        cancel: &Cancel,
        ends: &AtomicBool,
        began: Instant,
        notify: &(dyn Fn(GenerationNotice) + Sync),
    ) -> Result<(), WorkbenchError> {
        let is_over = || cancel.is_cancelled() || ends.load(Ordering::Relaxed);
        loop {
            let missing = self.look(class, &self.place.open()?.store)?;
            notify(self.notice(class, began));
            if missing.is_empty() || is_over() {
                return Ok(());
            }
            let plan = self.plan();
            let mut came = 0;
            for request in plan.requests(class, &missing, self.model.samples_at_once()) {
                let mut store_failed = None;
                let asked = self.model.sample(&request, &is_over, &mut |said| {
                    match said {
                        SampleNotice::Retry(retry) => {
                            locked(&self.retries).insert(class, retry);
                        }
                        SampleNotice::Sample(sample) => {
                            locked(&self.retries).remove(&class);
                            came += 1;
                            if let Err(error) = self.keep(&plan, class, &request, sample) {
                                store_failed = Some(error);
                                return;
                            }
                        }
                    }
                    notify(self.notice(class, began));
                });
                locked(&self.retries).remove(&class);
                if let Some(error) = store_failed {
                    return Err(error);
                }
                match asked {
                    Ok(()) => {}
                    Err(LanguageModelError::Cancelled) => return Ok(()),
                    Err(error) if error.ends_everything() => {
                        return Err(WorkbenchError::LanguageModel(error));
                    }
                    Err(error) => {
                        locked(&self.lines[class]).problem = Some(error.to_string());
                        notify(self.notice(class, began));
                        return Ok(());
                    }
                }
            }
            if came == 0 {
                locked(&self.lines[class]).problem = Some("the model gave no answer".to_owned());
                notify(self.notice(class, began));
                return Ok(());
            }
        }
    }

    /// Keeps an answer and then judges it: what is shown of it is not lost, whatever happens.
    fn keep(
        &self,
        plan: &GenerationPlan,
        class: usize,
        request: &SampleRequest,
        sample: Sample,
    ) -> Result<(), WorkbenchError> {
        let key = plan.key(&request.llm_prompt, sample.number);
        {
            let mut pace = locked(&self.pace);
            pace.answers += 1;
            pace.tokens += sample.tokens.unwrap_or(0);
        }
        let kept = KeptSample {
            class: plan.classes[class].name.clone(),
            llm_prompt: request.llm_prompt.clone(),
            backend: plan.backend,
            model: plan.model.clone(),
            sampling: plan.sampling.clone(),
            number: sample.number,
            text: sample.text,
            ending: sample.ending,
            tokens: sample.tokens,
            time: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        };
        let text = serde_json::to_string(&kept).unwrap_or_default();
        self.place.open()?.store.save_sample(&plan.name, &key, &text)?;
        // The plan first, as everywhere: it may have changed since it was asked.
        let plan = self.plan();
        locked(&self.lines[class]).take(&plan, class, &kept, &*self.count_tokens);
        Ok(())
    }

    /// Reads what is kept of a class and was not known yet; returns the places that are to be asked for.
    fn look(&self, class: usize, store: &Store) -> Result<Vec<SampleSlot>, WorkbenchError> {
        let plan = self.plan();
        locked(&self.lines[class]).look(&plan, class, store, &*self.count_tokens)
    }

    /// What there is of a class, and how fast it went.
    pub fn now(&self, class: usize) -> GenerationNotice {
        GenerationNotice { class, now: self.class(class), pace: *locked(&self.pace), retry: self.retry() }
    }

    /// What is tried again, of several what comes first.
    fn retry(&self) -> Option<Retry> {
        locked(&self.retries).values().min_by_key(|retry| retry.seconds).cloned()
    }

    fn notice(&self, class: usize, began: Instant) -> GenerationNotice {
        let missing = |(line, planned): (&Mutex<ClassLine>, &PlannedClass)| locked(line).n_missing(planned);
        let missing = self.lines.iter().zip(&locked(&self.plan).classes).map(missing).sum();
        let mut pace = locked(&self.pace);
        pace.elapsed = began.elapsed();
        pace.missing = missing;
        GenerationNotice { class, now: self.class(class), pace: *pace, retry: self.retry() }
    }

    /// The user does not want a sentence; another is asked for in its place when it goes on.
    ///
    /// # Errors
    /// What prevents writing the store.
    pub fn drop_sentence(&self, class: usize, at: usize) -> Result<(), WorkbenchError> {
        let plan = {
            let mut plan = locked(&self.plan);
            if !plan.classes[class].dropped.contains(&at) {
                plan.classes[class].dropped.push(at);
            }
            plan.clone()
        };
        self.changed(&plan, class)
    }

    /// The user wants more sentences of a class.
    ///
    /// # Errors
    /// What prevents writing the store.
    pub fn want_more(&self, class: usize, more: usize) -> Result<(), WorkbenchError> {
        let plan = {
            let mut plan = locked(&self.plan);
            plan.classes[class].wanted += more;
            plan.clone()
        };
        self.changed(&plan, class)
    }

    fn changed(&self, plan: &GenerationPlan, class: usize) -> Result<(), WorkbenchError> {
        let store = self.place.open()?.store;
        save_plan(plan, &store)?;
        self.look(class, &store)?;
        Ok(())
    }

    /// Saves the sentences that are of use as a version of the prompt set.
    ///
    /// # Errors
    /// [`EditorError::Name`], a class without a sentence, and what prevents writing the store.
    pub fn save(&self) -> Result<SavedPrompts, EditorError> {
        let plan = self.plan();
        let names: Vec<String> = plan.classes.iter().map(|class| class.name.clone()).collect();
        let texts = |class: &GeneratedClass| class.accepted().map(|sentence| sentence.text.clone()).collect();
        let prompts: Vec<Vec<String>> = self.all_classes().iter().map(texts).collect();
        let set = set_of_classes(&plan.name, &names, prompts)?;
        let store = self.place.open().map_err(WorkbenchError::from)?.store;
        let saved = || -> Result<SavedPrompts, WorkbenchError> {
            let version = store.save_prompt_set(&set.name, &set.to_json())?;
            store.flush()?;
            Ok(SavedPrompts { name: set.name.clone(), version, notes: Vec::new() })
        };
        Ok(saved()?)
    }
}

/// Everything that was generated under a name, of use or not: each class's name with its sentences; none where nothing was.
///
/// # Errors
/// What prevents reading the store.
pub fn kept_sentences(
    name: &str,
    store: &Store,
    count_tokens: &dyn Fn(&str) -> usize,
) -> Result<Vec<(String, Vec<GeneratedSentence>)>, WorkbenchError> {
    let Some(plan) = kept_plan(name, store)? else { return Ok(Vec::new()) };
    let of_class = |class: usize| {
        let mut line = ClassLine::default();
        line.look(&plan, class, store, count_tokens)?;
        Ok((plan.classes[class].name.clone(), line.generated(&plan.classes[class]).sentences))
    };
    (0..plan.classes.len()).map(of_class).collect()
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The plan that is kept under a name.
///
/// # Errors
/// What prevents reading the store.
pub fn kept_plan(name: &str, store: &Store) -> Result<Option<GenerationPlan>, WorkbenchError> {
    Ok(store.generation(name)?.and_then(|text| serde_json::from_str(&text).ok()))
}

fn save_plan(plan: &GenerationPlan, store: &Store) -> Result<(), WorkbenchError> {
    let text = serde_json::to_string(plan).unwrap_or_default();
    store.save_generation(&plan.name, &text)?;
    Ok(store.flush()?)
}
