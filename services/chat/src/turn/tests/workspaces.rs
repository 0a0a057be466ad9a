//! What a model is told of its workspace.

use chatmesh_core::{IdSource as _, SystemIds, Uuid};
use chatmesh_proto::common::v1::Role;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::llm::v1::GenerateRequest;
use chatmesh_proto::tools::v1::WorkspaceContextState::{Empty, Found, Gone, Unreachable};

use super::model::Reply;
use super::world::World;
use crate::domain::ChatId;
use crate::skills::SkillSummary;
use crate::store::{KeptContext, Metadata, Update};

/// What the last call of the model was told before the conversation, without the mesh's own words and the chat's.
pub(super) fn instructions(world: &World) -> Vec<String> {
    let asked = world.model.asked();
    let GenerateRequest { messages, .. } = asked.last().expect("a call");
    let system = messages.iter().filter(|message| message.role() == Role::System);
    let text = |body: &Option<Body>| match body {
        Some(Body::Text(text)) => text.clone(),
        other => panic!("{other:?}"),
    };
    let texts: Vec<String> = system.map(|message| text(&message.parts[0].body)).collect();
    assert!(texts[0].starts_with("You are an agent") && texts[1] == "be brief", "{texts:?}");
    texts[2..].to_vec()
}

impl World {
    async fn turn(&self, chat: ChatId) -> Vec<String> {
        self.say(chat, "go on").await;
        self.ended(chat).await;
        instructions(self)
    }

    async fn kept(&self, chat: ChatId, workspace: Uuid) -> Option<KeptContext> {
        self.state.contexts.kept_context(chat, workspace).await.expect("read")
    }

    pub(super) async fn move_to(&self, chat: ChatId, workspace: Uuid) {
        let metadata = Metadata { workspace_id: Some(Some(workspace)), ..Metadata::default() };
        let update = Update { metadata, ..Update::default() };
        self.state.store.update(chat, update, self.state.clock.now()).await.expect("moved");
    }
}

/// G14: an edit is seen by the next turn. The chat's own instructions come first, then those of the workspace, then
/// its skills.
#[tokio::test(start_paused = true)]
async fn g14_every_turn_is_told_what_the_workspace_says_by_then() {
    let world = World::new().await;
    world.hands.says(Found, "use make", "- deploy: d");
    let chat = world.chat("go").await;
    world.ended(chat).await;
    assert_eq!(instructions(&world), ["use make", "- deploy: d"]);
    world.hands.says(Found, "use cargo", "");
    assert_eq!(world.turn(chat).await, ["use cargo"]);
}

/// C12: what could not be fetched is not taken for "there is nothing": it persists nothing, and the next turn asks
/// again.
#[tokio::test(start_paused = true)]
async fn c12_a_failed_fetch_keeps_nothing_and_the_next_turn_asks_again() {
    let world = World::new().await;
    let workspace = SystemIds.next();
    world.hands.says(Unreachable, "it does not answer", "");
    let chat = world.chat_in(Some(workspace), "go", &[]).await;
    world.ended(chat).await;
    assert_eq!(instructions(&world), ["it does not answer"]);
    assert_eq!(world.kept(chat, workspace).await, None);

    world.hands.says(Found, "use make", "- deploy: d");
    assert_eq!(world.turn(chat).await, ["use make", "- deploy: d"]);
    let kept = world.kept(chat, workspace).await.expect("kept");
    let skill = SkillSummary { name: "deploy".to_owned(), description: "d".to_owned() };
    assert_eq!((kept.context.as_str(), kept.skills.as_slice()), ("use make", &[skill][..]));

    world.hands.says(Unreachable, "it does not answer", "");
    assert!(!world.hands.was_asked_with_skills());
    let told = world.turn(chat).await;
    assert_eq!((told.len(), told[0].as_str(), told[2].as_str()), (3, "it does not answer", "- deploy: d"));
    assert!(told[1].starts_with("The workspace does not answer now.") && told[1].ends_with("\n\nuse make"), "{told:?}");
    assert!(told[1].contains(&kept.read_at.format("%Y-%m-%d %H:%M UTC").to_string()), "{told:?}");
    assert!(world.hands.was_asked_with_skills(), "their tools stay");
    assert_eq!(world.kept(chat, workspace).await, Some(kept), "nothing is overwritten");

    world.hands.says(Found, "use cargo", "");
    assert_eq!(world.turn(chat).await, ["use cargo"]);
    assert_eq!(world.kept(chat, workspace).await.expect("kept").context, "use cargo");
}

/// C12: that there is nothing is known, too, where the workspace said so.
#[tokio::test(start_paused = true)]
async fn c12_that_there_is_nothing_is_kept_like_anything_else() {
    let world = World::new().await;
    let workspace = SystemIds.next();
    world.hands.says(Found, "use make", "- deploy: d");
    let chat = world.chat_in(Some(workspace), "go", &[]).await;
    world.ended(chat).await;
    world.hands.says(Empty, "you are in /w", "");
    assert_eq!(world.turn(chat).await, ["you are in /w"]);
    world.hands.says(Unreachable, "it does not answer", "");
    let told = world.turn(chat).await;
    assert!(told.len() == 2 && told[1].ends_with("you are in /w"), "what was before is gone: {told:?}");
}

#[tokio::test(start_paused = true)]
async fn what_another_workspace_said_is_not_told() {
    let world = World::new().await;
    let (former, other) = (SystemIds.next(), SystemIds.next());
    world.hands.says(Found, "use make", "- deploy: d");
    let chat = world.chat_in(Some(former), "go", &[]).await;
    world.ended(chat).await;
    world.hands.says(Unreachable, "it does not answer", "");
    world.move_to(chat, other).await;
    assert_eq!(world.turn(chat).await, ["it does not answer"]);
    world.move_to(chat, former).await;
    assert_eq!(world.turn(chat).await.len(), 3, "it is as it was");
    world.hands.says(Found, "use npm", "");
    world.move_to(chat, other).await;
    world.turn(chat).await;
    assert_eq!(world.kept(chat, former).await, None, "a chat keeps the words of one workspace");
}

/// What a workspace said that is gone, or is not the owner's any more, is nobody's to read.
#[tokio::test(start_paused = true)]
async fn what_a_workspace_said_is_not_told_once_it_is_gone() {
    let world = World::new().await;
    let workspace = SystemIds.next();
    world.hands.says(Found, "use make", "- deploy: d");
    let chat = world.chat_in(Some(workspace), "go", &[]).await;
    world.ended(chat).await;
    world.hands.says(Gone, "it is gone", "");
    assert_eq!(world.turn(chat).await, ["it is gone"]);
}

/// Longer words than are kept are told whole, and kept in part.
#[tokio::test(start_paused = true)]
async fn what_is_kept_is_bounded() {
    let world = World::new().await;
    let workspace = SystemIds.next();
    let long = "é".repeat(200 * 1024);
    world.hands.says(Found, &long, "");
    world.model.then(Reply::text("done"));
    let chat = world.chat_in(Some(workspace), "go", &[]).await;
    world.ended(chat).await;
    assert_eq!(instructions(&world)[0].len(), long.len());
    assert_eq!(world.kept(chat, workspace).await.expect("kept").context.len(), 256 * 1024);
}
