//! What comes late never moves the user: cursors stay on their things, typed text goes to what it was begun on, a dialog stays
//! open, and every row that is drawn can be reached.

use std::collections::{BTreeSet, VecDeque};

use super::super::state::opening::OpeningRow;
use super::super::state::{InputKind, Screen};
use super::*;
use crate::workbench::{Origin, PromptEdits};

/// What the user stands on, reads and types, by name: nothing that a thread says may change it.
fn bearings(state: &State) -> String {
    let session = state.session.as_ref();
    let class = |class: usize| session.map_or("?", |session| session.classes[class].as_str()).to_owned();
    let strategy = |strategy: usize| {
        session.map_or("?", |session| session.strategies[strategy].name.as_str()).to_owned()
    };
    let over = state.overlay.as_ref().map(|overlay| match overlay {
        Overlay::Commands(view) => {
            let rows = view.rows(&state.keymap);
            format!(
                "commands {:?} at {:?}",
                view.search,
                rows.get(view.selected).map(|(_, row)| row.action.name())
            )
        }
        Overlay::Form(form) => {
            format!(
                "{:?} at {} of {:?}",
                form.kind,
                form.at,
                form.rows.iter().take(form.at + 1).collect::<Vec<_>>()
            )
        }
        other => format!("{other:?}"),
    });
    let typing = state.typing.as_ref().map(|typing| {
        let of = typing.purpose.strategy().map(strategy);
        format!("{:?} of {of:?}: {:?}", typing.purpose, typing.input)
    });
    // Where nobody has moved the cursor, it stands on the first row, whichever that is.
    let page = state.classes.page.as_ref().map(|page| (class(page.class), page.predicted.map(class)));
    let pair = state.confusion.pairs.get(state.confusion.selected);
    let cell = state.confusion.block.as_ref().map(|block| {
        let shown = |place: usize| block.classes.get(place).map(|&shown| class(shown));
        (class(block.class), shown(block.row()), shown(block.column()))
    });
    let explanation = state.images.explanation.as_ref().map(|view| (view.image, view.on_b, view.selected));
    let generation = state.generation.as_ref().map(|view| {
        (view.shown, view.selected, view.sentence.is_some(), view.current().map(|sentence| sentence.at))
    });
    let findings = Some(&state.findings).filter(|_| state.screen == Screen::Findings);
    let prompts = &state.prompts;
    let side = prompts.strategy(&state.strategies);
    [
        format!("{:?} after {:?}, over it {over:?}", state.place(), state.back),
        format!("typing {typing:?}"),
        format!("strategies: A {}, at {}", strategy(state.strategies.a), strategy(state.strategies.selected)),
        format!("page {:?}", state.strategies_page.as_ref().map(|page| (page.topic, page.first))),
        format!("classes: at {:?}, page {page:?}", state.classes.selected_class().map(class)),
        format!("pairs: at {:?}", pair.map(|pair| (class(pair.truth), class(pair.predicted)))),
        format!("matrix {cell:?}"),
        format!("images: at {:?}, large {}", state.images.current(), state.images.inspecting),
        format!("explanation {explanation:?}"),
        match state.screen {
            Screen::Prompts => {
                format!("prompts of {} by {}: at {}", class(prompts.class), strategy(side), prompts.row())
            }
            _ => format!("prompts of {}", class(prompts.class)),
        },
        format!("generation {generation:?}"),
        format!(
            "findings: at {:?}",
            findings.and_then(|view| view.current()).map(|finding| &finding.evidence)
        ),
        format!("message {:?}", state.messages.get(state.jobs.selected)),
        match state.opening.row() {
            Some(OpeningRow::Recent(place)) => format!("opening {}", state.opening.recents[place].name),
            row => format!("opening {row:?}"),
        },
    ]
    .into_iter()
    // Where the cursor makes a strategy B, and an added one is B at once, other screens follow.
    .filter(|line| {
        state.screen != Screen::Strategies || !(line.starts_with("pairs") || line.starts_with("images"))
    })
    .collect::<Vec<_>>()
    .join("\n")
}

