//! What keys and the mouse do.

use super::*;

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
    update(&mut state, Event::Paste("/data/pets\n".into()));
    press(&mut state, "Down m");
    let effects = deeds(press(&mut state, "Enter"));
    let [Effect::CheckFiles(flags)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(flags.images.as_deref(), Some("/data/pets".as_ref()));
}

#[test]
fn quitting_asks_only_while_a_job_runs() {
    assert_eq!(press(&mut opened(80, 24), "q"), [Effect::Quit]);
    let mut running = waiting(80, 24);
    assert_eq!(press(&mut running, "q"), []);
    assert_eq!(running.overlay, Some(Overlay::Leaving(Exit::Quit)));
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
fn hints_are_true() {
    for (_, keys) in SCREENS {
        let mut state = opened(250, 24);
        press(&mut state, keys);
        let screen = drawn(&state, COLORED);
        let hints = format!("{} ", screen.lines().last().unwrap());
        for binding in BINDINGS.iter().filter(|binding| !binding.hint.is_empty()) {
            let hint = format!(" {} {} ", binding.keys[0], binding.hint);
            let same = |other: &&crate::tui::actions::Binding| {
                other.keys.first() == binding.keys.first() && other.hint == binding.hint
            };
            let works = BINDINGS
                .iter()
                .filter(same)
                .any(|other| other.works_in(state.context()) && state.can(other.action));
            assert_eq!(hints.contains(&hint), works, "{hint:?} in {hints:?}");
        }
    }
}
