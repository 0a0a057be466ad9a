//! How long to wait before a failed model call is made again.

use std::time::Duration;

use chatmesh_core::Timestamp;
use chatmesh_proto::chat::v1::Retry;
use chatmesh_proto::common::v1::GenerationError;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// The pause after the `failures`-th failure in a row: doubling from a second to a minute, and
/// never shorter than the provider wishes.
pub(super) fn delay(failures: u32, error: &GenerationError) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST);
    let wished = Duration::from_millis(error.retry_after_ms.unwrap_or_default().into());
    doubled.max(wished)
}

/// What subscribers are told about the pause.
pub(super) fn state(failures: u32, delay: Duration, error: &GenerationError, now: Timestamp) -> Retry {
    Retry {
        attempt: failures,
        delay_ms: u32::try_from(delay.as_millis()).unwrap_or(u32::MAX),
        error: error.message.clone(),
        kind: error.kind,
        provider: error.provider.clone(),
        status_code: error.status_code,
        retrying_at: Some((now + delay).into()),
    }
}

/// What is left of a pause at `now`. Clocks of machines differ: it is never longer than the whole.
pub(super) fn remaining(retry: &Retry, now: Timestamp) -> Duration {
    let whole = Duration::from_millis(retry.delay_ms.into());
    let Some(retrying_at) = &retry.retrying_at else { return Duration::ZERO };
    let at = Timestamp::from_timestamp(retrying_at.seconds, retrying_at.nanos.unsigned_abs()).unwrap_or(now);
    (at - now).to_std().unwrap_or_default().min(whole)
}

#[cfg(test)]
mod tests {
    use chatmesh_core::{Clock as _, SystemClock};

    use super::*;

    #[test]
    fn pauses_double_to_a_minute_and_respect_the_provider() {
        let none = GenerationError::default();
        let seconds: Vec<u64> = (1..=8).map(|n| delay(n, &none).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(delay(1000, &none), LONGEST);
        let wish = GenerationError { retry_after_ms: Some(90_000), ..none };
        assert_eq!(delay(1, &wish), Duration::from_secs(90));
    }

    #[test]
    fn whoever_comes_into_a_pause_waits_for_the_rest_of_it() {
        let now = SystemClock.now();
        let delay = Duration::from_secs(30);
        let retry = state(5, delay, &GenerationError::default(), now);
        assert_eq!(remaining(&retry, now), delay);
        assert_eq!(remaining(&retry, now + Duration::from_secs(10)), Duration::from_secs(20));
        assert_eq!(remaining(&retry, now + Duration::from_secs(31)), Duration::ZERO);
        assert_eq!(remaining(&retry, now - Duration::from_secs(3600)), delay, "a clock that is an hour behind");
        assert_eq!(remaining(&Retry::default(), now), Duration::ZERO);
    }
}
