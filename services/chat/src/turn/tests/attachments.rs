//! Files that tools give to the chat.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_proto::chat::v1::MessagePart;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Role};
use chatmesh_proto::tools::v1::WorkspaceToolsState;
use serde_json::{Value, json};

use super::model::{Reply, told};
use super::world::World;
use crate::domain::ChatId;
use crate::files::{MAX_FILE_BYTES, StoredFile};
use crate::machine::Status;
use crate::parts::Cursor;
use crate::testing::eventually;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const ATTACH: (&str, &str) = ("attach_file", r#"{"path":"/w/plot.png"}"#);
const WAIT: (&str, &str) = ("wait", "{}");

impl World {
    /// What is shown of the call of the model that is under way.
    async fn live(&self, chat: ChatId) -> Vec<Arc<MessagePart>> {
        let versions = self.get(chat).await.versions;
        let episode = self.state.episodes.find(chat, versions.history, versions.generation_attempt);
        episode.map_or_else(Vec::new, |episode| Cursor::new(episode, 0).take(100))
    }

    /// Waits until a file is shown, and returns it with its place.
    async fn live_file(&self, chat: ChatId) -> (u32, File) {
        let file = |part: &Arc<MessagePart>| match part.part.as_ref().and_then(|part| part.body.clone()) {
            Some(Body::File(file)) if part.role() == Role::Tool => Some((part.index, file)),
            _ => None,
        };
        let files = async || self.live(chat).await.iter().find_map(file);
        eventually("the file is shown", files, Option::is_some).await.expect("a file")
    }

    async fn files(&self, chat: ChatId) -> Vec<StoredFile> {
        self.state.files.of_chat(chat).await.expect("listed")
    }

    /// How many files there are that belong to no chat; they are deleted, as they are after a day.
    async fn purge(&self) -> u64 {
        let later = self.state.clock.now() + Duration::from_secs(1);
        self.state.files.delete_unused(later, 100).await.expect("deleted")
    }

    /// The result of the first call and the files that stand beside it.
    async fn attached(&self, chat: ChatId) -> (Value, Vec<File>) {
        let messages = self.messages(chat).await;
        let message = messages.iter().find(|message| message.body.role == Role::Tool).expect("a result");
        let (mut result, mut files) = (Value::Null, Vec::new());
        for part in &message.body.content {
            match &part.body {
                Some(Body::ToolResult(of_call)) => result = serde_json::from_str(&of_call.result).expect("JSON"),
                Some(Body::File(file)) => files.push(file.clone()),
                other => panic!("{other:?}"),
            }
        }
        (result, files)
    }
}

/// People get the file, live and for good; the model gets its name and number, and not the file.
#[tokio::test(start_paused = true)]
async fn a_file_of_a_tool_is_the_chats_and_stands_beside_the_result() {
    let world = World::new().await;
    world.hands.has_file("/w/plot.png", &[PNG]);
    world.model.then(Reply::calls("c", &[ATTACH, WAIT]));
    let chat = world.chat("go").await;
    let (place, live) = world.live_file(chat).await;
    assert_eq!(place, 2, "behind the results of both calls");
    let stored = world.state.files.find(live.file_id.parse().expect("an id")).await.expect("read").expect("a file");
    assert_eq!((stored.owner_id, stored.chat_id), (world.get(chat).await.owner_id, None), "nothing is committed yet");
    world.hands.release("c-1");
    assert_eq!(world.ended(chat).await.status, Status::Waiting);

    let (result, files) = world.attached(chat).await;
    let id = stored.id.to_string();
    let expected = json!({"ok": true, "file_id": id, "name": "plot.png", "media_type": "image/png", "size": PNG.len()});
    assert_eq!(result, expected);
    let part = File { file_id: id, name: "plot.png".to_owned(), media_type: "image/png".to_owned(), ..File::default() };
    assert_eq!((files, live), (vec![part.clone()], part));
    assert_eq!(world.files(chat).await, [StoredFile { chat_id: Some(chat), ..stored.clone() }]);
    assert_eq!(world.state.files.read(stored.id).await.expect("read").as_deref(), Some(PNG));
    assert_eq!(world.purge().await, 0);

    let results = ["tool: [result c-0]", "tool: [result c-1]"];
    assert_eq!(told(&world.model.asked()[1])[3..], results, "in the turn that goes on");
    world.say(chat, "and now?").await;
    world.ended(chat).await;
    assert_eq!(told(&world.model.asked()[2])[3..5], results, "and in the next one, which reads the history");
}

/// A call that is made again because its worker died stores nothing new, whatever is in the file by then.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_made_again_keeps_its_file_once() {
    let world = World::new().await;
    world.hands.has_file("/w/plot.png", &[PNG, b"changed since"]);
    world.model.then(Reply::calls("c", &[ATTACH, WAIT]));
    let chat = world.chat("go").await;
    let (_, first) = world.live_file(chat).await;
    let lease = world.get(chat).await.lease.expect("a lease");
    world.kill().await;
    assert!(world.files(chat).await.is_empty(), "what is not committed is not counted");
    let given_back = world.given_back(chat, lease.runner_id).await;
    let other = world.another_process().await;
    other.hints.changed(&given_back).await;
    eventually("they run again", async || world.hands.called().len(), |calls| *calls == 4).await;
    world.hands.release("c-1");
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let (result, files) = world.attached(chat).await;
    assert_eq!(files, [first]);
    assert_eq!(result["size"], PNG.len(), "the result is of the file that was kept");
    assert_eq!((world.files(chat).await.len(), world.purge().await), (1, 0));
    other.tasks.shutdown().force();
}

