use chatmesh_core::{Violations, page};
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::state::State;
use crate::{Error, convert};

/// Lists the versions of a template, newest first.
pub(super) async fn list_template_versions(
    state: &State,
    _: Caller,
    request: pb::ListTemplateVersionsRequest,
) -> Result<pb::ListTemplateVersionsResponse, Error> {
    let scope = format!("template_versions/{}", request.template);
    let mut violations = Violations::new();
    let size = violations.check("page_size", page::size(request.page_size));
    let before = violations.check("page_token", page::cursor::<u32>(&scope, &request.page_token));
    let (size, before) = violations.finish(size.zip(before))?;

    let template = state.find_template(&request.template).await?;
    let versions = state.store.list_versions(template.id, before, size + 1).await?;
    let (versions, next_page_token) = page::cut(versions, size, &scope, |version| version.number);
    let active = template.active_version_id;
    let versions = versions.into_iter().map(|version| convert::version_info(version, active)).collect();
    Ok(pb::ListTemplateVersionsResponse { versions, next_page_token })
}
