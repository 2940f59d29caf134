//! What can be wrong with a checkpoint, or with what is given to its encoders.

/// An error of this module. Its `Display` is complete: it names the file and the key or tensor, says what is
/// wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClipError {
    /// The checkpoint's directory does not exist, or is a file.
    #[error("{path} is not a directory; give the folder of a CLIP checkpoint")]
    NoDirectory {
        /// As it was given.
        path: String,
    },
    /// A file that the checkpoint needs does not exist.
    #[error("{file} is absent; {remedy}")]
    AbsentFile {
        /// Where it should be.
        file: String,
        /// What to do.
        remedy: String,
    },
    /// A file exists and cannot be read.
    #[error("{file} cannot be read: {problem}")]
    Read {
        /// Its path.
        file: String,
        /// The operating system's words.
        problem: String,
    },
    /// A file is not the JSON that it should be.
    #[error("{file} is malformed: {problem}; fetch the file again or correct it")]
    Json {
        /// Its path.
        file: String,
        /// With line and column.
        problem: String,
    },
    /// `config.json` describes some other kind of model.
    #[error(
        "{file} describes {found}, not a CLIP model; only checkpoints with a model_type of \"clip\", \"siglip\", \"metaclip_2\" or \"chinese_clip\" can be used"
    )]
    NotClip {
        /// Its path.
        file: String,
        /// What it is instead.
        found: String,
    },
    /// A file of OpenAI's form holds some other model.
    #[error("{file} is not one of OpenAI's CLIP models: {problem}")]
    NotOpenAi {
        /// Its path.
        file: String,
        /// What follows from the shapes of its tensors.
        problem: String,
    },
    /// A configuration file has a value that cannot be used.
    #[error("{file}: `{key}` {problem}")]
    Setting {
        /// Its path.
        file: String,
        /// The key.
        key: String,
        /// What is wrong with its value, and what would be right.
        problem: String,
    },
    /// A weight file is not a safetensors file.
    #[error(
        "{file} is not a safetensors file: {problem}; fetch it again (a Git LFS pointer is not the file itself)"
    )]
    Header {
        /// Its path.
        file: String,
        /// What is wrong with its header.
        problem: String,
    },
    /// A weight file is not one of PyTorch's, or not one that can be read without executing it.
    #[error(
        "{file} is not a PyTorch weight file that can be read: {problem}; fetch it again, or save the model as safetensors"
    )]
    Torch {
        /// Its path.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A weight file is shorter or longer than its header says.
    #[error(
        "{file} has {actual} bytes where its header announces {expected}: it is cut short or damaged; fetch it again"
    )]
    Length {
        /// Its path.
        file: String,
        /// Bytes, by the header.
        expected: u64,
        /// Bytes, by the file system.
        actual: u64,
    },
    /// The weight files lack a tensor of the model.
    #[error(
        "{file} lacks the tensor {tensor}, which the configuration calls for; it is not the whole CLIP model"
    )]
    MissingTensor {
        /// The weight file, or the index of the shards.
        file: String,
        /// Its name.
        tensor: String,
    },
    /// The weight files have tensors that the model has no use for, or those of several models.
    #[error("{file}: {problem}")]
    ForeignTensors {
        /// The weight file, or the index of the shards.
        file: String,
        /// Which, and what to do.
        problem: String,
    },
    /// A tensor's shape does not follow from the configuration.
    #[error(
        "{file}: the tensor {tensor} has the shape {found:?} where the configuration calls for {expected:?}"
    )]
    Shape {
        /// The weight file.
        file: String,
        /// Its name.
        tensor: String,
        /// By the configuration.
        expected: Vec<usize>,
        /// By the weight file.
        found: Vec<usize>,
    },
    /// A tensor's element type cannot be used.
    #[error(
        "{file}: the tensor {tensor} has elements of type {dtype}; only F64, F32, F16 and BF16 can be used, so save the model in one of these"
    )]
    ElementType {
        /// The weight file.
        file: String,
        /// Its name.
        tensor: String,
        /// By the weight file.
        dtype: String,
    },
    /// The tokenizer's files cannot be used with this model.
    #[error("{file}: {problem}")]
    Tokenizer {
        /// Its path.
        file: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// An encoder was given something that does not fit its model: a mistake of the program.
    #[error("{0}")]
    Input(String),
    /// A tensor operation failed: a mistake of the program, or no memory.
    #[error("the encoder failed: {0}; if memory is short, use smaller batches")]
    Compute(String),
}

impl From<candle_core::Error> for ClipError {
    fn from(error: candle_core::Error) -> Self {
        Self::Compute(error.to_string())
    }
}
