//! Where a store is: in a directory, or in memory for one start.

use std::path::{Path, PathBuf};

use super::{OpenedStore, Store, StoreError, Waiting};

/// Where the store is.
#[derive(Clone)]
pub enum StorePlace {
    /// In a directory, for every start.
    Directory(PathBuf),
    /// The same, waited for in this way while another process has it.
    Awaited(PathBuf, Waiting),
    /// In memory, for this start only: every clone is the same store.
    Memory(Store),
}

impl StorePlace {
    /// A new, empty store in memory.
    pub fn in_memory() -> Self {
        Self::Memory(Store::in_memory())
    }

    /// Whether nothing is kept for the next start.
    pub fn is_memory(&self) -> bool {
        matches!(self, Self::Memory(_))
    }

    /// The store's directory; `None` in memory.
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Self::Directory(path) | Self::Awaited(path, _) => Some(path),
            Self::Memory(_) => None,
        }
    }

    /// Opens the store there; the notices say what the user should know.
    pub fn open(&self) -> Result<OpenedStore, StoreError> {
        match self {
            Self::Directory(path) => Store::open(path),
            Self::Awaited(path, waiting) => Store::open_waiting(path, waiting),
            Self::Memory(store) => Ok(OpenedStore { store: store.clone(), notices: Vec::new() }),
        }
    }
}
