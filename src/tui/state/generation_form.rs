//! The form that says what a language model is to write: what is typed in it, what that comes to, and how it comes back
//! filled.

use super::form::{Form, FormKind};
use super::{Context, Effect, Overlay, State};
use crate::tui::text::count;
use crate::workbench::generation::{GenerationCost, GenerationSettings, LlmPromptsChoice};

/// The rows, in their order.
const NAME: usize = 0;
const MODEL: usize = 1;
const SERVER: usize = 2;
const LLM_PROMPTS: usize = 3;
const SENTENCES: usize = 4;
const TEMPERATURE: usize = 5;
const SEED: usize = 6;
const CONTEXT: usize = 7;

/// Sentences of a class at most: nobody means more, and they are counted before they come.
const MOST_SENTENCES: f64 = 100_000.0;

/// What stands in a row, if anything does.
fn typed(form: &Form, row: usize) -> Option<String> {
    Some(form.text(row).to_owned()).filter(|text| !text.is_empty())
}

fn number(form: &Form, row: usize, what: &str) -> Result<Option<f64>, String> {
    match typed(form, row).map(|text| text.parse::<f64>()) {
        None => Ok(None),
        Some(Ok(number)) if number.is_finite() && number >= 0.0 => Ok(Some(number)),
        Some(_) => Err(format!("{what} has to be a number: {:?} is none.", form.text(row))),
    }
}

/// What decides how much is asked: the other rows may be wrong yet.
fn amount(form: &Form) -> Result<GenerationSettings, String> {
    let sentences = number(form, SENTENCES, "sentences")?;
    if sentences.is_some_and(|count| !(1.0..=MOST_SENTENCES).contains(&count) || count.fract() != 0.0) {
        return Err(format!(
            "sentences has to be a whole number, from 1 to {}.",
            count(MOST_SENTENCES as usize)
        ));
    }
    Ok(GenerationSettings {
        llm_prompts: typed(form, LLM_PROMPTS).map(LlmPromptsChoice::Named),
        prompts_per_class: sentences.map(|count| count as usize),
        context: typed(form, CONTEXT),
        ..GenerationSettings::default()
    })
}

/// The name of the prompt set, and what is wanted.
fn read(form: &Form) -> Result<(String, GenerationSettings), String> {
    let name = typed(form, NAME).ok_or("Give the prompt set a name.")?;
    let model = typed(form, MODEL).ok_or("Name a model of the server, or a GGUF file.")?;
    let settings = GenerationSettings {
        model: Some(model),
        base_url: typed(form, SERVER),
        temperature: number(form, TEMPERATURE, "temperature")?,
        seed: number(form, SEED, "seed")?.map(|seed| seed as u64),
        ..amount(form)?
    };
    Ok((name, settings))
}

/// What Enter comes to, in words: `at_once` answers come of one request.
fn words(cost: &GenerationCost, at_once: usize) -> String {
    let of_requests = match at_once {
        1 => "one answer each".to_owned(),
        most => format!("up to {most} answers each"),
    };
    format!(
        "Enter asks for {} answers, in at most {} requests ({of_requests}) of about {} tokens in all. What is kept is not asked \
         for again; for answers of no use others are, up to {} in all.",
        count(cost.samples),
        count(cost.requests),
        count(cost.prompt_tokens.saturating_add(cost.answer_tokens)),
        count(cost.samples_at_most)
    )
}

impl State {
    /// The form as it was left, or filled with what is remembered, or with what the experiment says.
    fn generation_form(&self) -> Form {
        self.left_form(FormKind::Generate).unwrap_or_else(|| match &self.unfinished {
            None => Form::generate(&self.generation_proposal),
            Some(remembered) => {
                let mut form = Form::generate(&remembered.settings);
                form.fill(NAME, &remembered.name);
                if remembered.settings.llm_prompts.is_none() {
                    form.fill(LLM_PROMPTS, "");
                }
                form
            }
        })
    }

    /// Asks what is to be generated.
    pub(super) fn open_generation_form(&mut self) {
        self.overlay = Some(Overlay::Form(self.generation_form()));
    }

    /// Takes the form that says what is to be generated.
    pub(super) fn submit_generation(&mut self) -> Vec<Effect> {
        let Some(Overlay::Form(form)) = &mut self.overlay else { return Vec::new() };
        debug_assert_eq!(form.kind, FormKind::Generate);
        match read(form) {
            Err(problem) => {
                form.problem = Some(problem);
                Vec::new()
            }
            Ok((name, settings)) => {
                self.close_form();
                self.begin_generation(name, settings)
            }
        }
    }

    /// The generation was refused before anything came of it: its form has what is wrong. Whether it is back on the screen, for
    /// who waits for an answer.
    pub(super) fn reopen_generation_form(&mut self, problem: &str) -> bool {
        let mut form = self.generation_form();
        form.problem = Some(problem.to_owned());
        self.keep_form(form);
        let waits = self.place() == Context::Generation && self.overlay.is_none() && self.typing.is_none();
        if waits {
            self.open_generation_form();
        }
        waits
    }

    /// What is to be worked out of what is typed, where that has changed.
    pub(super) fn wanted_estimate(&mut self) -> Option<Effect> {
        let Some(Overlay::Form(form)) = &mut self.overlay else {
            self.estimated = None;
            return None;
        };
        if form.kind != FormKind::Generate {
            return None;
        }
        let amount = amount(form).ok();
        if amount == self.estimated {
            return None;
        }
        form.note = None;
        self.estimated.clone_from(&amount);
        amount.map(|amount| Effect::Estimate(Box::new(amount)))
    }

    /// What was typed comes to so much, unless something else is typed by now.
    pub(super) fn estimated(&mut self, of: &GenerationSettings, cost: Option<(GenerationCost, usize)>) {
        if let Some(Overlay::Form(form)) = &mut self.overlay
            && form.kind == FormKind::Generate
            && self.estimated.as_ref() == Some(of)
        {
            form.note = cost.map(|(cost, at_once)| words(&cost, at_once));
        }
    }
}
