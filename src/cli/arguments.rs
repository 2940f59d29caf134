//! The command line as clap parses it.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use super::CommandError;
use crate::language_model::Backend;
use crate::language_model::openai::RequestForm;
use crate::prompts::{Aggregation, DescriptorTemplate};
use crate::tui::graphics::PictureChoice;
use crate::tui::theme::ColorChoice;
use crate::workbench::{
    CalibrationOptions, Change, ClassColumn, CurveOptions, EmbeddingForm, Experiment, ExperimentFlags,
    FindingKind, ImageFilter, NumberType, Origin, Precision, WorkbenchError,
};

/// A terminal workbench for prompt strategies of zero-shot image classifiers.
///
/// Compares hand-written templates with CuPL prompts (sentences about each class written by a language model), class by
/// class and image by image. Without arguments it opens an embedded demo, or asks which of your experiments to open once
/// there are some.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  cupl-tui                                   the workbench on the embedded demo, or on one of your experiments
  cupl-tui pets.toml                         the workbench on an experiment of yours
  cupl-tui --checkpoint clip-vit-base-patch32 --images pets/ \\
           --templates templates.txt --cupl pets.json
  cupl-tui evaluate pets.toml --format json  the same numbers without a terminal

Exit codes: 0 done, 1 done with skipped input, 2 usage or environment, 130 interrupted."
)]
pub struct Arguments {
    /// The experiment of the workbench.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// For every command.
    #[command(flatten)]
    pub global: Global,
    /// Without one, the workbench.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Where embeddings, prompt sets and runs are kept [default: $XDG_DATA_HOME/cupl-tui]; `:memory:` keeps nothing
    #[arg(long, global = true, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Threads for encoding and evaluation [default: one a core]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Colours: auto follows NO_COLOR, COLORTERM and TERM
    #[arg(long, global = true, value_enum, default_value_t = ColorFlag::Auto)]
    pub color: ColorFlag,
    /// Draw with ASCII only
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Colours for a dark or a light background, or none [default: the settings', or dark]
    #[arg(long, global = true, value_enum)]
    pub theme: Option<ThemeFlag>,
    /// How the workbench shows pictures: auto asks the terminal [default: the settings', or auto]
    #[arg(long, global = true, value_enum, value_name = "HOW")]
    pub pictures: Option<PicturesFlag>,
}

/// The values of `--pictures`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PicturesFlag {
    /// The best that the terminal says it can do.
    Auto,
    /// Not at all.
    Off,
    /// With half-blocks in two colours.
    Halfblocks,
    /// As sixels.
    Sixel,
    /// With kitty's protocol.
    Kitty,
    /// With iTerm2's protocol.
    Iterm2,
}

impl From<PicturesFlag> for PictureChoice {
    fn from(flag: PicturesFlag) -> Self {
        match flag {
            PicturesFlag::Auto => Self::Auto,
            PicturesFlag::Off => Self::Off,
            PicturesFlag::Halfblocks => Self::Halfblocks,
            PicturesFlag::Sixel => Self::Sixel,
            PicturesFlag::Kitty => Self::Kitty,
            PicturesFlag::Iterm2 => Self::Iterm2,
        }
    }
}

/// The values of `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorFlag {
    /// As the environment says.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The values of `--theme`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThemeFlag {
    /// On a dark background.
    Dark,
    /// On a light one.
    Light,
    /// Without colours.
    Mono,
}

impl From<ColorFlag> for ColorChoice {
    fn from(flag: ColorFlag) -> Self {
        match flag {
            ColorFlag::Auto => Self::Auto,
            ColorFlag::Always => Self::Always,
            ColorFlag::Never => Self::Never,
        }
    }
}

/// An experiment: a file, or flags instead of one, or the demo.
#[derive(Debug, Args)]
pub struct ExperimentArguments {
    /// An experiment file (TOML) [default: the embedded demo]
    #[arg(value_name = "EXPERIMENT", conflicts_with = "FlagArguments")]
    pub file: Option<PathBuf>,
    /// Instead of a file.
    #[command(flatten)]
    pub flags: FlagArguments,
    /// How the encoders compute: f32, or int8, which is faster and nearly the same [default: the experiment's, or f32]
    #[arg(long, value_name = "NAME")]
    pub precision: Option<Precision>,
}

/// What an experiment is made of without a file.
#[derive(Debug, Clone, Args)]
pub struct FlagArguments {
    /// A directory with CLIP or SigLIP, OWNER/NAME of a hub (see `cupl-tui pull`), or `demo`
    #[arg(long, value_name = "DIR")]
    pub checkpoint: Option<PathBuf>,
    /// Images: a folder with a sub-folder per class, a CSV, TSV or JSONL of path and label, tar shards, Parquet, or `demo`
    #[arg(long, value_name = "DIR")]
    pub images: Option<PathBuf>,
    /// From folder names to class names: a JSON object or list, a two-column CSV, or a list of ImageNet's synsets
    #[arg(long, value_name = "FILE")]
    pub class_names: Option<PathBuf>,
    /// The label that the first name of a list of class names stands for [default: 0]
    #[arg(long, value_name = "NUMBER")]
    pub first_label: Option<u64>,
    /// Hand-written templates with {} for the class name: a text file or a list, one template itself, `stored:NAME`, or `demo`
    /// [default, without other prompts: zeroshot_classification_templates.txt beside the images, or "a photo of a {}."]
    #[arg(long, value_name = "FILE")]
    pub templates: Option<PathBuf>,
    /// CuPL prompts: a JSON object from class names to sentences (`FILE#KEY`: one dataset of several), `stored:NAME`, or `demo`
    #[arg(long, value_name = "FILE")]
    pub cupl: Option<PathBuf>,
    /// Descriptors as DCLIP has them: a JSON object from class names to what they look like, as "four legs", which becomes
    /// "cat, which has four legs"
    #[arg(long, value_name = "FILE")]
    pub descriptors: Option<PathBuf>,
    /// How descriptors are joined to class names: {} is the name, {clause} "which has four legs", {descriptor} "four legs"
    /// [default: "{}, {clause}"]
    #[arg(long, value_name = "TEXT", value_parser = DescriptorTemplate::parse, requires = "descriptors")]
    pub descriptor_template: Option<DescriptorTemplate>,
    /// How a class's prompts become its scores: mean, pooled-mean, similarity-mean, max, zpe or autoclip [default: mean, for
    /// descriptors similarity-mean]
    #[arg(long, value_name = "NAME")]
    pub aggregation: Option<Aggregation>,
}

