//! The screens as a user meets them: key sequences with the state they lead to, and what is drawn at several sizes.

use std::sync::Arc;

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::KeyEvent;
use ratatui::layout::{Position, Size};

use super::actions::{Action, BINDINGS, Context};
use super::draw::draw;
use super::graphics::Graphics;
use super::keymap::{Keymap, parse_key};
use super::pictures::{Picture, PictureKey, fit};
use super::state::classes::order_words;
use super::state::{Effect, Event, Job, NewStrategy, Overlay, Problem, Remembered, State, Wanted, update};
use super::theme::{ASCII, ColorDepth, Palette, Theme, UNICODE};
use crate::evaluation::{Classifier, Matrix, evaluate};
use crate::language_model::{Backend, SampleEnding, Sampling};
use crate::prompts::Aggregation;
use crate::prompts::generation::{Rejection, RejectionReason};
use crate::workbench::generation::{
    GeneratedClass, GeneratedSentence, GenerationJobNotice, GenerationNotice, GenerationPlan,
    GenerationRequest, KeptSample, Pace, PlannedClass,
};
use crate::workbench::{
    AnalysisAnswer, AnalysisNotice, AnalysisRequest, Calibration, ChangedPrediction, Competitor, Correction,
    CurvePoint, Edit, EditedPrompt, EditorNotice, EditorRequest, EditorState, ExplainedClass, Explanation,
    Finding, FindingKind, Fitted, FlawedPrompt, LastChange, LearningCurve, LikelyClass, PictureSource,
    Progress, PromptOrigin, PromptShare, PromptSimilarity, PullOffer, Recent, Reliability, ReliabilityBin,
    Remedy, RemovedPrompt, SavedPrompts, Session, SessionImage, SkippedImage, Stage, StrategyResult,
    test_session,
};

mod late;

const CLASSES: [&str; 4] = ["cat", "deer", "frog", "カエル"];

/// A session of three images a class. Each strategy is a table of predicted classes, image by image.
fn session_of(classes: &[String], strategies: &[(String, Vec<usize>)]) -> Session {
    let n_images = 3 * classes.len();
    let images: Vec<SessionImage> = (0..n_images)
        .map(|image| SessionImage {
            name: format!("{}/{:05}.png", classes[image / 3], 100 + image),
            label: image / 3,
            source: PictureSource::Pixels(Arc::new(picture())),
        })
        .collect();
    let labels: Vec<usize> = images.iter().map(|image| image.label).collect();
    // Image i is the i-th unit vector, so that a classifier's weights are its scores.
    let at = |row: usize, column: usize| if row == column { 1.0 } else { 0.0 };
    let unit = (0..n_images * n_images).map(|cell| at(cell / n_images, cell % n_images)).collect();
    let unit = Matrix::new(n_images, n_images, unit).unwrap();
    let strategies = strategies
        .iter()
        .map(|(name, predicted)| {
            let score = |class: usize, image: usize| {
                if predicted[image] == class {
                    0.9
                } else if labels[image] == class {
                    0.8
                } else {
                    0.1 * (class % 4) as f32
                }
            };
            let weights =
                (0..classes.len()).flat_map(|class| (0..n_images).map(move |image| score(class, image)));
            let weights = Matrix::new(classes.len(), n_images, weights.collect()).unwrap();
            StrategyResult {
                name: name.clone(),
                aggregation: Aggregation::Mean,
                prompt_sets: vec![format!("{name}@1")],
                prompts: prompts_of(classes, name).into(),
                evaluation: evaluate(&unit, &labels, &Classifier::Linear { weights }, 2.3, 5).unwrap(),
            }
        })
        .collect();
    Session {
        experiment: "pond".into(),
        checkpoint: "tiny".into(),
        checkpoint_fingerprint: [1; 32].into(),
        precision: crate::workbench::Precision::F32,
        dataset: "pond".into(),
        dataset_fingerprint: [2; 32].into(),
        classes: classes.to_vec(),
        images,
        skipped: vec![SkippedImage { name: "frog/broken.jpg".into(), reason: "truncated JPEG".into() }],
        strategies,
        baseline: 0,
        controls: Vec::new(),
        left_over: Vec::new(),
        warnings: vec!["2 prompts are longer than the checkpoint's 77 tokens and were cut at the end".into()],
        demo_checkpoint: false,
    }
}

/// Ten prompts a class.
fn prompts_of(classes: &[String], strategy: &str) -> Vec<Vec<String>> {
    let prompts =
        |class: &String| (1..=10).map(|n| format!("{strategy}: a {class}, seen {n} times.")).collect();
    classes.iter().map(prompts).collect()
}

fn session() -> Session {
    let strategies: [(&str, [usize; 12]); 3] = [
        ("templates", [0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 3]),
        ("cupl", [0, 0, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3]),
        ("both", [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]),
    ];
    session_of(
        &CLASSES.map(str::to_owned),
        &strategies.map(|(name, predicted)| (name.to_owned(), predicted.to_vec())),
    )
}

/// The same with one more strategy, which predicts what the second one does.
fn with_one_more() -> Session {
    let predictions: [(&str, [usize; 12]); 4] = [
        ("templates", [0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 3]),
        ("cupl", [0, 0, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3]),
        ("both", [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]),
        ("added", [0, 0, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3]),
    ];
    let strategies = predictions.map(|(name, predicted)| (name.to_owned(), predicted.to_vec()));
    session_of(&CLASSES.map(str::to_owned), &strategies)
}

/// Strategy `s` of `n` misses every image whose number is a multiple of s + 2.
fn generated(classes: &[String], strategies: usize) -> Session {
    let predicted = |strategy: usize| {
        (0..3 * classes.len())
            .map(
                |image| if image % (strategy + 2) == 0 { (image / 3 + 1) % classes.len() } else { image / 3 },
            )
            .collect()
    };
    let strategies: Vec<_> = (0..strategies).map(|s| (format!("strategy-{s}"), predicted(s))).collect();
    session_of(classes, &strategies)
}

fn numbered(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{name}{number:03}")).collect()
}

/// Darker from row to row.
fn picture() -> image::RgbImage {
    image::RgbImage::from_fn(32, 32, |_, y| image::Rgb([250 - 7 * y as u8, 100, 50]))
}

fn made(size: Size) -> Result<Picture, String> {
    fit(picture(), size, &Graphics::HALFBLOCKS)
}

fn opened(width: u16, height: u16) -> State {
    opened_with(session(), width, height)
}

fn opened_with(session: Session, width: u16, height: u16) -> State {
    let mut state = waiting(width, height);
    update(&mut state, Event::Opened(Arc::new(session), None));
    state
}

/// The session's job has begun.
fn waiting(width: u16, height: u16) -> State {
    let mut state = State::new(Size { width, height }, Keymap::default(), false);
    state.begin_session();
    state
}

fn key(name: &str) -> KeyEvent {
    parse_key(name).unwrap()
}

/// Presses keys separated by blanks; pictures that are asked for are made at once, and a editor answers.
fn press(state: &mut State, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for name in keys.split_whitespace() {
        effects = update(state, Event::Key(key(name)));
        play(state, &effects);
    }
    effects
}

/// What other threads do about effects.
fn play(state: &mut State, effects: &[Effect]) {
    for effect in effects {
        let event = match effect {
            Effect::WantPictures(keys) => {
                for key in keys {
                    update(state, Event::PictureReady(*key, made(key.size)));
                }
                continue;
            }
            Effect::OpenDesk(strategy) => {
                Event::Editor(EditorNotice::Ready(Box::new(editor_of(state, *strategy))))
            }
            Effect::AskDesk(EditorRequest::Similarities { strategy, class }) => {
                let near = |row: usize| PromptSimilarity {
                    own: Some(0.31 - 0.01 * row as f32),
                    competitor: Some(Competitor { class: (class + 1) % 4, similarity: 0.28 }),
                };
                let prompts = (0..10).map(near).collect();
                Event::Editor(EditorNotice::Similarities { strategy: *strategy, class: *class, prompts })
            }
            Effect::AskAnalysis(AnalysisRequest::Findings) => {
                update(state, Event::Analysis(AnalysisNotice::Ready));
                Event::Analysis(AnalysisNotice::Answer(Box::new(AnalysisAnswer::Found(findings()))))
            }
            Effect::AskAnalysis(AnalysisRequest::Explain { image, strategies }) => {
                update(state, Event::Analysis(AnalysisNotice::Ready));
                let session = state.session.as_ref().unwrap();
                let explain = |&strategy: &usize| explanation_of(session, *image, strategy);
                let (image, strategies) = (*image, strategies.clone());
                let explanations = strategies.iter().map(explain).collect();
                let answer = AnalysisAnswer::Explained { image, strategies, explanations };
                Event::Analysis(AnalysisNotice::Answer(Box::new(answer)))
            }
            Effect::Generate { name, .. } => {
                let classes = (0..4).map(generated_class).collect();
                let opened = GenerationJobNotice::Opened(Box::new(generation_plan(name)), classes);
                update(state, Event::Generation(opened));
                update(state, Event::Generation(GenerationJobNotice::Running));
                for (prompts, top1) in [(1.0, 0.5), (1.5, 0.55), (2.0, 0.7), (2.5, 0.65)] {
                    update(state, Event::Generation(GenerationJobNotice::Accuracy(prompts, top1)));
                }
                let now = GeneratedClass { wanted: 6, ..generated_class(1) };
                let pace = Pace {
                    answers: 12,
                    tokens: 180,
                    elapsed: std::time::Duration::from_secs(6),
                    missing: 14,
                };
                Event::Generation(GenerationJobNotice::Changed(Box::new(GenerationNotice {
                    class: 1,
                    now,
                    pace,
                })))
            }
            Effect::AskAnalysis(AnalysisRequest::Calibrate(strategies)) => {
                update(state, Event::Analysis(AnalysisNotice::Ready));
                let calibrations = strategies.iter().map(|&strategy| calibration_of(strategy)).collect();
                let answer = AnalysisAnswer::Calibrated(strategies.clone(), calibrations);
                Event::Analysis(AnalysisNotice::Answer(Box::new(answer)))
            }
            Effect::AskAnalysis(AnalysisRequest::Curves(strategies)) => {
                update(state, Event::Analysis(AnalysisNotice::Ready));
                let curves = strategies.iter().map(|&strategy| curve_of(strategy)).collect();
                let answer = AnalysisAnswer::Curves(strategies.clone(), curves);
                Event::Analysis(AnalysisNotice::Answer(Box::new(answer)))
            }
            _ => continue,
        };
        let further = update(state, event);
        play(state, &further);
    }
}

