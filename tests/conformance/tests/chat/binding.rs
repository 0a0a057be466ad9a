//! The workspace that a tool gives a chat.

use chatmesh_chat::{Binding, Chat, ChatStore as _, Fence, Metadata, RunnerId, StoreError, Update};
use chatmesh_core::{IdSource as _, SystemIds, Uuid};

use crate::content::answer;
use crate::world::{World, fence, is_lost, worlds};

fn binding(expected: Option<Uuid>, workspace_id: Uuid) -> Binding {
    Binding { expected, workspace_id, build_id: Some(SystemIds.next()) }
}

impl World {
    async fn move_to(&self, chat: &Chat, workspace: Option<Uuid>) -> Chat {
        let metadata = Metadata { workspace_id: Some(workspace), ..Metadata::default() };
        self.update(chat.id, Update { metadata, ..Update::default() }).await
    }

    /// A chat that runs and has no workspace.
    async fn running_nowhere(&self) -> Chat {
        let chat = self.running("first").await;
        self.move_to(&chat, None).await
    }
}

/// L14: each time the chat changes for those who follow it; what was said stays as it is, so that the step that is
/// under way can be committed.
#[tokio::test]
async fn l14_a_workspace_is_bound_in_the_middle_of_a_step() {
    for world in worlds().await {
        let chat = world.running_nowhere().await;
        let binding = binding(None, SystemIds.next());
        let bound = world.store.bind_workspace(fence(&chat), binding, world.now).await.expect("bound");
        let mut versions = chat.versions;
        versions.snapshot += 1;
        let (workspace_id, build_id) = (Some(binding.workspace_id), binding.build_id);
        assert_eq!(bound, Chat { workspace_id, build_id, versions, ..chat.clone() }, "{}", world.engine);
        let again = world.store.bind_workspace(fence(&chat), binding, world.now).await.expect("bound again");
        assert_eq!(again.versions.snapshot, versions.snapshot + 1, "{}", world.engine);
        let (after, _) = world.store.commit_step(fence(&chat), vec![answer("done")], world.now).await.expect("said");
        assert_eq!((after.workspace_id, after.build_id), (workspace_id, build_id), "{}", world.engine);
    }
}

/// The build is of the workspace: with another one it goes.
#[tokio::test]
async fn what_the_owner_chose_meanwhile_is_not_overwritten() {
    for world in worlds().await {
        let chat = world.running_nowhere().await;
        let (own, chosen) = (SystemIds.next(), SystemIds.next());
        let bound = world.store.bind_workspace(fence(&chat), binding(None, own), world.now).await.expect("bound");
        assert!(bound.build_id.is_some());
        let moved = world.move_to(&chat, Some(chosen)).await;
        assert_eq!((moved.workspace_id, moved.build_id), (Some(chosen), None), "{}", world.engine);
        let before = world.dump().await;
        for expected in [None, Some(own)] {
            let late = world.store.bind_workspace(fence(&chat), binding(expected, own), world.now).await;
            assert!(matches!(late, Err(StoreError::WorkspaceChanged)), "{}: {late:?}", world.engine);
        }
        assert_eq!(world.dump().await, before, "{}", world.engine);
        let same = world.store.bind_workspace(fence(&chat), binding(None, chosen), world.now).await;
        assert_eq!(same.expect("the same one").workspace_id, Some(chosen), "{}", world.engine);
    }
}

/// A worker that lost its chat gives it nothing; one that is being stopped still does, so that nothing is orphaned.
#[tokio::test]
async fn only_the_runner_of_a_chat_binds_a_workspace() {
    for world in worlds().await {
        let chat = world.running_nowhere().await;
        let new = binding(None, SystemIds.next());
        for fence in [
            Fence { runner_id: RunnerId(SystemIds.next()), ..fence(&chat) },
            Fence { history_version: chat.versions.history + 1, ..fence(&chat) },
        ] {
            let before = world.dump().await;
            assert!(is_lost(&world.store.bind_workspace(fence, new, world.now).await), "{}", world.engine);
            assert_eq!(world.dump().await, before, "{}", world.engine);
        }
        world.interrupt(chat.id).await;
        let bound = world.store.bind_workspace(fence(&chat), new, world.now).await.expect("bound");
        assert_eq!(bound.workspace_id, Some(new.workspace_id), "{}", world.engine);
    }
}
