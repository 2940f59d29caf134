//! What the value of a flag may be, where several subcommands have such a flag.

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For spreadsheets.
    Csv,
}

/// One of `all`, by its name.
pub fn named<T: Copy + Send + Sync>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.iter().map(|&value| name(value))).try_map(move |wanted| {
        let found = all.iter().copied().find(|&value| name(value) == wanted);
        found.ok_or("there is no such name")
    })
}

/// A part of something, without none and all of it.
pub fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| "a number between 0 and 1 is needed, as 0.5".to_owned())
}

/// Lets clap offer the values of an enum that stands below `cli`: each with its name and what it means.
macro_rules! offered {
    ($type:ty: $($value:ident $name:literal $meaning:literal),* $(,)?) => {
        impl clap::ValueEnum for $type {
            fn value_variants<'a>() -> &'a [Self] {
                &[$(Self::$value),*]
            }

            fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
                let (name, meaning) = match self {
                    $(Self::$value => ($name, $meaning)),*
                };
                Some(clap::builder::PossibleValue::new(name).help(meaning))
            }
        }
    };
}
pub(in crate::cli) use offered;
