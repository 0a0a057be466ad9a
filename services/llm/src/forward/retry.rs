//! When a call is made again for a client that waits.

use std::time::Duration;

use chatmesh_proto::common::v1::GenerationError;
use rand::Rng as _;

/// How often a call is made again.
const RETRIES: u32 = 2;
/// The first pause; every other one is twice as long.
const FIRST: Duration = Duration::from_millis(500);
/// The longest pause. A provider that wants a longer one is left to the client.
const LONGEST: Duration = Duration::from_secs(8);
/// By how much of itself a pause may be shorter, in percent: those that failed together do not
/// come back together.
const JITTER_PERCENT: u32 = 25;

/// The calls that are left.
#[derive(Debug)]
pub(super) struct Retries {
    left: u32,
    pause: Duration,
}

impl Retries {
    /// None where the client tries again by itself.
    pub(super) fn new(client_retries: bool) -> Self {
        Self { left: if client_retries { 0 } else { RETRIES }, pause: FIRST }
    }

    /// How long to wait before the call is made again; `None` where it is not.
    pub(super) fn next(&mut self, error: &GenerationError) -> Option<Duration> {
        let wanted = Duration::from_millis(error.retry_after_ms.unwrap_or_default().into());
        if !error.retryable || self.left == 0 || wanted > LONGEST {
            return None;
        }
        self.left -= 1;
        let percent = 100 - rand::rng().random_range(0..=JITTER_PERCENT);
        let pause = (self.pause * percent / 100).max(wanted);
        self.pause = (self.pause * 2).min(LONGEST);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(retryable: bool, retry_after_ms: Option<u32>) -> GenerationError {
        GenerationError { retryable, retry_after_ms, ..GenerationError::default() }
    }

    #[test]
    fn a_call_is_made_again_twice_and_later_each_time() {
        let mut retries = Retries::new(false);
        let pauses = [retries.next(&failed(true, None)), retries.next(&failed(true, None))].map(Option::unwrap);
        assert!((375..=500).contains(&pauses[0].as_millis()), "{pauses:?}");
        assert!((750..=1000).contains(&pauses[1].as_millis()), "{pauses:?}");
        assert_eq!(retries.next(&failed(true, None)), None);
    }

    #[test]
    fn the_provider_and_the_client_are_heard() {
        assert_eq!(Retries::new(false).next(&failed(true, Some(3000))), Some(Duration::from_secs(3)));
        assert_eq!(Retries::new(false).next(&failed(true, Some(60_000))), None, "the client is told instead");
        assert_eq!(Retries::new(false).next(&failed(false, None)), None);
        assert_eq!(Retries::new(true).next(&failed(true, None)), None);
    }
}
