//! Which directories were added to which chats.
//!
//! Only the names of the directories are kept: what is in them is read for every turn, as everything else is. They are
//! kept in a file, so that they outlive the agent. Chats are known by their asking for context, which they do at the
//! beginning of each turn; what is said of a chat that does not ask this agent has no effect on any chat.

#[cfg(test)]
mod tests;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tracing::warn;

use super::addition_error::Error;
use super::bounds::Bounds;
use super::settings::Settings;
use super::{instructions, skills};
use crate::chat::ChatId;

/// How many chats are known: those that asked last, and before them those that something was added to.
const MAX_CHATS: usize = 200;
/// How many directories a chat may have.
const MAX_DIRECTORIES: usize = 20;
/// For how long a chat that asked is taken to be at work here.
const AT_WORK_FOR: Duration = Duration::from_secs(24 * 3600);
/// The name of the file.
const FILE: &str = "context.json";

/// Which directories were added to which chats; clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Additions {
    /// Also for as long as the file is written, so that of two changes the later one is kept. Only threads that may
    /// block wait for it.
    known: Arc<Mutex<Vec<Known>>>,
    file: Arc<PathBuf>,
}

/// A chat that works in this workspace, or did.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Known {
    chat: ChatId,
    directories: Vec<PathBuf>,
    /// When it last asked, where that was in the life of this agent.
    #[serde(skip)]
    asked: Option<Instant>,
}

impl Additions {
    /// Reads what is kept in this directory. Where that is no more to be read, nothing was added. Blocks.
    pub(crate) fn open(state_dir: &Path) -> Self {
        let file = state_dir.join(FILE);
        let known = match std::fs::read(&file) {
            Ok(json) => serde_json::from_slice(&json).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        let known = known.unwrap_or_else(|error| {
            warn!(file = %file.display(), %error, "what was added to the context of chats cannot be read");
            Vec::new()
        });
        Self { known: Arc::new(Mutex::new(known)), file: Arc::new(file) }
    }

    /// A chat asks for its context: returns the directories that were added to it, and to those that it descends
    /// from. Blocks.
    pub(super) fn of(&self, chat: Option<&ChatId>, ancestors: &[ChatId]) -> Vec<PathBuf> {
        let Some(chat) = chat else { return Vec::new() };
        let mut known = self.known.lock();
        let mut own = match known.iter().position(|known| known.chat == *chat) {
            Some(at) => known.remove(at),
            None => Known { chat: chat.clone(), directories: Vec::new(), asked: None },
        };
        let is_new = own.asked.is_none();
        own.asked = Some(Instant::now());
        known.push(own);
        while known.len() > MAX_CHATS {
            forget_one(&mut known);
        }
        if is_new && let Err(error) = self.write(&known) {
            warn!(%error, "a chat is not remembered beyond the life of this agent");
        }
        let chats = ancestors.iter().chain([chat]);
        let added = chats.flat_map(|chat| known.iter().filter(move |known| known.chat == *chat));
        added.flat_map(|known| known.directories.iter().cloned()).collect()
    }

    /// Adds a directory to a chat. Blocks.
    pub(crate) fn add(
        &self,
        settings: &Settings,
        chat: &str,
        directory: &Path,
    ) -> Result<pb::AddContextResponse, Error> {
        let shown = || directory.display().to_string();
        if !directory.is_absolute() {
            return Err(Error::NotAbsolute(shown()));
        }
        let directory = directory.canonicalize().map_err(|source| Error::Directory { path: shown(), source })?;
        let found = found_in(settings, &directory);
        if found.instruction_files.is_empty() && found.skills.is_empty() {
            let (path, warnings) = (directory.display().to_string(), found.warnings.join("; "));
            return Err(Error::NothingThere { path, file: settings.instructions_file().to_owned(), warnings });
        }
        let mut known = self.known.lock();
        let at = which(&known, chat)?;
        let before = known[at].directories.clone();
        let directories = &mut known[at].directories;
        if !directories.contains(&directory) {
            if directories.len() >= MAX_DIRECTORIES {
                return Err(Error::TooMany { chat: known[at].chat.to_string(), max: MAX_DIRECTORIES });
            }
            directories.push(directory);
        }
        if let Err(source) = self.write(&known) {
            known[at].directories = before;
            return Err(Error::NotKept(source));
        }
        Ok(pb::AddContextResponse { chat_id: known[at].chat.to_string(), ..found })
    }

    /// Takes away all that was added to a chat. Blocks.
    pub(crate) fn clear(&self, chat: &str) -> Result<pb::ClearContextResponse, Error> {
        let mut known = self.known.lock();
        let at = which(&known, chat)?;
        let directories = std::mem::take(&mut known[at].directories);
        if let Err(source) = self.write(&known) {
            known[at].directories = directories;
            return Err(Error::NotKept(source));
        }
        let directories = directories.iter().map(|directory| directory.display().to_string()).collect();
        Ok(pb::ClearContextResponse { chat_id: known[at].chat.to_string(), directories })
    }

    /// Takes the place of the file at once or not at all.
    fn write(&self, known: &[Known]) -> io::Result<()> {
        let directory = self.file.parent().ok_or_else(|| io::Error::other("there is no state directory"))?;
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(&serde_json::to_vec(known)?)?;
        file.persist(&*self.file)?;
        Ok(())
    }
}

/// Forgets the chat that asked the longest time ago, and one that nothing was added to before others: it loses nothing.
fn forget_one(known: &mut Vec<Known>) {
    let others = known.len().saturating_sub(1);
    let at = known[..others].iter().position(|known| known.directories.is_empty()).unwrap_or(0);
    let forgotten = known.remove(at);
    if !forgotten.directories.is_empty() {
        warn!(chat = %forgotten.chat, "too many chats have added context: that of one that did not ask for long is forgotten");
    }
}

/// What a chat would be told of a directory.
fn found_in(settings: &Settings, directory: &Path) -> pb::AddContextResponse {
    let alone = settings.alone_in(directory);
    let mut bounds = Bounds::new();
    let files = instructions::read(&alone, &mut bounds);
    let skills = skills::discover(&alone, &mut bounds);
    pb::AddContextResponse {
        chat_id: String::new(),
        instruction_files: files.into_iter().map(|file| file.path).collect(),
        skills: skills.into_iter().map(|skill| skill.name).collect(),
        warnings: bounds.into_warnings(),
    }
}

/// The place of the chat that is meant: the one that is named, or else the only one that is at work.
fn which(known: &[Known], chat: &str) -> Result<usize, Error> {
    if !chat.is_empty() {
        let found = known.iter().position(|known| known.chat.as_str() == chat);
        return found.ok_or_else(|| Error::NotHere(chat.to_owned()));
    }
    let is_at_work = |known: &Known| known.asked.is_some_and(|asked| asked.elapsed() < AT_WORK_FOR);
    let at_work: Vec<usize> = (0..known.len()).filter(|at| is_at_work(&known[*at])).collect();
    match at_work.as_slice() {
        [at] => Ok(*at),
        [] => Err(Error::NoChat),
        several => Err(Error::SeveralChats(several.iter().map(|at| known[*at].chat.to_string()).collect())),
    }
}
