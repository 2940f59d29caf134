//! Where a file's new contents stand until they are whole.

use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

/// What the names of unfinished files begin with.
pub const PREFIX: &str = ".unfinished-";

/// The permissions of any new file, of which the process's umask is taken off.
pub const ANY_NEW_FILE: u32 = 0o666;

/// A new file in the folder of `path`, to be renamed to it: under a name that no other thread, process or machine has taken,
/// and with these permissions on Unix. It is removed when it is dropped.
///
/// # Errors
/// What prevents making it, as a folder that is not there or cannot be written to.
pub fn beside(path: &Path, mode: u32) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are their owner's only by default.
        builder.permissions(std::fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _other_permissions = mode;
    builder.tempfile_in(folder.unwrap_or(Path::new(".")))
}
