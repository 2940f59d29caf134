//! What was made stays: strategies that were added, changes that were not saved, whatever way out is taken.

use super::*;
use crate::workbench::{Experiment, PromptSetChoice, StrategyChoice};

/// Two changes of a strategy's prompts, the last of which cannot be done any more.
fn draft(strategy: &str) -> Draft {
    let changes = serde_json::json!([
        { "add": { "class": "cat", "text": "a cat on a roof." } },
        { "toggle": { "class": "cat", "prompt": 0, "text": format!("{strategy}: a cat, seen 1 times.") } },
        { "replace": { "class": "frog", "prompt": 2, "loaded": "was never there", "text": "a frog on a leaf." } },
    ]);
    serde_json::from_value(serde_json::json!({ "strategy": strategy, "changes": changes })).unwrap()
}

/// The draft that an effect keeps, if it keeps one.
fn kept(effects: &[Effect]) -> Option<Option<Draft>> {
    effects.iter().find_map(|effect| match effect {
        Effect::KeepDraft(draft) => Some(draft.as_deref().cloned()),
        _ => None,
    })
}

/// What the editor answers, with these prompts of a class.
fn changed(state: &State, class: usize, prompts: Vec<EditedPrompt>) -> Event {
    let mut now = editor_of(state, 1);
    now.prompts[class] = Arc::new(prompts);
    (now.trail, now.is_changed) = (vec!["a change".into()], true);
    Event::Editor(EditorNotice::Changed(Box::new(now)))
}

#[test]
fn changes_of_prompts_are_kept_as_they_are_made_and_done_again() {
    let mut state = opened(100, 30);
    press(&mut state, "5 l");
    let mut prompts = editor_of(&state, 1).prompts[0].to_vec();
    prompts[1].enabled = false;
    let loaded = std::mem::replace(&mut prompts[2].text, "a cat on a sofa.".into());
    prompts[2].origin = PromptOrigin::Edited { loaded };
    let (text, origin) = ("a cat at night.".to_owned(), PromptOrigin::Added);
    prompts.push(EditedPrompt { text, enabled: true, origin });
    let effects = {
        let event = changed(&state, 0, prompts);
        update(&mut state, event)
    };
    let draft = kept(&effects).unwrap().unwrap();

    // The next day, in another order: what is shown is the strategy with the changes.
    let text = serde_json::to_string(&draft).unwrap();
    let mut next = opened(100, 30);
    press(&mut next, "j");
    update(&mut next, Event::DraftFound(serde_json::from_str(&text).unwrap()));
    assert!(next.notice.as_deref().unwrap().contains("3 changes of the prompts of cupl"));
    let effects = press(&mut next, "5");
    assert!(effects.contains(&Effect::OpenEditor(1)));
    let asked: Vec<&Edit> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::AskEditor(EditorRequest::Apply(edit)) => Some(edit),
            _ => None,
        })
        .collect();
    let edits = [
        Edit::Replace { class: 0, prompt: 2, text: "a cat on a sofa.".into() },
        Edit::Add { class: 0, text: "a cat at night.".into() },
        Edit::Toggle { class: 0, prompt: 1 },
    ];
    assert_eq!(asked, edits.iter().collect::<Vec<_>>());
    assert!(next.draft.is_none());

    // Where the prompts are looked at already, their editor does them.
    let mut looks = opened(100, 30);
    press(&mut looks, "5");
    let effects = update(&mut looks, Event::DraftFound(draft));
    assert_eq!(
        effects.iter().filter(|effect| matches!(effect, Effect::AskEditor(EditorRequest::Apply(_)))).count(),
        3
    );
    assert!(effects.iter().all(|effect| !matches!(effect, Effect::OpenEditor(_))));

    // Nothing is changed any more: nothing is kept.
    let now = Box::new(editor_of(&state, 1));
    assert_eq!(kept(&update(&mut state, Event::Editor(EditorNotice::Changed(now)))), Some(None));
}

#[test]
fn what_cannot_be_done_again_is_told() {
    let mut state = opened(100, 30);
    update(&mut state, Event::DraftFound(draft("cupl")));
    let effects = press(&mut state, "5");
    let count = effects.iter().filter(|effect| matches!(effect, Effect::AskEditor(EditorRequest::Apply(_))));
    assert_eq!(count.count(), 2);
    assert!(state.messages.iter().any(|message| message.ends_with("frog: a frog on a leaf.")));
    // A strategy that is not here keeps its draft, and says so.
    let mut other = opened(100, 30);
    update(&mut other, Event::DraftFound(draft("gone")));
    assert!(other.messages.last().unwrap().contains("\"gone\" were not saved"));
    assert!(press(&mut other, "5").iter().all(|effect| !matches!(effect, Effect::KeepDraft(_))));
}

