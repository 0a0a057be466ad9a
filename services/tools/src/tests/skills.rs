//! Skills, as a model reads them.

use chatmesh_proto::agent::v1 as agent;
use chatmesh_rpc::{Code, status_with_reason};
use serde_json::json;

use super::workspace::World;

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
