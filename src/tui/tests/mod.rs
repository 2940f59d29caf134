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
use super::state::{
    Draft, Effect, Event, Exit, Job, NewStrategy, OpenedFrom, Overlay, Problem, Remembered, State, Wanted,
    update,
};
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
    CurvePoint, Edit, EditedPrompt, EditorNotice, EditorRequest, EditorState, ExperimentFlags,
    ExperimentPart, ExplainedClass, Explanation, FileChange, Finding, FindingKind, FirstFigure, FirstFigures,
    Fitted, FlawedPrompt, LastChange, LearningCurve, LikelyClass, PictureSource, Progress, PromptOrigin,
    PromptShare, PromptSimilarity, PullOffer, Recent, Reliability, ReliabilityBin, Remedy, RemovedPrompt,
    SavedPrompts, Session, SessionImage, SkippedImage, Stage, StrategyResult, test_session,
};

mod analysis;
mod editing;
mod generation;
mod keys;
mod late;
mod mouse;
mod opening;
mod pictures;
mod screens;
mod second_day;

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
        preprocessing: crate::workbench::PreprocessingOrigin::File("preprocessor_config.json".into()),
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

/// Presses keys separated by blanks; pictures that are asked for are made at once, and an editor answers.
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
            Effect::OpenEditor(strategy) => {
                Event::Editor(EditorNotice::Ready(Box::new(editor_of(state, *strategy))))
            }
            Effect::AskEditor(EditorRequest::Similarities { strategy, class }) => {
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
                    retry: None,
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

/// An editor with the prompts of a strategy as they were loaded.
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

/// Those that are not about what is in view alone.
fn deeds(effects: Vec<Effect>) -> Vec<Effect> {
    let is_deed = |effect: &Effect| {
        !matches!(
            effect,
            Effect::WantPictures(_)
                | Effect::Estimate(_)
                | Effect::KeepDraft(_)
                | Effect::AskEditor(EditorRequest::Similarities { .. })
        )
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

/// The session with controls of a strategy.
fn controlled(strategy: usize) -> Session {
    let mut session = session();
    session.controls.push(test_session::controls(&session, strategy));
    session
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

/// Compares what was drawn with the snapshot of this name.
fn looks_like(name: impl Into<String>, drawn: String) {
    insta::assert_snapshot!(name.into(), drawn);
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

fn first_figures() -> FirstFigures {
    let figure = |name: &str, top1, interval| FirstFigure { name: name.to_owned(), top1, interval };
    FirstFigures {
        images: 300,
        total: 1000,
        strategies: vec![
            figure("templates", 0.693, (0.639, 0.743)),
            figure("a strategy with a long name", 0.867, (0.824, 0.901)),
        ],
    }
}
