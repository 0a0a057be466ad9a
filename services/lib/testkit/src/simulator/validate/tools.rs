//! What both dialects demand of tool definitions.

use serde_json::Value;

/// Whether a tool may have this name.
pub(super) fn is_valid_name(name: &str, max_length: usize) -> bool {
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    (1..=max_length).contains(&name.len()) && name.chars().all(is_allowed)
}

/// Whether the schema describes an object, as arguments must be.
pub(super) fn is_object_schema(schema: &Value) -> bool {
    schema["type"] == "object"
}
