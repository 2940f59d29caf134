//! Prompt sets and strategies: their file formats, and which prompts a class gets.
