//! Generations with a model that says what it is told to.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender};

use super::live::LiveAccuracy;
use super::*;
use crate::language_model::{
    Backend, LanguageModel, LanguageModelError, Preview, Sample, SampleEnding, SampleNotice, SampleRequest,
};
use crate::prompts::generation::RejectionReason;
use crate::store::Store;
use crate::store::StorePlace;
use crate::workbench::editing::prompt_editor::tests::{pond, session_of};
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::progress::Cancel;
use crate::workbench::session::shared_embeddings::SharedEmbeddings;
use std::sync::Arc;

/// Answers with what a function makes of the LLM prompt and the number.
struct Scripted<F> {
    answer: F,
    asked: Mutex<Vec<(String, u32)>>,
    at_once: usize,
    /// What is said before the first answer.
    retries: Mutex<Vec<Retry>>,
}

impl<F: Fn(&str, u32) -> Result<String, LanguageModelError> + Send + Sync> LanguageModel for Scripted<F> {
    fn backend(&self) -> Backend {
        Backend::OpenAi
    }

    fn model(&self) -> &str {
        "scripted"
    }

    fn identity(&self) -> String {
        "a script".to_owned()
    }

    fn concurrency(&self) -> usize {
        3
    }

    fn samples_at_once(&self) -> usize {
        self.at_once
    }

    fn preview(&self, request: &SampleRequest) -> Preview {
        Preview { text: request.llm_prompt.clone(), prompt_tokens: 1 }
    }

    fn sample(
        &self,
        request: &SampleRequest,
        is_cancelled: &(dyn Fn() -> bool + Sync),
        tell: &mut dyn FnMut(SampleNotice),
    ) -> Result<(), LanguageModelError> {
        assert!(request.samples.len() <= self.at_once);
        let retries = std::mem::take(&mut *self.retries.lock().unwrap());
        retries.into_iter().for_each(|retry| tell(SampleNotice::Retry(retry)));
        for number in request.samples.clone() {
            if is_cancelled() {
                return Err(LanguageModelError::Cancelled);
            }
            self.asked.lock().unwrap().push((request.llm_prompt.clone(), number));
            let text = (self.answer)(&request.llm_prompt, number)?;
            let sample = Sample { number, text, ending: SampleEnding::Stop, tokens: Some(6) };
            tell(SampleNotice::Sample(sample));
        }
        Ok(())
    }
}

fn scripted<F: Fn(&str, u32) -> Result<String, LanguageModelError> + Send + Sync>(
    answer: F,
) -> Arc<Scripted<F>> {
    Arc::new(Scripted { answer, asked: Mutex::default(), at_once: 4, retries: Mutex::default() })
}

/// A sentence of use about what is asked, another one for each number.
fn good(llm_prompt: &str, number: u32) -> String {
    let class = if llm_prompt.contains("frog") { "frog" } else { "owl" };
    let colour = ["green", "brown", "grey", "black", "white", "red", "blue", "yellow"][number as usize % 8];
    format!("A {class} asked {} is {colour} with long legs", llm_prompt.len())
}

fn plan(model: &dyn LanguageModel, name: &str, wanted: usize) -> GenerationPlan {
    let settings = GenerationSettings {
        prompts_per_class: Some(wanted),
        hints: Some([("owl".to_owned(), "bird".to_owned())].into()),
        ..GenerationSettings::default()
    };
    settings.plan(name, vec!["frog".to_owned(), "owl".to_owned()], model).unwrap()
}

fn open(plan: GenerationPlan, model: Arc<dyn LanguageModel>, place: &StorePlace) -> Generation {
    let words: TokenCounter = Box::new(|text| text.split_whitespace().count());
    Generation::open(plan, model, place.clone(), words).unwrap()
}

/// Runs the job while `work` asks it things and hears what it says; it ends with that.
fn beside_job(
    generation: &Generation,
    source: SharedEmbeddings,
    work: impl FnOnce(Sender<GenerationRequest>, &Receiver<GenerationJobNotice>),
) {
    let (requests, asked) = crossbeam_channel::unbounded();
    let (notices, said) = crossbeam_channel::unbounded();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            job::generate(generation, LiveAccuracy::new(source), &asked, &|notice| {
                notices.send(notice).unwrap();
            })
        });
        work(requests, &said);
    });
}

fn run(generation: &Generation) -> Result<(), WorkbenchError> {
    generation.run(&Cancel::default(), &|_| {})
}

