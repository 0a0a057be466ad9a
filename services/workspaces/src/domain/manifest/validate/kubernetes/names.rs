//! Names of Kubernetes.

use std::collections::BTreeMap;

use chatmesh_core::Violations;

use super::check_count;

/// The longest name of an object.
const MAX_NAME: usize = 253;
/// The longest part of a key after its domain, and the longest value of a label.
const MAX_LABEL: usize = 63;

/// The name of an object.
pub(super) fn check_name(place: &str, name: &str, found: &mut Violations) {
    let demands = "must be lower-case letters, digits, `-` and `.`, with a letter or digit at both ends";
    found.require(is_domain(name), place, demands);
}

/// Labels, which are compared with.
pub(super) fn check_labels(place: &str, labels: &BTreeMap<String, String>, found: &mut Violations) {
    check_count(place, labels.len(), found);
    for (key, value) in labels.iter().take(super::MAX_ITEMS) {
        let demands =
            "must have a key of letters, digits, `-`, `_` and `.`, with a domain and `/` before it or without";
        found.require(is_key(key), format!("{place}.{key}"), demands);
        check_label_value(&format!("{place}.{key}"), value, found);
    }
}

/// The value of a label, which may be empty.
pub(super) fn check_label_value(place: &str, value: &str, found: &mut Violations) {
    let demands =
        format!("must be {MAX_LABEL} letters, digits, `-`, `_` and `.` at most, with a letter or digit at both ends");
    found.require(value.is_empty() || is_label(value), place, demands);
}

/// True for the key of a label, an annotation or a taint.
pub(super) fn is_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((domain, name)) => is_domain(domain) && is_label(name),
        None => is_label(key),
    }
}

/// True for the name of a variable.
pub(super) fn is_variable(name: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (1..=MAX_NAME).contains(&name.len()) && name.chars().all(is_fine) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn is_domain(name: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_part =
        |part: &str| !part.is_empty() && part.chars().all(is_fine) && !part.starts_with('-') && !part.ends_with('-');
    name.len() <= MAX_NAME && name.split('.').all(is_part)
}

fn is_label(text: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= MAX_LABEL
        && text.chars().all(is_fine)
        && is_end(text.chars().next())
        && is_end(text.chars().next_back())
}