impl ExperimentArguments {
    /// Nothing was given: the demo is meant.
    pub fn is_empty(&self) -> bool {
        self.file.is_none() && self.precision.is_none() && self.flags().is_empty()
    }

    /// What was given in the place of a file.
    pub fn flags(&self) -> ExperimentFlags {
        ExperimentFlags {
            checkpoint: self.flags.checkpoint.clone(),
            images: self.flags.images.clone(),
            class_names: self.flags.class_names.clone(),
            first_label: self.flags.first_label,
            templates: self.flags.templates.clone(),
            cupl: self.flags.cupl.clone(),
            descriptors: self.flags.descriptors.clone(),
            descriptor_template: self.flags.descriptor_template.as_ref().map(|t| t.text().to_owned()),
            aggregation: self.flags.aggregation,
        }
    }

    /// Where the experiment comes from, so that it can be opened again.
    pub fn origin(&self) -> Origin {
        let flags = self.flags();
        match &self.file {
            Some(file) => Origin::File(file.clone()),
            None if flags.is_empty() => Origin::Demo,
            None => Origin::Flags(Box::new(flags)),
        }
        .absolute()
    }

    /// The experiment they name.
    pub fn experiment(&self) -> Result<Experiment, CommandError> {
        let flags = self.flags();
        let experiment = match &self.file {
            Some(file) => {
                if let Some(correction) = mistyped_command(file) {
                    return Err(CommandError::Usage(correction));
                }
                Experiment::read(file)
            }
            None if flags.is_empty() => Experiment::demo(),
            None => Experiment::from_flags(&flags),
        };
        let mut experiment = experiment.map_err(WorkbenchError::from)?;
        experiment.precision = self.precision.unwrap_or(experiment.precision);
        Ok(experiment)
    }
}

/// What to say to somebody who named a file that is not there and may have meant a command.
pub fn mistyped_command(file: &Path) -> Option<String> {
    let word = file.to_str().filter(|word| !word.contains(['.', '/']) && !file.exists())?;
    let commands = Arguments::command();
    let names = commands.get_subcommands().map(clap::Command::get_name);
    let (distance, command) =
        names.map(|command| (strsim::damerau_levenshtein(word, command), command)).min()?;
    (1..=2).contains(&distance).then(|| {
        format!("there is no experiment file {word}; did you mean the command `cupl-tui {command}`?")
    })
}

/// The headless commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Evaluate every strategy and print accuracies
    #[command(after_help = "Examples:
  cupl-tui evaluate                                the embedded demo as a table
  cupl-tui evaluate pets.toml --format json > pets.json
  cupl-tui evaluate pets.toml --strategy cupl --predictions --format csv
  cupl-tui evaluate pets.toml --format parquet --out predictions.parquet
  cupl-tui evaluate pets.toml --strategy cupl --format clip-benchmark --out pets.json

JSONL and Parquet have image, label (a number), class, and for each strategy STRATEGY_prediction, _probability, _margin and
_correct. In JSON, CSV and what is for CLIP_benchmark, accuracies are from 0 to 1.")]
    Evaluate(EvaluateArguments),
    /// What two strategies make of each class
    #[command(after_help = "Examples:
  cupl-tui classes                                  the embedded demo, what B gains most first
  cupl-tui classes pets.toml --b cupl --sort confusion
  cupl-tui classes pets.toml --change lost --reverse --format csv
  cupl-tui classes pets.toml --filter terrier --sort name

A is the baseline and B the first other strategy unless they are named. Gained are the images that A has wrong and B has
right, lost the reverse. p (Holm) is below 0.05 where the difference of a class is proven, see `cupl-tui compare`; the last
column says what most of the images that B misses are taken for. In JSON and CSV,
accuracies and differences are from 0 to 1.")]
    Classes(ClassesArguments),
    /// Whether one strategy is better than another, and on which classes
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
    Compare(CompareArguments),
    /// Which classes are taken for which
    #[command(after_help = "Examples:
  cupl-tui confusion                                the demo's most confused pairs
  cupl-tui confusion pets.toml --strategy cupl --most 50 --format csv
  cupl-tui confusion pets.toml --difference         what B confuses more (+) or less (-) often than A
  cupl-tui confusion pets.toml --class beagle       the matrix of a class and those confused with it

