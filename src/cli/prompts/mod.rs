//! `prompts`: the prompt sets that the store keeps.

mod lint;
mod prune;
mod show;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::cli::context::{CommandError, Format, Global, Outcome, Output, open_store, table};
use crate::prompts::{DescriptorTemplate, PromptSet, PromptSetContent};
use crate::store::Store;
use crate::workbench::generation::{GeneratedSentence, kept_sentences, token_counter};
use crate::workbench::{
    AtomicFile, CheckpointChoice, PromptChange, PromptHistory, check_prompt_set_name, split_reference,
    stored_prompt_set, unknown_prompt_set,
};

/// Keep prompt sets in the store: import, list, show, export, remove
#[derive(Debug, Args)]
pub struct Arguments {
    /// What is to be done.
    #[command(subcommand)]
    pub command: PromptsCommand,
}

/// Its subcommands.
#[derive(Debug, Subcommand)]
pub enum PromptsCommand {
    /// Read a file of templates or CuPL prompts into the store
    Import {
        /// Text or a JSON list: templates; a JSON object: prompts per class; `file.json#key` picks one list of several
        file: PathBuf,
        /// The set's name [default: the file's]
        #[arg(long)]
        name: Option<String>,
        /// The file has descriptors as DCLIP has them: class names are put before them
        #[arg(long)]
        descriptors: bool,
        /// How they are joined: {} is the class name, {clause} "which has four legs", {descriptor} "four legs" [default:
        /// "{}, {clause}"]
        #[arg(long, value_name = "TEXT", value_parser = DescriptorTemplate::parse, requires = "descriptors")]
        descriptor_template: Option<DescriptorTemplate>,
    },
    /// The prompt sets in the store
    List {
        /// How to print them
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    Show(show::Arguments),
    Prune(prune::Arguments),
    Lint(lint::Arguments),
    /// Write a set to a file that `import` and other tools read
    Export {
        /// Its name, or NAME@VERSION
        set: String,
        /// The file to write
        #[arg(long)]
        out: PathBuf,
        /// The prompts alone, or each generated sentence, of use or not, with where it comes from
        #[arg(long, value_enum, default_value_t = SetForm::Cupl)]
        form: SetForm,
    },
    /// Remove a set: one version of it, or all
    Remove {
        /// Its name, or NAME@VERSION
        set: String,
    },
}

/// The values of `prompts export --form`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SetForm {
    /// JSON as the published CuPL files have it.
    Cupl,
    /// One JSON object a line, with LLM prompt, model and settings.
    Jsonl,
}