/// A worker that does not come back leaves a file that is nobody's: it is purged, and the step does without it.
#[tokio::test(start_paused = true)]
async fn a_file_whose_step_was_not_committed_is_deleted_and_kept_anew() {
    let world = World::new().await;
    world.hands.has_file("/w/plot.png", &[PNG]);
    world.model.then(Reply::calls("c", &[ATTACH, WAIT]));
    let chat = world.chat("go").await;
    let (_, first) = world.live_file(chat).await;
    let lease = world.get(chat).await.lease.expect("a lease");
    world.kill().await;
    let given_back = world.given_back(chat, lease.runner_id).await;
    assert_eq!(world.purge().await, 1);
    let other = world.another_process().await;
    other.hints.changed(&given_back).await;
    eventually("they run again", async || world.hands.called().len(), |calls| *calls == 4).await;
    world.hands.release("c-1");
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let (_, files) = world.attached(chat).await;
    assert_ne!(files[0].file_id, first.file_id);
    assert_eq!(world.files(chat).await.len(), 1);
    other.tasks.shutdown().force();
}

/// F3: what a tool gave before a stop stays, with its result.
#[tokio::test(start_paused = true)]
async fn a_stop_keeps_the_files_that_are_there() {
    let world = World::new().await;
    world.hands.has_file("/w/plot.png", &[PNG]);
    world.model.then(Reply::calls("c", &[ATTACH, WAIT]));
    let chat = world.chat("go").await;
    let (_, shown) = world.live_file(chat).await;
    world.interrupt(chat).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    assert_eq!(world.attached(chat).await.1, [shown]);
    assert_eq!((world.files(chat).await.len(), world.purge().await), (1, 0));
}

/// What no user could upload no tool can attach: the model is told why, and nothing is kept.
#[tokio::test(start_paused = true)]
async fn a_file_that_an_upload_would_refuse_is_refused() {
    let long = vec![b'x'; MAX_FILE_BYTES + 1];
    let table: [(&str, &[u8], &str); 5] = [
        ("/w/all.zip", b"PK\x03\x04\x14\0\0\0\x08\0", "`all.zip` is of a type that is not taken (application/zip)"),
        ("/w/page.txt", b"<!doctype html><p>hi", "`page.txt` is an HTML or SVG document"),
        ("/w/none.txt", b"", "`none.txt` must not be empty"),
        ("/w/long.txt", &long, "`long.txt` is too large: 10485761 bytes, 10485760 at most"),
        ("/w/a\nb.txt", b"text", "`name` must be one line of at most 255 bytes"),
    ];
    let world = World::new().await;
    let args: Vec<String> = table.iter().map(|(path, ..)| json!({ "path": path }).to_string()).collect();
    for (path, data, _) in table {
        world.hands.has_file(path, &[data]);
    }
    let calls: Vec<(&str, &str)> = args.iter().map(|args| ("attach_file", args.as_str())).collect();
    world.model.then(Reply::calls("c", &calls));
    let chat = world.chat("go").await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let messages = world.messages(chat).await;
    let replies = messages.iter().filter(|message| message.body.role == Role::Tool);
    for (message, (path, _, expected)) in replies.zip(table) {
        let [part] = &message.body.content[..] else { panic!("{path}: {message:?}") };
        let Some(Body::ToolResult(result)) = &part.body else { panic!("{path}: {part:?}") };
        let said: Value = serde_json::from_str(&result.result).expect("JSON");
        assert!(result.is_error && said["error"].as_str().is_some_and(|error| error.contains(expected)), "{said}");
    }
    assert_eq!((world.files(chat).await.len(), world.purge().await), (0, 0));
    let errors = "chatmesh_chat_tool_errors_total{provider=\"House\",model=\"house\",tool_name=\"attach_file\"} 5";
    assert!(world.metrics().contains(errors), "{}", world.metrics());
}

