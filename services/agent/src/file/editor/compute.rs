//! Makes all edits of a request in memory.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use chatmesh_proto::agent::v1 as pb;

use super::super::draft::replaceable;
use super::super::edit::{self, Edit, MAX_CONTENT, Pass};
use super::super::error::Error;
use super::super::open::{Stamp, open_regular};
use super::super::path::follow_links;
use super::error::{EditError, Failure};
use super::input::FileInput;
use crate::receipts::{Digest, EditedFile, InputDigest};

/// How many bytes of files, before and after, one request may hold in memory.
const MAX_HELD: usize = 64 * 1024 * 1024;
/// How many bytes one request may search through: the size of a file, for each of its edits.
const MAX_SEARCHED: usize = 128 * 1024 * 1024;

/// A file to edit, its links resolved.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) label: String,
    pub(super) path: PathBuf,
    edits: Vec<pb::Edit>,
}

/// A file and what will become of it.
#[derive(Debug)]
pub(super) struct Computed {
    pub(super) label: String,
    pub(super) path: PathBuf,
    pub(super) old: Vec<u8>,
    pub(super) new: Vec<u8>,
    pub(super) stamp: Stamp,
    pub(super) replacements: u32,
    pub(super) inexact_replacements: u32,
}

/// What one request may still use.
#[derive(Debug)]
struct Budget {
    held: usize,
    searched: usize,
}

/// Follows the links of all paths. Two that lead to one file are an error: both entries would begin
/// with the same content, and the second would undo the first. Blocks.
pub(super) fn resolve(files: Vec<FileInput>) -> Result<Vec<Target>, Error> {
    let mut targets = Vec::with_capacity(files.len());
    let mut failures = Vec::new();
    let mut labels: HashMap<PathBuf, String> = HashMap::new();
    for file in files {
        let path = match follow_links(&file.path).map_err(Error::io("edit", &file.path)) {
            Ok(path) => path,
            Err(error) => {
                failures.push(Failure::File(error));
                continue;
            }
        };
        if let Some(first) = labels.insert(path.clone(), file.label.clone()) {
            return Err(EditError::Duplicate { first, second: file.label }.into());
        }
        targets.push(Target { label: file.label, path, edits: file.edits });
    }
    if failures.is_empty() { Ok(targets) } else { Err(EditError::Failed(failures).into()) }
}

/// Makes all edits of all files. Where one fails, the others are tried nevertheless, so that the
/// caller learns of all at once. Blocks.
pub(super) fn compute(targets: Vec<Target>) -> Result<Vec<Computed>, Error> {
    let mut budget = Budget { held: MAX_HELD, searched: MAX_SEARCHED };
    let mut files = Vec::with_capacity(targets.len());
    let mut failures = Vec::new();
    for target in targets {
        match compute_one(target, &mut budget) {
            Ok(file) => files.push(file),
            Err(failure) => failures.push(failure),
        }
    }
    if failures.is_empty() { Ok(files) } else { Err(EditError::Failed(failures).into()) }
}

fn compute_one(target: Target, budget: &mut Budget) -> Result<Computed, Failure> {
    let Target { label, path, edits } = target;
    // Now rather than when other files are replaced already.
    replaceable(&path).map_err(Failure::File)?;
    let (old, stamp) = read(&path).map_err(Failure::File)?;
    take(&mut budget.held, old.len(), &label)?;
    let mut new: Option<Vec<u8>> = None;
    let (mut replacements, mut inexact_replacements) = (0, 0);
    for (index, edit) in edits.iter().enumerate() {
        let content = new.as_ref().unwrap_or(&old);
        take(&mut budget.searched, content.len(), &label)?;
        let edit =
            Edit { search: edit.search.as_bytes(), replace: edit.replace.as_bytes(), replace_all: edit.replace_all };
        let applied = edit::apply(content, &edit).map_err(|problem| Failure::Edit {
            label: label.clone(),
            number: index + 1,
            of: edits.len(),
            problem,
        })?;
        replacements += applied.replacements;
        if applied.pass != Pass::Exact {
            inexact_replacements += applied.replacements;
        }
        new = Some(applied.content);
    }
    let new = new.unwrap_or_default();
    take(&mut budget.held, new.len(), &label)?;
    Ok(Computed { label, path, old, new, stamp, replacements, inexact_replacements })
}

/// Reads a file that is small enough to be edited.
pub(super) fn read(path: &Path) -> Result<(Vec<u8>, Stamp), Error> {
    let (file, metadata) = open_regular(path)?;
    let too_large = |size| Error::TooLarge { path: path.to_owned(), size, limit: MAX_CONTENT as u64 };
    if metadata.len() > MAX_CONTENT as u64 {
        return Err(too_large(metadata.len()));
    }
    let mut content = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    file.take(MAX_CONTENT as u64 + 1).read_to_end(&mut content).map_err(Error::io("read", path))?;
    if content.len() > MAX_CONTENT {
        return Err(too_large(content.len() as u64));
    }
    Ok((content, Stamp::of(&metadata)))
}

fn take(budget: &mut usize, bytes: usize, label: &str) -> Result<(), Failure> {
    *budget = budget.checked_sub(bytes).ok_or_else(|| Failure::TooMuch { label: label.to_owned() })?;
    Ok(())
}

/// Tells one content from another.
pub(super) fn content_digest(content: &[u8]) -> Digest {
    InputDigest::default().field(content).finish()
}

impl Computed {
    /// What is noted of the file.
    pub(super) fn receipt(&self) -> EditedFile {
        EditedFile {
            label: self.label.clone(),
            path: self.path.display().to_string(),
            size_bytes: self.new.len() as u64,
            replacements: self.replacements,
            inexact_replacements: self.inexact_replacements,
            before: content_digest(&self.old),
            after: content_digest(&self.new),
        }
    }
}
