//! Presets: that what they say fits the parameters.

use chatmesh_core::Violations;

use super::text::{check_icon, check_line, check_prose};
use crate::domain::parameters::{ParameterValue, quoted};
use crate::domain::{EXTERNAL, Manifest, Parameter, Preset};

/// The most workspaces that are made in advance for a preset.
const MAX_INSTANCES: u32 = 100;

/// Checks a preset of `manifest`, which stands at `place`.
pub(super) fn check(place: &str, preset: &Preset, manifest: &Manifest, violations: &mut Violations) {
    let parameters = manifest.parameters.as_slice();
    let name = format!("{place}.name");
    violations.require(!preset.name.is_empty(), name.as_str(), "must not be empty");
    check_line(&name, &preset.name, violations);
    check_prose(&format!("{place}.description"), &preset.description, violations);
    check_icon(&format!("{place}.icon"), &preset.icon, violations);

    for (name, written) in &preset.parameters {
        let field = format!("{place}.parameters.{}", quoted(name).trim_matches('`'));
        let Some(parameter) = parameters.iter().find(|parameter| parameter.name == *name) else {
            violations.add(field, "is no parameter of this version");
            continue;
        };
        match ParameterValue::read(parameter.kind, written) {
            Err(problem) => violations.add(field, problem),
            Ok(value) => {
                for problem in parameter.problems(&value, None) {
                    violations.add(&field, problem);
                }
            }
        }
    }

    let Some(prebuilds) = preset.prebuilds else { return };
    let field = format!("{place}.prebuilds");
    let fits = prebuilds.instances <= MAX_INSTANCES;
    violations.require(fits, format!("{field}.instances"), format!("must be {MAX_INSTANCES} at most"));
    let open = |parameter: &&Parameter| parameter.required && !preset.parameters.contains_key(&parameter.name);
    let missing: Vec<String> = parameters.iter().filter(open).map(|parameter| quoted(&parameter.name)).collect();
    let demands = format!("needs a value for {} in the preset: nobody is there to give it", missing.join(", "));
    violations.require(prebuilds.instances == 0 || missing.is_empty(), field.as_str(), demands);
    // Nobody has its agent's token until somebody claims it, so that it would be waited for in vain.
    let fits = prebuilds.instances == 0 || manifest.provisioner != EXTERNAL;
    let demands = "must be left out where `provisioner` is `external`: a workspace is ready once its owner has started \
                   its agent, and one that is made in advance has no owner";
    violations.require(fits, field, demands);
}
