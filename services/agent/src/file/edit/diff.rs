//! Differences in unified format.

use std::time::Duration;

use similar::TextDiff;

/// After this time the difference becomes coarser rather than smaller.
const TIMEOUT: Duration = Duration::from_millis(500);
/// How many lines around a change are shown.
const CONTEXT: usize = 3;

/// What follows a last line without a newline.
const NO_NEWLINE: &str = "\n\\ No newline at end of file\n";

/// A difference.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Diff {
    /// In unified format; empty where nothing differs.
    pub(crate) text: String,
    /// Whether lines are missing at the end of `text`.
    pub(crate) truncated: bool,
}

/// The difference between two contents of the file that the caller calls `label`, in at most
/// `max_bytes`. What is not text is shown as far as it can be.
pub(crate) fn unified(label: &str, old: &[u8], new: &[u8], max_bytes: usize) -> Diff {
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let diff = TextDiff::configure().timeout(TIMEOUT).newline_terminated(true).diff_slices(&old, &new);
    // A label must not end its line.
    let label: String = label.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect();
    let mut text = String::new();
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        if text.is_empty() {
            text = format!("--- {label}\n+++ {label}\n");
        }
        text.push_str(&format!("{}\n", hunk.header()));
        for change in hunk.iter_changes() {
            text.push_str(&format!("{}{}", change.tag(), change.value()));
            // The library takes a carriage return for the end of a line.
            if !text.ends_with('\n') {
                text.push_str(NO_NEWLINE);
            }
        }
        if text.len() > max_bytes {
            break;
        }
    }
    let truncated = text.len() > max_bytes;
    if truncated {
        let end = text.as_bytes()[..max_bytes].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        text.truncate(end);
    }
    Diff { text, truncated }
}