#[test]
fn every_class_gets_its_number_and_is_saved() {
    let model = scripted(|prompt, number| Ok(good(prompt, number)));
    let place = StorePlace::in_memory();
    let generation = open(plan(&*model, "pets", 7), model.clone(), &place);
    let notices = AtomicUsize::new(0);
    generation
        .run(&Cancel::default(), &|_| {
            notices.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
    assert!(notices.load(Ordering::Relaxed) >= 14);
    for class in generation.all_classes() {
        assert_eq!((class.n_accepted(), class.n_rejected(), class.is_done), (7, 0, true));
        let numbers: Vec<u32> = class.sentences.iter().map(|sentence| sentence.sample.number).collect();
        assert_eq!(numbers, [0, 0, 0, 1, 1, 1, 2], "the samples are spread over the LLM prompts");
    }
    let asked = model.asked.lock().unwrap().clone();
    assert!(asked.iter().any(|(prompt, _)| prompt == "Describe an owl (bird):"));
    let saved = generation.save().unwrap();
    let store = place.open().unwrap().store;
    let (_, text) = store.prompt_set("pets", Some(&saved.version)).unwrap().unwrap();
    assert!(text.contains("\"frog\"") && text.contains(" is green with long legs."), "{text}");
}

#[test]
fn a_generation_goes_on_where_its_accuracy_cannot_be_measured() {
    let (images, place) = (tempfile::tempdir().unwrap(), StorePlace::in_memory());
    let experiment = pond(images.path());
    let session = session_of(&experiment, &place);
    let source = SharedEmbeddings::new(experiment, place.clone(), session);
    // The images are read again, and one of them is not there any more.
    std::fs::remove_file(images.path().join("a-frog/2.png")).unwrap();
    let model = scripted(|prompt, number| Ok(good(prompt, number)));
    let generation = open(plan(&*model, "pets", 3), model, &place);
    beside_job(&generation, source, |requests, said| {
        let (mut is_done, mut reason, mut reads) = (false, None, false);
        while !is_done || reason.is_none() {
            match said.recv().unwrap() {
                GenerationJobNotice::Done(_) => is_done = true,
                GenerationJobNotice::Reading(progress) => reads = progress.is_some(),
                GenerationJobNotice::NoAccuracy(message) => reason = Some((message, reads)),
                GenerationJobNotice::Accuracy(..) | GenerationJobNotice::Failed(_) => {
                    panic!("not with these images")
                }
                _ => {}
            }
        }
        let (message, reads) = reason.unwrap();
        assert!(message.contains("changed") && !reads, "{message}");
        // It still grants what is asked for.
        requests.send(GenerationRequest::Save).unwrap();
        let saved = said.iter().find_map(|notice| match notice {
            GenerationJobNotice::Saved(saved) => Some(saved),
            _ => None,
        });
        assert_eq!(saved.unwrap().name, "pets");
    });
}

#[test]
fn a_generation_that_broke_off_says_why_and_goes_on_when_asked_to() {
    let (images, place) = (tempfile::tempdir().unwrap(), StorePlace::in_memory());
    let experiment = pond(images.path());
    let session = session_of(&experiment, &place);
    let source = SharedEmbeddings::new(experiment, place.clone(), session);
    let is_right = std::sync::atomic::AtomicBool::new(false);
    let model = scripted(move |prompt, number| match is_right.swap(true, Ordering::SeqCst) {
        false => Err(LanguageModelError::Refused { url: "u".into(), status: 401, reason: "no".into() }),
        true => Ok(good(prompt, number)),
    });
    let generation = open(plan(&*model, "pets", 3), model, &place);
    beside_job(&generation, source, |requests, said| {
        let mut steps = Vec::new();
        loop {
            match said.recv().unwrap() {
                GenerationJobNotice::Running => steps.push("running".to_owned()),
                GenerationJobNotice::Broken(message) => {
                    steps.push(message);
                    requests.send(GenerationRequest::Resume).unwrap();
                }
                GenerationJobNotice::Stopped | GenerationJobNotice::Failed(_) => panic!("it broke off"),
                GenerationJobNotice::Done(_) => break,
                _ => {}
            }
        }
        assert_eq!(steps, ["running", "u answers 401: no", "running"]);
    });
}

#[test]
fn a_wait_before_another_attempt_is_told_until_there_is_an_answer() {
    let retry = |seconds| Retry { attempt: 2, attempts: 6, seconds, said: "429: slow down".to_owned() };
    let model = scripted(|prompt, number| Ok(good(prompt, number)));
    *model.retries.lock().unwrap() = vec![retry(2), retry(1), retry(0)];
    let mut plan = plan(&*model, "pets", 2);
    plan.classes.truncate(1);
    let generation = open(plan, model, &StorePlace::in_memory());
    let told = Mutex::new(Vec::new());
    let tell = |notice: GenerationNotice| {
        told.lock().unwrap().push((notice.pace.answers, notice.retry.map(|retry| retry.seconds)));
    };
    generation.run(&Cancel::default(), &tell).unwrap();
    let told = told.into_inner().unwrap();
    assert_eq!(told[..5], [(0, None), (0, Some(2)), (0, Some(1)), (0, Some(0)), (1, None)]);
    assert!(told[5..].iter().all(|(_, retry)| retry.is_none()), "{told:?}");
}

#[test]
fn wishes_take_effect_again_and_ask_nothing_twice() {
    let model = scripted(|prompt, number| Ok(good(prompt, number)));
    let place = StorePlace::in_memory();
    let generation = open(plan(&*model, "pets", 3), model.clone(), &place);
    generation.want_more(1, 2).unwrap();
    run(&generation).unwrap();
    generation.drop_sentence(0, 1).unwrap();
    run(&generation).unwrap();
    let before = model.asked.lock().unwrap().len();
    // The next start has the settings and the wishes.
    let mut again = plan(&*model, "pets", 3);
    again.wish(&[MoreSentences { class: 1, name: "owl".to_owned(), more: 2 }]);
    let again = open(again, model.clone(), &place);
    run(&again).unwrap();
    assert_eq!(again.all_classes(), generation.all_classes());
    assert_eq!(again.all_classes().iter().map(GeneratedClass::n_accepted).collect::<Vec<_>>(), [3, 5]);
    assert_eq!(model.asked.lock().unwrap().len(), before);
}

#[test]
fn each_answer_is_judged_once() {
    let model = scripted(|prompt, number| Ok(good(prompt, number)));
    let judged = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&judged);
    let words: TokenCounter = Box::new(move |text| {
        counted.fetch_add(1, Ordering::Relaxed);
        text.split_whitespace().count()
    });
    let plan = plan(&*model, "pets", 12);
    let generation = Generation::open(plan, model.clone(), StorePlace::in_memory(), words).unwrap();
    run(&generation).unwrap();
    generation.drop_sentence(0, 3).unwrap();
    run(&generation).unwrap();
    let sentences: usize = generation.all_classes().iter().map(|class| class.sentences.len()).sum();
    assert_eq!((sentences, judged.load(Ordering::Relaxed)), (25, 25));
}

#[test]
fn what_is_of_no_use_is_kept_and_made_up_for() {
    // Every second answer is the same.
    let model = scripted(|prompt, number| {
        Ok(if number % 2 == 1 { "I cannot say".to_owned() } else { good(prompt, number) })
    });
    let place = StorePlace::in_memory();
    let generation = open(plan(&*model, "pets", 6), model.clone(), &place);
    run(&generation).unwrap();
    for class in generation.all_classes() {
        assert_eq!(class.n_accepted(), 6);
        let refused = |sentence: &&GeneratedSentence| {
            sentence.rejection.as_ref().is_some_and(|why| why.reason == RejectionReason::Refusal)
        };
        assert_eq!(class.sentences.iter().filter(refused).count(), class.n_rejected());
        assert!(class.n_rejected() >= 3);
    }
}

#[test]
fn the_limit_ends_it() {
    let model = scripted(|_, _| Ok("It is green with long legs".to_owned()));
    let generation = open(plan(&*model, "pets", 4), model.clone(), &StorePlace::in_memory());
    run(&generation).unwrap();
    for class in generation.all_classes() {
        assert_eq!((class.n_accepted(), class.n_rejected(), class.is_done), (0, 12, true));
    }
    assert!(generation.save().is_err(), "a class without a prompt cannot be saved");
}

#[test]
fn nothing_is_asked_twice() {
    let model = scripted(|prompt, number| Ok(good(prompt, number)));
    let place = StorePlace::in_memory();
    run(&open(plan(&*model, "pets", 5), model.clone(), &place)).unwrap();
    assert_eq!(model.asked.lock().unwrap().len(), 10);
    // Another name, more sentences, and a second start.
    run(&open(plan(&*model, "animals", 5), model.clone(), &place)).unwrap();
    assert_eq!(model.asked.lock().unwrap().len(), 10);
    run(&open(plan(&*model, "pets", 8), model.clone(), &place)).unwrap();
    let asked = model.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 16);
    assert_eq!(asked.iter().collect::<HashSet<_>>().len(), 16);
    // Other settings are other answers.
    let mut warmer = plan(&*model, "pets", 5);
    warmer.sampling.temperature = 0.5;
    run(&open(warmer, model.clone(), &place)).unwrap();
    assert_eq!(model.asked.lock().unwrap().len(), 26);
}