/// A place to leave from: nothing to lose, changes that are kept, changes that are not, a job.
fn place_to_leave(what: &str) -> State {
    let mut state = opened(100, 30);
    state.opening.recents =
        vec![Recent { name: "pets".into(), origin: crate::workbench::Origin::File("/x".into()) }];
    match what {
        "nothing" => {}
        "a job" => state.begin_session(),
        _ => {
            press(&mut state, "5");
            let mut prompts = editor_of(&state, 1).prompts[0].to_vec();
            prompts[1].enabled = false;
            let event = changed(&state, 0, prompts);
            update(&mut state, event);
            press(&mut state, "1");
        }
    }
    if what == "lost changes" {
        update(&mut state, Event::DraftUnkept("the disk is full".into()));
    }
    state
}

#[test]
fn every_way_out_asks_where_something_would_be_lost() {
    let open = Effect::OpenExperiment(Wanted::Recent(0));
    for (what, way, asks, answer, leaves) in [
        ("nothing", "q", false, "", Effect::Quit),
        ("changes", "q", true, "q", Effect::Quit),
        ("changes", "q", true, "y", Effect::Quit),
        ("lost changes", "q", true, "q", Effect::Quit),
        ("a job", "q", true, "q", Effect::Quit),
        ("nothing", "O Enter", false, "", open.clone()),
        // They are there again when this experiment is.
        ("changes", "O Enter", false, "", open.clone()),
        ("lost changes", "O Enter", true, "y", open.clone()),
        ("a job", "O Enter", true, "Enter", open.clone()),
        ("a job", ": o p e n Space o t h e r Enter Enter", true, "y", open),
    ] {
        let mut state = place_to_leave(what);
        let mut effects = deeds(press(&mut state, way));
        assert_eq!(effects.is_empty(), asks, "{what}, {way}: {effects:?}");
        if asks {
            // Esc stays, with everything as it was.
            let mut stays = place_to_leave(what);
            assert_eq!(deeds(press(&mut stays, &format!("{way} Esc"))), [], "{what}, {way}");
            assert!(stays.overlay.is_none() && stays.session.is_some());
            effects = deeds(press(&mut state, answer));
        }
        assert_eq!(effects, [leaves], "{what}, {way}");
    }
    // A hang-up does not ask: drafts were kept when they were made.
    assert_eq!(update(&mut place_to_leave("changes"), Event::Terminate), [Effect::QuitNow]);
    let mut state = place_to_leave("lost changes");
    press(&mut state, "q");
    looks_like("leaving-lost-changes", drawn(&state, COLORED));
}

#[test]
fn what_cannot_be_opened_leads_back() {
    let mut state = opened(80, 24);
    let problem = || Problem { message: "there is no folder /x".into(), remedy: None };
    let replaced = || Event::Replaced { name: "birds".into(), back_to: Some("pond".into()) };
    update(&mut state, replaced());
    update(&mut state, Event::Failed(problem()));
    looks_like("opening-failed", drawn(&state, COLORED));
    assert_eq!(press(&mut state, "Esc"), [Effect::OpenBefore]);
    update(&mut state, replaced());
    press(&mut state, "x");
    update(&mut state, Event::Stopped);
    assert_eq!(press(&mut state, "Esc"), [Effect::OpenBefore]);
    update(&mut state, Event::Opened(Arc::new(session()), None));
    assert_eq!(summary(&state), "A templates B cupl: strategies at cupl");
    // With nothing before it there is nowhere to go.
    let mut first = waiting(80, 24);
    update(&mut first, Event::Failed(problem()));
    assert_eq!(press(&mut first, "Esc"), []);
    assert!(drawn(&first, COLORED).contains("O open other"));
}

fn added(name: &str) -> StrategyChoice {
    StrategyChoice {
        name: name.into(),
        prompt_sets: vec![PromptSetChoice::Stored { name: "mine".into(), version: Some("12".into()) }],
        aggregation: Aggregation::Max,
        aggregates_as_dclip: false,
        added: true,
    }
}

