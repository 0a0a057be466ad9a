use chatmesh_core::Violations;
use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use super::reference;
use crate::Error;
use crate::skills::{Skill, check_content};
use crate::state::State;
use crate::store::SkillKept;

/// Replaces the content of a skill of the caller's.
pub(super) async fn update_skill(
    state: &State,
    caller: Caller,
    request: pb::UpdateSkillRequest,
) -> Result<pb::UpdateSkillResponse, Error> {
    let user = caller.require_user()?;
    let mut violations = Violations::new();
    let read = check_content(&request.content, &mut violations);
    let (name, description) = violations.finish(read)?;
    let found = state.skills.find_skill(user, &reference(&request.skill)?).await?;
    let found = found.ok_or_else(|| Error::SkillNotFound(request.skill.clone()))?;

    let updated_at = state.clock.now();
    let skill = Skill { name: name.clone(), description, content: request.content, updated_at, ..found };
    match state.skills.update_skill(&skill).await? {
        SkillKept::Kept(skill) | SkillKept::Repeated(skill) => {
            Ok(pb::UpdateSkillResponse { skill: Some(skill.into()) })
        }
        SkillKept::NameTaken => Err(Error::SkillExists(name)),
        SkillKept::Full => Err(Error::TooManySkills),
        SkillKept::Missing => Err(Error::SkillNotFound(request.skill)),
    }
}
