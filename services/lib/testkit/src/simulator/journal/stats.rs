//! Sums over all requests.

use std::time::Duration;

use serde::Serialize;

/// Sums over all requests to providers' endpoints.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Stats {
    /// The requests received.
    pub requests: u64,
    /// Those whose response is not complete yet.
    pub in_flight: u64,
    /// Those whose response was sent to its end.
    pub completed: u64,
    /// Those that a script broke off.
    pub broken: u64,
    /// Those whose client went away.
    pub abandoned: u64,
    /// Those answered with a status of 400 or more.
    pub errors: u64,
    /// The milliseconds that the simulator itself took, with scripted delays and without
    /// waiting for clients.
    pub simulator_ms: f64,
    /// The milliseconds from whole requests to the ends of their responses.
    pub wall_ms: f64,
}

impl Stats {
    pub(super) fn add_times(&mut self, simulator: Duration, wall: Duration) {
        self.simulator_ms += simulator.as_secs_f64() * 1000.0;
        self.wall_ms += wall.as_secs_f64() * 1000.0;
    }
}
