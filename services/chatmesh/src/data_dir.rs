//! The directory in which `chatmesh up` keeps everything.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use chatmesh_core::{ExposeSecret as _, SecretString};

/// A data directory that this process alone uses.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Held as long as the process lives.
    _lock: File,
}

impl DataDir {
    /// Opens a data directory, and makes it where it is missing; nobody else on the machine can read it.
    ///
    /// # Errors
    /// Another process uses it, or the disk says no.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let path = std::path::absolute(path)?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("cannot make the data directory {}", path.display()))?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                bail!("{} is used by another chatmesh: stop it, or choose another --data-dir", path.display())
            }
            Err(TryLockError::Error(error)) => Err(error).context("cannot lock the data directory"),
        }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file with the administrator's token.
    #[must_use]
    pub fn admin_token_file(&self) -> PathBuf {
        admin_token_file(&self.path)
    }

    /// Reads a secret that the directory keeps, and makes it where it is missing.
    ///
    /// # Errors
    /// The disk says no.
    pub fn secret(&self, name: &str, make: impl FnOnce() -> SecretString) -> anyhow::Result<SecretString> {
        let file = self.path.join(name);
        match std::fs::read_to_string(&file) {
            Ok(text) => return Ok(text.trim().to_owned().into()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
        let secret = make();
        // Written whole before it gets its name, so that a crash leaves no half a secret.
        let draft = self.path.join(format!("{name}.new"));
        let mut output = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
        writeln!(output, "{}", secret.expose_secret())?;
        output.sync_all()?;
        std::fs::rename(&draft, &file)?;
        Ok(secret)
    }
}

/// Where a data directory has the administrator's token.
pub(crate) fn admin_token_file(data_dir: &Path) -> PathBuf {
    data_dir.join("admin.token")
}
