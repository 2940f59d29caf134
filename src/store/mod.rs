//! Keeps embeddings, prompt sets and runs on disk between starts.
