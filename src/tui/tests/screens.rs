//! What the screens look like, in every size.

use super::*;

#[test]
fn controls_fit_on_every_screen() {
    for (name, width, height) in
        [("controls-160x50", 160, 50), ("controls-60x20", 60, 20), ("controls-40x12", 40, 12)]
    {
        let state = opened_with(controlled(0), width, height);
        looks_like(name, drawn(&state, COLORED));
    }
}

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
            looks_like(format!("{name}-{size}"), drawn(&state, theme));
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
        looks_like(name, drawn(&state, COLORED));
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
        looks_like(name, drawn(&state, COLORED));
    }
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
    for problem in
        [Problem { message: "no".into(), remedy: Some(Remedy::MemoryStore) }, opening::absent_checkpoint()]
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
    looks_like("problem-scrolled", drawn(&state, COLORED));
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
                Some(binding) => drop(press(&mut state, binding.keys.first().unwrap_or(&""))),
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
