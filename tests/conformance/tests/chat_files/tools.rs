//! Files that tools give to a chat: they come with the results beside which they stand.

use std::time::Duration;

use chatmesh_chat::{
    Chat, ChatStore as _, Fence, FileId, FileStore as _, Lease, LeaseStore as _, MAX_FILES, NewFile, NewMessage,
    RunnerId, StoreError, WorkerId,
};
use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{ErrorKind, FinishReason, GenerationError, Part, Role, ToolCall, ToolResult};
use chatmesh_rpc::UserId;

use super::chats::{World, text, worlds};
use super::{files_of, naming};

impl World {
    /// A chat whose turn a worker has.
    async fn running(&self) -> (Chat, Fence) {
        let chat = self.insert(self.new_chat("runs", text("go"))).await;
        let lease = Lease { worker_id: WorkerId(SystemIds.next()), runner_id: RunnerId(SystemIds.next()) };
        let taken = self.store.acquire(chat.id, lease, self.now, Duration::from_secs(60)).await;
        let chat = taken.expect("asked").chat;
        let fence = Fence { chat_id: chat.id, runner_id: lease.runner_id, history_version: chat.versions.history };
        (chat, fence)
    }

    /// Commits a step whose tools gave these files to the chat, one each.
    async fn commit(&self, fence: Fence, files: &[FileId]) -> Result<Fence, StoreError> {
        let (chat, _) = self.store.commit_step(fence, step(files), self.now).await?;
        Ok(Fence { history_version: chat.versions.history, ..fence })
    }
}

/// An answer with calls, and a result with a file for each.
fn step(files: &[FileId]) -> Vec<NewMessage> {
    let call =
        |number: usize| ToolCall { call_id: number.to_string(), name: "attach_file".to_owned(), ..ToolCall::default() };
    let calls = (0..files.len()).map(|number| Part { body: Some(Body::ToolCall(call(number))), ..Part::default() });
    let mut answer = NewMessage::new(Role::Assistant, calls.collect());
    answer.finish_reason = Some(FinishReason::ToolCalls);
    let results = files.iter().enumerate().map(|(number, id)| {
        let result = ToolResult { call_id: number.to_string(), result: "{}".to_owned(), ..ToolResult::default() };
        let mut content = vec![Part { body: Some(Body::ToolResult(result)), ..Part::default() }];
        content.extend(naming(&[*id]));
        NewMessage::new(Role::Tool, content)
    });
    std::iter::once(answer).chain(results).collect()
}

/// Whichever way a step ends, its results keep their files.
#[tokio::test]
async fn files_of_tools_are_the_chats_with_the_results_beside_which_they_stand() {
    for world in worlds().await {
        let ids = world.uploads(4).await;
        let (chat, fence) = world.running().await;
        let fence = world.commit(fence, &ids[..2]).await.expect("committed");
        assert_eq!(world.kept(&chat).await, ids[..2], "{}: committed", world.engine);
        let results = world.store.list_messages(chat.id, None, true, 2).await.expect("listed");
        let named = |id: &FileId| (id.to_string(), String::new(), String::new());
        assert_eq!(files_of(&results[0].body.content), [named(&ids[1])], "{}: the part stays as it is", world.engine);

        let error = GenerationError { kind: ErrorKind::Generic.into(), ..GenerationError::default() };
        world.store.finish_error(fence, step(&ids[2..3]), error, world.now).await.expect("failed");
        assert_eq!(world.kept(&chat).await, ids[..3], "{}: failed", world.engine);

        let (stopped, fence) = world.running().await;
        world.store.interrupt(stopped.id, world.now).await.expect("stopped");
        world.store.finish_interruption(fence, step(&ids[3..]), world.now).await.expect("interrupted");
        assert_eq!(world.kept(&stopped).await, ids[3..], "{}: interrupted", world.engine);

        let (asks, fence) = world.running().await;
        let file = world.upload("asked").await;
        let deadline = world.now + Duration::from_secs(60);
        world.store.enter_requires_action(fence, step(&[file]), deadline, world.now).await.expect("it waits");
        assert_eq!(world.kept(&asks).await, [file], "{}: waits for the client", world.engine);
    }
}

/// A worker that lost its lease gives the chat nothing: what it kept stays nobody's.
#[tokio::test]
async fn a_step_that_is_not_committed_gives_the_chat_no_file() {
    for world in worlds().await {
        let (chat, fence) = world.running().await;
        let file = world.upload("late").await;
        let stale = Fence { runner_id: RunnerId(SystemIds.next()), ..fence };
        let committed = world.commit(stale, &[file]).await;
        assert!(matches!(committed, Err(StoreError::LeaseLost)), "{}: {committed:?}", world.engine);
        assert_eq!((world.kept(&chat).await, world.file(file).await.chat_id), (vec![], None), "{}", world.engine);
        let fence = world.commit(fence, &[file]).await.expect("committed");
        let again = Fence { history_version: fence.history_version - 1, ..fence };
        assert!(matches!(world.commit(again, &[file]).await, Err(StoreError::LeaseLost)), "{}", world.engine);
        assert_eq!(world.kept(&chat).await, [file], "{}: once", world.engine);
    }
}

#[tokio::test]
async fn files_of_tools_make_room_like_all_others() {
    for world in worlds().await {
        let (chat, fence) = world.running().await;
        let ids = world.uploads(MAX_FILES + 2).await;
        let fence = world.commit(fence, &ids[..MAX_FILES]).await.expect("committed");
        assert_eq!(world.kept(&chat).await, ids[..MAX_FILES], "{}", world.engine);
        world.commit(fence, &ids[MAX_FILES..]).await.expect("committed");
        assert_eq!(world.kept(&chat).await, ids[2..], "{}: the oldest went", world.engine);

        // What a user said and the model has not seen stays.
        let (busy, fence) = world.running().await;
        let waiting = world.upload("waiting").await;
        world.send(busy.id, naming(&[waiting])).await.expect("sent").queued.expect("it waits");
        let more = world.uploads(MAX_FILES).await;
        world.commit(fence, &more).await.expect("committed");
        let kept = world.kept(&busy).await;
        assert!(kept.contains(&waiting) && kept.len() == MAX_FILES + 1, "{}: {kept:?}", world.engine);
    }
}

/// What the model said and did was paid for: it is kept whatever became of a file in the meantime.
#[tokio::test]
async fn a_file_that_is_gone_does_not_keep_a_step_from_being_committed() {
    for world in worlds().await {
        let other = world.idle("other").await;
        let (taken, good, unknown) =
            (world.upload("taken").await, world.upload("good").await, FileId(SystemIds.next()));
        world.send(other.id, naming(&[taken])).await.expect("sent");
        let foreign = NewFile { owner_id: UserId(SystemIds.next()), ..world.new_file("foreign", None) };
        let foreign = world.store.insert(foreign).await.expect("kept").id;
        let (chat, fence) = world.running().await;
        world.commit(fence, &[unknown, taken, foreign, good]).await.expect("committed");
        assert_eq!(world.kept(&chat).await, [good], "{}", world.engine);
        assert_eq!(world.file(taken).await.chat_id, Some(other.id), "{}", world.engine);
        assert_eq!(world.file(foreign).await.chat_id, None, "{}", world.engine);
        let history = world.store.list_messages(chat.id, None, false, 10).await.expect("listed");
        assert_eq!(history.len(), 6, "{}", world.engine);
    }
}
