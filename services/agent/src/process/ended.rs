//! News of processes that ended.

use std::path::PathBuf;

use super::entry::About;

/// A process that ended, for those who look at what it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessEnd {
    /// The chat that it belonged to.
    pub chat_id: Option<String>,
    /// The directory in which it ran, where the caller chose one.
    pub workdir: Option<PathBuf>,
}

impl ProcessEnd {
    pub(super) fn of(about: &About) -> Self {
        Self {
            chat_id: about.chat.as_ref().map(|chat| chat.as_str().to_owned()),
            workdir: about.chose_workdir.then(|| about.workdir.clone()),
        }
    }
}
