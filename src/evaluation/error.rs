//! What cannot be evaluated.

use crate::prompts::Aggregation;

/// An error of an evaluation: which image, class or prompt is at fault. All indices count from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EvaluationError {
    /// Somebody asked to stop.
    #[error("interrupted")]
    Cancelled,
    /// The data do not fill the matrix.
    #[error("a matrix of {rows} rows and {cols} columns has {} values, not {found}", rows * cols)]
    Shape {
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
        /// Values that were given.
        found: usize,
    },
    /// The rows of a matrix differ in length.
    #[error("row {row} has {found} values and row 0 has {expected}")]
    RaggedRow {
        /// The first row of another length.
        row: usize,
        /// Values of row 0.
        expected: usize,
        /// Values of the row.
        found: usize,
    },
    /// A classifier without classes.
    #[error("a classifier needs at least one class")]
    NoClasses,
    /// A class without prompts.
    #[error("class {class} has no prompts; give it at least one, or leave the class out")]
    NoPrompts {
        /// The class.
        class: usize,
    },
    /// Embeddings of one class have another dimension than those of class 0.
    #[error(
        "the prompts of class {class} have dimension {found} and those of class 0 have {expected}; are they of one checkpoint?"
    )]
    PromptDimension {
        /// The class.
        class: usize,
        /// Dimension of class 0.
        expected: usize,
        /// Dimension of the class.
        found: usize,
    },
    /// Prompts that cannot be weighed together.
    #[error(
        "class {class} has {found} prompts and class 0 has {expected}; weights belong to the first, second and further \
         prompts of all classes, so these need equally many, as with templates"
    )]
    UnequalPrompts {
        /// The class.
        class: usize,
        /// Prompts of class 0.
        expected: usize,
        /// Prompts of the class.
        found: usize,
    },
    /// One class alone does not decide its scores.
    #[error(
        "with {aggregation}, the scores of a class depend on all prompts of all classes; use mean for this"
    )]
    WeighsPrompts {
        /// The aggregation.
        aggregation: Aggregation,
    },
    /// A prompt embedding with a value that is no number.
    #[error("the embedding of prompt {prompt} of class {class} is not finite; the checkpoint may be damaged")]
    PromptNotFinite {
        /// The class.
        class: usize,
        /// The prompt, counted within its class.
        prompt: usize,
    },
    /// A change of a class that is not there.
    #[error("there is no class {class}; the classifier has {n_classes} classes")]
    NoSuchClass {
        /// The class.
        class: usize,
        /// Number of classes.
        n_classes: usize,
    },
    /// No images.
    #[error("there are no images to evaluate")]
    NoImages,
    /// Images and labels differ in number.
    #[error("there are {images} images and {labels} labels")]
    LabelCount {
        /// Number of images.
        images: usize,
        /// Number of labels.
        labels: usize,
    },
    /// A label that is no class.
    #[error("image {image} has class {label} and the classifier has {n_classes} classes")]
    Label {
        /// The image.
        image: usize,
        /// Its label.
        label: usize,
        /// Number of classes.
        n_classes: usize,
    },
    /// Images and prompts have embeddings of different dimensions.
    #[error("the images have dimension {images} and the prompts {prompts}; are they of one checkpoint?")]
    ImageDimension {
        /// Dimension of the image embeddings.
        images: usize,
        /// Dimension of the prompt embeddings.
        prompts: usize,
    },
    /// An image embedding with a value that is no number.
    #[error("the embedding of image {image} is not finite; the file or the checkpoint may be damaged")]
    ImageNotFinite {
        /// The image.
        image: usize,
    },
    /// A scale without a meaning.
    #[error(
        "exp(logit_scale) is not finite for logit_scale {logit_scale}; checkpoints store its logarithm, about 4.6"
    )]
    LogitScale {
        /// The value.
        logit_scale: f32,
    },
    /// Two evaluations that are not of the same images and classes.
    #[error("the two evaluations are not of the same images with the same classes")]
    NotComparable,
}
