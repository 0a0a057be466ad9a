//! Differences in unified format.

use crate::hunks;

/// A difference.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Diff {
    /// In unified format; empty where nothing differs, and where it would be too long.
    pub(crate) text: String,
    /// Whether it would be too long.
    pub(crate) truncated: bool,
}

/// The difference between two contents of the file that the caller calls `label`, in at most
/// `max_bytes`. What is not text is shown as far as it can be.
pub(crate) fn unified(label: &str, old: &[u8], new: &[u8], max_bytes: usize) -> Diff {
    // A label must not end its line.
    let label: String = label.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect();
    let header = format!("--- {label}\n+++ {label}\n");
    let Some(room) = max_bytes.checked_sub(header.len()) else {
        return Diff { text: String::new(), truncated: old != new };
    };
    let Ok(hunks) = hunks::unified(old, new, room) else {
        return Diff { text: String::new(), truncated: true };
    };
    if hunks.is_empty() {
        return Diff::default();
    }
    // What stands for a byte that is no text takes three.
    let shown = String::from_utf8_lossy(&hunks);
    if shown.len() > room {
        return Diff { text: String::new(), truncated: true };
    }
    Diff { text: format!("{header}{shown}"), truncated: false }
}
