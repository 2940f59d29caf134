//! `generate`: a prompt set that a language model writes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::context::{
    CommandError, Format, Global, Noted, Outcome, Output, StatusLine, cancel_on_signals, offered, open_store,
    warn,
};
use crate::prompts::generation::RejectionReason;
use crate::text::message::listed;
use crate::workbench::generation::{
    Backend, GeneratedClass, Generation, GenerationCost, GenerationPlan, GenerationSettings, LanguageModel,
    LlmPromptsChoice, Pace, RequestForm, SampleRequest, read_classes, token_counter,
};
use crate::workbench::{
    CheckpointChoice, ClassNameMap, Experiment, StorePlace, Workbench, WorkbenchError, check_prompt_set_name,
};

/// Write a prompt set with a language model: each class is described, as CuPL does it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui generate --dry-run --model gpt-4o-mini --name demo-llm
  cupl-tui generate --experiment pets.toml --model gpt-4o-mini --name pets-llm
  cupl-tui generate --model SmolLM2-135M-Instruct.Q4_1.gguf --seed 1 --name demo-smollm2
  cupl-tui generate --classes birds.txt --base-url http://localhost:11434/v1 --model llama3.2 --name birds
  cupl-tui evaluate --checkpoint demo --images demo --templates demo --cupl stored:demo-llm

Any server that speaks as OpenAI's does: OpenAI, vLLM, the server of llama.cpp, Ollama, LM Studio. The address is --base-url or
OPENAI_BASE_URL, the key OPENAI_API_KEY; the key is never kept, logged or shown. Without other wishes, the three LLM prompts of
CuPL are asked 10 times each per class, with temperature 0.99 and up to 50 tokens, to the end of the first sentence.
Each answer is kept the moment it is there: after an interruption the same command goes on, and no answer is paid for twice.
Sentences of no use (empty, refusal, fragment, no-class-name, duplicate, too-long, nothing-visual) are kept with their reason
and made up for. Everything can stand in the [generation] table of an experiment file, the key excepted.

