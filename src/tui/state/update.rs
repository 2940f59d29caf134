//! How events change the state: keys are looked up and acted on, what threads say is taken in.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::commands::CommandsView;
use super::form::{Form, FormKind, Pressed};
use super::step::Step;
use super::strategies_page::PageTopic;
use super::{Effect, Event, Exit, InputKind, Job, NewStrategy, Overlay, Screen, State};
use crate::tui::actions::{Action, Context};
use crate::tui::text_input::TextInput;
use crate::workbench::generation::GenerationRequest;
use crate::workbench::{Aggregation, Edit, EditorRequest};

/// Changes the state by one event and says what is to be done.
pub fn update(state: &mut State, event: Event) -> Vec<Effect> {
    let mut effects = match event {
        Event::Key(key) => press(state, &key),
        Event::Paste(text) => {
            paste(state, &text);
            Vec::new()
        }
        Event::Click(at) if state.overlay.is_none() && state.typing.is_none() => state.click(at),
        Event::Click(_) => Vec::new(),
        Event::Wheel(by) => {
            if state.typing.is_none() {
                state.move_by(Step::One(by));
            }
            Vec::new()
        }
        Event::Resize(size) => {
            state.resize(size);
            Vec::new()
        }
        Event::Progress(progress) => {
            state.session_job_is(Job::Running(Some(progress)));
            Vec::new()
        }
        Event::FirstFigures(figures) => {
            if state.job.is_running() {
                state.first_figures = Some(figures);
            }
            Vec::new()
        }
        Event::Asking(host) => {
            state.session_job_is(Job::Asking(host));
            Vec::new()
        }
        Event::Opened(session, remembered) => {
            state.end_job(Job::Done);
            state.open_session(session, remembered);
            Vec::new()
        }
        Event::Stopped => {
            state.end_job(Job::Stopped);
            Vec::new()
        }
        Event::Failed(problem) => {
            if state.session.is_some() {
                state.notice = problem.message.lines().next().map(str::to_owned);
                state.messages.push(problem.message.clone());
            }
            state.end_job(Job::Failed(problem));
            Vec::new()
        }
        Event::Refused(message) => {
            state.refused(message);
            Vec::new()
        }
        Event::FilesChecked { flags, problems } => state.files_checked(flags, problems),
        Event::OpenedFrom(from) => {
            state.opened_from = from;
            Vec::new()
        }
        Event::DraftFound(draft) => state.found_draft(draft),
        Event::DraftUnkept(reason) => {
            if state.draft_unkept.is_none() {
                state.messages.push(format!("unsaved changes are not kept for the next time: {reason}"));
            }
            state.draft_unkept = Some(reason);
            Vec::new()
        }
        Event::FileChange(change) => {
            state.show_change(change);
            Vec::new()
        }
        Event::PrunedSaved(saved, aggregation) => state.prompts_saved(saved, aggregation),
        Event::Completed { row, before, text, completions } => {
            if let Some(Overlay::Form(form)) = &mut state.overlay {
                form.complete(row, &before, text, completions);
            }
            Vec::new()
        }
        Event::PromptSets { names, problem } => {
            if let Some(Overlay::Form(form)) = &mut state.overlay {
                form.has_prompt_sets(names, problem);
            }
            Vec::new()
        }
        Event::PictureReady(key, picture) => {
            state.pictures.insert(key, picture);
            Vec::new()
        }
        Event::Editor(notice) => state.editor_says(notice),
        Event::Analysis(notice) => {
            state.analysis_says(notice);
            Vec::new()
        }
        Event::Generation(notice) => state.generation_says(notice),
        Event::Notice(notice) => {
            state.notice = Some(notice);
            Vec::new()
        }
        Event::Note(note) => {
            state.messages.push(note);
            Vec::new()
        }
        Event::Replaced { name, back_to } => {
            state.leave_experiment();
            (state.opening_name, state.back_to) = (name, back_to);
            state.begin_session();
            Vec::new()
        }
        Event::Undecided => {
            state.screen = Screen::Opening;
            Vec::new()
        }
        Event::Recents(recents) => {
            state.opening.list(recents);
            Vec::new()
        }
        Event::Proposal(settings) => {
            state.generation_proposal = *settings;
            Vec::new()
        }
        Event::Estimated { of, cost } => {
            state.estimated(&of, cost);
            Vec::new()
        }
        Event::Graphics(graphics) => {
            state.graphics = graphics;
            Vec::new()
        }
        Event::Terminate => vec![Effect::QuitNow],
    };
    state.compare_newcomer();
    effects.extend(state.wanted_at_editor());
    effects.extend(state.wanted_explanation());
    effects.extend(state.wanted_page());
    effects.extend(state.findings_wanted());
    effects.extend(state.wanted_estimate());
    let visible = state.visible_pictures();
    effects.extend(state.pictures.newly_wanted(&visible).map(Effect::WantPictures));
    effects
}

