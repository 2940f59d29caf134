//! Why an image is seen as it is, which classes are taken for each other, and what is there twice.

pub(super) mod assignment;
pub(super) mod attribution;
pub(super) mod confusions;
pub(super) mod counterfactual;
pub(super) mod near_duplicates;
pub(super) mod prompt_similarity;
