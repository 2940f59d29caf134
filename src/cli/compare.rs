//! `compare`: whether one strategy is better than another, and on which classes.

use std::path::PathBuf;

use clap::Args;

use crate::cli::context::{
    CommandError, Compared, ExperimentArguments, FlagArguments, Format, Global, Opened, Outcome, Output,
    PairArguments, clearest_first, introduce, outcome,
};
use crate::workbench::{Precision, SessionOptions, class_table, verdict};

/// Whether one strategy is better than another, and on which classes
#[derive(Debug, Args)]
#[command(
    override_usage = "cupl-tui compare [OPTIONS] [EXPERIMENT] [A B]",
    after_help = "Examples:
  cupl-tui compare                                  the embedded demo, the first other strategy against the baseline
  cupl-tui compare pets.toml templates cupl         cupl against templates
  cupl-tui compare pets.toml --format json | jq .mcnemar_p

Gained are the images that A has wrong and B has right, lost the reverse. p is McNemar's exact test, two-sided: below 0.05
the difference is proven. Of classes, p (Holm) accounts for there being many. The interval holds the difference in 95 % of
10,000 resamples of the images. Provable from: the smallest difference that so many images can prove, were there no other
classes; fewer than 6 images prove nothing. In JSON and CSV, differences are from 0 to 1."
)]
pub struct Arguments {
    /// An experiment file (TOML), or strategies A and B, or all three [default: the embedded demo, its baseline and the
    /// first other strategy]
    #[arg(value_name = "EXPERIMENT A B", num_args = 0..=3)]
    pub words: Vec<String>,
    /// Instead of a file.
    #[command(flatten)]
    pub flags: FlagArguments,
    /// How the encoders compute: f32; int8, which is faster and nearly the same; or bf16, which is nearer and needs AVX-512 BF16 or AMX [default: the experiment's, or f32]
    #[arg(long, value_name = "NAME")]
    pub precision: Option<Precision>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

impl Arguments {
    /// One word is an experiment, two are strategies, three are both.
    pub fn pair(&self) -> Result<PairArguments, CommandError> {
        let (file, strategies) = match &self.words[..] {
            [] => (None, None),
            [file] => (Some(file), None),
            [a, b] => (None, Some((a, b))),
            [file, a, b] => (Some(file), Some((a, b))),
            _ => return Err(CommandError::Usage("name at most an experiment and two strategies".into())),
        };
        let experiment = ExperimentArguments {
            file: file.map(PathBuf::from),
            flags: self.flags.clone(),
            precision: self.precision,
        };
        if let (Some(file), false) = (file, experiment.flags().is_empty()) {
            return Err(CommandError::Usage(format!(
                "name an experiment, here {file}, or --checkpoint, --images and so on, but not both; two strategies are \
                 named together, as in `cupl-tui compare templates cupl`"
            )));
        }
        let (a, b) = strategies.map_or((None, None), |(a, b)| (Some(a.clone()), Some(b.clone())));
        Ok(PairArguments { experiment, a, b })
    }
}

pub fn run(command: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let arguments = command.pair()?;
    let opened = Opened::new(&arguments.experiment, global)?;
    let pair = opened.pair(&arguments)?;
    if pair.is_alone() {
        return Err(CommandError::Usage("two different strategies are needed to compare them".into()));
    }
    let session = opened.evaluate(SessionOptions::default())?;
    let Some(comparison) = pair.comparison(&session) else { return Ok(outcome(&session)) };

    let mut rows = class_table(&session, pair.a, pair.b);
    clearest_first(&mut rows);
    let compared = Compared {
        experiment: Some(&session.experiment),
        a: &session.strategies[pair.a].name,
        b: &session.strategies[pair.b].name,
        classes: session.classes.iter().map(String::as_str).collect(),
        comparison: &comparison,
        rows: &rows,
    };
    match command.format {
        Format::Table => {
            introduce(&session, output)?;
            output.line(&verdict(&session, pair.a, pair.b, &comparison))?;
            output.line(&pair.legend(&session))?;
            compared.print(output)?;
        }
        Format::Json => output.session_json(&session, compared.report(), &[])?,
        Format::Csv => output.csv(compared.records())?,
    }
    Ok(outcome(&session))
}