In a matrix, rows are the true classes and columns the predicted ones; `others` are the images that were taken for
classes outside of it.")]
    Confusion(ConfusionArguments),
    /// Write a prompt set with a language model: each class is described, as CuPL does it
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
    Generate(GenerateArguments),
    /// Whether probabilities can be trusted, and the temperature that makes them better
    #[command(after_help = "Examples:
  cupl-tui calibrate                                every strategy of the embedded demo
  cupl-tui calibrate pets.toml --strategy cupl --bins 10
  cupl-tui calibrate pets.toml --dev-share 0.2 --format json

Images are put together by the probability of their prediction: of those with 70 %, 70 % should be right. ECE, the expected
calibration error, is how far they are from it on average; NLL is the mean of -ln(probability of the true class). Scores
are divided by a temperature before their softmax: the one with the smallest NLL on the development images, a share of each
class. What it does is measured on the rest. Predictions stay as they are.")]
    Calibrate(CalibrateArguments),
    /// How accuracy grows with the number of prompts
    #[command(after_help = "Examples:
  cupl-tui curve                                    every strategy of the embedded demo
  cupl-tui curve pets.toml --strategy cupl --sizes 1,2,4,8,16 --subsets 20
  cupl-tui curve pets.toml --format json

For each number of prompts, so many of each class are drawn at random, several times, and evaluated: average and standard
deviation (sd) of the accuracies. Templates are drawn for all classes together, sentences about classes for each class.
Where the curve is still rising with all prompts, more of them are worth having. In JSON and CSV, accuracies are from 0 to 1.")]
    Curve(CurveArguments),
    /// What a strategy gains over prompts that say less
    #[command(after_help = "Examples:
  cupl-tui controls                                 the embedded demo, every strategy in turn
  cupl-tui controls pets.toml --strategy cupl
  cupl-tui controls pets.toml --strategy cupl --seeds 10 --format json

Each control takes something away from the strategy's prompts and keeps its aggregation:
  class-name  the class name alone
  template    one plain template: a photo of a {}.
  random      as many prompts with two random words or character strings, the same for every class (WaffleCLIP)
  shuffled    the prompts of another class, with the own class's name in them
  no-name     the strategy's prompts with \"object\" or \"it\" for the class name
random and shuffled are made with several seeds: mean and standard deviation (sd). The gain is the strategy's top-1
accuracy minus the control's, with the 95 % interval of a paired bootstrap over the images. In JSON and CSV, accuracies
and differences are from 0 to 1.")]
    Controls(ControlsArguments),
    /// The images that strategies miss, or other ones, and copies of them
    #[command(after_help = "Examples:
  cupl-tui misses                                   the demo's images that A or B misses
  cupl-tui misses pets.toml --filter lost --format csv > lost.csv
  cupl-tui misses pets.toml --class beagle --predicted basset --strategy cupl
  cupl-tui misses pets.toml --filter confident --most 100 --copy-to look-at-these

For each image and strategy: the predicted class and its probability, the probability and the rank of the true class, and
the margin: the probability of the true class minus that of the best other one. --copy-to makes the folder
TRUE-CLASS/FILE for each picture, and misses.csv.")]
    Misses(MissesArguments),
    /// Why strategies see what they see in one image, prompt by prompt
    #[command(after_help = "Examples:
  cupl-tui explain --image cat/00103.png            an image of the demo
  cupl-tui explain pets.toml --image beagle/7.jpg --strategy cupl
  cupl-tui explain pets.toml --image ~/photo.jpg --format json

