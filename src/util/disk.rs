//! The room on a disk.

use std::io;
use std::path::Path;

/// The free bytes of the file system of a folder, as far as an ordinary user may fill it.
///
/// # Errors
/// Those of the operating system: the folder does not exist, or may not be looked at.
pub fn free(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
