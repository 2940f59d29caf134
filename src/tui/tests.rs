//! The screens as a user meets them: key sequences with the state they lead to, and what is drawn at several sizes.

use std::sync::Arc;

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Size;

use super::actions::{Action, BINDINGS};
use super::draw::draw;
use super::graphics::Graphics;
use super::pictures::{Picture, fit};
use super::state::{Effect, Event, Job, Overlay, Problem, Screen, State, Table, update};
use super::theme::{ASCII, ColorDepth, Theme, UNICODE};
use crate::evaluation::{Classifier, Matrix, evaluate};
use crate::prompts::Aggregation;
use crate::workbench::{PictureSource, Progress, Session, SessionImage, SkippedImage, Stage, StrategyResult};

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
                prompts: 40,
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
        warnings: vec!["2 prompts are longer than the checkpoint's 77 tokens and were cut at the end".into()],
        demo_checkpoint: false,
    }
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
    let mut state = State::new(Size { width, height }, false);
    update(&mut state, Event::Opened(Arc::new(session)));
    state
}

fn key(name: &str) -> KeyEvent {
    let (modifiers, name) = match name.strip_prefix("Ctrl-") {
        Some(rest) => (KeyModifiers::CONTROL, rest),
        None => (KeyModifiers::NONE, name),
    };
    let code = match name {
        "Space" => KeyCode::Char(' '),
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Tab" => KeyCode::Tab,
        "Shift-Tab" => KeyCode::BackTab,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "Home" => KeyCode::Home,
        "End" => KeyCode::End,
        "PageUp" => KeyCode::PageUp,
        "PageDown" => KeyCode::PageDown,
        "F1" => KeyCode::F(1),
        letter => KeyCode::Char(letter.chars().next().unwrap()),
    };
    KeyEvent::new(code, modifiers)
}

/// Presses keys separated by blanks; pictures that are asked for are made at once.
fn press(state: &mut State, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for name in keys.split_whitespace() {
        effects = update(state, Event::Key(key(name)));
        for effect in &effects {
            if let Effect::LoadPictures(keys) = effect {
                for key in keys {
                    update(state, Event::PictureReady(*key, made(key.size)));
                }
            }
        }
    }
    effects
}

/// The state in one line.
fn summary(state: &State) -> String {
    let session = state.session.as_ref().unwrap();
    let name = |strategy: usize| session.strategies[strategy].name.as_str();
    let place = match (state.screen, state.table) {
        (Screen::Images, _) => {
            let view = state.images.as_ref().unwrap();
            format!(
                "images of {}, {}: {} of {:?}",
                session.classes[view.class],
                view.filter.words(state.is_pair()),
                view.selected,
                view.list
            )
        }
        (_, Table::Strategies) => format!("strategies at {}", name(state.strategy)),
        (_, Table::Classes) => {
            let row = &state.classes[state.class_row];
            format!("classes at {}, {}", session.classes[row.class], state.order.words(state.reversed))
        }
    };
    let overlay = match state.overlay {
        Some(overlay) => format!(" under {overlay:?}"),
        None => String::new(),
    };
    format!("A {} B {}: {place}{overlay}", name(state.a), name(state.b))
}

