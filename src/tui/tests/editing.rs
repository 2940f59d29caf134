//! Prompts edited by hand, and written by a language model.

use super::*;

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
fn reading_for_the_accuracy_is_shown_and_can_be_stopped_after_the_model_is_done() {
    let mut state = opened(80, 24);
    press(&mut state, "5 m Down t i n y Enter");
    if let Some(view) = &mut state.generation {
        view.accuracies.clear();
    }
    let says = |state: &mut State, notice| update(state, Event::Generation(notice));
    says(&mut state, GenerationJobNotice::Done(None));
    assert_eq!(deeds(press(&mut state, "x")), []);
    let progress =
        Progress { stage: Stage::Images, done: 12, total: 400, cached: 0, rate: Some(20.0), left: None };
    says(&mut state, GenerationJobNotice::Reading(Some(progress)));
    let screen = drawn(&state, COLORED);
    assert!(screen.contains("accuracy: embedding images 12/400, 20.0 images/s"), "{screen}");
    assert_eq!(deeds(press(&mut state, "x")), [Effect::AskGeneration(GenerationRequest::Stop)]);
    says(&mut state, GenerationJobNotice::Reading(None));
    assert!(!drawn(&state, COLORED).contains("embedding"));
    assert_eq!(deeds(press(&mut state, "x")), []);
}

#[test]
fn prompts_are_edited() {
    let class = 0;
    let ask = |request: EditorRequest| vec![Effect::AskEditor(request)];
    let apply = |edit: Edit| ask(EditorRequest::Apply(edit));
    let mut state = opened(80, 24);
    // B's prompts are put on the editor when the screen is first looked at, and what prompts are like is asked for.
    assert_eq!(deeds(press(&mut state, "5")), [Effect::OpenEditor(1)]);
    assert!(drawn(&state, COLORED).contains("own other"));
    assert_eq!(deeds(press(&mut state, "l Space")), apply(Edit::Toggle { class, prompt: 0 }));
    let text = "cupl: a cat, seen 1 times.!".to_owned();
    assert_eq!(deeds(press(&mut state, "Enter ! Enter")), apply(Edit::Replace { class, prompt: 0, text }));
    assert_eq!(deeds(press(&mut state, "Enter x Esc")), []);
    let text = "ab".to_owned();
    assert_eq!(deeds(press(&mut state, "a a b Enter")), apply(Edit::Add { class, text }));
    assert_eq!(deeds(press(&mut state, "a Enter Esc")), []);
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
    let mut effects = update(&mut state, Event::Editor(EditorNotice::Changed(Box::new(now.clone()))));
    assert!(matches!(effects.remove(0), Effect::KeepDraft(Some(_))));
    assert_eq!(effects, ask(EditorRequest::Similarities { strategy: 1, class: 0 }));
    play(&mut state, &effects);
    looks_like("prompts-edited", drawn(&state, COLORED));
    let screen = drawn(&state, COLORED);
    assert!(screen.contains("1 gained, 1 lost"), "{screen}");

    // Nothing flips as a whole; then two images do, and can be looked at.
    assert_eq!(deeds(press(&mut state, "f")), []);
    assert!(state.notice.as_deref().unwrap().contains("No image flips"));
    now.flips = Arc::new(vec![flip(0, 0, 1), flip(2, 2, 0), flip(5, 0, 1)]);
    update(&mut state, Event::Editor(EditorNotice::Changed(Box::new(now.clone()))));
    press(&mut state, "f");
    looks_like("prompts-flips", drawn(&state, COLORED));
    press(&mut state, "Enter");
    looks_like("prompts-flip", drawn(&state, COLORED));
    assert_eq!(state.images.list.len(), 3);
    press(&mut state, "Esc Esc");
    assert_eq!((state.screen, state.images.flips.is_none()), (crate::tui::state::Screen::Prompts, true));

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
        [Effect::OpenEditor(0), Effect::AskEditor(EditorRequest::Apply(Edit::Toggle { class, prompt: 0 }))]
    );
}

#[test]
fn an_editor_that_cannot_be_opened_says_why() {
    let mut state = opened(80, 24);
    update(&mut state, Event::Key(key("5")));
    update(&mut state, Event::Editor(EditorNotice::Opening(progress())));
    assert!(drawn(&state, COLORED).contains("reading embeddings"));
    assert!(state.jobs.any_runs());
    let mut stopped = opened(80, 24);
    update(&mut stopped, Event::Key(key("5")));
    assert_eq!(deeds(press(&mut stopped, "6 x")), [Effect::CloseEditor]);
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
    let [Effect::Remember, Effect::Generate { name, settings, .. }] = &key(&mut state, "Enter")[..] else {
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
    let more = Effect::AskGeneration(GenerationRequest::More { class: 1, more: 5 });
    assert_eq!(key(&mut state, "+"), [Effect::Remember, more]);
    // It goes on behind other screens, and leaving is asked about.
    press(&mut state, "Esc");
    assert_eq!(state.context(), Context::Prompts);
    press(&mut state, "q");
    assert_eq!(state.context(), Context::Leaving);
    press(&mut state, "Esc m");
    assert_eq!(state.context(), Context::Generation);
    assert_eq!(key(&mut state, "x"), asks(GenerationRequest::Stop));
    says(&mut state, GenerationJobNotice::Stopped);
    assert!(drawn(&state, COLORED).contains("(stopped by you)") && !state.jobs.any_runs());
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
    // What failed says why, and the form opens with what was typed.
    says(
        &mut state,
        GenerationJobNotice::Failed("http://localhost/v1 answers 401: set OPENAI_API_KEY".into()),
    );
    assert!(drawn(&state, COLORED).contains("set OPENAI_API_KEY"));
    assert!(matches!(&state.overlay, Some(Overlay::Form(form)) if form.text(4) == "7"));
}
