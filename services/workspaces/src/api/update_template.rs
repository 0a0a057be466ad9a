use chatmesh_core::Violations;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use super::start_choice::optional_version;
use crate::Error;
use crate::domain::check_prose;
use crate::state::State;
use crate::store::TemplateChange;

/// Changes the fields of a template that are set.
pub(super) async fn update_template(
    state: &State,
    caller: Caller,
    request: pb::UpdateTemplateRequest,
) -> Result<pb::UpdateTemplateResponse, Error> {
    caller.require_admin()?;
    let mut violations = Violations::new();
    let active_version = match request.active_version.as_deref() {
        Some("") => {
            violations.add("active_version", "must not be empty: a template always has an active version");
            None
        }
        text => optional_version("active_version", text.unwrap_or_default(), &mut violations),
    };
    check_prose("deprecation", request.deprecation.as_deref().unwrap_or_default(), &mut violations);
    violations.finish(Some(()))?;

    let template = state.find_template(&request.template).await?;
    let change = TemplateChange {
        active_version,
        deprecation: request.deprecation.map(|text| text.trim().to_owned()),
        require_active_version: request.require_active_version,
        allowed_for_agents: request.allowed_for_agents,
        archived: request.archived,
    };
    let changed = state.store.update_template(template.id, &change).await;
    let changed = changed.map_err(|error| Error::on_template(&request.template, error))?;
    state.hints.pools_changed().await;
    Ok(pb::UpdateTemplateResponse { template: Some(changed.into()) })
}
