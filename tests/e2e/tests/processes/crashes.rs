//! `chatmesh up` killed in the middle of a turn: the next process goes on where it was.

use crate::harness::{Follower, Mesh, Model, Up, file_appears, simulator};

/// A turn survives however much of the answer was shown.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_given_whole_and_once_wherever_the_process_is_killed() {
    let provider = simulator().await;
    let mut up = Up::start().await;
    let mesh = up.mesh();
    let workspace = prepare(&mesh, &provider.base_url()).await;
    for pieces in [1, 5, 12, 25, 38] {
        let chat = mesh.api.create_chat(Model::Story.name(), Some(&workspace), "Tell me a story.").await;
        let mut follower = Follower::new(&mesh.api, &chat);
        let enough = Model::story().len() * pieces / 40;
        follower
            .until("so much of the story", |seen| {
                seen.live_text().starts_with("Sentence") && seen.live_text().len() >= enough
            })
            .await;
        up.kill();
        up.start_again().await;
        let history = follower.until_answered(1).await;
        assert_eq!(history.texts("ROLE_ASSISTANT"), ["First a file.".to_owned(), Model::story()]);
        assert_eq!(history.called(), ["write_file"]);
        assert_eq!(history.messages.len(), 4);
    }
}

/// The agent lives on, and knows what it has done already.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_once_when_the_process_is_killed_meanwhile() {
    let provider = simulator().await;
    let mut up = Up::start().await;
    let mesh = up.mesh();
    let workspace = prepare(&mesh, &provider.base_url()).await;
    let chat = mesh.api.create_chat(Model::Effect.name(), Some(&workspace), "Run it.").await;
    let effects = mesh.home(&workspace).join("effects");
    file_appears(&effects).await;
    up.kill();
    up.start_again().await;
    let history = Follower::new(&mesh.api, &chat).until_answered(1).await;
    assert_eq!(std::fs::read_to_string(&effects).expect("a file"), "run\n", "the effect happened once");
    assert_eq!(history.called(), ["execute"]);
    assert_eq!(history.results()[0]["exit_code"], 0, "{:?}", history.results());
    assert_eq!(history.texts("ROLE_ASSISTANT"), ["Let me run that.", "It has run."]);
}

/// A new agent knows what the old one began, and not how it went on.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_not_run_again_when_its_agent_is_killed() {
    let provider = simulator().await;
    let up = Up::start().await;
    let mesh = up.mesh();
    let workspace = prepare(&mesh, &provider.base_url()).await;
    let chat = mesh.api.create_chat(Model::Effect.name(), Some(&workspace), "Run it.").await;
    let effects = mesh.home(&workspace).join("effects");
    file_appears(&effects).await;
    up.kill_agents();
    let history = Follower::new(&mesh.api, &chat).until_answered(1).await;
    assert_eq!(std::fs::read_to_string(&effects).expect("a file"), "run\n", "the effect happened once");
    let results = history.results();
    assert_eq!(results.len(), 1);
    assert!(results[0]["error"].is_string(), "the model is told: {}", results[0]);
}

/// Configures all models and returns a workspace.
async fn prepare(mesh: &Mesh, provider_url: &str) -> String {
    let names = Model::ALL.map(Model::name);
    mesh.api.configure_models("PROVIDER_TYPE_ANTHROPIC", provider_url, &names).await;
    mesh.api.create_workspace("crashes").await
}
