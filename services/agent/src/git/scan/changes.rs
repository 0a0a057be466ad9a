//! Which files differ from HEAD.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use gix::Repository;
use gix::bstr::{BStr, BString};
use gix::dir::entry::Status;
use gix::dir::walk::EmissionMode;
use gix::index::{self, State};
use gix::status::index_worktree::Options;
use gix::status::plumbing::index_as_worktree::traits::{FastEq, SubmoduleStatus};
use gix::status::plumbing::index_as_worktree::{Change, EntryStatus};
use gix::status::plumbing::index_as_worktree_with_renames::{Entry, VisitEntry};

use super::Error;

/// The most files that are looked at.
pub(super) const MAX_FILES: u32 = 20_000;

/// The files that may differ. A file that is staged and then changed back is among them.
pub(super) struct Changes {
    /// Each with whether the worktree has it.
    pub(super) paths: BTreeMap<BString, bool>,
    /// The files of HEAD.
    pub(super) head: State,
}

impl Changes {
    /// Compares HEAD, the index and the worktree. Returns `None` where more files differ than are
    /// looked at. Blocks.
    pub(super) fn find(repository: &Repository, cancelled: &AtomicBool) -> Result<Option<Self>, Error> {
        let index = repository.index_or_empty()?;
        let head: State = repository.index_from_tree(&repository.head_tree_id_or_empty()?)?.into();
        let mut found = Found { paths: BTreeMap::new(), cancelled, is_too_many: false };
        found.staged(&head, &index);
        // Reading the worktree is the long part, and of no use any more where this is set.
        if !found.is_too_many {
            found.worktree(repository, &index)?;
        }
        if found.is_too_many {
            return Ok(None);
        }
        if cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        Ok(Some(Self { paths: found.paths, head }))
    }
}

struct Found<'a> {
    paths: BTreeMap<BString, bool>,
    cancelled: &'a AtomicBool,
    is_too_many: bool,
}

impl Found<'_> {
    fn add(&mut self, path: &BStr, is_present: bool) {
        self.paths.insert(path.to_owned(), is_present);
        if self.paths.len() > MAX_FILES as usize {
            self.is_too_many = true;
            self.cancelled.store(true, Ordering::Relaxed);
        }
    }

    /// Adds what differs between HEAD and the index.
    fn staged(&mut self, head: &State, index: &State) {
        for entry in index.entries().iter().filter(|entry| entry.mode != index::entry::Mode::DIR) {
            let path = entry.path(index);
            let before = head.entry_by_path(path);
            if before.is_none_or(|before| (before.id, before.mode) != (entry.id, entry.mode)) {
                self.add(path, true);
            }
            if self.is_too_many {
                return;
            }
        }
        // A sparse index has one entry for all files of a directory that is not checked out.
        let sparse = index.entries().iter().filter(|entry| entry.mode == index::entry::Mode::DIR);
        let sparse: Vec<&BStr> = sparse.map(|entry| entry.path(index)).collect();
        for entry in head.entries() {
            let path = entry.path(head);
            let is_sparse = || sparse.iter().any(|directory| path.starts_with(directory));
            if index.entry_by_path(path).is_none() && !is_sparse() {
                self.add(path, false);
            }
            if self.is_too_many {
                return;
            }
        }
    }

    /// Adds what differs between the index and the worktree, and what is in the worktree only.
    fn worktree(&mut self, repository: &Repository, index: &State) -> Result<(), Error> {
        let walk = repository.dirwalk_options()?.emit_untracked(EmissionMode::Matching);
        let options = Options { dirwalk_options: Some(walk), ..Options::default() };
        let (progress, interrupt) = (&mut gix::progress::Discard, self.cancelled);
        let patterns = None::<&BStr>;
        let result =
            repository.index_worktree_status(index, patterns, self, FastEq, LeftAlone, progress, interrupt, options);
        match result {
            // Whoever broke it off knows why.
            Err(_) if interrupt.load(Ordering::Relaxed) => Ok(()),
            result => Ok(result.map(drop)?),
        }
    }
}

impl<'index> VisitEntry<'index> for Found<'_> {
    type ContentChange = ();
    type SubmoduleStatus = ();

    fn visit_entry(&mut self, entry: Entry<'index, (), ()>) {
        match entry {
            Entry::Modification { rela_path, status, .. } => match status {
                EntryStatus::Change(Change::Removed) => self.add(rela_path, false),
                EntryStatus::Change(Change::Type { .. } | Change::Modification { .. })
                | EntryStatus::Conflict { .. }
                | EntryStatus::IntentToAdd => self.add(rela_path, true),
                EntryStatus::Change(Change::SubmoduleModification(())) | EntryStatus::NeedsUpdate(_) => {}
            },
            Entry::DirectoryContents { entry, .. } if entry.status == Status::Untracked => {
                self.add(entry.rela_path.as_ref(), true);
            }
            Entry::DirectoryContents { .. } | Entry::Rewrite { .. } => {}
        }
    }
}

/// A submodule is a repository of its own, which is watched where a chat works in it.
#[derive(Clone)]
struct LeftAlone;

impl SubmoduleStatus for LeftAlone {
    type Output = ();

    fn status(&mut self, _: &index::Entry, _: &BStr) -> gix::Result<Option<()>> {
        Ok(None)
    }
}
