//! What is looked at after each operation.

use chatmesh_chat::machine::{State, Status};
use chatmesh_chat::{Chat, ChatId, ChatStore as _, QueuedMessage, Visibility};
use chatmesh_db::{DbError, FromRow, Row, Sql, values};

use super::run::Run;
use crate::content::text_of;
use crate::invariants::{
    calls_are_answered, errors_have_words, families_have_one_root, numbers_grow, pins_are_dense, summaries_are_whole,
};
use crate::line::Line;

const VERSIONS: Sql = Sql::portable("SELECT id, snapshot_version FROM chats WHERE owner_id = $1");
const QUEUE: Sql = Sql::portable("SELECT * FROM chat_queued_messages WHERE chat_id = $1 ORDER BY position");
const COUNTS: Sql = Sql::portable(
    "SELECT (SELECT COUNT(*) FROM chat_messages WHERE chat_id = $1) AS messages, \
     (SELECT COUNT(*) FROM chat_messages WHERE chat_id = $1 AND NOT deleted) AS living, \
     (SELECT COALESCE(MAX(revision), 0) FROM chat_messages WHERE chat_id = $1) AS revision, \
     (SELECT COUNT(*) FROM chat_queued_messages WHERE chat_id = $1) AS queued, \
     (SELECT COUNT(*) FROM chat_steps WHERE chat_id = $1) AS kept, \
     (SELECT COUNT(*) FROM chat_heartbeats WHERE chat_id = $1) AS alive, \
     (SELECT COUNT(*) FROM chat_heartbeats WHERE chat_id = $1 AND runner_id = $2) AS held",
);

/// The version of a chat.
struct Version(ChatId, u32);

impl FromRow for Version {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self(row.id("id")?, row.u32("snapshot_version")?))
    }
}

/// How much belongs to a chat: messages, living ones, their highest revision, waiting ones, kept steps, heartbeats,
/// and heartbeats of its runner.
#[derive(Debug, PartialEq, Eq)]
struct Counts([u32; 7]);

impl FromRow for Counts {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let mut counts = [0; 7];
        for (count, column) in
            counts.iter_mut().zip(["messages", "living", "revision", "queued", "kept", "alive", "held"])
        {
            *count = row.u32(column)?;
        }
        Ok(Self(counts))
    }
}