/// Keys that lead to something that the user stands on, reads or types.
const STANDS: [(&str, &str); 31] = [
    ("strategies", "j"),
    ("a page about A and B", "p j j"),
    ("classes", "2 j"),
    ("the filter of classes", "2 / a"),
    ("a class", "2 Enter"),
    ("pairs", "3 d j"),
    ("the filter of pairs", "3 d / f"),
    ("the matrix", "3 v j j l"),
    ("the gallery", "4 n n"),
    ("an image", "4 n Enter"),
    ("the name of images", "4 / d e"),
    ("the file of a list", "4 f o x"),
    ("an explanation", "4 n Enter x j j j"),
    ("prompts of A", "5 ] j j"),
    ("prompts of B", "5 ] ] l j"),
    ("a new prompt", "5 ] a f r o g"),
    ("a new prompt of B", "5 ] ] l a f r o g"),
    ("the text of a prompt", "5 [ j j Enter !"),
    ("the text of a prompt of B", "5 l j Enter !"),
    ("a generation", "5 m Down t i n y Enter j"),
    ("the sentences of a class", "5 m Down t i n y Enter Enter j j"),
    ("the form of a generation", "5 m Down t i n y"),
    ("messages", "6 j"),
    ("a message", "6 j Enter"),
    ("findings", "7 j"),
    ("what can be opened", "O j"),
    ("the form for files", "O G Enter / d a t a Down x"),
    ("the form of a strategy", "a n e w"),
    ("commands", "2 ? j j j"),
    ("a command", "4 : s o"),
    ("a class behind others", "2 Enter 3 d v l 4 n Enter 5 ] l j 6 j 7 j 1"),
];

fn recent(name: &str) -> Recent {
    Recent { name: name.into(), origin: Origin::File(format!("/{name}").into()) }
}

fn stand(keys: &str) -> State {
    let mut state = opened(80, 24);
    state.opening.recents = ["pets", "birds", "pond"].map(recent).to_vec();
    press(&mut state, keys);
    state
}

