//! Buses of both kinds for a test.

use chatmesh_bus::Bus;

use crate::databases::{report_skip, variable};

/// Names a NATS server for tests: `nats://host:port`.
const NATS_VARIABLE: &str = "CHATMESH_TEST_NATS";

/// A bus to test. The server behind it may serve other tests too: use subjects of your own.
#[derive(Debug)]
pub struct TestBus {
    /// `memory` or `nats`.
    pub kind: &'static str,
    /// The bus.
    pub bus: Bus,
}

/// A bus per kind: memory always, NATS where `CHATMESH_TEST_NATS` names a server. Says loudly
/// where it skips one.
///
/// # Panics
/// The server does not answer.
pub async fn buses() -> Vec<TestBus> {
    let mut found = vec![TestBus { kind: "memory", bus: Bus::memory() }];
    if let Some(url) = nats_url() {
        let bus = Bus::connect(&url).await.expect("the test server answers");
        found.push(TestBus { kind: "nats", bus });
    }
    found
}

/// The NATS server for tests, where one is named. Says loudly where none is.
///
/// # Panics
/// One is required and not named.
#[must_use]
pub fn nats_url() -> Option<String> {
    let url = variable(NATS_VARIABLE);
    if url.is_none() {
        report_skip("nats", NATS_VARIABLE);
    }
    url
}
