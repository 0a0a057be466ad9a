//! Every operation in every state, on every engine: what the specification allows is done, all of
//! it and nothing else; what it does not allow is refused, and nothing changes.

use std::collections::BTreeSet;

use chatmesh_chat::machine::{Operation, State, TABLE};
use chatmesh_chat::{Chat, ChatStore as _};
use chatmesh_db::{Sql, values};

use crate::expected::{FENCED, changes, target, targets};
use crate::invariants::{calls_are_answered, errors_have_words, summaries_are_whole};
use crate::line::Line;
use crate::reach::{Done, Target};
use crate::refusal::{Why, refusal, why};
use crate::world::{World, worlds};

/// What only a hand can do to a running chat: no operation leads here.
pub(crate) const BREAK: Sql = Sql::portable("UPDATE chats SET archived = TRUE WHERE id = $1");

/// A state, and how a chat comes into it.
#[derive(Debug, Clone, Copy)]
struct Situation {
    state: State,
    /// The state that legal operations lead to; it differs where a hand does the rest.
    reached: State,
    waiting: u32,
}

/// Every state; one with a queue with one message in it, and with more.
fn situations() -> Vec<Situation> {
    use State::{A0, A1, E1, I0, I1, Invalid, R0, R1, XE1};
    let mut all = Vec::new();
    for state in State::ALL.into_iter().filter(|state| *state != Invalid) {
        let lengths: &[u32] = if matches!(state, E1 | R1 | I1 | A1 | XE1) { &[1, 2] } else { &[0] };
        all.extend(lengths.iter().map(|waiting| Situation { state, reached: state, waiting: *waiting }));
    }
    for (reached, waiting) in [(R0, 0), (R1, 1), (I0, 0), (I1, 1), (A0, 0), (A1, 1)] {
        all.push(Situation { state: Invalid, reached, waiting });
    }
    all
}

impl World {
    async fn situation(&self, situation: Situation) -> Target {
        let mut target = self.target(situation.reached, situation.waiting).await;
        if situation.state == State::Invalid {
            self.force(BREAK, target.id).await;
            target.chat = self.store.get(target.id).await.expect("asked");
        }
        assert_eq!(target.chat.as_ref().map_or(State::N, Chat::state), situation.state, "{}", self.engine);
        target
    }
}

#[test]
fn the_table_is_the_specifications() {
    for state in State::ALL {
        for operation in Operation::ALL {
            let rows = TABLE.iter().filter(|row| row.operation == *operation && row.from.contains(&state));
            let ours: BTreeSet<String> = rows.flat_map(|row| row.to).map(ToString::to_string).collect();
            let theirs: BTreeSet<String> = targets(*operation, state).iter().map(ToString::to_string).collect();
            assert_eq!(ours, theirs, "{operation:?} in {state}");
        }
    }
}

#[tokio::test]
async fn what_is_illegal_changes_nothing_and_what_is_legal_is_done_in_one_step() {
    for world in worlds().await {
        const CLEAN_UP: Sql = Sql::portable("DELETE FROM chats WHERE id <> $1");
        let (mut legal, mut illegal, mut tried) = (BTreeSet::new(), BTreeSet::new(), 0);
        let bystander = world.idle("stands by").await;
        for situation in situations() {
            let mut illegal_on = Illegal::default();
            for operation in Operation::ALL {
                let pair = format!("{operation:?} in {}", situation.state);
                match target(*operation, situation.state, situation.waiting) {
                    Some(to) => {
                        try_legal(&world, situation, *operation, to).await;
                        legal.insert(pair);
                    }
                    None => {
                        illegal_on.try_one(&world, situation, *operation).await;
                        illegal.insert(pair);
                    }
                }
                tried += 1;
                assert_eq!(world.get(bystander.id).await, bystander, "{}: {operation:?}", world.engine);
            }
            world.db.execute(CLEAN_UP, values![bystander.id.0]).await.expect("cleaned up");
        }
        println!("{}: {} legal and {} illegal pairs, {tried} situations", world.engine, legal.len(), illegal.len());
        assert!(legal.is_disjoint(&illegal), "{}", world.engine);
        assert_eq!((legal.len(), illegal.len()), (95, 14 * 26 - 95), "{}: legal and illegal pairs", world.engine);
    }
}

/// What only the holder of a lease may do.
fn needs_lease(operation: Operation) -> bool {
    FENCED.contains(&operation) || operation == Operation::Abandon
}

impl World {
    /// Checks that `operation` is refused for this reason and changes nothing.
    async fn is_refused(&self, operation: Operation, target: &Target, reason: Option<Why>) {
        let before = self.dump().await;
        let refused = self.perform(operation, target).await.map(drop);
        let state = target.chat.as_ref().map(Chat::state);
        assert_eq!(why(&refused), reason, "{}: {operation:?} in {state:?}: {refused:?}", self.engine);
        assert_eq!(self.dump().await, before, "{}: {operation:?} in {state:?}", self.engine);
    }

    /// Whoever has no lease is refused before anybody asks for the state; whoever has one is told about it.
    async fn with_lease(&self, operation: Operation, target: &mut Target) {
        if needs_lease(operation) && target.chat.as_ref().is_some_and(|chat| chat.lease.is_none()) {
            self.is_refused(operation, target, Some(Why::LeaseLost)).await;
            self.plant_lease(target).await;
        }
    }
}

