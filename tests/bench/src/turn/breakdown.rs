//! Where the time of a turn goes, from its spans.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::collector::Span;
use crate::figures::{line, millis, title};

/// What is shown: what takes less than this in a turn explains nothing.
const LEAST: Duration = Duration::from_micros(50);

/// The spans of some turns, by name.
#[derive(Debug, Default)]
pub(super) struct Breakdown {
    turns: u32,
    rows: BTreeMap<String, Row>,
}

#[derive(Debug, Default)]
struct Row {
    count: usize,
    /// From begin to end.
    total: Duration,
    /// Without what happened in spans below.
    own: Duration,
}

impl Breakdown {
    /// Each trace is that of a turn.
    pub(super) fn of(traces: &[Vec<Span>]) -> Self {
        let mut breakdown = Self { turns: u32::try_from(traces.len()).unwrap_or(u32::MAX).max(1), ..Self::default() };
        for trace in traces {
            breakdown.add(trace);
        }
        breakdown
    }

    fn add(&mut self, trace: &[Span]) {
        let mut below: HashMap<&[u8], Vec<&Span>> = HashMap::new();
        for span in trace {
            below.entry(&span.parent).or_default().push(span);
        }
        for span in trace {
            let children = below.get(span.id.as_slice()).map_or(&[][..], Vec::as_slice);
            let row = self.rows.entry(span.name.clone()).or_default();
            row.count += 1;
            row.total += Duration::from_nanos(span.ended.saturating_sub(span.began));
            row.own += Duration::from_nanos(alone(span, children));
        }
    }

    fn per_turn(&self, name: &str) -> Duration {
        self.rows.get(name).map_or(Duration::ZERO, |row| row.total / self.turns)
    }

    /// Prints the parts of a turn that took `whole` in the mean, `provider` of it in the provider,
    /// and then all spans.
    pub(super) fn print(&self, whole: Duration, provider: Duration) {
        title(format_args!("  where the time goes, traced: {:.2} ms", millis(whole)));
        let [turn, model, tools, stored, command] =
            ["chat.turn", "llm.generate", "chat.tool", "chat.persist", "process.run"].map(|name| self.per_turn(name));
        let parts = [
            ("the provider itself", provider),
            ("the way to the provider", model.saturating_sub(provider)),
            ("the command itself", command),
            ("the way to the command", tools.saturating_sub(command)),
            ("committing steps", stored),
            ("the rest, other statements too", turn.saturating_sub(model + tools + stored)),
            ("before and after the turn", whole.saturating_sub(turn)),
        ];
        for (name, took) in parts {
            let share = took.as_secs_f64() / whole.as_secs_f64() * 100.0;
            line(&format!("  {name}"), format_args!("{:>8.2} ms {share:>5.1} %", millis(took)));
        }
        line("  by span, per turn", format_args!("{:>8}    {:>8}    {:>5}", "total", "own", "count"));
        let mut rows: Vec<(&String, &Row)> = self.rows.iter().collect();
        rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.own));
        for (name, row) in rows.into_iter().filter(|(_, row)| row.own / self.turns >= LEAST) {
            let [total, own] = [row.total, row.own].map(|time| millis(time / self.turns));
            let count = row.count as f64 / f64::from(self.turns);
            let short = name.rsplit_once('.').filter(|_| name.contains('/')).map_or(name.as_str(), |(_, short)| short);
            line(&format!("    {short}"), format_args!("{total:>8.2} ms {own:>8.2} ms {count:>5.1}"));
        }
    }
}

/// The nanoseconds of a span in which none of its children ran.
fn alone(span: &Span, children: &[&Span]) -> u64 {
    let within = |time: u64| time.max(span.began).min(span.ended);
    let mut inside: Vec<(u64, u64)> = children.iter().map(|child| (within(child.began), within(child.ended))).collect();
    inside.sort_unstable();
    let (mut alone, mut reached) = (0, span.began);
    for (began, ended) in inside {
        alone += began.saturating_sub(reached);
        reached = reached.max(ended);
    }
    alone + span.ended.saturating_sub(reached)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(began: u64, ended: u64) -> Span {
        Span { began, ended, ..Span::default() }
    }

    #[test]
    fn time_in_which_children_overlap_is_taken_off_once() {
        let children = [span(30, 50), span(10, 40), span(90, 200)];
        let children: Vec<&Span> = children.iter().collect();
        assert_eq!(alone(&span(0, 100), &children), 10 + 40);
        assert_eq!(alone(&span(0, 100), &[]), 100);
    }

    #[test]
    fn a_child_that_outlives_its_parent_takes_no_more_than_the_parent_has() {
        assert_eq!(alone(&span(0, 10), &[&span(5, 50)]), 5);
        assert_eq!(alone(&span(0, 10), &[&span(20, 50)]), 10, "it ran later");
    }
}
