//! Images with a class each, from folders, manifests and picture files.
