//! `bench`: how fast this machine embeds and evaluates.

use serde_json::Value;

use super::arguments::{BenchArguments, Format};
use super::output::{Output, StatusLine};
use super::{CommandError, Outcome, cancel_on_signals};
use crate::workbench::{BenchmarkRequest, CheckpointChoice, benchmark};

pub fn run(command: &BenchArguments, output: &mut Output) -> Result<Outcome, CommandError> {
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
    let measured = serde_json::to_value(measured?).map_err(std::io::Error::from)?;
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
            Value::Null => {}
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
