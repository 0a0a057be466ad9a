//! What is chosen for a build that starts a workspace, as the client wrote it.

use std::collections::HashMap;

use chatmesh_core::Violations;

use crate::domain::{MAX_PARAMETERS, WhichVersion};
use crate::store::Start;

/// The longest name of a preset that is looked for, in bytes.
const MAX_PRESET: usize = 256;

/// Reads what is chosen. Whether it fits the template is found out together with the build before.
pub(super) fn read(
    version: &str,
    preset: String,
    parameters: HashMap<String, String>,
    violations: &mut Violations,
) -> Start {
    let few = parameters.len() <= MAX_PARAMETERS;
    violations.require(few, "parameters", format!("must be {MAX_PARAMETERS} at most"));
    let fits = preset.len() <= MAX_PRESET && !preset.contains('\0');
    violations.require(fits, "preset", "must be the name of a preset of the template");
    let version = optional_version("version", version, violations);
    Start { version, preset, parameters: parameters.into_iter().collect() }
}

/// Reads the number or the identifier of a version; the empty text is none.
pub(super) fn optional_version(field: &str, text: &str, violations: &mut Violations) -> Option<WhichVersion> {
    if text.is_empty() {
        return None;
    }
    let which = match (text.parse(), text.parse()) {
        (Ok(number), _) => Ok(WhichVersion::Number(number)),
        (_, Ok(id)) => Ok(WhichVersion::Id(id)),
        _ => Err("must be the number of a version, like `3`, or its identifier"),
    };
    violations.check(field, which)
}