For the predicted class and the one it stands against (the true class of a miss, otherwise the best other one): each
prompt's share of the class's logit, which is the sum of all shares, and its pull: that logit minus what it is without
the prompt. (SigLIP's bias of logits, the same for all classes, is left out.) For a miss also the prompts whose removal
makes it right, and what that gains and loses on all images: the best single one where one is enough, otherwise a few
that are found greedily.")]
    Explain(ExplainArguments),
    /// Write everything to one HTML page
    #[command(after_help = "Examples:
  cupl-tui report                                   the embedded demo to report.html
  cupl-tui report pets.toml --b cupl --out pets.html
  cupl-tui report pets.toml --gallery 100 --out - | gzip > pets.html.gz

The leaderboard, what two strategies make of each class, what they take for what, and the most telling images: those that
B repairs, those that it breaks, and those that every strategy misses. The page holds its pictures and needs no network.
A is the baseline and B the first other strategy unless they are named.")]
    Report(ReportArguments),
    /// Write image and text embeddings to a safetensors file, or as clip-retrieval lays them out
    #[command(after_help = "Examples:
  cupl-tui embed --checkpoint clip/ --images photos/ --out photos.safetensors
  cupl-tui embed --checkpoint clip/ --texts prompts.txt --out prompts.safetensors
  cupl-tui embed --checkpoint clip/ --images photos/ --form npy --out embeddings/

The tensors image_embeds and text_embeds have unit rows [n, dim] in the order of the input; the metadata entries images
and texts are JSON arrays of the rows' names. --form npy makes a folder with img_emb/img_emb_0.npy, text_emb/text_emb_0.npy
and metadata/metadata_0.parquet (image_path, caption), where row i of all belongs together: with both --images and --texts
there is a text for each picture, in the order of the sorted paths.")]
    Embed(EmbedArguments),
    /// Download checkpoints from a Hugging Face hub, into the cache that its Python library keeps
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
  HF_TOKEN                for private and gated repositories; else the file $HF_HOME/token, which `hf auth login` writes
  HF_HUB_OFFLINE=1        ask no hub
  HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY

Exit codes: 0 done, 2 not done or no checkpoint that can be used, 130 interrupted.")]
    Pull(PullArguments),
    /// List the checkpoints that are in the hub's cache, with what an image costs on this machine
    #[command(after_help = "Examples:
  cupl-tui checkpoints
  cupl-tui checkpoints --all                  what is there and cannot be used, and why
  cupl-tui checkpoints --format json

Images per second are those of the image tower in f32, expected from what this machine's processor multiplies and adds at
most, measured at each call; `cupl-tui bench --checkpoint OWNER/NAME` measures them. The cache is that of `cupl-tui pull`.")]
    Checkpoints(CheckpointsArguments),
    /// Write what other programs can use: a strategy's classifier
    #[command(subcommand)]
    Export(ExportCommand),
    /// Whether a published zero-shot number comes out here too
    #[command(after_help = "Examples:
  cupl-tui verify --checkpoint openai/clip-vit-base-patch32 --dataset cifar10 --images cifar-10-binary.tar.gz \\
           --templates en_zeroshot_classification_templates.json#cifar10
  cupl-tui verify --checkpoint my-clip --as ViT-B/16 --dataset pets --images pets/test --templates pets.txt \\
           --class-names en_classnames.json#pets --format json

The numbers are open_clip's table for OpenAI's weights on imagenet, cifar10, cifar100, pets, dtd, caltech101 and eurosat, or
those of --published FILE (data/published-results.toml is an example). Some of its rows look like mean per-class recall and are
compared with that; both are shown. Where it does not agree, the usual causes are listed, those that were seen here first:
metric, images, classes, class order, class names, templates, preprocessing, precision.

Exit codes: 0 agrees, 1 does not agree, or images were skipped, 2 usage or environment, 130 interrupted.")]
    Verify(VerifyArguments),
    /// Look at images before anything is embedded
    #[command(subcommand)]
    Datasets(DatasetsCommand),
    /// Keep prompt sets in the store: import, list, show, export, remove
    #[command(subcommand)]
    Prompts(PromptsCommand),
    /// Earlier evaluations
    #[command(subcommand)]
    Runs(RunsCommand),
    /// Measure how fast this machine embeds and evaluates
    #[command(after_help = "Examples:
  cupl-tui bench                                     the embedded demo
  cupl-tui bench --checkpoint clip/ --images photos/ --precision int8
  cupl-tui bench --checkpoint clip/ --texts cupl.json --threads 8 --format json

Pictures and prompts are read before the clock runs, except for the rate with decoding. The share of the peak compares
the image tower with what the same threads can multiply and add at most in f32.")]
    Bench(BenchArguments),
    /// What this machine, terminal, store and checkpoint are like; `doctor labels`: what may be wrong with a dataset
    #[command(args_conflicts_with_subcommands = true)]
    Doctor(DoctorArguments),
}

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

/// How `evaluate` prints its results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EvaluationFormat {
    /// For people.
    Table,
    /// Everything as one document.
    Json,
    /// Classes, or with --predictions each image's ranked classes, a row each.
    Csv,
    /// Predictions: an object an image, a line each.
    Jsonl,
    /// Predictions: a row an image, in a Parquet file.
    Parquet,
    /// A line a strategy, as CLIP_benchmark writes it.
    ClipBenchmark,
}

/// `evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArguments {
    /// What to evaluate.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// How to print it
    #[arg(long, value_enum, default_value_t = EvaluationFormat::Table)]
    pub format: EvaluationFormat,
    /// Write it to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Only this strategy; may be given several times
    #[arg(long = "strategy", value_name = "NAME")]
    pub strategies: Vec<String>,
    /// Add every image's ranked classes (JSON and CSV; JSONL and Parquet are nothing but predictions)
    #[arg(long)]
    pub predictions: bool,
    /// Ranked classes per image, with --predictions; 0 for all [default: 5]
    #[arg(long, value_name = "N")]
    pub top_k: Option<usize>,
    /// Unreadable images are an error instead of being skipped
    #[arg(long)]
    pub strict: bool,
}

/// An experiment and two of its strategies.
#[derive(Debug, Args)]
pub struct PairArguments {
    /// What to evaluate.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// The strategy that B is compared with [default: the experiment's baseline]
    #[arg(long, value_name = "NAME")]
    pub a: Option<String>,
    /// The strategy that is compared with A [default: the first other one]
    #[arg(long, value_name = "NAME")]
    pub b: Option<String>,
}

/// `classes`.
#[derive(Debug, Args)]
pub struct ClassesArguments {
    /// What to look at.
    #[command(flatten)]
    pub pair: PairArguments,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// What to sort by: numbers with the largest first, names and the dataset's order with the first
    #[arg(long, value_name = "COLUMN", value_parser = named(&ClassColumn::ALL, ClassColumn::name), default_value = "difference")]
    pub sort: ClassColumn,
    /// The other way round
    #[arg(long)]
    pub reverse: bool,
    /// Only classes whose accuracy is better with B, worse, or the same
    #[arg(long, value_name = "CHANGE", value_parser = named(&Change::ALL, Change::name))]
    pub change: Option<Change>,
    /// Only classes with this in their name, ignoring case
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub filter: String,
}

