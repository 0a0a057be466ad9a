//! The schema of manifests, for editors.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Manifest;

/// The JSON schema of a manifest, in the draft that editors of TOML and YAML understand. What it can not say is
/// checked when a manifest is pushed.
#[must_use]
pub fn manifest_schema() -> Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<Manifest>().into()
}
