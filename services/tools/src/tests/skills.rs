//! Skills, as a model reads them.

use chatmesh_proto::agent::v1 as agent;
use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::{Code, status_with_reason};
use serde_json::{Value, json};

use super::workspace::{KEY, Mood, World};

#[tokio::test(start_paused = true)]
async fn a_skill_is_read_with_the_files_that_it_brings_along() {
    let world = World::new();
    let skill = agent::Skill { name: "deploy".to_owned(), dir: "/w/s/deploy".to_owned(), ..agent::Skill::default() };
    let read = agent::ReadSkillResponse {
        skill: Some(skill),
        body: "Run it.\u{200B}".to_owned(),
        files: vec!["scripts/".to_owned(), "scripts/run.sh".to_owned()],
        ..agent::ReadSkillResponse::default()
    };
    world.workspace.has.lock().skill = Some(Ok(read));
    let expected = json!({
        "name": "deploy", "dir": "/w/s/deploy", "body": "Run it.", "files": ["scripts/", "scripts/run.sh"],
    });
    assert_eq!(world.call("read_skill", &json!({"name": "deploy"})).await, (expected, false));

    let missing = "there is no skill `x` in this workspace";
    let status = status_with_reason(Code::NotFound, "SKILL_NOT_FOUND", "chatmesh.agent.v1", missing);
    world.workspace.has.lock().skill = Some(Err(status));
    assert_eq!(world.call("read_skill", &json!({"name": "x"})).await, (json!({ "error": missing }), false));
    let (_, is_error) = world.call("read_skill", &json!({"name": " "})).await;
    assert!(is_error);
}

/// A path that leads out is refused before anybody is asked, and what is no text is said to be none.
#[tokio::test(start_paused = true)]
async fn a_file_of_a_skill_is_text_below_its_directory() {
    let world = World::new();
    let file = |content: &[u8]| agent::ReadSkillFileResponse {
        content: content.to_vec().into(),
        truncated: false,
        size_bytes: content.len() as u64,
    };
    world.workspace.has.lock().file = file(b"echo hi\n");
    let read = world.call("read_skill_file", &json!({"name": "deploy", "path": "run.sh"})).await;
    assert_eq!(read, (json!({"content": "echo hi\n", "size_bytes": 8}), false));
    world.workspace.has.lock().file = file(b"\x89PNG\xff");
    let (binary, _) = world.call("read_skill_file", &json!({"name": "deploy", "path": "a.png"})).await;
    assert!(binary["error"].as_str().is_some_and(|error| error.contains("no UTF-8")), "{binary}");

    world.workspace.asked();
    let (refused, is_error) = world.call("read_skill_file", &json!({"name": "deploy", "path": "../../etc"})).await;
    assert!(is_error && refused["error"].as_str().is_some_and(|error| error.contains("relative")), "{refused}");
    assert_eq!(world.workspace.asked(), [0, 0, 0]);
}

/// The user's own skill `deploy`, as it comes along with a call that names it.
fn own() -> pb::PersonalSkill {
    pb::PersonalSkill { name: "deploy".to_owned(), body: "Mine.\u{200B}".to_owned() }
}

fn of_workspace(name: &str) -> agent::ReadSkillResponse {
    let skill = agent::Skill { name: name.to_owned(), dir: format!("/w/s/{name}"), ..agent::Skill::default() };
    agent::ReadSkillResponse { skill: Some(skill), body: "Ours.".to_owned(), ..agent::ReadSkillResponse::default() }
}

fn no_skill() -> tonic::Status {
    let missing = "there is no skill `deploy` in this workspace";
    status_with_reason(Code::NotFound, "SKILL_NOT_FOUND", "chatmesh.agent.v1", missing)
}

