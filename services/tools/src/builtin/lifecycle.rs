//! The tools that find, make, start and stop the workspace of a chat.
//!
//! A chat has one workspace. Whoever calls makes these calls one after the other for a chat; what keeps two of them
//! from making two workspaces all the same, on whatever replica and after whatever crash, is in `workspaces`: a request
//! is carried out once ([`receipt`]), a chat has one workspace that was made for it, and a workspace has one build that
//! is not done. So nothing is remembered here, and a build that is found under way is joined.
//!
//! What a call waits for can be followed: the build is told before the wait begins. A failure keeps its fields on the
//! way to the model, see [`failure`].

mod args;
mod build;
mod create;
mod existing;
mod failure;
mod list_templates;
mod name;
mod rank;
mod read_template;
mod ready;
mod receipt;
mod services;
mod start;
mod stop;

use super::{Call, Tool};
use crate::outcome::Outcome;
use failure::Trouble;

/// How often a call looks again because something else happened to the workspace meanwhile.
const MAX_ROUNDS: u32 = 4;

/// Runs one of these tools.
pub(super) async fn run(tool: Tool, call: &Call<'_>) -> Outcome {
    let done = match tool {
        Tool::CreateWorkspace => create::run(call).await,
        Tool::StartWorkspace => start::run(call).await,
        Tool::StopWorkspace => stop::run(call).await,
        Tool::ReadTemplate => read_template::run(call).await,
        _ => list_templates::run(call).await,
    };
    done.unwrap_or_else(|trouble| match trouble {
        Trouble::Flat(error) => Outcome::Failure(error),
        Trouble::Failed(failure) => Outcome::of(&failure),
    })
}

/// The chat's workspace.
fn workspace_of<'a>(call: &Call<'a>) -> Option<&'a str> {
    Some(call.workspace.workspace_id.as_str()).filter(|id| !id.is_empty())
}

/// Nothing came to rest.
fn restless() -> Trouble {
    Trouble::Flat(
        "the workspace is being started, stopped or made by others all the time: try again in a while".to_owned(),
    )
}

/// What tools that need a workspace say where the chat has none.
fn none_yet() -> Trouble {
    Trouble::Flat("this chat has no workspace: make one with `create_workspace`".to_owned())
}

/// What they say where it is deleted.
fn deleted() -> Trouble {
    Trouble::Flat("the workspace of this chat is deleted: make another one with `create_workspace`".to_owned())
}
