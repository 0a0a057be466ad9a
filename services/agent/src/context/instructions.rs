//! Instruction files.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

use chatmesh_proto::agent::v1 as pb;

use super::bounds::Bounds;
use super::settings::Settings;
use super::text;

/// How much of an instruction file is read.
const MAX_FILE_BYTES: usize = 64 * 1024;

/// Reads the instruction files that there are, each once. Blocks.
pub(super) fn read(settings: &Settings, bounds: &mut Bounds) -> Vec<pb::InstructionFile> {
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    for path in settings.instruction_files() {
        // A link that is not followed takes nothing away from whoever may name the file.
        let within = path.canonicalize().and_then(|resolved| within(resolved, &settings.roots(&path)));
        let read = within.and_then(|resolved| match seen.insert(resolved.clone()) {
            true => text::read_capped(&resolved, MAX_FILE_BYTES).map(Some),
            false => Ok(None),
        });
        let capped = match read {
            Ok(Some(capped)) => capped,
            Ok(None) => continue,
            Err(error) if is_missing(&error) => continue,
            Err(error) => {
                bounds.warn(format!("instruction file `{}` was left out: {error}", path.display()));
                continue;
            }
        };
        let text = text::clean(&capped, MAX_FILE_BYTES);
        let content = text::without_comments(&text);
        let path = path.display().to_string();
        if bounds.take(path.len() + content.len()) {
            files.push(pb::InstructionFile { path, content, truncated: text.truncated });
        }
    }
    files
}

fn within(resolved: PathBuf, roots: &[PathBuf]) -> io::Result<PathBuf> {
    match roots.iter().any(|root| resolved.starts_with(root)) {
        true => Ok(resolved),
        false => Err(io::Error::other("it is a link that leads out of its directory")),
    }
}

/// Nothing is there, as opposed to something that can not be read.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
