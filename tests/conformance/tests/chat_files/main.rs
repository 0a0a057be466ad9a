//! What the store promises of files, on every engine.

#[path = "../support/chats.rs"]
mod chats;
mod tools;

use std::time::Duration;

use chatmesh_chat::{
    Chat, ChatId, ChatStore as _, Edit, FileId, FileStore as _, MAX_FILES, NewFile, NewMessage, Outgoing, Sent, Since,
    StoreError, StoredFile,
};
use chatmesh_core::{IdSource as _, SystemIds, Uuid};
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part};
use chatmesh_rpc::UserId;
use chats::{World, text, worlds};
use futures::future::join_all;

impl World {
    fn new_file(&self, name: &str, request_id: Option<Uuid>) -> NewFile {
        NewFile {
            id: FileId(SystemIds.next()),
            owner_id: self.owner,
            name: name.to_owned(),
            media_type: "text/plain",
            data: format!("content of {name}\0").into_bytes(),
            request_id,
            created_at: self.now,
        }
    }

    async fn upload(&self, name: &str) -> FileId {
        self.store.insert(self.new_file(name, None)).await.expect("kept").id
    }

    async fn uploads(&self, count: usize) -> Vec<FileId> {
        let mut ids = Vec::new();
        for number in 0..count {
            ids.push(self.upload(&number.to_string()).await);
        }
        ids
    }

    async fn file(&self, id: FileId) -> StoredFile {
        self.store.find(id).await.expect("asked").expect("there")
    }

    /// The files of a chat whose content is there.
    async fn kept(&self, chat: &Chat) -> Vec<FileId> {
        let files = self.store.of_chat(chat.id).await.expect("listed");
        files.into_iter().filter(|file| !file.evicted).map(|file| file.id).collect()
    }

    async fn send(&self, chat: ChatId, content: Vec<Part>) -> Result<Sent, StoreError> {
        let message = NewMessage::from_user(self.owner, content, None);
        let outgoing = Outgoing { message, model: String::new(), interrupt: false, traceparent: None };
        self.store.send(chat, outgoing, self.now).await
    }

    /// Says something and lets the turn be over: the message is history.
    async fn said(&self, chat: ChatId, content: Vec<Part>) {
        let sent = self.send(chat, content).await.expect("sent");
        assert_eq!(sent.queued, None, "{}", self.engine);
        self.rest(chat).await;
    }

    async fn edit(&self, chat: &Chat, message_id: u32, content: Vec<Part>) -> Result<Vec<u32>, StoreError> {
        let message = NewMessage::from_user(self.owner, content, None);
        let edit = Edit { message_id, message, model: String::new(), traceparent: None };
        self.store.edit(chat.id, edit, self.now).await.map(|edited| edited.deleted)
    }
}

fn naming(ids: &[FileId]) -> Vec<Part> {
    let part = |id: &FileId| File { file_id: id.to_string(), ..File::default() };
    ids.iter().map(|id| Part { body: Some(Body::File(part(id))), ..Part::default() }).collect()
}

fn files_of(content: &[Part]) -> Vec<(String, String, String)> {
    let files = content.iter().filter_map(|part| match &part.body {
        Some(Body::File(file)) => Some((file.file_id.clone(), file.name.clone(), file.media_type.clone())),
        _ => None,
    });
    files.collect()
}

#[tokio::test]
async fn a_file_comes_back_as_it_was_and_the_same_request_again_has_the_first_one() {
    for world in worlds().await {
        let new = world.new_file("é.txt", Some(SystemIds.next()));
        let stored = world.store.insert(new.clone()).await.expect("kept");
        assert_eq!((stored.size_bytes as usize, stored.chat_id, stored.evicted), (new.data.len(), None, false));
        assert_eq!(world.file(new.id).await, stored, "{}", world.engine);
        assert_eq!(world.store.read(new.id).await.expect("read"), Some(new.data.clone()), "{}", world.engine);

        let again: Vec<NewFile> =
            (0..8).map(|number| world.new_file(&format!("again {number}"), new.request_id)).collect();
        for repeated in join_all(again.into_iter().map(|file| world.store.insert(file))).await {
            assert_eq!(repeated.expect("asked"), stored, "{}", world.engine);
        }
        let other = NewFile { owner_id: UserId(SystemIds.next()), ..world.new_file("theirs", new.request_id) };
        assert_ne!(world.store.insert(other).await.expect("kept").id, stored.id, "{}", world.engine);
        let nothing = FileId(SystemIds.next());
        assert_eq!(world.store.find(nothing).await.expect("asked"), None, "{}", world.engine);
        assert_eq!(world.store.read(nothing).await.expect("asked"), None, "{}", world.engine);
    }
}

