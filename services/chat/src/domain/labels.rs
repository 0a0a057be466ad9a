//! Free labels of a chat.

use std::collections::{BTreeMap, HashMap};

use chatmesh_core::Violations;

const MAX_LABELS: usize = 50;
const MAX_KEY_BYTES: usize = 64;
const MAX_VALUE_BYTES: usize = 256;

/// Checks labels and puts them in order.
pub(crate) fn check_labels(labels: HashMap<String, String>, violations: &mut Violations) -> BTreeMap<String, String> {
    violations.require(labels.len() <= MAX_LABELS, "labels", format!("must be at most {MAX_LABELS}"));
    let labels: BTreeMap<String, String> = labels.into_iter().collect();
    for (key, value) in labels.iter().take(MAX_LABELS) {
        let field = format!("labels[{key:?}]");
        violations.require(
            is_key(key),
            field.clone(),
            "must have a key of 1 to 64 bytes: a letter or digit, then letters, digits, `.`, `_`, `/` or `-`",
        );
        let fits = (1..=MAX_VALUE_BYTES).contains(&value.len()) && !value.contains('\0');
        violations.require(fits, field, "must have a value of 1 to 256 bytes without NUL");
    }
    labels
}

fn is_key(key: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-');
    key.len() <= MAX_KEY_BYTES && key.starts_with(|c: char| c.is_ascii_alphanumeric()) && key.chars().all(allowed)
}