fn paste(state: &mut State, text: &str) {
    if let Some(typing) = &mut state.typing {
        typing.input.insert(text);
        state.apply_typing();
    } else if let Some(Overlay::Form(form)) = &mut state.overlay {
        form.paste(text);
    }
}

fn press(state: &mut State, key: &KeyEvent) -> Vec<Effect> {
    (state.notice, state.clicked) = (None, None);
    let always = state
        .keymap
        .action_for(key, Context::Leaving)
        .filter(|action| matches!(action, Action::QuitNow | Action::Suspend | Action::Redraw));
    if let Some(action) = always {
        return act(state, action);
    }
    if state.typing.is_some() {
        return type_key(state, key);
    }
    match &mut state.overlay {
        Some(Overlay::Form(form)) => {
            return match form.press(key) {
                Pressed::Inside => Vec::new(),
                Pressed::Closed => {
                    state.close_form();
                    Vec::new()
                }
                Pressed::Complete { row, text } => vec![Effect::Complete { row, text }],
                Pressed::Submitted => submit(state),
            };
        }
        Some(Overlay::Commands(view)) => {
            if view.searching && !matches!(key.code, KeyCode::Enter | KeyCode::Up | KeyCode::Down) {
                if key.code == KeyCode::Esc {
                    state.overlay = None;
                } else if view.search.press(key) {
                    view.selected = 0;
                }
                return Vec::new();
            }
            if key.code == KeyCode::Enter {
                return run_command(state);
            }
        }
        Some(Overlay::Message { .. } | Overlay::Leaving(_) | Overlay::FileChange { .. }) | None => {}
    }
    match state.keymap.action_for(key, state.context()) {
        Some(action) => return act(state, action),
        // What would mean something once there are numbers.
        None if state.context() == Context::Loading
            && state.keymap.action_for(key, Context::Strategies).is_some() =>
        {
            let stop = state.keymap.key(Action::Cancel);
            state.notice = Some(format!("That needs the numbers, which are on their way; {stop} stops it."));
        }
        None => {}
    }
    Vec::new()
}

fn type_key(state: &mut State, key: &KeyEvent) -> Vec<Effect> {
    match key.code {
        KeyCode::Enter => return state.finish_typing(),
        KeyCode::Esc => {
            if let Some(typing) = &mut state.typing {
                typing.input = TextInput::default();
            }
            state.apply_typing();
            state.typing = None;
        }
        _ => {
            if state.typing.as_mut().is_some_and(|typing| typing.input.press(key)) {
                state.apply_typing();
            }
        }
    }
    Vec::new()
}

/// Runs the selected row of the list of commands, if it works on the screen below.
pub(super) fn run_command(state: &mut State) -> Vec<Effect> {
    let here = state.place();
    let Some(Overlay::Commands(view)) = &state.overlay else { return Vec::new() };
    let Some((_, binding)) = view.rows(&state.keymap).get(view.selected).copied() else {
        return Vec::new();
    };
    let argument = view.argument().map(|(_, argument)| argument.to_owned());
    if !binding.works_in(here) {
        state.notice = Some("That does not work on this screen.".to_owned());
        return Vec::new();
    }
    state.overlay = None;
    match argument {
        Some(argument) => state.act_on_file(binding.action, &argument),
        None => act(state, binding.action),
    }
}

fn submit(state: &mut State) -> Vec<Effect> {
    let Some(Overlay::Form(form)) = &mut state.overlay else { return Vec::new() };
    match form.kind {
        FormKind::OpenFiles => form.named_files().map(Effect::CheckFiles).into_iter().collect(),
        FormKind::Generate => state.submit_generation(),
        FormKind::AddStrategy => {
            if form.reading {
                form.problem = Some("The prompt sets are still being read.".to_owned());
                return Vec::new();
            }
            let prompt_sets = form.checked();
            if prompt_sets.is_empty() {
                form.problem = Some("Tick at least one prompt set with Space.".to_owned());
                return Vec::new();
            }
            let aggregation =
                form.chosen().and_then(|chosen| chosen.parse().ok()).unwrap_or(Aggregation::Mean);
            let typed = form.text(0);
            let bare = |reference: &String| reference.split('@').next().unwrap_or_default().to_owned();
            let joined = prompt_sets.iter().map(bare).collect::<Vec<_>>().join(" + ");
            let name = if typed.is_empty() { joined } else { typed.to_owned() };
            let taken = state
                .session
                .as_ref()
                .is_some_and(|session| session.strategies.iter().any(|strategy| strategy.name == name));
            if taken {
                form.set_problem(0, format!("There is a strategy {name:?} already: type another name."));
                return Vec::new();
            }
            state.overlay = None;
            state.left_forms.retain(|form| form.kind != FormKind::AddStrategy);
            vec![state.add_strategy(NewStrategy { name, prompt_sets, aggregation })]
        }
    }
}