impl Run<'_> {
    /// Looks at all chats, and at all of the one that something was done to. What has no new version
    /// is counted; the end of the sequence reads it.
    pub(super) async fn check(&mut self, at: usize) {
        let db = &self.world.db;
        let versions: Vec<Version> = db.fetch_all(VERSIONS, values![self.world.owner.0]).await.expect("listed");
        assert_eq!(versions.len(), self.rows.len(), "no chat comes or goes");
        let seen = self.rows[at].versions;
        for other in 0..self.rows.len() {
            let before = &self.rows[other];
            let version = versions.iter().find(|Version(id, _)| *id == before.id).map(|Version(_, version)| *version);
            if other == at || version != Some(before.versions.snapshot) {
                self.rows[other] = self.check_row(other).await;
            }
        }
        pins_are_dense(&self.rows);
        families_have_one_root(&self.rows);
        self.check_counts(at).await;
        if self.rows[at].versions != seen {
            self.lines[at] = self.check_content(at).await;
        }
    }

    async fn check_counts(&self, at: usize) {
        let (model, db) = (&self.home.chats[at], &self.world.db);
        let runner = model.lease.map(|lease| lease.runner_id.0);
        let found: Option<Counts> = db.fetch_optional(COUNTS, values![model.id.0, runner]).await.expect("counted");
        let living = model.lines.iter().filter(|line| !line.deleted).count();
        let counts = [model.lines.len(), living, model.queue.len()].map(|count| u32::try_from(count).expect("small"));
        let revision = model.lines.iter().map(|line| line.revision).max().unwrap_or(0);
        let (kept, held) = (u32::from(model.kept.is_some()), u32::from(runner.is_some()));
        assert_eq!(found, Some(Counts([counts[0], counts[1], revision, counts[2], kept, held, held])));
    }

    /// I-8: whatever changes raises the version by one, and only what lists show moves a chat in them.
    fn check_step(&self, before: &Chat, after: &Chat) {
        let (old, new) = (before.versions, after.versions);
        if old.snapshot == new.snapshot {
            assert_eq!(before, after, "changed without a new version");
            return;
        }
        assert_eq!(new.snapshot, old.snapshot + 1, "one version a transaction");
        for (name, old, new_version) in [
            ("history", old.history, new.history),
            ("queue", old.queue, new.queue),
            ("retry state", old.retry_state, new.retry_state),
        ] {
            assert!(new_version == old || new_version == new.snapshot, "{name}: {old} to {new_version}");
        }
        let shown = before.state() != after.state() || old.history != new.history || old.queue != new.queue;
        assert_eq!(after.updated_at, if shown { self.world.now } else { before.updated_at }, "its place in lists");
        let kept = |chat: &Chat| (chat.id, chat.owner_id, chat.parent_id, chat.root_id, chat.created_at);
        assert_eq!(kept(before), kept(after));
    }

    /// Compares the row of a chat with what it was and with the model, and returns it.
    pub(super) async fn check_row(&self, at: usize) -> Chat {
        let model = &self.home.chats[at];
        let row = self.world.get(model.id).await;
        errors_have_words(&row);
        self.check_step(&self.rows[at], &row);
        assert_eq!((row.status, row.archived, row.state()), (model.status, model.archived, model.state()));
        assert_eq!((row.lease, row.versions), (model.lease, model.versions), "the lease and the versions");
        assert_eq!(row.last_error.is_some(), model.status == Status::Error, "the error");
        assert_eq!(row.retry_state.is_some(), model.pauses, "the retry state");
        assert_eq!(
            (row.action_deadline_at, row.compaction_requested_at.is_some()),
            (model.deadline, model.wants_summary)
        );
        let numbers = [row.last_message_id, row.queued_count];
        assert_eq!(numbers, [model.lines.len(), model.queue.len()].map(|count| u32::try_from(count).expect("small")));
        let numbers = [row.last_queued_id, row.last_assistant_message_id, row.last_read_message_id];
        assert_eq!(numbers, [model.last_queued, model.last_answer(), model.read], "the numbers of the last ones");
        assert_eq!(row.pin_order, self.home.places().get(&row.id).copied().unwrap_or(0), "the place of the pin");
        // I-5: a lease is one runner's.
        assert!(row.lease.is_none() || matches!(row.status, Status::Running | Status::Interrupting), "{row:?}");
        row
    }

    /// Compares all that belongs to a chat with the model, and returns its messages.
    pub(super) async fn check_content(&self, at: usize) -> Vec<Line> {
        let (model, row, db) = (&self.home.chats[at], &self.rows[at], &self.world.db);
        let lines = Line::all(&self.world.messages(row.id).await);
        numbers_grow(&self.lines[at], &lines);
        summaries_are_whole(&lines);
        assert_eq!(lines, model.lines, "the history");
        let prompt = self.world.prompt(row.id).await;
        assert_eq!(prompt, model.prompt(), "what the model sees");
        let state = model.state();
        let waits_for_client = matches!(state, State::A0 | State::A1) || model.deadline.is_some();
        calls_are_answered(&prompt, waits_for_client);

        let queue: Vec<QueuedMessage> = db.fetch_all(QUEUE, values![row.id.0]).await.expect("listed");
        let queue: Vec<_> = queue.iter().map(|one| (one.id, text_of(&one.content))).collect();
        assert_eq!(queue, Vec::from(model.queue.clone()), "the queue");
        self.nothing_is_lost_or_doubled(at, &lines, &queue);

        let kept = self.world.store.kept_step(row.id, row.versions.history).await.expect("asked");
        assert_eq!(kept.map(|kept| text_of(&kept.answer.content)), model.kept, "the kept step");
        lines
    }

    /// I-3: what was sent is in the queue or in the history, unless the user took it back.
    fn nothing_is_lost_or_doubled(&self, at: usize, lines: &[Line], queue: &[(u32, String)]) {
        for request in &self.sent[at] {
            let people_see = |line: &&Line| !line.deleted && line.shown_to == Visibility::Both;
            let said = lines.iter().filter(people_see).filter(|line| line.text == request.text).count();
            let waits = queue.iter().filter(|(_, text)| *text == request.text).count();
            let expected = usize::from(!self.taken_back.contains(&request.text));
            assert_eq!(said + waits, expected, "{}", request.text);
        }
    }
}
