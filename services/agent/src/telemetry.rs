//! The one place where the agent sets up logs and traces.

use chatmesh_telemetry::{Config, Guard, TelemetryError, init};

/// Logs to standard error; sends traces where `CHATMESH_AGENT_OTLP_ENDPOINT` says. Needs a runtime.
pub(crate) fn start(log: String, otlp_endpoint: Option<String>) -> Result<Guard, TelemetryError> {
    let otlp_endpoint = otlp_endpoint.unwrap_or_default();
    init("chatmesh-agent", &Config { log, otlp_endpoint, ..Config::default() })
}
