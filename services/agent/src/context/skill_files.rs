//! The files of a skill beside its meta file.

use std::fs;
use std::io;
use std::path::Path;

use chatmesh_proto::agent::v1 as pb;

use super::error::Error;
use super::skill_path::relative;
use super::skills::Loaded;
use super::text;

/// How much of a file is read.
const MAX_FILE_BYTES: usize = 512 * 1024;
/// How many files are listed.
const MAX_FILES: usize = 500;
/// How many directories below each other are looked into.
const MAX_DEPTH: usize = 8;

/// Lists the files of a skill, sorted; directories end with `/`. The second value says whether
/// there are more. What can not be read is not listed. Blocks.
pub(super) fn list(skill: &Loaded) -> (Vec<String>, bool) {
    let mut files = Vec::new();
    let is_complete = walk(&skill.root, "", 0, &mut files);
    files.retain(|file| *file != skill.skill.meta_file);
    files.sort();
    let is_complete = is_complete && files.len() <= MAX_FILES;
    files.truncate(MAX_FILES);
    (files, !is_complete)
}

/// Returns false where it stopped before the end.
fn walk(dir: &Path, prefix: &str, depth: usize, files: &mut Vec<String>) -> bool {
    let Ok(entries) = fs::read_dir(dir) else { return true };
    let mut is_complete = true;
    for entry in entries.flatten() {
        // One more than is listed, so that the meta file takes no one's place.
        if files.len() > MAX_FILES {
            return false;
        }
        let (Ok(name), Ok(kind)) = (entry.file_name().into_string(), entry.file_type()) else { continue };
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        if kind.is_dir() {
            let below = format!("{path}/");
            files.push(below.clone());
            is_complete &= depth + 1 < MAX_DEPTH && walk(&entry.path(), &below, depth + 1, files);
        } else {
            // Links are listed and not followed: they are judged when they are read.
            files.push(path);
        }
    }
    is_complete
}

/// Reads a file of a skill. Blocks.
pub(super) fn read(skill: &Loaded, path: &str) -> Result<pb::ReadSkillFileResponse, Error> {
    let (name, at) = (skill.skill.name.clone(), path.to_owned());
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Error::FileNotFound { name: name.clone(), path: at.clone() }
        }
        io::ErrorKind::Other => {
            Error::FileUnusable { name: name.clone(), path: at.clone(), problem: format!("can not be read: {source}") }
        }
        _ => Error::Io { name: name.clone(), path: at.clone(), source },
    };
    // Whoever can swap a directory for a link in between is a process of this workspace and reads
    // whatever the agent can read, so looking before opening takes nothing away.
    let resolved = skill.root.join(relative(path)?).canonicalize().map_err(failed)?;
    if !resolved.starts_with(&skill.root) {
        let problem = "leads out of the directory of the skill".to_owned();
        return Err(Error::FileUnusable { name, path: at, problem });
    }
    // What is hidden stays so behind a link with another name.
    let below = resolved.strip_prefix(&skill.root).unwrap_or(&resolved);
    if below.components().any(|part| part.as_os_str().as_encoded_bytes().starts_with(b".")) {
        let problem = "leads to a hidden file".to_owned();
        return Err(Error::FileUnusable { name, path: at, problem });
    }
    let size_bytes = resolved.metadata().map_err(failed)?.len();
    let capped = text::read_capped(&resolved, MAX_FILE_BYTES).map_err(failed)?;
    let read = capped.bytes.len() as u64;
    Ok(pb::ReadSkillFileResponse {
        content: capped.bytes.into(),
        truncated: capped.truncated,
        size_bytes: if capped.truncated { size_bytes.max(read + 1) } else { read },
    })
}
