//! Opens regular files.

use std::fs::{File, Metadata, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::fcntl::OFlag;

use super::error::Error;

/// Opens a regular file to read it. Anything else is refused: a directory has no bytes, to read a
/// pipe takes them from somebody, and a device may do anything. Blocks.
pub(super) fn open_regular(path: &Path) -> Result<(File, Metadata), Error> {
    // Looked at before it is opened, since to open a device may have an effect; and once more when
    // it is open, since it may be another one by then. To open a pipe would wait for its writer.
    require_regular(path, &std::fs::metadata(path).map_err(Error::io("read", path))?)?;
    let file = OpenOptions::new().read(true).custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits()).open(path);
    let file = file.map_err(Error::io("read", path))?;
    let metadata = file.metadata().map_err(Error::io("read", path))?;
    require_regular(path, &metadata)?;
    Ok((file, metadata))
}

/// Refuses what is no regular file.
pub(super) fn require_regular(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    if metadata.is_file() {
        return Ok(());
    }
    let problem = if metadata.is_dir() { "is a directory" } else { "is not a regular file" };
    Err(Error::Unsuitable { path: path.to_owned(), problem })
}

/// Tells whether a file is still the one that was read, with the same content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}
