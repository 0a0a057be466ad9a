//! How far a workspace has come.

use chatmesh_proto::agent::v1::{LifecycleState, ScriptResult};

/// True where `next` lies ahead of `former`: states never go back.
pub(super) fn is_ahead(next: LifecycleState, former: LifecycleState) -> bool {
    stage(next) > stage(former)
}

fn stage(state: LifecycleState) -> u8 {
    match state {
        LifecycleState::Unspecified => 0,
        LifecycleState::Created => 1,
        LifecycleState::Starting => 2,
        LifecycleState::Ready | LifecycleState::StartTimeout | LifecycleState::StartError => 3,
        LifecycleState::ShuttingDown => 4,
        LifecycleState::ShutdownTimeout | LifecycleState::ShutdownError | LifecycleState::Off => 5,
    }
}

/// The state after scripts that ran on start ended like this.
pub(super) fn after_start(results: impl Iterator<Item = ScriptResult>) -> LifecycleState {
    after(results, [LifecycleState::Ready, LifecycleState::StartError, LifecycleState::StartTimeout])
}

/// The state after scripts that ran on stop ended like this.
pub(super) fn after_stop(results: impl Iterator<Item = ScriptResult>) -> LifecycleState {
    after(results, [LifecycleState::Off, LifecycleState::ShutdownError, LifecycleState::ShutdownTimeout])
}

/// One that took too long counts more than any number that failed.
fn after(results: impl Iterator<Item = ScriptResult>, states: [LifecycleState; 3]) -> LifecycleState {
    let worst = results.map(|result| match result {
        ScriptResult::Ok => 0,
        ScriptResult::TimedOut => 2,
        _ => 1,
    });
    states[worst.max().unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_never_goes_back_and_never_sideways() {
        let all = (0..=9).map(|number| LifecycleState::try_from(number).expect("a state"));
        let all: Vec<_> = all.collect();
        for (at, &former) in all.iter().enumerate() {
            assert!(all[..=at].iter().all(|&next| !is_ahead(next, former)), "{former:?}");
        }
        assert!(!is_ahead(LifecycleState::StartError, LifecycleState::Ready));
        assert!(is_ahead(LifecycleState::ShuttingDown, LifecycleState::Starting));
        assert!(is_ahead(LifecycleState::Off, LifecycleState::ShuttingDown));
    }

    #[test]
    fn s01_one_timeout_is_a_timeout_and_one_failure_an_error() {
        use ScriptResult::{Failed, NotStarted, Ok, OutputLeftOpen, TimedOut};
        for (results, started, stopped) in [
            (&[][..], LifecycleState::Ready, LifecycleState::Off),
            (&[Ok, Ok], LifecycleState::Ready, LifecycleState::Off),
            (&[Ok, Failed], LifecycleState::StartError, LifecycleState::ShutdownError),
            (&[OutputLeftOpen], LifecycleState::StartError, LifecycleState::ShutdownError),
            (&[NotStarted, TimedOut, Ok], LifecycleState::StartTimeout, LifecycleState::ShutdownTimeout),
        ] {
            assert_eq!(after_start(results.iter().copied()), started);
            assert_eq!(after_stop(results.iter().copied()), stopped);
        }
    }
}
