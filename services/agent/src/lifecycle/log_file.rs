//! The file with what a script printed.

use std::fs::{self, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use nix::fcntl::OFlag;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;
use tracing::warn;

/// How long a log gets; one that is as long is begun anew by the next run.
const MAX_BYTES: u64 = 10 * 1024 * 1024;
/// Its last line then.
const END: &[u8] = b"\n[the log ends here: it has 10 MiB]\n";
/// How long a disk is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open log.
#[derive(Debug)]
pub(super) struct LogFile {
    file: Option<File>,
    room: u64,
}

impl LogFile {
    /// Opens the log for this user alone. What runs in the workspace may have put something else in
    /// its place: a link is not followed, since what it leads to is not ours to cut, and a pipe is
    /// not waited for. Blocks no longer than the disk.
    ///
    /// # Errors
    /// The file or its directory can not be made, or it is neither a file nor a device.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let opened = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags.bits()).open(path);
        // Of a pipe, a link or a directory the system says things that nobody understands.
        let file = opened.map_err(|error| match fs::symlink_metadata(path) {
            Ok(metadata) if !is_suitable(&metadata) => unsuitable(),
            _ => error,
        })?;
        let metadata = file.metadata()?;
        if !is_suitable(&metadata) {
            return Err(unsuitable());
        }
        if !metadata.is_file() {
            return Ok(Self { file: Some(File::from_std(file)), room: MAX_BYTES });
        }
        // What somebody else made may be open to others.
        if metadata.permissions().mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        let mut length = metadata.len();
        if length >= MAX_BYTES {
            file.set_len(0)?;
            length = 0;
        }
        Ok(Self { file: Some(File::from_std(file)), room: MAX_BYTES - length })
    }

    /// Adds bytes at the end, as long as there is room. A disk that is full or hangs does not stop
    /// the script.
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
        let result = timeout(PATIENCE, result).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        self.room -= fits as u64;
        if let Err(error) = &result {
            warn!(%error, "the log of a script ends early");
        }
        if result.is_err() || fits < bytes.len() {
            self.file = None;
        }
    }
}

/// A log is a file; whoever wants none names the device that keeps nothing.
fn is_suitable(metadata: &Metadata) -> bool {
    metadata.is_file() || metadata.file_type().is_char_device()
}

fn unsuitable() -> io::Error {
    io::Error::other("it must be a regular file and no link to one; remove what is there or name another `log_path`")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

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

    #[tokio::test]
    async fn a_pipe_a_link_or_a_directory_is_no_log_and_what_a_link_leads_to_stays_as_it_is() {
        let dir = tempfile::tempdir().expect("dir");
        let path = |name: &str| dir.path().join(name);
        let precious = fs::File::create(path("precious")).expect("file");
        precious.set_len(MAX_BYTES).expect("length");
        precious.set_permissions(Permissions::from_mode(0o644)).expect("mode");
        symlink("precious", path("link")).expect("link");
        fs::create_dir(path("directory")).expect("dir");
        for name in ["pipe", "pipe-with-a-reader"] {
            mkfifo(&path(name), Mode::S_IRWXU).expect("pipe");
        }
        let reading =
            OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path("pipe-with-a-reader"));
        for name in ["pipe", "pipe-with-a-reader", "link", "directory"] {
            let error = LogFile::open(&path(name)).expect_err(name).to_string();
            assert!(error.contains("must be a regular file"), "{name}: {error}");
        }
        drop(reading.expect("a pipe"));
        assert_eq!((precious.metadata().expect("metadata").len(), mode(&path("precious"))), (MAX_BYTES, 0o644));
        LogFile::open(Path::new("/dev/null")).expect("no log").write(b"nothing").await;
    }
}
