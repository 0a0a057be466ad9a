//! The file of receipts: a line of JSON for each change, and a lock beside it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::warn;

use super::record::Record;

/// How often a lock that another agent holds is tried.
const LOCK_INTERVAL: Duration = Duration::from_millis(100);

/// Why the receipts can not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// Another agent holds the directory.
    #[error("another agent uses the state directory `{}`; give each its own with --state-dir", .0.display())]
    InUse(PathBuf),
    /// The directory is of no use.
    #[error("can not use the state directory `{}`; name another with --state-dir", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The open file.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    /// How many receipts there are at most.
    max: usize,
    file: Mutex<Open>,
    /// Held as long as the agent lives.
    _lock: File,
}

#[derive(Debug)]
struct Open {
    file: File,
    lines: usize,
    /// The last line may have no end.
    is_torn: bool,
    /// How many lines there were when it could last not be replaced.
    stuck_at: Option<usize>,
}

impl Log {
    /// Opens the file in `dir`, which is for `max` receipts, and reads it.
    pub(super) fn open(dir: &Path, patience: Duration, max: usize) -> Result<(Self, Vec<Record>), OpenError> {
        let failed = |source| OpenError::Io { path: dir.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let lock = private().open(dir.join("lock")).map_err(failed)?;
        wait_for_lock(&lock, patience).map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse(dir.to_owned()),
            TryLockError::Error(source) => failed(source),
        })?;
        let path = dir.join("receipts.jsonl");
        let file = private().append(true).open(&path).map_err(failed)?;
        let records = read(&path).map_err(failed)?;
        let lines = records.len();
        let open = Open { file, lines, is_torn: true, stuck_at: None };
        Ok((Self { path, max, file: Mutex::new(open), _lock: lock }, records))
    }

    /// Adds records; they are on the disk when this returns, where `sync` is true. Blocks.
    pub(super) fn append<'a>(&self, records: impl Iterator<Item = &'a Record>, sync: bool) -> io::Result<()> {
        let mut lines = Vec::new();
        let mut count = 0;
        for record in records {
            serde_json::to_writer(&mut lines, record)?;
            lines.push(b'\n');
            count += 1;
        }
        let mut open = self.file.lock();
        if open.is_torn {
            lines.insert(0, b'\n');
        }
        open.lines += count;
        open.is_torn = true;
        open.file.write_all(&lines)?;
        open.is_torn = false;
        if sync { open.file.sync_data() } else { Ok(()) }
    }

    /// True where most of the lines are superseded, and it is time to try to leave them out: where
    /// that failed, as many more lines as there are receipts pass before it is tried again.
    pub(super) fn is_long(&self) -> bool {
        let open = self.file.lock();
        open.lines > 4 * self.max && open.stuck_at.is_none_or(|stuck_at| open.lines >= stuck_at + self.max)
    }

    /// Replaces the file by one with these records only. Blocks. Where that fails, the old file
    /// stays in use: it says the same in more lines.
    pub(super) fn rewrite<'a>(&self, records: impl Iterator<Item = &'a Record>) {
        let mut open = self.file.lock();
        match write_new(&self.path, records) {
            Ok(new) => *open = new,
            Err(error) => {
                warn!(%error, "receipts not compacted");
                open.stuck_at = Some(open.lines);
            }
        }
    }
}

fn write_new<'a>(path: &Path, records: impl Iterator<Item = &'a Record>) -> io::Result<Open> {
    let new = path.with_extension("new");
    let replace = || {
        let lines = write_all(&new, records)?;
        // Before it has its name: after that, nothing may fail.
        let file = private().append(true).open(&new)?;
        fs::rename(&new, path)?;
        Ok(Open { file, lines, is_torn: false, stuck_at: None })
    };
    // A part of it would take room from the one that stays in use.
    replace().inspect_err(|_| drop(fs::remove_file(&new)))
}

/// Writes records to a file; they are on the disk when this returns. Returns how many they are.
fn write_all<'a>(path: &Path, records: impl Iterator<Item = &'a Record>) -> io::Result<usize> {
    let mut writer = BufWriter::new(private().truncate(true).open(path)?);
    let mut lines = 0;
    for record in records {
        serde_json::to_writer(&mut writer, record)?;
        writer.write_all(b"\n")?;
        lines += 1;
    }
    writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()?;
    Ok(lines)
}

/// Reads all records; a line that an agent did not finish to write is none.
fn read(path: &Path) -> io::Result<Vec<Record>> {
    let mut records = Vec::new();
    for line in BufReader::new(File::open(path)?).split(b'\n') {
        let line = line?;
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(record) => records.push(record),
            Err(error) => warn!(%error, "receipt not readable"),
        }
    }
    Ok(records)
}

fn wait_for_lock(lock: &File, patience: Duration) -> Result<(), TryLockError> {
    let until = Instant::now() + patience;
    loop {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(LOCK_INTERVAL),
            result => return result,
        }
    }
}

/// Options for files that only this user may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options
}
