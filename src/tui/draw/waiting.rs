//! Before there are numbers: how far the job is, that it was stopped, or why it failed.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use unicode_width::UnicodeWidthStr;

use super::overlay::{place, scrolled};
use super::{bar, put};
use crate::tui::actions::Action;
use crate::tui::state::places::problem_lines;
use crate::tui::state::{Job, Problem, State};
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::workbench::{Remedy, Stage, short_size};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let width = usize::from(area.width).saturating_sub(4);
    let mut row = 1;
    let mut line = |frame: &mut Frame<'_>, content: String, style| {
        put(frame, area, row, Line::styled(format!("  {content}"), style));
        row += 1;
    };
    match &state.job {
        Job::Idle | Job::Running(None) | Job::Done => {
            line(frame, "opening the experiment".into(), theme.heading())
        }
        Job::Running(Some(progress)) => {
            line(frame, progress.to_string(), theme.heading());
            line(frame, bar(progress.fraction(), width.min(60), &theme.glyphs), theme.a());
            for phase in &state.phases {
                line(frame, format!("before: {phase}"), theme.dim());
            }
            if progress.stage == Stage::Prompts {
                line(frame, "then the images".to_owned(), theme.dim());
            }
            if progress.cached > 0 {
                line(
                    frame,
                    format!("{} were in the store already", text::count(progress.cached)),
                    theme.dim(),
                );
            }
            if let Some(figures) = &state.first_figures {
                line(frame, String::new(), theme.dim());
                let (images, total) = (text::count(figures.images), text::count(figures.total));
                line(
                    frame,
                    format!("so far, on {images} of {total} images, some of each class:"),
                    theme.dim(),
                );
                let widest = figures.strategies.iter().map(|figure| figure.name.width()).max().unwrap_or(0);
                let widest = widest.min(width.saturating_sub(40));
                for figure in &figures.strategies {
                    let name = text::fit(&figure.name, widest, theme.glyphs.ellipsis);
                    let [top1, low, high] =
                        [figure.top1, figure.interval.0, figure.interval.1].map(|share| 100.0 * share);
                    let words = format!("  {name}  {top1:5.1} %  (95 % interval {low:.1} to {high:.1})");
                    line(frame, words, theme.heading());
                }
            }
        }
        Job::Asking(host) => {
            line(frame, format!("asking {host} for the checkpoint's files"), theme.heading());
        }
        Job::Stopping => line(frame, "stopping after the batch in flight".into(), theme.heading()),
        Job::Ended(why) => line(frame, why.clone(), theme.heading()),
        Job::Stopped => {
            line(frame, "stopped, as you wished".into(), theme.heading());
            let retry = state.keymap.key(Action::Retry);
            line(frame, format!("What is finished is kept; {retry} goes on from there."), theme.dim());
            back(state).into_iter().for_each(|words| line(frame, words, theme.dim()));
        }
        Job::Failed(Problem { remedy: Some(Remedy::Pull(offer)), .. }) => {
            let (size, host) = (short_size(offer.bytes), &offer.host);
            line(frame, format!("Download {size} from {host}?"), theme.heading());
            let what = format!(
                "The checkpoint {} is not, or not wholly, in {}, where it would be kept for this and other programs.",
                offer.repository,
                offer.cache.display()
            );
            for part in text::wrap(&what, width) {
                line(frame, part, theme.dim());
            }
            back(state).into_iter().for_each(|words| line(frame, words, theme.dim()));
            return;
        }
        Job::Failed(problem) => {
            let lines = problem_lines(&problem.message, area.width);
            let back = back(state);
            let below = if back.is_some() { 2 } else { 1 };
            let body = Rect { y: area.y + 1, height: area.height.saturating_sub(below), ..area };
            if let Some(words) = back {
                put(
                    frame,
                    area,
                    area.height.saturating_sub(1),
                    Line::styled(format!("  {words}"), theme.dim()),
                );
            }
            if scrolled(frame, body, state.problem_line, &lines, theme.problem()) {
                put(frame, area, 0, place(state.problem_line, lines.len(), theme));
            }
            return;
        }
    }
    if state.job.is_running() && !matches!(state.job, Job::Asking(_)) && !state.in_memory {
        line(frame, String::new(), theme.dim());
        line(
            frame,
            "Everything is embedded once; the next start shows the numbers at once.".into(),
            theme.dim(),
        );
    }
    if state.in_memory {
        line(frame, "The store is in memory: nothing is kept for the next start.".into(), theme.dim());
    }
}

/// What Esc leads back to.
fn back(state: &State) -> Option<String> {
    let back = state.keymap.key(Action::Back);
    state.back_to.as_ref().map(|name| format!("{back} goes back to {name}, as it was."))
}