#[test]
fn keys_lead_where_they_should() {
    for (keys, expected) in [
        ("", "A templates B cupl: classes at deer, gains first"),
        ("j", "A templates B cupl: classes at frog, gains first"),
        ("G", "A templates B cupl: classes at cat, gains first"),
        ("r", "A templates B cupl: classes at cat, losses first"),
        ("s", "A templates B cupl: classes at cat, best with A first"),
        ("s s", "A templates B cupl: classes at deer, best with B first"),
        ("s s s", "A templates B cupl: classes at cat, dataset order"),
        ("s s s s", "A templates B cupl: classes at deer, gains first"),
        ("Tab", "A templates B cupl: strategies at cupl"),
        ("Tab j", "A templates B both: strategies at both"),
        ("Tab k", "A templates B cupl: strategies at templates"),
        ("Tab b", "A cupl B templates: strategies at cupl"),
        ("Tab j b", "A both B templates: strategies at both"),
        ("Tab Space", "A templates B both: strategies at cupl"),
        ("Tab Space j Space", "A templates B templates: strategies at both"),
        ("Tab k Space", "A templates B cupl: strategies at templates"),
        ("Tab Space Space", "A templates B cupl: strategies at cupl"),
        ("Enter", "A templates B cupl: images of deer, missed by A or B: 0 of [3, 4]"),
        ("Enter n", "A templates B cupl: images of deer, missed by A or B: 1 of [3, 4]"),
        ("Enter n n n p", "A templates B cupl: images of deer, missed by A or B: 0 of [3, 4]"),
        ("Enter n f", "A templates B cupl: images of deer, missed by A: 1 of [3, 4]"),
        ("Enter f f", "A templates B cupl: images of deer, missed by B: 0 of []"),
        ("Enter f f f", "A templates B cupl: images of deer, missed by A, right with B: 0 of [3, 4]"),
        ("r Enter f f f f", "A templates B cupl: images of cat, right with A, missed by B: 0 of [2]"),
        ("r Enter f f f f f", "A templates B cupl: images of cat, missed by all: 0 of []"),
        ("Enter f f f f f f", "A templates B cupl: images of deer, every image: 0 of [3, 4, 5]"),
        ("Enter Esc", "A templates B cupl: classes at deer, gains first"),
        ("Esc Esc", "A templates B cupl: classes at deer, gains first"),
        ("?", "A templates B cupl: classes at deer, gains first under Help(0)"),
        ("? j j k", "A templates B cupl: classes at deer, gains first under Help(1)"),
        ("? ?", "A templates B cupl: classes at deer, gains first"),
        ("m Esc", "A templates B cupl: classes at deer, gains first"),
        ("Enter ? Esc", "A templates B cupl: images of deer, missed by A or B: 0 of [3, 4]"),
    ] {
        let mut state = opened(80, 24);
        press(&mut state, keys);
        assert_eq!(summary(&state), expected, "after {keys:?}");
    }
}

#[test]
fn quitting_asks_only_while_a_job_runs() {
    assert_eq!(press(&mut opened(80, 24), "q"), [Effect::Quit]);
    let mut running = State::new(Size::new(80, 24), false);
    assert_eq!(press(&mut running, "q"), []);
    assert_eq!(running.overlay, Some(Overlay::Leaving));
    assert_eq!(press(&mut running, "Esc"), []);
    assert_eq!(running.overlay, None);
    assert_eq!(press(&mut running, "q q"), [Effect::Quit]);
    assert_eq!(press(&mut running, "Ctrl-c"), [Effect::QuitNow]);
    assert_eq!(press(&mut opened(80, 24), "Ctrl-z"), [Effect::Suspend]);
}

#[test]
fn a_question_that_is_out_of_date_goes_away() {
    let mut state = State::new(Size::new(80, 24), false);
    press(&mut state, "q");
    update(&mut state, Event::Opened(Arc::new(session())));
    assert_eq!(state.overlay, None);
    let mut state = State::new(Size::new(80, 24), false);
    press(&mut state, "q");
    update(&mut state, Event::Failed(Problem { message: "no".into(), store: false }));
    assert_eq!(state.overlay, None);
}

#[test]
fn a_job_is_stopped_and_goes_on() {
    let mut state = State::new(Size::new(80, 24), false);
    assert_eq!(press(&mut state, "x"), [Effect::StopSession]);
    assert_eq!(state.job, Job::Stopping);
    update(&mut state, Event::Stopped);
    assert_eq!(press(&mut state, "x"), []);
    assert_eq!(press(&mut state, "r"), [Effect::StartSession]);
    assert_eq!(state.job, Job::Running(None));
}

