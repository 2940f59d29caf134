//! Without a subcommand: the workbench on the terminal.

use std::io::IsTerminal;

use super::settings::{self, Settings};
use crate::cli::context::{CommandError, ExperimentArguments, Global, Outcome, store_of_screens};
use crate::tui;
use crate::workbench::{Memory, WorkbenchError};

/// Opens the workbench on what the arguments name.
pub fn open(arguments: &ExperimentArguments, global: &Global) -> Result<Outcome, CommandError> {
    let settings = Settings::read();
    let memory = Memory::new(settings::state_dir());
    // Without arguments: the demo, unless there is something of the user's own to choose from.
    let start = match arguments.is_empty() && !memory.recents().is_empty() {
        true => None,
        false => Some((arguments.origin(), arguments.experiment()?)),
    };
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if !std::io::stdout().is_terminal() || is_dumb {
        let what = if is_dumb { "TERM=dumb" } else { "standard output" };
        return Err(CommandError::Usage(format!(
            "the workbench needs a terminal that can place text, and {what} is not one.\n\
             Without one, `cupl-tui evaluate --format json` gives the same numbers."
        )));
    }
    let variable = |name: &str| std::env::var(name).ok();
    let options = settings.options(global, speaks_utf8(variable), variable);
    let ending = tui::run(start, store_of_screens(global)?, memory, options)
        .map_err(|error| CommandError::Usage(format!("the terminal cannot be used: {error}")))?;
    match ending {
        tui::Ending::Quit => Ok(Outcome::Done),
        tui::Ending::Interrupted => Err(WorkbenchError::Cancelled.into()),
        tui::Ending::Failed(message) => Err(CommandError::Usage(message)),
    }
}

/// Whether the locale's character set is UTF-8. Without any locale set, and with one that names no character set,
/// terminals of today are taken to be.
fn speaks_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()))
        .unwrap_or_default()
        .to_ascii_lowercase();
    match locale.split_once('.') {
        Some((_, charset)) => charset.starts_with("utf-8") || charset.starts_with("utf8"),
        None => locale != "c" && locale != "posix",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_decides_about_utf8() {
        let with = |pairs: &'static [(&str, &str)]| {
            speaks_utf8(move |name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(with(&[]));
        assert!(with(&[("LANG", "en_US.UTF-8")]));
        assert!(with(&[("LANG", "C.utf8")]));
        assert!(with(&[("LANG", "en_US")]));
        assert!(!with(&[("LANG", "C")]));
        assert!(!with(&[("LANG", "en_US.UTF-8"), ("LC_ALL", "de_DE.ISO-8859-1")]));
    }
}
