//! `read_skill`: reads the instructions of a skill.

use chatmesh_proto::agent::v1::ReadSkillResponse;
use chatmesh_proto::tools::v1::PersonalSkill;
use serde::{Deserialize, Serialize};

use super::skill::{Meant, Problem, meant, problem, read};
use super::{Call, parse};
use crate::context::clean;
use crate::outcome::Outcome;

#[derive(Debug, Deserialize)]
struct Args {
    name: String,
}

/// What the model is given.
#[derive(Debug, Default, Serialize)]
struct Report {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    /// Where it is: what it says of its own files is relative to here. A user's own skill has no place.
    #[serde(skip_serializing_if = "String::is_empty")]
    dir: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) async fn run(call: &Call<'_>) -> Result<Outcome, String> {
    let args: Args = parse(call.args)?;
    let found = match meant(call.workspace, call.personal_skill, &args.name).await {
        Ok(Meant::Personal { skill, is_certain }) => Ok(of_user(skill, is_certain)),
        Ok(Meant::Workspace(name)) => read(call.workspace, &name).await.map(of_workspace).map_err(|s| problem(&s)),
        Err(problem) => Err(problem),
    };
    match found {
        Ok(report) => Ok(Outcome::of(&report)),
        Err(Problem::Skill(error)) => Ok(Outcome::of(&Report { error: Some(error), ..Report::default() })),
        Err(Problem::Call(error)) => Err(error),
    }
}

fn of_user(skill: &PersonalSkill, is_certain: bool) -> Report {
    let note = (!is_certain).then_some(
        "this is your user's own skill; the workspace did not answer, so it is not known whether it has another one of \
         this name",
    );
    let (name, body) = (skill.name.clone(), Some(clean(&skill.body)));
    Report { name, body, files: Some(Vec::new()), note, ..Report::default() }
}

fn of_workspace(read: ReadSkillResponse) -> Report {
    let skill = read.skill.unwrap_or_default();
    let note = match (read.truncated, read.files_truncated) {
        (true, _) => Some("the skill is longer than this: read the rest of its file with `read_file`"),
        (false, true) => Some("the skill has more files than are listed"),
        (false, false) => None,
    };
    Report {
        name: skill.name,
        dir: skill.dir,
        body: Some(clean(&read.body)),
        files: Some(read.files),
        note,
        error: None,
    }
}
