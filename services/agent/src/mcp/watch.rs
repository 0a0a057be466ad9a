//! Notices changes of the configuration files.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::{debug, warn};

/// Nudges when a configuration file changes. It is a convenience: whoever asks for tools has the
/// files looked at, also where nothing can be watched.
pub(super) struct Watch {
    nudge: Arc<Notify>,
    watching: Mutex<Option<Watching>>,
}

struct Watching {
    /// None where the system does not let the agent watch.
    watcher: Option<RecommendedWatcher>,
    dirs: HashSet<PathBuf>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Watch {
    /// Watches nothing yet.
    pub(super) fn new(nudge: Arc<Notify>) -> Self {
        Self { nudge, watching: Mutex::new(None) }
    }

    /// Watches these files, always the same ones, by way of their directories: files come and go,
    /// and editors move new ones over old ones. Blocks.
    pub(super) fn cover(&self, files: &[PathBuf]) {
        let mut watching = self.watching.lock();
        let Watching { watcher, dirs } = watching.get_or_insert_with(|| self.start(files));
        let Some(watcher) = watcher else { return };
        for dir in files.iter().filter_map(|file| file.parent()) {
            if !dir.is_dir() {
                // Watched again when it is back: its watch went with it.
                dirs.remove(dir);
            } else if !dirs.contains(dir) {
                match watcher.watch(dir, RecursiveMode::NonRecursive) {
                    Ok(()) => drop(dirs.insert(dir.to_owned())),
                    Err(error) => debug!(dir = %dir.display(), %error, "not watched"),
                }
            }
        }
    }

    fn start(&self, files: &[PathBuf]) -> Watching {
        let (nudge, files) = (Arc::clone(&self.nudge), files.to_vec());
        let handler = move |event: notify::Result<Event>| match event {
            Ok(event) if is_change(&event.kind) && concerns(&event.paths, &files) => nudge.notify_one(),
            Ok(event) if event.need_rescan() => nudge.notify_one(),
            _ => {}
        };
        let watcher = notify::recommended_watcher(handler);
        if let Err(error) = &watcher {
            warn!(%error, "MCP configuration files are not watched; changes are seen when tools are listed");
        }
        Watching { watcher: watcher.ok(), dirs: HashSet::new() }
    }
}

/// To open and read a file is an event, too.
fn is_change(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(kind) => *kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

fn concerns(paths: &[PathBuf], files: &[PathBuf]) -> bool {
    let is_file = |path: &PathBuf| files.contains(path);
    let is_dir = |path: &PathBuf| files.iter().any(|file| file.parent() == Some(Path::new(path)));
    paths.iter().any(|path| is_file(path) || is_dir(path))
}
