//! What the store promises of what workspaces said of themselves, on every engine.

#[path = "support/chats.rs"]
mod chats;

use chatmesh_chat::{Chat, ContextStore as _, KeptContext, SkillSummary};
use chatmesh_core::{IdSource as _, SystemIds, Uuid};
use chats::{World, worlds};

impl World {
    fn said(&self, workspace_id: Uuid, context: &str) -> KeptContext {
        let skill = SkillSummary { name: "deploy".to_owned(), description: format!("a \"skill\" of {context}") };
        KeptContext { workspace_id, context: context.to_owned(), skills: vec![skill], read_at: self.now }
    }

    async fn keep(&self, chat: &Chat, said: &KeptContext) {
        self.store.keep_context(chat.id, said.clone()).await.expect("kept");
    }

    async fn kept(&self, chat: &Chat, workspace: Uuid) -> Option<KeptContext> {
        self.store.kept_context(chat.id, workspace).await.expect("read")
    }
}

#[tokio::test]
async fn what_a_workspace_said_comes_back_as_it_was_for_its_own_chat_and_for_it_alone() {
    for world in worlds().await {
        let (chat, other) = (world.idle("a chat").await, world.idle("another").await);
        let (workspace, another) = (SystemIds.next(), SystemIds.next());
        assert_eq!(world.kept(&chat, workspace).await, None, "{}", world.engine);
        let said = world.said(workspace, "use make; é 🦀");
        world.keep(&chat, &said).await;
        assert_eq!(world.kept(&chat, workspace).await, Some(said), "{}", world.engine);
        assert_eq!(world.kept(&chat, another).await, None, "{}: another workspace", world.engine);
        assert_eq!(world.kept(&other, workspace).await, None, "{}: another chat", world.engine);
        let nothing = KeptContext { skills: Vec::new(), ..world.said(workspace, "") };
        world.keep(&chat, &nothing).await;
        assert_eq!(world.kept(&chat, workspace).await, Some(nothing), "{}: to say nothing counts", world.engine);
    }
}

/// A runner that lost its chat writes late.
#[tokio::test]
async fn what_was_read_later_stays_and_takes_the_place_of_another_workspace() {
    for mut world in worlds().await {
        let chat = world.idle("a chat").await;
        let (workspace, another) = (SystemIds.next(), SystemIds.next());
        let late = world.said(another, "late");
        world.tick();
        let newer = world.said(workspace, "newer");
        world.keep(&chat, &newer).await;
        world.keep(&chat, &late).await;
        assert_eq!(world.kept(&chat, workspace).await, Some(newer), "{}", world.engine);
        assert_eq!(world.kept(&chat, another).await, None, "{}", world.engine);
        world.tick();
        let newest = world.said(another, "newest");
        world.keep(&chat, &newest).await;
        assert_eq!(world.kept(&chat, workspace).await, None, "{}: one workspace at a time", world.engine);
        assert_eq!(world.kept(&chat, another).await, Some(newest), "{}", world.engine);
    }
}

/// The words of a workspace are long and seldom others.
#[tokio::test]
async fn what_is_said_again_is_the_same_at_a_later_time() {
    for mut world in worlds().await {
        let chat = world.idle("a chat").await;
        let (workspace, another) = (SystemIds.next(), SystemIds.next());
        world.store.heard_again(chat.id, workspace, world.now).await.expect("nothing to note");
        assert_eq!(world.kept(&chat, workspace).await, None, "{}", world.engine);
        let said = world.said(workspace, "use make");
        world.keep(&chat, &said).await;
        let earlier = world.now;
        world.tick();
        world.store.heard_again(chat.id, another, world.now).await.expect("noted");
        assert_eq!(world.kept(&chat, workspace).await, Some(said.clone()), "{}: another workspace", world.engine);
        world.store.heard_again(chat.id, workspace, world.now).await.expect("noted");
        world.store.heard_again(chat.id, workspace, earlier).await.expect("too late");
        let again = KeptContext { read_at: world.now, ..said };
        assert_eq!(world.kept(&chat, workspace).await, Some(again), "{}", world.engine);
    }
}
