//! `explain`: why strategies see what they see in one image.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::context::{
    CommandError, ExperimentArguments, Format, Global, Opened, Outcome, Output, ProgressLine, introduce,
    outcome,
};
use crate::workbench::{
    ExplainedClass, Explanation, Session, SessionOptions, StrategyResult, WantedImage, explain,
    explain_picture,
};

/// Why strategies see what they see in one image, prompt by prompt
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui explain --image cat/00103.png            an image of the demo
  cupl-tui explain pets.toml --image beagle/7.jpg --strategy cupl
  cupl-tui explain pets.toml --image ~/photo.jpg --format json

For the predicted class and the one it stands against (the true class of a miss, otherwise the best other one): each
prompt's share of the class's logit, which is the sum of all shares, and its pull: that logit minus what it is without
the prompt. (SigLIP's bias of logits, the same for all classes, is left out.) For a miss also the prompts whose removal
makes it right, and what that gains and loses on all images: the best single one where one is enough, otherwise a few
that are found greedily.")]
pub struct Arguments {
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

pub fn run(command: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let opened = Opened::with_strategies(&command.experiment, &command.strategies, global)?;
    let wanted = opened.workbench.wanted_image(&command.image)?;
    let session = opened.evaluate(SessionOptions::default())?;
    let embeddings = opened.embed()?;
    let strategies = 0..session.strategies.len();
    let (image, explanations) = match &wanted {
        WantedImage::OfDataset(name) => {
            let image = session.image(name)?;
            let explain = |strategy| explain(&session, &embeddings, image, strategy, &opened.cancel);
            (name.clone(), strategies.map(explain).collect::<Result<Vec<_>, _>>()?)
        }
        WantedImage::File(path) => {
            let progress = ProgressLine::stderr();
            let unit = opened.workbench.embed_file(path, &opened.cancel, &|state| progress.show(&state));
            progress.finish();
            let unit = unit?;
            let explain = |strategy| explain_picture(&session, &embeddings, &unit, strategy, &opened.cancel);
            (path.display().to_string(), strategies.map(explain).collect::<Result<Vec<_>, _>>()?)
        }
    };
    let answer = ExplanationReport { session: &session, image, explanations };
    match command.format {
        Format::Table => answer.print(output)?,
        Format::Json => output.session_json(&session, answer.report(), &[])?,
        Format::Csv => output.csv(answer.records())?,
    }
    Ok(outcome(&session))
}

/// An image with its explanations.
struct ExplanationReport<'a> {
    session: &'a Session,
    /// Its name or path.
    image: String,
    explanations: Vec<Explanation>,
}

#[derive(Serialize)]
struct ExplainReport<'a> {
    experiment: &'a str,
    image: &'a str,
    class: Option<&'a str>,
    strategies: Vec<StrategyPart<'a>>,
}

#[derive(Serialize)]
struct StrategyPart<'a> {
    strategy: &'a str,
    aggregation: String,
    predicted: Option<&'a str>,
    logit: Option<f64>,
    probability: Option<f32>,
    top: Vec<LikelyPart<'a>>,
    classes: Vec<ClassPart<'a>>,
    correction: Option<CorrectionPart<'a>>,
}

#[derive(Serialize)]
struct LikelyPart<'a> {
    class: &'a str,
    logit: f64,
    probability: f32,
}

#[derive(Serialize)]
struct ClassPart<'a> {
    class: &'a str,
    logit: f64,
    prompts: Vec<PromptPart<'a>>,
}

#[derive(Serialize)]
struct PromptPart<'a> {
    prompt: &'a str,
    share: f64,
    pull: Option<f64>,
    #[serde(skip)]
    removed: bool,
}

#[derive(Serialize)]
struct CorrectionPart<'a> {
    removed: Vec<RemovedPart<'a>>,
    gained: usize,
    lost: usize,
}

#[derive(Serialize)]
struct RemovedPart<'a> {
    class: &'a str,
    prompt: &'a str,
}

