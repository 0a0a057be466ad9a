//! What people type, and what they read.

use crate::harness::{LONG, Up, eventually};

/// The arrow before a tool call.
const CALL: &str = "→ ";

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_shows_a_turn_with_tools_and_leaves_nothing() {
    let up = Up::start().await;
    let mut demo = up.run(&["demo"]);
    let status = demo.ended(LONG).await;
    let output = demo.output();
    assert!(status.success(), "{status}: {output}");
    let calls = output.lines().filter(|line| line.starts_with(CALL)).count();
    assert!(calls >= 3, "{output}");
    // What a sandbox was killed with may take a moment to be gone.
    eventually("only the other mesh is there", LONG, async || match up.processes() {
        one if one.len() == 1 => Ok(()),
        other => Err(other),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_answers_at_the_terminal() {
    let up = Up::start().await;
    let mut chat = up.run(&["chat", "--data-dir", "data", "hi"]);
    let status = chat.ended(LONG).await;
    assert!(status.success(), "{status}: {}", chat.output());
    assert!(chat.output().contains("simulated"), "{}", chat.output());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_named() {
    let up = Up::start().await;
    let mut chat = up.run(&["chat", "--token", "wrong", "hi"]);
    assert_eq!(chat.ended(LONG).await.code(), Some(1));
    assert!(chat.output().contains("the token is not valid"), "{}", chat.output());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_has_one_process() {
    let up = Up::start().await;
    let mut second = up.second();
    assert_eq!(second.ended(LONG).await.code(), Some(1));
    assert!(second.output().contains("is used by another chatmesh"), "{}", second.output());
    assert_eq!(up.mesh().api.list("/api/v1/chats", "chats", 1).await.len(), 0, "the first is not disturbed");
}