/// `compare`.
#[derive(Debug, Args)]
pub struct CompareArguments {
    /// An experiment file (TOML), or strategies A and B, or all three [default: the embedded demo, its baseline and the
    /// first other strategy]
    #[arg(value_name = "EXPERIMENT A B", num_args = 0..=3)]
    pub words: Vec<String>,
    /// Instead of a file.
    #[command(flatten)]
    pub flags: FlagArguments,
    /// How the encoders compute: f32, or int8, which is faster and nearly the same [default: the experiment's, or f32]
    #[arg(long, value_name = "NAME")]
    pub precision: Option<Precision>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

impl CompareArguments {
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

/// `calibrate`.
#[derive(Debug, Args)]
pub struct CalibrateArguments {
    /// What to evaluate.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// Only this strategy; may be given several times [default: all]
    #[arg(long = "strategy", value_name = "NAME")]
    pub strategies: Vec<String>,
    /// Ranges of the probability, of equal width
    #[arg(long, value_name = "N", default_value_t = CalibrationOptions::default().bins as u16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub bins: u16,
    /// The share of each class's images that the temperature is chosen on
    #[arg(long, value_name = "SHARE", default_value_t = CalibrationOptions::default().development_share, value_parser = share)]
    pub dev_share: f64,
    /// Which images these are
    #[arg(long, value_name = "N", default_value_t = CalibrationOptions::default().seed)]
    pub seed: u64,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `generate`.
#[derive(Debug, Args)]
pub struct GenerateArguments {
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
    pub backend: Option<BackendFlag>,
    /// The model, as the server calls it, or a GGUF file
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// The server, up to /v1 [default: OPENAI_BASE_URL, or https://api.openai.com/v1]
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// Which kind of requests: chat, or plain completions
    #[arg(long, value_enum)]
    pub form: Option<FormFlag>,
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

/// The values of `--backend`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BackendFlag {
    /// A server that speaks as OpenAI's does.
    Openai,
    /// A GGUF file of the architecture llama or gemma3.
    Gguf,
}

impl From<BackendFlag> for Backend {
    fn from(flag: BackendFlag) -> Self {
        match flag {
            BackendFlag::Openai => Self::OpenAi,
            BackendFlag::Gguf => Self::Gguf,
        }
    }
}

/// The values of `--form`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormFlag {
    /// The LLM prompt is a message of a conversation.
    Chat,
    /// The answer goes on from the LLM prompt.
    Completions,
}

impl From<FormFlag> for RequestForm {
    fn from(flag: FormFlag) -> Self {
        match flag {
            FormFlag::Chat => Self::Chat,
            FormFlag::Completions => Self::Completions,
        }
    }
}

/// `curve`.
#[derive(Debug, Args)]
pub struct CurveArguments {
    /// What to evaluate.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// Only this strategy; may be given several times [default: all]
    #[arg(long = "strategy", value_name = "NAME")]
    pub strategies: Vec<String>,
    /// Prompts a class, besides all of them [default: 1,2,5,10,20, as far as there are so many]
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    pub sizes: Vec<u16>,
    /// How often prompts are drawn for each number
    #[arg(long, value_name = "N", default_value_t = CurveOptions::default().subsets as u16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub subsets: u16,
    /// Which prompts these are
    #[arg(long, value_name = "N", default_value_t = CurveOptions::default().seed)]
    pub seed: u64,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| "a number between 0 and 1 is needed, as 0.5".to_owned())
}

/// `confusion`.
#[derive(Debug, Args)]
pub struct ConfusionArguments {
    /// What to look at.
    #[command(flatten)]
    pub pair: PairArguments,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// The strategy whose confusions are counted [default: B]
    #[arg(long, value_name = "NAME", conflicts_with = "difference")]
    pub strategy: Option<String>,
    /// What changes from A to B
    #[arg(long)]
    pub difference: bool,
    /// The matrix of this class and those that are confused with it
    #[arg(long, value_name = "NAME")]
    pub class: Option<String>,
    /// At most so many pairs [default: 20], or classes with --class [default: 10]
    #[arg(long, value_name = "N")]
    pub most: Option<usize>,
}

/// `controls`.
#[derive(Debug, Args)]
pub struct ControlsArguments {
    /// What to evaluate.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// Only this strategy; may be given several times
    #[arg(long = "strategy", value_name = "NAME")]
    pub strategies: Vec<String>,
    /// How often controls with chance in them are made
    #[arg(long, value_name = "K", default_value_t = crate::workbench::CONTROL_SEEDS as u16, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub seeds: u16,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `misses`.
#[derive(Debug, Args)]
pub struct MissesArguments {
    /// What to look at.
    #[command(flatten)]
    pub pair: PairArguments,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Which images: missed (by A or B), missed-a, missed-b, gained (missed by A, right with B), lost, missed-all (by
    /// every strategy), confident (missed with a probability of at least 0.5, the highest first), all [default: missed;
    /// all with --predicted]
    #[arg(long, value_name = "FILTER", value_parser = named(&ImageFilter::ALL, ImageFilter::name))]
    pub filter: Option<ImageFilter>,
    /// Only images of this class
    #[arg(long, value_name = "NAME")]
    pub class: Option<String>,
    /// Only images that were taken for this class by --strategy
    #[arg(long, value_name = "NAME", requires = "class")]
    pub predicted: Option<String>,
    /// ConfusionSource predictions --predicted means [default: B]; they are shown too
    #[arg(long, value_name = "NAME", requires = "predicted")]
    pub strategy: Option<String>,
    /// Only images with this in their path, ignoring case
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub name: String,
    /// At most so many images
    #[arg(long, value_name = "N")]
    pub most: Option<usize>,
    /// Copy the pictures to a new folder, a sub-folder for each class
    #[arg(long, value_name = "DIR")]
    pub copy_to: Option<PathBuf>,
}

/// `explain`.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// What to look at.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// The image: its name as `misses` prints it, its file, or any other picture file
    #[arg(long, value_name = "PATH")]
    pub image: PathBuf,
    /// Only this strategy; may be given several times
    #[arg(long = "strategy", value_name = "NAME")]
    pub strategies: Vec<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `report`.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// What to show.
    #[command(flatten)]
    pub pair: PairArguments,
    /// The file to write; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub out: PathBuf,
    /// At most so many images
    #[arg(long, value_name = "N", default_value_t = super::report::DEFAULT_GALLERY)]
    pub gallery: usize,
}

/// `embed`.
#[derive(Debug, Args)]
pub struct EmbedArguments {
    /// A directory with CLIP or SigLIP, OWNER/NAME of a hub (see `cupl-tui pull`), or `demo`
    #[arg(long, value_name = "DIR")]
    pub checkpoint: PathBuf,
    /// A folder of pictures, searched recursively
    #[arg(long, value_name = "DIR", required_unless_present = "texts")]
    pub images: Option<PathBuf>,
    /// Texts: a line each, or JSONL (.jsonl) with the key `text`
    #[arg(long, value_name = "FILE")]
    pub texts: Option<PathBuf>,
    /// How the encoders compute: f32, or int8, which is faster and nearly the same
    #[arg(long, value_name = "NAME", default_value_t = Precision::F32)]
    pub precision: Precision,
    /// The safetensors file, or with --form npy the folder, to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// A safetensors file, or a folder of numpy arrays in clip-retrieval's layout
    #[arg(long, value_enum, default_value_t = EmbeddingFormFlag::Safetensors)]
    pub form: EmbeddingFormFlag,
    /// How numbers are written [default: f32 in safetensors, f16 in arrays, as clip-retrieval does]
    #[arg(long, value_enum)]
    pub dtype: Option<NumberFlag>,
    /// Unreadable images are an error instead of being skipped
    #[arg(long)]
    pub strict: bool,
}

/// The values of `embed --form`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EmbeddingFormFlag {
    /// One file with both tensors.
    Safetensors,
    /// A folder with an array each, and a Parquet file of the rows' names.
    Npy,
}

impl EmbeddingFormFlag {
    /// The numbers that files of this form usually have.
    pub fn numbers(self) -> NumberType {
        match self {
            Self::Safetensors => NumberType::F32,
            Self::Npy => NumberType::F16,
        }
    }
}

impl From<EmbeddingFormFlag> for EmbeddingForm {
    fn from(flag: EmbeddingFormFlag) -> Self {
        match flag {
            EmbeddingFormFlag::Safetensors => Self::Safetensors,
            EmbeddingFormFlag::Npy => Self::Npy,
        }
    }
}

/// The values of `embed --dtype`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NumberFlag {
    /// Four bytes a number.
    F32,
    /// Two bytes a number.
    F16,
}

