//! `read_skill_file`: reads a file that a skill brings along.

use chatmesh_proto::agent::v1::context_service_client::ContextServiceClient;
use chatmesh_proto::agent::v1::{ReadSkillFileRequest, ReadSkillFileResponse};
use serde::{Deserialize, Serialize};
use tonic::Status;

use super::skill::{Meant, Problem, meant, problem};
use super::{Call, LOOK_TIMEOUT, parse};
use crate::agent::{Agent, Workspace, within};
use crate::context::clean;
use crate::outcome::Outcome;

#[derive(Debug, Deserialize)]
struct Args {
    name: String,
    path: String,
}

/// What the model is given.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Report {
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) async fn run(call: &Call<'_>) -> Result<Outcome, String> {
    let args: Args = parse(call.args)?;
    // Looked at before anybody is asked: what is wrong with it does not depend on the workspace.
    relative(&args.path)?;
    let found = match meant(call.workspace, call.personal_skill, &args.name).await {
        Ok(Meant::Personal { skill, .. }) => Err(Problem::Skill(format!(
            "`{0}` is your user's own skill, and such skills have no files: all that there is of it is what \
             `read_skill` returns",
            skill.name
        ))),
        Ok(Meant::Workspace(name)) => read_file(call.workspace, name, args.path).await.map_err(|s| problem(&s)),
        Err(problem) => Err(problem),
    };
    match found {
        Ok(file) => Ok(Outcome::of(&report(&file.content, file.truncated, file.size_bytes))),
        Err(Problem::Skill(error)) => Ok(Outcome::of(&Report { error: Some(error), ..Report::default() })),
        Err(Problem::Call(error)) => Err(error),
    }
}

async fn read_file(workspace: &Workspace, name: String, path: String) -> Result<ReadSkillFileResponse, Status> {
    let request = ReadSkillFileRequest { name, path };
    let call = |agent: Agent| {
        let request = request.clone();
        async move {
            let request = agent.request_within(LOOK_TIMEOUT, request);
            within(LOOK_TIMEOUT, ContextServiceClient::new(agent.transport()).read_skill_file(request)).await
        }
    };
    workspace.retry(call).await
}

fn report(content: &[u8], truncated: bool, size_bytes: u64) -> Report {
    let report = Report { size_bytes: Some(size_bytes), truncated: truncated.then_some(true), ..Report::default() };
    match text(content, truncated) {
        Some(text) => Report { content: Some(clean(text)), ..report },
        None => Report {
            error: Some(
                "the file is no UTF-8 text and cannot be shown: use `execute` with a program that understands it"
                    .to_owned(),
            ),
            ..report
        },
    }
}

/// The bytes as text; a cut may have gone through the last character.
fn text(content: &[u8], truncated: bool) -> Option<&str> {
    match std::str::from_utf8(content) {
        Ok(text) => Some(text),
        Err(error) if truncated && error.error_len().is_none() => {
            content.get(..error.valid_up_to()).and_then(|whole| std::str::from_utf8(whole).ok())
        }
        Err(_) => None,
    }
}

/// Checks a path within a skill.
fn relative(path: &str) -> Result<(), String> {
    let is_below = !path.is_empty() && !path.starts_with('/') && !path.split('/').any(|part| part.starts_with('.'));
    if is_below {
        return Ok(());
    }
    Err(format!(
        "path `{path}` is not one of a skill's files: give a path relative to the skill's directory, as `read_skill` \
         lists it, without parts that begin with a dot"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_the_skill_are_asked_for() {
        for path in ["a", "a/b.txt", "scripts/run.sh", "ü b"] {
            assert_eq!(relative(path), Ok(()));
        }
        for path in ["", "/etc/passwd", "..", "a/../b", "./a", ".env", "a/.git/config"] {
            assert!(relative(path).is_err_and(|error| error.contains("read_skill")), "{path}");
        }
    }

    #[test]
    fn what_is_no_text_is_said_to_be_none() {
        let whole = report("né\u{200B}".as_bytes(), false, 6);
        assert_eq!((whole.content.as_deref(), whole.truncated, whole.size_bytes), (Some("né"), None, Some(6)));
        let cut = report(&"né".as_bytes()[..2], true, 3);
        assert_eq!((cut.content.as_deref(), cut.truncated), (Some("n"), Some(true)));
        for (bytes, truncated) in [(&b"\xff\x00"[..], false), (b"n\xc3", false), (b"\xff abc", true)] {
            let binary = report(bytes, truncated, 2);
            assert!(binary.content.is_none() && binary.error.is_some_and(|error| error.contains("UTF-8")));
        }
    }
}
