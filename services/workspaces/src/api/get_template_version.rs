use chatmesh_core::Violations;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use super::start_choice::optional_version;
use crate::state::State;
use crate::{Error, convert};

/// Names the active version.
const ACTIVE: &str = "active";

/// Returns a version of a template. Its scripts are for administrators.
pub(super) async fn get_template_version(
    state: &State,
    caller: Caller,
    request: pb::GetTemplateVersionRequest,
) -> Result<pb::GetTemplateVersionResponse, Error> {
    let mut violations = Violations::new();
    let which = match request.version.as_str() {
        ACTIVE => None,
        version => {
            let demands = "must be `active`, the number of a version, like `3`, or its identifier";
            violations.require(!version.is_empty(), "version", demands);
            optional_version("version", version, &mut violations)
        }
    };
    violations.finish(Some(()))?;

    let template = state.find_template(&request.template).await?;
    let version = state.find_version(&template, which).await?;
    let with_manifest = caller.require_admin().is_ok();
    let version = convert::template_version(version, template.active_version_id, with_manifest);
    Ok(pb::GetTemplateVersionResponse { version: Some(version) })
}
