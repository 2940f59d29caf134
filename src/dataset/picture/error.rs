//! Why an image is skipped. The words stand beside the image's name, so they do not repeat it.

/// Why there are no pixels.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file is not there or may not be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// No bytes.
    #[error("empty file")]
    Empty,
    /// A row without a picture.
    #[error("its row has neither the bytes of a picture nor a path")]
    Missing,
    /// The bytes are no picture, or of a format that is not known here.
    #[error("not a picture (JPEG, PNG, WebP, BMP, GIF, TIFF or PNM)")]
    NotAPicture,
    /// A format that is known, but not read here.
    #[error("{format} cannot be read here; {remedy}")]
    Foreign {
        /// What the bytes are.
        format: &'static str,
        /// What the user can do.
        remedy: &'static str,
    },
    /// A width or height of zero.
    #[error("a picture without pixels")]
    NoPixels,
    /// The file ends too early.
    #[error("truncated {format}")]
    Truncated {
        /// The format's name.
        format: &'static str,
    },
    /// More pixels than Pillow opens.
    #[error("too large: {width}×{height} pixels, at most 178,956,970 are read; make it smaller")]
    TooLarge {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// A picture of a kind that is not decoded here.
    #[error("{format} of a kind that is not supported ({detail})")]
    Unsupported {
        /// The format's name.
        format: &'static str,
        /// Of which kind.
        detail: String,
    },
    /// The bytes contradict the format.
    #[error("broken {format} ({detail})")]
    Broken {
        /// The format's name.
        format: &'static str,
        /// What the decoder said.
        detail: String,
    },
}

impl PictureError {
    /// A picture whose data contradict its format, in our words.
    pub(super) fn contradiction(format: &'static str, detail: impl Into<String>) -> PictureError {
        PictureError::Broken { format, detail: detail.into() }
    }

    /// Tells a file that ends too early from one that is broken otherwise.
    pub(super) fn broken(format: &'static str, error: &(dyn std::error::Error + 'static)) -> PictureError {
        let chain = || std::iter::successors(Some(error), |error| error.source());
        let ends = |error: &(dyn std::error::Error + 'static)| {
            error
                .downcast_ref::<std::io::Error>()
                .is_some_and(|io| io.kind() == std::io::ErrorKind::UnexpectedEof)
        };
        let innermost = chain().last().map(ToString::to_string).unwrap_or_default();
        // The PNG and GIF decoders have no type for it.
        let says_so = innermost.eq_ignore_ascii_case("unexpected end of file")
            || innermost.ends_with("InsufficientInput");
        if chain().any(ends) || says_so {
            return PictureError::Truncated { format };
        }
        PictureError::Broken { format, detail: innermost }
    }
}