/// Everything that threads and the terminal say, by a name each. Where something is said of a class, an image or a strategy, it is
/// another one than the user stands on, or one whose rows change their places.
fn late_notices(state: &State) -> Vec<(&'static str, Event)> {
    let now = state.session.clone().unwrap();
    let editor = |change: Option<usize>| {
        let mut editor = editor_of(state, 1);
        if let Some(class) = change {
            let mut prompts = editor.prompts[class].to_vec();
            let text = "another one".to_owned();
            prompts.push(EditedPrompt { text, enabled: true, origin: PromptOrigin::Added });
            editor.prompts[class] = Arc::new(prompts);
            let flips = vec![ChangedPrediction { image: 11, before: 3, after: 0 }];
            editor.flips = Arc::new(flips.clone());
            editor.last =
                Some(LastChange { class, words: "a change".into(), flips, note: Some("cut".into()) });
            (editor.trail, editor.is_changed) = (vec!["a change".into()], true);
        }
        Box::new(editor)
    };
    let saved =
        || SavedPrompts { name: "mine".into(), version: "0123456789".into(), notes: vec!["so".into()] };
    let message = || "something went wrong\nand more".to_owned();
    let problem = || Problem { message: message(), remedy: None };
    let answer = |answer| Event::Analysis(AnalysisNotice::Answer(Box::new(answer)));
    let refused = |request| Event::Analysis(AnalysisNotice::Refused(request, message()));
    let mut found = findings();
    found.reverse();
    // A sentence goes, another one comes before the others.
    let mut sentences = generated_class(0);
    sentences.sentences.remove(0);
    let mut first = sentences.sentences[0].clone();
    first.at = 0;
    let written = |class: usize, now: GeneratedClass| {
        let pace = Pace::default();
        let notice = GenerationNotice { class, now, pace, retry: None };
        Event::Generation(GenerationJobNotice::Changed(Box::new(notice)))
    };
    let more = GeneratedClass { sentences: vec![first], ..sentences.clone() };
    let more = GeneratedClass { sentences: [more.sentences, sentences.sentences.clone()].concat(), ..more };
    let plan = Box::new(generation_plan("generated"));
    let explained = AnalysisAnswer::Explained {
        image: 0,
        strategies: vec![0, 1],
        explanations: vec![explanation_of(&now, 0, 0), explanation_of(&now, 0, 1)],
    };
    let mut notices = vec![
        ("progress", Event::Progress(progress())),
        ("a hub is asked", Event::Asking("hub.example".into())),
        ("a session with one more strategy", Event::Opened(Arc::new(with_one_more()), None)),
        ("a session with controls", Event::Opened(Arc::new(controlled(1)), None)),
        ("the session again", Event::Opened(Arc::new(session()), None)),
        ("the job was stopped", Event::Stopped),
        ("the job failed", Event::Failed(problem())),
        ("an experiment was refused", Event::Refused(message())),
        ("prompt sets", Event::PromptSets { names: vec!["a@1".into(), "b@2".into()], problem: None }),
        ("a notice", Event::Notice("written".into())),
        ("a note", Event::Note(message())),
        ("recent experiments", Event::Recents(["pond", "new", "pets", "birds"].map(recent).to_vec())),
        ("files were looked at", {
            let problems = vec![(ExperimentPart::Images, message())];
            Event::FilesChecked { flags: ExperimentFlags::default(), problems }
        }),
        ("files can be opened", {
            Event::FilesChecked { flags: ExperimentFlags::default(), problems: Vec::new() }
        }),
        (
            "where it comes from",
            Event::OpenedFrom(OpenedFrom { added: vec!["cupl".into()], ..OpenedFrom::default() }),
        ),
        ("drafts are not kept", Event::DraftUnkept(message())),
        ("what was pruned is saved", Event::PrunedSaved(saved(), Aggregation::Mean)),
        ("settings to generate with", Event::Proposal(Box::default())),
        ("pictures are shown otherwise", Event::Graphics(Graphics::OFF)),
        ("the editor opens", Event::Editor(EditorNotice::Opening(progress()))),
        ("the editor notes", Event::Editor(EditorNotice::Note(message()))),
        ("the editor is ready", Event::Editor(EditorNotice::Ready(editor(None)))),
        ("prompts of cat changed", Event::Editor(EditorNotice::Changed(editor(Some(0))))),
        ("prompts of deer changed", Event::Editor(EditorNotice::Changed(editor(Some(1))))),
        ("prompts of frog changed", Event::Editor(EditorNotice::Changed(editor(Some(2))))),
        ("prompts of another class changed", Event::Editor(EditorNotice::Changed(editor(Some(3))))),
        ("the editor saved", Event::Editor(EditorNotice::Saved(saved(), editor(None)))),
        ("the editor refuses", Event::Editor(EditorNotice::Refused(message()))),
        ("the editor failed", Event::Editor(EditorNotice::Failed(message()))),
        ("embeddings are read", Event::Analysis(AnalysisNotice::Progress(progress()))),
        ("the analysis notes", Event::Analysis(AnalysisNotice::Note(message()))),
        ("the analysis is ready", Event::Analysis(AnalysisNotice::Ready)),
        ("findings", answer(AnalysisAnswer::Found(found))),
        ("an explanation", answer(explained)),
        (
            "calibrations",
            answer(AnalysisAnswer::Calibrated(vec![0, 1], vec![calibration_of(0), calibration_of(1)])),
        ),
        ("curves", answer(AnalysisAnswer::Curves(vec![0, 1], vec![curve_of(0), curve_of(1)]))),
        ("no explanation", refused(AnalysisRequest::Explain { image: 3, strategies: vec![0, 1] })),
        ("no pruning", refused(AnalysisRequest::Prune(1))),
        ("no curves", refused(AnalysisRequest::Curves(vec![0, 1]))),
        ("the analysis failed", Event::Analysis(AnalysisNotice::Failed(message()))),
        ("the model answers", Event::Generation(GenerationJobNotice::Opened(plan, vec![more.clone(); 4]))),
        ("a sentence before the others", written(0, more.clone())),
        ("a sentence of another class", written(1, more)),
        ("the first sentence is gone", written(0, sentences)),
        ("first figures", Event::FirstFigures(first_figures())),
        ("accuracy", Event::Generation(GenerationJobNotice::Accuracy(3.0, 0.7))),
        ("no accuracy", Event::Generation(GenerationJobNotice::NoAccuracy(message()))),
        ("the images are read", Event::Generation(GenerationJobNotice::Reading(None))),
        ("the generation notes", Event::Generation(GenerationJobNotice::Note(message()))),
        ("the model writes", Event::Generation(GenerationJobNotice::Running)),
        ("the model was stopped", Event::Generation(GenerationJobNotice::Stopped)),
        ("the model is done", Event::Generation(GenerationJobNotice::Done(Some(message())))),
        ("what was written is saved", Event::Generation(GenerationJobNotice::Saved(saved()))),
        ("the model refuses", Event::Generation(GenerationJobNotice::Refused(message()))),
        ("the model failed", Event::Generation(GenerationJobNotice::Failed(message()))),
        ("the model broke off", Event::Generation(GenerationJobNotice::Broken(message()))),
        ("what a generation comes to", Event::Estimated { of: Box::default(), cost: None }),
        ("a smaller terminal", Event::Resize(Size::new(40, 12))),
        ("a larger terminal", Event::Resize(Size::new(200, 60))),
    ];
    for (strategy, class) in [(0, 0), (1, 1), (1, 2)] {
        let prompts = vec![PromptSimilarity { own: None, competitor: None }];
        let notice = EditorNotice::Similarities { strategy, class, prompts };
        notices.push(("what prompts are like", Event::Editor(notice)));
    }
    for (row, before) in [(0, "/data"), (1, "x"), (1, "tiny"), (2, "")] {
        let (text, completions) = ("/data/pets/".to_owned(), vec!["/data/pets/".to_owned()]);
        notices
            .push(("a path is complete", Event::Completed { row, before: before.into(), text, completions }));
    }
    for key in state.visible_pictures() {
        notices.push(("a picture", Event::PictureReady(key, made(key.size))));
    }
    notices
}

