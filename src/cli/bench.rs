//! `bench`: how fast this machine embeds and evaluates.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use crate::cli::context::{
    CommandError, Format, Global, Outcome, Output, StatusLine, cancel_on_signals, warn,
};
use crate::workbench::{BenchmarkRequest, CheckpointChoice, Precision, benchmark};

/// Measure how fast this machine embeds and evaluates
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui bench                                     the embedded demo
  cupl-tui bench --checkpoint clip/ --images photos/ --precision int8
  cupl-tui bench --checkpoint clip/ --texts cupl.json --threads 8 --format json

Pictures and prompts are read before the clock runs, except for the rate with decoding. The share of the peak compares
the image tower with what the same threads can multiply and add at most in f32.")]
pub struct Arguments {
    /// A directory with CLIP or SigLIP, OWNER/NAME of a hub (see `cupl-tui pull`), or `demo`
    #[arg(long, value_name = "DIR", default_value = "demo")]
    pub checkpoint: PathBuf,
    /// A folder of pictures, searched recursively [default: the demo's, unless there are texts]
    #[arg(long, value_name = "DIR")]
    pub images: Option<PathBuf>,
    /// Texts: a line each, JSONL (.jsonl) with the key `text`, or CuPL JSON (.json) [default: the demo's prompts,
    /// unless there are images]
    #[arg(long, value_name = "FILE")]
    pub texts: Option<PathBuf>,
    /// How the encoders compute: f32, bf16 or int8
    #[arg(long, value_name = "NAME", default_value_t = Precision::F32)]
    pub precision: Precision,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

pub fn run(command: &Arguments, _: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let cancel = cancel_on_signals()?;
    let request = BenchmarkRequest {
        checkpoint: CheckpointChoice::at(&command.checkpoint),
        precision: command.precision,
        images: command.images.clone(),
        texts: command.texts.clone(),
    };
    let status = StatusLine::stderr();
    let measured = benchmark(&request, &cancel, &|what| status.show(what));
    status.finish();
    let measured = measured?;
    measured.notes.iter().for_each(|note| warn(note));
    let measured = serde_json::to_value(measured).map_err(std::io::Error::from)?;
    match command.format {
        Format::Json => output.json(&measured)?,
        Format::Csv => {
            let heading = vec!["what".to_owned(), "measured".to_owned()];
            let records = figures(&measured).into_iter().map(|(name, value)| vec![name, value]);
            output.csv(std::iter::once(heading).chain(records))?;
        }
        Format::Table => {
            for (name, value) in figures(&measured) {
                output.line(&format!("{name:<32} {value:>14}"))?;
            }
        }
    }
    Ok(Outcome::Done)
}

/// Every figure with its name, those of a part after the part's.
fn figures(measured: &Value) -> Vec<(String, String)> {
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            number.as_f64().map_or_else(String::new, |value| format!("{value:.2}"))
        }
        other => other.to_string(),
    };
    let mut figures = Vec::new();
    for (name, value) in measured.as_object().into_iter().flatten() {
        let name = name.replace('_', " ");
        match value {
            Value::Null | Value::Array(_) => {}
            Value::Object(part) => {
                let of_part = |(figure, value): (&String, &Value)| {
                    (
                        format!("{name}: {}", figure.replace("_per_s", " per s").replace('_', " ")),
                        shown(value),
                    )
                };
                figures.extend(part.iter().map(of_part));
            }
            value => figures.push((name, shown(value))),
        }
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_names_of_their_parts() {
        let measured = serde_json::json!({
            "precision": "f32", "threads": 2, "images": {"encode_per_s": 24.126}, "texts": null,
        });
        let expected = [("precision", "f32"), ("threads", "2"), ("images: encode per s", "24.13")];
        assert_eq!(figures(&measured), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
