//! Options of every command, and what follows from them: the store, threads. Signals are here as well.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clap::{Args, ValueEnum};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::ending::{CommandError, INTERRUPTED};
use super::output::{complain, warn};
use super::values::offered;
use crate::network::retry::POLL_INTERVAL;
use crate::store::{OpenedStore, Store, Waiting};
use crate::tui::graphics::PictureChoice;
use crate::tui::theme::ColorChoice;
use crate::workbench::{self, Cancel, StorePlace, WorkbenchError};

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Where embeddings, prompt sets and runs are kept [default: $XDG_DATA_HOME/cupl-tui]; `:memory:` keeps nothing
    #[arg(long, global = true, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Seconds to wait while another program is reading or writing the store
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=31_536_000))]
    pub store_wait: u64,
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
    /// As the terminal says of its background.
    Auto,
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

/// How long a screen may show nothing but that the store is waited for.
const LONGEST_SCREEN_WAIT: Duration = Duration::from_secs(5);

/// The flag of this process's signals, once they are watched.
static SIGNALLED: OnceLock<Cancel> = OnceLock::new();

/// How commands wait for a store that another process has: with a line on standard error, until the patience or Ctrl-C ends it.
fn waiting(global: &Global) -> Waiting {
    Waiting {
        patience: Duration::from_secs(global.store_wait),
        tell: Arc::new(|line: &str| {
            // Where the signals cannot be watched, they end the program as the system has it.
            let _watched = cancel_on_signals();
            warn(line);
        }),
        stop: Arc::new(|| SIGNALLED.get().is_some_and(Cancel::is_cancelled)),
    }
}

/// Where the store of the screens is: they wait for it in silence, and not for long.
pub fn store_of_screens(global: &Global) -> Result<StorePlace, CommandError> {
    Ok(match store_place(global)? {
        StorePlace::Awaited(path, Waiting { patience, .. }) => {
            let patience = patience.min(LONGEST_SCREEN_WAIT);
            StorePlace::Awaited(path, Waiting { patience, ..Waiting::default() })
        }
        place => place,
    })
}

/// Where the store is: `--store`, else `$XDG_DATA_HOME/cupl-tui`, else `~/.local/share/cupl-tui`.
pub fn store_place(global: &Global) -> Result<StorePlace, CommandError> {
    if let Some(path) = &global.store {
        let in_memory = path.as_os_str() == ":memory:";
        return Ok(match in_memory {
            true => StorePlace::in_memory(),
            false => StorePlace::Awaited(path.clone(), waiting(global)),
        });
    }
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|data| StorePlace::Awaited(data.join("cupl-tui"), waiting(global)))
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

/// How long the program may take to come to an end by itself.
const LAST_CALL: Duration = Duration::from_millis(900);

/// Ends the program where it does not come to an end soon after a signal, wherever it is: in a file without end, say. What it has
/// kept is kept, whenever it ends.
fn end_soon_after(cancel: Cancel) {
    let watch = move || {
        while !cancel.is_cancelled() {
            std::thread::sleep(POLL_INTERVAL);
        }
        std::thread::sleep(LAST_CALL);
        complain(&WorkbenchError::Cancelled.to_string());
        std::process::exit(i32::from(INTERRUPTED));
    };
    // Without a thread, a second signal does it.
    let _watched = std::thread::Builder::new().name("signals".into()).spawn(watch);
}

/// A cancel flag that Ctrl-C and SIGTERM raise; the program ends within a second, and a second Ctrl-C ends it at once.
pub fn cancel_on_signals() -> Result<Cancel, CommandError> {
    if let Some(watched) = SIGNALLED.get() {
        return Ok(watched.clone());
    }
    let cancel = SIGNALLED.get_or_init(Cancel::default).clone();
    let flag = cancel.flag();
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, i32::from(INTERRUPTED), flag.clone())?;
        signal_hook::flag::register(signal, flag.clone())?;
    }
    end_soon_after(cancel.clone());
    Ok(cancel)
}
