//! Small files, read and written so that nothing that stands in their place does any harm.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;

/// The most that is read of a file.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// No link is followed to a file, and nobody is waited for who would be at the other end of a pipe.
fn careful() -> i32 {
    (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits()
}

/// Reads a file that may be missing. What is no regular file, or is far too long, is none of ours and counts as missing.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match OpenOptions::new().read(true).custom_flags(careful()).open(path) {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut content = Vec::new();
    let length = file.take(MAX_BYTES + 1).read_to_end(&mut content)?;
    Ok((u64::try_from(length).unwrap_or(u64::MAX) <= MAX_BYTES).then_some(content))
}

/// Writes a file for this user alone; a reader sees the old content or the new, never a part.
pub(super) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_added_extension("new");
    // A draft that a crash left might have another mode.
    remove(&draft)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(content)?;
    drop(file);
    fs::rename(draft, path)
}

/// Removes a file that may be missing; of a link, the link.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Opens a file of this user alone to append to it.
pub(super) fn append(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).custom_flags(careful()).open(path);
    let is_regular = |file: &File| file.metadata().is_ok_and(|found| found.is_file());
    match file {
        Ok(file) if is_regular(&file) => Ok(file),
        Err(error) if !is_foreign(&error) => Err(error),
        _ => Err(io::Error::other(format!("`{}` is no regular file: remove it", path.display()))),
    }
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || is_foreign(error)
}

/// It is a link, a socket, or a pipe with nobody at its end.
fn is_foreign(error: &io::Error) -> bool {
    [Errno::ELOOP, Errno::ENXIO].iter().any(|errno| error.raw_os_error() == Some(*errno as i32))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use nix::sys::stat::Mode;

    use super::*;

    #[test]
    fn neither_links_nor_pipes_nor_endless_files_are_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        fs::write(path("secret"), "s").expect("written");
        symlink(path("secret"), path("link")).expect("linked");
        nix::unistd::mkfifo(&path("pipe"), Mode::S_IRWXU).expect("a pipe");
        fs::create_dir(path("directory")).expect("made");
        File::create(path("endless")).and_then(|file| file.set_len(MAX_BYTES + 1)).expect("made");
        for name in ["link", "pipe", "directory", "endless", "missing"] {
            assert_eq!(read(&path(name)).expect(name), None, "{name}");
        }
        assert_eq!(read(&path("secret")).expect("read").as_deref(), Some(&b"s"[..]));
    }

    #[test]
    fn nothing_is_appended_to_what_a_link_or_a_pipe_leads_to() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        fs::write(path("secret"), "s").expect("written");
        symlink(path("secret"), path("link")).expect("linked");
        nix::unistd::mkfifo(&path("pipe"), Mode::S_IRWXU).expect("a pipe");
        for name in ["link", "pipe"] {
            let error = append(&path(name)).expect_err(name).to_string();
            assert!(error.ends_with("is no regular file: remove it"), "{error}");
        }
        append(&path("log")).expect("opened").write_all(b"x").expect("written");
        assert_eq!(fs::metadata(path("log")).expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_written_takes_the_place_of_a_link() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        fs::write(path("secret"), "s").expect("written");
        symlink(path("secret"), path("record")).expect("linked");
        symlink(path("secret"), path("record.new")).expect("linked");
        write(&path("record"), b"r").expect("written");
        assert_eq!(fs::read(path("secret")).expect("read"), b"s");
        assert_eq!(read(&path("record")).expect("read").as_deref(), Some(&b"r"[..]));
    }
}
