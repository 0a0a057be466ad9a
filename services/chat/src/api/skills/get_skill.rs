use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use super::reference;
use crate::Error;
use crate::state::State;

/// Returns a skill of the caller's.
pub(super) async fn get_skill(
    state: &State,
    caller: Caller,
    request: pb::GetSkillRequest,
) -> Result<pb::GetSkillResponse, Error> {
    let user = caller.require_user()?;
    let skill = state.skills.find_skill(user, &reference(&request.skill)?).await?;
    let skill = skill.ok_or(Error::SkillNotFound(request.skill))?;
    Ok(pb::GetSkillResponse { skill: Some(skill.into()) })
}
