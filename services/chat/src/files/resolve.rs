//! What a model gets to read of the files that users sent.

use std::collections::HashMap;

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, Role};

use super::{FileId, StoredFile};
use crate::domain::{ChatId, Message};
use crate::store::{FileStore, StoreError};

/// The most bytes of text files in a prompt.
const MAX_TEXT_BYTES: usize = 128 * 1024;
/// The most bytes of images and documents in a prompt: with the encoding on the wire they stay below what providers take.
const MAX_MEDIA_BYTES: usize = 14 * 1024 * 1024;

/// Puts the content of the user's files into a history that becomes a prompt: texts as text, images and documents as data,
/// and for what is not there, or too much, a note that says so. The newest messages come first where not all fits.
pub(crate) async fn resolve(files: &dyn FileStore, chat: ChatId, history: &mut [Message]) -> Result<(), StoreError> {
    let from_users = |message: &&mut Message| message.body.role == Role::User;
    if !history.iter_mut().filter(from_users).flat_map(|message| &message.body.content).any(names_file) {
        return Ok(());
    }
    let known = files.of_chat(chat).await?.into_iter().map(|file| (file.id, file)).collect();
    let mut resolver = Resolver { files, known, text_left: MAX_TEXT_BYTES, media_left: MAX_MEDIA_BYTES };
    for message in history.iter_mut().rev().filter(from_users) {
        for part in message.body.content.iter_mut().filter(|part| names_file(part)) {
            if let Some(Body::File(file)) = &part.body {
                part.body = Some(resolver.body(file).await?);
            }
        }
    }
    Ok(())
}

/// True for a part that names a kept file.
pub(crate) fn names_file(part: &Part) -> bool {
    matches!(&part.body, Some(Body::File(file)) if !file.file_id.is_empty())
}

struct Resolver<'a> {
    files: &'a dyn FileStore,
    known: HashMap<FileId, StoredFile>,
    text_left: usize,
    media_left: usize,
}

impl Resolver<'_> {
    async fn body(&mut self, file: &File) -> Result<Body, StoreError> {
        let stored = file.file_id.parse().ok().and_then(|id| self.known.get(&id));
        let Some(stored) = stored.cloned() else {
            return Ok(note(file, "it is no longer there"));
        };
        if stored.evicted {
            return Ok(note(file, "it made room for newer files of this conversation"));
        }
        if is_text(&stored.media_type) { self.text(file, &stored).await } else { self.media(file, &stored).await }
    }

    async fn text(&mut self, file: &File, stored: &StoredFile) -> Result<Body, StoreError> {
        if self.text_left == 0 {
            return Ok(note(file, "the files of this conversation have too much text"));
        }
        let Some(data) = self.files.read(stored.id).await? else {
            return Ok(note(file, "it is no longer there"));
        };
        let text = String::from_utf8_lossy(&data);
        let shown = &text[..text.floor_char_boundary(self.text_left)];
        // What comes before the newest files that fit is not begun.
        self.text_left = if shown.len() < text.len() { 0 } else { self.text_left - shown.len() };
        let mut inlined = format!("Attached file `{}`:\n\n{shown}", stored.name);
        if shown.len() < text.len() {
            inlined.push_str(&format!("\n[The first {} of {} bytes are shown.]", shown.len(), text.len()));
        }
        Ok(Body::Text(inlined))
    }

    async fn media(&mut self, file: &File, stored: &StoredFile) -> Result<Body, StoreError> {
        let size = stored.size_bytes as usize;
        if size > self.media_left {
            self.media_left = 0;
            return Ok(note(file, "newer files of this conversation are shown in its place"));
        }
        let Some(data) = self.files.read(stored.id).await? else {
            return Ok(note(file, "it is no longer there"));
        };
        self.media_left -= size;
        Ok(Body::File(File {
            media_type: stored.media_type.clone(),
            name: stored.name.clone(),
            data: data.into(),
            file_id: String::new(),
            ..File::default()
        }))
    }
}

fn is_text(media_type: &str) -> bool {
    media_type.starts_with("text/") || media_type == "application/json"
}

fn note(file: &File, why: &str) -> Body {
    Body::Text(format!("[The attachment `{}` ({}) was left out: {why}.]", file.name, file.media_type))
}

#[cfg(test)]
mod tests;