fn generation_plan(name: &str) -> GenerationPlan {
    let class =
        |class: &&str| PlannedClass { name: (*class).to_owned(), hint: None, wanted: 5, dropped: Vec::new() };
    GenerationPlan {
        name: name.to_owned(),
        classes: CLASSES.iter().map(class).collect(),
        llm_prompts: vec!["Describe a/the {}:".to_owned()],
        context: None,
        sampling: Sampling::default(),
        retry_limit: 3.0,
        backend: Backend::OpenAi,
        model: "tiny-writer".to_owned(),
        identity: "http://localhost/v1 chat tiny-writer".to_owned(),
    }
}

/// Sentences of a class: some of use, one that is a refusal; the last class has none, and why.
fn generated_class(class: usize) -> GeneratedClass {
    let name = CLASSES[class];
    let sentence = |at: usize| {
        let rejection = (at == 1).then(|| Rejection {
            reason: RejectionReason::Refusal,
            evidence: "it begins with \"sorry\"".to_owned(),
        });
        let text = match at {
            1 => "Sorry, there is nothing that I can say.".to_owned(),
            _ => format!("A {name} has {} legs and looks at you out of large dark eyes.", at + 2),
        };
        let sample = KeptSample {
            class: name.to_owned(),
            llm_prompt: format!("Describe a {name}:"),
            backend: Backend::OpenAi,
            model: "tiny-writer".to_owned(),
            sampling: Sampling::default(),
            number: at as u32,
            text: text.clone(),
            ending: SampleEnding::Stop,
            tokens: Some(15),
            time: 0,
        };
        GeneratedSentence { at, text, rejection, sample }
    };
    let count = [6, 4, 3, 0][class];
    GeneratedClass {
        sentences: (0..count).map(sentence).collect(),
        wanted: 5,
        is_done: class == 0,
        problem: (class == 3).then(|| "http://localhost/v1 answers 400: no".to_owned()),
    }
}

/// A made-up calibration; what the second strategy's temperature gains on some images it loses on others.
fn calibration_of(strategy: usize) -> Calibration {
    let better = 0.01 * strategy as f64;
    let bin = |at: usize| {
        let images = if at < 5 { 0 } else { 20 * at };
        let share = (at as f64 + 0.5) / 15.0;
        let some = |value: f64| (images > 0).then_some(value);
        ReliabilityBin { images, confidence: some(share), accuracy: some(share * 0.8 + better) }
    };
    let reliability = |ece: f64, nll: f64| Reliability {
        images: 18,
        accuracy: 0.743 + better,
        confidence: 0.81,
        nll,
        ece,
        bins: (0..15).map(bin).collect(),
    };
    let after = if strategy == 0 { 0.79 } else { 0.83 };
    Calibration {
        reliability: reliability(0.131, 0.812),
        scale: 100.0,
        fitted: Some(Fitted {
            temperature: 1.25,
            at_limit: false,
            development_images: 9,
            before: Reliability { images: 9, ..reliability(0.128, 0.81) },
            after: Reliability { images: 9, ..reliability(0.04, after) },
        }),
    }
}

/// A made-up learning curve: the first strategy's has ten prompts and ends flat, the others' twenty and still rise.
fn curve_of(strategy: usize) -> LearningCurve {
    let sizes: &[usize] = if strategy == 0 { &[1, 2, 5, 10] } else { &[1, 2, 5, 10, 20] };
    let point = |(at, &prompts): (usize, &usize)| {
        let is_all = at + 1 == sizes.len();
        let top1 = if strategy == 0 { 0.74 - 0.04 / prompts as f64 } else { 0.65 + 0.025 * at as f64 };
        CurvePoint {
            prompts,
            subsets: if is_all { 1 } else { 10 },
            top1,
            top1_sd: (!is_all).then_some(0.02 / prompts as f64),
            mean_per_class_recall: top1,
            mean_per_class_recall_sd: None,
        }
    };
    LearningCurve { points: sizes.iter().enumerate().map(point).collect(), shorter_classes: 2 * strategy }
}

/// One finding about classes, one about images, one about a prompt, one about nothing that can be opened.
fn findings() -> Vec<Finding> {
    let finding = |kind, classes: &[usize], images: &[usize], evidence: &str, remedy: &str| Finding {
        kind,
        classes: classes.to_vec(),
        images: images.to_vec(),
        prompt: None,
        evidence: evidence.into(),
        remedy: remedy.into(),
    };
    let prompt =
        FlawedPrompt { strategy: 1, index: 2, text: "cupl: a frog, seen 3 times.".into(), fix: None };
    vec![
        finding(
            FindingKind::PermutedClasses,
            &[0, 1],
            &[],
            "8 of 12 images are taken for the class that stands in the other's place",
            "put the class names in the order of the folders",
        ),
        finding(
            FindingKind::LikelyLabelError,
            &[0, 1],
            &[3],
            "every strategy is sure that it is a frog",
            "look at the image, and move it if they are right",
        ),
        finding(FindingKind::LeftOverKey, &[], &[], "\"toad\" of cupl.json is no class", "rename the key"),
        Finding {
            prompt: Some(prompt),
            ..finding(
                FindingKind::NearerToOther,
                &[1],
                &[],
                "its mean similarity is 0.29 with frog and 0.31 with cat",
                "disable it and look at what changes",
            )
        },
    ]
}

/// A made-up explanation of ten prompts a class, in their order. For a miss, the predicted class must lose its fourth
/// prompt and the true one its second.
fn explanation_of(session: &Session, image: usize, strategy: usize) -> Explanation {
    let evaluation = &session.strategies[strategy].evaluation;
    let truth = session.images[image].label;
    let logit = |place: usize| 23.41 - 0.5 * place as f64;
    let top: Vec<LikelyClass> = (evaluation.ranked(image).iter().enumerate())
        .map(|(place, ranked)| LikelyClass {
            class: ranked.class as usize,
            logit: logit(place),
            probability: ranked.probability,
        })
        .collect();
    let predicted = top[0].class;
    let against = if predicted == truth { top[1].class } else { truth };
    let explained = |(place, class): (usize, usize)| ExplainedClass {
        class,
        logit: logit(place),
        prompts: (0..10)
            .map(|prompt| PromptShare {
                prompt,
                share: logit(place) / 10.0 + 0.045 - 0.01 * prompt as f64,
                pull: (prompt != 7).then_some(0.021 - 0.006 * prompt as f64),
            })
            .collect(),
    };
    let removed =
        vec![RemovedPrompt { class: predicted, prompt: 3 }, RemovedPrompt { class: truth, prompt: 1 }];
    Explanation {
        strategy,
        truth: Some(truth),
        classes: [predicted, against].into_iter().enumerate().map(explained).collect(),
        correction: (predicted != truth).then_some(Correction { removed, gained: 12, lost: 8 }),
        top,
    }
}

/// A editor with the prompts of a strategy as they were loaded.
fn editor_of(state: &State, strategy: usize) -> EditorState {
    let session = state.session.as_ref().unwrap();
    let result = &session.strategies[strategy];
    let loaded =
        |text: &String| EditedPrompt { text: text.clone(), enabled: true, origin: PromptOrigin::Loaded };
    let of_class = |prompts: &Vec<String>| Arc::new(prompts.iter().map(loaded).collect());
    EditorState {
        strategy,
        prompts: result.prompts.iter().map(of_class).collect(),
        top1: result.evaluation.top1(),
        mean_per_class_recall: result.evaluation.mean_per_class_recall(),
        per_class: result.evaluation.per_class(),
        flips: Arc::default(),
        gained: 0,
        lost: 0,
        last: None,
        trail: Vec::new(),
        redo: None,
        is_changed: false,
    }
}

/// Those that are not about pictures.
fn deeds(effects: Vec<Effect>) -> Vec<Effect> {
    let is_deed = |effect: &Effect| {
        !matches!(effect, Effect::WantPictures(_) | Effect::AskDesk(EditorRequest::Similarities { .. }))
    };
    effects.into_iter().filter(is_deed).collect()
}

fn wanted(effects: &[Effect]) -> Vec<PictureKey> {
    let keys = effects.iter().filter_map(|effect| match effect {
        Effect::WantPictures(keys) => Some(keys.clone()),
        _ => None,
    });
    keys.flatten().collect()
}

