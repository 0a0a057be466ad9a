//! Deadlines travel with calls: `grpc-timeout` on the wire, a task-local within a process.

use std::future::Future;
use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

const GRPC_TIMEOUT: &str = "grpc-timeout";

tokio::task_local! {
    static DEADLINE: Option<Instant>;
}

/// Runs a future under a deadline, which the calls that it makes inherit.
pub(crate) async fn scope<F: Future>(deadline: Option<Instant>, future: F) -> F::Output {
    DEADLINE.scope(deadline, future).await
}

/// The deadline of the current call.
pub(crate) fn current() -> Option<Instant> {
    DEADLINE.try_with(|deadline| *deadline).ok().flatten()
}

/// The time that is left of it.
pub(crate) fn remaining() -> Option<Duration> {
    current().map(|deadline| deadline.saturating_duration_since(Instant::now()))
}

/// Reads `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2).
pub(crate) fn read(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// Writes the shorter of the call's own deadline and what is left of the caller's.
pub(crate) fn write(headers: &mut HeaderMap) {
    let Some(remaining) = remaining() else { return };
    if read(headers).is_some_and(|own| own <= remaining) {
        return;
    }
    let millis = remaining.as_millis().clamp(1, 99_999_999);
    if let Ok(value) = format!("{millis}m").parse() {
        headers.insert(GRPC_TIMEOUT, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(GRPC_TIMEOUT, text.parse().expect("a header"));
        headers
    }

    #[test]
    fn a_timeout_has_digits_and_a_unit() {
        let table = [
            ("5S", Some(Duration::from_secs(5))),
            ("250m", Some(Duration::from_millis(250))),
            ("2H", Some(Duration::from_secs(7200))),
            ("123456789S", None),
            ("S", None),
            ("5", None),
            ("", None),
            ("-1S", None),
        ];
        for (text, expected) in table {
            assert_eq!(read(&headers(text)), expected, "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_inherits_what_is_left_of_its_callers_deadline() {
        let deadline = Instant::now() + Duration::from_secs(2);
        scope(Some(deadline), async {
            let mut inherited = HeaderMap::new();
            write(&mut inherited);
            assert_eq!(read(&inherited), Some(Duration::from_secs(2)));

            let mut shorter = headers("1S");
            write(&mut shorter);
            assert_eq!(read(&shorter), Some(Duration::from_secs(1)));

            let mut longer = headers("1M");
            write(&mut longer);
            assert_eq!(read(&longer), Some(Duration::from_secs(2)));
        })
        .await;
    }
}
