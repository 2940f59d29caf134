//! Pages, explanations and findings: asked for, answered, stale.

use super::*;

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
    looks_like("explanation-waiting", drawn(&state, COLORED));
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
    looks_like("findings-none", drawn(&state, COLORED));
}

#[test]
fn pages_are_as_long_as_what_is_drawn_of_them() {
    for (width, height) in [(40, 12), (60, 20), (80, 24), (97, 60), (200, 100)] {
        let mut state = opened(width, height);
        let answers = [
            ("c", AnalysisAnswer::Curves(vec![0, 1], vec![curve_of(0), curve_of(1)])),
            ("p", AnalysisAnswer::Calibrated(vec![0, 1], vec![calibration_of(0), calibration_of(1)])),
        ];
        for (name, answer) in answers {
            update(&mut state, Event::Key(key(name)));
            update(&mut state, Event::Analysis(AnalysisNotice::Answer(Box::new(answer))));
            let size = crate::tui::layout::body(state.size).as_size();
            let (session, page) = (state.session.clone().unwrap(), state.strategies_page.clone().unwrap());
            let drawn =
                crate::tui::draw::strategies_page::lines(&state, &session, &page, size, &COLORED).len();
            let known = crate::tui::state::places::page_length(&state, size);
            assert!(drawn > 10 && drawn == known, "{name} at {width}x{height}: {drawn} and {known}");
        }
    }
}