/// The state in one line.
fn summary(state: &State) -> String {
    let session = state.session.as_ref().unwrap();
    let name = |strategy: usize| session.strategies[strategy].name.as_str();
    let class = |class: usize| session.classes[class].as_str();
    let strategies = &state.strategies;
    let place = match state.place() {
        Context::Strategies => format!("strategies at {}", name(strategies.selected)),
        Context::Classes => {
            let view = &state.classes;
            let selected = view.selected_class().map_or("nothing", class);
            let grouped = if view.grouped { ", grouped" } else { "" };
            let filter =
                if view.filter.is_empty() { String::new() } else { format!(" with {}", view.filter) };
            format!("classes{filter} at {selected}, {}{grouped}", order_words(view.column, view.reversed))
        }
        Context::Class => {
            let page = state.classes.page.as_ref().unwrap();
            let pairs = state.taken_for(page.class);
            format!("class {} at {} of {}", class(page.class), page.row(&pairs), pairs.len())
        }
        Context::Pairs => {
            let pairs: Vec<String> = state
                .confusion
                .pairs
                .iter()
                .map(|pair| format!("{}>{} {}:{}", class(pair.truth), class(pair.predicted), pair.a, pair.b))
                .collect();
            format!("{:?} {} of [{}]", state.confusion.whose, state.confusion.selected, pairs.join(", "))
        }
        Context::Block => {
            let block = state.confusion.block.as_ref().unwrap();
            format!(
                "{:?} around {} at {},{}",
                state.confusion.whose,
                class(block.class),
                block.row(),
                block.column()
            )
        }
        Context::Gallery | Context::Inspector => {
            let view = &state.images;
            let mut words = view.selection.filter.words(strategies.is_pair()).to_owned();
            if let Some(cell) = view.selection.cell {
                words = format!(
                    "{} taken for {} by {}",
                    class(cell.truth),
                    class(cell.predicted),
                    name(cell.strategy)
                );
            }
            if let Some(only) = view.selection.class {
                words.push_str(&format!(" of {}", class(only)));
            }
            if !view.selection.name.is_empty() {
                words.push_str(&format!(" with {}", view.selection.name));
            }
            let large = if view.inspecting { "large " } else { "" };
            format!("{large}{words}: {} of {:?}", view.selected, view.list)
        }
        Context::Explanation => {
            let view = state.images.explanation.as_ref().unwrap();
            let side = if view.on_b { "B" } else { "A" };
            format!("explanation of {} by {side}, row {}", view.image, view.selected)
        }
        Context::Prompts => format!(
            "prompts of {} on {} at {:?}",
            class(state.prompts.class),
            if state.prompts.on_b { "B" } else { "A" },
            state.prompts.selected
        ),
        Context::Jobs => format!("jobs, message {}", state.jobs.selected),
        place => format!("{place:?}"),
    };
    let over = match &state.overlay {
        Some(Overlay::Commands(view)) => format!(" under commands at {}", view.selected),
        Some(Overlay::Message { text, line }) => format!(" under line {line} of {text}"),
        Some(overlay) => format!(" under {overlay:?}"),
        None => String::new(),
    };
    let typing = state.typing.as_ref().map(|typing| format!(", typing {}", typing.input.text()));
    format!("A {} B {}: {place}{over}{}", name(strategies.a), name(strategies.b), typing.unwrap_or_default())
}

#[test]
fn a_generation_says_why_its_accuracy_is_missing() {
    let mut state = opened(80, 24);
    press(&mut state, "5 m Down t i n y Enter");
    if let Some(view) = &mut state.generation {
        view.accuracies.clear();
    }
    let message = "the images changed\nand more".to_owned();
    update(&mut state, Event::Generation(GenerationJobNotice::NoAccuracy(message)));
    let screen = drawn(&state, COLORED);
    assert!(screen.contains("accuracy: not measured: the images changed"), "{screen}");
    assert!(state.notice.as_deref().unwrap().contains("the images changed"));
    assert!(state.messages.last().unwrap().ends_with("and more"));
    assert!(state.generation.as_ref().unwrap().no_accuracy.is_some());
}

