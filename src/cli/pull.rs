//! `pull`: checkpoints from a hub.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::context::{
    CommandError, Format, Global, Outcome, Output, ProgressLine, cancel_on_signals, warn,
};
use crate::workbench::{
    Cancel, CheckpointChoice, Hub, HubError, HubSettings, Plan, PlannedFile, Repository, WorkbenchError,
    checkpoint_in_words, pull, short_size,
};

/// Download checkpoints from a Hugging Face hub, into the cache that its Python library keeps
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui pull openai/clip-vit-base-patch32
  cupl-tui pull openai/clip-vit-base-patch32 --dry-run       the files and their sizes
  cupl-tui pull laion/CLIP-ViT-B-32-laion2B-s34B-b79K@main openai/clip-vit-large-patch14
  cupl-tui pull openai/clip-vit-base-patch32 --revision refs/pr/66
  cupl-tui evaluate --checkpoint openai/clip-vit-base-patch32 --images pets/ --templates templates.txt

Only what a checkpoint needs is downloaded: its description, tokenizer, preprocessing and weights (safetensors, or
pytorch_model.bin where there is nothing else). Each file's checksum is verified before it gets its name. After an interruption
the same command goes on where it was. What is in the cache already, from here or from Python, is not downloaded again.

  HF_HOME, HF_HUB_CACHE   where the cache is [default: ~/.cache/huggingface/hub]
  HF_ENDPOINT             the hub [default: https://huggingface.co]
  HF_TOKEN                for private and gated repositories; else HUGGING_FACE_HUB_TOKEN, else the file $HF_HOME/token, which
                          `hf auth login` writes; HF_HUB_DISABLE_IMPLICIT_TOKEN=1 sends none
  HF_HUB_OFFLINE=1        ask no hub
  HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY

Exit codes: 0 done, 2 not done or no checkpoint that can be used, 130 interrupted.")]
pub struct Arguments {
    /// OWNER/NAME, or OWNER/NAME@REVISION
    #[arg(value_name = "REPOSITORY", required = true)]
    pub repositories: Vec<String>,
    /// A branch, a tag or a commit of those without @REVISION [default: main]
    #[arg(long, value_name = "REVISION")]
    pub revision: Option<String>,
    /// Say what would be downloaded, and download nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Attempts in a row that bring nothing, before it is given up
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub attempts: Option<u32>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Digits of a commit that are shown.
const SHOWN: usize = 12;

/// What became of a repository.
struct Pulled {
    /// As it was before.
    plan: Plan,
    /// Nothing was downloaded but this; `None` after a dry run.
    done: Option<Done>,
}

struct Done {
    /// Bytes that came over the network.
    received: u64,
    /// What the checkpoint is, or why it cannot be used.
    checkpoint: Result<String, String>,
}

pub fn run(command: &Arguments, _: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let cancel = cancel_on_signals()?;
    let repositories = repositories(command).map_err(WorkbenchError::from)?;
    let settings = HubSettings::from_environment(|name| std::env::var(name).ok());
    let mut settings = settings.map_err(WorkbenchError::from)?;
    settings.attempts = command.attempts.unwrap_or(settings.attempts);
    let hub = Hub::new(settings).telling(Box::new(warn));
    let (mut pulled, mut problem) = (Vec::new(), None);
    for repository in &repositories {
        match one(&hub, repository, command.dry_run, &cancel) {
            Ok(done) => pulled.push(done),
            Err(error) => {
                problem = Some(error);
                break;
            }
        }
    }
    // What was done is said, whatever came after it.
    if problem.is_none() || !pulled.is_empty() {
        report(&pulled, command.format, output)?;
    }
    let is_usable = |pulled: &Pulled| pulled.done.as_ref().is_none_or(|done| done.checkpoint.is_ok());
    match problem {
        Some(error) => Err(error.into()),
        None if pulled.iter().all(is_usable) => Ok(Outcome::Done),
        None => Ok(Outcome::Unusable),
    }
}

fn repositories(command: &Arguments) -> Result<Vec<Repository>, HubError> {
    let parsed = command.repositories.iter().map(|text| {
        let repository = Repository::parse(text)?;
        match &command.revision {
            Some(revision) if !repository.is_pinned() => repository.at(revision),
            _ => Ok(repository),
        }
    });
    parsed.collect()
}

fn one(hub: &Hub, repository: &Repository, dry_run: bool, cancel: &Cancel) -> Result<Pulled, WorkbenchError> {
    let plan = hub.plan(repository, &|| cancel.is_cancelled())?;
    if dry_run {
        return Ok(Pulled { plan, done: None });
    }
    let progress = ProgressLine::stderr();
    let received = pull(hub, &plan, cancel, &|state| progress.show(&state));
    progress.finish();
    let received = received?;
    let downloaded = CheckpointChoice::Directory(plan.folder.clone());
    let checkpoint =
        checkpoint_in_words(&downloaded, Some(&repository.to_string())).map_err(|error| error.to_string());
    Ok(Pulled { plan, done: Some(Done { received, checkpoint }) })
}

fn report(pulled: &[Pulled], format: Format, output: &mut Output) -> Result<(), CommandError> {
    match format {
        Format::Json => output.json(&pulled.iter().map(as_json).collect::<Vec<_>>())?,
        Format::Csv => {
            let heading = ["repository", "commit", "file", "bytes", "bytes_there_before"].map(str::to_owned);
            let records = pulled.iter().flat_map(|Pulled { plan, .. }| {
                plan.files.iter().map(|file| {
                    let (size, there) = (file.size.to_string(), file.there.to_string());
                    vec![plan.repository.to_string(), plan.commit.clone(), file.name.clone(), size, there]
                })
            });
            output.csv(std::iter::once(heading.to_vec()).chain(records))?;
        }
        Format::Table => {
            for (place, one) in pulled.iter().enumerate() {
                if place > 0 {
                    output.line("")?;
                }
                table(one, output)?;
            }
        }
    }
    Ok(())
}

fn as_json(Pulled { plan, done }: &Pulled) -> Value {
    let files = plan
        .files
        .iter()
        .map(|file| json!({"file": file.name, "bytes": file.size, "bytes_there_before": file.there}));
    let mut value = json!({
        "repository": plan.repository.id(),
        "revision": plan.repository.revision(),
        "commit": plan.commit,
        "folder": plan.folder.display().to_string(),
        "files": files.collect::<Vec<_>>(),
        "bytes": plan.size(),
        "bytes_there_before": plan.there(),
    });
    if let Some(done) = done {
        value["bytes_received"] = json!(done.received);
        value["checkpoint"] = json!(done.checkpoint.as_ref().ok());
        value["problem"] = json!(done.checkpoint.as_ref().err());
    }
    value
}

fn table(Pulled { plan, done }: &Pulled, output: &mut Output) -> Result<(), CommandError> {
    let commit: String = plan.commit.chars().take(SHOWN).collect();
    output.line(&format!("{}, commit {commit}", plan.repository))?;
    let mut rows = vec![["file", "size", ""].map(str::to_owned).to_vec()];
    let row =
        |file: &PlannedFile| vec![file.name.clone(), short_size(file.size), state(file, done.is_none())];
    rows.extend(plan.files.iter().map(row));
    output.table(&rows)?;
    output.line("")?;
    let Some(Done { received, checkpoint }) = done else {
        output.line(&format!(
            "{} to download of {}, to {}. Nothing was downloaded.",
            short_size(plan.missing()),
            short_size(plan.size()),
            plan.folder.display()
        ))?;
        return Ok(());
    };
    output.line(&format!(
        "{} in {}; {} came over the network.",
        short_size(plan.size()),
        plan.folder.display(),
        short_size(*received)
    ))?;
    match checkpoint {
        Ok(words) => {
            output.line(words)?;
            output.line(&format!(
                "Use it with --checkpoint {0}, or checkpoint = \"{0}\" in an experiment file.",
                plan.repository
            ))?;
        }
        Err(problem) => output.line(&format!("It is there, and it cannot be used: {problem}"))?,
    }
    Ok(())
}

/// What was, or is to be, done about a file.
fn state(file: &PlannedFile, is_to_come: bool) -> String {
    match (file.there, is_to_come) {
        (there, _) if there == file.size => "is there".to_owned(),
        (0, true) => "to download".to_owned(),
        (0, false) => "downloaded".to_owned(),
        (there, true) => format!("{} to download", short_size(file.size - there)),
        (there, false) => format!("{} downloaded", short_size(file.size - there)),
    }
}
