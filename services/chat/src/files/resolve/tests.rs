use async_trait::async_trait;
use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds, Timestamp};
use chatmesh_rpc::UserId;

use super::*;
use crate::domain::NewMessage;
use crate::files::NewFile;

/// Files in memory. What is not in `data` is evicted.
#[derive(Debug, Default)]
struct Shelf {
    files: Vec<(StoredFile, Vec<u8>)>,
}

#[async_trait]
impl FileStore for Shelf {
    async fn insert(&self, file: NewFile) -> Result<StoredFile, StoreError> {
        Err(StoreError::FileNotFound(file.id))
    }

    async fn find(&self, id: FileId) -> Result<Option<StoredFile>, StoreError> {
        Ok(self.files.iter().map(|(file, _)| file).find(|file| file.id == id).cloned())
    }

    async fn read(&self, id: FileId) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.files.iter().find(|(file, _)| file.id == id && !file.evicted).map(|(_, data)| data.clone()))
    }

    async fn of_chat(&self, chat: ChatId) -> Result<Vec<StoredFile>, StoreError> {
        let files = self.files.iter().map(|(file, _)| file).filter(|file| file.chat_id == Some(chat));
        Ok(files.cloned().collect())
    }

    async fn delete_unused(&self, _: Timestamp, _: u32) -> Result<u64, StoreError> {
        Ok(0)
    }
}

impl Shelf {
    fn put(&mut self, chat: ChatId, name: &str, media_type: &str, data: Vec<u8>) -> Part {
        let file = StoredFile {
            id: FileId(SystemIds.next()),
            owner_id: UserId(SystemIds.next()),
            chat_id: Some(chat),
            name: name.to_owned(),
            media_type: media_type.to_owned(),
            size_bytes: u32::try_from(data.len()).expect("a small file"),
            evicted: false,
            created_at: SystemClock.now(),
        };
        let part = part_of(&file);
        self.files.push((file, data));
        part
    }

    fn evict(&mut self, name: &str) {
        let (file, _) = self.files.iter_mut().find(|(file, _)| file.name == name).expect("a file");
        file.evicted = true;
    }
}

fn part_of(file: &StoredFile) -> Part {
    let body = File {
        media_type: file.media_type.clone(),
        name: file.name.clone(),
        file_id: file.id.to_string(),
        ..File::default()
    };
    Part { body: Some(Body::File(body)), ..Part::default() }
}

fn message(chat: ChatId, id: u32, role: Role, content: Vec<Part>) -> Message {
    let body = NewMessage::new(role, content);
    Message { id, chat_id: chat, body, revision: id, deleted: false, created_at: SystemClock.now() }
}

async fn resolved(shelf: &Shelf, chat: ChatId, mut history: Vec<Message>) -> Vec<Body> {
    resolve(shelf, chat, &mut history).await.expect("resolved");
    history.into_iter().flat_map(|message| message.body.content).filter_map(|part| part.body).collect()
}

fn text(body: &Body) -> &str {
    match body {
        Body::Text(text) => text,
        other => panic!("no text: {other:?}"),
    }
}

#[tokio::test]
async fn texts_are_inlined_and_images_are_data() {
    let (chat, mut shelf) = (ChatId(SystemIds.next()), Shelf::default());
    let notes = shelf.put(chat, "notes.md", "text/markdown", b"# Notes".to_vec());
    let image = shelf.put(chat, "a.png", "image/png", vec![1, 2, 3]);
    let said = Part { body: Some(Body::Text("look".to_owned())), ..Part::default() };
    let bodies = resolved(&shelf, chat, vec![message(chat, 1, Role::User, vec![said, notes, image])]).await;
    let [Body::Text(said), Body::Text(notes), Body::File(image)] = &bodies[..] else { panic!("{bodies:?}") };
    assert_eq!((said.as_str(), notes.as_str()), ("look", "Attached file `notes.md`:\n\n# Notes"));
    assert_eq!(
        (image.media_type.as_str(), image.name.as_str(), &image.data[..]),
        ("image/png", "a.png", &[1, 2, 3][..])
    );
}

#[tokio::test]
async fn what_is_not_there_is_a_note_and_never_an_error() {
    let (chat, mut shelf) = (ChatId(SystemIds.next()), Shelf::default());
    let evicted = shelf.put(chat, "old.png", "image/png", vec![1]);
    shelf.evict("old.png");
    let foreign = shelf.put(ChatId(SystemIds.next()), "theirs.txt", "text/plain", b"secret".to_vec());
    let unknown = part_of(&StoredFile { id: FileId(SystemIds.next()), ..shelf.files[0].0.clone() });
    let bodies = resolved(&shelf, chat, vec![message(chat, 1, Role::User, vec![evicted, foreign, unknown])]).await;
    assert_eq!(
        text(&bodies[0]),
        "[The attachment `old.png` (image/png) was left out: it made room for newer files of this conversation.]"
    );
    assert_eq!(text(&bodies[1]), "[The attachment `theirs.txt` (text/plain) was left out: it is no longer there.]");
    assert!(text(&bodies[2]).contains("it is no longer there"), "{bodies:?}");
}

#[tokio::test]
async fn the_newest_texts_fill_the_budget_and_older_ones_are_cut_or_left_out() {
    let (chat, mut shelf) = (ChatId(SystemIds.next()), Shelf::default());
    let mut files = Vec::new();
    for name in ["first.txt", "second.txt", "third.txt"] {
        let data = "ä".repeat(MAX_TEXT_BYTES * 3 / 8).into_bytes();
        files.push(shelf.put(chat, name, "text/plain", data));
    }
    let history = (1..).zip(files).map(|(id, part)| message(chat, id, Role::User, vec![part])).collect();
    let bodies = resolved(&shelf, chat, history).await;
    let newest = text(&bodies[2]);
    assert!(newest.starts_with("Attached file `third.txt`") && newest.ends_with('ä'), "the newest is whole");
    let older = text(&bodies[1]);
    assert!(older.ends_with("[The first 32768 of 98304 bytes are shown.]"), "{}", &older[older.len() - 60..]);
    assert!(text(&bodies[0]).contains("have too much text"), "{}", text(&bodies[0]));
}

#[tokio::test]
async fn the_newest_images_are_sent_and_older_ones_are_named() {
    let (chat, mut shelf) = (ChatId(SystemIds.next()), Shelf::default());
    let mut files = Vec::new();
    for name in ["first.png", "second.png", "third.png"] {
        files.push(shelf.put(chat, name, "image/png", vec![0; MAX_MEDIA_BYTES / 2]));
    }
    let history = (1..).zip(files).map(|(id, part)| message(chat, id, Role::User, vec![part])).collect();
    let bodies = resolved(&shelf, chat, history).await;
    assert!(text(&bodies[0]).contains("`first.png` (image/png) was left out: newer files"), "{}", text(&bodies[0]));
    assert!(matches!((&bodies[1], &bodies[2]), (Body::File(_), Body::File(_))));
}

#[tokio::test]
async fn only_messages_of_users_are_resolved() {
    let (chat, mut shelf) = (ChatId(SystemIds.next()), Shelf::default());
    let file = shelf.put(chat, "a.txt", "text/plain", b"a".to_vec());
    let bodies = resolved(&shelf, chat, vec![message(chat, 1, Role::Assistant, vec![file.clone()])]).await;
    assert_eq!(Some(&bodies[0]), file.body.as_ref());
}
