use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use super::reference;
use crate::Error;
use crate::state::State;

/// Deletes a skill of the caller's.
pub(super) async fn delete_skill(
    state: &State,
    caller: Caller,
    request: pb::DeleteSkillRequest,
) -> Result<pb::DeleteSkillResponse, Error> {
    let user = caller.require_user()?;
    if state.skills.delete_skill(user, &reference(&request.skill)?).await? {
        Ok(pb::DeleteSkillResponse {})
    } else {
        Err(Error::SkillNotFound(request.skill))
    }
}
