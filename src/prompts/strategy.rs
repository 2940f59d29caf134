//! Prompt sets together with an aggregation.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::PromptError;
use super::matching::Classes;
use super::prompt_set::{PromptSet, ResolvedPrompts};

/// How the prompts of a class become its row of the classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aggregation {
    /// Normalise each prompt embedding, average, normalise again: CLIP (Radford et al. 2021, "Prompt engineering and
    /// ensembling") and CuPL (Pratt et al., arXiv 2209.03320).
    #[default]
    Mean,
    /// Average the text tower's pooled outputs, project, normalise: "Simple way of improving zero-shot CLIP
    /// performance", Towards Data Science, 2023-11-03.
    PooledMean,
    /// Average the similarities of the image to each prompt: DCLIP (Menon and Vondrick, arXiv 2210.07183).
    SimilarityMean,
    /// The similarity to the best prompt alone.
    Max,
    /// As `mean`, with weights for the templates that are found on the dataset's images without their labels: ZPE
    /// (Allingham et al., arXiv 2302.06235).
    Zpe,
    /// The similarities averaged with weights for the templates that are found for each image: AutoCLIP (Metzen et al.,
    /// arXiv 2309.16414).
    #[serde(rename = "autoclip")]
    AutoClip,
}

impl Aggregation {
    /// All of them, in the order of the documentation.
    pub const ALL: [Aggregation; 6] =
        [Self::Mean, Self::PooledMean, Self::SimilarityMean, Self::Max, Self::Zpe, Self::AutoClip];

    /// Those where the prompts of one class decide its scores, whatever the images and the other classes are.
    pub const CLASS_BY_CLASS: [Aggregation; 4] =
        [Self::Mean, Self::PooledMean, Self::SimilarityMean, Self::Max];

    /// Whether it finds weights for the first, second, … prompts of all classes, which therefore have equally many.
    #[must_use]
    pub fn weighs_prompts(self) -> bool {
        matches!(self, Self::Zpe | Self::AutoClip)
    }

    /// The word that files and screens use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::PooledMean => "pooled-mean",
            Self::SimilarityMean => "similarity-mean",
            Self::Max => "max",
            Self::Zpe => "zpe",
            Self::AutoClip => "autoclip",
        }
    }
}

impl fmt::Display for Aggregation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Aggregation {
    type Err = PromptError;

    fn from_str(name: &str) -> Result<Aggregation, PromptError> {
        Self::ALL
            .into_iter()
            .find(|aggregation| aggregation.name() == name)
            .ok_or_else(|| PromptError::UnknownAggregation(name.to_owned()))
    }
}

/// Prompt sets and an aggregation: with a checkpoint and class names, a zero-shot classifier.
#[derive(Debug, Clone, PartialEq)]
pub struct Strategy {
    /// What screens and reports call it.
    pub name: String,
    /// Their prompts are put one after another, class by class.
    pub prompt_sets: Vec<PromptSet>,
    /// How the prompts of a class become one vector.
    pub aggregation: Aggregation,
}