impl World {
    /// Calls a tool for a user who has the skill `deploy`, in a chat with a workspace or without.
    async fn with_own(&self, name: &str, args: &Value, workspace_id: &str) -> (Value, bool) {
        let called = self.heard(pb::CallToolRequest {
            chat_id: "chat-1".to_owned(),
            workspace_id: workspace_id.to_owned(),
            name: name.to_owned(),
            args: args.to_string(),
            idempotency_key: KEY.to_owned(),
            personal_skill: Some(own()),
            ..pb::CallToolRequest::default()
        });
        let called = called.await;
        (called.result, called.is_error)
    }
}

fn error_of((result, _): &(Value, bool)) -> &str {
    result["error"].as_str().unwrap_or_default()
}

/// M10: a user's skills need no workspace, and nobody asks for one.
#[tokio::test(start_paused = true)]
async fn a_users_own_skill_is_read_without_a_workspace() {
    let world = World::new();
    for name in ["deploy", "personal/deploy"] {
        let read = world.with_own("read_skill", &json!({ "name": name }), "").await;
        assert_eq!(read, (json!({"name": "deploy", "body": "Mine.", "files": []}), false), "{name}");
    }
    let file = world.with_own("read_skill_file", &json!({"name": "deploy", "path": "a.sh"}), "").await;
    assert!(
        error_of(&file).starts_with("`deploy` is your user's own skill, and such skills have no files"),
        "{file:?}"
    );
    let missing = world.with_own("read_skill", &json!({"name": "workspace/deploy"}), "").await;
    assert!(error_of(&missing).contains("this chat has no workspace"), "{missing:?}");
    let missing = world.with_own("read_skill", &json!({"name": "personal/other"}), "").await;
    assert_eq!(error_of(&missing), "your user has no skill `other`");
    assert_eq!(world.workspace.asked(), [0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_two_skills_have_is_refused_and_its_aliases_are_not() {
    let world = World::new();
    world.workspace.has.lock().skill = Some(Ok(of_workspace("deploy")));
    for (tool, args) in
        [("read_skill", json!({"name": "deploy"})), ("read_skill_file", json!({"name": "deploy", "path": "a"}))]
    {
        let both = world.with_own(tool, &args, "workspace-1").await;
        let expected = "`deploy` is the name of two skills: read `personal/deploy`, which is your user's, or \
                        `workspace/deploy`";
        assert_eq!((error_of(&both), both.1), (expected, false), "{tool}");
    }
    let ours = world.with_own("read_skill", &json!({"name": "workspace/deploy"}), "workspace-1").await;
    assert_eq!((&ours.0["body"], &ours.0["dir"]), (&json!("Ours."), &json!("/w/s/deploy")));
    let mine = world.with_own("read_skill", &json!({"name": "personal/deploy"}), "workspace-1").await;
    assert_eq!(mine.0["body"], "Mine.");

    world.workspace.has.lock().skill = Some(Err(no_skill()));
    let mine = world.with_own("read_skill", &json!({"name": "deploy"}), "workspace-1").await;
    assert_eq!((&mine.0["body"], mine.0.get("note")), (&json!("Mine."), None), "the workspace has none");
}

/// A workspace that does not answer takes nobody's skills away, and does not hold the call up.
#[tokio::test(start_paused = true)]
async fn a_users_own_skill_is_read_while_the_workspace_does_not_answer() {
    for mood in [Mood::Stopped, Mood::Away, Mood::Silent] {
        let world = World::new();
        world.is(mood);
        world.workspace.has.lock().skill = Some(Err(no_skill()));
        let began = tokio::time::Instant::now();
        let (read, is_error) = world.with_own("read_skill", &json!({"name": "deploy"}), "workspace-1").await;
        assert_eq!((&read["body"], is_error), (&json!("Mine."), false), "{mood:?}: {read}");
        assert!(read["note"].as_str().is_some_and(|note| note.contains("did not answer")), "{mood:?}: {read}");
        assert!(began.elapsed().as_secs() <= 3, "{mood:?}");
    }
}
