//! What names a lease: who holds it, and the build.

use chatmesh_core::Violations;

use crate::domain::BuildId;

/// The longest name of a provisioner.
const MAX_HOLDER: usize = 200;

/// Checks the name of a provisioner.
pub(super) fn check_holder(name: &str, violations: &mut Violations) {
    let fits = (1..=MAX_HOLDER).contains(&name.len());
    violations.require(fits, "provisioner_id", "must be 1 to 200 characters");
}

/// Checks both parts, and reads the build.
pub(super) fn parse(provisioner_id: &str, build_id: &str) -> Result<BuildId, Violations> {
    let mut violations = Violations::new();
    check_holder(provisioner_id, &mut violations);
    let build_id = violations.check("build_id", build_id.parse());
    violations.finish(build_id)
}