impl Strategy {
    /// The prompts of every class, from all prompt sets.
    ///
    /// # Errors
    /// When there is no prompt set, a prompt set lacks classes, or the aggregation needs equally many prompts of each.
    pub fn resolve<'a>(&self, classes: impl Into<Classes<'a>>) -> Result<ResolvedPrompts, PromptError> {
        let classes = classes.into();
        let mut sets = self.prompt_sets.iter();
        let first = sets.next().ok_or_else(|| PromptError::EmptyStrategy(self.name.clone()))?;
        let mut all = first.resolve(classes)?;
        for set in sets {
            let more = set.resolve(classes)?;
            for (prompts, of_set) in all.per_class.iter_mut().zip(more.per_class) {
                prompts.extend(of_set);
            }
            all.loosely_matched.extend(more.loosely_matched);
            for key in more.left_over {
                if !all.left_over.contains(&key) {
                    all.left_over.push(key);
                }
            }
        }
        if self.aggregation.weighs_prompts() {
            self.check_counts(classes.names, &all.per_class)?;
        }
        Ok(all)
    }

    fn check_counts(&self, class_names: &[String], per_class: &[Vec<String>]) -> Result<(), PromptError> {
        let expected = per_class.first().map_or(0, Vec::len);
        match per_class.iter().position(|prompts| prompts.len() != expected) {
            None => Ok(()),
            Some(class) => Err(PromptError::UnequalPrompts {
                aggregation: self.aggregation,
                class: class_names[class].clone(),
                found: per_class[class].len(),
                first: class_names[0].clone(),
                expected,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways_and_serde_uses_them() {
        for aggregation in Aggregation::ALL {
            assert_eq!(aggregation.to_string().parse::<Aggregation>().unwrap(), aggregation);
            let json = serde_json::to_string(&aggregation).unwrap();
            assert_eq!(json, format!("\"{aggregation}\""));
            assert_eq!(serde_json::from_str::<Aggregation>(&json).unwrap(), aggregation);
        }
    }

    #[test]
    fn weights_need_equally_many_prompts_of_each_class() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let pairs =
            vec![("cat".to_owned(), texts(&["Whiskers.", "Claws."])), ("dog".to_owned(), texts(&["Barks."]))];
        let strategy = |aggregation, set: PromptSet| Strategy {
            name: "s".to_owned(),
            prompt_sets: vec![set],
            aggregation,
        };
        let classes = texts(&["cat", "dog"]);
        let uneven = PromptSet::from_pairs("c", pairs).unwrap();
        let even = PromptSet::from_templates("t", &texts(&["a {}.", "the {}."])).unwrap();
        for aggregation in Aggregation::ALL {
            assert!(strategy(aggregation, even.clone()).resolve(&classes).is_ok());
            let resolved = strategy(aggregation, uneven.clone()).resolve(&classes);
            assert_eq!(resolved.is_err(), aggregation.weighs_prompts(), "{aggregation}");
        }
        let message = strategy(Aggregation::Zpe, uneven).resolve(&classes).unwrap_err().to_string();
        assert!(message.contains("\"dog\" has 1, \"cat\" has 2"), "{message}");
    }

    #[test]
    fn another_name_lists_them_all() {
        let error = "median".parse::<Aggregation>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"median\" is no aggregation; use mean, pooled-mean, similarity-mean, max, zpe or autoclip"
        );
    }

    #[test]
    fn combined_sets_follow_one_another_class_by_class() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let templates = PromptSet::from_templates("t", &texts(&["a {}.", "the {c}."])).unwrap();
        let pairs = vec![
            ("Cat".to_owned(), texts(&["Whiskers."])),
            ("dog".to_owned(), texts(&["Barks."])),
            ("cow".to_owned(), texts(&["Moos."])),
        ];
        let cupl = PromptSet::from_pairs("c", pairs).unwrap();
        let strategy = Strategy {
            name: "both".to_owned(),
            prompt_sets: vec![templates, cupl],
            aggregation: Aggregation::Mean,
        };
        let resolved = strategy.resolve(&texts(&["cat", "dog"])).unwrap();
        assert_eq!(
            resolved.per_class,
            [texts(&["a cat.", "the cat.", "Whiskers."]), texts(&["a dog.", "the dog.", "Barks."])]
        );
        assert_eq!(resolved.loosely_matched.len(), 1);
        assert_eq!(resolved.loosely_matched[0].key, "Cat");
        assert_eq!(resolved.left_over, ["cow"]);
    }

    #[test]
    fn without_prompt_sets_it_is_an_error() {
        let strategy = Strategy { name: "s".to_owned(), prompt_sets: vec![], aggregation: Aggregation::Max };
        assert_eq!(strategy.resolve(&[]).unwrap_err().to_string(), "the strategy \"s\" has no prompt sets");
    }
}
