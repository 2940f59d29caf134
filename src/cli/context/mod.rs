//! What subcommands share: flags and their values, the experiment they open, printing, how they end. No subcommand is
//! known here.

mod compared;
mod ending;
mod experiment;
mod experiment_arguments;
mod global;
pub mod output;
pub mod table;
mod values;

pub use compared::{Compared, clearest_first};
pub use ending::{CommandError, INTERRUPTED, Outcome};
pub use experiment::{Opened, Pair, introduce, outcome};
pub use experiment_arguments::{ExperimentArguments, FlagArguments, PairArguments};
pub use global::{
    Global, ThemeFlag, cancel_on_signals, choose_instruction_set, open_store, set_threads, store_of_screens,
    store_place,
};
pub use output::{Noted, Output, ProgressLine, Sequence, StatusLine, warn, warn_about, write_csv};
pub use table::{percent, points};
pub(in crate::cli) use values::offered;
pub use values::{Format, named, share};