/// A step with many files: all are the chat's, and no more are in memory at a time than a few.
#[tokio::test(start_paused = true)]
async fn many_files_of_a_step_are_each_beside_their_result() {
    let world = World::new().await;
    let paths: Vec<String> = (0..7).map(|number| format!("/w/{number}.txt")).collect();
    for path in &paths {
        world.hands.has_file(path, &[path.as_bytes()]);
    }
    let args: Vec<String> = paths.iter().map(|path| json!({ "path": path }).to_string()).collect();
    let calls: Vec<(&str, &str)> = args.iter().map(|args| ("attach_file", args.as_str())).collect();
    world.model.then(Reply::calls("c", &calls));
    let chat = world.chat("go").await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let messages = world.messages(chat).await;
    let mut named = Vec::new();
    for message in messages.iter().filter(|message| message.body.role == Role::Tool) {
        let [_, part] = &message.body.content[..] else { panic!("{message:?}") };
        let Some(Body::File(file)) = &part.body else { panic!("{part:?}") };
        named.push(file.name.clone());
    }
    assert_eq!(named, (0..7).map(|number| format!("{number}.txt")).collect::<Vec<_>>());
    let kept: Vec<String> = world.files(chat).await.into_iter().map(|file| file.name).collect();
    assert_eq!(kept, named, "in the order of the calls");
}

/// A picture that a server's tool drew is shown, and one that cannot be shown does not undo what the tool did.
#[tokio::test(start_paused = true)]
async fn what_a_tool_of_a_server_gives_is_kept_where_it_can_be() {
    let world = World::new().await;
    world.hands.serves(WorkspaceToolsState::Found, &["srv__draw"]);
    let large = [PNG, &vec![0; MAX_FILE_BYTES - PNG.len()]].concat();
    for (path, data, name) in
        [("/w/plot.png", PNG, "plot.png"), ("/w/", PNG, "attachment.png"), ("/w/large.png", &large, "large.png")]
    {
        world.hands.has_file(path, &[data]);
        let args = json!({ "path": path }).to_string();
        world.model.then(Reply::calls("c", &[("srv__draw", &args)]));
        let chat = world.chat("go").await;
        assert_eq!(world.ended(chat).await.status, Status::Waiting);
        let (result, files) = world.attached(chat).await;
        let [file] = &files[..] else { panic!("{files:?}") };
        let about = json!({"file_id": file.file_id, "name": name, "media_type": "image/png", "size": data.len()});
        assert_eq!(result, json!({"success": true, "attachment": about}));
        assert_eq!(world.files(chat).await.len(), 1);
    }
    world.hands.has_file("/w/song", &[b"RIFF\x24\0\0\0WAVEfmt "]);
    world.model.then(Reply::calls("c", &[("srv__draw", r#"{"path":"/w/song"}"#)]));
    let chat = world.chat("go").await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let (result, files) = world.attached(chat).await;
    let error = result["attachment_error"].as_str().expect("an error");
    assert!(error.starts_with("`song` is of a type that is not taken (audio/x-wav)"), "{error}");
    assert!(error.ends_with(". It is left out, with its 16 bytes."), "{error}");
    assert_eq!((&result["success"], files), (&json!(true), vec![]));
}
