//! What the configuration files looked like.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What the configuration files looked like before they were read. Taken first, so that a change
/// while they are read makes them look changed: to read once too often does no harm, not to notice
/// a change does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    files: Vec<(PathBuf, Option<Stamp>)>,
}

/// One file; size and time of change alone miss a file that another one was moved over.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Snapshot {
    /// Looks at these files. Blocks.
    pub(super) fn take(files: &[PathBuf]) -> Self {
        let look = |path: &PathBuf| (path.clone(), stamp(path));
        Self { files: files.iter().map(look).collect() }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let stamp = |metadata: Metadata| Stamp {
        file: (metadata.dev(), metadata.ino()),
        size: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    };
    std::fs::metadata(path).ok().map(stamp)
}

#[cfg(test)]
mod tests {
    use std::fs::{FileTimes, OpenOptions};

    use super::*;

    #[test]
    fn every_kind_of_change_is_seen_and_reading_is_none() {
        let dir = tempfile::tempdir().expect("dir");
        let files = [dir.path().join("a"), dir.path().join("b")];
        let mut before = Snapshot::take(&files);
        let changed = |what: &str, before: &mut Snapshot| {
            let now = Snapshot::take(&files);
            assert_ne!(now, *before, "{what}");
            *before = now;
        };
        std::fs::write(&files[0], "one").expect("file");
        changed("it came to be", &mut before);
        std::fs::write(&files[0], "three").expect("file");
        changed("its size", &mut before);
        let modified = std::fs::metadata(&files[0]).expect("metadata").modified().expect("time");
        std::fs::write(&files[1], "seven").expect("file");
        let other = OpenOptions::new().write(true).open(&files[1]).expect("file");
        other.set_times(FileTimes::new().set_modified(modified)).expect("times");
        before = Snapshot::take(&files);
        std::fs::rename(&files[1], &files[0]).expect("moved");
        changed("another file of the same size and time", &mut before);
        std::fs::read(&files[0]).expect("read");
        assert_eq!(Snapshot::take(&files), before);
        std::fs::remove_file(&files[0]).expect("removed");
        changed("it is gone", &mut before);
    }
}