pub fn run(arguments: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    match &arguments.command {
        PromptsCommand::Show(command) if command.set().is_none() => {
            return show::run(command, global, output);
        }
        PromptsCommand::Prune(command) => return prune::run(command, global, output),
        PromptsCommand::Lint(command) => return lint::run(command, global, output),
        _ => {}
    }
    let store = open_store(global)?;
    match &arguments.command {
        PromptsCommand::Import { file, name, descriptors, descriptor_template } => {
            let mut set = match descriptors {
                true => PromptSet::read_descriptors(file, &descriptor_template.clone().unwrap_or_default())?,
                false => PromptSet::read(file)?,
            };
            if let Some(name) = name {
                set.name.clone_from(name);
            }
            check_prompt_set_name(&set.name)
                .map_err(|error| CommandError::Usage(format!("{error} with --name")))?;
            let version = store.save_prompt_set(&set.name, &set.to_json())?;
            store.flush()?;
            output.line(&format!("{}@{version}: {}", set.name, describe(&set)))?;
            for note in &set.notes {
                output.line(&format!("note: {note}"))?;
            }
        }
        PromptsCommand::List { format } => list(&store, *format, output)?,
        PromptsCommand::Show(command) => show(&store, command, output)?,
        // Done above, without the store that is open here.
        PromptsCommand::Lint(_) | PromptsCommand::Prune(_) => {}
        PromptsCommand::Export { set, out, form: SetForm::Jsonl } => {
            let (name, _) = split_reference(set);
            let counter = token_counter(&CheckpointChoice::Demo)?;
            let classes = kept_sentences(name, &store, &*counter)?;
            if classes.is_empty() {
                return Err(CommandError::Usage(format!(
                    "nothing was generated as {name:?}, so there is nothing to say where its sentences come from; \
                     --form cupl exports the prompts alone"
                )));
            }
            let lines: Vec<String> = classes
                .iter()
                .flat_map(|(class, sentences)| sentences.iter().map(move |sentence| (class, sentence)))
                .map(|(class, sentence)| provenance(class, sentence).to_string())
                .collect();
            AtomicFile::begin(out)?.finish(format!("{}\n", lines.join("\n")).as_bytes())?;
            output.line(&format!("{}: {} sentences", out.display(), lines.len()))?;
        }
        PromptsCommand::Export { set, out, form: SetForm::Cupl } => {
            let (set, _) = stored(&store, set)?;
            AtomicFile::begin(out)?.finish(set.to_json().as_bytes())?;
            output.line(&format!("{}: {}", out.display(), describe(&set)))?;
        }
        PromptsCommand::Remove { set } => {
            let (name, version) = split_reference(set);
            let removed = store.remove_prompt_set(name, version)?;
            if removed == 0 {
                return Err(unknown_prompt_set(name, version, &store)?.into());
            }
            store.flush()?;
            output
                .line(&format!("removed {removed} {}", if removed == 1 { "version" } else { "versions" }))?;
        }
    }
    Ok(Outcome::Done)
}

/// A stored set and its version.
fn stored(store: &Store, reference: &str) -> Result<(PromptSet, String), CommandError> {
    let (name, version) = split_reference(reference);
    Ok(stored_prompt_set(name, version, store)?)
}

/// Where a generated sentence comes from, and whether it is of use.
fn provenance(class: &str, sentence: &GeneratedSentence) -> serde_json::Value {
    let sample = &sentence.sample;
    json!({
        "class": class,
        "prompt": sentence.text,
        "accepted": sentence.rejection.is_none(),
        "rejection": sentence.rejection,
        "llm_prompt": sample.llm_prompt,
        "answer": sample.text,
        "backend": sample.backend,
        "model": sample.model,
        "sample": sample.number,
        "temperature": sample.sampling.temperature,
        "top_p": sample.sampling.top_p,
        "max_tokens": sample.sampling.max_tokens,
        "stop": sample.sampling.stop,
        "seed": sample.sampling.seed,
        "ending": sample.ending,
        "tokens": sample.tokens,
        "time": sample.time,
    })
}

fn describe(set: &PromptSet) -> String {
    match &set.content {
        PromptSetContent::Templates(_) => format!("{} templates", set.n_prompts()),
        PromptSetContent::PerClass(classes) => {
            format!("{} prompts for {} classes", set.n_prompts(), classes.len())
        }
    }
}

/// Since 1970.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn list(store: &Store, format: Format, output: &mut Output) -> Result<(), CommandError> {
    let mut sets = Vec::new();
    for info in store.prompt_sets()? {
        // One that cannot be used any more does not hide the others.
        let content = match stored(store, &format!("{}@{}", info.name, info.version)) {
            Ok((set, _)) => describe(&set),
            Err(error) => error.to_string(),
        };
        sets.push((info, content));
    }
    match format {
        Format::Json => output.json(
            &sets
                .iter()
                .map(|(info, content)| {
                    json!({
                        "name": info.name, "version": info.version,
                        "saved_at": seconds(info.saved_at), "content": content,
                    })
                })
                .collect::<Vec<_>>(),
        )?,
        Format::Csv => {
            let heading = ["name", "version", "saved_at", "content"].map(str::to_owned).to_vec();
            let records = sets.into_iter().map(|(info, content)| {
                vec![info.name, info.version, seconds(info.saved_at).to_string(), content]
            });
            output.csv(std::iter::once(heading).chain(records))?;
        }
        Format::Table if sets.is_empty() => {
            output.line("No prompt sets yet: `cupl-tui prompts import FILE` adds one.")?;
        }
        Format::Table => {
            let mut rows = vec![["set", "version", "content"].map(str::to_owned).to_vec()];
            rows.extend(sets.into_iter().map(|(info, content)| vec![info.name, info.version, content]));
            for line in table::lines(&rows) {
                output.line(&line)?;
            }
        }
    }
    Ok(())
}

