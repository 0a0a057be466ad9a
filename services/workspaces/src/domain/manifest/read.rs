//! From text to a manifest.

mod toml;
mod yaml;

use chatmesh_core::Violations;
use serde_json::Value;

use super::Manifest;

/// The longest manifest: the text of its scripts, and as much again.
const MAX_BYTES: usize = 1024 * 1024;
/// How deep a manifest goes: what is deeper is none, whatever it says.
const MAX_DEPTH: usize = 16;

/// How a manifest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestFormat {
    /// TOML.
    Toml,
    /// YAML: one document without aliases and tags.
    Yaml,
}

/// Why a text is no manifest.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not valid {format}: line {line}, column {column}: {what}")]
struct SyntaxError {
    format: &'static str,
    line: usize,
    column: usize,
    what: String,
}

/// Reads what is written, of which only the shape is checked.
pub(super) fn read(format: ManifestFormat, text: &str) -> Result<Manifest, Violations> {
    if text.len() > MAX_BYTES {
        return Err(Violations::one("manifest", "must have 1 MiB at most: fetch what is long"));
    }
    let value = match format {
        ManifestFormat::Toml => toml::read(text),
        ManifestFormat::Yaml => yaml::read(text),
    };
    let value = value.map_err(|error| Violations::one("manifest", error))?;
    typed(value)
}

fn typed(value: Value) -> Result<Manifest, Violations> {
    // A list would be taken for the values of the keys in their order.
    if !value.is_object() {
        return Err(Violations::one("manifest", "must be keys with values, like `display_name`"));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { "manifest".to_owned() } else { path };
        Violations::one(place, error.inner())
    })
}
