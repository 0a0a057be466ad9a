//! The two sides of a comparison: a file in HEAD, and the same in the worktree.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use gix::bstr::{BStr, ByteSlice as _};
use gix::filter::Pipeline;
use gix::filter::plumbing::pipeline::convert::ToGitOutcome;
use gix::index::State;
use gix::index::entry::Mode;
use gix::worktree::IndexPersistedOrInMemory;
use gix::{ObjectId, Repository};
use nix::fcntl::OFlag;

use super::Error;

/// The largest file that is read.
pub(super) const MAX_FILE: u64 = 2 * 1024 * 1024;

/// A file on one side.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) kind: Kind,
    pub(super) content: Content,
}

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Executable,
    Link,
}

/// What is in it.
#[derive(Debug)]
pub(super) enum Content {
    /// As it is, or would be, stored in Git; where a link leads.
    Bytes(Vec<u8>),
    /// More than is read.
    TooLarge(u64),
    /// Nobody can say.
    Unreadable(String),
}

/// Reads both sides of files.
pub(super) struct Sides<'a> {
    repository: &'a Repository,
    root: &'a Path,
    head: &'a State,
    index: IndexPersistedOrInMemory,
    pipeline: Pipeline<'a>,
    /// False where modes of files say nothing, as on some network drives.
    has_modes: bool,
}

impl<'a> Sides<'a> {
    pub(super) fn new(repository: &'a Repository, root: &'a Path, head: &'a State) -> Result<Self, Error> {
        let (pipeline, index) = repository.filter_pipeline(None)?;
        let has_modes = repository.filesystem_options()?.executable_bit;
        Ok(Self { repository, root, head, index, pipeline, has_modes })
    }

    /// The file in HEAD. `None` where there is none, and for submodules.
    pub(super) fn in_head(&self, path: &BStr) -> Result<Option<Side>, Error> {
        let Some(entry) = self.head.entry_by_path(path) else { return Ok(None) };
        let Some(kind) = Kind::of(entry.mode) else { return Ok(None) };
        Ok(Some(Side { kind, content: self.object(entry.id)? }))
    }

    fn object(&self, id: ObjectId) -> Result<Content, Error> {
        let Some(header) = self.repository.try_find_header(id)? else {
            return Ok(Content::Unreadable("this clone does not have its content".to_owned()));
        };
        if header.size() > MAX_FILE {
            return Ok(Content::TooLarge(header.size()));
        }
        Ok(Content::Bytes(self.repository.find_object(id)?.detach().data))
    }

    /// The file in the worktree. `None` where there is none, and for what Git does not store.
    pub(super) fn in_worktree(&mut self, path: &BStr) -> Option<Side> {
        let relative = path.to_path().ok()?;
        let full = self.root.join(relative);
        let side = match std::fs::symlink_metadata(&full) {
            Ok(metadata) if metadata.is_symlink() => link(&full),
            Ok(metadata) if metadata.is_file() => {
                let kind = self.kind(path, metadata.permissions().mode());
                let content = if metadata.len() > MAX_FILE {
                    Ok(Content::TooLarge(metadata.len()))
                } else {
                    self.file(&full, relative)
                };
                content.map(|content| Side { kind, content })
            }
            Ok(_) => return None,
            Err(error) => Err(error),
        };
        match side {
            Ok(side) => Some(side),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => None,
            Err(error) => Some(Side { kind: Kind::Plain, content: Content::Unreadable(error.to_string()) }),
        }
    }

    fn kind(&self, path: &BStr, mode: u32) -> Kind {
        let is_executable = if self.has_modes {
            mode & 0o100 != 0
        } else {
            self.index.entry_by_path(path).is_some_and(|entry| entry.mode == Mode::FILE_EXECUTABLE)
        };
        if is_executable { Kind::Executable } else { Kind::Plain }
    }

    fn file(&mut self, full: &Path, relative: &Path) -> io::Result<Content> {
        // What was a file a moment ago may be a link or a pipe now: neither is followed or waited for.
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(full)?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_FILE {
            return Ok(Content::TooLarge(bytes.len() as u64));
        }
        Ok(Content::Bytes(self.as_stored(bytes, relative)))
    }

    /// The content as Git would store it, with the line ends that the attributes want. Content that
    /// can not be converted is shown as it is.
    fn as_stored(&mut self, bytes: Vec<u8>, relative: &Path) -> Vec<u8> {
        let converted = match self.pipeline.convert_to_git(bytes.as_slice(), relative, &self.index) {
            Ok(ToGitOutcome::Buffer(buffer)) => Some(buffer.to_vec()),
            Ok(ToGitOutcome::Unchanged(_) | ToGitOutcome::Process(_)) | Err(_) => None,
        };
        converted.unwrap_or(bytes)
    }
}

impl Kind {
    fn of(mode: Mode) -> Option<Self> {
        match mode {
            Mode::FILE => Some(Self::Plain),
            Mode::FILE_EXECUTABLE => Some(Self::Executable),
            Mode::SYMLINK => Some(Self::Link),
            _ => None,
        }
    }

    /// As Git writes it.
    pub(super) fn mode(self) -> &'static str {
        match self {
            Self::Plain => "100644",
            Self::Executable => "100755",
            Self::Link => "120000",
        }
    }
}

fn link(path: &Path) -> io::Result<Side> {
    let target = std::fs::read_link(path)?.into_os_string().into_vec();
    Ok(Side { kind: Kind::Link, content: Content::Bytes(target) })
}
