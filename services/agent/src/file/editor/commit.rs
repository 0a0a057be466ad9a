//! Replaces edited files.

use super::super::draft::Draft;
use super::super::error::Error;
use super::compute::Computed;
use super::error::EditError;

/// Replaces all files. The first is replaced when all are on the disk under other names, and when
/// none was changed since it was read; after that, hardly anything is left that can fail. It is no
/// transaction: an agent that dies here has replaced some. Blocks.
pub(super) fn commit(files: &[Computed]) -> Result<(), Error> {
    let mut drafts = Vec::with_capacity(files.len());
    // What is as it was keeps its time of change.
    for file in files.iter().filter(|file| file.new != file.old) {
        let mut draft = Draft::begin(&file.path)?;
        draft.write(&file.new)?;
        drafts.push((draft.finish()?, file));
    }
    if let Some((_, file)) = drafts.iter().find(|(draft, file)| !draft.still_replaces(file.stamp)) {
        let problem =
            "was changed by somebody else while it was edited, and nothing was written; read it and edit again";
        return Err(Error::Changed { path: file.path.clone(), problem });
    }
    let mut written = Vec::new();
    for (draft, file) in drafts {
        match draft.replace() {
            Ok(_) => written.push(file.label.clone()),
            Err(error) if written.is_empty() => return Err(error),
            Err(error) => return Err(EditError::Partial { written, source: Box::new(error) }.into()),
        }
    }
    Ok(())
}
