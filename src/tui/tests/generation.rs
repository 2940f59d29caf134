//! Prompts by a language model: how a generation begins, stops and ends, what is said of it, and what comes back.

use super::super::state::form::Row;
use super::super::state::unfinished::{GenerationStage, RememberedGeneration};
use super::*;
use crate::workbench::generation::{
    GenerationCost, GenerationSettings, LlmPromptsChoice, MoreSentences, Retry,
};

const ERROR: &str = "http://localhost/v1 answers 401: wrong key; it does not take the key of OPENAI_API_KEY";

fn says(state: &mut State, notice: GenerationJobNotice) -> Vec<Effect> {
    deeds(update(state, Event::Generation(notice)))
}

fn pressed(state: &mut State, name: &str) -> Vec<Effect> {
    deeds(update(state, Event::Key(key(name))))
}

/// Classes without a sentence.
fn none_yet() -> Vec<GeneratedClass> {
    (0..4).map(|_| GeneratedClass { wanted: 5, ..GeneratedClass::default() }).collect()
}

/// Classes of which nothing more is asked, all with what is wanted or some with less.
fn ended(is_full: bool) -> Vec<GeneratedClass> {
    let class = |class: usize| {
        let all = generated_class(class);
        let wanted = if is_full { all.n_accepted() } else { all.wanted };
        GeneratedClass { wanted, is_done: true, problem: None, ..all }
    };
    (0..4).map(class).collect()
}

fn opened_with_classes(classes: Vec<GeneratedClass>) -> GenerationJobNotice {
    GenerationJobNotice::Opened(Box::new(generation_plan("generated")), classes)
}

fn changed(answers: usize, retry: Option<Retry>) -> GenerationJobNotice {
    let pace = Pace { answers, ..Pace::default() };
    GenerationJobNotice::Changed(Box::new(GenerationNotice {
        class: 1,
        now: generated_class(1),
        pace,
        retry,
    }))
}

fn retry(seconds: u64) -> Retry {
    Retry { attempt: 3, attempts: 6, seconds, said: "429: slow down".to_owned() }
}

fn saved() -> GenerationJobNotice {
    let (name, version) = ("generated".to_owned(), "0123456789ab".to_owned());
    GenerationJobNotice::Saved(SavedPrompts { name, version, notes: Vec::new() })
}

/// A generation in one of its states, on its page.
fn generation(how: &str) -> State {
    let mut state = opened(80, 24);
    press(&mut state, "5 m Down t i n y");
    pressed(&mut state, "Enter");
    let notices = match how {
        "opening" => vec![],
        "closed" => {
            pressed(&mut state, "x");
            vec![]
        }
        "asking" => vec![opened_with_classes(none_yet()), GenerationJobNotice::Running],
        "waiting" => {
            vec![opened_with_classes(none_yet()), GenerationJobNotice::Running, changed(0, Some(retry(20)))]
        }
        "refused" => vec![GenerationJobNotice::Failed(ERROR.to_owned())],
        "done" => vec![
            opened_with_classes(ended(true)),
            GenerationJobNotice::Running,
            GenerationJobNotice::Done(None),
        ],
        "short" => vec![
            opened_with_classes(ended(false)),
            GenerationJobNotice::Running,
            GenerationJobNotice::Done(None),
        ],
        _ => vec![opened_with_classes(none_yet()), GenerationJobNotice::Running, changed(3, None)],
    };
    notices.into_iter().for_each(|notice| drop(says(&mut state, notice)));
    match how {
        "stopping" => drop(pressed(&mut state, "x")),
        "stopped" => {
            pressed(&mut state, "x");
            says(&mut state, GenerationJobNotice::Stopped);
        }
        "broken" => drop(says(&mut state, GenerationJobNotice::Broken(ERROR.to_owned()))),
        _ => {}
    }
    state
}

