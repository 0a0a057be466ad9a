//! The owner's skills, as calls of tools name them.
//!
//! The service that runs tools reads the skills of workspaces, and decides which one a name means; those of users are
//! kept here, so that the one that is meant goes along with the call.

use std::time::Duration;

use chatmesh_core::skill::is_name;
use chatmesh_proto::common::v1::ToolCall;
use chatmesh_proto::tools::v1::PersonalSkill;
use serde::Deserialize;
use tokio::time::timeout;
use tracing::warn;

use crate::domain::Chat;
use crate::skills::{SkillReference, body_of};
use crate::state::State;

/// The tools that read skills.
const READERS: [&str; 2] = ["read_skill", "read_skill_file"];
/// What stands before the name of a user's skill where a workspace has one of the same name.
const PREFIX: &str = "personal/";
/// How long the look-up may take.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Deserialize)]
struct Args {
    name: String,
}

/// The skill of the chat's owner that a call names; `None` where it names none of theirs.
///
/// # Errors
/// What to tell the model where nobody can say.
pub(super) async fn personal_skill(
    state: &State,
    chat: &Chat,
    call: &ToolCall,
) -> Result<Option<PersonalSkill>, &'static str> {
    let Some(name) = named(call) else { return Ok(None) };
    let reference = SkillReference::Name(name);
    let found = match timeout(PATIENCE, state.skills.find_skill(chat.owner_id, &reference)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            warn!(chat = %chat.id, %error, "a skill of the user cannot be read");
            return Err("the user's skills cannot be read now: nothing was done. Try again");
        }
        Err(_) => return Err("the user's skills could not be read in time: nothing was done. Try again"),
    };
    Ok(found.map(|skill| PersonalSkill { body: body_of(&skill.content).to_owned(), name: skill.name }))
}

/// The name of a user's skill that a call may mean. What else is wrong with the call, its tool says.
fn named(call: &ToolCall) -> Option<String> {
    if !READERS.contains(&call.name.as_str()) {
        return None;
    }
    let Args { name } = serde_json::from_str(&call.args).ok()?;
    let name = name.strip_prefix(PREFIX).unwrap_or(&name);
    is_name(name).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_names_a_users_skill_with_the_prefix_or_without() {
        for (tool, args, expected) in [
            ("read_skill", r#"{"name":"deploy"}"#, Some("deploy")),
            ("read_skill", r#"{"name":"personal/deploy"}"#, Some("deploy")),
            ("read_skill_file", r#"{"name":"deploy","path":"a"}"#, Some("deploy")),
            ("read_skill", r#"{"name":"workspace/deploy"}"#, None),
            ("read_skill", r#"{"name":"personal/personal/deploy"}"#, None),
            ("read_skill", r#"{"name":""}"#, None),
            ("read_skill", "{}", None),
            ("read_skill", "no JSON", None),
            ("read_file", r#"{"name":"deploy"}"#, None),
        ] {
            let call = ToolCall { name: tool.to_owned(), args: args.to_owned(), ..ToolCall::default() };
            assert_eq!(named(&call).as_deref(), expected, "{tool} {args}");
        }
    }
}
