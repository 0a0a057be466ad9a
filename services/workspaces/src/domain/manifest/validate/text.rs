//! Texts for people.

use chatmesh_core::Violations;

/// The longest text in one line, in characters.
const MAX_LINE: usize = 64;
/// The longest text of several lines, in bytes.
const MAX_PROSE: usize = 1000;
/// The longest address of a picture, in bytes.
const MAX_ICON: usize = 256;

/// A name for people, which may be left out.
pub(super) fn check_line(place: &str, text: &str, violations: &mut Violations) {
    let fits = text.chars().count() <= MAX_LINE && !text.contains(char::is_control) && text.trim() == text;
    violations.require(
        fits,
        place,
        format!("must be one line of {MAX_LINE} characters at most, without spaces around it"),
    );
}

/// A description, which may be left out.
pub(crate) fn check_prose(place: &str, text: &str, violations: &mut Violations) {
    let fits = text.len() <= MAX_PROSE && !text.contains('\0');
    violations.require(fits, place, format!("must have {MAX_PROSE} bytes at most, and none that is NUL"));
}

/// The address of a picture, which may be left out.
pub(super) fn check_icon(place: &str, text: &str, violations: &mut Violations) {
    let is_address = text.is_empty() || text.starts_with('/') || text.starts_with("https://");
    let fits = is_address && text.len() <= MAX_ICON && !text.contains(|c: char| c.is_control() || c.is_whitespace());
    let demands = format!("must begin with `/` or `https://`, and have {MAX_ICON} bytes at most and no spaces");
    violations.require(fits, place, demands);
}