/// A number for every kind of event that is no key: the table above has to have each.
fn kind(event: &Event) -> Option<u32> {
    Some(match event {
        Event::Key(_) | Event::Paste(_) | Event::Click(_) | Event::Wheel(_) | Event::Terminate => {
            return None;
        }
        // The user wants another experiment.
        Event::Replaced { .. } | Event::Undecided => return None,
        // They come with the key that asks for them, and with what is opened.
        Event::FileChange(_) | Event::DraftFound(_) => return None,
        Event::Resize(_) => 0,
        Event::Progress(_) => 1,
        Event::Asking(_) => 2,
        Event::Opened(..) => 3,
        Event::Stopped => 4,
        Event::Failed(_) => 5,
        Event::Refused(_) => 6,
        Event::Completed { .. } => 7,
        Event::PromptSets { .. } => 8,
        Event::PictureReady(..) => 9,
        Event::Notice(_) => 10,
        Event::Editor(notice) => match notice {
            EditorNotice::Opening(_) => 11,
            EditorNotice::Note(_) => 12,
            EditorNotice::Ready(_) => 13,
            EditorNotice::Changed(_) => 14,
            EditorNotice::Similarities { .. } => 15,
            EditorNotice::Saved(..) => 16,
            EditorNotice::Refused(_) => 17,
            EditorNotice::Failed(_) => 18,
        },
        Event::Analysis(notice) => match notice {
            AnalysisNotice::Progress(_) => 19,
            AnalysisNotice::Note(_) => 20,
            AnalysisNotice::Ready => 21,
            AnalysisNotice::Answer(_) => 22,
            AnalysisNotice::Refused(..) => 23,
            AnalysisNotice::Failed(_) => 24,
        },
        Event::Generation(notice) => match notice {
            GenerationJobNotice::Opened(..) => 25,
            GenerationJobNotice::Changed(_) => 26,
            GenerationJobNotice::Accuracy(..) => 27,
            GenerationJobNotice::Running => 28,
            GenerationJobNotice::Stopped => 29,
            GenerationJobNotice::Done(_) => 30,
            GenerationJobNotice::Saved(_) => 31,
            GenerationJobNotice::Refused(_) => 32,
            GenerationJobNotice::Failed(_) => 33,
            GenerationJobNotice::Broken(_) => 46,
            GenerationJobNotice::NoAccuracy(_) => 38,
            GenerationJobNotice::Note(_) => 39,
            GenerationJobNotice::Reading(_) => 40,
        },
        Event::FirstFigures(_) => 41,
        Event::Note(_) => 34,
        Event::Recents(_) => 35,
        Event::Proposal(_) => 36,
        Event::Graphics(_) => 37,
        Event::FilesChecked { .. } => 42,
        Event::OpenedFrom(_) => 43,
        Event::DraftUnkept(_) => 44,
        Event::PrunedSaved(..) => 45,
        Event::Estimated { .. } => 47,
    })
}

