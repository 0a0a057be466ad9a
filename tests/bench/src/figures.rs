//! Figures, and how they are printed.

use std::fmt::{self, Display};
use std::io::Write as _;
use std::time::Duration;

use anyhow::ensure;

/// Times, to be asked how they are spread.
#[derive(Debug)]
pub(crate) struct Spread(Vec<Duration>);

impl Spread {
    /// Fails where there are none.
    pub(crate) fn of(mut times: Vec<Duration>) -> anyhow::Result<Self> {
        ensure!(!times.is_empty(), "nothing was measured");
        times.sort_unstable();
        Ok(Self(times))
    }

    /// The time that so many percent do not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100).clamp(1, self.0.len());
        self.0[rank - 1]
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn mean(&self) -> Duration {
        let count = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.iter().sum::<Duration>() / count
    }

    pub(crate) fn median(&self) -> Duration {
        self.percentile(50)
    }
}

impl Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [least, half, most, worst] = [0, 50, 99, 100].map(|percent| millis(self.percentile(percent)));
        write!(f, "min {least:.2} ms, p50 {half:.2} ms, p99 {most:.2} ms, max {worst:.2} ms")
    }
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

/// How many times `other` goes into `one`.
pub(crate) fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

/// Prints a figure. Nobody is left to be told where nobody reads.
pub(crate) fn line(name: &str, value: impl Display) {
    let _ = writeln!(std::io::stdout(), "{name:<34} {value}");
}

/// Prints a row of a table.
pub(crate) fn row(name: &str, cells: &[String]) {
    let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>13}")).collect();
    let _ = writeln!(std::io::stdout(), "{name:<34} {}", cells.join(" "));
}

/// Prints the title of the figures that follow.
pub(crate) fn title(text: impl Display) {
    let _ = writeln!(std::io::stdout(), "\n{text}");
}

/// Prints what all figures depend on.
pub(crate) fn machine() {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let build = if cfg!(debug_assertions) { "a debug build, whose figures mean nothing" } else { "a release build" };
    line("machine", format_args!("{cores} cores for everything, this program and its provider too; {build}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let spread = Spread::of((1..=200).rev().map(Duration::from_millis).collect()).expect("some");
        let of = |percent| millis(spread.percentile(percent));
        assert_eq!([of(0), of(50), of(99), of(100)], [1.0, 100.0, 198.0, 200.0]);
        assert!(Spread::of(Vec::new()).is_err());
    }
}
