//! Times at which a script runs.

use std::time::Duration;

use chatmesh_core::{Clock, Timestamp};
use chrono::{DateTime, Local, TimeZone};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use tokio_util::sync::CancellationToken;

/// How long the clock is not looked at, at most: it may be set, and machines sleep.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// Six fields: seconds, minutes, hours, days of the month, months, days of the week.
#[derive(Debug, Clone)]
pub(super) struct Schedule(Cron);

impl Schedule {
    /// Reads the six fields, or says what is wrong with them.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).build();
        parser.parse(text).map(Self).map_err(|error| error.to_string())
    }

    /// The first time after `now`, if there is one.
    fn next_after<Tz: TimeZone>(&self, now: &DateTime<Tz>) -> Option<DateTime<Tz>> {
        self.0.find_next_occurrence(now, false).ok()
    }

    /// Waits until the next time. False where `stop` was cancelled before, or no time is left.
    pub(super) async fn wait(&self, clock: &dyn Clock, stop: &CancellationToken) -> bool {
        let Some(due) = self.next_after(&clock.now().with_timezone(&Local)) else { return false };
        stop.run_until_cancelled(until(clock, due.to_utc())).await.is_some()
    }
}

async fn until(clock: &dyn Clock, due: Timestamp) {
    while let Ok(left) = (due - clock.now()).to_std()
        && !left.is_zero()
    {
        tokio::time::sleep(left.min(LOOK_INTERVAL)).await;
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use tokio::time::Instant;

    use super::*;

    /// A clock that goes as the runtime's, from a round minute on.
    #[derive(Debug)]
    struct RuntimeClock {
        began: Instant,
    }

    impl Clock for RuntimeClock {
        fn now(&self) -> Timestamp {
            time("2026-03-01T00:00:00Z") + self.began.elapsed()
        }
    }

    fn time(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).expect("a time").to_utc()
    }

    #[test]
    fn six_fields_begin_with_seconds_and_sunday_is_0() {
        for (fields, now, expected) in [
            ("*/15 * * * * *", "2026-03-01T10:00:14Z", "2026-03-01T10:00:15Z"),
            ("30 5 4 * * *", "2026-03-01T10:00:00Z", "2026-03-02T04:05:30Z"),
            // The first of March 2026 is a Sunday.
            ("0 0 12 * * 0", "2026-03-01T12:00:00Z", "2026-03-08T12:00:00Z"),
            ("0 0 0 29 2 *", "2026-03-01T12:00:00Z", "2028-02-29T00:00:00Z"),
        ] {
            let schedule = Schedule::parse(fields).expect("a schedule");
            assert_eq!(schedule.next_after(&time(now)), Some(time(expected)), "{fields}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn s01_a_run_that_lasts_is_not_joined_by_another() {
        let clock = RuntimeClock { began: Instant::now() };
        let mut runs = Vec::new();
        let (schedule, stop) = (Schedule::parse("*/10 * * * * *").expect("a schedule"), CancellationToken::new());
        let repeating = async {
            while schedule.wait(&clock, &stop).await {
                runs.push(clock.began.elapsed().as_secs());
                let lasts = if runs.len() == 2 { 25 } else { 1 };
                tokio::time::sleep(Duration::from_secs(lasts)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(65), repeating).await.is_err());
        assert_eq!(runs, [10, 20, 50, 60]);
        stop.cancel();
        assert!(!schedule.wait(&clock, &stop).await, "it stops");
    }
}
