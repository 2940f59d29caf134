//! How the program speaks to servers, and when it tries again.

pub mod address;
pub mod http;
pub mod retry;