#[test]
fn strategies_that_were_added_are_there_the_next_time() {
    let mut experiment = Experiment::demo().unwrap();
    experiment.strategies.push(added("mine"));
    let left = Remembered::from_state(&opened(80, 24)).unwrap().with_added(&experiment);
    let left: Remembered = serde_json::from_str(&serde_json::to_string(&left).unwrap()).unwrap();
    let mut next = Experiment::demo().unwrap();
    left.restore_experiment(&mut next);
    assert_eq!(next.strategies, experiment.strategies);
    // One that the file has by now is the file's.
    let mut written = Experiment::demo().unwrap();
    written.strategies.push(StrategyChoice { added: false, ..added("mine") });
    let as_written = written.clone();
    left.restore_experiment(&mut written);
    assert_eq!(written.strategies, as_written.strategies);
}

#[test]
fn what_was_added_can_be_taken_away_again() {
    let mut state = opened_with(with_one_more(), 100, 30);
    press(&mut state, "G");
    // The experiment's own stay.
    assert_eq!(deeds(press(&mut state, "D")), []);
    assert!(state.notice.as_deref().unwrap().contains("the experiment's own"));
    update(
        &mut state,
        Event::OpenedFrom(OpenedFrom { added: vec!["added".into()], ..OpenedFrom::default() }),
    );
    press(&mut state, "b");
    assert_eq!(deeds(press(&mut state, "D")), [Effect::RemoveStrategy("added".into())]);
    assert_eq!(deeds(press(&mut state, "D")), [], "while it is being taken away");
    update(&mut state, Event::Opened(Arc::new(session()), None));
    assert_eq!(state.strategies.shown.len(), 3);
    assert!(state.strategies.a < 3 && state.strategies.b < 3 && state.strategies.selected < 3);
    drawn(&state, COLORED);
    press(&mut state, "2 3 4 5 1 j k");
    // Changes of prompts come first.
    let mut state = place_to_leave("changes");
    update(&mut state, Event::OpenedFrom(OpenedFrom { added: vec!["cupl".into()], ..OpenedFrom::default() }));
    assert_eq!(deeds(press(&mut state, "D")), []);
}

#[test]
fn commands_say_all_that_decides_their_numbers() {
    let origin = crate::workbench::Origin::File("/my data/pond.toml".into());
    let mut experiment = Experiment::demo().unwrap();
    let from = OpenedFrom::new(&origin, &experiment, None);
    assert_eq!(
        from.prune_command("cupl").unwrap(),
        "cupl-tui prompts prune '/my data/pond.toml' --strategy cupl"
    );
    experiment.precision = crate::workbench::Precision::Int8;
    experiment.strategies.push(added("it's mine"));
    let from = OpenedFrom::new(&origin, &experiment, Some("/s".as_ref()));
    let report = "cupl-tui report '/my data/pond.toml' --precision int8 --store /s --a templates --b cupl";
    assert_eq!(from.report_command("templates", "cupl"), report);
    // No command knows what stands in no file.
    assert_eq!(from.prune_command("it's mine"), None);
    let report = from.report_command("templates", "it's mine");
    assert!(
        report.ends_with(" # once the workbench has written it's mine into the experiment's file"),
        "{report}"
    );
    assert_eq!(
        OpenedFrom::new(&crate::workbench::Origin::Demo, &Experiment::demo().unwrap(), None).arguments,
        ""
    );
}

#[test]
fn a_change_of_the_file_is_shown_before_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pond.toml");
    std::fs::write(&path, include_str!("../../../experiments/demo.toml")).unwrap();
    let mut state = opened(80, 24);
    assert_eq!(deeds(press(&mut state, "W")), []);
    assert!(state.notice.as_deref().unwrap().contains("in the experiment already"));
    let from = OpenedFrom {
        file: Some("/data/pond.toml".into()),
        added: vec!["mine".into()],
        ..OpenedFrom::default()
    };
    update(&mut state, Event::OpenedFrom(from.clone()));
    assert_eq!(deeds(press(&mut state, "W")), [Effect::ShowFileChange]);
    let change = FileChange::adding(&path, &[&added("mine")]).unwrap();
    update(&mut state, Event::FileChange(change.clone()));
    let shown = drawn(&state, COLORED);
    assert!(shown.contains("+ name = \"mine\"") && shown.contains("+ stored = [\"mine@12\"]"), "{shown}");
    assert_eq!(deeds(press(&mut state, "j k Esc")), []);
    assert_eq!(state.overlay, None);
    update(&mut state, Event::FileChange(change.clone()));
    assert_eq!(deeds(press(&mut state, "y")), [Effect::WriteFileChange(Box::new(change))]);
    // Without a file, one is made.
    update(&mut state, Event::OpenedFrom(OpenedFrom { file: None, ..from }));
    assert_eq!(deeds(press(&mut state, "W Enter")), [Effect::SaveExperiment("pond.toml".into())]);
}

