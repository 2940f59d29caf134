//! What is to be generated: of which classes, with which LLM prompts, how, and how many sentences.
//!
//! The samples of a class stand in a line: the first of each LLM prompt, then the second of each, and so on. As many as
//! sentences are wanted are asked for first; for each one that is of no use, one more.

use serde::{Deserialize, Serialize};

use crate::language_model::{Backend, SampleEnding, SampleRequest, Sampling};
use crate::prompts::generation::{LlmPrompts, described_class};
use crate::store::Key;

/// Everything that decides what is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenerationPlan {
    /// The prompt set's name.
    pub name: String,
    /// In the order of the dataset.
    pub classes: Vec<PlannedClass>,
    /// As they are written, with `{}` for the class.
    pub llm_prompts: Vec<String>,
    /// A line about the dataset that goes before each.
    pub context: Option<String>,
    /// How answers are drawn.
    pub sampling: Sampling,
    /// How many samples may be asked for, for each wanted sentence.
    pub retry_limit: f64,
    /// What answers.
    pub backend: Backend,
    /// As provenance calls it.
    pub model: String,
    /// What decides its answers besides: see [`LanguageModel::identity`](crate::language_model::LanguageModel::identity).
    pub identity: String,
}

/// A class of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedClass {
    /// As the dataset calls it.
    pub name: String,
    /// What tells it from others of its name.
    pub hint: Option<String>,
    /// Sentences that are wanted.
    pub wanted: usize,
    /// The samples, by their place in the line, that the user does not want.
    pub dropped: Vec<usize>,
}

/// More sentences of a class than the settings say: the user wished for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoreSentences {
    /// The class's place in the dataset.
    pub class: usize,
    /// Its name, by which it is known that it is still there.
    pub name: String,
    /// How many more.
    pub more: usize,
}

/// What is asked first, if nothing is kept yet and every answer is of use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GenerationCost {
    /// Requests, if the model gives as many answers at once as one request asks for.
    pub requests: usize,
    /// Answers.
    pub samples: usize,
    /// Tokens of the LLM prompts, about.
    pub prompt_tokens: usize,
    /// Tokens of the answers at most.
    pub answer_tokens: usize,
    /// Answers that may be asked for, since some are of no use.
    pub samples_at_most: usize,
}

/// An answer as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptSample {
    /// The class's name when it was asked for.
    pub class: String,
    /// The LLM prompt with the class in it.
    pub llm_prompt: String,
    /// What answered.
    pub backend: Backend,
    /// As provenance calls it.
    pub model: String,
    /// The settings.
    pub sampling: Sampling,
    /// The number of the sample among those of the LLM prompt.
    pub number: u32,
    /// As the model wrote it.
    pub text: String,
    /// Why it ends.
    pub ending: SampleEnding,
    /// Tokens in it, where they were counted.
    pub tokens: Option<usize>,
    /// Seconds since 1970.
    pub time: u64,
}

/// A place in the line of a class, with what is asked there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SampleSlot {
    /// From 0.
    pub(super) at: usize,
    /// An index into the plan's LLM prompts.
    pub(super) llm_prompt: usize,
    /// The number of the sample.
    pub(super) number: u32,
}

impl GenerationPlan {
    /// The LLM prompts about a class, `[n_llm_prompts]`.
    pub fn asked(&self, class: usize) -> Vec<String> {
        let PlannedClass { name, hint, .. } = &self.classes[class];
        let described = described_class(name, hint.as_deref());
        // A plan is made of LLM prompts that were checked; of a kept plan that is damaged, what is written is asked.
        match LlmPrompts::from_texts(&self.name, &self.llm_prompts) {
            Ok(prompts) => prompts.about(&described, self.context.as_deref()),
            Err(_) => self.llm_prompts.clone(),
        }
    }

    /// More sentences are wanted of some classes, as far as these are still there.
    pub fn wish(&mut self, more: &[MoreSentences]) {
        for MoreSentences { class, name, more } in more {
            if let Some(class) = self.classes.get_mut(*class).filter(|class| class.name == *name) {
                class.wanted = class.wanted.saturating_add(*more);
            }
        }
    }

    /// What [`first_requests`](Self::first_requests) come to, without making them; `count_tokens` counts those of an LLM prompt.
    pub fn cost(&self, most: usize, count_tokens: &dyn Fn(&str) -> usize) -> GenerationCost {
        let mut cost = GenerationCost::default();
        for (class, planned) in self.classes.iter().enumerate() {
            let asked = self.asked(class);
            let (each, rest) = (planned.wanted / asked.len().max(1), planned.wanted % asked.len().max(1));
            for (at, llm_prompt) in asked.iter().enumerate() {
                let requests = (each + usize::from(at < rest)).div_ceil(most.max(1));
                cost.requests = cost.requests.saturating_add(requests);
                let tokens = requests.saturating_mul(count_tokens(llm_prompt));
                cost.prompt_tokens = cost.prompt_tokens.saturating_add(tokens);
            }
            cost.samples = cost.samples.saturating_add(planned.wanted);
            cost.samples_at_most = cost.samples_at_most.saturating_add(self.limit(class));
        }
        cost.answer_tokens = cost.samples.saturating_mul(self.sampling.max_tokens);
        cost
    }

