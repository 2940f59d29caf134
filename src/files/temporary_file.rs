//! Where a file's new contents stand until they are whole.

use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

/// A new file in the folder of `path`, to be renamed to it: under a name that no other thread, process or machine has taken,
/// and with the permissions of any new file. It is removed when it is dropped.
///
/// # Errors
/// What prevents making it, as a folder that is not there or cannot be written to.
pub fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".unfinished-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are their owner's only by default. The process's umask is taken off.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder.unwrap_or(Path::new(".")))
}
