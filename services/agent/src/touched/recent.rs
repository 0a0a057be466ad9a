//! A bounded list of paths.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// How many paths are remembered.
const MAX_PATHS: usize = 256;
/// The longest path in bytes; the system takes no longer ones.
const MAX_LENGTH: usize = 4096;

/// The absolute paths that were added last, each once, the newest at the end.
#[derive(Debug, Default)]
pub(super) struct Recent {
    paths: VecDeque<PathBuf>,
}

impl Recent {
    /// Adds a path, or moves it to the end where it is known.
    pub(super) fn add(&mut self, path: &Path) {
        if !path.is_absolute() || path.as_os_str().len() > MAX_LENGTH {
            return;
        }
        let known = self.paths.iter().position(|known| known == path);
        let path = known.and_then(|at| self.paths.remove(at)).unwrap_or_else(|| path.to_owned());
        if self.paths.len() == MAX_PATHS {
            self.paths.pop_front();
        }
        self.paths.push_back(path);
    }

    /// The paths, the newest last.
    pub(super) fn iter(&self) -> impl Iterator<Item = &PathBuf> {
        self.paths.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_paths_are_kept_each_once() {
        let mut recent = Recent::default();
        for number in 0..MAX_PATHS {
            recent.add(Path::new(&format!("/{number}")));
        }
        recent.add(Path::new("/0"));
        recent.add(Path::new("/new"));
        recent.add(Path::new("relative"));
        recent.add(&Path::new("/").join("x".repeat(MAX_LENGTH)));
        let paths: Vec<_> = recent.iter().collect();
        assert_eq!(paths.len(), MAX_PATHS);
        assert_eq!(paths[0], Path::new("/2"));
        assert_eq!(paths[MAX_PATHS - 2..], [Path::new("/0"), Path::new("/new")]);
    }
}
