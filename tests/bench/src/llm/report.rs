//! What was measured, as tables.

use std::time::Duration;

use super::load::Outcome;
use crate::figures::{Spread, mebibytes, row};
use crate::process::Usage;

/// The figures of one measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    per_second: f64,
    /// Calls for each second that the process computed.
    per_cpu_second: Option<f64>,
    /// Microseconds that the process computed for each piece.
    cpu_per_piece: Option<f64>,
    whole: [Duration; 2],
    first: [Duration; 2],
    piece: [Duration; 2],
    resident_bytes: Option<u64>,
}

impl Figures {
    pub(super) fn of(outcome: Outcome, before: Option<Usage>, after: Option<Usage>) -> anyhow::Result<Self> {
        let (calls, pieces) = (outcome.whole.len() as f64, outcome.pieces.len() as f64);
        let cpu = before.zip(after).map(|(before, after)| (after.cpu - before.cpu).as_secs_f64());
        let ends = |times: Vec<Duration>| {
            anyhow::Ok(match times.is_empty() {
                true => [Duration::ZERO; 2],
                false => {
                    let spread = Spread::of(times)?;
                    [spread.percentile(50), spread.percentile(99)]
                }
            })
        };
        Ok(Self {
            per_second: calls / outcome.elapsed.as_secs_f64(),
            per_cpu_second: cpu.map(|cpu| calls / cpu),
            cpu_per_piece: cpu.filter(|_| pieces > 0.0).map(|cpu| cpu * 1e6 / pieces),
            whole: ends(outcome.whole)?,
            first: ends(outcome.first)?,
            piece: ends(outcome.pieces)?,
            resident_bytes: after.map(|usage| usage.resident_bytes),
        })
    }
}

/// The measurements of all targets under one load.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<(String, Vec<Figures>)>,
    is_stream: bool,
}

impl Table {
    pub(super) fn new(names: impl Iterator<Item = String>, stream: Option<usize>) -> Self {
        Self { rows: names.map(|name| (name, Vec::new())).collect(), is_stream: stream.is_some() }
    }

    pub(super) fn add(&mut self, at: usize, figures: Figures) {
        self.rows[at].1.push(figures);
    }

    /// Prints a row for each target, and what of it goes into the peers'.
    pub(super) fn print(&self) {
        let mut head = vec!["per s", "per CPU s", "range", "p50 ms", "p99 ms", "added p50 µs"];
        if self.is_stream {
            head.extend(["first p50 ms", "p99 ms", "piece p50 ms", "p99 ms", "CPU µs/piece"]);
        }
        head.push("MiB");
        row("", &head.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>());
        let direct = self.median("direct", |figures| Some(millis(figures.whole[0])));
        for (name, _) in &self.rows {
            let of = |figure: fn(&Figures) -> Option<f64>, digits: usize| {
                self.median(name, figure).map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
            };
            let added = self.median(name, |figures| Some(millis(figures.whole[0]))).zip(direct);
            let mut cells = vec![
                of(|figures| Some(figures.per_second), 0),
                of(|figures| figures.per_cpu_second, 0),
                self.range(name).unwrap_or_else(|| "-".to_owned()),
                of(|figures| Some(millis(figures.whole[0])), 2),
                of(|figures| Some(millis(figures.whole[1])), 2),
                added.map_or_else(String::new, |(own, direct)| format!("{:+.0}", (own - direct) * 1000.0)),
            ];
            if self.is_stream {
                cells.extend([
                    of(|figures| Some(millis(figures.first[0])), 2),
                    of(|figures| Some(millis(figures.first[1])), 2),
                    of(|figures| Some(millis(figures.piece[0])), 2),
                    of(|figures| Some(millis(figures.piece[1])), 2),
                    of(|figures| figures.cpu_per_piece, 1),
                ]);
            }
            cells.push(of(|figures| figures.resident_bytes.map(mebibytes), 0));
            row(name, &cells);
        }
        for peer in self.rows.iter().map(|(name, _)| name).filter(|name| is_peer(name)) {
            for (name, _) in self.rows.iter().filter(|(name, _)| name.starts_with("ours")) {
                if let Some(ratio) = self.ratio(name, peer) {
                    row(&format!("{name} / {peer}"), &[ratio]);
                }
            }
        }
    }

    /// How many times a peer's work for a second of the processor ours does, and the same of times.
    fn ratio(&self, name: &str, peer: &str) -> Option<String> {
        let [ours, theirs] = [name, peer].map(|name| self.median(name, |figures| figures.per_cpu_second));
        let [own_p99, their_p99] = [name, peer].map(|name| self.median(name, |figures| Some(millis(figures.whole[1]))));
        Some(format!("{:.2} in calls per CPU second, {:.2} in p99", ours? / theirs?, own_p99? / their_p99?))
    }

    fn sorted(&self, name: &str, figure: impl Fn(&Figures) -> Option<f64>) -> Vec<f64> {
        let figures = self.rows.iter().filter(|(own, _)| own == name).flat_map(|(_, figures)| figures);
        let mut values: Vec<f64> = figures.filter_map(figure).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    }

    fn median(&self, name: &str, figure: impl Fn(&Figures) -> Option<f64>) -> Option<f64> {
        let values = self.sorted(name, figure);
        values.get(values.len() / 2).copied()
    }

    /// The least and the most calls per second of the processor.
    fn range(&self, name: &str) -> Option<String> {
        let values = self.sorted(name, |figures| figures.per_cpu_second);
        Some(format!("{:.0}-{:.0}", values.first()?, values.last()?))
    }
}

fn is_peer(name: &str) -> bool {
    name != "direct" && !name.starts_with("ours")
}

fn millis(time: Duration) -> f64 {
    crate::figures::millis(time)
}
