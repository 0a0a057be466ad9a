//! `chatmesh up` ended in order in the middle of a turn.

use std::time::Duration;

use serde_json::Value;

use crate::harness::{Follower, LONG, Model, Up, eventually, file_appears, simulator};

/// What people and orchestrators are ready to wait.
const LIMIT: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_everything_and_the_next_process_finishes_the_turns() {
    let provider = simulator().await;
    let mut up = Up::start().await;
    let mesh = up.mesh();
    let names = Model::ALL.map(Model::name);
    mesh.api.configure_models("PROVIDER_TYPE_ANTHROPIC", &provider.base_url(), &names).await;
    let workspace = mesh.api.create_workspace("shutdown").await;

    let working = mesh.api.create_chat(Model::Forever.name(), Some(&workspace), "Run it.").await;
    file_appears(&mesh.home(&workspace).join("begun")).await;
    let talking = mesh.api.create_chat(Model::Story.name(), Some(&workspace), "Tell me a story.").await;
    let mut story = Follower::new(&mesh.api, &talking);
    story.until("the story begins", |seen| seen.live_text().starts_with("Sentence 01.")).await;

    let status = up.terminate(LIMIT).await;
    assert!(status.success(), "{status}");
    // What a sandbox was killed with may take a moment to be gone.
    eventually("nothing is left behind", LONG, async || match up.processes() {
        none if none.is_empty() => Ok(()),
        left => Err(left),
    })
    .await;

    up.start_again().await;
    let history = story.until_answered(1).await;
    assert_eq!(history.texts("ROLE_ASSISTANT"), ["First a file.".to_owned(), Model::story()]);
    let history = Follower::new(&mesh.api, &working).until_answered(1).await;
    let results: Vec<Value> = history.results();
    assert_eq!(results.len(), 1);
    assert_ne!(results[0]["success"], true, "the command was ended: {}", results[0]);
    assert_eq!(history.texts("ROLE_ASSISTANT"), ["Let me run that.", "That took long."]);
}