fn act(state: &mut State, action: Action) -> Vec<Effect> {
    match action {
        Action::Up => state.move_by(Step::One(-1)),
        Action::Down => state.move_by(Step::One(1)),
        Action::HalfUp => state.move_by(Step::Half(-1)),
        Action::HalfDown => state.move_by(Step::Half(1)),
        Action::Top => state.move_by(Step::First),
        Action::Bottom => state.move_by(Step::Last),
        Action::Left => state.sideways(-1),
        Action::Right => state.sideways(1),
        Action::Next => state.images.walk(1),
        Action::Previous => state.images.walk(-1),
        Action::Strategies => state.go(Screen::Strategies),
        Action::Classes => state.go(Screen::Classes),
        Action::Confusion => state.go(Screen::Confusion),
        Action::Images => state.go(Screen::Images),
        Action::Prompts => {
            if let Some(class) = state.class_in_focus() {
                state.prompts.open(class);
            }
            state.go(Screen::Prompts);
        }
        Action::Jobs => state.go(Screen::Jobs),
        Action::Findings => state.go(Screen::Findings),
        Action::NextScreen => state.go(state.screen.beside(1)),
        Action::PreviousScreen => state.go(state.screen.beside(-1)),
        Action::Toggle => {
            state.strategies.toggle();
            state.refill();
        }
        Action::Baseline => {
            state.strategies.make_baseline();
            state.refill();
        }
        Action::AddStrategy => {
            let aggregations = Aggregation::ALL.iter().map(ToString::to_string).collect();
            state.open_form(FormKind::AddStrategy, |left| Form::add_strategy(aggregations, left));
            return vec![Effect::ListPromptSets];
        }
        Action::Controls => return state.toggle_controls(),
        Action::RemoveStrategy => return state.remove_strategy(),
        Action::LearningCurve => state.toggle_page(PageTopic::LearningCurve),
        Action::Calibration => state.toggle_page(PageTopic::Calibration),
        Action::Prune => state.toggle_page(PageTopic::Pruning),
        Action::Sort | Action::Reverse | Action::Group => {
            if let Some(session) = state.session.clone() {
                match action {
                    Action::Sort => state.classes.sort_by_next(&session),
                    Action::Reverse => {
                        state.classes.reversed = !state.classes.reversed;
                        state.classes.go_to_the_top(&session);
                    }
                    _ => {
                        state.classes.grouped = !state.classes.grouped;
                        state.classes.go_to_the_top(&session);
                    }
                }
            }
        }
        Action::Search => match state.context() {
            Context::Classes => state.begin_typing(InputKind::ClassFilter, &state.classes.filter.clone()),
            Context::Pairs => state.begin_typing(InputKind::PairFilter, &state.confusion.filter.clone()),
            Context::Gallery | Context::Inspector => {
                state.begin_typing(InputKind::ImageName, &state.images.selection.name.clone());
            }
            _ => {
                if let Some(Overlay::Commands(view)) = &mut state.overlay {
                    view.searching = true;
                }
            }
        },
        Action::Which => {
            state.confusion.whose = state.confusion.whose.next(state.strategies.is_pair());
            state.confusion.pairs.clear();
            state.list_confusions();
        }
        Action::Matrix => match &state.confusion.block {
            Some(_) => state.confusion.block = None,
            None => {
                let pair = state.confusion.pairs.get(state.confusion.selected).copied();
                if let Some(pair) = pair {
                    state.open_block(pair.truth, (pair.truth, pair.predicted));
                }
            }
        },
        Action::ClassConfusions => {
            if let Some(class) = state.class_in_focus() {
                state.visit(Screen::Confusion);
                state.open_block(class, (class, class));
            }
        }
        Action::ClassPrompts => {
            if let Some(class) = state.class_in_focus() {
                state.prompts.open(class);
                state.visit(Screen::Prompts);
            }
        }
        Action::ClassImages => {
            if let Some(class) = state.class_in_focus() {
                state.open_images_of(class);
            }
        }
        Action::NextClass => state.change_class(1),
        Action::PreviousClass => state.change_class(-1),
        Action::Open => return state.open_selected(),
        Action::Filter | Action::FilterBack => {
            let by = if action == Action::Filter { 1 } else { -1 };
            (state.images.flips, state.images.of_finding) = (None, None);
            state.images.change_filter(by, state.strategies.is_pair());
            state.list_images();
        }
        Action::OneClass => {
            let class = state.class_in_focus();
            let selection = &mut state.images.selection;
            selection.class = if selection.class.is_some() { None } else { class };
            selection.cell = None;
            state.list_images();
        }
        Action::CopyPath => {
            if let (Some(session), Some(image)) = (&state.session, state.images.current()) {
                return vec![Effect::Copy(session.images[image].place())];
            }
        }
        Action::WriteList => {
            if let Some(session) = state.session.as_ref().filter(|_| !state.images.list.is_empty()) {
                let lines = state.images.list.iter().map(|&image| session.images[image].place()).collect();
                let name = state.images.selection.filter.name();
                state.begin_typing(InputKind::ListFile { lines }, &format!("{name}.txt"));
            }
        }
        Action::TogglePrompt => {
            let edit = Edit::Toggle { class: state.prompts.class, prompt: state.prompts.row() };
            return state.edit(state.prompts.strategy(&state.strategies), edit);
        }
        Action::EditPrompt => state.edit_selected_prompt(),
        Action::AddPrompt => {
            let strategy = state.prompts.strategy(&state.strategies);
            if state.may_edit(strategy) {
                state.begin_typing(InputKind::NewPrompt { strategy, class: state.prompts.class }, "");
            }
        }
        Action::Undo => return state.ask_editor(EditorRequest::Undo).into_iter().collect(),
        Action::Redo => return state.ask_editor(EditorRequest::Redo).into_iter().collect(),
        Action::Flips => state.open_flips(),
        Action::Generate => state.open_generation(),
        Action::DropSentence => return state.drop_sentence(),
        Action::MoreSentences => return state.more_sentences(),
        Action::SavePrompts if state.context() == Context::StrategiesPage => state.save_pruned(),
        Action::SavePrompts if state.context() == Context::Generation => {
            return vec![Effect::AskGeneration(GenerationRequest::Save)];
        }
        Action::SavePrompts => {
            let editor = state.prompts.editor.as_ref().filter(|editor| editor.has_changes());
            match editor.map(|editor| editor.strategy) {
                Some(strategy) => {
                    let name = state.edited_name();
                    state.begin_typing(InputKind::PromptSetName { strategy }, &name);
                }
                None => state.notice = Some("There is nothing to save: no prompt was changed.".to_owned()),
            }
        }
        Action::Explain => state.toggle_explanation(),
        Action::OtherExplanation => {
            if let Some(view) = &mut state.images.explanation {
                view.turn();
            }
        }
        Action::OtherSide => {
            state.prompts.on_b = !state.prompts.on_b && state.strategies.is_pair();
        }
        Action::Back => return state.step_back(),
        Action::Confirm => return state.confirm(),
        Action::Keep => return state.keep_strategies(),
        Action::SaveExperiment | Action::Report | Action::Export => state.ask_for_file(action),
        Action::Help => {
            state.overlay = match state.overlay {
                Some(Overlay::Commands(_)) => None,
                _ => Some(Overlay::Commands(CommandsView::new(state.place(), false))),
            };
        }
        Action::Commands => {
            state.overlay = Some(Overlay::Commands(CommandsView::new(state.place(), true)));
        }
        Action::Cancel => return state.stop(),
        Action::Retry if state.context() == Context::Generation => return state.retry_generation(),
        Action::Retry => {
            if !matches!(state.job, Job::Stopped | Job::Failed(_)) {
                return Vec::new();
            }
            // A stopped job goes on in its store; a failed one tries the one that was wanted first.
            let in_memory = state.in_memory && state.job == Job::Stopped;
            state.in_memory = in_memory || state.memory_wanted;
            state.begin_session();
            return vec![if in_memory { Effect::StartInMemory } else { Effect::StartSession }];
        }
        Action::MemoryStore => {
            state.begin_session();
            state.in_memory = true;
            return vec![Effect::StartInMemory];
        }
        Action::Pull => {
            state.begin_session();
            return vec![Effect::Pull];
        }
        Action::OpenOther | Action::Decline => state.visit(Screen::Opening),
        Action::Quit => return state.leave(Exit::Quit),
        Action::QuitNow => return vec![Effect::QuitNow],
        Action::Suspend => return vec![Effect::Suspend],
        Action::Redraw => return vec![Effect::Redraw],
    }
    Vec::new()
}
