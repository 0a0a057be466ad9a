//! Reads one repository.

mod changes;
mod file;
mod name;
mod side;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use gix::Repository;
use gix::open::permissions::{Attributes, Config, Environment};
use gix::open::{Options, Permissions};
use gix::sec::Permission::Allow;

use super::remote::without_credentials;
use super::root::is_worktree;
use super::state::{Diff, Outcome, State};
use changes::{Changes, MAX_FILES};
use side::Sides;

/// The most bytes of diff. With the longest names of everything else a message stays below 4 MiB.
const MAX_DIFF: usize = 3 * 1024 * 1024;
/// The most bytes of a name that is shown.
const MAX_NAME: usize = 4096;

/// Why a repository could not be read.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the repository can not be read: {0:#}")]
    Git(#[from] gix::Error),
    #[error("the repository has its worktree elsewhere (`core.worktree`), which is not watched")]
    ElsewhereWorktree,
    #[error("reading the repository was broken off")]
    Cancelled,
}

/// Reads the repository whose worktree is at `root`, until `cancelled`. Blocks.
pub(super) fn scan(root: &Path, cancelled: &AtomicBool) -> Outcome {
    if !is_worktree(root) {
        return Outcome::Removed;
    }
    match read(root, cancelled) {
        Ok(state) => Outcome::State(state),
        // What went away while it was read can not be read.
        Err(_) if !is_worktree(root) => Outcome::Removed,
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

fn read(root: &Path, cancelled: &AtomicBool) -> Result<State, Error> {
    let repository = open(root)?;
    if repository.workdir().and_then(|dir| dir.canonicalize().ok()).is_none_or(|dir| dir != root) {
        return Err(Error::ElsewhereWorktree);
    }
    let head = repository.head()?;
    let branch = head.referent_name().map(|name| name.shorten().to_string()).unwrap_or_default();
    let head_commit = head.id().map(|id| id.to_string()).unwrap_or_default();
    let origin = repository.config_snapshot().string("remote.origin.url");
    let remote_origin = origin.map(|url| without_credentials(&url.to_string())).unwrap_or_default();
    let diff = diff(&repository, root, cancelled)?;
    Ok(State { branch: cut(branch), head_commit, remote_origin, diff })
}

/// Opens a repository such that nothing outside of it decides what is read, apart from the user's
/// configuration of Git, and such that nothing is ever run: the filters that a configuration names
/// are programs, and they would inherit the agent's environment.
fn open(root: &Path) -> Result<Repository, Error> {
    let permissions = Permissions {
        env: Environment { home: Allow, xdg_config_home: Allow, ..Environment::isolated() },
        config: Config { env: false, ..Config::all() },
        attributes: Attributes::all(),
    };
    let mut repository = gix::open_opts(root, Options::default().permissions(permissions))?;
    let mut config = repository.config_snapshot_mut();
    let filters = config.sections_and_ids_by_name("filter").into_iter().flatten();
    for id in filters.map(|(_, id)| id).collect::<Vec<_>>() {
        config.remove_section_by_id(id);
    }
    // Nothing is written, so nothing can be lost on the way back.
    config.set_raw_value("core.safecrlf", "false")?;
    config.commit()?;
    Ok(repository)
}

fn diff(repository: &Repository, root: &Path, cancelled: &AtomicBool) -> Result<Diff, Error> {
    let Some(changes) = Changes::find(repository, cancelled)? else {
        return Ok(too_much(MAX_FILES, &format!("more than {MAX_FILES} files differ")));
    };
    let mut sides = Sides::new(repository, root, &changes.head)?;
    let mut diff = Diff::default();
    for (path, is_present) in &changes.paths {
        if cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        let old = sides.in_head(path.as_ref())?;
        let new = if *is_present { sides.in_worktree(path.as_ref()) } else { None };
        let Some(file) = file::diff(path.as_ref(), old.as_ref(), new.as_ref()) else { continue };
        diff.changed_files += 1;
        diff.omitted_files += u32::from(file.is_omitted);
        if diff.text.len() + file.text.len() > MAX_DIFF {
            return Ok(too_much(diff.changed_files, &format!("it has more than {MAX_DIFF} bytes")));
        }
        diff.text.push_str(&file.text);
    }
    Ok(diff)
}

fn too_much(changed_files: u32, reason: &str) -> Diff {
    let text = format!("The diff is not shown: {reason}.\n");
    Diff { text, changed_files, omitted_files: changed_files, truncated: true }
}

/// Bounds a name.
fn cut(mut name: String) -> String {
    let end = (0..=MAX_NAME.min(name.len())).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    name.truncate(end);
    name
}