#[tokio::test]
async fn every_way_to_say_something_gives_the_files_to_the_chat_and_writes_what_they_are() {
    for world in worlds().await {
        let ids = world.uploads(4).await;
        let described = |number: usize| vec![(ids[number].to_string(), number.to_string(), "text/plain".to_owned())];

        let chat = world.insert(world.new_chat("files", naming(&ids[..1]))).await;
        let first = world.store.list_messages(chat.id, None, false, 1).await.expect("listed").remove(0);
        assert_eq!(files_of(&first.body.content), described(0), "{}: created", world.engine);
        let queued = world.send(chat.id, naming(&ids[1..2])).await.expect("queued").queued.expect("it waits");
        assert_eq!(files_of(&queued.content), described(1), "{}: queued", world.engine);
        let snapshot = world.store.snapshot(chat.id, Since::Message(0)).await.expect("read").expect("there");
        assert_eq!(files_of(&snapshot.queue.expect("asked for")[0].content), described(1), "{}", world.engine);
        world.edit(&chat, 1, naming(&ids[2..3])).await.expect("edited");
        let edited = world.store.list_messages(chat.id, None, true, 1).await.expect("listed").remove(0);
        assert_eq!(files_of(&edited.body.content), described(2), "{}: edited", world.engine);

        let idle = world.idle("idle").await;
        let sent = world.send(idle.id, naming(&ids[3..])).await.expect("sent").messages.remove(0);
        assert_eq!(files_of(&sent.body.content), described(3), "{}: sent", world.engine);
        for (id, owner) in ids.iter().zip([chat.id, chat.id, chat.id, idle.id]) {
            assert_eq!(world.file(*id).await.chat_id, Some(owner), "{}", world.engine);
        }
        assert_eq!(world.kept(&chat).await, ids[..3], "{}", world.engine);
    }
}

#[tokio::test]
async fn a_file_that_may_not_be_used_keeps_the_message_from_being_said() {
    for world in worlds().await {
        let (chat, other) = (world.idle("chat").await, world.idle("other").await);
        let taken = world.upload("taken").await;
        world.send(other.id, naming(&[taken])).await.expect("sent");
        let mine = world.upload("mine").await;
        let foreign = NewFile { owner_id: UserId(SystemIds.next()), ..world.new_file("foreign", None) };
        let foreign = world.store.insert(foreign).await.expect("kept").id;
        let unknown = FileId(SystemIds.next());

        for (id, expected) in [
            (unknown, StoreError::FileNotFound(unknown)),
            (foreign, StoreError::FileNotFound(foreign)),
            (taken, StoreError::FileOfOtherChat(taken)),
        ] {
            let said = |error: StoreError| error.to_string();
            let expected = expected.to_string();
            let sent = world.send(chat.id, naming(&[mine, id])).await.map(|_| ()).map_err(said);
            assert_eq!(sent, Err(expected.clone()), "{}", world.engine);
            let edited = world.edit(&chat, 1, naming(&[mine, id])).await.map(|_| ()).map_err(said);
            assert_eq!(edited, Err(expected.clone()), "{}", world.engine);
            let created = world.store.create(world.new_chat("new", naming(&[mine, id]))).await;
            assert_eq!(created.map(|_| ()).map_err(said), Err(expected), "{}", world.engine);
        }
        assert_eq!(world.get(chat.id).await, chat, "{}: nothing changed", world.engine);
        assert_eq!(world.file(mine).await.chat_id, None, "{}: and the file is still free", world.engine);
    }
}