/// How a generation stands: what its page says in the heading, its job, what is remembered, and what is in front.
fn standing(state: &State) -> String {
    let screen = match &state.overlay {
        Some(Overlay::Form(form)) => format!("form of {}", form.text(1)),
        Some(overlay) => format!("{overlay:?}"),
        None => format!("{:?}", state.place()),
    };
    let mut page = state.size;
    page.width = 160;
    let mut alone = opened(page.width, page.height);
    press(&mut alone, "5");
    alone.generation.clone_from(&state.generation);
    let drawn = drawn(&alone, COLORED);
    let heading = drawn.lines().find_map(|line| line.split_once(" sentences (")).map(|(_, words)| words);
    let heading = heading.and_then(|words| words.split(')').next()).unwrap_or("no page");
    let job = match &state.jobs.entries.last().unwrap().job {
        Job::Failed(problem) => format!("failed: {}", &problem.message[..30]),
        Job::Ended(why) => why.clone(),
        job => format!("{job:?}").to_lowercase(),
    };
    let stage = state.unfinished.as_ref().map(|remembered| remembered.stage);
    format!("{heading} | {job} | {stage:?} | {screen}")
}

fn effect_words(effects: &[Effect]) -> String {
    let words = |effect: &Effect| match effect {
        Effect::AskGeneration(request) => format!("{request:?}"),
        Effect::Generate { name, .. } => format!("generate {name}"),
        Effect::AddStrategy(new) => format!("add {}", new.name),
        effect => format!("{effect:?}"),
    };
    effects.iter().map(words).collect::<Vec<_>>().join(", ")
}