#[test]
fn a_held_store_can_be_done_without() {
    let mut state = State::new(Size::new(80, 24), false);
    let message = "the store is in use by process 12".to_owned();
    update(&mut state, Event::Failed(Problem { message: message.clone(), store: true }));
    assert_eq!(press(&mut state, "i"), [Effect::StartInMemory]);
    assert!(state.in_memory);
    update(&mut state, Event::Stopped);
    assert_eq!(press(&mut state, "r"), [Effect::StartInMemory]);
    // What fails in memory may work with the store, once it is free.
    update(&mut state, Event::Failed(Problem { message, store: false }));
    assert_eq!(press(&mut state, "i"), []);
    assert_eq!(press(&mut state, "r"), [Effect::StartSession]);
    assert!(!state.in_memory);
}

#[test]
fn a_picture_is_asked_for_once_and_again_after_a_resize() {
    let mut state = opened(80, 24);
    let effects = press(&mut state, "Enter");
    assert!(matches!(&effects[..], [Effect::LoadPictures(keys)] if keys[0].image == 3), "{effects:?}");
    assert_eq!(press(&mut state, "?"), []);
    let effects = update(&mut state, Event::Resize(Size::new(120, 40)));
    assert!(matches!(&effects[..], [Effect::LoadPictures(keys)] if keys[0].image == 3), "{effects:?}");
    assert_eq!(
        press(&mut state, "Esc Esc"),
        [Effect::LoadPictures(Vec::new())],
        "it need not be made any more"
    );
}

#[test]
fn a_picture_that_comes_late_is_kept_but_not_shown() {
    let mut state = opened(80, 24);
    let effects = update(&mut state, Event::Key(key("Enter")));
    let [Effect::LoadPictures(first)] = &effects[..] else { panic!("{effects:?}") };
    update(&mut state, Event::Key(key("n")));
    update(&mut state, Event::PictureReady(first[0], made(first[0].size)));
    assert!(state.pictures.get(&state.wanted_picture().unwrap()).is_none());
    update(&mut state, Event::Key(key("p")));
    assert!(state.pictures.get(&state.wanted_picture().unwrap()).is_some());
}

#[test]
fn without_pictures_none_is_made_and_the_place_says_so() {
    let mut state = opened(80, 24);
    state.graphics = Graphics::OFF;
    assert_eq!(press(&mut state, "Enter"), []);
    assert!(drawn(&state, COLORED).contains("--pictures off"));
}

fn drawn(state: &State, theme: Theme) -> String {
    let mut terminal = Terminal::new(TestBackend::new(state.size.width, state.size.height)).unwrap();
    terminal.draw(|frame| draw(frame, state, &theme)).unwrap();
    let text = terminal.backend().to_string();
    // TestBackend quotes each line.
    text.lines().map(|line| line.trim_matches('"').trim_end()).collect::<Vec<_>>().join("\n")
}

const COLORED: Theme = Theme { depth: ColorDepth::True, glyphs: UNICODE };
const PLAIN: Theme = Theme { depth: ColorDepth::Mono, glyphs: ASCII };

#[test]
fn screens_look_like_this() {
    for (name, width, height, keys, theme) in [
        ("overview-80x24", 80, 24, "", COLORED),
        ("overview-60x20", 60, 20, "", COLORED),
        ("overview-160x50", 160, 50, "", COLORED),
        ("overview-40x12", 40, 12, "", COLORED),
        ("overview-ascii", 80, 24, "", PLAIN),
        ("overview-one-strategy", 80, 24, "Tab Space j Space", COLORED),
        ("images-80x24", 80, 24, "Enter", COLORED),
        ("images-60x20", 60, 20, "Enter", COLORED),
        ("images-160x50", 160, 50, "Enter", COLORED),
        ("images-ascii", 80, 24, "Enter", PLAIN),
        ("images-none", 80, 24, "Enter f f", COLORED),
        ("help-80x24", 80, 24, "?", COLORED),
        ("messages-80x24", 80, 24, "m", COLORED),
        ("too-small", 39, 11, "", COLORED),
    ] {
        let mut state = opened(width, height);
        press(&mut state, keys);
        insta::assert_snapshot!(name, drawn(&state, theme));
    }
}