#[test]
fn no_late_notice_moves_anything() {
    let mut wrong = Vec::new();
    let count = late_notices(&stand("4")).len();
    for (stand_name, keys) in STANDS {
        for number in 0..count {
            let mut state = stand(keys);
            let Some((name, event)) = late_notices(&state).into_iter().nth(number) else { continue };
            let before = bearings(&state);
            let effects = update(&mut state, event);
            play(&mut state, &effects);
            let after = bearings(&state);
            drawn(&state, COLORED);
            for (before, after) in before.lines().zip(after.lines()).filter(|(before, after)| before != after)
            {
                wrong.push(format!("{stand_name}, {name}:\n  {before}\n  {after}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are moved\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_table_of_late_notices_has_every_kind() {
    let kinds: BTreeSet<u32> =
        late_notices(&stand("4")).iter().filter_map(|(_, event)| kind(event)).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), (0..48).collect::<Vec<_>>());
}

/// An editor that answers when it is told to: with real edits, and no scores.
struct SlowEditor {
    strategy: usize,
    edits: PromptEdits,
    is_open: bool,
    asked: VecDeque<EditorRequest>,
}

impl SlowEditor {
    fn open(state: &State, strategy: usize) -> Self {
        let session = state.session.as_ref().unwrap();
        let edits = PromptEdits::new(&session.classes, &session.strategies[strategy].prompts);
        Self { strategy, edits, is_open: false, asked: VecDeque::new() }
    }

    /// Its next answer, if it owes one.
    fn answer(&mut self, state: &State) -> Option<EditorNotice> {
        let now = |editor: &Self, last: Option<usize>| {
            let mut now = editor_of(state, editor.strategy);
            now.prompts = editor.edits.classes().to_vec();
            now.trail = editor.edits.trail().map(str::to_owned).collect();
            now.is_changed = editor.edits.is_changed();
            now.last = last.map(|class| LastChange {
                class,
                words: "a change".into(),
                flips: Vec::new(),
                note: None,
            });
            Box::new(now)
        };
        if !self.is_open {
            self.is_open = true;
            return Some(EditorNotice::Ready(now(self, None)));
        }
        let done = match self.asked.pop_front()? {
            EditorRequest::Apply(edit) => self.edits.apply(&edit).map(|()| edit.class()),
            EditorRequest::Undo => self.edits.undo(),
            EditorRequest::Redo => self.edits.redo(),
            EditorRequest::Similarities { strategy, class } => {
                return Some(EditorNotice::Similarities { strategy, class, prompts: Vec::new() });
            }
            EditorRequest::Save(name) => {
                self.edits.keep();
                let saved = SavedPrompts { name, version: "0123456789".into(), notes: Vec::new() };
                return Some(EditorNotice::Saved(saved, now(self, None)));
            }
        };
        Some(match done {
            Ok(class) => EditorNotice::Changed(now(self, Some(class))),
            Err(error) => EditorNotice::Refused(error.to_string()),
        })
    }
}

/// What happens to somebody who edits prompts.
const HAPPENINGS: [&str; 26] = [
    "]",
    "[",
    "j",
    "k",
    "G",
    "g",
    "h",
    "l",
    "Space",
    "u",
    "Ctrl-r",
    "a",
    "a",
    "Enter",
    "Enter",
    "x",
    "y",
    "Backspace",
    "Esc",
    "w",
    "1",
    "5",
    "answer",
    "answer",
    "session",
    "resize",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever is pressed, and whenever the editor answers or a session comes: edits are of the class, the strategy and the prompt
    /// that were shown when they were begun, none is lost, and nothing late moves anything.
    #[test]
    fn edits_land_where_they_were_begun(happenings in prop::collection::vec(0..HAPPENINGS.len(), 0..80)) {
        let mut state = opened(80, 24);
        let mut editor: Option<SlowEditor> = None;
        let mut sessions = 0;
        let mut begun: Option<(usize, usize, usize)> = None;
        let mut again: VecDeque<EditorRequest> = VecDeque::new();
        let mut events = VecDeque::from([Event::Key(key("5"))]);
        events.extend(happenings.iter().map(|&at| match HAPPENINGS[at] {
            "answer" => Event::Notice("answer".into()),
            "session" => Event::Notice("session".into()),
            "resize" => Event::Resize(Size::new(60 + at as u16, 20)),
            name => Event::Key(key(name)),
        }));
        for event in events {
            let is_late = !matches!(event, Event::Key(_));
            let event = match event {
                Event::Notice(what) if what == "answer" => {
                    match editor.as_mut().and_then(|editor| editor.answer(&state)) {
                        Some(notice) => Event::Editor(notice),
                        None => continue,
                    }
                }
                Event::Notice(what) if what == "session" => {
                    sessions += 1;
                    let session = if sessions == 1 { with_one_more() } else { continue };
                    Event::Opened(Arc::new(session), None)
                }
                event => event,
            };
            let before = bearings(&state);
            let was_typing = state.typing.is_some();
            let shown = (state.prompts.class, state.prompts.strategy(&state.strategies), state.prompts.row());
            // Only taking an added prompt back makes a row go.
            let rows_go = matches!(&event, Event::Editor(EditorNotice::Changed(now))
                if state.prompts.row() >= now.prompts[state.prompts.class].len());
            let typed = state.typing.as_ref().map(|typing| typing.input.text().trim().to_owned());
            let effects = update(&mut state, event);
            if is_late && !rows_go {
                prop_assert_eq!(&before, &bearings(&state));
            }
            if !was_typing && state.typing.is_some() {
                begun = Some(shown);
            }
            for effect in effects {
                match effect {
                    Effect::OpenEditor(strategy) => {
                        let lost = editor.as_ref().map_or(0, |editor| {
                            editor.asked.iter().filter(|request| !matches!(request, EditorRequest::Similarities { .. })).count()
                        });
                        prop_assert_eq!(lost, 0, "what the editor was asked for is lost");
                        prop_assert!(editor.as_ref().is_none_or(|editor| !editor.edits.is_changed()), "changes are lost");
                        editor = Some(SlowEditor::open(&state, strategy));
                    }
                    // What it was asked for is asked again of the next one.
                    Effect::CloseEditor => {
                        let asked = editor.take().map(|editor| editor.asked).unwrap_or_default();
                        again.extend(asked.into_iter().filter(|request| matches!(request, EditorRequest::Apply(_))));
                    }
                    Effect::AskEditor(request) if again.front() == Some(&request) => {
                        editor.as_mut().unwrap().asked.extend(again.pop_front());
                    }
                    Effect::AskEditor(request) => {
                        let editor = editor.as_mut().unwrap();
                        if let EditorRequest::Apply(edit) = &request {
                            prop_assert!(again.is_empty(), "{again:?} is lost");
                            let (class, strategy, row) = if was_typing { begun.unwrap() } else { shown };
                            prop_assert_eq!((edit.class(), editor.strategy), (class, strategy));
                            match edit {
                                Edit::Toggle { prompt, .. } => prop_assert_eq!(*prompt, row),
                                Edit::Replace { prompt, text, .. } => {
                                    prop_assert_eq!((*prompt, Some(text)), (row, typed.as_ref()));
                                }
                                Edit::Add { text, .. } => prop_assert_eq!(Some(text), typed.as_ref()),
                            }
                        }
                        editor.asked.push_back(request);
                    }
                    _ => {}
                }
            }
        }
        drawn(&state, COLORED);
    }

    /// The cell under the cursor of the matrix stays through every size of the terminal.
    #[test]
    fn the_matrix_keeps_its_cell(
        moves in prop::collection::vec(0usize..5, 0..30),
        sizes in prop::collection::vec((1u16..200, 1u16..70), 1..6),
    ) {
        let mut state = opened_with(generated(&numbered("class ", 40), 3), 150, 40);
        press(&mut state, "3 d v");
        for step in moves {
            press(&mut state, ["j", "l", "h", "k", "d"][step]);
        }
        let before = bearings(&state);
        for (width, height) in sizes {
            update(&mut state, Event::Resize(Size::new(width, height)));
            let block = state.confusion.block.as_ref().unwrap();
            let is_in = |class: usize| block.classes.contains(&class);
            prop_assert!(width < 40 || height < 12 || is_in(block.truth) && is_in(block.predicted));
        }
        update(&mut state, Event::Resize(Size::new(150, 40)));
        prop_assert_eq!(before, bearings(&state));
    }
}

#[test]
fn every_prompt_that_is_drawn_can_be_reached() {
    for added in [0, 1, 2, 40] {
        let mut state = opened(80, 24);
        press(&mut state, "5 l");
        let mut editor = SlowEditor::open(&state, 1);
        editor.answer(&state);
        for number in 0..added {
            editor
                .asked
                .push_back(EditorRequest::Apply(Edit::Add { class: 0, text: format!("added {number}") }));
            let notice = editor.answer(&state).unwrap();
            update(&mut state, Event::Editor(notice));
        }
        let rows = 10 + added;
        for (keys, row) in [("G", rows - 1), ("g", 0), ("G k", rows - 2), ("End", rows - 1)] {
            press(&mut state, keys);
            assert_eq!(state.prompts.row(), row, "{added} added, after {keys}");
        }
        press(&mut state, "g");
        for row in 0..rows {
            assert_eq!(state.prompts.row(), row);
            let session = state.session.clone().unwrap();
            let text = state.prompts.shown(&session, 1)[row].text.to_owned();
            // The footer has the whole prompt, and editing it begins with its text.
            assert!(drawn(&state, COLORED).contains(&text));
            press(&mut state, "Enter");
            let typing = state.typing.take().unwrap();
            assert_eq!(typing.purpose, InputKind::PromptText { strategy: 1, class: 0, prompt: row });
            assert_eq!(typing.input.text(), text);
            press(&mut state, "j");
        }
    }
}

#[test]
fn lists_that_are_sorted_anew_take_their_cursor_along() {
    // A class that another one is taken for: B changes, and with it the order.
    let rest = [1, 1, 1, 2, 2, 2, 3, 3, 3];
    let strategies = [("a", [1, 2, 3]), ("b", [2, 2, 1]), ("c", [3, 3, 1])]
        .map(|(name, cats)| (name.to_owned(), [&cats[..], &rest[..]].concat()));
    let mut state = opened_with(session_of(&CLASSES.map(str::to_owned), &strategies), 80, 24);
    let under = |state: &State| {
        let page = state.classes.page.as_ref().unwrap();
        let pairs = state.taken_for(page.class);
        let row = page.row(&pairs);
        (row, pairs[row].predicted)
    };
    press(&mut state, "2 s s s s s s Enter G");
    assert_eq!(under(&state), (2, 3));
    press(&mut state, "1 j 2");
    assert_eq!(under(&state), (0, 3));

    // The experiment that was opened last becomes the first of the recent ones.
    let mut state = opened(80, 24);
    state.opening.recents = ["pets", "birds", "pond"].map(recent).to_vec();
    let chosen = |state: &State| {
        let row = state.opening.row().unwrap();
        match row {
            super::super::state::opening::OpeningRow::Recent(place) => {
                state.opening.recents[place].name.clone()
            }
            row => format!("{row:?}"),
        }
    };
    for (keys, name) in [("O", "pets"), ("j", "birds"), ("j", "pond"), ("j", "Demo"), ("j", "Files")] {
        press(&mut state, keys);
        let mut other = state.opening.recents.clone();
        let before = other.clone();
        other.rotate_left(1);
        state.opening.list(other);
        assert_eq!(chosen(&state), name);
        state.opening.list(before);
    }

    // Commands that work here come first, wherever "here" is when the session comes.
    let mut state = waiting(80, 24);
    press(&mut state, "? j j j");
    let command =
        |state: &State| bearings(state).lines().next().unwrap().split("over it").nth(1).map(str::to_owned);
    let before = command(&state);
    update(&mut state, Event::Opened(Arc::new(session()), None));
    assert_eq!(command(&state), before);
}

#[test]
fn an_image_that_is_shown_large_stays_when_it_leaves_the_list() {
    let mut state = opened(80, 24);
    press(&mut state, "4 n Enter");
    assert_eq!(state.images.current(), Some(3));
    // A and B are others, which miss other images; the image is looked at all the same.
    (state.strategies.a, state.strategies.b) = (1, 2);
    let session = state.session.clone().unwrap();
    state.images.refresh(&session, &state.strategies);
    assert_eq!((state.images.current(), state.images.inspecting), (Some(3), true));
    assert!(drawn(&state, COLORED).contains("not one of the 1"), "{}", drawn(&state, COLORED));
    press(&mut state, "n");
    assert_eq!(state.images.current(), Some(2));
    press(&mut state, "Esc");
    assert_eq!(summary(&state).split(": ").nth(1).unwrap(), "missed by A or B");
}

#[test]
fn flips_that_change_leave_the_cursor_on_their_image() {
    let mut state = opened(80, 24);
    press(&mut state, "5");
    let flip = |image: usize| ChangedPrediction { image, before: 0, after: 3 };
    let changed = |state: &State, images: &[usize]| {
        let mut now = editor_of(state, 1);
        now.flips = Arc::new(images.iter().map(|&image| flip(image)).collect());
        (now.trail, now.is_changed) = (vec!["a change".into()], true);
        Event::Editor(EditorNotice::Changed(Box::new(now)))
    };
    let event = changed(&state, &[1, 5, 9, 10]);
    update(&mut state, event);
    press(&mut state, "f n");
    let image = state.images.current().unwrap();
    for images in [vec![1, 5, 9, 10, 11], vec![0, image], vec![image, 11]] {
        let event = changed(&state, &images);
        update(&mut state, event);
        assert_eq!(state.images.current(), Some(image), "among {images:?}");
    }
    press(&mut state, "Enter");
    let event = changed(&state, &[2, 11]);
    update(&mut state, event);
    assert_eq!((state.images.current(), state.place()), (Some(image), Context::Inspector));
}

#[test]
fn a_form_takes_only_what_it_asked_for() {
    let sets = || Event::PromptSets { names: vec!["a@1".into()], problem: None };
    let overlay = |state: &State| state.overlay.clone();
    // Nobody waits for it any more.
    let mut state = opened(80, 24);
    press(&mut state, "a Esc");
    update(&mut state, sets());
    assert_eq!(overlay(&state), None);
    press(&mut state, "5 m x");
    let before = overlay(&state);
    update(&mut state, sets());
    update(&mut state, Event::Refused("there is no folder".into()));
    assert_eq!(overlay(&state), before);
    // It comes twice.
    press(&mut state, "Esc 1 a Esc a");
    update(&mut state, sets());
    let before = overlay(&state);
    update(&mut state, sets());
    assert_eq!(overlay(&state), before);
    // The path is another one, or its cursor stands elsewhere.
    for keys in ["/ d", "/ d Tab x", "/ d Tab Left", "/ d Tab Esc Enter / d"] {
        let mut state = opened(80, 24);
        press(&mut state, &format!("O G Enter {keys}"));
        let before = overlay(&state);
        let (text, completions) = ("/data/".to_owned(), vec!["/data/".to_owned()]);
        update(&mut state, Event::Completed { row: 0, before: "/d".into(), text, completions });
        let text = |overlay: Option<Overlay>| match overlay {
            Some(Overlay::Form(form)) => (form.rows, form.completions),
            other => panic!("{other:?}"),
        };
        assert_eq!(text(overlay(&state)), text(before), "after {keys:?}");
    }
}

#[test]
fn a_text_for_prompts_that_are_others_now_is_kept_as_a_message() {
    for (what, change) in [
        (
            "the strategy's prompts",
            (|session: &mut Session| {
                let strategy = &mut session.strategies[0];
                strategy.prompts = prompts_of(&session.classes, "others").into();
            }) as fn(&mut Session),
        ),
        ("the strategies", |session| session.strategies.swap(0, 1)),
        ("the classes", |session| session.classes.swap(0, 1)),
        ("the images", |session| session.dataset_fingerprint = [7; 32].into()),
    ] {
        let mut state = opened(80, 24);
        press(&mut state, "5 j a f r o g");
        let mut other = session();
        change(&mut other);
        update(&mut state, Event::Opened(Arc::new(other), None));
        assert_eq!((state.typing.as_ref(), state.screen), (None, Screen::Prompts), "{what}");
        assert!(
            state.messages.iter().any(|message| message.contains("\"frog\"")),
            "{what}: {:?}",
            state.messages
        );
    }
    // An editor that fails says what it did not do.
    let mut state = opened(80, 24);
    update(&mut state, Event::Key(key("5")));
    press(&mut state, "a f r o g Enter");
    update(&mut state, Event::Editor(EditorNotice::Failed("the images changed".into())));
    assert!(state.notice.as_deref().unwrap().contains("the images changed"));
    assert!(state.messages.iter().any(|message| message.contains("\"frog\"")), "{:?}", state.messages);
    // And is tried again.
    assert_eq!(deeds(press(&mut state, "Space"))[0], Effect::OpenEditor(0));
}

#[test]
fn what_was_explained_stays_when_the_analysis_fails_or_a_session_comes() {
    for (keys, shown) in
        [("4 n Enter x j", "why B cupl sees"), ("p", "off by (ECE)"), ("c", "top-1 by prompts a class")]
    {
        for event in [
            Event::Analysis(AnalysisNotice::Failed("gone".into())),
            Event::Opened(Arc::new(with_one_more()), None),
            Event::Opened(Arc::new(controlled(0)), None),
        ] {
            let mut state = stand(keys);
            let effects = update(&mut state, event);
            assert!(drawn(&state, COLORED).contains(shown), "{keys}");
            assert!(!deeds(effects).iter().any(|effect| matches!(effect, Effect::AskAnalysis(_))), "{keys}");
        }
    }
    // What has not come is asked for again.
    let mut state = opened(80, 24);
    press(&mut state, "4 n Enter");
    update(&mut state, Event::Key(key("x")));
    let effects = deeds(update(&mut state, Event::Opened(Arc::new(with_one_more()), None)));
    let asked = AnalysisRequest::Explain { image: 3, strategies: vec![0, 1] };
    assert_eq!(effects, [Effect::AskAnalysis(asked)]);
}

#[test]
fn the_mouse_means_only_what_is_drawn() {
    let mut state = opened(80, 24);
    press(&mut state, "O");
    update(&mut state, Event::Click(Position::new(18, 1)));
    assert_eq!(state.screen, Screen::Opening);
    press(&mut state, "Esc");
    update(&mut state, Event::Resize(Size::new(39, 11)));
    update(&mut state, Event::Click(Position::new(18, 1)));
    assert_eq!(state.screen, Screen::Strategies);
    // While something is typed, the wheel turns nothing.
    let mut state = opened(80, 24);
    press(&mut state, "5 a x");
    let before = bearings(&state);
    update(&mut state, Event::Wheel(1));
    assert_eq!(bearings(&state), before);
}

#[test]
fn a_hub_that_is_asked_is_named() {
    let mut state = waiting(80, 24);
    update(&mut state, Event::Asking("hub.example".into()));
    looks_like("waiting-asking", drawn(&state, COLORED));
    assert!(state.job.is_running());
    assert_eq!(press(&mut state, "x"), [Effect::StopSession]);
    update(&mut state, Event::Asking("hub.example".into()));
    assert_eq!(state.job, Job::Stopping);
}

#[test]
fn keys_that_stop_or_go_back_do_what_their_hints_say() {
    for (name, keys) in SCREENS {
        let mut state = opened(80, 24);
        press(&mut state, keys);
        for (action, key) in [(Action::Back, "Esc"), (Action::Cancel, "x")] {
            let binding = BINDINGS.iter().find(|binding| binding.action == action).unwrap();
            if !binding.works_in(state.context()) {
                continue;
            }
            let (can, before) = (state.can(action), bearings(&state));
            let effects = deeds(update(&mut state, Event::Key(super::key(key))));
            let did = !effects.is_empty() || bearings(&state) != before;
            assert_eq!(did, can, "{key} on {name}");
        }
    }
}