/// What happens to a generation.
enum Happens {
    Key(&'static str),
    Says(GenerationJobNotice),
}

#[test]
fn a_generation_goes_from_state_to_state() {
    use Happens::{Key, Says};
    let error = || ERROR.to_owned();
    let failed = "failed: http://localhost/v1 answers 40";
    for (from, happens, to, effects) in [
        // While the model is opened.
        (
            "opening",
            Key("x"),
            "stopped by you | stopped | Some(Unfinished) | Generation".to_owned(),
            "CloseGeneration",
        ),
        (
            "opening",
            Says(GenerationJobNotice::Failed(error())),
            format!("stopped by an error | {failed} | Some(Refused) | form of tiny"),
            "Remember",
        ),
        (
            "opening",
            Says(opened_with_classes(none_yet())),
            "the model is opened | running(none) | Some(Unfinished) | Generation".to_owned(),
            "",
        ),
        (
            "closed",
            Key("r"),
            "the model is opened | running(none) | Some(Unfinished) | Generation".to_owned(),
            "Remember, generate generated",
        ),
        ("closed", Key("m"), "stopped by you | stopped | Some(Unfinished) | form of tiny".to_owned(), ""),
        // Before the first answer.
        ("asking", Key("x"), "stopping | stopping | Some(Unfinished) | Generation".to_owned(), "Stop"),
        (
            "asking",
            Says(GenerationJobNotice::Broken(error())),
            format!("stopped by an error | {failed} | Some(Refused) | form of tiny"),
            "Remember",
        ),
        ("waiting", Key("x"), "stopping | stopping | Some(Unfinished) | Generation".to_owned(), "Stop"),
        (
            "waiting",
            Says(GenerationJobNotice::Stopped),
            "stopped by you | stopped | Some(Unfinished) | Generation".to_owned(),
            "",
        ),
        ("refused", Key("r"), format!("stopped by an error | {failed} | Some(Refused) | form of tinyr"), ""),
        ("refused", Key("Esc"), format!("stopped by an error | {failed} | Some(Refused) | Generation"), ""),
        (
            "refused",
            Key("Enter"),
            "the model is opened | running(none) | Some(Unfinished) | Generation".to_owned(),
            "Remember, generate generated",
        ),
        // While it writes.
        ("writing", Key("m"), "no page | running(none) | Some(Unfinished) | Prompts".to_owned(), ""),
        ("writing", Key("r"), "writing | running(none) | Some(Unfinished) | Generation".to_owned(), ""),
        (
            "writing",
            Says(GenerationJobNotice::Broken(error())),
            format!("stopped by an error | {failed} | Some(Unfinished) | Generation"),
            "",
        ),
        (
            "stopping",
            Says(GenerationJobNotice::Stopped),
            "stopped by you | stopped | Some(Unfinished) | Generation".to_owned(),
            "",
        ),
        (
            "stopping",
            Says(GenerationJobNotice::Done(None)),
            "ended | 4 of 4 classes are short, 0 have all that is wanted | Some(Unfinished) | Generation"
                .to_owned(),
            "",
        ),
        (
            "writing",
            Key("+"),
            "writing | running(none) | Some(Unfinished) | Generation".to_owned(),
            "Remember, More { class: 0, more: 5 }",
        ),
        // Stopped, by its user and by an error.
        (
            "stopped",
            Key("r"),
            "stopped by you | stopped | Some(Unfinished) | Generation".to_owned(),
            "Resume",
        ),
        ("stopped", Key("m"), "stopped by you | stopped | Some(Unfinished) | form of tiny".to_owned(), ""),
        (
            "stopped",
            Says(GenerationJobNotice::Running),
            "writing | running(none) | Some(Unfinished) | Generation".to_owned(),
            "",
        ),
        ("broken", Key("j"), format!("stopped by an error | {failed} | Some(Unfinished) | Generation"), ""),
        (
            "broken",
            Key("r"),
            format!("stopped by an error | {failed} | Some(Unfinished) | Generation"),
            "Resume",
        ),
        ("broken", Key("m"), format!("stopped by an error | {failed} | Some(Unfinished) | form of tiny"), ""),
        (
            "broken",
            Says(GenerationJobNotice::Running),
            "writing | running(none) | Some(Unfinished) | Generation".to_owned(),
            "",
        ),
        // Nothing more is to be asked for.
        ("done", Key("m"), "no page | done | Some(Written) | Prompts".to_owned(), ""),
        ("done", Key("r"), "done | done | Some(Written) | form of tiny".to_owned(), ""),
        (
            "done",
            Key("+"),
            "done | done | Some(Unfinished) | Generation".to_owned(),
            "Remember, More { class: 0, more: 5 }",
        ),
        (
            "done",
            Says(saved()),
            "done | running(none) | Some(Saved) | Generation".to_owned(),
            "Remember, add generated@01234567",
        ),
        (
            "short",
            Key("j"),
            "ended | 3 of 4 classes are short, 1 has all that is wanted | Some(Written) | Generation"
                .to_owned(),
            "",
        ),
        (
            "short",
            Key("w"),
            "ended | 3 of 4 classes are short, 1 has all that is wanted | Some(Written) | Generation"
                .to_owned(),
            "Save",
        ),
    ] {
        let mut state = generation(from);
        let (name, did) = match happens {
            Key(name) => (name.to_owned(), pressed(&mut state, name)),
            Says(notice) => (format!("{notice:?}"), says(&mut state, notice)),
        };
        let name = name.chars().take(20).collect::<String>();
        assert_eq!((standing(&state), effect_words(&did).as_str()), (to, effects), "{from}, {name}");
        drawn(&state, PLAIN);
    }
}

#[test]
fn what_stopped_it_stays_where_it_is_shown() {
    for (how, words) in [("stopped", "stopped by you"), ("broken", "answers 401")] {
        let mut state = generation(how);
        press(&mut state, "j k");
        assert_eq!(state.notice, None);
        let page = drawn(&state, COLORED);
        assert!(page.contains(words) && page.contains("r goes on from there"), "{page}");
        press(&mut state, "6 j");
        let jobs = drawn(&state, COLORED);
        assert!(jobs.contains(words), "{jobs}");
    }
    looks_like("generation-broken", drawn(&generation("broken"), COLORED));
    looks_like("generation-stopped", drawn(&generation("stopped"), COLORED));
    looks_like("generation-refused-by-server", drawn(&generation("refused"), COLORED));
    looks_like("generation-short", drawn(&generation("short"), COLORED));
    for how in ["broken", "stopped", "refused", "short", "waiting"] {
        let mut state = generation(how);
        update(&mut state, Event::Resize(Size::new(40, 12)));
        drawn(&state, PLAIN);
    }
}

#[test]
fn a_wait_before_another_attempt_is_shown_while_it_lasts() {
    let mut state = generation("waiting");
    assert!(drawn(&state, COLORED).contains("retrying 3 of 6 in 20 s, 429: slow down"));
    says(&mut state, changed(0, Some(retry(19))));
    assert!(drawn(&state, COLORED).contains("retrying 3 of 6 in 19 s"));
    looks_like("generation-waiting", drawn(&state, COLORED));
    says(&mut state, changed(0, Some(retry(0))));
    assert!(drawn(&state, COLORED).contains("retrying 3 of 6 now"));
    says(&mut state, changed(1, None));
    assert!(!drawn(&state, COLORED).contains("retrying"));
    let mut state = generation("waiting");
    says(&mut state, GenerationJobNotice::Stopped);
    assert!(!drawn(&state, COLORED).contains("retrying"));
}

#[test]
fn only_what_is_there_has_a_tick() {
    let short = drawn(&generation("short"), COLORED);
    let line = |screen: &str, class: &str| {
        screen.lines().find(|line| line.trim_start_matches(['▸', ' ']).starts_with(class)).unwrap().to_owned()
    };
    assert!(line(&short, "cat").contains("✓    5/5"), "{short}");
    assert!(line(&short, "deer").contains("✗    3/5"), "{short}");
    assert!(short.contains("3 of 4 classes are short, 1 has all that is wanted"), "{short}");
    let mut state = generation("short");
    press(&mut state, "6");
    let jobs = drawn(&state, COLORED);
    assert!(line(&jobs, "✗ write prompts").contains("3 of 4 classes are short"), "{jobs}");
    let mut state = generation("done");
    assert!(drawn(&state, COLORED).contains("(done)"));
    press(&mut state, "6");
    assert!(drawn(&state, COLORED).contains("✓ write prompts with a language model: done"));
}

/// What is typed in the form over the screen.
fn typed(state: &State) -> Vec<String> {
    match &state.overlay {
        Some(Overlay::Form(form)) => (0..form.rows.len()).map(|row| form.text(row).to_owned()).collect(),
        overlay => panic!("no form, but {overlay:?}"),
    }
}

#[test]
fn a_form_comes_back_filled() {
    let keys = "m Down t i n y Down h Down Down 7 Down . 5";
    let filled = ["generated", "tiny", "h", "base", "7", ".5", "", ""];
    // Closed.
    let mut state = opened(80, 24);
    press(&mut state, &format!("5 {keys} Esc m"));
    assert_eq!(typed(&state), filled);
    // Refused while its user looks on, and elsewhere.
    for (away, back) in [("", ""), ("1", "5 m")] {
        let mut state = opened(80, 24);
        press(&mut state, &format!("5 {keys}"));
        pressed(&mut state, "Enter");
        press(&mut state, away);
        says(&mut state, GenerationJobNotice::Failed(ERROR.to_owned()));
        assert_eq!(matches!(state.overlay, Some(Overlay::Form(_))), away.is_empty());
        press(&mut state, back);
        assert_eq!(typed(&state), filled);
        let screen = drawn(&state, COLORED);
        let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(ERROR), "{screen}");
        // Typing answers it.
        press(&mut state, "x");
        assert!(!drawn(&state, COLORED).contains("wrong key"));
    }
    // Another experiment has its own.
    press(&mut state, "Esc");
    update(&mut state, Event::Replaced { name: "other".into(), back_to: None });
    update(&mut state, Event::Opened(Arc::new(session()), None));
    press(&mut state, "5 m");
    assert_eq!(typed(&state), ["generated", "", "", "base", "", "", "", ""]);
}

