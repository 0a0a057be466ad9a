//! What provisioners say of builds. It is kept up to a bound: the newest lines stay, for they say how it ended.

use chatmesh_core::Timestamp;

use super::{LogLevel, MAX_LOG_BYTES};

/// What a line takes besides its texts: as much as leaves room for no more than 10,000 lines.
const LINE_BYTES: i64 = 210;

/// A line of the log of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildLine {
    /// When it was said.
    pub time: Timestamp,
    /// How much it matters.
    pub level: LogLevel,
    /// What was being done.
    pub stage: String,
    /// The line without its end.
    pub text: String,
}

/// A line with its number: 1, 2, 3, ... within the lease on its way in, within the build once it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedBuildLine {
    /// The number.
    pub number: i64,
    /// The line.
    pub line: BuildLine,
}

/// How much of a build's log was recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BuildLedger {
    /// How many lines it had, with those that were lost.
    pub(crate) lines: i64,
    /// What those that were recorded take.
    pub(crate) bytes: i64,
    /// How many of them the provisioner said that has the build now.
    pub(crate) lease_lines: i64,
}

/// A line on its way in, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlacedLine {
    pub(crate) number: i64,
    pub(crate) offset: i64,
    pub(crate) line: BuildLine,
}

impl BuildLine {
    /// What the line takes of [`MAX_LOG_BYTES`].
    fn bytes(&self) -> i64 {
        let texts = self.text.len().saturating_add(self.stage.len());
        i64::try_from(texts).unwrap_or(MAX_LOG_BYTES).saturating_add(LINE_BYTES)
    }
}

impl BuildLedger {
    /// Takes in lines with their numbers within the lease: those that are known are left out, and those that are missing
    /// between them were lost.
    pub(crate) fn take(&mut self, mut lines: Vec<NumberedBuildLine>) -> Vec<PlacedLine> {
        lines.sort_by_key(|line| line.number);
        let mut placed = Vec::with_capacity(lines.len());
        for NumberedBuildLine { number, line } in lines {
            if number <= self.lease_lines {
                continue;
            }
            self.lines = self.lines.saturating_add(number - self.lease_lines);
            self.lease_lines = number;
            let offset = self.bytes;
            self.bytes = self.bytes.saturating_add(line.bytes());
            placed.push(PlacedLine { number: self.lines, offset, line });
        }
        // What would be gone at once need not be written.
        placed.retain(|line| line.offset >= self.first_kept());
        placed
    }

    /// The offset from which on lines are kept.
    pub(crate) fn first_kept(&self) -> i64 {
        self.bytes - MAX_LOG_BYTES
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(number: i64, text: &str) -> NumberedBuildLine {
        let line = BuildLine {
            time: Timestamp::UNIX_EPOCH,
            level: LogLevel::Info,
            stage: String::new(),
            text: text.to_owned(),
        };
        NumberedBuildLine { number, line }
    }

    fn numbers(placed: &[PlacedLine]) -> Vec<i64> {
        placed.iter().map(|line| line.number).collect()
    }

    #[test]
    fn lines_that_come_again_are_left_out_and_those_that_were_lost_leave_a_gap() {
        let mut ledger = BuildLedger::default();
        assert_eq!(numbers(&ledger.take(vec![line(2, "b"), line(1, "a")])), [1, 2]);
        assert_eq!(numbers(&ledger.take(vec![line(1, "a"), line(2, "b"), line(3, "c")])), [3]);
        assert_eq!(numbers(&ledger.take(vec![line(6, "f"), line(6, "f")])), [6]);
        // Another provisioner numbers its own lines.
        ledger.lease_lines = 0;
        assert_eq!(numbers(&ledger.take(vec![line(1, "a"), line(2, "b")])), [7, 8]);
    }

    #[test]
    fn no_more_than_ten_thousand_lines_and_two_mebibytes_are_kept() {
        let mut ledger = BuildLedger::default();
        let kept = ledger.take((1..=12_000).map(|number| line(number, "")).collect());
        assert!((9_900..=10_000).contains(&kept.len()), "{}", kept.len());
        assert_eq!(kept.last().map(|line| line.number), Some(12_000), "the newest stay");
        let long = "x".repeat(8192);
        let kept = ledger.take((12_001..=12_400).map(|number| line(number, &long)).collect());
        assert!(kept.len() * 8192 <= 2 * 1024 * 1024, "{}", kept.len());
    }

    proptest! {
        #[test]
        fn however_lines_are_cut_and_repeated_each_is_kept_once(cuts in prop::collection::vec((0_i64..40, 1_i64..20), 1..12)) {
            let mut ledger = BuildLedger::default();
            let (mut kept, mut next) = (Vec::new(), 1);
            for (back, count) in cuts {
                // Each call begins with what the one before may not have brought.
                let first = (next - back).max(1);
                next = next.max(first + count);
                kept.extend(numbers(&ledger.take((first..first + count).map(|number| line(number, "x")).collect())));
            }
            prop_assert_eq!(kept, (1..next).collect::<Vec<_>>());
        }
    }
}