impl<'a> ExplanationReport<'a> {
    fn class(&self, class: usize) -> &'a str {
        &self.session.classes[class]
    }

    /// The image's class.
    fn truth(&self) -> Option<&'a str> {
        self.explanations.first()?.truth.map(|class| self.class(class))
    }

    fn strategy(&self, explanation: &Explanation) -> &'a StrategyResult {
        &self.session.strategies[explanation.strategy]
    }

    fn report(&self) -> ExplainReport<'_> {
        ExplainReport {
            experiment: &self.session.experiment,
            image: &self.image,
            class: self.truth(),
            strategies: self.explanations.iter().map(|explanation| self.part(explanation)).collect(),
        }
    }

    fn part(&self, explanation: &Explanation) -> StrategyPart<'a> {
        let strategy = self.strategy(explanation);
        let predicted = explanation.predicted();
        let likely = explanation.top.iter().map(|likely| LikelyPart {
            class: self.class(likely.class),
            logit: likely.logit,
            probability: likely.probability,
        });
        let correction = explanation.correction.as_ref().map(|correction| CorrectionPart {
            removed: correction
                .removed
                .iter()
                .map(|removed| RemovedPart {
                    class: self.class(removed.class),
                    prompt: &strategy.prompts[removed.class][removed.prompt],
                })
                .collect(),
            gained: correction.gained,
            lost: correction.lost,
        });
        StrategyPart {
            strategy: &strategy.name,
            aggregation: strategy.aggregation.to_string(),
            predicted: predicted.map(|predicted| self.class(predicted.class)),
            logit: predicted.map(|predicted| predicted.logit),
            probability: predicted.map(|predicted| predicted.probability),
            top: likely.collect(),
            classes: self.classes(explanation),
            correction,
        }
    }

    fn classes(&self, explanation: &Explanation) -> Vec<ClassPart<'a>> {
        let strategy = self.strategy(explanation);
        let removed = explanation.correction.iter().flat_map(|correction| &correction.removed);
        let removed: Vec<_> = removed.map(|removed| (removed.class, removed.prompt)).collect();
        let part = |class: &ExplainedClass| ClassPart {
            class: self.class(class.class),
            logit: class.logit,
            prompts: class
                .prompts
                .iter()
                .map(|share| PromptPart {
                    prompt: &strategy.prompts[class.class][share.prompt],
                    share: share.share,
                    pull: share.pull,
                    removed: removed.contains(&(class.class, share.prompt)),
                })
                .collect(),
        };
        explanation.classes.iter().map(part).collect()
    }

    /// A record for each prompt of each explained class of each strategy.
    fn records(&self) -> Vec<Vec<String>> {
        let heading = [
            "image",
            "image_class",
            "strategy",
            "aggregation",
            "predicted",
            "class",
            "logit",
            "prompt",
            "share",
            "pull",
            "removed",
        ];
        let mut records = vec![heading.map(str::to_owned).to_vec()];
        for strategy in self.explanations.iter().map(|explanation| self.part(explanation)) {
            for class in &strategy.classes {
                records.extend(class.prompts.iter().map(|prompt| {
                    vec![
                        self.image.clone(),
                        self.truth().unwrap_or_default().to_owned(),
                        strategy.strategy.to_owned(),
                        strategy.aggregation.clone(),
                        strategy.predicted.unwrap_or_default().to_owned(),
                        class.class.to_owned(),
                        class.logit.to_string(),
                        prompt.prompt.to_owned(),
                        prompt.share.to_string(),
                        prompt.pull.map(|pull| pull.to_string()).unwrap_or_default(),
                        prompt.removed.to_string(),
                    ]
                }));
            }
        }
        records
    }

    fn print(&self, output: &mut Output) -> Result<(), CommandError> {
        introduce(self.session, output)?;
        let class = self.truth().map_or_else(|| "not in the dataset".to_owned(), |class| class.to_owned());
        output.line(&format!("{}: {class}", self.image))?;
        output.line(
            "share: a prompt's part of its class's logit; pull: that logit minus what it is without the prompt",
        )?;
        for explanation in &self.explanations {
            self.print_strategy(explanation, output)?;
        }
        Ok(())
    }

    fn print_strategy(&self, explanation: &Explanation, output: &mut Output) -> Result<(), CommandError> {
        let part = self.part(explanation);
        let likely = part.top.iter().map(|likely| {
            format!("{} {:.2} ({:.1} %)", likely.class, likely.logit, 100.0 * likely.probability)
        });
        output.line("")?;
        let likely = likely.collect::<Vec<_>>().join(", ");
        output.heading(&format!("{} ({}): {likely}", part.strategy, part.aggregation))?;
        if let Some(correction) = &part.correction {
            let number =
                |count: usize, of: &str| format!("{count} {of}{}", if count == 1 { "" } else { "s" });
            output.line(&format!(
                "right without {}, which gains {} and loses {}:",
                number(correction.removed.len(), "prompt"),
                number(correction.gained, "image"),
                correction.lost,
            ))?;
            for removed in &correction.removed {
                output.line(&format!("  {}: {}", removed.class, removed.prompt))?;
            }
        } else if self.strategy(explanation).aggregation.weighs_prompts() {
            output.line(
                "the prompts of all classes are weighted together: none goes alone, so none has a pull",
            )?;
        } else if explanation.is_miss() {
            output.line("no few prompts whose removal makes it right")?;
        }
        for class in part.classes {
            let title = format!("{}, logit {:.3}", class.class, class.logit);
            let mut rows = vec![vec![title, "share".to_owned(), "pull".to_owned()]];
            rows.extend(class.prompts.iter().map(|prompt| {
                let pull = prompt.pull.map_or_else(|| "-".to_owned(), |pull| format!("{pull:+.3}"));
                vec![prompt.prompt.to_owned(), format!("{:.3}", prompt.share), pull]
            }));
            output.table(&rows)?;
        }
        Ok(())
    }
}
