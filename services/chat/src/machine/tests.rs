use std::collections::HashSet;

use super::*;

#[test]
fn every_state_of_the_database_is_named_once() {
    let mut seen = HashSet::new();
    for status in Status::ALL {
        for (queued, archived) in [(false, false), (true, false), (false, true), (true, true)] {
            let state = State::of(status, queued, archived);
            if state == State::Invalid {
                continue;
            }
            assert!(seen.insert(state), "{state} names two states");
            assert_eq!((state.status(), state.is_archived()), (Some(status), archived), "{state}");
        }
    }
    assert_eq!(seen.len() + 2, State::ALL.len(), "all but N and Invalid are reached");
}

#[test]
fn a_pair_stands_in_the_table_once_and_leads_to_one_status() {
    let mut seen = HashSet::new();
    for row in TABLE {
        let statuses: HashSet<_> = row.to.iter().map(|state| (state.status(), state.is_archived())).collect();
        assert_eq!(statuses.len(), 1, "{:?} leads to several statuses", row.operation);
        for from in row.from {
            assert!(seen.insert((row.operation, *from)), "{:?} in {from} stands twice", row.operation);
        }
    }
}

#[test]
fn every_pair_that_is_not_in_the_table_is_rejected() {
    let mut counts = (0, 0);
    for state in State::ALL {
        for operation in Operation::ALL {
            match apply(state, *operation) {
                Ok(row) => {
                    assert!(row.from.contains(&state) && row.operation == *operation);
                    counts.0 += 1;
                }
                Err(_) => counts.1 += 1,
            }
        }
    }
    assert_eq!(counts, (95, 14 * 26 - 95), "legal and illegal pairs");
}

#[test]
fn a_turn_that_ends_releases_the_lease() {
    for row in TABLE {
        let ended = |state: &State| state.status().is_some_and(|status| !status.needs_worker());
        let worked = |state: &State| state.status().is_some_and(Status::needs_worker);
        if row.from.iter().any(worked) && row.to.iter().all(ended) {
            assert!(row.effects.contains(&Effect::ReleaseLease), "{:?} keeps the lease", row.operation);
        }
    }
}

#[test]
fn leaving_the_error_clears_it_and_entering_it_sets_it() {
    for row in TABLE {
        let failed = |state: &State| state.status() == Some(Status::Error);
        let leaves = row.from.iter().any(failed) && !row.to.iter().any(failed);
        let enters = !row.from.iter().any(failed) && row.to.iter().any(failed);
        assert!(!leaves || row.effects.contains(&Effect::ClearError), "{:?}", row.operation);
        assert!(!enters || row.effects.contains(&Effect::SetError), "{:?}", row.operation);
    }
}

#[test]
fn leaving_requires_action_without_results_answers_the_open_calls() {
    for row in TABLE {
        let requires = |state: &State| state.status() == Some(Status::RequiresAction);
        let leaves = row.from.iter().any(requires) && !row.to.iter().any(requires);
        if leaves && row.operation != Operation::CompleteRequiresAction {
            assert!(row.effects.contains(&Effect::AnswerOpenCalls), "{:?}", row.operation);
        }
        if leaves {
            assert!(row.effects.contains(&Effect::ClearActionDeadline), "{:?}", row.operation);
        }
    }
}

#[test]
fn a_message_of_the_user_enters_the_history_behind_the_answers_to_all_calls() {
    let position = |row: &Row, effect| row.effects.iter().position(|found| *found == effect);
    for row in TABLE {
        let Some(promoted) = position(row, Effect::PromoteHead) else { continue };
        let answered = position(row, Effect::AnswerOpenCalls);
        assert!(answered.is_some_and(|answered| answered < promoted), "{:?}", row.operation);
    }
}
