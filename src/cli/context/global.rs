//! Options of every command, and what follows from them: the store, threads. Signals are here as well.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::ending::{CommandError, INTERRUPTED};
use super::output::warn;
use super::values::offered;
use crate::store::{OpenedStore, Store};
use crate::tui::graphics::PictureChoice;
use crate::tui::theme::ColorChoice;
use crate::workbench::{self, Cancel, StorePlace};

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Where embeddings, prompt sets and runs are kept [default: $XDG_DATA_HOME/cupl-tui]; `:memory:` keeps nothing
    #[arg(long, global = true, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Threads for encoding and evaluation [default: one a core]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Colours: auto follows NO_COLOR, COLORTERM and TERM
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
    /// Draw with ASCII only
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Colours for a dark or a light background, or none [default: the settings', or dark]
    #[arg(long, global = true, value_enum)]
    pub theme: Option<ThemeFlag>,
    /// How the workbench shows pictures: auto asks the terminal [default: the settings', or auto]
    #[arg(long, global = true, value_enum, value_name = "HOW")]
    pub pictures: Option<PictureChoice>,
}

offered! { PictureChoice:
    Auto "auto" "The best that the terminal says it can do",
    Off "off" "Not at all",
    Halfblocks "halfblocks" "With half-blocks in two colours",
    Sixel "sixel" "As sixels",
    Kitty "kitty" "With kitty's protocol",
    Iterm2 "iterm2" "With iTerm2's protocol",
}

offered! { ColorChoice:
    Auto "auto" "As the environment says",
    Always "always" "Always",
    Never "never" "Never",
}

/// The values of `--theme`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThemeFlag {
    /// On a dark background.
    Dark,
    /// On a light one.
    Light,
    /// Without colours.
    Mono,
}

/// Sets how many threads encode and evaluate. Without a wish it is one a core, and none is started before there is work.
pub fn set_threads(wish: Option<u16>) -> Result<(), CommandError> {
    let Some(threads) = wish else { return Ok(()) };
    rayon::ThreadPoolBuilder::new()
        .num_threads(usize::from(threads))
        .build_global()
        .map_err(|error| CommandError::Usage(format!("threads cannot be started: {error}")))
}

/// The instruction set that `CUPL_TUI_CPU` names, where it names one.
pub fn choose_instruction_set() -> Result<(), CommandError> {
    const VARIABLE: &str = "CUPL_TUI_CPU";
    let Some(name) = std::env::var_os(VARIABLE).filter(|name| !name.is_empty()) else { return Ok(()) };
    workbench::choose_instruction_set(&name.to_string_lossy())
        .map_err(|problem| CommandError::Usage(format!("{VARIABLE}: {problem}")))
}

/// Where the store is: `--store`, else `$XDG_DATA_HOME/cupl-tui`, else `~/.local/share/cupl-tui`.
pub fn store_place(global: &Global) -> Result<StorePlace, CommandError> {
    if let Some(path) = &global.store {
        let in_memory = path.as_os_str() == ":memory:";
        return Ok(if in_memory { StorePlace::in_memory() } else { StorePlace::Directory(path.clone()) });
    }
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|data| StorePlace::Directory(data.join("cupl-tui")))
        .ok_or_else(|| {
            CommandError::Usage(
                "neither XDG_DATA_HOME nor HOME says where to keep the store: name a directory with --store DIR"
                    .into(),
            )
        })
}

/// Opens the store; what the user should know about it goes to standard error.
pub fn open_store(global: &Global) -> Result<Store, CommandError> {
    let OpenedStore { store, notices } = store_place(global)?.open()?;
    notices.iter().for_each(|notice| warn(notice));
    Ok(store)
}

/// A cancel flag that Ctrl-C and SIGTERM raise; a second Ctrl-C ends the program at once.
pub fn cancel_on_signals() -> Result<Cancel, CommandError> {
    let cancel = Cancel::default();
    let flag = cancel.flag();
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, i32::from(INTERRUPTED), flag.clone())?;
        signal_hook::flag::register(signal, flag.clone())?;
    }
    Ok(cancel)
}
