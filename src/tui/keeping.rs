//! What the loop keeps for the next time, and what it writes to files: how the user leaves an experiment, changes that are not
//! saved, strategies in the experiment's file, pages and files for others.

use std::io;
use std::path::{Path, PathBuf};

use super::state::{Draft, Event, OpenedFrom, Remembered};
use super::terminal::BorrowedTerminal;
use super::{Loop, Message, send};
use crate::workbench::{
    AtomicFile, Cancel, ClassifierFile, Experiment, ExperimentFlags, ExperimentPart, FileChange, HtmlReport,
    Origin, Session, SharedEmbeddings, StorePlace, WorkbenchError, problems_of, save_pruned,
};

impl Loop {
    /// What the screens say of where an experiment comes from.
    pub(super) fn opened_from(&self, origin: &Origin, experiment: &Experiment) -> OpenedFrom {
        OpenedFrom::new(origin, experiment, self.store_flag.as_deref())
    }

    /// Keeps how the user leaves what is open.
    pub(super) fn remember(&self) {
        let (Some(remembered), Some((origin, experiment))) =
            (Remembered::from_state(&self.state), self.open.get())
        else {
            return;
        };
        let remembered = remembered.with_added(experiment);
        if let Ok(text) = serde_json::to_string_pretty(&remembered) {
            // It is a convenience: a full disk must not keep anybody from quitting.
            let _unkept = self.memory.leave(origin, &text);
        }
    }

    /// The experiment with what its user had made of it the last time.
    pub(super) fn restore(&self, origin: &Origin, experiment: &mut Experiment) {
        if let Some(left) = self.left(origin) {
            left.restore_experiment(experiment);
        }
    }

    /// How the user left an experiment.
    pub(super) fn left(&self, origin: &Origin) -> Option<Remembered> {
        serde_json::from_str(&self.memory.left(origin)?).ok()
    }

    pub(super) fn keep_draft(&mut self, draft: Option<&Draft>) {
        let Some(origin) = self.open.origin() else { return };
        let text = draft.map(serde_json::to_string_pretty).transpose().map_err(io::Error::from);
        if let Err(error) = text.and_then(|text| self.memory.keep_draft(origin, text.as_deref())) {
            send(&self.sender, Message::Screen(Event::DraftUnkept(error.to_string())));
        }
    }

    pub(super) fn show_file_change(&mut self, terminal: &mut BorrowedTerminal) -> io::Result<()> {
        let Some((Origin::File(path), experiment)) = self.open.get() else { return Ok(()) };
        let change = FileChange::adding(path, &experiment.added().collect::<Vec<_>>());
        self.happen(
            match change {
                Ok(change) => Event::FileChange(change),
                Err(error) => Event::Refused(error.to_string()),
            },
            terminal,
        )
    }

    pub(super) fn write_file_change(
        &mut self,
        change: &FileChange,
        terminal: &mut BorrowedTerminal,
    ) -> io::Result<()> {
        if let Err(error) = change.write() {
            return self.happen(Event::Refused(error.to_string()), terminal);
        }
        self.open.keep_added(change.strategies());
        if let Some((origin, experiment)) = self.open.get() {
            let from = self.opened_from(origin, experiment);
            self.happen(Event::OpenedFrom(from), terminal)?;
        }
        self.remember();
        let (names, path) = (change.strategies().join(", "), change.path().display());
        self.happen(Event::Notice(format!("{names} is in {path}")), terminal)
    }

    pub(super) fn report(&mut self, path: PathBuf, a: usize, b: usize) -> io::Result<()> {
        let Some(session) = self.state.session.clone() else { return Ok(()) };
        let [first, second] = [a, b].map(|strategy| session.strategies[strategy].name.as_str());
        let command = self.state.opened_from.report_command(first, second);
        self.beside(move || said(write_report(&session, a, b, &command, &path), &path))
    }

    pub(super) fn save_pruned(&mut self, name: String) -> io::Result<()> {
        let (Some(session), Some(pruning)) = (self.state.session.clone(), self.state.pruned()) else {
            return Ok(());
        };
        let place = self.store_place();
        let aggregation = session.strategies[pruning.strategy].aggregation;
        self.beside(move || {
            let opened = place.open().map_err(|error| error.to_string());
            let saved = opened.and_then(|opened| {
                save_pruned(&name, &session, &pruning, &opened.store).map_err(|error| error.to_string())
            });
            match saved {
                Ok(saved) => Event::PrunedSaved(saved, aggregation),
                Err(message) => Event::Refused(message),
            }
        })
    }
}

/// What is wrong with the files that a form names.
pub(super) fn check(flags: &ExperimentFlags, place: &StorePlace) -> Vec<(ExperimentPart, String)> {
    match Origin::Flags(Box::new(flags.clone())).absolute().experiment() {
        Ok(experiment) => problems_of(&experiment, place),
        Err(error) => vec![(ExperimentPart::Whole, error.to_string())],
    }
}

/// How the writing of a file ended.
pub(super) fn said(written: Result<(), WorkbenchError>, path: &Path) -> Event {
    match written {
        Ok(()) => Event::Notice(format!("written: {}", path.display())),
        Err(error) => Event::Refused(error.to_string()),
    }
}

pub(super) fn export_classifier(
    source: &SharedEmbeddings,
    strategy: usize,
    path: &Path,
) -> Result<(), WorkbenchError> {
    let session = source.session();
    let file = ClassifierFile::begin(path, session.strategies[strategy].aggregation)?;
    let never = Cancel::default();
    file.finish(session, &*source.get(&never, &|_| {})?, strategy, &never)?;
    Ok(())
}

/// Writes a page about two strategies. A file that is no page is not written over.
fn write_report(
    session: &Session,
    a: usize,
    b: usize,
    command: &str,
    path: &Path,
) -> Result<(), WorkbenchError> {
    let is_page = path.extension().is_some_and(|ending| ending == "html" || ending == "htm");
    if !is_page {
        let message = "a page's name ends in .html".to_owned();
        return Err(WorkbenchError::Write { path: path.to_owned(), message });
    }
    let file = AtomicFile::begin(path)?;
    let page = HtmlReport { session, a, b, gallery: HtmlReport::GALLERY, command }.page(&Cancel::default())?;
    file.finish(page.as_bytes())
}
