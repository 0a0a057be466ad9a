//! What turns of this process are doing, for the gauge that counts them.

use prometheus_client::metrics::gauge::Gauge;

use crate::metrics::{TurnLabels, TurnMetrics};

/// A turn that runs; it counts as waiting unless a model answers it.
#[derive(Debug)]
pub(super) struct Phase {
    streaming: Gauge,
    waiting: Gauge,
}

/// A model answers. Dropping this ends it.
#[derive(Debug)]
pub(super) struct Streaming<'a>(&'a Phase);

impl Phase {
    pub(super) fn begin(metrics: &TurnMetrics) -> Self {
        let gauge = |labels| metrics.chats.get_or_create(labels).clone();
        let phase = Self { streaming: gauge(&TurnLabels::STREAMING), waiting: gauge(&TurnLabels::WAITING) };
        phase.waiting.inc();
        phase
    }

    pub(super) fn streaming(&self) -> Streaming<'_> {
        self.waiting.dec();
        self.streaming.inc();
        Streaming(self)
    }
}

impl Drop for Streaming<'_> {
    fn drop(&mut self) {
        self.0.streaming.dec();
        self.0.waiting.inc();
    }
}

impl Drop for Phase {
    fn drop(&mut self) {
        self.waiting.dec();
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn a_turn_that_is_dropped_anywhere_is_not_counted_any_more() {
        let metrics = crate::ChatMetrics::register(&mut Registry::default()).turn;
        let counts =
            || [TurnLabels::STREAMING, TurnLabels::WAITING].map(|labels| metrics.chats.get_or_create(&labels).get());
        let phase = Phase::begin(&metrics);
        assert_eq!(counts(), [0, 1]);
        let streaming = phase.streaming();
        assert_eq!(counts(), [1, 0]);
        drop(streaming);
        assert_eq!(counts(), [0, 1]);
        drop(phase);
        assert_eq!(counts(), [0, 0]);
    }
}
