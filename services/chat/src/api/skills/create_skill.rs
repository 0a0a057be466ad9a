use chatmesh_core::Violations;
use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::skills::{Skill, SkillId, check_content};
use crate::state::State;
use crate::store::SkillKept;

/// Keeps a skill of the caller's.
pub(super) async fn create_skill(
    state: &State,
    caller: Caller,
    request: pb::CreateSkillRequest,
) -> Result<pb::CreateSkillResponse, Error> {
    let user_id = caller.require_user()?;
    let mut violations = Violations::new();
    let read = check_content(&request.content, &mut violations);
    let request_id = violations.optional_id("request_id", &request.request_id);
    let (name, description) = violations.finish(read)?;

    let (id, now) = (SkillId(state.ids.next()), state.clock.now());
    let content = request.content;
    let skill = Skill { id, user_id, name: name.clone(), description, content, created_at: now, updated_at: now };
    match state.skills.insert_skill(skill, request_id).await? {
        SkillKept::Kept(skill) | SkillKept::Repeated(skill) => {
            Ok(pb::CreateSkillResponse { skill: Some(skill.into()) })
        }
        SkillKept::NameTaken => Err(Error::SkillExists(name)),
        SkillKept::Full => Err(Error::TooManySkills),
        SkillKept::Missing => Err(Error::SkillNotFound(name)),
    }
}