#[test]
fn large_and_small_sessions_look_like_this() {
    let long = numbered("a very long class name with a common beginning ", 5);
    for (name, session, width, keys) in [
        ("twelve-strategies", generated(&numbered("class ", 6), 12), 80, "Tab G"),
        ("twelve-strategies-images", generated(&numbered("class ", 6), 12), 80, "Enter"),
        ("thousand-classes", generated(&numbered("class ", 1000), 2), 80, "G"),
        ("long-names", generated(&long, 3), 80, ""),
        ("long-names-images", generated(&long, 3), 80, "Enter"),
        ("one-strategy", generated(&numbered("class ", 6), 1), 80, ""),
        ("one-strategy-images", generated(&numbered("class ", 6), 1), 60, "Enter"),
    ] {
        let mut state = opened_with(session, width, 24);
        press(&mut state, keys);
        insta::assert_snapshot!(name, drawn(&state, COLORED));
    }
}

#[test]
fn one_strategy_has_two_filters() {
    let mut state = opened_with(generated(&numbered("class ", 6), 1), 80, 24);
    press(&mut state, "Enter");
    let first = summary(&state);
    press(&mut state, "f");
    assert!(summary(&state).contains("every image"), "{}", summary(&state));
    press(&mut state, "f");
    assert_eq!(summary(&state), first);
}

