//! The file with what a script printed.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tracing::warn;

/// How long a log gets; one that is as long is begun anew by the next run.
const MAX_BYTES: u64 = 10 * 1024 * 1024;
/// Its last line then.
const END: &[u8] = b"\n[the log ends here: it has 10 MiB]\n";

/// An open log.
#[derive(Debug)]
pub(super) struct LogFile {
    file: Option<File>,
    room: u64,
}

impl LogFile {
    /// Opens the log for this user alone. Blocks.
    ///
    /// # Errors
    /// The file or its directory can not be made.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let metadata = file.metadata()?;
        // What somebody else made may be open to others.
        if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        let mut length = metadata.len();
        if length >= MAX_BYTES {
            file.set_len(0)?;
            length = 0;
        }
        Ok(Self { file: Some(File::from_std(file)), room: MAX_BYTES - length })
    }

    /// Adds bytes at the end, as long as there is room. A disk that is full does not stop the script.
    pub(super) async fn write(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
        let fits = usize::try_from(self.room).unwrap_or(usize::MAX).min(bytes.len());
        let result = async {
            file.write_all(&bytes[..fits]).await?;
            if fits < bytes.len() {
                file.write_all(END).await?;
            }
            file.flush().await
        };
        let result = result.await;
        self.room -= fits as u64;
        if let Err(error) = &result {
            warn!(%error, "the log of a script ends early");
        }
        if result.is_err() || fits < bytes.len() {
            self.file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("file").permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn s01_a_log_is_for_its_user_alone_and_is_continued() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("logs/deep/a.log");
        LogFile::open(&path).expect("log").write(b"one\n").await;
        assert_eq!((mode(&path), mode(path.parent().expect("parent"))), (0o600, 0o700));
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("mode");
        LogFile::open(&path).expect("log").write(b"two\n").await;
        assert_eq!(fs::read_to_string(&path).expect("log"), "one\ntwo\n");
        assert_eq!(mode(&path), 0o600);
    }

    #[tokio::test]
    async fn a_log_has_an_end_and_the_next_run_begins_anew() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("a.log");
        let mut log = LogFile::open(&path).expect("log");
        for _ in 0..11 {
            log.write(&vec![b'x'; 1024 * 1024]).await;
        }
        assert_eq!(fs::metadata(&path).expect("log").len(), MAX_BYTES + END.len() as u64);
        LogFile::open(&path).expect("log").write(b"new\n").await;
        assert_eq!(fs::read_to_string(&path).expect("log"), "new\n");
    }
}
