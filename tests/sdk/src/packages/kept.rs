//! Folders that are made once and kept.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};

use super::environment::cache;

/// Written last: a folder without it was not finished.
const COMPLETE: &str = "complete";

/// The folder that `make` fills, which is made anew where `made_of` was not seen before. Whoever
/// needs it at the same time, in other processes too, waits.
pub(super) fn kept(
    name: &str,
    made_of: &[Vec<u8>],
    make: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let mut hash = Sha256::new();
    made_of.iter().for_each(|part| hash.update(Sha256::digest(part)));
    let key: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let directory = cache().join(format!("{name}-{key}"));
    fs::create_dir_all(cache())?;
    let lock = File::create(directory.with_extension("lock"))?;
    // It is given back when the file is closed, also where the process is killed.
    lock.lock()?;
    if directory.join(COMPLETE).is_file() {
        return Ok(directory);
    }
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    make(&directory)?;
    fs::write(directory.join(COMPLETE), "")?;
    Ok(directory)
}

/// Runs a command to its end.
pub(super) fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}