fn show(store: &Store, command: &show::Arguments, output: &mut Output) -> Result<(), CommandError> {
    let reference = command.set().unwrap_or_default();
    if command.strategy.is_some() {
        return Err(CommandError::Usage(format!(
            "--strategy belongs to an experiment, and {reference:?} is a set in the store: leave it out, or name a file that ends in .toml"
        )));
    }
    let (set, version) = stored(store, reference)?;
    let class = command.class.as_deref();
    // Templates stand under a blank class: they are every class's.
    let rows: Vec<(String, Vec<String>)> = match &set.content {
        PromptSetContent::Templates(templates) => match class {
            Some(class) => vec![(class.to_owned(), templates.iter().map(|t| t.fill(class)).collect())],
            None => vec![(String::new(), templates.iter().map(|t| t.text().to_owned()).collect())],
        },
        PromptSetContent::PerClass(classes) => {
            let wanted: Vec<_> =
                classes.iter().filter(|(name, _)| class.is_none_or(|class| class == name)).cloned().collect();
            if let (Some(class), true) = (class, wanted.is_empty()) {
                return Err(CommandError::Usage(format!(
                    "{} has no prompts for the class {class:?}; `prompts show {}` lists its classes",
                    set.name, set.name
                )));
            }
            wanted
        }
    };
    let history = PromptHistory::from_store(&set.name, &version, store)?;
    match command.format {
        Format::Json => output.json(&json!({
            "name": set.name,
            "version": version,
            "history": history,
            "prompts": rows.iter().map(|(class, prompts)| json!({"class": class, "prompts": prompts})).collect::<Vec<_>>(),
        }))?,
        Format::Csv => {
            let records = rows.into_iter().flat_map(|(class, prompts)| {
                prompts.into_iter().map(move |prompt| vec![class.clone(), prompt])
            });
            output.csv(std::iter::once(vec!["class".into(), "prompt".into()]).chain(records))?;
        }
        Format::Table => {
            output.heading(&format!("{}@{version}: {}", set.name, describe(&set)))?;
            if let Some(history) = history {
                print_history(&history, output)?;
            }
            for (class, prompts) in rows {
                if !class.is_empty() {
                    output.line(&class)?;
                }
                for prompt in prompts {
                    output.line(&format!("  {prompt}"))?;
                }
            }
        }
    }
    Ok(())
}

/// What a set was made of, and each change: `-` before a text that counts no more, `+` before one that is new.
fn print_history(history: &PromptHistory, output: &mut Output) -> Result<(), CommandError> {
    output.line(&format!(
        "made of {} ({}): top-1 {} before, {} after {} changes, {} gained and {} lost of {} images of {} with {}",
        history.strategy,
        history.prompt_sets.join(", "),
        table::percent(Some(history.top1_before)),
        table::percent(Some(history.top1_after)),
        history.changes.len(),
        history.gained,
        history.lost,
        history.images,
        history.dataset,
        history.checkpoint,
    ))?;
    for PromptChange { class, prompt, before, after } in &history.changes {
        for (sign, text) in [("-", before), ("+", after)] {
            if let Some(text) = text {
                output.line(&format!("  {sign} {class} {prompt}: {text}"))?;
            }
        }
    }
    output.line("")?;
    Ok(())
}
