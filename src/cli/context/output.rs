//! The one printer: results to standard output, progress and complaints to standard error. Here text leaves for a terminal, and
//! here it is cleaned of what a terminal would obey. Into a file or a pipe, CSV and JSON go as they are.

use std::cell::RefCell;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};

use super::table::lines;
use crate::text::terminal_text::{cleaned, cleaned_lines};
use crate::tui::theme::{ColorChoice, ColorDepth};
use crate::workbench::{FirstFigures, Progress, Session, SkippedImage, Stage};

/// Standard output, or a file in its place.
pub struct Output {
    out: BufWriter<Box<dyn Write>>,
    colors: bool,
    is_terminal: bool,
}

impl Output {
    /// Colours where standard output is a terminal that has them, or where they are asked for.
    pub fn stdout(choice: ColorChoice) -> Self {
        let out = io::stdout().lock();
        let depth = ColorDepth::detect(choice, |name| std::env::var(name).ok());
        let colors = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => out.is_terminal() && depth != ColorDepth::Mono,
        };
        let is_terminal = out.is_terminal();
        Self { out: BufWriter::new(Box::new(out)), colors, is_terminal }
    }

    /// Something else in its place, without colours.
    pub fn plain(out: Box<dyn Write>) -> Self {
        Self { out: BufWriter::new(out), colors: false, is_terminal: false }
    }

    /// One line.
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{}", cleaned(line))
    }

    /// A document of several lines.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        match self.is_terminal {
            true => self.bytes(cleaned_lines(text).as_bytes()),
            false => self.bytes(text.as_bytes()),
        }
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// Everything that was printed so far gets out.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// One line in bold.
    pub fn heading(&mut self, line: &str) -> io::Result<()> {
        match self.colors {
            true => writeln!(self.out, "\x1b[1m{}\x1b[0m", cleaned(line)),
            false => self.line(line),
        }
    }

    /// A JSON document, indented.
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        if self.is_terminal {
            self.text(&serde_json::to_string_pretty(value)?)?;
        } else {
            serde_json::to_writer_pretty(&mut self.out, value)?;
        }
        self.line("")
    }

    /// What there is to say of a session as a JSON document, and its notes with further ones: nobody reads standard error
    /// where a program reads this.
    pub fn session_json(
        &mut self,
        session: &Session,
        report: impl Serialize,
        further: &[String],
    ) -> io::Result<()> {
        let notes: Vec<&String> = session.warnings.iter().chain(further).collect();
        self.json(&Noted { report, notes })
    }

    /// A JSON document on one line.
    pub fn json_line(&mut self, value: &impl Serialize) -> io::Result<()> {
        if self.is_terminal {
            self.text(&serde_json::to_string(value)?)?;
        } else {
            serde_json::to_writer(&mut self.out, value)?;
        }
        self.line("")
    }

    /// CSV records, the heading first.
    pub fn csv(&mut self, records: impl IntoIterator<Item = Vec<String>>) -> io::Result<()> {
        let is_terminal = self.is_terminal;
        let safe = |field: String| if is_terminal { cleaned(&field).into_owned() } else { field };
        let records = records.into_iter().map(|record| record.into_iter().map(safe).collect());
        write_csv(&mut self.out, records)
    }

    /// A table after a blank line, its first row in bold.
    pub fn table(&mut self, rows: &[Vec<String>]) -> io::Result<()> {
        self.line("")?;
        let safe = |cell: &String| cleaned(cell).into_owned();
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(safe).collect()).collect();
        for (row, line) in lines(&rows).iter().enumerate() {
            if row == 0 { self.heading(line)? } else { self.line(line)? }
        }
        Ok(())
    }
}

/// Writes CSV records, the heading first.
pub fn write_csv(out: impl Write, records: impl IntoIterator<Item = Vec<String>>) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    for record in records {
        writer.write_record(&record).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => error,
            other => io::Error::other(format!("{other:?}")),
        })?;
    }
    writer.flush()
}

/// A JSON array that is written as it is walked through: only one item is in memory.
pub struct Sequence<F>(pub F);

impl<F, I> Serialize for Sequence<F>
where
    F: Fn() -> I,
    I: IntoIterator,
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

/// An error, on standard error.
pub fn complain(message: &str) {
    // Nobody is left to tell when standard error is closed.
    let _closed = writeln!(io::stderr(), "error: {}", cleaned_lines(message));
}

/// What clap says of arguments that hold what a terminal would obey.
pub fn misunderstood(error: &clap::Error) {
    let _closed = writeln!(io::stderr(), "{}", cleaned_lines(error.render().to_string().trim_end()));
}

/// Something to know, on standard error.
pub fn warn(message: &str) {
    let _closed = writeln!(io::stderr(), "note: {}", cleaned_lines(message));
}

/// A report as JSON, and what became of wishes that could not be fulfilled.
#[derive(Serialize)]
pub struct Noted<'a, R> {
    #[serde(flatten)]
    report: R,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'a String>,
}

impl<'a, R> Noted<'a, R> {
    /// With these notes; without any, the report alone.
    pub fn new(report: R, notes: &'a [String]) -> Self {
        Self { report, notes: notes.iter().collect() }
    }
}

/// What a command found on its way: warnings, then each skipped image.
pub fn warn_about(warnings: &[String], skipped: &[SkippedImage]) {
    warnings.iter().for_each(|warning| warn(warning));
    for image in skipped {
        warn(&cleaned(&format!("skipped {}: {}", image.name, image.reason)));
    }
}

/// What the program is at, on standard error, where that is a terminal.
pub struct StatusLine(bool);

impl StatusLine {
    /// Nothing is written yet.
    pub fn stderr() -> Self {
        Self(io::stderr().is_terminal())
    }

    /// Shows what is done now.
    pub fn show(&self, what: &str) {
        if self.0 {
            let mut err = io::stderr().lock();
            let _closed = write!(err, "\r\x1b[K{}", cleaned(what)).and_then(|()| err.flush());
        }
    }

    /// Takes the line away again.
    pub fn finish(&self) {
        self.show("");
    }
}

/// How often progress is written to a terminal, and to anything else.
const TERMINAL_INTERVAL: Duration = Duration::from_millis(100);
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Progress on standard error: one line that changes on a terminal, a line now and then elsewhere.
pub struct ProgressLine {
    written: RefCell<Option<Instant>>,
    /// What is known already, in words.
    figures: RefCell<String>,
    line: StatusLine,
}

impl ProgressLine {
    /// Nothing is written until there is progress.
    pub fn stderr() -> Self {
        Self { written: RefCell::new(None), figures: RefCell::default(), line: StatusLine::stderr() }
    }

    /// Shows where the work is, not too often.
    pub fn show(&self, progress: &Progress) {
        let interval = if self.line.0 { TERMINAL_INTERVAL } else { LOG_INTERVAL };
        let mut written = self.written.borrow_mut();
        let is_start = progress.rate.is_none() && progress.stage != Stage::Waiting;
        if is_start || written.is_some_and(|written| written.elapsed() < interval) {
            return;
        }
        let figures = self.figures.borrow();
        if self.line.0 {
            self.line.show(&format!("{progress}{figures}"));
        } else {
            let _closed = writeln!(io::stderr(), "{progress}{figures}");
        }
        *written = Some(Instant::now());
    }

    /// What the strategies come to so far is shown with the progress from now on.
    pub fn first_figures(&self, figures: &FirstFigures) {
        *self.figures.borrow_mut() = format!("; {figures}");
    }

    /// Takes the line away again.
    pub fn finish(&self) {
        if self.written.borrow().is_some() {
            self.line.finish();
        }
    }
}
