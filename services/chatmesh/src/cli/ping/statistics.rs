//! What many answers say together.

use std::time::Duration;

use super::millis;

/// How long answers took.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    asked: u32,
    whole: Vec<Duration>,
    agent: Vec<Duration>,
}

impl Statistics {
    /// A question is asked.
    pub(super) fn asked(&mut self) {
        self.asked += 1;
    }

    /// It was answered, after so long in all and so long between gateway and agent.
    pub(super) fn answer(&mut self, whole: Duration, agent: Duration) {
        self.whole.push(whole);
        self.agent.push(agent);
    }

    /// How many answers there were.
    pub(super) fn answered(&self) -> usize {
        self.whole.len()
    }

    /// The summary.
    pub(super) fn lines(&self, name: &str) -> Vec<String> {
        if self.asked == 0 {
            return Vec::new();
        }
        let answered = self.answered();
        let lost = 100.0 - 100.0 * f64::from(u32::try_from(answered).unwrap_or(u32::MAX)) / f64::from(self.asked);
        let mut lines =
            vec![format!("--- {name} ---"), format!("{} asked, {answered} answered, {lost:.0}% lost", self.asked)];
        if answered > 0 {
            lines.push(format!("round trip min/avg/max/p99 = {} ms", figures(&self.whole)));
            lines.push(format!("gateway to agent min/avg/max/p99 = {} ms", figures(&self.agent)));
        }
        lines
    }
}

/// Smallest, mean, largest, and what 99 of 100 do not exceed.
fn figures(times: &[Duration]) -> String {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let mean = sorted.iter().sum::<Duration>() / u32::try_from(sorted.len()).unwrap_or(u32::MAX).max(1);
    let rank = (sorted.len() * 99).div_ceil(100).saturating_sub(1);
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    let figures = [at(0), mean, at(sorted.len().saturating_sub(1)), at(rank)];
    figures.map(|time| format!("{:.3}", millis(time))).join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_tells_what_was_lost_and_how_long_the_rest_took() {
        let mut statistics = Statistics::default();
        assert_eq!(statistics.lines("demo"), Vec::<String>::new());
        for millis in 1..=200 {
            statistics.asked();
            statistics.answer(Duration::from_millis(millis), Duration::from_micros(millis));
        }
        for _ in 0..50 {
            statistics.asked();
        }
        assert_eq!(
            statistics.lines("demo"),
            [
                "--- demo ---",
                "250 asked, 200 answered, 20% lost",
                "round trip min/avg/max/p99 = 1.000/100.500/200.000/198.000 ms",
                "gateway to agent min/avg/max/p99 = 0.001/0.101/0.200/0.198 ms",
            ]
        );
    }

    #[test]
    fn nothing_is_said_of_answers_that_did_not_come() {
        let mut statistics = Statistics::default();
        statistics.asked();
        assert_eq!(statistics.lines("demo"), ["--- demo ---", "1 asked, 0 answered, 100% lost"]);
    }
}
