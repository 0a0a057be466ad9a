//! What a chat may be in the middle of.

use std::time::Duration;

use chatmesh_db::{Db, DbError, FromRow, Row, Sql};
use chatmesh_testkit::simulator::{Fault, Script, Step};
use serde_json::json;

use crate::harness::{LONG, Model, Turn, eventually};

const COUNTS: Sql = Sql::portable(
    "SELECT (SELECT COUNT(*) FROM chats WHERE runner_id IS NOT NULL) AS leased, \
     (SELECT COUNT(*) FROM chats WHERE retry_state IS NOT NULL) AS retrying, \
     (SELECT COUNT(*) FROM chats WHERE queued_count > 0) AS queueing, \
     (SELECT COUNT(*) FROM chat_steps) AS calling",
);
/// All phases are long enough that all chats are in the middle of theirs at the same time.
const STORY_PAUSE: Duration = Duration::from_millis(700);
const TALK_PAUSE: Duration = Duration::from_secs(6);
const COMMAND_SECONDS: u32 = 25;
/// More than that.
const COMMAND_TIMEOUT: &str = "2m";
/// With pauses of 1, 2, 4, 8 and 16 seconds after them.
const FAILURES: u32 = 5;
const QUEUED_TURNS: usize = 3;

/// What the turns of a chat are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The model speaks for half a minute.
    Streaming,
    /// A command writes a line and then sleeps for nearly half a minute.
    Calling,
    /// The provider is overloaded for half a minute.
    Retrying,
    /// Messages wait while an answer is given.
    Queueing,
}

impl Phase {
    pub(crate) const ALL: [Self; 4] = [Self::Streaming, Self::Calling, Self::Retrying, Self::Queueing];

    /// The name of its model.
    pub(crate) fn model(self) -> &'static str {
        match self {
            Self::Streaming => "streaming",
            Self::Calling => "calling",
            Self::Retrying => "retrying",
            Self::Queueing => "queueing",
        }
    }

    pub(crate) fn script(self) -> Script {
        let script = Script::new(self.model()).per_turn();
        let done = Step::text("Done with {{last_user_message}}.");
        match self {
            Self::Streaming => script.step(Step::text(Model::story()).delta_delay(STORY_PAUSE)),
            Self::Calling => {
                let write = "echo {{last_user_message}}-1 >> {{last_user_message}}";
                let command = format!("{write}; sleep {COMMAND_SECONDS}");
                script
                    .step(Step::text("Wait.").call("execute", json!({"command": command, "timeout": COMMAND_TIMEOUT})))
                    .step(done)
            }
            Self::Retrying => script.step(done.fail_first(FAILURES, Fault::status(503))),
            Self::Queueing => script.step(done.delta_delay(TALK_PAUSE)),
        }
    }

    /// What the chat with this number is asked.
    pub(crate) fn turns(self, number: usize) -> Vec<Turn> {
        let count = if self == Self::Queueing { QUEUED_TURNS } else { 1 };
        let turns = (0..count).map(|turn| {
            let said = if turn == 0 { self.name(number) } else { format!("{}-{turn}", self.name(number)) };
            let answer = match self {
                Self::Streaming => Model::story(),
                _ => format!("Done with {said}."),
            };
            Turn { said, calls: usize::from(self == Self::Calling), answer }
        });
        turns.collect()
    }

    /// The file that its command writes.
    pub(crate) fn file(self, number: usize) -> Option<String> {
        (self == Self::Calling).then(|| self.name(number))
    }

    fn name(self, number: usize) -> String {
        format!("{}{number:02}", self.model())
    }
}

/// Waits until so many chats are in the middle of each of these phases.
pub(super) async fn all_under_way(db: &Db, phases: &[Phase], each: usize) {
    let number = |count: usize| i64::try_from(count).expect("a count");
    let (each, all) = (number(each), number(each * phases.len()));
    let of = |phase: Phase| if phases.contains(&phase) { each } else { 0 };
    eventually("all chats are under way", LONG, async || {
        let counts: Option<Counts> = db.fetch_optional(COUNTS, Vec::new()).await.expect("chats are readable");
        let counts = counts.expect("a row of counts");
        let exact = (counts.leased, counts.calling, counts.queueing);
        let expected = (all, of(Phase::Calling), of(Phase::Queueing));
        // A few are always just being asked again.
        let retrying = counts.retrying * 3 >= of(Phase::Retrying) * 2;
        if exact == expected && retrying { Ok(()) } else { Err(counts) }
    })
    .await;
}

#[derive(Debug)]
struct Counts {
    leased: i64,
    retrying: i64,
    queueing: i64,
    calling: i64,
}

impl FromRow for Counts {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            leased: row.get("leased")?,
            retrying: row.get("retrying")?,
            queueing: row.get("queueing")?,
            calling: row.get("calling")?,
        })
    }
}