#[test]
fn a_stopped_generation_goes_on_where_it_was() {
    let cancel = Cancel::default();
    let answers = AtomicUsize::new(0);
    let stops = cancel.clone();
    let model = scripted(move |prompt, number| {
        if answers.fetch_add(1, Ordering::Relaxed) == 4 {
            stops.cancel();
        }
        Ok(good(prompt, number))
    });
    let place = StorePlace::in_memory();
    let generation = open(plan(&*model, "pets", 9), model.clone(), &place);
    assert!(matches!(generation.run(&cancel, &|_| {}), Err(WorkbenchError::Cancelled)));
    let before = model.asked.lock().unwrap().len();
    assert!(before < 18);
    let generation = open(plan(&*model, "pets", 9), model.clone(), &place);
    let there: usize = generation.all_classes().iter().map(GeneratedClass::n_accepted).sum();
    assert_eq!(there, before, "what was answered is there at once");
    run(&generation).unwrap();
    assert_eq!(model.asked.lock().unwrap().len(), 18);
}

#[test]
fn dropped_ones_are_made_up_for_and_stay_dropped() {
    let model = scripted(|prompt, number| Ok(good(prompt, number)));
    let place = StorePlace::in_memory();
    let generation = open(plan(&*model, "pets", 3), model.clone(), &place);
    run(&generation).unwrap();
    generation.drop_sentence(0, 1).unwrap();
    generation.want_more(1, 2).unwrap();
    assert!(!generation.class(0).is_done && !generation.class(1).is_done);
    run(&generation).unwrap();
    assert_eq!(generation.all_classes().iter().map(GeneratedClass::n_accepted).collect::<Vec<_>>(), [3, 5]);
    let again = open(plan(&*model, "pets", 3), model.clone(), &place);
    let dropped: Vec<usize> =
        again.class(0).sentences.iter().filter(|one| one.rejection.is_some()).map(|one| one.at).collect();
    assert_eq!(dropped, [1]);
}