/// The chats of one situation that illegal operations are tried on: they are not spent, as nothing may change.
#[derive(Default)]
struct Illegal {
    bare: Option<Target>,
    leased: Option<Target>,
}

impl Illegal {
    async fn try_one(&mut self, world: &World, situation: Situation, operation: Operation) {
        let slot = if needs_lease(operation) { &mut self.leased } else { &mut self.bare };
        let mut target = match slot.take() {
            Some(target) => target,
            None => world.situation(situation).await,
        };
        world.with_lease(operation, &mut target).await;
        world.is_refused(operation, &target, refusal(operation, situation.state)).await;
        *slot = Some(target);
    }
}

async fn try_legal(world: &World, situation: Situation, operation: Operation, to: State) {
    let mut target = world.situation(situation).await;
    world.with_lease(operation, &mut target).await;
    let context = format!("{}: {operation:?} in {situation:?}", world.engine);
    let done = world.perform(operation, &target).await.unwrap_or_else(|error| panic!("{context}: {error:?}"));
    check_done(world, situation, operation, &target, to, done, &context).await;
}

async fn check_done(
    world: &World,
    situation: Situation,
    operation: Operation,
    target: &Target,
    state: State,
    done: Done,
    context: &str,
) {
    let after = world.get(target.id).await;
    assert_eq!(done.chat, after, "{context}: what is returned is what is stored");
    assert_eq!(after.state(), state, "{context}");
    errors_have_words(&after);
    let all = world.messages(target.id).await;
    summaries_are_whole(&Line::all(&all));
    calls_are_answered(&world.prompt(target.id).await, matches!(state, State::A0 | State::A1));

    let Some(before) = &target.chat else {
        assert_eq!((after.versions.snapshot, after.versions.history, after.versions.queue), (1, 1, 0), "{context}");
        return;
    };
    if let Some(messages) = done.messages {
        let inserted: Vec<_> = all.into_iter().filter(|message| message.id > before.last_message_id).collect();
        assert_eq!(messages, inserted, "{context}: all that was inserted is returned");
    }
    let (old, new) = (before.versions, after.versions);
    let open = matches!(situation.reached, State::A0 | State::A1);
    let changed = changes(operation, situation.state, open);
    assert_eq!(new.snapshot, old.snapshot + 1, "{context}");
    let starts_over = changed.history || !is_busy(&after) || operation == Operation::RequestCompaction;
    // What a call of the model has said is over: no later one has its name.
    let is_new = changed.history || (starts_over && old.generation_attempt > 0);
    assert_eq!(new.history, if is_new { new.snapshot } else { old.history }, "{context}: history");
    assert_eq!(new.queue, if changed.queue { new.snapshot } else { old.queue }, "{context}: queue");
    let bounds = (after.action_deadline_at.is_some(), after.compaction_requested_at.is_some());
    let asks = operation == Operation::RequestCompaction;
    assert_eq!(bounds, (matches!(state, State::A0 | State::A1), asks), "{context}: deadline, request for a summary");
    check_attempts(world, before, &after, operation, starts_over, context).await;
    check_lease(world, before, &after, operation, context).await;
}

fn is_busy(chat: &Chat) -> bool {
    matches!(chat.state(), State::R0 | State::R1 | State::I0 | State::I1)
}

/// Attempts are counted since the history last changed, or the turn began.
async fn check_attempts(
    world: &World,
    before: &Chat,
    after: &Chat,
    operation: Operation,
    starts_over: bool,
    context: &str,
) {
    let attempt = match operation {
        Operation::RecordGenerationAttempt => before.versions.generation_attempt + 1,
        _ if starts_over => 0,
        _ => before.versions.generation_attempt,
    };
    assert_eq!(after.versions.generation_attempt, attempt, "{context}");
    let pauses = match operation {
        Operation::RecordRetryState => true,
        Operation::RecordGenerationAttempt => false,
        _ => before.retry_state.is_some() && !starts_over,
    };
    assert_eq!(after.retry_state.is_some(), pauses, "{context}: the retry state");
    let changed = operation == Operation::RecordRetryState || before.retry_state.is_some() != pauses;
    let version = if changed { after.versions.snapshot } else { before.versions.retry_state };
    assert_eq!(after.versions.retry_state, version, "{context}: its version");
    let kept = world.store.kept_step(after.id, before.versions.history).await.expect("asked");
    assert_eq!(kept.is_some(), is_busy(before) && !starts_over, "{context}: the kept step");
}

async fn check_lease(world: &World, before: &Chat, after: &Chat, operation: Operation, context: &str) {
    match operation {
        Operation::Acquire => assert!(after.lease.is_some() && after.lease != before.lease, "{context}"),
        Operation::Abandon | Operation::EditMessage => assert_eq!(after.lease, None, "{context}"),
        _ if is_busy(after) => assert_eq!(after.lease, before.lease, "{context}"),
        _ => assert_eq!(after.lease, None, "{context}"),
    }
    let alive = world.everything(after.id).await.heartbeats.len();
    assert_eq!(alive, usize::from(after.lease.is_some()), "{context}: heartbeats");
}
