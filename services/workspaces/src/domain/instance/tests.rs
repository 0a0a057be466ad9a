use chatmesh_core::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::domain::{LifecycleState, LogLevel};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).expect("a time")
}

fn state(state: LifecycleState) -> LifecycleReport {
    LifecycleReport::State(Lifecycle { state, changed_at: Some(at(1)), message: String::new() })
}

fn line(text: &str) -> LogLine {
    LogLine { time: at(1), level: LogLevel::Info, script_id: "a".to_owned(), text: text.to_owned() }
}

fn batch(instance: u128, epoch: u32, reports: Vec<(i64, LifecycleReport)>) -> LifecycleBatch {
    LifecycleBatch { instance_id: Uuid::from_u128(instance), epoch, reports }
}

/// All processes, and the one that spoke for the agent last.
#[derive(Default)]
struct Agent {
    known: Vec<Instance>,
    lifecycle: Lifecycle,
    lines: Vec<String>,
}

impl Agent {
    fn hear(&mut self, batch: LifecycleBatch) -> i64 {
        let mut instance = heard(&self.known, &batch);
        let news = instance.take(batch.reports);
        self.lines.extend(news.lines.into_iter().map(|(_, line)| line.text));
        if is_latest(&instance, &self.known) {
            self.lifecycle = instance.lifecycle.clone();
        }
        let sequence = instance.last_sequence;
        self.known.retain(|one| one.id != instance.id);
        self.known.push(instance);
        sequence
    }

    fn state(&self) -> LifecycleState {
        self.lifecycle.state
    }
}

#[test]
fn a_batch_that_overlaps_adds_only_what_is_new() {
    let mut agent = Agent::default();
    let lines = |text: &str| LifecycleReport::Lines { dropped: 0, lines: vec![line(text)] };
    assert_eq!(agent.hear(batch(1, 1, vec![(1, lines("a")), (3, lines("b"))])), 3);
    assert_eq!(agent.hear(batch(1, 1, vec![(1, lines("a")), (3, lines("b"))])), 3);
    assert_eq!(agent.hear(batch(1, 2, vec![(5, lines("d")), (3, lines("b")), (4, lines("c"))])), 5);
    assert_eq!(agent.hear(batch(1, 1, vec![(2, lines("late"))])), 5);
    assert_eq!(agent.lines, ["a", "b", "c", "d"]);
}

#[test]
fn lines_that_were_lost_count_for_the_line_after_them() {
    let mut instance = heard(&[], &batch(1, 1, vec![]));
    let news = instance.take(vec![
        (1, LifecycleReport::Lines { dropped: 2, lines: vec![line("a"), line("b")] }),
        (2, LifecycleReport::Lines { dropped: 3, lines: vec![] }),
        (3, LifecycleReport::Lines { dropped: 4, lines: vec![line("c")] }),
        (4, LifecycleReport::Lines { dropped: u32::MAX, lines: vec![] }),
        (5, LifecycleReport::Lines { dropped: 1, lines: vec![] }),
    ]);
    assert_eq!(news.lines, [(2, line("a")), (0, line("b")), (7, line("c"))]);
    assert_eq!(news.dropped_after, u32::MAX);
}

#[test]
fn a_process_never_goes_back_and_a_new_one_begins_anew() {
    use LifecycleState::{Created, Off, Ready, ShuttingDown, StartError, Starting};
    let mut agent = Agent::default();
    for (sequence, said, expected) in
        [(1, Starting, Starting), (2, Ready, Ready), (3, Starting, Ready), (4, StartError, Ready), (5, Off, Off)]
    {
        agent.hear(batch(1, 1, vec![(sequence, state(said))]));
        assert_eq!(agent.state(), expected, "after {said:?}");
    }
    agent.hear(batch(2, 2, vec![(1, state(Created))]));
    assert_eq!(agent.state(), Created);
    agent.hear(batch(2, 2, vec![(2, state(ShuttingDown))]));
    assert_eq!(agent.state(), ShuttingDown);
}

#[test]
fn what_a_superseded_process_says_late_changes_nothing_of_the_state() {
    use LifecycleState::{Off, Ready, ShuttingDown, Starting};
    // With sessions that are known, and without.
    for [old, new] in [[5, 6], [0, 0]] {
        let mut agent = Agent::default();
        agent.hear(batch(1, old, vec![(1, state(Ready))]));
        agent.hear(batch(2, new, vec![(1, state(Starting))]));
        for (sequence, late) in [(2, ShuttingDown), (3, Off)] {
            assert_eq!(agent.hear(batch(1, old, vec![(sequence, state(late))])), sequence, "it need not be sent again");
            assert_eq!(agent.state(), Starting, "{late:?}");
        }
        agent.hear(batch(2, new, vec![(2, state(Ready))]));
        assert_eq!(agent.state(), Ready);
    }
}

#[test]
fn a_process_that_is_heard_of_late_for_the_first_time_is_not_the_latest() {
    use LifecycleState::{Off, Ready};
    let mut agent = Agent::default();
    agent.hear(batch(2, 6, vec![(1, state(Ready))]));
    agent.hear(batch(1, 5, vec![(1, state(Off))]));
    assert_eq!(agent.state(), Ready);
    // It is back with a session of its own, and says of itself what it said before.
    agent.hear(batch(1, 7, vec![(1, state(Off))]));
    assert_eq!(agent.state(), Off);
}

fn any_batches() -> impl Strategy<Value = Vec<LifecycleBatch>> {
    let one = (1..4u128, 0..4u32, prop::collection::vec((1..8i64, 0..9usize), 0..4)).prop_map(|(id, epoch, said)| {
        let report = |(sequence, index): (i64, usize)| (sequence, state(LifecycleState::ALL[index]));
        batch(id, epoch, said.into_iter().map(report).collect())
    });
    prop::collection::vec(one, 0..12)
}

proptest! {
    #[test]
    fn batches_that_come_again_change_nothing(batches in any_batches(), again in any::<prop::sample::Index>()) {
        let mut agent = Agent::default();
        for batch in &batches {
            agent.hear(batch.clone());
        }
        if !batches.is_empty() {
            let before = (agent.lifecycle.clone(), agent.lines.clone(), agent.known.len());
            agent.hear(batches[again.index(batches.len())].clone());
            prop_assert_eq!(before, (agent.lifecycle, agent.lines, agent.known.len()));
        }
    }

    #[test]
    fn the_state_is_always_that_of_the_highest_process(batches in any_batches()) {
        let mut agent = Agent::default();
        for batch in batches {
            agent.hear(batch);
            let highest = agent.known.iter().max_by_key(|one| (one.epoch, one.number)).expect("one");
            prop_assert_eq!(&agent.lifecycle, &highest.lifecycle);
            prop_assert_eq!(agent.known.iter().filter(|one| is_latest(one, &agent.known)).count(), 1);
        }
    }
}
