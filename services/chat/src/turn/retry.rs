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

#[cfg(test)]
mod tests {
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
}