impl From<NumberFlag> for NumberType {
    fn from(flag: NumberFlag) -> Self {
        match flag {
            NumberFlag::F32 => Self::F32,
            NumberFlag::F16 => Self::F16,
        }
    }
}

/// `checkpoints`.
#[derive(Debug, Args)]
pub struct CheckpointsArguments {
    /// Also what cannot be used, with the reason
    #[arg(long)]
    pub all: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `pull`.
#[derive(Debug, Args)]
pub struct PullArguments {
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

/// `export`.
#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    /// Write a strategy's classifier, one row a class, to a .safetensors or .npy file
    #[command(after_help = "Examples:
  cupl-tui export classifier --strategy cupl --out cupl.safetensors
  cupl-tui export classifier pets.toml --strategy cupl --out pets.npy

The array is f32, [classes, dim], in the dataset's order of classes: the tensor `weights` with the names in the metadata
entry `classes` (a JSON array), or the array alone with the names in a file beside it that ends in .classes.json. Rows are
unit vectors, except with similarity-mean, whose rows are averages that must not be normalised. With open_clip:

  weights = safetensors.torch.load_file(\"cupl.safetensors\")[\"weights\"]
  image = torch.nn.functional.normalize(model.encode_image(preprocess(picture).unsqueeze(0)), dim=-1)
  probabilities = (model.logit_scale.exp() * image @ weights.T).softmax(dim=-1)")]
    Classifier(ExportClassifierArguments),
}

/// `export classifier`.
#[derive(Debug, Args)]
pub struct ExportClassifierArguments {
    /// What the strategy belongs to.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// The strategy
    #[arg(long, value_name = "NAME")]
    pub strategy: String,
    /// The file to write; its ending says how: .safetensors or .npy
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// `bench`.
#[derive(Debug, Args)]
pub struct BenchArguments {
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
    /// How the encoders compute: f32 or int8
    #[arg(long, value_name = "NAME", default_value_t = Precision::F32)]
    pub precision: Precision,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// How `verify` prints its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VerifyFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// A directory with CLIP, OWNER/NAME of a hub (see `cupl-tui pull`), or `demo`; its name says which model it is, unless
    /// --as does
    #[arg(long, value_name = "DIR")]
    pub checkpoint: PathBuf,
    /// What the dataset is called in the table of results
    #[arg(long, value_name = "NAME")]
    pub dataset: String,
    /// The images of its test split, in any form, or `demo`
    #[arg(long, value_name = "DIR")]
    pub images: PathBuf,
    /// The templates that the number was made with: a file (`file.json#key` picks one list of several), one template itself,
    /// or `stored:NAME` [default: zeroshot_classification_templates.txt beside the images, or "a photo of a {}."]
    #[arg(long, value_name = "FILE")]
    pub templates: Option<PathBuf>,
    /// From folder names to class names, or names in order; `file.json#key` picks one list of several
    #[arg(long, value_name = "FILE")]
    pub class_names: Option<PathBuf>,
    /// The label that the first name of a list of class names stands for [default: 0]
    #[arg(long, value_name = "NUMBER")]
    pub first_label: Option<u64>,
    /// Which model of the table the checkpoint is
    #[arg(long = "as", value_name = "MODEL")]
    pub model: Option<String>,
    /// Another table of results
    #[arg(long, value_name = "FILE")]
    pub published: Option<PathBuf>,
    /// Up to how many points of 100 both agree
    #[arg(long, value_name = "POINTS", default_value_t = 0.3, value_parser = points)]
    pub within: f64,
    /// How the encoders compute: f32, or int8, which is faster and nearly the same
    #[arg(long, value_name = "NAME", default_value_t = Precision::F32)]
    pub precision: Precision,
    /// How to print it
    #[arg(long, value_enum, default_value_t = VerifyFormat::Table)]
    pub format: VerifyFormat,
}

impl VerifyArguments {
    /// The experiment behind it.
    pub fn flags(&self) -> ExperimentFlags {
        ExperimentFlags {
            checkpoint: Some(self.checkpoint.clone()),
            images: Some(self.images.clone()),
            class_names: self.class_names.clone(),
            first_label: self.first_label,
            templates: self.templates.clone(),
            ..ExperimentFlags::default()
        }
    }
}

fn points(text: &str) -> Result<f64, String> {
    let points = text.parse::<f64>().ok().filter(|points| (0.0..=100.0).contains(points));
    points.ok_or_else(|| "a number from 0 to 100 is needed, as 0.3".to_owned())
}

/// `datasets`.
#[derive(Debug, Subcommand)]
pub enum DatasetsCommand {
    /// What a dataset was recognised as: classes, sizes, unreadable files, equal pictures
    #[command(after_help = "Examples:
  cupl-tui datasets inspect pets/test
  cupl-tui datasets inspect wds_cifar10/test --format json
  cupl-tui datasets inspect imagenet/val --class-names imagenet_class_index.json --decode

Each file is read once. Equal pictures are equal byte by byte: in one class they count twice, in two classes their labels
contradict each other. CSV has the classes. Exit code 1 says that something cannot be read.")]
    Inspect(InspectArguments),
}

/// `datasets inspect`.
#[derive(Debug, Args)]
pub struct InspectArguments {
    /// A folder with a sub-folder per class, a CSV, TSV or JSONL of path and label, tar shards, Parquet, or `demo`; `PATH#SPLIT`
    /// means a part of it
    pub path: PathBuf,
    /// From folder names to class names: a JSON object or list, a two-column CSV, or a list of ImageNet's synsets
    #[arg(long, value_name = "FILE")]
    pub class_names: Option<PathBuf>,
    /// The label that the first name of a list of class names stands for [default: 0]
    #[arg(long, value_name = "NUMBER")]
    pub first_label: Option<u64>,
    /// Decode every picture: finds what is broken behind a header
    #[arg(long)]
    pub decode: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `prompts`.
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
    /// The prompts of a set in the store; or those of an experiment's strategies with what they are near to
    #[command(after_help = "Examples:
  cupl-tui prompts show cupl --class beagle         a set in the store
  cupl-tui prompts show --class cat                 the demo's prompts for cats
  cupl-tui prompts show pets.toml --class beagle --strategy cupl
  cupl-tui prompts show pets.toml --format csv > prompts.csv

A name that ends in .toml is an experiment file. For each prompt of an experiment: the mean cosine similarity with the
images of its class, and with those of the other class that it is nearest to.",
        mut_arg("file", |file| file.value_name("SET|EXPERIMENT").help(
            "A set's name or NAME@VERSION, or an experiment file (TOML) [default: the embedded demo]"
        )))]
    Show(ShowPromptsArguments),
    /// Take out the prompts of a strategy that do harm: chosen on a part of the images, measured on the others
    #[command(after_help = "Examples:
  cupl-tui prompts prune --strategy cupl                 the embedded demo
  cupl-tui prompts prune pets.toml --strategy cupl --save cupl-pruned
  cupl-tui prompts prune pets.toml --strategy cupl --dev-share 0.3 --seed 7 --format json

Labels decide which prompts go, so the accuracy on the development images is too good to be true; what counts is the
accuracy on the rest. The store counts how often the same rest was looked at: who chooses by what is seen there fits the
prompts to it.")]
    Prune(PruneArguments),
    /// What is wrong with prompts, and what can be put right
    #[command(after_help = "Examples:
  cupl-tui prompts lint                             the demo's prompts
  cupl-tui prompts lint pets.toml --strategy cupl --rule fragment --rule exact-duplicate
  cupl-tui prompts lint --cupl pets.json            the text alone, without images and checkpoint
  cupl-tui prompts lint pets.toml --fix             keep a cleaned version, and say what it did to accuracy

Prompts are counted from 1 within their class. --fix trims and joins blanks, takes markup and quotation marks around prompts away, puts articles right, and
leaves exact duplicates and cut fragments out; a class keeps one prompt at least. The cleaned set is kept in the store under
its name, as a new version; the experiment goes on using the one that it names.",
        mut_arg("file", |file| file.value_name("SET|EXPERIMENT").help(
            "A set's name or NAME@VERSION, or an experiment file (TOML) [default: the embedded demo]"
        )))]
    Lint(LintArguments),
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

