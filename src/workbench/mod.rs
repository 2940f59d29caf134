//! An opened experiment and the jobs that fill it.