Exit codes: 0 done, 1 a class has fewer sentences than wanted, 2 no answers, 130 interrupted.")]
pub struct Arguments {
    /// An experiment whose classes are described, or `demo` [default: demo]
    #[arg(long, value_name = "FILE")]
    pub experiment: Option<PathBuf>,
    /// Class names, one a line, or a JSON list, in place of the experiment's
    #[arg(long, value_name = "FILE")]
    pub classes: Option<PathBuf>,
    /// What the prompt set is called
    #[arg(long, value_name = "SET")]
    pub name: String,
    /// What answers: a server, or a GGUF file on this machine [default: gguf where the model ends in .gguf]
    #[arg(long, value_enum)]
    pub backend: Option<Backend>,
    /// The model, as the server calls it, or a GGUF file
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// The server, up to /v1 [default: OPENAI_BASE_URL, or https://api.openai.com/v1]
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// Which kind of requests: chat, or plain completions
    #[arg(long, value_enum)]
    pub form: Option<RequestForm>,
    /// LLM prompts: base, imagenet, or a file with one a line and {} for the class [default: base]
    #[arg(long, value_name = "FILE")]
    pub llm_prompts: Option<String>,
    /// Samples of each LLM prompt [default: 10]
    #[arg(long, value_name = "N", conflicts_with = "prompts_per_class")]
    pub samples: Option<usize>,
    /// Sentences of each class, spread over the LLM prompts
    #[arg(long, value_name = "N")]
    pub prompts_per_class: Option<usize>,
    /// 0 always takes the likeliest words [default: 0.99]
    #[arg(long, value_name = "T")]
    pub temperature: Option<f64>,
    /// Only the likeliest words with this share of the probability are drawn
    #[arg(long, value_name = "P")]
    pub top_p: Option<f64>,
    /// Tokens of an answer at most [default: 50]
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<usize>,
    /// An answer ends before this; may be given several times [default: .]
    #[arg(long, value_name = "TEXT")]
    pub stop: Vec<String>,
    /// Makes answers repeatable where the server can
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// What tells classes of one name apart, as `crane` and `bird`: a JSON object or a two-column CSV
    #[arg(long, value_name = "FILE")]
    pub hints: Option<PathBuf>,
    /// A line about the dataset, before each LLM prompt
    #[arg(long, value_name = "TEXT")]
    pub context: Option<String>,
    /// Requests at once [default: 4]
    #[arg(long, value_name = "N")]
    pub concurrency: Option<usize>,
    /// Samples that one request asks for at most [default: 10]
    #[arg(long, value_name = "N")]
    pub samples_at_once: Option<usize>,
    /// How often a request is tried [default: 6]
    #[arg(long, value_name = "N")]
    pub attempts: Option<u32>,
    /// Seconds that a request may take [default: 120]
    #[arg(long, value_name = "S")]
    pub timeout: Option<f64>,
    /// Seconds before the second attempt; they double with each [default: 1]
    #[arg(long, value_name = "S")]
    pub backoff: Option<f64>,
    /// Samples that may be asked for, for each wanted sentence [default: 3]
    #[arg(long, value_name = "X")]
    pub retry_limit: Option<f64>,
    /// Show what would be asked, and about how many tokens that is; nothing is sent
    #[arg(long)]
    pub dry_run: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

offered! { Backend:
    OpenAi "openai" "A server that speaks as OpenAI's does",
    Gguf "gguf" "A GGUF file of the architecture llama or gemma3",
}

offered! { RequestForm:
    Chat "chat" "The LLM prompt is a message of a conversation",
    Completions "completions" "The answer goes on from the LLM prompt",
}

/// Characters of a line that is written over.
const LINE: usize = 79;
/// Requests that a table of a dry run shows.
const SHOWN: usize = 6;

pub fn run(command: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let cancel = cancel_on_signals()?;
    check_prompt_set_name(&command.name).map_err(|error| CommandError::Usage(error.to_string()))?;
    let store = open_store(global)?;
    let (classes, of_file, checkpoint) = subject(command, &store)?;
    let settings = flags(command)?.or(of_file);
    let unused: Vec<&String> =
        settings.hints.iter().flat_map(BTreeMap::keys).filter(|name| !classes.contains(name)).collect();
    if !unused.is_empty() {
        warn(&format!("hints for classes that are not there: {}", listed(&unused, 10)));
    }
    let model = settings.open_model(|name| std::env::var(name).ok())?;
    let plan = settings.plan(&command.name, classes, &*model)?;
    let notes = without_effect(&settings, &*model);
    notes.iter().for_each(|note| warn(note));
    if command.dry_run {
        return dry_run(&plan, &*model, &notes, command.format, output);
    }
    let generation = Generation::open(plan, model, StorePlace::Memory(store), token_counter(&checkpoint)?)?;
    let already: usize = generation.all_classes().iter().map(|class| class.sentences.len()).sum();
    if already > 0 {
        warn(&format!("{already} answers are in the store already and are not asked for again"));
    }
    let status = StatusLine::stderr();
    let total: usize = generation.plan().classes.iter().map(|class| class.wanted).sum();
    let ended = generation.run(&cancel, &|notice| {
        let line = progress(total, &notice.pace, &generation.plan().classes[notice.class].name);
        // What a server says may be longer than a line of the terminal.
        let retry = notice.retry.map(|retry| retry.to_string().chars().take(LINE).collect());
        status.show(&retry.unwrap_or(line));
    });
    status.finish();
    generation.note().iter().for_each(|note| warn(note));
    let all = generation.all_classes();
    let is_short = all.iter().any(|class| class.n_accepted() < class.wanted);
    let saved = if ended.is_ok() && all.iter().all(|class| class.n_accepted() > 0) {
        Some(generation.save().map_err(|error| CommandError::Usage(error.to_string()))?)
    } else {
        None
    };
    report(
        &generation.plan(),
        &all,
        saved.as_ref().map(|saved| saved.version.as_str()),
        &notes,
        command.format,
        output,
    )?;
    if let Err(error) = ended {
        let kept: usize = all.iter().map(|class| class.sentences.len()).sum();
        warn(&format!("{kept} answers are kept: the same command goes on from there"));
        return Err(error.into());
    }
    if saved.is_none() {
        return Err(CommandError::Usage(
            "nothing was saved: a class has no sentence of use; see why with `--format json`, and try other LLM prompts, a \
             hint or another model"
                .to_owned(),
        ));
    }
    Ok(if is_short { Outcome::Skipped } else { Outcome::Done })
}

/// The classes, the settings of the experiment's file, and the checkpoint whose tokenizer counts.
fn subject(
    command: &Arguments,
    store: &crate::store::Store,
) -> Result<(Vec<String>, GenerationSettings, CheckpointChoice), CommandError> {
    let experiment = match &command.experiment {
        Some(path) if path.as_os_str() == crate::workbench::DEMO => Experiment::demo(),
        Some(path) => Experiment::read(path),
        None if command.classes.is_some() => {
            let classes = command.classes.as_deref().map(read_classes).transpose()?.unwrap_or_default();
            return Ok((classes, GenerationSettings::default(), CheckpointChoice::Demo));
        }
        None => Experiment::demo(),
    }
    .map_err(WorkbenchError::from)?;
    let (settings, checkpoint) = (experiment.generation.clone(), experiment.checkpoint.clone());
    let classes = match &command.classes {
        Some(path) => read_classes(path)?,
        None => Workbench::open(experiment, store.clone())?.class_names(),
    };
    Ok((classes, settings, checkpoint))
}

fn flags(command: &Arguments) -> Result<GenerationSettings, CommandError> {
    let hints = match &command.hints {
        None => None,
        Some(path) => {
            let pairs = ClassNameMap::read(path).map_err(WorkbenchError::from)?.pairs();
            if pairs.is_empty() {
                let problem = format!(
                    "{} names no class; hints are a JSON object or two columns, class name and hint",
                    path.display()
                );
                return Err(CommandError::Usage(problem));
            }
            Some(pairs.into_iter().collect::<BTreeMap<_, _>>())
        }
    };
    Ok(GenerationSettings {
        backend: command.backend,
        model: command.model.clone(),
        base_url: command.base_url.clone(),
        form: command.form,
        llm_prompts: command.llm_prompts.clone().map(LlmPromptsChoice::Named),
        samples: command.samples,
        prompts_per_class: command.prompts_per_class,
        temperature: command.temperature,
        top_p: command.top_p,
        max_tokens: command.max_tokens,
        stop: (!command.stop.is_empty()).then(|| command.stop.clone()),
        seed: command.seed,
        hints,
        context: command.context.clone(),
        concurrency: command.concurrency,
        samples_at_once: command.samples_at_once,
        attempts: command.attempts,
        timeout: command.timeout,
        backoff: command.backoff,
        retry_limit: command.retry_limit,
        api_key: None,
    })
}

/// What is said of settings that change nothing.
fn without_effect(settings: &GenerationSettings, model: &dyn LanguageModel) -> Vec<String> {
    let names = settings.without_effect(model).join(", ");
    let note = || {
        format!(
            "{names}: only of use with a server, and {} is a file; leave out what is not meant",
            model.model()
        )
    };
    (!names.is_empty()).then(note).into_iter().collect()
}

/// `writing 120/300 sentences, 12.3 sentences/s, 240 tokens/s, 15s left (tree frog)`
fn progress(total: usize, pace: &Pace, class: &str) -> String {
    let done = format!("writing {}/{total} sentences", total.saturating_sub(pace.missing));
    format!("{} ({class})", std::iter::once(done).chain(pace.words(true)).collect::<Vec<_>>().join(", "))
}

fn dry_run(
    plan: &GenerationPlan,
    model: &dyn LanguageModel,
    notes: &[String],
    format: Format,
    output: &mut Output,
) -> Result<Outcome, CommandError> {
    let requests = plan.first_requests(model.samples_at_once());
    let previews: Vec<_> =
        requests.iter().map(|(class, request)| (*class, request, model.preview(request))).collect();
    let tokens = |llm_prompt: &str| {
        let (llm_prompt, sampling) = (llm_prompt.to_owned(), plan.sampling.clone());
        model.preview(&SampleRequest { llm_prompt, samples: 0..1, sampling }).prompt_tokens
    };
    let GenerationCost { samples, prompt_tokens, answer_tokens, samples_at_most, .. } =
        plan.cost(model.samples_at_once(), &tokens);
    match format {
        Format::Json => output.json(&Noted::new(
            json!({
                "requests": previews.iter().map(|(class, request, preview)| json!({
                    "class": plan.classes[*class].name,
                    "llm_prompt": request.llm_prompt,
                    "samples": request.samples.len(),
                    "request": preview.text,
                    "prompt_tokens": preview.prompt_tokens,
                })).collect::<Vec<_>>(),
                "samples": samples,
                "prompt_tokens": prompt_tokens,
                "answer_tokens_at_most": answer_tokens,
                "samples_at_most": samples_at_most,
            }),
            notes,
        ))?,
        Format::Csv => {
            let heading = ["class", "llm_prompt", "samples", "prompt_tokens"].map(str::to_owned).to_vec();
            let records = previews.iter().map(|(class, request, preview)| {
                vec![
                    plan.classes[*class].name.clone(),
                    request.llm_prompt.clone(),
                    request.samples.len().to_string(),
                    preview.prompt_tokens.to_string(),
                ]
            });
            output.csv(std::iter::once(heading).chain(records))?;
        }
        Format::Table => {
            for (.., preview) in previews.iter().take(SHOWN) {
                output.line(&preview.text)?;
            }
            if previews.len() > SHOWN {
                output.line(&format!("and {} more; --format json shows all", previews.len() - SHOWN))?;
            }
            output.line("")?;
            output.line(&format!(
                "{} requests for {samples} samples: about {prompt_tokens} tokens of LLM prompts and at most {answer_tokens} of \
                 answers.",
                previews.len()
            ))?;
            output.line(&format!(
                "For answers of no use others are asked, up to {samples_at_most} samples in all. Nothing was sent."
            ))?;
        }
    }
    Ok(Outcome::Done)
}

fn report(
    plan: &GenerationPlan,
    classes: &[GeneratedClass],
    version: Option<&str>,
    notes: &[String],
    format: Format,
    output: &mut Output,
) -> Result<(), CommandError> {
    let named = || plan.classes.iter().map(|class| class.name.as_str()).zip(classes);
    let count = |class: &GeneratedClass, reason: RejectionReason| {
        let is = |rejection: &crate::prompts::generation::Rejection| rejection.reason == reason;
        class.sentences.iter().filter(|sentence| sentence.rejection.as_ref().is_some_and(is)).count()
    };
    let reasons = |class: &GeneratedClass| -> Vec<(&'static str, usize)> {
        let counted = RejectionReason::ALL.map(|reason| (reason.name(), count(class, reason)));
        counted.into_iter().filter(|(_, count)| *count > 0).collect()
    };
    match format {
        Format::Json => output.json(&Noted::new(
            json!({
                "name": plan.name,
                "version": version,
                "model": plan.model,
                "classes": named().map(|(name, class)| json!({
                    "class": name,
                    "accepted": class.n_accepted(),
                    "rejected": class.n_rejected(),
                    "reasons": reasons(class).into_iter().collect::<BTreeMap<_, _>>(),
                    "wanted": class.wanted,
                    "problem": class.problem,
                    "sentences": class.sentences.iter().map(|sentence| json!({
                        "text": sentence.text,
                        "rejection": sentence.rejection,
                    })).collect::<Vec<_>>(),
                })).collect::<Vec<_>>(),
            }),
            notes,
        ))?,
        Format::Csv => {
            let heading = ["class", "accepted", "rejected", "wanted", "problem"].map(str::to_owned).to_vec();
            let records = named().map(|(name, class)| {
                vec![
                    name.to_owned(),
                    class.n_accepted().to_string(),
                    class.n_rejected().to_string(),
                    class.wanted.to_string(),
                    class.problem.clone().unwrap_or_default(),
                ]
            });
            output.csv(std::iter::once(heading).chain(records))?;
        }
        Format::Table => {
            let mut rows = vec![["class", "of use", "wanted", "rejected"].map(str::to_owned).to_vec()];
            for (name, class) in named() {
                let why: Vec<String> =
                    reasons(class).into_iter().map(|(reason, count)| format!("{count} {reason}")).collect();
                let why = class.problem.clone().into_iter().chain(why).collect::<Vec<_>>().join(", ");
                rows.push(vec![
                    name.to_owned(),
                    class.n_accepted().to_string(),
                    class.wanted.to_string(),
                    why,
                ]);
            }
            output.table(&rows)?;
            if let Some(version) = version {
                let short = &version[..version.len().min(8)];
                output.line("")?;
                output.line(&format!(
                    "Saved as {0}@{short}. `cupl-tui prompts show {0}` lists it, `cupl-tui evaluate --cupl stored:{0} …` \
                     evaluates it.",
                    plan.name
                ))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn progress_has_rates_and_time_left() {
        let pace = Pace { answers: 20, tokens: 300, elapsed: Duration::from_secs(10), missing: 30 };
        assert_eq!(
            progress(50, &pace, "frog"),
            "writing 20/50 sentences, 2.0 sentences/s, 30 tokens/s, 15s left (frog)"
        );
        assert_eq!(
            progress(50, &Pace { missing: 50, ..Pace::default() }, "frog"),
            "writing 0/50 sentences (frog)"
        );
    }
}
