//! Which programs hold which sockets.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

/// How many open files are looked at, so that a workspace with very many does not hold this up.
const MAX_FILES: usize = 65_536;

/// A program that holds a socket.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) process_id: u32,
    pub(super) name: String,
}

/// The programs that hold these sockets, as far as the agent may see them. Where several hold
/// one, the oldest counts. Blocks.
pub(super) fn owners(inodes: &HashSet<u64>) -> HashMap<u64, Owner> {
    let mut found = HashMap::new();
    let mut files = 0;
    for process_id in process_ids() {
        let process = Path::new("/proc").join(process_id.to_string());
        // Programs of other users do not show their files, and any may end meanwhile.
        let Ok(entries) = fs::read_dir(process.join("fd")) else { continue };
        for entry in entries.flatten() {
            files += 1;
            if files > MAX_FILES || found.len() == inodes.len() {
                return found;
            }
            let inode = fs::read_link(entry.path()).ok().and_then(|link| inode(link.to_str()?));
            if let Some(inode) = inode.filter(|inode| inodes.contains(inode)) {
                found.entry(inode).or_insert_with(|| Owner { process_id, name: name(&process) });
            }
        }
    }
    found
}

fn process_ids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let mut ids: Vec<_> = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    ids.sort_unstable();
    ids
}

fn inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

fn name(process: &Path) -> String {
    fs::read(process.join("comm")).map(|name| String::from_utf8_lossy(&name).trim().to_owned()).unwrap_or_default()
}
