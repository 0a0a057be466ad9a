use chatmesh_core::{Violations, page};
use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::state::State;

const SCOPE: &str = "skills";

/// Lists the caller's skills.
pub(super) async fn list_skills(
    state: &State,
    caller: Caller,
    request: pb::ListSkillsRequest,
) -> Result<pb::ListSkillsResponse, Error> {
    let user = caller.require_user()?;
    let mut violations = Violations::new();
    let size = violations.check("page_size", page::size(request.page_size));
    let after = violations.check("page_token", page::cursor::<String>(SCOPE, &request.page_token));
    let (size, after) = violations.finish(size.zip(after))?;

    let skills = state.skills.list_skills(user, after.as_deref(), size + 1).await?;
    let (skills, next_page_token) = page::cut(skills, size, SCOPE, |skill| skill.name.clone());
    Ok(pb::ListSkillsResponse { skills: skills.into_iter().map(Into::into).collect(), next_page_token })
}