#[tokio::test]
async fn old_files_make_room_for_new_ones_and_never_for_those_of_their_own_message() {
    for world in worlds().await {
        let chat = world.idle("chat").await;
        let ids = world.uploads(MAX_FILES * 2).await;
        world.said(chat.id, naming(&ids[..2])).await;
        world.said(chat.id, naming(&ids[2..MAX_FILES])).await;
        assert_eq!(world.kept(&chat).await, ids[..MAX_FILES], "{}: as many as there is room for", world.engine);

        // The first one is said again: it is new again, and the second one is the oldest.
        world.said(chat.id, naming(&[ids[0], ids[MAX_FILES]])).await;
        let mut expected = ids[2..MAX_FILES].to_vec();
        expected.extend([ids[0], ids[MAX_FILES]]);
        assert_eq!(world.kept(&chat).await, expected, "{}", world.engine);
        let gone = world.file(ids[1]).await;
        assert_eq!((gone.evicted, gone.chat_id, gone.name.as_str()), (true, Some(chat.id), "1"), "{}", world.engine);
        assert_eq!(world.store.read(ids[1]).await.expect("read"), None, "{}", world.engine);

        world.said(chat.id, naming(&ids[MAX_FILES..])).await;
        assert_eq!(world.kept(&chat).await, ids[MAX_FILES..], "{}: a message with all that may be", world.engine);
        let again = world.send(chat.id, naming(&ids[1..2])).await;
        assert!(matches!(again, Err(StoreError::FileGone(id)) if id == ids[1]), "{}: {again:?}", world.engine);
    }
}

#[tokio::test]
async fn files_of_a_message_that_waits_stay_until_the_model_may_see_them() {
    for world in worlds().await {
        let ids = world.uploads(MAX_FILES * 2 + 1).await;
        let chat = world.insert(world.new_chat("chat", naming(&ids[..1]))).await;
        for waiting in [&ids[1..MAX_FILES], &ids[MAX_FILES..MAX_FILES * 2]] {
            let sent = world.send(chat.id, naming(waiting)).await.expect("sent");
            assert!(sent.queued.is_some(), "{}", world.engine);
        }
        assert_eq!(world.kept(&chat).await, ids[1..MAX_FILES * 2], "{}: only what was said makes room", world.engine);

        world.store.delete_queued(chat.id, 1, world.now).await.expect("deleted");
        assert_eq!(world.kept(&chat).await, ids[1..MAX_FILES * 2], "{}: not by itself", world.engine);
        world.send(chat.id, naming(&ids[MAX_FILES * 2..])).await.expect("queued");
        assert_eq!(world.kept(&chat).await, ids[MAX_FILES..], "{}: nobody waits for the first any more", world.engine);
    }
}

#[tokio::test]
async fn a_message_whose_file_is_gone_cannot_be_edited() {
    for world in worlds().await {
        let ids = world.uploads(MAX_FILES + 1).await;
        let chat = world.insert(world.new_chat("chat", naming(&ids[..1]))).await;
        assert_eq!(world.edit(&chat, 1, naming(&ids[..1])).await.expect("edited"), [1], "{}", world.engine);
        world.send(chat.id, naming(&ids[1..])).await.expect("queued");
        let edited = world.edit(&chat, 2, text("without it")).await;
        assert!(matches!(edited, Err(StoreError::EditsGoneFile(id)) if id == ids[0]), "{}: {edited:?}", world.engine);
        let history = world.store.list_messages(chat.id, None, false, 10).await.expect("listed");
        assert_eq!(history.iter().map(|message| message.id).collect::<Vec<_>>(), [2], "{}", world.engine);
    }
}

#[tokio::test]
async fn files_that_nobody_uses_are_deleted_after_their_time_and_in_pieces() {
    for mut world in worlds().await {
        let old = world.uploads(5).await;
        let chat = world.insert(world.new_chat("chat", naming(&old[..1]))).await;
        world.tick();
        let young = world.upload("young").await;
        let before = world.now - Duration::from_millis(500);
        assert_eq!(world.store.delete_unused(before, 3).await.expect("deleted"), 3, "{}", world.engine);
        assert_eq!(world.store.delete_unused(before, 3).await.expect("deleted"), 1, "{}", world.engine);
        assert_eq!(world.store.delete_unused(before, 3).await.expect("deleted"), 0, "{}", world.engine);
        assert_eq!(world.kept(&chat).await, old[..1], "{}: used", world.engine);
        assert_eq!(world.file(young).await.id, young, "{}: too young", world.engine);
    }
}