#[test]
fn what_enter_comes_to_is_said_before() {
    let mut state = opened(80, 24);
    let asked = |effects: Vec<Effect>| {
        effects.into_iter().find_map(|effect| match effect {
            Effect::Estimate(of) => Some(of),
            _ => None,
        })
    };
    let cost = GenerationCost {
        requests: 12,
        samples: 120,
        prompt_tokens: 240,
        answer_tokens: 6000,
        samples_at_most: 360,
    };
    let answer = |state: &mut State, of: &GenerationSettings| {
        update(state, Event::Estimated { of: Box::new(of.clone()), cost: Some((cost, 10)) });
    };
    press(&mut state, "5");
    let first = asked(update(&mut state, Event::Key(key("m")))).unwrap();
    assert_eq!(first.llm_prompts, Some(LlmPromptsChoice::Named("base".to_owned())));
    answer(&mut state, &first);
    looks_like("generation-estimate", drawn(&state, COLORED));
    let says =
        |state: &State| drawn(state, COLORED).contains("Enter asks for 120 answers, in at most 12 requests");
    assert!(says(&state));
    // The model changes nothing of it, the number of sentences does.
    assert_eq!(asked(press(&mut state, "Down t i n y Down Down Down")), None);
    assert!(says(&state));
    let other = asked(update(&mut state, Event::Key(key("7")))).unwrap();
    assert_eq!(other.prompts_per_class, Some(7));
    assert!(!says(&state), "what was said is of another number");
    answer(&mut state, &first);
    assert!(!says(&state), "so is what comes late");
    answer(&mut state, &other);
    assert!(says(&state));
    // Of what is no number nothing is said, nor is it wrong yet.
    assert_eq!(asked(press(&mut state, "x")), None);
    assert!(!says(&state) && !drawn(&state, COLORED).contains("has to be"));
    assert_eq!(asked(update(&mut state, Event::Key(key("Backspace")))), Some(other));
    // Nobody makes so many.
    press(&mut state, "9 9 9 9 9 9 Enter");
    assert!(drawn(&state, COLORED).contains("from 1 to 100,000"));
}

