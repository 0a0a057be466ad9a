//! The data directory, in which one provisioner works at a time.
//!
//! What is to become of each workspace stands in files there, and whoever works in it keeps the agents running. Two would
//! start again what the other one has just stopped. So one of them waits until the other has ended, as it does when a new
//! release takes over from an old one.
//!
//! This is about one machine. A mesh whose provisioners of the kind `local` are on several machines would lease a
//! workspace's next build to any of them, and the files would stay behind: that is not supported.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chatmesh_core::Backoff;
use nix::fcntl::OFlag;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::LocalError;
use super::directory::Directory;
use crate::job::WorkspaceId;

/// The file that is locked.
const LOCK: &str = "provisioner.lock";

/// A data directory that is this provisioner's alone.
#[derive(Debug)]
pub(super) struct Ground {
    data_dir: PathBuf,
    /// Released with it, and by the system where the process is killed.
    _lock: File,
}

impl Ground {
    /// Makes the data directory where it is missing, and waits until nobody else works in it.
    pub(super) async fn take(data_dir: &Path, patience: Duration) -> Result<Self, LocalError> {
        let path = data_dir.to_owned();
        let opened = tokio::task::spawn_blocking(move || open(&path)).await.unwrap_or_else(|error| Err(error.into()));
        let failed = |source| LocalError::Directory { path: data_dir.to_owned(), source };
        let (data_dir, lock) = opened.map_err(failed)?;
        let (began, mut is_told) = (Instant::now(), false);
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if began.elapsed() >= patience => {
                    return Err(LocalError::InUse { path: data_dir });
                }
                Err(TryLockError::WouldBlock) if !is_told => {
                    is_told = true;
                    warn!(data_dir = %data_dir.display(), "another provisioner works here, waiting for its end");
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(LocalError::Directory { path: data_dir, source }),
            }
            sleep(backoff.next_pause()).await;
        }
        if is_told {
            info!(seconds = began.elapsed().as_secs(), "the other provisioner has ended");
        }
        Ok(Self { data_dir, _lock: lock })
    }

    /// Where everything is, without links.
    pub(super) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    pub(super) fn directory(&self, id: WorkspaceId) -> Directory {
        Directory::new(&self.data_dir, id)
    }
}

fn open(data_dir: &Path) -> io::Result<(PathBuf, File)> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir)?;
    // A sandbox covers what a path leads to.
    let data_dir = fs::canonicalize(data_dir)?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600).custom_flags(OFlag::O_NOFOLLOW.bits());
    let lock = options.open(data_dir.join(LOCK))?;
    Ok((data_dir, lock))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_provisioner_waits_for_the_end_of_another_and_says_where_it_does_not_come() {
        let directory = tempfile::tempdir().expect("a directory");
        let data_dir = directory.path().join("data");
        let take = || Ground::take(&data_dir, Duration::from_secs(600));
        let first = take().await.expect("taken");
        let began = Instant::now();
        let error = take().await.expect_err("in use").to_string();
        assert!(began.elapsed() >= Duration::from_secs(600));
        assert!(error.contains("another provisioner") && error.contains(&*data_dir.to_string_lossy()), "{error}");

        let (second, ()) = tokio::join!(take(), async { drop(first) });
        let second = second.expect("taken");
        assert_eq!(second.data_dir(), fs::canonicalize(&data_dir).expect("there"));
    }
}
