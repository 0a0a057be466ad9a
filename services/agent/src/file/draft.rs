//! A file that is written beside the one that it will replace.

use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};
use tempfile::NamedTempFile;

use super::error::Error;
use super::open::{Stamp, require_regular};
use super::path::follow_links;

/// A new file next to its target. Until [`Draft::replace`] the target is untouched, and a draft
/// that is dropped leaves nothing behind. All methods block.
///
/// Kept of a file that is replaced are its mode and, where the agent may do that, its owner and
/// group; not kept are extended attributes and further hard links, which keep the old content. The
/// content reaches the disk before the name does, so after a power cut the file has either all of
/// the old content or all of the new; which of them is not promised, because the directory is not
/// flushed.
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
        let replaced = replaceable(&target)?;
        let parent = target.parent().unwrap_or(&target);
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(parent)
            .map_err(Error::io("make the directory", parent))?;
        // Until it has the owner and group of the file that it replaces, a draft is open to nobody
        // else; a new file's mode is the umask's.
        let mode = replaced.as_ref().map_or(0o666, |_| 0o600);
        let file = tempfile::Builder::new()
            .prefix(".chatmesh-")
            .suffix(".tmp")
            .rand_bytes(12)
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(parent)
            .map_err(Error::io("write in", parent))?;
        Ok(Self { file, target, replaced })
    }

    /// The file that will be replaced, links resolved.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Adds bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::io("write", &self.target))
    }

    /// Does all that may fail for want of space or rights, so that [`Draft::replace`] hardly can.
    pub(super) fn finish(self) -> Result<Finished, Error> {
        let Self { file, target, replaced } = self;
        if let Some(replaced) = &replaced {
            keep_owner_and_mode(file.as_file(), replaced).map_err(Error::io("write", &target))?;
        }
        file.as_file().sync_all().map_err(Error::io("write", &target))?;
        Ok(Finished { file, target })
    }

    /// Puts the draft in the place of its target, which it returns.
    pub(super) fn replace(self) -> Result<PathBuf, Error> {
        self.finish()?.replace()
    }
}

/// A draft whose content is on the disk.
#[derive(Debug)]
pub(super) struct Finished {
    file: NamedTempFile,
    target: PathBuf,
}

impl Finished {
    /// Puts the draft in the place of its target, which it returns.
    pub(super) fn replace(self) -> Result<PathBuf, Error> {
        let Self { file, target } = self;
        file.persist(&target).map_err(|error| Error::io("write", &target)(error.error))?;
        Ok(target)
    }

    /// True while the target is what `stamp` was taken of.
    pub(super) fn still_replaces(&self, stamp: Stamp) -> bool {
        std::fs::symlink_metadata(&self.target).is_ok_and(|metadata| Stamp::of(&metadata) == stamp)
    }
}

/// What is at the target; an error where that can not be replaced by a file. Blocks.
pub(super) fn replaceable(target: &Path) -> Result<Option<Metadata>, Error> {
    let metadata = match std::fs::symlink_metadata(target) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("write", target)(error)),
    };
    require_regular(target, &metadata)?;
    // To replace a file needs no right to write to it, but its mode says what its owner wants.
    access(target, AccessFlags::W_OK).map_err(|error| Error::io("write", target)(error.into()))?;
    Ok(Some(metadata))
}

fn keep_owner_and_mode(file: &File, replaced: &Metadata) -> std::io::Result<()> {
    let draft = file.metadata()?;
    let (owner, group) = (replaced.uid(), replaced.gid());
    let mut mode = replaced.mode() & 0o7777;
    if (draft.uid(), draft.gid()) != (owner, group) && fchown(file, Some(owner), Some(group)).is_err() {
        // Only a privileged agent may give files away; for any other the file becomes its own, and
        // so nothing that others may run in the name of its owner.
        mode &= 0o777;
        if fchown(file, None, Some(group)).is_err() {
            // The rights of one group must not become those of another: it gets what everybody has.
            mode = mode & 0o707 | (mode & 0o007) << 3;
        }
    }
    // After the owner: a change of owner clears the set-id bits.
    file.set_permissions(Permissions::from_mode(mode))
}