/// What the state folder keeps of an experiment, in a session that comes after it.
fn next_start(state: &State) -> State {
    let left = serde_json::to_string(&Remembered::from_state(state).unwrap()).unwrap();
    assert!(!left.contains("secret"), "{left}");
    let mut next = waiting(80, 24);
    let left = serde_json::from_str(&left).unwrap();
    update(&mut next, Event::Opened(Arc::new(session()), Some(left)));
    next
}

#[test]
fn what_is_unfinished_is_offered_on_the_next_start() {
    let mut state = opened(80, 24);
    press(&mut state, "5 m p o n d Down t i n y Down");
    update(&mut state, Event::Paste("http://me:secret@host/v1".to_owned()));
    press(&mut state, "Down Ctrl-u Down 7");
    assert_eq!(effect_words(&pressed(&mut state, "Enter")), "Remember, generate generatedpond");
    says(&mut state, opened_with_classes(none_yet()));
    says(&mut state, GenerationJobNotice::Running);
    says(&mut state, changed(3, None));
    press(&mut state, "j + + j +");
    let more = |class: usize, more| MoreSentences { class, name: CLASSES[class].to_owned(), more };
    let wished = vec![more(1, 10), more(2, 5)];

    let mut next = next_start(&state);
    let offer = "the generation \"generatedpond\" is unfinished: m goes on with it";
    assert!(next.messages.contains(&format!("{offer}, among the prompts (5)")), "{:?}", next.messages);
    // It was left there.
    let screen = drawn(&next, COLORED);
    assert!(screen.contains(offer) && screen.contains("m go on"), "{screen}");
    press(&mut next, "m");
    assert_eq!(typed(&next), ["generatedpond", "tiny", "http://host/v1", "", "7", "", "", ""]);
    let effects = pressed(&mut next, "Enter");
    let [Effect::Remember, Effect::Generate { name, settings, more }] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!((name.as_str(), settings.prompts_per_class, more), ("generatedpond", Some(7), &wished));
    // Another name is another generation.
    let mut next = next_start(&state);
    press(&mut next, "m x");
    let effects = pressed(&mut next, "Enter");
    let [Effect::Remember, Effect::Generate { more, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(more, &[]);

    // What is written and not saved is offered, what is saved is not; its form is filled all the same.
    for (how, offered) in
        [("opening", true), ("broken", true), ("done", true), ("short", true), ("refused", false)]
    {
        let next = next_start(&generation(how));
        assert_eq!(next.messages.iter().any(|message| message.contains("generation")), offered, "{how}");
        assert_eq!(next.unfinished.as_ref().unwrap().name, "generated");
    }
    let mut state = generation("done");
    says(&mut state, saved());
    let mut next = next_start(&state);
    assert_eq!(next.generation_offer(), None);
    press(&mut next, "5 m");
    assert_eq!(typed(&next)[1], "tiny");
    // A store in memory has nothing to go on with.
    let mut state = generation("writing");
    state.in_memory = true;
    assert_eq!(next_start(&state).unfinished, None);
}

#[test]
fn what_another_version_remembers_of_a_generation_is_left_out() {
    let state = generation("writing");
    let left = serde_json::to_value(Remembered::from_state(&state).unwrap()).unwrap();
    for (generation, is_known) in [
        (left["generation"].clone(), true),
        (serde_json::Value::Null, false),
        (serde_json::json!({"name": "pond", "stage": "sold"}), false),
        (
            serde_json::json!({"name": "pond", "more": [], "stage": "saved", "settings": {"mood": "good"}}),
            false,
        ),
        (serde_json::json!({"name": "pond", "more": [], "stage": "saved", "settings": {"model": "m"}}), true),
    ] {
        let mut other = left.clone();
        other["generation"] = generation.clone();
        let mut next = waiting(80, 24);
        let left: Remembered = serde_json::from_value(other).unwrap();
        update(&mut next, Event::Opened(Arc::new(session()), Some(left)));
        assert_eq!(next.unfinished.is_some(), is_known, "{generation}");
        assert_eq!(next.screen, crate::tui::state::Screen::Prompts, "all else is as it was left");
    }
    let earlier = left.as_object().unwrap().iter().filter(|(key, _)| *key != "generation");
    let earlier: serde_json::Map<_, _> = earlier.map(|(key, value)| (key.clone(), value.clone())).collect();
    assert!(serde_json::from_value::<Remembered>(earlier.into()).is_ok());
}

#[test]
fn jobs_that_ended_say_why() {
    // Another editor takes the place of one that still opens.
    let mut state = opened(80, 24);
    update(&mut state, Event::Key(key("5")));
    update(&mut state, Event::Key(key("Space")));
    press(&mut state, "6");
    let screen = drawn(&state, COLORED);
    assert!(screen.contains("another one took its place"), "{screen}");
    press(&mut state, "x");
    let screen = drawn(&state, COLORED);
    assert!(screen.contains("stopped by you") && !state.jobs.any_runs(), "{screen}");
    // What belongs to another experiment is at work no more.
    for keys in ["5", "7"] {
        let mut state = opened(80, 24);
        update(&mut state, Event::Key(key(keys)));
        assert!(state.jobs.any_runs());
        update(&mut state, Event::Replaced { name: "other".into(), back_to: None });
        update(&mut state, Event::Opened(Arc::new(session()), None));
        assert!(!state.jobs.any_runs(), "{keys}: {:?}", state.jobs.entries);
    }
    let mut state = generation("writing");
    update(&mut state, Event::Replaced { name: "other".into(), back_to: None });
    let ended = state.jobs.entries.iter().find(|entry| entry.name.contains("write prompts"));
    assert!(matches!(&ended.unwrap().job, Job::Ended(why) if why.contains("was left")));
}

#[test]
fn remembered_generations_are_those_of_their_name() {
    let generation = RememberedGeneration {
        name: "pond".to_owned(),
        settings: GenerationSettings { model: Some("m".to_owned()), ..GenerationSettings::default() },
        more: vec![MoreSentences { class: 0, name: "cat".to_owned(), more: 5 }],
        stage: GenerationStage::Unfinished,
    };
    let mut state = opened(80, 24);
    state.unfinished = Some(generation.clone());
    press(&mut state, "5 m");
    let Some(Overlay::Form(form)) = &state.overlay else { panic!("no form") };
    assert!(matches!(&form.rows[0], Row::Text { input, .. } if input.text() == "pond"));
    let effects = pressed(&mut state, "Enter");
    assert!(matches!(&effects[..], [_, Effect::Generate { more, .. }] if *more == generation.more));
}