#[test]
fn failures_keep_what_there_is() {
    let refused = |status| LanguageModelError::Refused { url: "u".into(), status, reason: "no".into() };
    // One class alone cannot be answered.
    let model = scripted(move |prompt, number| match prompt.contains("owl") {
        true => Err(refused(400)),
        false => Ok(good(prompt, number)),
    });
    let generation = open(plan(&*model, "pets", 3), model.clone(), &StorePlace::in_memory());
    run(&generation).unwrap();
    assert_eq!(generation.class(0).n_accepted(), 3);
    assert_eq!(generation.class(1).problem.as_deref(), Some("u answers 400: no"));
    // The key is wrong.
    let model = scripted(
        move |prompt, number| if number == 1 { Err(refused(401)) } else { Ok(good(prompt, number)) },
    );
    let place = StorePlace::in_memory();
    let generation = open(plan(&*model, "pets", 6), model.clone(), &place);
    let error = run(&generation).unwrap_err();
    assert_eq!(error.to_string(), "u answers 401: no");
    let kept: usize = generation.all_classes().iter().map(GeneratedClass::n_accepted).sum();
    assert!(kept >= 1);
}

#[test]
fn answers_are_kept_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let place = StorePlace::Directory(path.clone());
    // Whoever opens the store in the middle finds every answer before.
    let seen = Mutex::new(Vec::new());
    let count = AtomicUsize::new(0);
    let model = scripted(|prompt: &str, number| Ok(good(prompt, number)));
    let mut plan = plan(&*model, "pets", 3);
    plan.classes.truncate(1);
    let keys: Vec<_> = (0..3).map(|at| plan.key(&plan.asked(0)[at], 0)).collect();
    let generation = open(plan, model.clone(), &place);
    generation
        .run(&Cancel::default(), &|_| {
            let store = Store::open(&path).unwrap().store;
            let there = store.samples(&keys).unwrap().into_iter().flatten().count();
            seen.lock().unwrap().push(there);
            count.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
    assert_eq!(*seen.lock().unwrap(), [0, 1, 2, 3, 3]);
}
