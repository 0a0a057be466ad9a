use std::time::Duration;

use chatmesh_core::{Violations, page};
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::state::State;
use crate::store::TemplateFilter;

/// How long what a user did counts.
const USAGE: Duration = Duration::from_secs(60 * 24 * 60 * 60);

/// Lists the templates, by name. They are the same for everyone; who uses them is seen by those who ask.
pub(super) async fn list_templates(
    state: &State,
    caller: Caller,
    request: pb::ListTemplatesRequest,
) -> Result<pb::ListTemplatesResponse, Error> {
    let pb::ListTemplatesRequest { for_agents, with_usage, with_archived, .. } = request;
    let scope = format!("templates/{for_agents}/{with_archived}");
    let mut violations = Violations::new();
    let size = violations.check("page_size", page::size(request.page_size));
    let after = violations.check("page_token", page::cursor::<String>(&scope, &request.page_token));
    let (size, after) = violations.finish(size.zip(after))?;
    let usage = match with_usage {
        true => Some((caller.require_user()?, state.clock.now() - USAGE)),
        false => None,
    };

    let filter = TemplateFilter { after, limit: size + 1, for_agents, with_archived, usage };
    let templates = state.store.list_templates(&filter).await?;
    let (templates, next_page_token) = page::cut(templates, size, &scope, |last| last.template.name.clone());
    Ok(pb::ListTemplatesResponse { templates: templates.into_iter().map(Into::into).collect(), next_page_token })
}
