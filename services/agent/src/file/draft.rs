//! A file that is written beside the one that it will replace.

use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};
use tempfile::NamedTempFile;

use super::error::Error;
use super::path::follow_links;

/// A new file next to its target. Until [`Draft::replace`] the target is untouched, and a draft
/// that is dropped leaves nothing behind. All methods block.
///
/// Kept of a file that is replaced are its mode and, where the agent may do that, its owner and
/// group; not kept are extended attributes and further hard links. The content reaches the disk
/// before the name does, so after a power cut the file has either all of the old content or all
/// of the new; which of them is not promised, because the directory is not flushed.
#[derive(Debug)]
pub(super) struct Draft {
    file: NamedTempFile,
    target: PathBuf,
    replaced: Option<Metadata>,
}

impl Draft {
    /// Begins to write the file that `path` leads to. Makes missing directories.
    pub(super) fn begin(path: &Path) -> Result<Self, Error> {
        let target = follow_links(path).map_err(Error::io("write", path))?;
        let replaced = existing(&target)?;
        let parent = target.parent().unwrap_or(&target);
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(parent)
            .map_err(Error::io("make the directory", parent))?;
        // The draft is never more open than the file will be; a new file's mode is the umask's.
        let mode = replaced.as_ref().map_or(0o666, |metadata| metadata.mode() & 0o777);
        let file = tempfile::Builder::new()
            .prefix(".chatmesh-")
            .suffix(".tmp")
            .rand_bytes(12)
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(parent)
            .map_err(Error::io("write in", parent))?;
        Ok(Self { file, target, replaced })
    }

    /// Adds bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::io("write", &self.target))
    }

    /// Puts the draft in the place of its target, which it returns.
    pub(super) fn replace(self) -> Result<PathBuf, Error> {
        let Self { file, target, replaced } = self;
        if let Some(replaced) = replaced {
            keep_owner_and_mode(file.as_file(), &replaced).map_err(Error::io("write", &target))?;
        }
        file.as_file().sync_all().map_err(Error::io("write", &target))?;
        file.persist(&target).map_err(|error| Error::io("write", &target)(error.error))?;
        Ok(target)
    }
}

/// What is at the target; an error where that can not be replaced by a file.
fn existing(target: &Path) -> Result<Option<Metadata>, Error> {
    let metadata = match std::fs::symlink_metadata(target) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("write", target)(error)),
    };
    if metadata.is_dir() {
        return Err(Error::Unsuitable { path: target.to_owned(), problem: "is a directory" });
    }
    if !metadata.is_file() {
        return Err(Error::Unsuitable { path: target.to_owned(), problem: "is not a regular file" });
    }
    // To replace a file needs no right to write to it, but its mode says what its owner wants.
    access(target, AccessFlags::W_OK).map_err(|error| Error::io("write", target)(error.into()))?;
    Ok(Some(metadata))
}

fn keep_owner_and_mode(file: &File, replaced: &Metadata) -> std::io::Result<()> {
    let draft = file.metadata()?;
    if (draft.uid(), draft.gid()) != (replaced.uid(), replaced.gid()) {
        // Only a privileged agent may give files away; for any other the file becomes its own.
        let _ = fchown(file, Some(replaced.uid()), Some(replaced.gid()));
    }
    // After the owner: a change of owner clears the set-id bits.
    file.set_permissions(Permissions::from_mode(replaced.mode() & 0o7777))
}
