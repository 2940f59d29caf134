//! Zero-shot classifiers and their metrics, on plain `f32` matrices.
