//! The samples of a class in a line, place by place: each is read and judged once, and the verdicts of all do not depend on
//! the order in which they came.

use super::plan::{GenerationPlan, KeptSample, PlannedClass, SampleSlot};
use crate::language_model::SampleEnding;
use crate::prompts::generation::{JudgedSentence, Rejection, sentence_of, verdicts};
use crate::store::{Key, Store};
use crate::workbench::error::WorkbenchError;

/// A sentence, of use or not.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedSentence {
    /// Its place in the line of its class.
    pub at: usize,
    /// The sentence.
    pub text: String,
    /// Why it is of no use, if it is of none.
    pub rejection: Option<Rejection>,
    /// The answer that it was made of.
    pub sample: KeptSample,
}

/// What there is of a class.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GeneratedClass {
    /// In the order of their places.
    pub sentences: Vec<GeneratedSentence>,
    /// How many are wanted.
    pub wanted: usize,
    /// Nothing more is asked for: there are enough, or as many as may be were asked for.
    pub is_done: bool,
    /// Why the model gave no more.
    pub problem: Option<String>,
}

impl GeneratedClass {
    /// Those that are of use.
    pub fn accepted(&self) -> impl Iterator<Item = &GeneratedSentence> {
        self.sentences.iter().filter(|sentence| sentence.rejection.is_none())
    }

    /// How many these are.
    pub fn n_accepted(&self) -> usize {
        self.accepted().count()
    }

    /// How many are of no use.
    pub fn n_rejected(&self) -> usize {
        self.sentences.len() - self.n_accepted()
    }
}

/// What is known of a class.
#[derive(Debug, Default)]
pub(super) struct ClassLine {
    /// As many places as were needed so far.
    places: Vec<Option<JudgedSample>>,
    /// How many of them are needed now.
    length: usize,
    /// How many sentences are of use, as of the last change.
    accepted: usize,
    is_done: bool,
    /// Why the model gave no more.
    pub(super) problem: Option<String>,
}

#[derive(Debug)]
struct JudgedSample {
    sample: KeptSample,
    sentence: JudgedSentence,
}

impl JudgedSample {
    fn new(sample: KeptSample, class: &str, count_tokens: &dyn Fn(&str) -> usize) -> Self {
        let text = sentence_of(&sample.text, sample.ending == SampleEnding::Stop);
        Self { sentence: JudgedSentence::new(class, text, count_tokens), sample }
    }
}

impl ClassLine {
    /// Reads what the store has for places that are needed and empty; returns those that are to be asked for.
    ///
    /// # Errors
    /// What prevents reading the store.
    pub(super) fn look(
        &mut self,
        plan: &GenerationPlan,
        class: usize,
        store: &Store,
        count_tokens: &dyn Fn(&str) -> usize,
    ) -> Result<Vec<SampleSlot>, WorkbenchError> {
        let asked = plan.asked(class);
        let key =
            |slot: &SampleSlot| plan.key(asked.get(slot.llm_prompt).map_or("", String::as_str), slot.number);
        loop {
            let missing = self.settle(plan, class);
            let keys: Vec<Key> = missing.iter().map(key).collect();
            let kept = |text: Option<String>| serde_json::from_str(&text?).ok();
            let mut found = false;
            for (slot, text) in missing.iter().zip(store.samples(&keys)?) {
                if let Some(sample) = kept(text) {
                    self.put(slot.at, sample, &plan.classes[class], count_tokens);
                    found = true;
                }
            }
            if !found {
                return Ok(missing);
            }
        }
    }

    /// Takes an answer that has just come and is kept.
    pub(super) fn take(
        &mut self,
        plan: &GenerationPlan,
        class: usize,
        sample: &KeptSample,
        count_tokens: &dyn Fn(&str) -> usize,
    ) {
        let asked = plan.asked(class);
        for slot in self.empty_places(plan) {
            if slot.number == sample.number && asked.get(slot.llm_prompt) == Some(&sample.llm_prompt) {
                self.put(slot.at, sample.clone(), &plan.classes[class], count_tokens);
            }
        }
        self.settle(plan, class);
    }

    fn put(
        &mut self,
        at: usize,
        sample: KeptSample,
        class: &PlannedClass,
        count_tokens: &dyn Fn(&str) -> usize,
    ) {
        self.places[at] = Some(JudgedSample::new(sample, &class.name, count_tokens));
    }

    /// Makes the line as long as it must be, so that there are sentences enough if all that is asked for are of use; returns
    /// the empty places.
    fn settle(&mut self, plan: &GenerationPlan, class: usize) -> Vec<SampleSlot> {
        let planned = &plan.classes[class];
        let (wanted, limit) = (planned.wanted, plan.limit(class));
        self.length = wanted.min(limit);
        loop {
            self.places.resize_with(self.places.len().max(self.length), || None);
            let missing = self.empty_places(plan);
            self.accepted = self.verdicts(planned).iter().filter(|verdict| verdict.is_none()).count();
            let short = wanted.saturating_sub(self.accepted + missing.len());
            if short == 0 || self.length == limit {
                self.is_done = missing.is_empty();
                self.problem = self.problem.take().filter(|_| !missing.is_empty());
                return missing;
            }
            self.length = (self.length + short).min(limit);
        }
    }

    fn empty_places(&self, plan: &GenerationPlan) -> Vec<SampleSlot> {
        let empty = self.places[..self.length].iter().enumerate().filter(|(_, sample)| sample.is_none());
        empty.map(|(at, _)| plan.place(at)).collect()
    }

    fn there(&self) -> impl Iterator<Item = (usize, &JudgedSample)> {
        let needed = self.places[..self.length].iter().enumerate();
        needed.filter_map(|(at, sample)| Some((at, sample.as_ref()?)))
    }

    fn verdicts(&self, class: &PlannedClass) -> Vec<Option<Rejection>> {
        verdicts(self.there().map(|(at, judged)| (&judged.sentence, class.dropped.contains(&at))))
    }

    /// Sentences that are still missing of those that are wanted.
    pub(super) fn n_missing(&self, class: &PlannedClass) -> usize {
        if self.is_done { 0 } else { class.wanted.saturating_sub(self.accepted) }
    }

    /// What there is of the class.
    pub(super) fn generated(&self, class: &PlannedClass) -> GeneratedClass {
        let sentence =
            |((at, judged), rejection): ((usize, &JudgedSample), Option<Rejection>)| GeneratedSentence {
                at,
                text: judged.sentence.text.clone(),
                rejection,
                sample: judged.sample.clone(),
            };
        GeneratedClass {
            sentences: self.there().zip(self.verdicts(class)).map(sentence).collect(),
            wanted: class.wanted,
            is_done: self.is_done,
            problem: self.problem.clone(),
        }
    }
}