#[test]
fn keys_lead_where_they_should() {
    const AB: &str = "A templates B cupl: ";
    let mut wrong = Vec::new();
    for (keys, expected) in [
        // The strategies.
        ("", "strategies at cupl"),
        ("k", "strategies at templates"),
        ("Enter", "classes at deer, gains first"),
        ("Enter Esc", "strategies at cupl"),
        ("Esc Esc", "strategies at cupl"),
        // The classes.
        ("2", "classes at deer, gains first"),
        ("2 j", "classes at frog, gains first"),
        ("2 G", "classes at cat, gains first"),
        ("2 r", "classes at cat, losses first"),
        ("2 s", "classes at cat, best with A first"),
        ("2 s s", "classes at deer, best with B first"),
        ("2 s s s s s", "classes at cat, by name"),
        ("2 s s s s s s", "classes at cat, dataset order"),
        ("2 s s s s s s s", "classes at deer, gains first"),
        ("2 t", "classes at deer, gains first, grouped"),
        ("2 t j j", "classes at cat, gains first, grouped"),
        ("2 / a", "classes with a at cat, gains first, typing a"),
        ("2 / a Enter", "classes with a at cat, gains first"),
        ("2 / x", "classes with x at nothing, gains first, typing x"),
        ("2 / x Enter Enter", "classes with x at nothing, gains first"),
        ("2 / a Enter / Esc", "classes at cat, gains first"),
        // A class.
        ("2 Enter", "class deer at 0 of 1"),
        ("2 Enter j", "class deer at 0 of 1"),
        ("2 Enter ]", "class frog at 0 of 1"),
        ("2 Enter [", "class cat at 0 of 1"),
        ("2 Enter Esc", "classes at deer, gains first"),
        ("2 Enter Enter", "deer taken for cat by templates: 0 of [3, 4]"),
        ("2 Enter Enter Esc", "class deer at 0 of 1"),
        ("2 Enter i", "missed by A or B of deer: 0 of [3, 4]"),
        ("2 Enter i Esc", "class deer at 0 of 1"),
        ("2 j j Enter i", "every image of カエル: 0 of [9, 10, 11]"),
        ("2 e", "prompts of deer on A at [0, 0]"),
        ("2 e Esc", "classes at deer, gains first"),
        ("2 v", "B around deer at 0,0"),
        // The confusions.
        ("3", "B 0 of [cat>frog 0:1]"),
        ("3 d", "Difference 0 of [deer>cat 2:0, cat>frog 0:1, frog>deer 1:0]"),
        ("3 d d", "A 0 of [deer>cat 2:0, frog>deer 1:0]"),
        ("3 d d j", "A 1 of [deer>cat 2:0, frog>deer 1:0]"),
        ("3 d d / f Enter", "A 0 of [frog>deer 1:0]"),
        ("3 d d Enter", "deer taken for cat by templates: 0 of [3, 4]"),
        ("3 Enter", "cat taken for frog by cupl: 0 of [2]"),
        ("3 Enter Esc", "B 0 of [cat>frog 0:1]"),
        ("3 v", "B around cat at 0,1"),
        ("3 v v", "B 0 of [cat>frog 0:1]"),
        ("3 v Esc", "B 0 of [cat>frog 0:1]"),
        ("3 v j h", "B around cat at 1,0"),
        ("3 v h Enter", "cat taken for cat by cupl: 0 of [0, 1]"),
        ("3 v h Enter Esc", "B around cat at 0,0"),
        // The images.
        ("4", "missed by A or B: 0 of [2, 3, 4, 6]"),
        ("4 n l", "missed by A or B: 2 of [2, 3, 4, 6]"),
        ("4 n p", "missed by A or B: 0 of [2, 3, 4, 6]"),
        ("4 n f", "missed by A: 0 of [3, 4, 6]"),
        ("4 F", "every image: 2 of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]"),
        ("4 f f", "missed by B: 0 of [2]"),
        ("4 f f f", "missed by A, right with B: 0 of [3, 4, 6]"),
        ("4 f f f f", "right with A, missed by B: 0 of [2]"),
        ("4 f f f f f", "missed by all: 0 of []"),
        ("4 c", "missed by A or B of cat: 0 of [2]"),
        ("4 c c", "missed by A or B: 0 of [2, 3, 4, 6]"),
        ("4 c Esc", "missed by A or B: 0 of [2, 3, 4, 6]"),
        ("4 / D E Enter", "missed by A or B with DE: 0 of [3, 4]"),
        ("4 Enter", "large missed by A or B: 0 of [2, 3, 4, 6]"),
        ("4 Enter n n p", "large missed by A or B: 1 of [2, 3, 4, 6]"),
        ("4 Enter G", "large missed by A or B: 3 of [2, 3, 4, 6]"),
        ("4 Enter Esc", "missed by A or B: 0 of [2, 3, 4, 6]"),
        // The explanation of an image.
        ("4 Enter x", "explanation of 2 by B, row 0"),
        ("4 Enter x x", "large missed by A or B: 0 of [2, 3, 4, 6]"),
        ("4 Enter x Esc", "large missed by A or B: 0 of [2, 3, 4, 6]"),
        ("4 Enter x j j k", "explanation of 2 by B, row 1"),
        ("4 Enter x G", "explanation of 2 by B, row 24"),
        ("4 Enter x j h", "explanation of 2 by A, row 0"),
        ("4 Enter x l l", "explanation of 2 by B, row 0"),
        ("4 Enter x h j n", "explanation of 3 by A, row 0"),
        ("4 Enter x n p", "explanation of 2 by B, row 0"),
        ("4 Enter x j Enter", "prompts of frog on B at [0, 3]"),
        ("4 Enter x j Enter Esc", "explanation of 2 by B, row 1"),
        ("4 Enter x Enter", "explanation of 2 by B, row 0"),
        ("4 Enter x G k Enter", "prompts of cat on B at [0, 8]"),
        ("4 Enter x h j j Enter", "prompts of cat on A at [1, 0]"),
        ("4 Enter x j 5", "prompts of cat on A at [0, 0]"),
        ("4 f f f f f Enter", "missed by all: 0 of []"),
        // The prompts.
        ("5", "prompts of cat on A at [0, 0]"),
        ("5 ]", "prompts of deer on A at [0, 0]"),
        ("5 [", "prompts of カエル on A at [0, 0]"),
        ("5 j j l j", "prompts of cat on B at [2, 1]"),
        ("5 l l", "prompts of cat on A at [0, 0]"),
        ("5 ] i", "missed by A or B of deer: 0 of [3, 4]"),
        ("4 n 5", "prompts of deer on A at [0, 0]"),
        // Jobs and messages.
        ("6", "jobs, message 0"),
        ("6 j", "jobs, message 1"),
        ("6 j Enter", "jobs, message 1 under line 0 of skipped frog/broken.jpg: truncated JPEG"),
        ("6 Enter Esc", "jobs, message 0"),
        // Between screens.
        ("Tab", "classes at deer, gains first"),
        ("Shift-Tab", "Findings"),
        ("Shift-Tab Shift-Tab", "jobs, message 0"),
        ("Tab Tab Tab Tab Tab Tab Tab", "strategies at cupl"),
        ("2 Enter 3 2", "class deer at 0 of 1"),
        // Over screens.
        ("?", "strategies at cupl under commands at 0"),
        ("? j j k", "strategies at cupl under commands at 1"),
        ("? ?", "strategies at cupl"),
        ("? Esc", "strategies at cupl"),
        (": t h e Esc", "strategies at cupl"),
        (": j o b s Enter", "jobs, message 0"),
        (": s o r t Enter", "strategies at cupl under commands at 0"),
        ("2 : g r o u p Enter", "classes at deer, gains first, grouped"),
        ("2 ? / g r o u p Enter", "classes at deer, gains first, grouped"),
        ("O", "Opening"),
        ("O Esc", "strategies at cupl"),
    ] {
        let mut state = opened(80, 24);
        press(&mut state, keys);
        if summary(&state) != format!("{AB}{expected}") {
            wrong.push(format!("{keys}: {}", summary(&state)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn strategies_are_chosen() {
    for (keys, expected) in [
        ("j", "A templates B both: strategies at both"),
        ("b", "A cupl B templates: strategies at cupl"),
        ("j b", "A both B templates: strategies at both"),
        ("Space", "A templates B both: strategies at cupl"),
        ("Space j Space", "A templates B templates: strategies at both"),
        ("k Space", "A templates B cupl: strategies at templates"),
        ("Space Space", "A templates B cupl: strategies at cupl"),
        ("Space j Space 3", "A templates B templates: B 0 of [deer>cat 2:2, frog>deer 1:1]"),
        ("Space j Space 4", "A templates B templates: missed: 0 of [3, 4, 6]"),
    ] {
        let mut state = opened(80, 24);
        press(&mut state, keys);
        assert_eq!(summary(&state), expected, "after {keys:?}");
    }
}

#[test]
fn deeds_are_done_elsewhere() {
    let place = |image: usize| session().images[image].name.clone();
    assert_eq!(deeds(press(&mut opened(80, 24), "4 n y")), [Effect::Copy(place(3))]);
    let lines = vec![place(3), place(4), place(6)];
    let path = "missed-a.txt".into();
    assert_eq!(deeds(press(&mut opened(80, 24), "4 f o Enter")), [Effect::WriteList { path, lines }]);
    assert_eq!(deeds(press(&mut opened(80, 24), "4 o Esc")), []);
    assert_eq!(deeds(press(&mut opened(80, 24), "4 f f f f f o")), []);
    assert_eq!(deeds(press(&mut opened(80, 24), "a")), [Effect::ListPromptSets]);
    assert_eq!(deeds(press(&mut opened(80, 24), "Ctrl-l")), [Effect::Redraw]);
}

#[test]
fn prompts_are_edited_at_a_editor() {
    let class = 0;
    let ask = |request: EditorRequest| vec![Effect::AskDesk(request)];
    let apply = |edit: Edit| ask(EditorRequest::Apply(edit));
    let mut state = opened(80, 24);
    // B's prompts are put on the editor when the screen is first looked at, and what prompts are like is asked for.
    assert_eq!(deeds(press(&mut state, "5")), [Effect::OpenDesk(1)]);
    assert!(drawn(&state, COLORED).contains("own other"));
    assert_eq!(deeds(press(&mut state, "l Space")), apply(Edit::Toggle { class, prompt: 0 }));
    let text = "cupl: a cat, seen 1 times.!".to_owned();
    assert_eq!(deeds(press(&mut state, "Enter ! Enter")), apply(Edit::Replace { class, prompt: 0, text }));
    assert_eq!(deeds(press(&mut state, "Enter x Esc")), []);
    let text = "ab".to_owned();
    assert_eq!(deeds(press(&mut state, "a a b Enter")), apply(Edit::Add { class, text }));
    assert_eq!(deeds(press(&mut state, "a Enter")), []);
    assert_eq!(deeds(press(&mut state, "u")), ask(EditorRequest::Undo));
    assert_eq!(deeds(press(&mut state, "Ctrl-r")), ask(EditorRequest::Redo));
    // What was asked for and is not answered would be lost.
    press(&mut state, "q");
    assert_eq!(state.context(), Context::Leaving);
    press(&mut state, "Esc");
    for _ in 0..5 {
        let nothing = EditorNotice::Changed(Box::new(editor_of(&state, 1)));
        update(&mut state, Event::Editor(nothing));
    }
    assert_eq!(deeds(press(&mut state, "w")), []);
    assert!(state.notice.as_deref().unwrap().contains("nothing to save"));

    // A change is shown with what it does.
    let mut now = editor_of(&state, 1);
    let mut prompts = now.prompts[0].to_vec();
    prompts[0].enabled = false;
    prompts[1].origin = PromptOrigin::Edited { loaded: prompts[1].text.clone() };
    now.prompts[0] = Arc::new(prompts);
    (now.top1, now.gained, now.lost, now.is_changed) = (0.75, 1, 3, true);
    now.trail = vec!["cat: prompt 1 disabled".into()];
    let flip = |image, before, after| ChangedPrediction { image, before, after };
    let flips = vec![flip(0, 0, 1), flip(2, 2, 0)];
    now.last = Some(LastChange { class: 0, words: "cat: prompt 1 disabled".into(), flips, note: None });
    let effects = update(&mut state, Event::Editor(EditorNotice::Changed(Box::new(now.clone()))));
    assert_eq!(effects, ask(EditorRequest::Similarities { strategy: 1, class: 0 }));
    play(&mut state, &effects);
    insta::assert_snapshot!("prompts-edited", drawn(&state, COLORED));
    let screen = drawn(&state, COLORED);
    assert!(screen.contains("1 gained, 1 lost"), "{screen}");

    // Nothing flips as a whole; then two images do, and can be looked at.
    assert_eq!(deeds(press(&mut state, "f")), []);
    assert!(state.notice.as_deref().unwrap().contains("No image flips"));
    now.flips = Arc::new(vec![flip(0, 0, 1), flip(2, 2, 0), flip(5, 0, 1)]);
    update(&mut state, Event::Editor(EditorNotice::Changed(Box::new(now.clone()))));
    press(&mut state, "f");
    insta::assert_snapshot!("prompts-flips", drawn(&state, COLORED));
    press(&mut state, "Enter");
    insta::assert_snapshot!("prompts-flip", drawn(&state, COLORED));
    assert_eq!(state.images.list.len(), 3);
    press(&mut state, "Esc Esc");
    assert_eq!((state.screen, state.images.flips.is_none()), (super::state::Screen::Prompts, true));

    // What is not saved is not left without a question, nor is the other side's edited.
    assert_eq!(press(&mut state, "q"), []);
    assert!(drawn(&state, COLORED).contains("not saved"));
    press(&mut state, "Esc");
    assert_eq!(deeds(press(&mut state, "h Space")), []);
    assert!(state.notice.as_deref().unwrap().contains("Save (w)"));

    // Saved, they are a strategy of their own.
    assert_eq!(deeds(press(&mut state, "w Enter")), ask(EditorRequest::Save("cupl-edited".into())));
    let version = "0123456789abcdef".to_owned();
    let saved = SavedPrompts { name: "cupl-edited".into(), version, notes: vec!["a note".into()] };
    now.is_changed = false;
    let effects = update(&mut state, Event::Editor(EditorNotice::Saved(saved, Box::new(now))));
    let new = NewStrategy {
        name: "cupl-edited@01234567".into(),
        prompt_sets: vec!["cupl-edited@0123456789abcdef".into()],
        aggregation: Aggregation::Mean,
    };
    assert_eq!(deeds(effects), [Effect::AddStrategy(new)]);
    assert!(state.messages.iter().any(|message| message == "a note"));
    // The other side goes on the editor once nothing would be lost.
    let session = state.session.clone().unwrap();
    update(&mut state, Event::Opened(session, None));
    assert_eq!(
        deeds(press(&mut state, "Space")),
        [Effect::OpenDesk(0), Effect::AskDesk(EditorRequest::Apply(Edit::Toggle { class, prompt: 0 }))]
    );
}

#[test]
fn a_desk_that_cannot_be_opened_says_why() {
    let mut state = opened(80, 24);
    update(&mut state, Event::Key(key("5")));
    update(&mut state, Event::Editor(EditorNotice::Opening(progress())));
    assert!(drawn(&state, COLORED).contains("reading embeddings"));
    assert!(state.jobs.any_runs());
    let mut stopped = opened(80, 24);
    update(&mut stopped, Event::Key(key("5")));
    assert_eq!(deeds(press(&mut stopped, "6 x")), [Effect::CloseDesk]);
    assert!(!stopped.jobs.any_runs());
    let effects = update(&mut state, Event::Editor(EditorNotice::Failed("the images changed\nmore".into())));
    assert_eq!(deeds(effects), []);
    assert!(drawn(&state, COLORED).contains("cannot be edited: the images changed"));
    update(&mut state, Event::Editor(EditorNotice::Refused("no such prompt".into())));
    assert_eq!(state.notice.as_deref(), Some("no such prompt"));
    press(&mut state, "6");
    assert!(drawn(&state, COLORED).contains("the images changed"));
}

#[test]
fn a_language_model_is_asked_and_told() {
    let says = |state: &mut State, notice| deeds(update(state, Event::Generation(notice)));
    let key = |state: &mut State, name: &str| deeds(update(state, Event::Key(key(name))));
    let asks = |request| vec![Effect::AskGeneration(request)];
    let mut state = opened(80, 24);
    // What cannot be meant is said in the form.
    press(&mut state, "5 m Enter");
    assert!(drawn(&state, COLORED).contains("Name a model of the server"));
    press(&mut state, "Down t i n y Down Down Down x");
    assert_eq!(key(&mut state, "Enter"), []);
    assert!(drawn(&state, COLORED).contains("sentences has to be a number"));
    press(&mut state, "Backspace 7");
    let [Effect::Generate { name, settings }] = &key(&mut state, "Enter")[..] else {
        panic!("nothing is generated")
    };
    assert_eq!(
        (name.as_str(), settings.model.as_deref(), settings.prompts_per_class),
        ("generated", Some("tiny"), Some(7))
    );
    assert!(state.jobs.any_runs());
    assert!(drawn(&state, COLORED).contains("the model is opened"));
    let classes = (0..4).map(generated_class).collect();
    says(&mut state, GenerationJobNotice::Opened(Box::new(generation_plan("generated")), classes));
    says(&mut state, GenerationJobNotice::Running);
    // A class is looked into, a sentence dropped, others wished for.
    assert_eq!(key(&mut state, "d"), []);
    assert!(state.notice.as_ref().is_some_and(|notice| notice.contains("choose a sentence")));
    press(&mut state, "Enter j j");
    assert_eq!(key(&mut state, "d"), asks(GenerationRequest::Drop { class: 0, at: 2 }));
    press(&mut state, "k");
    assert_eq!(key(&mut state, "d"), [], "what is rejected already cannot be dropped");
    press(&mut state, "Esc j");
    assert_eq!(key(&mut state, "+"), asks(GenerationRequest::More { class: 1, more: 5 }));
    // It goes on behind other screens, and leaving is asked about.
    press(&mut state, "Esc");
    assert_eq!(state.context(), Context::Prompts);
    press(&mut state, "q");
    assert_eq!(state.context(), Context::Leaving);
    press(&mut state, "Esc m");
    assert_eq!(state.context(), Context::Generation);
    assert_eq!(key(&mut state, "x"), asks(GenerationRequest::Stop));
    says(&mut state, GenerationJobNotice::Stopped);
    assert!(drawn(&state, COLORED).contains("(stopped)") && !state.jobs.any_runs());
    assert_eq!(key(&mut state, "r"), asks(GenerationRequest::Resume));
    says(&mut state, GenerationJobNotice::Running);
    says(
        &mut state,
        GenerationJobNotice::Done(Some("the server does not take seed: it answers without".into())),
    );
    assert!(state.messages.iter().any(|message| message.contains("does not take seed")));
    assert_eq!(key(&mut state, "w"), asks(GenerationRequest::Save));
    let saved = SavedPrompts { name: "generated".into(), version: "0123456789ab".into(), notes: Vec::new() };
    let [Effect::AddStrategy(new)] = &says(&mut state, GenerationJobNotice::Saved(saved))[..] else {
        panic!("what is saved is no strategy")
    };
    assert_eq!(
        (new.name.as_str(), new.prompt_sets.clone()),
        ("generated@01234567", vec!["generated@0123456789ab".to_owned()])
    );
    // What failed says why, and another form opens.
    says(
        &mut state,
        GenerationJobNotice::Failed("http://localhost/v1 answers 401: set OPENAI_API_KEY".into()),
    );
    assert!(drawn(&state, COLORED).contains("set OPENAI_API_KEY"));
    assert_eq!(key(&mut state, "r"), [Effect::CloseGeneration]);
    assert!(matches!(state.overlay, Some(Overlay::Form(_))));
}

#[test]
fn pages_about_a_and_b_are_asked_for_and_stale_ones_dropped() {
    let asked = |request: AnalysisRequest| vec![Effect::AskAnalysis(request)];
    let says = |state: &mut State, notice| update(state, Event::Analysis(notice));
    let key = |state: &mut State, name: &str| deeds(update(state, Event::Key(key(name))));
    let mut state = opened(80, 24);
    assert_eq!(key(&mut state, "c"), asked(AnalysisRequest::Curves(vec![0, 1])));
    assert!(state.jobs.any_runs());
    assert!(drawn(&state, COLORED).contains("reading embeddings"));
    says(&mut state, AnalysisNotice::Ready);
    assert!(drawn(&state, COLORED).contains("working it out"));
    // Another page is looked at before the answer comes.
    assert_eq!(key(&mut state, "p"), asked(AnalysisRequest::Calibrate(vec![0, 1])));
    let curves = AnalysisAnswer::Curves(vec![0, 1], vec![curve_of(0), curve_of(1)]);
    says(&mut state, AnalysisNotice::Answer(Box::new(curves)));
    assert!(drawn(&state, COLORED).contains("working it out"));
    let other = AnalysisAnswer::Calibrated(vec![0], vec![calibration_of(0)]);
    says(&mut state, AnalysisNotice::Answer(Box::new(other)));
    assert!(drawn(&state, COLORED).contains("working it out"));
    let answer = AnalysisAnswer::Calibrated(vec![0, 1], vec![calibration_of(0), calibration_of(1)]);
    says(&mut state, AnalysisNotice::Answer(Box::new(answer)));
    assert!(drawn(&state, COLORED).contains("off by (ECE)"));
    // Nothing is asked again, and Esc leads back to the strategies.
    assert_eq!(key(&mut state, "j"), []);
    assert_eq!(key(&mut state, "Esc"), []);
    assert_eq!(state.context(), Context::Strategies);
    // The same key closes what it opened.
    assert_eq!(key(&mut state, "p"), asked(AnalysisRequest::Calibrate(vec![0, 1])));
    assert_eq!(key(&mut state, "p"), []);
    assert_eq!(state.context(), Context::Strategies);
    // A alone.
    key(&mut state, "c");
    let refused = AnalysisRequest::Curves(vec![0, 1]);
    says(&mut state, AnalysisNotice::Refused(refused, "the images changed".into()));
    assert!(drawn(&state, COLORED).contains(" the images changed"));
    says(&mut state, AnalysisNotice::Failed("the checkpoint is gone".into()));
    assert!(drawn(&state, COLORED).contains(" the checkpoint is gone"));
}

#[test]
fn explanations_are_asked_for_and_stale_ones_dropped() {
    let asked = |image: usize, strategies: &[usize]| {
        let strategies = strategies.to_vec();
        vec![Effect::AskAnalysis(AnalysisRequest::Explain { image, strategies })]
    };
    let answer = |session: &Session, image: usize| AnalysisAnswer::Explained {
        image,
        strategies: vec![0, 1],
        explanations: [0, 1].map(|strategy| explanation_of(session, image, strategy)).to_vec(),
    };
    let says = |state: &mut State, notice| update(state, Event::Analysis(notice));
    let key = |state: &mut State, name: &str| deeds(update(state, Event::Key(key(name))));
    let mut state = opened(80, 24);
    press(&mut state, "4 Enter");
    assert_eq!(key(&mut state, "x"), asked(2, &[0, 1]));
    assert!(state.jobs.any_runs());
    assert!(drawn(&state, COLORED).contains("reading embeddings"));
    assert_eq!(key(&mut state, "j"), []);
    says(&mut state, AnalysisNotice::Progress(progress()));
    insta::assert_snapshot!("explanation-waiting", drawn(&state, COLORED));
    says(&mut state, AnalysisNotice::Ready);
    assert!(drawn(&state, COLORED).contains("working it out"));

    // Another image is looked at before the answer comes.
    assert_eq!(key(&mut state, "n"), asked(3, &[0, 1]));
    let session = state.session.clone().unwrap();
    says(&mut state, AnalysisNotice::Answer(Box::new(answer(&session, 2))));
    assert!(drawn(&state, COLORED).contains("working it out"));
    let request = AnalysisRequest::Explain { image: 2, strategies: vec![0, 1] };
    says(&mut state, AnalysisNotice::Refused(request, "too late".into()));
    assert!(drawn(&state, COLORED).contains("working it out"));
    says(&mut state, AnalysisNotice::Answer(Box::new(answer(&session, 3))));
    assert!(drawn(&state, COLORED).contains("why B cupl sees deer "));
    key(&mut state, "h");
    assert!(drawn(&state, COLORED).contains("why A templates sees cat, not deer"));

    // What cannot be explained says why; another image is another try.
    assert_eq!(key(&mut state, "n"), asked(4, &[0, 1]));
    let request = AnalysisRequest::Explain { image: 4, strategies: vec![0, 1] };
    says(&mut state, AnalysisNotice::Refused(request, "the images changed".into()));
    assert!(drawn(&state, COLORED).contains(" the images changed"));
    assert_eq!(key(&mut state, "p"), asked(3, &[0, 1]));
    says(&mut state, AnalysisNotice::Failed("the checkpoint is gone".into()));
    assert!(drawn(&state, COLORED).contains(" the checkpoint is gone"));
    assert_eq!(key(&mut state, "n"), asked(4, &[0, 1]));
    assert!(drawn(&state, COLORED).contains("reading embeddings"));

    // Reading is stopped, and there is nothing to explain any more; other strategies are asked about anew.
    assert_eq!(deeds(press(&mut state, "6 x")), [Effect::CloseAnalysis]);
    press(&mut state, "4");
    assert!(summary(&state).contains("large"), "{}", summary(&state));
    press(&mut state, "x 1 j");
    assert_eq!(key(&mut state, "4"), asked(4, &[0, 2]));
    let mut alone = opened_with(generated(&numbered("class ", 6), 1), 80, 24);
    press(&mut alone, "4 Enter");
    assert_eq!(key(&mut alone, "x"), asked(0, &[0]));
    assert_eq!(key(&mut alone, "h"), []);
    assert!(drawn(&alone, COLORED).contains("why A strategy-0"));
}

#[test]
fn a_strategy_is_put_together() {
    let mut state = opened(80, 24);
    let sets = ["templates@1", "pond@2"].map(str::to_owned).to_vec();
    assert_eq!(deeds(press(&mut state, "a")), [Effect::ListPromptSets]);
    assert!(drawn(&state, COLORED).contains("Reading the prompt sets"));
    assert_eq!(deeds(press(&mut state, "Enter")), []);
    assert!(drawn(&state, COLORED).contains("still being read"));
    update(&mut state, Event::PromptSets { names: sets, problem: None });
    assert!(drawn(&state, COLORED).contains("Add a strategy"));
    assert_eq!(deeds(press(&mut state, "Enter")), []);
    assert!(drawn(&state, COLORED).contains("Tick at least one"));
    let effects = deeds(press(&mut state, "Down Right Down Space Down Space Enter"));
    let new = NewStrategy {
        name: "templates + pond".into(),
        prompt_sets: vec!["templates@1".into(), "pond@2".into()],
        aggregation: Aggregation::PooledMean,
    };
    assert_eq!(effects, [Effect::AddStrategy(new)]);
    assert!(state.jobs.any_runs());
    update(&mut state, Event::Progress(progress()));
    insta::assert_snapshot!("strategy-pending", drawn(&state, COLORED));
    // The session that comes of it is looked at as the one before; back at the strategies, the new one is B.
    press(&mut state, "2 s 4 f");
    update(&mut state, Event::Opened(Arc::new(with_one_more()), None));
    assert_eq!(summary(&state), "A templates B cupl: missed by A: 0 of [3, 4, 6]");
    press(&mut state, "1");
    assert_eq!(summary(&state), "A templates B added: strategies at cupl");
    press(&mut state, "j");
    assert_eq!(summary(&state), "A templates B both: strategies at both");
    // Names are distinct.
    press(&mut state, "a");
    update(
        &mut state,
        Event::PromptSets { names: vec!["templates@1".into()], problem: Some("the store is busy".into()) },
    );
    assert!(drawn(&state, COLORED).contains("the store is busy"));
    assert_eq!(deeds(press(&mut state, "Down Down Space Enter")), []);
    assert!(drawn(&state, COLORED).contains("already"));
}

#[test]
fn another_experiment_is_opened() {
    let mut state = opened(80, 24);
    let recent =
        |name: &str| Recent { name: name.into(), origin: crate::workbench::Origin::File("/x".into()) };
    state.opening.recents = vec![recent("pets"), recent("birds")];
    assert_eq!(deeds(press(&mut state, "O j Enter")), [Effect::OpenExperiment(Wanted::Recent(1))]);
    assert_eq!(deeds(press(&mut state, "j Enter")), [Effect::OpenExperiment(Wanted::Demo)]);
    assert_eq!(deeds(press(&mut state, "j Enter p Tab")), [Effect::Complete { row: 0, text: "p".into() }]);
    let completed = |before: &str| Event::Completed {
        row: 0,
        before: before.into(),
        text: "pets/".into(),
        completions: vec!["pets/".into()],
    };
    update(&mut state, completed("out of date"));
    update(&mut state, completed("p"));
    let effects = deeds(press(&mut state, "Down c Enter"));
    let [Effect::OpenExperiment(Wanted::Files(flags))] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(flags.images.as_deref(), Some("pets/".as_ref()));
    assert_eq!(flags.checkpoint.as_deref(), Some("c".as_ref()));
    assert_eq!(flags.templates, None);
    update(&mut state, Event::Refused("there is no folder c".into()));
    assert!(drawn(&state, COLORED).contains("there is no folder c"));
    press(&mut state, "Esc");
    assert_eq!(state.overlay, None);
}

#[test]
fn an_experiment_is_found_as_it_was_left() {
    let mut state = opened(80, 24);
    press(&mut state, "j b k Space 2 s r t 4 f f 3 d d 2");
    let left = Remembered::from_state(&state).unwrap();
    let text = serde_json::to_string(&left).unwrap();
    let mut again = waiting(80, 24);
    update(&mut again, Event::Opened(Arc::new(session()), Some(serde_json::from_str(&text).unwrap())));
    assert_eq!(Remembered::from_state(&again), Some(left));
    assert_eq!(summary(&again), summary(&state));
    // What is gone is left out.
    let mut other = waiting(80, 24);
    let remembered =
        serde_json::from_str("{\"baseline\":\"gone\",\"screen\":\"Nowhere\",\"sort\":\"no\"}").unwrap();
    update(&mut other, Event::Opened(Arc::new(session()), Some(remembered)));
    assert_eq!(summary(&other), "A templates B cupl: strategies at cupl");
}

#[test]
fn the_mouse_selects_and_opens() {
    let click = |state: &mut State, x: u16, y: u16| update(state, Event::Click((x, y).into()));
    let mut state = opened(80, 24);
    // Title, tabs and rule stand above the body.
    click(&mut state, 2, 6);
    assert_eq!(summary(&state), "A templates B both: strategies at both");
    click(&mut state, 18, 1);
    assert_eq!(summary(&state), "A templates B both: classes at deer, gains first");
    click(&mut state, 2, 6);
    assert!(summary(&state).contains("classes at frog"), "{}", summary(&state));
    click(&mut state, 2, 6);
    assert!(summary(&state).contains("class frog"), "{}", summary(&state));
    press(&mut state, "4");
    click(&mut state, 20, 6);
    assert!(summary(&state).contains(": 1 of"), "{}", summary(&state));
    update(&mut state, Event::Wheel(-1));
    press(&mut state, "2 Esc G");
    assert!(summary(&state).contains("classes at カエル"), "{}", summary(&state));
    update(&mut state, Event::Wheel(-1));
    assert!(summary(&state).contains("classes at cat"), "{}", summary(&state));
    for y in 0..24 {
        for x in 0..80 {
            click(&mut state, x, y);
            drawn(&state, COLORED);
        }
    }
}

#[test]
fn pasted_text_is_typed() {
    let mut state = opened(80, 24);
    update(&mut state, Event::Paste("nowhere to go".into()));
    press(&mut state, "2 /");
    update(&mut state, Event::Paste("ro\n".into()));
    press(&mut state, "Backspace");
    assert!(summary(&state).contains("with ro at frog"), "{}", summary(&state));
    press(&mut state, "Esc O G Enter");
    update(&mut state, Event::Paste("/data/pets".into()));
    let effects = deeds(press(&mut state, "Enter"));
    assert!(matches!(&effects[..], [Effect::OpenExperiment(Wanted::Files(flags))] if flags.images.is_some()));
}

#[test]
fn quitting_asks_only_while_a_job_runs() {
    assert_eq!(press(&mut opened(80, 24), "q"), [Effect::Quit]);
    let mut running = waiting(80, 24);
    assert_eq!(press(&mut running, "q"), []);
    assert_eq!(running.overlay, Some(Overlay::Leaving));
    assert_eq!(press(&mut running, "Esc"), []);
    assert_eq!(running.overlay, None);
    assert_eq!(press(&mut running, "q q"), [Effect::Quit]);
    assert_eq!(press(&mut running, "Ctrl-c"), [Effect::QuitNow]);
    assert_eq!(press(&mut opened(80, 24), "Ctrl-z"), [Effect::Suspend]);
    for keys in ["2 /", "O G Enter", "?", ":"] {
        assert_eq!(deeds(press(&mut opened(80, 24), &format!("{keys} Ctrl-c"))), [Effect::QuitNow], "{keys}");
    }
}

#[test]
fn a_question_stays_until_it_is_answered() {
    for notice in [
        Event::Opened(Arc::new(session()), None),
        Event::Failed(Problem { message: "no".into(), remedy: None }),
    ] {
        let mut state = waiting(80, 24);
        press(&mut state, "q");
        assert!(drawn(&state, COLORED).contains("A job is running"));
        update(&mut state, notice);
        assert!(drawn(&state, COLORED).contains("Nothing runs any more"));
        assert_eq!(press(&mut state, "q"), [Effect::Quit]);
        press(&mut state, "Esc");
        assert_eq!(state.overlay, None);
    }
}

#[test]
fn a_job_is_stopped_and_goes_on() {
    let mut state = waiting(80, 24);
    assert_eq!(press(&mut state, "x"), [Effect::StopSession]);
    assert_eq!(state.job, Job::Stopping);
    update(&mut state, Event::Stopped);
    assert_eq!(press(&mut state, "x"), []);
    assert_eq!(press(&mut state, "r"), [Effect::StartSession]);
    assert_eq!(state.job, Job::Running(None));
}

#[test]
fn a_job_that_fails_beside_a_session_leaves_it_there() {
    let mut state = opened(80, 24);
    state.begin_session();
    assert_eq!(press(&mut state, "6 x"), [Effect::StopSession]);
    update(&mut state, Event::Failed(Problem { message: "no such prompt set\nmore".into(), remedy: None }));
    assert_eq!(state.notice.as_deref(), Some("no such prompt set"));
    assert!(drawn(&state, COLORED).contains("no such prompt set"));
    assert_eq!(press(&mut state, "r"), [Effect::StartSession]);
    press(&mut state, "2");
    assert!(summary(&state).contains("classes at deer"));
}

#[test]
fn a_held_store_can_be_done_without() {
    let mut state = waiting(80, 24);
    let message = "the store is in use by process 12".to_owned();
    update(
        &mut state,
        Event::Failed(Problem { message: message.clone(), remedy: Some(Remedy::MemoryStore) }),
    );
    assert_eq!(press(&mut state, "i"), [Effect::StartInMemory]);
    assert!(state.in_memory);
    update(&mut state, Event::Stopped);
    assert_eq!(press(&mut state, "r"), [Effect::StartInMemory]);
    // What fails in memory may work with the store, once it is free.
    update(&mut state, Event::Failed(Problem { message, remedy: None }));
    assert_eq!(press(&mut state, "i"), []);
    assert_eq!(press(&mut state, "r"), [Effect::StartSession]);
    assert!(!state.in_memory);
}

/// A checkpoint that is not on this machine.
fn absent_checkpoint() -> Problem {
    let offer = PullOffer {
        repository: "openai/clip-vit-base-patch32".into(),
        bytes: 607_600_000,
        host: "huggingface.co".into(),
        cache: "/home/ada/.cache/huggingface/hub".into(),
    };
    let message = "nothing of it is there: get it with `cupl-tui pull`".to_owned();
    Problem { message, remedy: Some(Remedy::Pull(offer)) }
}

#[test]
fn a_download_is_offered_and_the_opening_goes_on() {
    let mut state = waiting(80, 24);
    update(&mut state, Event::Failed(absent_checkpoint()));
    insta::assert_snapshot!("absent-checkpoint", drawn(&state, COLORED));
    assert_eq!(press(&mut state, "j r Enter i"), []);
    assert_eq!(press(&mut state, "y"), [Effect::Pull]);
    let bytes = Progress {
        stage: Stage::Download,
        done: 123_400_000,
        total: 607_600_000,
        cached: 0,
        rate: Some(11_000_000.0),
        left: Some(std::time::Duration::from_secs(44)),
    };
    update(&mut state, Event::Progress(bytes));
    insta::assert_snapshot!("pulling", drawn(&state, COLORED));
    // What was stopped or failed in the middle goes on; nobody is asked again.
    assert_eq!(press(&mut state, "x"), [Effect::StopSession]);
    update(&mut state, Event::Stopped);
    assert_eq!(press(&mut state, "r"), [Effect::StartSession]);
    update(&mut state, Event::Failed(Problem { message: "the answer was cut off".into(), remedy: None }));
    assert_eq!(press(&mut state, "r"), [Effect::StartSession]);
    update(&mut state, Event::Opened(Arc::new(session()), None));
    assert_eq!(summary(&state), "A templates B cupl: strategies at cupl");
}

#[test]
fn a_download_can_be_declined() {
    let mut state = waiting(60, 20);
    update(&mut state, Event::Failed(absent_checkpoint()));
    insta::assert_snapshot!("absent-checkpoint-60x20", drawn(&state, COLORED));
    assert_eq!(press(&mut state, "n"), []);
    assert_eq!(state.place(), Context::Opening);
    press(&mut state, "Esc");
    assert_eq!(state.place(), Context::AbsentCheckpoint);
    assert_eq!(press(&mut state, "O j Enter"), []);
    assert_eq!(press(&mut state, "Esc k Enter"), [Effect::OpenExperiment(Wanted::Demo)]);
}

/// The session with controls of a strategy.
fn controlled(strategy: usize) -> Session {
    let mut session = session();
    session.controls.push(test_session::controls(&session, strategy));
    session
}

#[test]
fn controls_come_and_go_with_one_key() {
    let mut state = opened(80, 24);
    assert_eq!(state.strategies.selected, 1);
    let effects = press(&mut state, "w");
    assert_eq!(effects, [Effect::SetControls(vec!["cupl".into()])]);
    assert!(state.jobs.any_runs());
    assert!(drawn(&state, COLORED).contains("controls of cupl"));
    // Nothing is begun while it runs.
    assert_eq!(press(&mut state, "w"), []);
    assert!(state.notice.as_deref().unwrap().contains("running job"));

    press(&mut state, "2 s 1");
    update(&mut state, Event::Opened(Arc::new(controlled(1)), None));
    assert_eq!((state.strategies.selected, state.strategies.b), (1, 1));
    insta::assert_snapshot!("controls", drawn(&state, COLORED));
    assert!(
        drawn(&state, COLORED).contains("cupl is not proven better than random words: +0.2 [−0.6, +1.0].")
    );

    // The cursor passes over controls, and a click on one means its strategy.
    press(&mut state, "j");
    assert_eq!(state.strategies.selected, 2);
    update(&mut state, Event::Click(Position::new(10, 7)));
    assert_eq!(state.strategies.selected, 1);
    press(&mut state, "Space");
    assert_eq!(state.strategies.shown, [true, false, true]);
    press(&mut state, "Space b");
    assert_eq!((state.strategies.a, state.strategies.selected), (1, 1));
    press(&mut state, "Enter");
    assert_eq!(state.screen, super::state::Screen::Classes);
    press(&mut state, "Esc");

    // More for another strategy, then none for the first.
    assert_eq!(press(&mut state, "j w"), [Effect::SetControls(vec!["cupl".into(), "both".into()])]);
    let mut both = controlled(1);
    both.controls.push(test_session::controls(&both, 2));
    update(&mut state, Event::Opened(Arc::new(both), None));
    let left = Remembered::from_state(&state).unwrap();
    assert_eq!(left.controls().unwrap(), ["cupl", "both"]);
    // The lower controls are in view with their strategy.
    insta::assert_snapshot!("controls-of-two", drawn(&state, PLAIN));
    assert_eq!(press(&mut state, "k w"), [Effect::SetControls(vec!["both".into()])]);
    assert!(!drawn(&state, COLORED).contains("controls of"));
}

#[test]
fn controls_fit_on_every_screen() {
    for (name, width, height) in
        [("controls-160x50", 160, 50), ("controls-60x20", 60, 20), ("controls-40x12", 40, 12)]
    {
        let state = opened_with(controlled(0), width, height);
        insta::assert_snapshot!(name, drawn(&state, COLORED));
    }
}

#[test]
fn pictures_are_asked_for_once_and_again_after_a_resize() {
    let mut state = opened(80, 24);
    let effects = press(&mut state, "4");
    let images: Vec<usize> = wanted(&effects).iter().map(|key| key.image).collect();
    assert_eq!(images, [2, 3, 4, 6]);
    assert_eq!(press(&mut state, "?"), []);
    let effects = press(&mut state, "Esc Enter");
    assert_eq!(wanted(&effects).iter().map(|key| key.image).collect::<Vec<_>>(), [2]);
    // The gallery's are still there.
    assert_eq!(wanted(&press(&mut state, "Esc")), []);
    let effects = update(&mut state, Event::Resize(Size::new(100, 40)));
    assert_eq!(wanted(&effects).len(), 4);
    state.graphics = Graphics::OFF;
    assert_eq!(state.visible_pictures(), []);
    assert!(drawn(&state, COLORED).contains("Pictures are"));
}

fn drawn(state: &State, theme: Theme) -> String {
    let mut terminal = Terminal::new(TestBackend::new(state.size.width, state.size.height)).unwrap();
    terminal.draw(|frame| draw(frame, state, &theme)).unwrap();
    let text = terminal.backend().to_string();
    // TestBackend quotes each line.
    text.lines().map(|line| line.trim_matches('"').trim_end()).collect::<Vec<_>>().join("\n")
}

const COLORED: Theme = Theme { depth: ColorDepth::True, palette: Palette::Dark, glyphs: UNICODE };
const MONO: Theme = Theme { depth: ColorDepth::Mono, palette: Palette::Dark, glyphs: UNICODE };
const PLAIN: Theme = Theme { depth: ColorDepth::Mono, palette: Palette::Dark, glyphs: ASCII };

/// Every screen, and the keys that lead to it.
const SCREENS: [(&str, &str); 17] = [
    ("generation", "5 m Down t i n y Enter"),
    ("strategies", ""),
    ("curves", "c"),
    ("calibration", "p"),
    ("classes", "2"),
    ("classes-grouped", "2 t"),
    ("class", "2 Enter"),
    ("confusion", "3 d"),
    ("confusion-matrix", "3 d v"),
    ("gallery", "4"),
    ("inspector", "4 n Enter"),
    ("explanation", "4 Enter x j"),
    ("prompts", "5 l j"),
    ("jobs", "6"),
    ("opening", "O"),
    ("commands", "?"),
    ("findings", "7"),
];

#[test]
fn screens_look_like_this() {
    for (size, width, height, theme) in [
        ("80x24", 80, 24, COLORED),
        ("60x20", 60, 20, COLORED),
        ("160x50", 160, 50, COLORED),
        ("mono", 80, 24, MONO),
        ("ascii", 80, 24, PLAIN),
    ] {
        for (name, keys) in SCREENS {
            let mut state = opened(width, height);
            press(&mut state, keys);
            insta::assert_snapshot!(format!("{name}-{size}"), drawn(&state, theme));
        }
    }
    for (name, width, height, keys) in [
        ("strategies-40x12", 40, 12, ""),
        ("too-small", 39, 11, ""),
        ("one-shown", 80, 24, "Space j Space"),
        ("curves-40x12", 40, 12, "c"),
        ("generation-40x12", 40, 12, "5 m Down t i n y Enter"),
        ("generation-class", 80, 24, "5 m Down t i n y Enter Enter j"),
        ("generation-form", 80, 24, "5 m Down t i n y"),
        ("generation-refused", 80, 24, "5 m Enter"),
        ("curve-of-one", 80, 24, "Space j Space c"),
        ("calibration-40x12", 40, 12, "p j j"),
        ("explanation-40x12", 40, 12, "4 Enter x"),
        ("explanation-right", 80, 24, "4 n Enter x G"),
        ("gallery-empty", 80, 24, "4 f f f f f"),
        ("classes-filtered", 80, 24, "2 / o"),
        ("form-open", 80, 24, "O G Enter / d a t a Down"),
        ("palette", 80, 24, ": i m a g e"),
        ("message", 80, 24, "6 Enter"),
        ("findings-40x12", 40, 12, "7 j"),
        ("findings-prompt", 80, 24, "7 G"),
    ] {
        let mut state = opened(width, height);
        press(&mut state, keys);
        insta::assert_snapshot!(name, drawn(&state, COLORED));
    }
}

#[test]
fn large_and_small_sessions_look_like_this() {
    let long = numbered("a very long class name with a common beginning ", 5);
    for (name, session, width, keys) in [
        ("twelve-strategies", generated(&numbered("class ", 6), 12), 80, "G"),
        ("twelve-strategies-images", generated(&numbered("class ", 6), 12), 80, "4 Enter"),
        ("thousand-classes", generated(&numbered("class ", 1000), 2), 80, "2 G"),
        ("thousand-classes-confusion", generated(&numbered("class ", 1000), 2), 80, "3 v"),
        ("long-names", generated(&long, 3), 80, "2"),
        ("long-names-images", generated(&long, 3), 80, "4 Enter"),
        ("long-names-explanation", generated(&long, 3), 80, "4 Enter x"),
        ("one-strategy", generated(&numbered("class ", 6), 1), 80, ""),
        ("one-strategy-class", generated(&numbered("class ", 6), 1), 80, "2 Enter"),
        ("one-strategy-images", generated(&numbered("class ", 6), 1), 60, "4 Enter"),
    ] {
        let mut state = opened_with(session, width, 24);
        press(&mut state, keys);
        insta::assert_snapshot!(name, drawn(&state, COLORED));
    }
}

#[test]
fn findings_are_looked_for_once_and_lead_to_what_they_are_about() {
    let mut state = opened(80, 24);
    assert_eq!(deeds(press(&mut state, "7")), [Effect::AskAnalysis(AnalysisRequest::Findings)]);
    assert_eq!(deeds(press(&mut state, "1 7")), []);
    press(&mut state, "Enter");
    assert_eq!(state.context(), Context::Class);
    press(&mut state, "Esc Esc j Enter");
    assert_eq!((state.context(), state.images.current()), (Context::Inspector, Some(3)));
    press(&mut state, "Esc Esc j Enter");
    assert_eq!(state.context(), Context::Findings);
    assert!(state.notice.as_deref().unwrap().contains("no class or image"));
    press(&mut state, "j Enter");
    assert_eq!((state.context(), state.prompts.class, state.prompts.row()), (Context::Prompts, 1, 2));
    press(&mut state, "Esc");
    assert_eq!(state.context(), Context::Findings);
}

#[test]
fn looking_for_findings_can_be_stopped_and_fail_and_be_tried_again() {
    let mut state = opened(80, 24);
    let key = |name: &str| Event::Key(key(name));
    update(&mut state, key("7"));
    update(&mut state, Event::Analysis(AnalysisNotice::Progress(progress())));
    assert!(drawn(&state, COLORED).contains("looking"));
    assert_eq!(deeds(update(&mut state, key("x"))), [Effect::CloseAnalysis]);
    assert!(drawn(&state, COLORED).contains("Stopped."));
    let ask = [Effect::AskAnalysis(AnalysisRequest::Findings)];
    assert_eq!(deeds(update(&mut state, key("Enter"))), ask);
    update(&mut state, Event::Analysis(AnalysisNotice::Failed("the images changed".into())));
    assert!(drawn(&state, COLORED).contains("the images changed"));
    assert_eq!(deeds(update(&mut state, key("Enter"))), ask);
    let nothing = AnalysisNotice::Answer(Box::new(AnalysisAnswer::Found(Vec::new())));
    update(&mut state, Event::Analysis(nothing));
    insta::assert_snapshot!("findings-none", drawn(&state, COLORED));
}

#[test]
fn one_strategy_has_three_filters() {
    let mut state = opened_with(generated(&numbered("class ", 6), 1), 80, 24);
    press(&mut state, "4");
    let first = summary(&state);
    press(&mut state, "f f");
    assert!(summary(&state).contains("every image"), "{}", summary(&state));
    press(&mut state, "f");
    assert_eq!(summary(&state), first);
}

#[test]
fn without_utf8_everything_is_ascii() {
    let mut state = waiting(80, 24);
    let mut screens = vec![drawn(&state, PLAIN)];
    update(&mut state, Event::Progress(progress()));
    screens.push(drawn(&state, PLAIN));
    for keys in ["q", "Esc x"] {
        press(&mut state, keys);
        screens.push(drawn(&state, PLAIN));
    }
    for problem in [Problem { message: "no".into(), remedy: Some(Remedy::MemoryStore) }, absent_checkpoint()]
    {
        update(&mut state, Event::Failed(problem));
        screens.push(drawn(&state, PLAIN));
    }
    for strategies in [1, 3] {
        for (_, keys) in SCREENS {
            let mut state = opened_with(generated(&numbered("class ", 6), strategies), 80, 24);
            press(&mut state, keys);
            screens.push(drawn(&state, PLAIN));
        }
    }
    for screen in screens {
        assert!(screen.is_ascii(), "{screen}");
    }
}

#[test]
fn a_long_problem_is_scrolled() {
    let message = (1..=200).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n");
    let mut state = waiting(80, 24);
    update(&mut state, Event::Failed(Problem { message, remedy: None }));
    assert!(drawn(&state, COLORED).contains("from 1 of 200"));
    press(&mut state, "j j");
    insta::assert_snapshot!("problem-scrolled", drawn(&state, COLORED));
    press(&mut state, "G");
    assert!(drawn(&state, COLORED).contains("line 200"));
    // One long line is scrolled as it is wrapped.
    press(&mut state, "r");
    let message = numbered("class ", 1000).join(", ");
    update(&mut state, Event::Failed(Problem { message, remedy: None }));
    assert!(!drawn(&state, COLORED).contains("class 999"));
    press(&mut state, "G");
    assert!(drawn(&state, COLORED).contains("class 999"));
    press(&mut state, "r");
    update(&mut state, Event::Failed(Problem { message: "another".into(), remedy: None }));
    assert!(drawn(&state, COLORED).contains("another"));
}

#[test]
fn many_messages_are_drawn_as_far_as_there_is_room() {
    let mut session = session();
    session.warnings = numbered("warning ", 100_000);
    let mut state = opened_with(session, 80, 24);
    press(&mut state, "6");
    assert!(drawn(&state, COLORED).contains("of 100,001"));
    press(&mut state, "G");
    assert!(drawn(&state, COLORED).contains("skipped frog/broken.jpg"));
}

fn progress() -> Progress {
    Progress {
        stage: Stage::Images,
        done: 640,
        total: 1000,
        cached: 400,
        rate: Some(120.0),
        left: Some(std::time::Duration::from_secs(3)),
    }
}

#[test]
fn waiting_looks_like_this() {
    let mut state = waiting(80, 24);
    insta::assert_snapshot!("waiting-opening", drawn(&state, COLORED));
    update(&mut state, Event::Progress(progress()));
    insta::assert_snapshot!("waiting-progress", drawn(&state, COLORED));
    press(&mut state, "q");
    insta::assert_snapshot!("waiting-leaving", drawn(&state, COLORED));
    press(&mut state, "Esc");
    update(&mut state, Event::Stopped);
    insta::assert_snapshot!("waiting-stopped", drawn(&state, COLORED));
    let message = "the store /data/cupl-tui is in use by process 1234.\nClose it there.".to_owned();
    update(&mut state, Event::Failed(Problem { message, remedy: Some(Remedy::MemoryStore) }));
    insta::assert_snapshot!("waiting-store", drawn(&state, COLORED));
    let mut state = opened(80, 24);
    state.begin_session();
    update(&mut state, Event::Progress(progress()));
    press(&mut state, "6");
    insta::assert_snapshot!("jobs-running", drawn(&state, COLORED));
}

#[test]
fn a_broken_picture_says_why() {
    let mut state = opened(80, 24);
    let effects = update(&mut state, Event::Key(key("4")));
    for key in wanted(&effects) {
        update(&mut state, Event::PictureReady(key, Err("the file is gone".into())));
    }
    assert!(drawn(&state, COLORED).contains("No picture"));
    let effects = update(&mut state, Event::Key(key("Enter")));
    update(&mut state, Event::PictureReady(wanted(&effects)[0], Err("the file is gone".into())));
    assert!(drawn(&state, COLORED).contains("No picture: the file is gone"));
}

#[test]
fn hints_are_true() {
    for (_, keys) in SCREENS {
        let mut state = opened(250, 24);
        press(&mut state, keys);
        let screen = drawn(&state, COLORED);
        let hints = format!("{} ", screen.lines().last().unwrap());
        for binding in BINDINGS.iter().filter(|binding| !binding.hint.is_empty()) {
            let hint = format!(" {} {} ", binding.keys[0], binding.hint);
            let same = |other: &&super::actions::Binding| {
                other.keys[0] == binding.keys[0] && other.hint == binding.hint
            };
            let works = BINDINGS
                .iter()
                .filter(same)
                .any(|other| other.works_in(state.context()) && state.can(other.action));
            assert_eq!(hints.contains(&hint), works, "{hint:?} in {hints:?}");
        }
    }
}

#[test]
fn pictures_are_drawn_in_two_colours_a_cell() {
    let mut state = opened(80, 24);
    press(&mut state, "4 Enter");
    assert!(drawn(&state, COLORED).contains("▀▀▀▀▀▀"));
    let ascii = Theme { depth: ColorDepth::Indexed, palette: Palette::Dark, glyphs: ASCII };
    assert!(!drawn(&state, ascii).contains(['▀', '▄']));
    let indexed = Theme { depth: ColorDepth::Indexed, palette: Palette::Light, glyphs: UNICODE };
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    for keys in ["", "3 d v"] {
        press(&mut state, keys);
        terminal.draw(|frame| draw(frame, &state, &indexed)).unwrap();
        let cells = &terminal.backend().buffer().content;
        let full = |color| matches!(color, ratatui::style::Color::Rgb(..));
        assert!(cells.iter().all(|cell| !full(cell.fg) && !full(cell.bg)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is pressed at whatever size: no panic, and the selections stay inside their lists.
    #[test]
    fn nothing_breaks(
        width in 1u16..300,
        height in 1u16..100,
        strategies in 1usize..13,
        pressed in proptest::collection::vec(0..BINDINGS.len() + 4, 0..40),
    ) {
        let mut state = opened_with(generated(&numbered("class ", 7), strategies), width, height);
        for index in pressed {
            match BINDINGS.get(index) {
                Some(binding) if matches!(binding.action, Action::Quit | Action::QuitNow | Action::Suspend) => {}
                Some(binding) => drop(press(&mut state, binding.keys[0])),
                None if index == BINDINGS.len() => {
                    update(&mut state, Event::PromptSets { names: vec!["a@1".into(), "b@2".into()], problem: None });
                }
                None if index == BINDINGS.len() + 1 => {
                    let size = Size::new(1 + width % 97, 1 + height % 41);
                    let effects = update(&mut state, Event::Resize(size));
                    play(&mut state, &effects);
                }
                None if index == BINDINGS.len() + 2 => {
                    update(&mut state, Event::Click((width / 2, height / 2).into()));
                }
                None => drop(press(&mut state, "Enter")),
            }
            drawn(&state, COLORED);
            prop_assert!(state.classes.selected < state.classes.rows.len().max(1));
            prop_assert!(state.strategies.selected < state.strategies.shown.len());
            prop_assert!(state.images.selected < state.images.list.len().max(1));
            prop_assert!(state.confusion.selected < state.confusion.pairs.len().max(1));
        }
        drawn(&state, PLAIN);
    }

    /// Every screen at every size.
    #[test]
    fn no_layout_panics(width in 1u16..=300, height in 1u16..=100, screen in 0..SCREENS.len()) {
        let mut state = opened(width, height);
        press(&mut state, SCREENS[screen].1);
        for theme in [COLORED, PLAIN] {
            drawn(&state, theme);
        }
    }
}
