//! Experiments opened, their jobs, and what can go wrong with them.

use super::*;

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
    looks_like("strategy-pending", drawn(&state, COLORED));
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
    press(&mut state, "j Enter");
    looks_like("form-files", drawn(&state, COLORED));
    // Nothing is looked at before it is said what.
    assert_eq!(deeds(press(&mut state, "Enter")), []);
    looks_like("form-files-empty", drawn(&state, COLORED));
    assert_eq!(deeds(press(&mut state, "p Tab")), [Effect::Complete { row: 0, text: "p".into() }]);
    let completed = |before: &str| Event::Completed {
        row: 0,
        before: before.into(),
        text: "pets/".into(),
        completions: vec!["pets/".into()],
    };
    update(&mut state, completed("out of date"));
    update(&mut state, completed("p"));
    // Once more goes on to the next row, since there is nothing more to complete.
    assert_eq!(deeds(press(&mut state, "Tab")), [Effect::Complete { row: 0, text: "pets/".into() }]);
    update(&mut state, completed("pets/"));
    let effects = deeds(press(&mut state, "c Enter"));
    let [Effect::CheckFiles(flags)] = &effects[..] else { panic!("{effects:?}") };
    let flags = flags.clone();
    assert_eq!(flags.images.as_deref(), Some("pets/".as_ref()));
    assert_eq!(flags.checkpoint.as_deref(), Some("c".as_ref()));
    assert_eq!(flags.templates, None);
    // Errors stand beside their rows, all at once; what was typed stays, and so does the session.
    let problems = vec![
        (ExperimentPart::Checkpoint, "there is no folder c".to_owned()),
        (ExperimentPart::Strategy("cupl".into()), "no prompts for cat".to_owned()),
        (ExperimentPart::Strategy("both".into()), "no prompts for cat".to_owned()),
    ];
    update(&mut state, Event::FilesChecked { flags: flags.clone(), problems });
    looks_like("form-files-problems", drawn(&state, COLORED));
    assert!(state.session.is_some());
    press(&mut state, "Esc");
    assert_eq!(state.overlay, None);
    // An answer to a form that is closed opens nothing.
    let good = || Event::FilesChecked { flags: flags.clone(), problems: Vec::new() };
    assert_eq!(update(&mut state, good()), []);
    // It comes back filled.
    press(&mut state, "Enter");
    assert!(drawn(&state, COLORED).contains("pets/"));
    assert_eq!(deeds(press(&mut state, "Enter")), [Effect::CheckFiles(flags.clone())]);
    let effects = update(&mut state, good());
    assert_eq!(deeds(effects), [Effect::OpenExperiment(Wanted::Files(flags.clone()))]);
    // Where a job runs, it is asked first; what stands in the form stays.
    state.begin_session();
    press(&mut state, "Enter Enter");
    assert_eq!(deeds(update(&mut state, good())), []);
    assert!(drawn(&state, COLORED).contains("A job is running"));
    assert_eq!(deeds(press(&mut state, "y")), [Effect::OpenExperiment(Wanted::Files(flags.clone()))]);
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
pub(super) fn absent_checkpoint() -> Problem {
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
    looks_like("absent-checkpoint", drawn(&state, COLORED));
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
    looks_like("pulling", drawn(&state, COLORED));
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
    looks_like("absent-checkpoint-60x20", drawn(&state, COLORED));
    assert_eq!(press(&mut state, "n"), []);
    assert_eq!(state.place(), Context::Opening);
    press(&mut state, "Esc");
    assert_eq!(state.place(), Context::AbsentCheckpoint);
    assert_eq!(press(&mut state, "O j Enter"), []);
    assert_eq!(press(&mut state, "Esc k Enter"), [Effect::OpenExperiment(Wanted::Demo)]);
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
    looks_like("controls", drawn(&state, COLORED));
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
    assert_eq!(state.screen, crate::tui::state::Screen::Classes);
    press(&mut state, "Esc");

    // More for another strategy, then none for the first.
    assert_eq!(press(&mut state, "j w"), [Effect::SetControls(vec!["cupl".into(), "both".into()])]);
    let mut both = controlled(1);
    both.controls.push(test_session::controls(&both, 2));
    update(&mut state, Event::Opened(Arc::new(both), None));
    let left = Remembered::from_state(&state).unwrap();
    let mut experiment = crate::workbench::Experiment::demo().unwrap();
    left.restore_experiment(&mut experiment);
    assert_eq!(experiment.controls, ["cupl", "both"]);
    // The lower controls are in view with their strategy.
    looks_like("controls-of-two", drawn(&state, PLAIN));
    assert_eq!(press(&mut state, "k w"), [Effect::SetControls(vec!["both".into()])]);
    assert!(!drawn(&state, COLORED).contains("controls of"));
}

#[test]
fn waiting_looks_like_this() {
    let mut state = waiting(80, 24);
    looks_like("waiting-opening", drawn(&state, COLORED));
    update(&mut state, Event::Progress(progress()));
    looks_like("waiting-progress", drawn(&state, COLORED));
    update(&mut state, Event::FirstFigures(first_figures()));
    looks_like("waiting-first-figures", drawn(&state, COLORED));
    press(&mut state, "q");
    looks_like("waiting-leaving", drawn(&state, COLORED));
    press(&mut state, "Esc");
    update(&mut state, Event::Stopped);
    looks_like("waiting-stopped", drawn(&state, COLORED));
    let message = "the store /data/cupl-tui is in use by process 1234.\nClose it there.".to_owned();
    update(&mut state, Event::Failed(Problem { message, remedy: Some(Remedy::MemoryStore) }));
    looks_like("waiting-store", drawn(&state, COLORED));
    let mut state = opened(80, 24);
    state.begin_session();
    update(&mut state, Event::Progress(progress()));
    press(&mut state, "6");
    looks_like("jobs-running", drawn(&state, COLORED));
}