/// `prompts prune`.
#[derive(Debug, Args)]
pub struct PruneArguments {
    /// What to prune on.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// The strategy whose prompts are pruned
    #[arg(long, value_name = "NAME")]
    pub strategy: String,
    /// The share of each class's images that prompts are chosen on
    #[arg(long, value_name = "SHARE", default_value_t = CalibrationOptions::default().development_share, value_parser = share)]
    pub dev_share: f64,
    /// Which images these are
    #[arg(long, value_name = "N", default_value_t = CalibrationOptions::default().seed)]
    pub seed: u64,
    /// Save the prompts that are left in the store under this name
    #[arg(long, value_name = "NAME")]
    pub save: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `prompts show`.
#[derive(Debug, Args)]
pub struct ShowPromptsArguments {
    /// An experiment; or, in the place of its file, the name of a set.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// Only those of this class
    #[arg(long, value_name = "NAME")]
    pub class: Option<String>,
    /// Only those of this strategy of the experiment
    #[arg(long, value_name = "NAME")]
    pub strategy: Option<String>,
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `prompts lint`.
#[derive(Debug, Args)]
pub struct LintArguments {
    /// An experiment; or, in the place of its file, the name of a set.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// Only the prompts of this strategy of the experiment
    #[arg(long, value_name = "NAME")]
    pub strategy: Option<String>,
    /// Only this rule; may be given several times
    #[arg(long = "rule", value_name = "RULE", value_parser = named(&FindingKind::OF_PROMPTS, FindingKind::name))]
    pub rules: Vec<FindingKind>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Keep a cleaned version of each prompt set, and evaluate it
    #[arg(long)]
    pub fix: bool,
}

impl ShowPromptsArguments {
    /// The name of a set in the store, where no experiment is meant.
    pub fn set(&self) -> Option<&str> {
        self.experiment.set()
    }
}

impl ExperimentArguments {
    /// The name of a set in the store that stands in the place of an experiment's file.
    pub fn set(&self) -> Option<&str> {
        let is_experiment = |file: &&Path| file.extension().is_some_and(|ending| ending == "toml");
        self.file.as_deref().filter(|file| !is_experiment(file))?.to_str()
    }