    /// The place in the line of a class.
    pub(super) fn place(&self, at: usize) -> SampleSlot {
        let prompts = self.llm_prompts.len().max(1);
        SampleSlot { at, llm_prompt: at % prompts, number: (at / prompts) as u32 }
    }

    /// How many samples of a class may be asked for.
    pub(super) fn limit(&self, class: usize) -> usize {
        let wanted = self.classes[class].wanted;
        ((wanted as f64 * self.retry_limit).ceil() as usize).max(wanted)
    }

    /// What an answer is kept under: everything that decides it, so that nothing is paid for twice.
    pub(super) fn key(&self, llm_prompt: &str, number: u32) -> Key {
        let sampling = serde_json::to_string(&self.sampling).unwrap_or_default();
        let backend = serde_json::to_string(&self.backend).unwrap_or_default();
        Key::from_parts(&[
            b"sample",
            backend.as_bytes(),
            self.identity.as_bytes(),
            llm_prompt.as_bytes(),
            sampling.as_bytes(),
            &number.to_le_bytes(),
        ])
    }

    /// Requests for places of a class: those of one LLM prompt whose numbers follow one another go together.
    pub(super) fn requests(&self, class: usize, places: &[SampleSlot], most: usize) -> Vec<SampleRequest> {
        let asked = self.asked(class);
        let mut sorted: Vec<&SampleSlot> = places.iter().collect();
        sorted.sort_by_key(|place| (place.llm_prompt, place.number));
        let mut requests: Vec<SampleRequest> = Vec::new();
        let mut llm_prompt = 0;
        for place in sorted {
            if let Some(request) = requests.last_mut()
                && llm_prompt == place.llm_prompt
                && request.samples.end == place.number
                && request.samples.len() < most
            {
                request.samples.end += 1;
                continue;
            }
            let request = SampleRequest {
                llm_prompt: asked.get(place.llm_prompt).cloned().unwrap_or_default(),
                samples: place.number..place.number + 1,
                sampling: self.sampling.clone(),
            };
            llm_prompt = place.llm_prompt;
            requests.push(request);
        }
        requests
    }

    /// The requests that are made first, if nothing is kept yet: `[(class, request)]`.
    pub fn first_requests(&self, most: usize) -> Vec<(usize, SampleRequest)> {
        let of_class = |class: usize| {
            let places: Vec<SampleSlot> = (0..self.classes[class].wanted).map(|at| self.place(at)).collect();
            self.requests(class, &places, most).into_iter().map(move |request| (class, request))
        };
        (0..self.classes.len()).flat_map(of_class).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(classes: &[(&str, usize)], llm_prompts: &[&str]) -> GenerationPlan {
        let class = |&(name, wanted): &(&str, usize)| PlannedClass {
            name: name.to_owned(),
            hint: None,
            wanted,
            dropped: Vec::new(),
        };
        GenerationPlan {
            name: "pets".to_owned(),
            classes: classes.iter().map(class).collect(),
            llm_prompts: llm_prompts.iter().map(|text| (*text).to_owned()).collect(),
            context: None,
            sampling: Sampling::default(),
            retry_limit: 3.0,
            backend: Backend::OpenAi,
            model: "m".to_owned(),
            identity: "i".to_owned(),
        }
    }

    #[test]
    fn the_cost_is_that_of_the_first_requests() {
        let prompts = ["Describe a/the {}:", "How does {} look?", "What is {} like, and where is it seen?"];
        for wanted in [0, 1, 2, 3, 7, 30, 31] {
            for count in 1..=prompts.len() {
                for most in [1, 2, 10] {
                    let plan = plan(&[("owl", wanted), ("frog", 2 * wanted)], &prompts[..count]);
                    let requests = plan.first_requests(most);
                    let samples = requests.iter().map(|(_, request)| request.samples.len()).sum();
                    let expected = GenerationCost {
                        requests: requests.len(),
                        samples,
                        prompt_tokens: requests.iter().map(|(_, request)| request.llm_prompt.len()).sum(),
                        answer_tokens: 50 * samples,
                        samples_at_most: 3 * samples,
                    };
                    assert_eq!(plan.cost(most, &str::len), expected, "{wanted} of {count}, {most} at once");
                }
            }
        }
        // However many are wanted, it is worked out without making them.
        let all = plan(&[("owl", usize::MAX)], &prompts).cost(10, &str::len);
        assert_eq!((all.samples, all.answer_tokens), (usize::MAX, usize::MAX));
    }

    #[test]
    fn wishes_are_for_classes_that_are_still_there() {
        let mut plan = plan(&[("crane", 5), ("crane", 5), ("owl", 5)], &["Describe {}:"]);
        let wish = |class, name: &str| MoreSentences { class, name: name.to_owned(), more: 5 };
        plan.wish(&[wish(1, "crane"), wish(2, "frog"), wish(3, "owl")]);
        assert_eq!(plan.classes.iter().map(|class| class.wanted).collect::<Vec<_>>(), [5, 10, 5]);
    }
}
