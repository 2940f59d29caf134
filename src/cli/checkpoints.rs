//! `checkpoints`: what is in the hub's cache, and what an image costs with it.

use clap::Args;

use crate::cli::context::{CommandError, Format, Global, Outcome, Output};
use crate::workbench::{ListedCheckpoint, ModelFigures, list_checkpoints, short_size};

/// List the checkpoints that are in the hub's cache, with what an image costs on this machine
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui checkpoints
  cupl-tui checkpoints --all                  what is there and cannot be used, and why
  cupl-tui checkpoints --format json

Images per second are those of the image tower in f32, expected from what this machine's processor multiplies and adds at
most, measured at each call; `cupl-tui bench --checkpoint OWNER/NAME` measures them. The cache is that of `cupl-tui pull`.")]
pub struct Arguments {
    /// Also what cannot be used, with the reason
    #[arg(long)]
    pub all: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

pub fn run(command: &Arguments, _: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let all = list_checkpoints()?;
    let (usable, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|listed| listed.model.is_some());
    let shown: Vec<&ListedCheckpoint> = usable.iter().chain(others.iter().filter(|_| command.all)).collect();
    match command.format {
        Format::Json => output.json(&serde_json::to_value(&shown).map_err(std::io::Error::from)?)?,
        Format::Csv => {
            output.csv(std::iter::once(heading()).chain(shown.iter().map(|listed| row(listed))))?
        }
        Format::Table => {
            let rows: Vec<Vec<String>> = std::iter::once(heading()).chain(usable.iter().map(row)).collect();
            output.table(&rows)?;
            for other in others.iter().filter(|_| command.all) {
                output.line("")?;
                output.line(&format!(
                    "{} cannot be used: {}",
                    other.name,
                    other.problem.as_deref().unwrap_or_default()
                ))?;
            }
            if !others.is_empty() && !command.all {
                output.line("")?;
                output
                    .line(&format!("{} more in the cache cannot be used; --all says why.", others.len()))?;
            }
        }
    }
    Ok(Outcome::Done)
}

fn heading() -> Vec<String> {
    ["checkpoint", "architecture", "parameters", "size", "GFLOP/image", "images/s", "commit"]
        .map(str::to_owned)
        .to_vec()
}

fn row(listed: &ListedCheckpoint) -> Vec<String> {
    let of_model =
        |figure: &dyn Fn(&ModelFigures) -> String| listed.model.as_ref().map(figure).unwrap_or_default();
    vec![
        listed.name.clone(),
        of_model(&|model| model.architecture.clone()),
        of_model(&|model| format!("{:.1} M", model.parameters as f64 / 1e6)),
        listed.bytes.map(short_size).unwrap_or_default(),
        of_model(&|model| format!("{:.2}", model.gflop_per_image)),
        of_model(&|model| rate(model.expected_images_per_s)),
        listed.commit.as_deref().map(|commit| commit.chars().take(12).collect()).unwrap_or_default(),
    ]
}

/// Two digits: more would be more than is known.
fn rate(per_second: f64) -> String {
    match per_second {
        rate if rate >= 100.0 => format!("about {}", (rate / 10.0).round() * 10.0),
        rate if rate >= 10.0 => format!("about {rate:.0}"),
        rate => format!("about {rate:.1}"),
    }
}