    /// Whether prompts stand alone: there is neither an image nor a checkpoint to look at them with.
    pub fn names_no_images(&self) -> bool {
        self.file.is_none() && self.flags.checkpoint.is_none() && self.flags.images.is_none()
    }
}

/// `runs`.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// One line a run, the newest first
    List {
        /// How to print them
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// One run with its classes, and what it was made of
    Show {
        /// Its id, or the start of it
        id: String,
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Whether one run is better than another on the same images
    #[command(after_help = "Examples:
  cupl-tui runs compare 3fa9 81c2
  cupl-tui runs compare 3fa9 81c2 --format json

The runs may be of different experiments, checkpoints and days, as long as they are about the same images with the same
classes in the same order. The statistics are those of `cupl-tui compare`; what differs between the receipts is named.")]
    Compare {
        /// The id of the run that B is compared with, or the start of it
        a: String,
        /// The id of the run that is compared with A, or the start of it
        b: String,
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Make a run again from what it was made of, and say whether the same comes out
    #[command(after_help = "Examples:
  cupl-tui runs list                        the ids
  cupl-tui runs replay 3fa9                 everything again: files, prompts, embeddings, predictions
  cupl-tui runs replay 3fa9 --kept          with the embeddings that the store has
  cupl-tui runs replay 3fa9 --format json

A run's receipt has hashes of weights, preprocessing, images, labels, class order, prompts and predictions, and the
aggregation, precision and version. What differs is named. Exit code 1 says that something does.")]
    Replay(ReplayArguments),
}

/// `runs replay`.
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// The run's id, or the start of it
    pub id: String,
    /// Take the embeddings that the store has instead of computing all of them again
    #[arg(long)]
    pub kept: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// What to look at instead of the machine.
    #[command(subcommand)]
    pub what: Option<DoctorCommand>,
    /// A checkpoint to look at: a directory, or OWNER/NAME of a hub [default: the demo's]
    #[arg(long, value_name = "DIR")]
    pub checkpoint: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// What `doctor` looks at instead of the machine.
#[derive(Debug, Subcommand)]
pub enum DoctorCommand {
    /// What may be wrong with the labels and class names of a dataset
    #[command(after_help = "Examples:
  cupl-tui doctor labels                            the embedded demo
  cupl-tui doctor labels pets.toml --format csv > look-at.csv

Permuted, repeated and unused class names, classes without images or whose prompts do not name them, the same picture in two
classes, and images that every strategy takes for the same other class, the clearest first. CSV has a line for each image of
a finding. Findings are no error: the exit code is that of `evaluate`.")]
    Labels(LabelsArguments),
}

/// `doctor labels`.
#[derive(Debug, Args)]
pub struct LabelsArguments {
    /// What to look at.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// One of `all`, by its name.
fn named<T: Copy + Send + Sync>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.iter().map(|&value| name(value))).try_map(move |wanted| {
        let found = all.iter().copied().find(|&value| name(value) == wanted);
        found.ok_or("there is no such name")
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
