//! What the doctors find: something that may be wrong with labels or prompts, what speaks for it, and what to do.

use crate::prompts::lint::{Fix, Rule};

/// What kind of thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// Class names that stand in another order than the images.
    PermutedClasses,
    /// Classes that share a name.
    DuplicateClassName,
    /// Classes that none of their prompts names.
    UnnamedClass,
    /// Keys of a prompt set that are no class.
    LeftOverKey,
    /// Classes without images.
    ClassWithoutImages,
    /// Images of different classes that are nearly the same.
    NearDuplicateImages,
    /// An image that belongs to another class.
    LikelyLabelError,
    /// A prompt that breaks a rule of its text.
    Text(Rule),
    /// A prompt that the text tower cannot tell from another of its class.
    SameToModel,
    /// A prompt that is longer than the text tower reads.
    Truncated,
    /// A prompt that is more like the images of another class.
    NearerToOther,
}

/// One finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Its kind.
    pub kind: FindingKind,
    /// The classes that it concerns: indices into the session's; none for a template.
    pub classes: Vec<usize>,
    /// The images that it concerns: indices into the session's.
    pub images: Vec<usize>,
    /// The prompt that it concerns.
    pub prompt: Option<FlawedPrompt>,
    /// What speaks for it, in words.
    pub evidence: String,
    /// What to do, in words.
    pub remedy: String,
}

/// A prompt that something is wrong with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlawedPrompt {
    /// Its strategy: an index into the session's.
    pub strategy: usize,
    /// Its place among the prompts of its class, or among the templates, from 0.
    pub index: usize,
    /// Its text.
    pub text: String,
    /// What puts it right, where that is safe.
    pub fix: Option<Fix>,
}

impl FindingKind {
    /// Those of labels, as they are listed.
    pub const OF_LABELS: [Self; 7] = [
        Self::PermutedClasses,
        Self::DuplicateClassName,
        Self::UnnamedClass,
        Self::LeftOverKey,
        Self::ClassWithoutImages,
        Self::NearDuplicateImages,
        Self::LikelyLabelError,
    ];

    /// Those of prompts, as they are listed.
    pub const OF_PROMPTS: [Self; 16] = [
        Self::Text(Rule::ExactDuplicate),
        Self::Text(Rule::NearDuplicate),
        Self::SameToModel,
        Self::Text(Rule::Fragment),
        Self::Text(Rule::Placeholder),
        Self::Text(Rule::ListSyntax),
        Self::Text(Rule::Descriptor),
        Self::Text(Rule::Markup),
        Self::Text(Rule::StrayBlanks),
        Self::Text(Rule::WrongArticle),
        Self::Text(Rule::NothingToSee),
        Self::Text(Rule::OtherClass),
        Self::Text(Rule::MissingClassName),
        Self::Text(Rule::OverLong),
        Self::Truncated,
        Self::NearerToOther,
    ];

    /// As in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::PermutedClasses => "permuted-classes",
            Self::DuplicateClassName => "duplicate-class-name",
            Self::UnnamedClass => "unnamed-class",
            Self::LeftOverKey => "left-over-key",
            Self::ClassWithoutImages => "class-without-images",
            Self::NearDuplicateImages => "near-duplicate-images",
            Self::LikelyLabelError => "likely-label-error",
            Self::Text(rule) => rule.name(),
            Self::SameToModel => "same-to-model",
            Self::Truncated => "truncated",
            Self::NearerToOther => "nearer-to-another-class",
        }
    }

    /// The place in the list of those of prompts; labels come before.
    pub(in crate::workbench) fn place(self) -> usize {
        Self::OF_PROMPTS.iter().position(|kind| *kind == self).map_or(0, |place| place + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_place_and_a_name_of_its_own() {
        let all = FindingKind::OF_LABELS.into_iter().chain(FindingKind::OF_PROMPTS);
        let names: std::collections::HashSet<_> = all.map(FindingKind::name).collect();
        assert_eq!(names.len(), FindingKind::OF_LABELS.len() + FindingKind::OF_PROMPTS.len());
        for rule in Rule::ALL {
            assert!(FindingKind::OF_PROMPTS.contains(&FindingKind::Text(rule)), "{rule:?}");
        }
    }
}
