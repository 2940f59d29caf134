//! CLIP on the CPU: checkpoint files, tokenizer, image preprocessing and the two towers.
