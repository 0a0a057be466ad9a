//! What waits for the relay, and what is given up.

use proptest::prelude::*;

use super::super::outbox::Outbox;
use super::*;

fn state(state: LifecycleState) -> pb::LifecycleReport {
    pb::LifecycleReport { state: state.into(), ..Default::default() }
}

fn line(text: &str) -> pb::ScriptLogLine {
    pb::ScriptLogLine { text: text.to_owned(), ..Default::default() }
}

fn outbox() -> Outbox {
    Outbox::new(state(LifecycleState::Created))
}

/// Everything after `sequence`.
fn take_all(outbox: &mut Outbox, mut sequence: u64) -> Vec<pb::SuperviseResponse> {
    let mut taken = Vec::new();
    while let Some(response) = outbox.take_after(sequence) {
        sequence = response.sequence;
        taken.push(response);
    }
    taken
}

fn logs(responses: &[pb::SuperviseResponse]) -> Vec<&pb::ScriptLogs> {
    let logs = responses.iter().filter_map(|response| match response.report.as_ref()? {
        Report::Logs(logs) => Some(logs),
        _ => None,
    });
    logs.collect()
}

#[test]
fn lines_go_together_until_they_were_handed_out() {
    let mut outbox = outbox();
    for text in ["1", "2"] {
        outbox.add_line("a", line(text));
    }
    outbox.add_line("b", line("3"));
    let first = take_all(&mut outbox, 0);
    let sizes: Vec<_> = logs(&first).iter().map(|logs| (logs.script_id.as_str(), logs.lines.len())).collect();
    assert_eq!(sizes, [("a", 2), ("b", 1)]);
    outbox.add_line("b", line("4"));
    assert_eq!(take_all(&mut outbox, 0)[..3], first, "what was handed out does not change");
    assert_eq!(logs(&take_all(&mut outbox, 3))[0].lines[0].text, "4");
}

#[test]
fn only_the_newest_state_waits_and_an_ack_of_what_was_never_sent_counts_for_nothing() {
    let mut outbox = outbox();
    outbox.set_state(state(LifecycleState::Starting));
    outbox.set_state(state(LifecycleState::Ready));
    outbox.ack(u64::MAX);
    let taken = take_all(&mut outbox, 0);
    assert_eq!(taken.len(), 1);
    assert!(outbox.acked_state().is_none());
    outbox.ack(taken[0].sequence);
    assert!(take_all(&mut outbox, 0).is_empty());
    assert_eq!(outbox.acked_state().as_ref(), taken.first());
}

#[test]
fn runs_have_a_bound() {
    let mut outbox = outbox();
    for index in 0..300 {
        outbox.add_run(pb::ScriptRun { script_id: index.to_string(), ..Default::default() });
    }
    let taken = take_all(&mut outbox, 0);
    assert_eq!(taken.len(), 1 + 256);
    assert!(matches!(&taken[1].report, Some(Report::Run(run)) if run.script_id == "44"), "the newest are kept");
}

#[test]
fn what_was_told_is_neither_dropped_nor_changed_and_dropped_lines_are_counted_once() {
    let mut outbox = outbox();
    let long = "x".repeat(1000);
    let add = |outbox: &mut Outbox, count: usize| (0..count).for_each(|_| outbox.add_line("a", line(&long)));
    add(&mut outbox, 400);
    let told = take_all(&mut outbox, 0);
    add(&mut outbox, 1000);
    assert_eq!(take_all(&mut outbox, 0)[..told.len()], told, "what was told is told again as it was");
    let last = told.last().expect("reports").sequence;
    let after = take_all(&mut outbox, last);
    outbox.ack(after.last().expect("reports").sequence);
    add(&mut outbox, 1);
    let (after, end) = (logs(&after), take_all(&mut outbox, 0));
    let all = || logs(&told).into_iter().chain(after.clone()).chain(logs(&end)).collect::<Vec<_>>();
    let dropped: u64 = all().iter().map(|logs| logs.dropped_lines).sum();
    assert!(dropped > 0);
    assert_eq!(all().iter().map(|logs| logs.lines.len() as u64).sum::<u64>() + dropped, 1401);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_that_do_not_arrive_are_bounded_and_every_one_is_told_or_counted(
        lengths in proptest::collection::vec(0usize..2048, 0..2000),
        takes in proptest::collection::vec(0usize..2000, 0..5),
    ) {
        let mut outbox = outbox();
        for (index, length) in lengths.iter().enumerate() {
            outbox.add_line(if index % 7 == 0 { "a" } else { "b" }, line(&"x".repeat(*length)));
            if takes.contains(&index) {
                take_all(&mut outbox, 0);
            }
        }
        let mut taken = take_all(&mut outbox, 0);
        // What is dropped last is told with the next line.
        outbox.ack(taken.last().map_or(0, |response| response.sequence));
        outbox.add_line("a", line(""));
        taken.extend(take_all(&mut outbox, 0));
        let logs = logs(&taken);
        let told: usize = logs.iter().map(|logs| logs.lines.len()).sum();
        let dropped: u64 = logs.iter().map(|logs| logs.dropped_lines).sum();
        prop_assert_eq!(told as u64 + dropped, lengths.len() as u64 + 1);
        let bytes: usize = logs.iter().flat_map(|logs| &logs.lines).map(|line| line.text.len()).sum();
        prop_assert!(bytes <= 512 * 1024, "{}", bytes);
        prop_assert!(taken.is_sorted_by_key(|response| response.sequence));
        for logs in logs {
            prop_assert!(logs.lines.iter().map(|line| line.text.len()).sum::<usize>() < 70 * 1024);
        }
    }
}
