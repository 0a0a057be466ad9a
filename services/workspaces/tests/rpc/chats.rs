//! Workspaces that are made for chats, and taken away from them.

use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::{Caller, Role, UserId};
use tonic::{Code, Status};

use crate::expect;
use crate::world::{World, as_caller, service};

impl World {
    /// Makes a workspace for a chat that says that it has none. Returns it, and whether it was there.
    async fn make_for_chat(&self, chat_id: &str, name: &str) -> (String, bool) {
        let request = pb::CreateWorkspaceRequest {
            template: "local".to_owned(),
            name: name.to_owned(),
            request_id: self.uuid().to_string(),
            chat_id: chat_id.to_owned(),
            ..pb::CreateWorkspaceRequest::default()
        };
        let made =
            self.workspaces().create_workspace(as_caller(&self.owner, request)).await.expect("made").into_inner();
        (made.workspace.expect("a workspace").id, made.made_for_chat_before)
    }

    async fn release(&self, caller: &Caller, chat_id: &str, workspace_id: &str) -> Result<(), Status> {
        let (chat_id, workspace_id) = (chat_id.to_owned(), workspace_id.to_owned());
        let request = pb::ReleaseChatWorkspaceRequest { chat_id, workspace_id };
        self.workspaces().release_chat_workspace(as_caller(caller, request)).await.map(drop)
    }
}

/// L17: one that nobody heard of is found again; one that its user took away from the chat is not.
#[tokio::test]
async fn a_workspace_that_was_taken_away_from_its_chat_does_not_come_back() {
    let world = World::new().await;
    let (owner, chat) = (&world.owner, world.uuid().to_string());
    let (first, _) = world.make_for_chat(&chat, "one").await;
    assert_eq!(world.make_for_chat(&chat, "two").await, (first.clone(), true), "its answer was lost");

    let stranger = Caller::user(UserId(world.uuid()), Role::Admin);
    world.release(&stranger, &chat, &first).await.expect("nothing of theirs");
    world.release(owner, &chat, &world.uuid().to_string()).await.expect("another workspace");
    world.release(owner, &world.uuid().to_string(), &first).await.expect("another chat");
    assert_eq!(world.make_for_chat(&chat, "two").await, (first.clone(), true), "nobody took it away");

    for _ in 0..2 {
        world.release(owner, &chat, &first).await.expect("released, and once more");
    }
    let (second, was_there) = world.make_for_chat(&chat, "two").await;
    assert_eq!((second == first, was_there), (false, false));
    world.release(owner, &chat, &first).await.expect("late");
    assert_eq!(world.make_for_chat(&chat, "three").await, (second, true), "the chat has the new one");
    assert_eq!(world.get(owner, &first).await.expect("there").name, "one", "it is the user's as before");
}

#[tokio::test]
async fn a_workspace_is_released_for_a_user() {
    let world = World::new().await;
    let id = world.uuid().to_string();
    expect(world.release(&service(), &id, &id).await, Code::PermissionDenied, "DENIED");
    expect(world.release(&world.owner, "chat", "").await, Code::InvalidArgument, "INVALID_REQUEST");
}