#[tokio::test]
async fn a_file_that_is_used_while_the_unused_are_deleted_is_there_or_the_message_is_not() {
    for world in worlds().await {
        let chat = world.idle("chat").await;
        for _ in 0..20 {
            let file = world.upload("contested").await;
            let after = world.now + Duration::from_secs(1);
            let (content, delete) = (naming(&[file]), world.store.delete_unused(after, 10));
            let (sent, deleted) = tokio::join!(world.send(chat.id, content), delete);
            deleted.expect("deleted");
            let there = world.store.find(file).await.expect("asked").is_some();
            match sent {
                Ok(_) => assert!(there, "{}: said, and the file is gone", world.engine),
                Err(StoreError::FileNotFound(_)) => assert!(!there, "{}", world.engine),
                Err(error) => panic!("{}: {error:?}", world.engine),
            }
        }
    }
}

#[tokio::test]
async fn a_file_that_two_chats_want_belongs_to_one_of_them() {
    for world in worlds().await {
        let (one, two) = (world.idle("one").await, world.idle("two").await);
        let ids = world.uploads(6).await;
        let backwards: Vec<FileId> = ids.iter().rev().copied().collect();
        let (first, second) = tokio::join!(world.send(one.id, naming(&ids)), world.send(two.id, naming(&backwards)));
        let (won, lost) = match (&first, &second) {
            (Ok(_), Err(StoreError::FileOfOtherChat(_))) => (&one, &two),
            (Err(StoreError::FileOfOtherChat(_)), Ok(_)) => (&two, &one),
            other => panic!("{}: {other:?}", world.engine),
        };
        assert_eq!(world.kept(won).await.len(), 6, "{}", world.engine);
        assert_eq!(world.get(lost.id).await, *lost, "{}: nothing changed", world.engine);
    }
}

#[tokio::test]
async fn a_message_of_many_files_and_the_deletion_of_unused_ones_do_not_block_each_other() {
    for world in worlds().await {
        let chat = world.idle("chat").await;
        for _ in 0..20 {
            // The oldest has the last identifier: who goes by age meets who goes by identifier.
            let mut files: Vec<NewFile> = (0..8).map(|_| world.new_file("contested", None)).collect();
            for (age, file) in (0..).zip(&mut files) {
                file.created_at = world.now - Duration::from_secs(age);
            }
            let ids: Vec<FileId> = files.iter().map(|file| file.id).collect();
            for file in files {
                world.store.insert(file).await.expect("kept");
            }
            let after = world.now + Duration::from_secs(1);
            let delete = world.store.delete_unused(after, 100);
            let (sent, deleted) = tokio::join!(world.send(chat.id, naming(&ids)), delete);
            deleted.expect("deleted");
            match sent {
                Ok(_) => {
                    for id in ids {
                        assert_eq!(world.file(id).await.chat_id, Some(chat.id), "{}", world.engine);
                    }
                }
                Err(StoreError::FileNotFound(_)) => {}
                Err(error) => panic!("{}: {error:?}", world.engine),
            }
        }
    }
}

#[tokio::test]
async fn a_chat_that_makes_room_and_one_that_names_its_files_do_not_block_each_other() {
    for world in worlds().await {
        let (full, other) = (world.idle("full").await, world.idle("other").await);
        let ids = world.uploads(MAX_FILES + 20 * 4).await;
        world.said(full.id, naming(&ids[..MAX_FILES])).await;
        for (old, new) in ids.chunks(4).zip(ids[MAX_FILES..].chunks(4)) {
            let both = [old, new].concat();
            let (said, refused) = tokio::join!(world.send(full.id, naming(new)), world.send(other.id, naming(&both)));
            said.unwrap_or_else(|error| panic!("{}: {error:?}", world.engine));
            assert!(
                matches!(refused, Err(StoreError::FileOfOtherChat(id)) if id == old[0]),
                "{}: {refused:?}",
                world.engine
            );
            world.rest(full.id).await;
        }
        assert_eq!(world.kept(&full).await, ids[ids.len() - MAX_FILES..], "{}", world.engine);
    }
}
