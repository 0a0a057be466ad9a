//! What names a build: the workspace, which may be left out, and the build.

use chatmesh_core::Violations;

use crate::domain::{BuildId, WorkspaceId};

/// Reads both parts.
pub(super) fn parse(
    workspace_id: &str,
    build_id: &str,
    mut violations: Violations,
) -> Result<(Option<WorkspaceId>, BuildId), Violations> {
    let workspace_id = violations.optional_id("workspace_id", workspace_id).map(WorkspaceId);
    let build_id = violations.check("build_id", build_id.parse());
    Ok((workspace_id, violations.finish(build_id)?))
}
