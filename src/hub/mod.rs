//! Checkpoints on a Hugging Face hub: found in the cache that its Python library keeps, and downloaded into it.
//!
//! | file | what it knows |
//! |---|---|
//! | `repository.rs` | names of repositories and revisions |
//! | `settings.rs` | the environment: where the hub and the cache are, the token |
//! | `cache.rs` | folders, links and references of the cache |
//! | `files.rs` | which files of a repository make a checkpoint |
//! | `checksum.rs` | the two kinds of checksums |
//! | `client.rs` | requests, redirections, and when to try again |
//! | `listing.rs` | what a hub says of a repository |
//! | `download.rs` | one file |
//! | `pull.rs` | a whole checkpoint |

mod cache;
mod checksum;
mod client;
mod download;
mod error;
mod files;
mod listing;
mod pull;
mod repository;
mod settings;

pub use cache::{Cache, Snapshot};
pub use client::OnWait;
pub use download::Transfer;
pub use error::HubError;
pub use pull::{Hub, Plan, PlannedFile, PullNotice};
pub use repository::Repository;
pub use settings::{HubSettings, Token};