#[test]
fn without_utf8_everything_is_ascii() {
    let mut state = State::new(Size::new(80, 24), false);
    let mut screens = vec![drawn(&state, PLAIN)];
    let progress = Progress {
        stage: Stage::Images,
        done: 64,
        total: 100,
        cached: 40,
        rate: Some(12.0),
        left: Some(std::time::Duration::from_secs(3)),
    };
    update(&mut state, Event::Progress(progress));
    screens.push(drawn(&state, PLAIN));
    for keys in ["q", "Esc x"] {
        press(&mut state, keys);
        screens.push(drawn(&state, PLAIN));
    }
    update(&mut state, Event::Failed(Problem { message: "no".into(), store: true }));
    screens.push(drawn(&state, PLAIN));
    for strategies in [1, 3] {
        let mut state = opened_with(generated(&numbered("class ", 6), strategies), 80, 24);
        for keys in ["", "Enter", "?", "Esc m", "Esc Esc Tab"] {
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
    let mut state = State::new(Size::new(80, 24), false);
    update(&mut state, Event::Failed(Problem { message, store: false }));
    assert!(drawn(&state, COLORED).contains("from 1 of 200"));
    press(&mut state, "j j");
    insta::assert_snapshot!("problem-scrolled", drawn(&state, COLORED));
    press(&mut state, "G");
    assert!(drawn(&state, COLORED).contains("line 200"));
    // One long line is scrolled as it is wrapped.
    press(&mut state, "r");
    let message = numbered("class ", 1000).join(", ");
    update(&mut state, Event::Failed(Problem { message, store: false }));
    assert!(!drawn(&state, COLORED).contains("class 999"));
    press(&mut state, "G");
    assert!(drawn(&state, COLORED).contains("class 999"));
    press(&mut state, "r");
    update(&mut state, Event::Failed(Problem { message: "another".into(), store: false }));
    assert!(drawn(&state, COLORED).contains("another"));
}

#[test]
fn many_messages_are_drawn_as_far_as_there_is_room() {
    let mut session = session();
    session.warnings = numbered("warning ", 100_000);
    let mut state = opened_with(session, 80, 24);
    press(&mut state, "m");
    assert!(drawn(&state, COLORED).contains("from 1 of 100,001"));
    press(&mut state, "G");
    assert!(drawn(&state, COLORED).contains("skipped frog/broken.jpg"));
}

#[test]
fn waiting_looks_like_this() {
    let mut state = State::new(Size::new(80, 24), false);
    insta::assert_snapshot!("waiting-opening", drawn(&state, COLORED));
    let progress = Progress {
        stage: Stage::Images,
        done: 640,
        total: 1000,
        cached: 400,
        rate: Some(120.0),
        left: Some(std::time::Duration::from_secs(3)),
    };
    update(&mut state, Event::Progress(progress));
    insta::assert_snapshot!("waiting-progress", drawn(&state, COLORED));
    press(&mut state, "q");
    insta::assert_snapshot!("waiting-leaving", drawn(&state, COLORED));
    press(&mut state, "Esc");
    update(&mut state, Event::Stopped);
    insta::assert_snapshot!("waiting-stopped", drawn(&state, COLORED));
    let message = "the store /data/cupl-tui is in use by process 1234.\nClose it there.".to_owned();
    update(&mut state, Event::Failed(Problem { message, store: true }));
    insta::assert_snapshot!("waiting-store", drawn(&state, COLORED));
}

#[test]
fn a_broken_picture_says_why() {
    let mut state = opened(80, 24);
    let effects = update(&mut state, Event::Key(key("Enter")));
    let [Effect::LoadPictures(wanted)] = &effects[..] else { panic!("{effects:?}") };
    update(&mut state, Event::PictureReady(wanted[0], Err("the file is gone".into())));
    assert!(drawn(&state, COLORED).contains("No picture: the file is gone"));
}

#[test]
fn hints_are_true() {
    let mut state = opened(200, 24);
    for keys in ["", "Tab", "Tab Enter", "?"] {
        press(&mut state, keys);
        let screen = drawn(&state, COLORED);
        let hints = screen.lines().last().unwrap();
        for binding in BINDINGS.iter().filter(|b| b.works_in(state.context()) && !b.hint.is_empty()) {
            assert!(hints.contains(&format!("{} {}", binding.keys[0], binding.hint)), "{hints:?}");
        }
        for binding in BINDINGS.iter().filter(|b| !b.works_in(state.context()) && !b.hint.is_empty()) {
            assert!(!hints.contains(&format!(" {} {} ", binding.keys[0], binding.hint)), "{hints:?}");
        }
    }
}

#[test]
fn pictures_are_drawn_in_two_colours_a_cell() {
    let mut state = opened(80, 24);
    press(&mut state, "Enter");
    assert!(drawn(&state, COLORED).contains("▀▀▀▀▀▀"));
    let ascii = Theme { depth: ColorDepth::Indexed, glyphs: ASCII };
    assert!(!drawn(&state, ascii).contains(['▀', '▄']));
    let indexed = Theme { depth: ColorDepth::Indexed, glyphs: UNICODE };
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|frame| draw(frame, &state, &indexed)).unwrap();
    let cells = &terminal.backend().buffer().content;
    assert!(cells.iter().all(|cell| !matches!(cell.fg, ratatui::style::Color::Rgb(..))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is pressed at whatever size: no panic, and the selections stay inside their lists.
    #[test]
    fn nothing_breaks(
        width in 1u16..200,
        height in 1u16..80,
        strategies in 1usize..13,
        pressed in proptest::collection::vec(0..BINDINGS.len(), 0..25),
    ) {
        let mut state = opened_with(generated(&numbered("class ", 7), strategies), width, height);
        for index in pressed {
            let binding = &BINDINGS[index];
            if matches!(binding.action, Action::Quit | Action::QuitNow | Action::Suspend) {
                continue;
            }
            press(&mut state, binding.keys[0]);
            drawn(&state, COLORED);
            prop_assert!(state.class_row < state.classes.len());
            prop_assert!(state.strategy < state.shown.len());
            if let Some(view) = &state.images {
                prop_assert!(view.selected < view.list.len().max(1));
            }
        }
        drawn(&state, PLAIN);
    }
}
