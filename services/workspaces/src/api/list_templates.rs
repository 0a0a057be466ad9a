use chatmesh_core::{Violations, page};
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::state::State;

const SCOPE: &str = "templates";

/// Lists the templates, by name. They are the same for everyone.
pub(super) async fn list_templates(
    state: &State,
    _: Caller,
    request: pb::ListTemplatesRequest,
) -> Result<pb::ListTemplatesResponse, Error> {
    let mut violations = Violations::new();
    let size = violations.check("page_size", page::size(request.page_size));
    let after = violations.check("page_token", page::cursor::<String>(SCOPE, &request.page_token));
    let (size, after) = violations.finish(size.zip(after))?;

    let templates = state.store.list_templates(after.as_deref(), size + 1).await?;
    let (templates, more) = page::cut(templates, size);
    let last = templates.last().filter(|_| more);
    let next_page_token = last.map_or_else(String::new, |template| page::token(SCOPE, &template.name));
    Ok(pb::ListTemplatesResponse { templates: templates.into_iter().map(Into::into).collect(), next_page_token })
}