#[test]
fn files_are_written_by_commands_with_and_without_their_names() {
    let mut state = opened(80, 24);
    let typed = |text: &str| {
        text.chars()
            .map(|c| if c == ' ' { "Space".into() } else { c.to_string() })
            .collect::<Vec<_>>()
            .join(" ")
    };
    let mut run = |text: &str, keys: &str| deeds(press(&mut state, &format!(": {} {keys}", typed(text))));
    assert_eq!(run("report a.html", "Enter"), [Effect::Report { path: "a.html".into(), a: 0, b: 1 }]);
    assert_eq!(run("report", "Enter Enter"), [Effect::Report { path: "report.html".into(), a: 0, b: 1 }]);
    assert_eq!(run("save-experiment /x/y.toml", "Enter"), [Effect::SaveExperiment("/x/y.toml".into())]);
    let classifier = Effect::ExportClassifier { strategy: 1, path: "cupl.safetensors".into() };
    assert_eq!(run("export", "Enter Enter"), [classifier]);
}

#[test]
fn esc_takes_a_filter_away_before_it_leaves() {
    for keys in ["2 / f r o Enter", "3 / f r o Enter", "4 / f r o g Enter"] {
        let mut state = opened(100, 30);
        press(&mut state, keys);
        assert!(drawn(&state, COLORED).contains("with \"fro"), "{keys}");
        let screen = state.screen;
        press(&mut state, "Esc");
        assert!(!drawn(&state, COLORED).contains("with \"fro"), "{keys}");
        assert_eq!(state.screen, screen);
    }
}

#[test]
fn a_name_that_is_refused_stays_and_says_why() {
    let mut state = opened(80, 24);
    press(&mut state, "5");
    let prompts = editor_of(&state, 1).prompts[0].to_vec();
    let event = changed(&state, 0, prompts);
    update(&mut state, event);
    assert_eq!(deeds(press(&mut state, "w a @ b Enter")), []);
    let shown = drawn(&state, COLORED);
    assert!(shown.contains("save as a@b") && shown.contains("cannot be saved"), "{shown}");
    assert_eq!(deeds(press(&mut state, "Ctrl-u Enter")), []);
    assert!(drawn(&state, COLORED).contains("needs a name"));
    assert_eq!(deeds(press(&mut state, "o k Enter")), [Effect::AskEditor(EditorRequest::Save("ok".into()))]);
}

#[test]
fn what_runs_is_stopped_from_wherever_it_is_shown() {
    for keys in ["1", "1 c", "2", "2 Enter", "3", "3 v", "4", "5", "6", "7"] {
        let mut state = opened(100, 30);
        press(&mut state, keys);
        state.begin_session();
        assert_eq!(deeds(press(&mut state, "x")), [Effect::StopSession], "{keys}");
        assert_eq!(state.job, Job::Stopping);
        assert_eq!(deeds(press(&mut state, "x")).len(), 1, "{keys}: it is asked again");
    }
}

#[test]
fn screens_that_wait_say_for_what() {
    for key in ["2", "4", "7", "w", "b"] {
        let mut state = waiting(80, 24);
        assert_eq!(press(&mut state, key), []);
        assert!(
            state.notice.as_deref().is_some_and(|notice| notice.contains("on their way; x stops it")),
            "{key}"
        );
    }
    let mut state = waiting(80, 24);
    press(&mut state, "Z");
    assert_eq!(state.notice, None, "a key that means nothing");
    // The stage that is over is told, and what comes after it.
    let prompts = Progress { stage: Stage::Prompts, ..progress() };
    update(&mut state, Event::Progress(prompts));
    assert!(drawn(&state, COLORED).contains("then the images"));
    update(&mut state, Event::Progress(progress()));
    assert!(drawn(&state, COLORED).contains("before: embedding prompts"));
}
