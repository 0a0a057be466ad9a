//! Logs and traces of a process: to standard error as text or JSON, and to an OpenTelemetry
//! collector where one is named.

mod lines;

use std::io::IsTerminal as _;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use lines::Written;

/// How long standard error is waited for at the end.
const LAST_LINES: Duration = Duration::from_secs(2);
/// The library of MCP; what is worth telling of servers, those say who use it.
const MCP_LIBRARY: &str = "rmcp";

/// What to log and where to send traces.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Which events to log, in the language of `tracing_subscriber::EnvFilter`. What the library of MCP says is left out
    /// unless `rmcp` is named.
    pub log: String,
    /// How to log.
    pub format: Format,
    /// The collector's OTLP/gRPC address; traces are not exported where it is empty.
    pub otlp_endpoint: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { log: "info".to_owned(), format: Format::Auto, otlp_endpoint: String::new() }
    }
}

/// How to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// One line of text per event.
    Text,
    /// One JSON object per event.
    Json,
}

/// Telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("telemetry.log is not a filter: {0}")]
    InvalidFilter(#[from] ParseError),
    /// The exporter could not be made.
    #[error("telemetry.otlp_endpoint cannot be used: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The system gives no thread that writes the log.
    #[error("no thread can be started that writes the log: {0}")]
    Thread(#[source] std::io::Error),
}

/// Keeps the exporter; what is still in it is sent by [`Guard::flush`]. What was logged is written
/// when this is dropped.
#[derive(Debug)]
pub struct Guard {
    provider: Option<SdkTracerProvider>,
    written: Written,
}

impl Guard {
    /// Sends what the exporter still holds, for at most a few seconds. Blocks: call it last.
    pub fn flush(mut self) {
        if let Some(provider) = self.provider.take() {
            // Nothing is left that could report a failure.
            let _ = provider.shutdown();
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.written.wait(LAST_LINES);
    }
}

/// Sets up logs and traces of the process under the name `service`. Call it once, within a tokio runtime.
///
/// # Errors
/// The configuration cannot be used.
pub fn init(service: &'static str, config: &Config) -> Result<Guard, TelemetryError> {
    global::set_text_map_propagator(TraceContextPropagator::new());
    let filter = filter(&config.log)?;
    let json = match config.format {
        Format::Auto => !std::io::stderr().is_terminal(),
        Format::Text => false,
        Format::Json => true,
    };
    let notice = move |dropped| missing(dropped, json);
    let (lines, written) = lines::start(std::io::stderr(), notice).map_err(TelemetryError::Thread)?;
    let text = fmt::layer().with_writer(lines);
    let log = if json { text.json().flatten_event(true).boxed() } else { text.compact().boxed() };

    let provider = tracer_provider(service, &config.otlp_endpoint)?;
    let traces = provider
        .as_ref()
        .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("chatmesh")).with_filter(spans()));
    // A second call, as in a test binary, keeps the first set-up.
    let _ = tracing_subscriber::registry().with(log.with_filter(filter)).with(traces).try_init();
    Ok(Guard { provider, written })
}

/// What is logged.
fn filter(log: &str) -> Result<EnvFilter, ParseError> {
    let filter = EnvFilter::builder().parse(log)?;
    let is_named = log.split(',').any(|directive| directive.trim_start().starts_with(MCP_LIBRARY));
    // It logs what servers answered, and the names of sessions, which are as good as credentials.
    Ok(if is_named { filter } else { filter.add_directive(format!("{MCP_LIBRARY}=off").parse()?) })
}

/// A line in the place of those that were dropped.
fn missing(lines: u64, json: bool) -> String {
    let message = format!("{lines} lines of the log are missing here: standard error was not read in time");
    if json {
        format!("{{\"level\":\"WARN\",\"message\":\"{message}\",\"target\":\"chatmesh_telemetry\"}}\n")
    } else {
        format!(" WARN chatmesh_telemetry: {message}\n")
    }
}

/// Traces hold the mesh's own spans, whatever is logged.
fn spans() -> tracing_subscriber::filter::FilterFn {
    tracing_subscriber::filter::filter_fn(|metadata| metadata.is_span() && metadata.target().starts_with("chatmesh"))
}

fn tracer_provider(service: &'static str, endpoint: &str) -> Result<Option<SdkTracerProvider>, TelemetryError> {
    if endpoint.is_empty() {
        return Ok(None);
    }
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    let resource = Resource::builder().with_attribute(KeyValue::new("service.name", service)).build();
    Ok(Some(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;
    use tracing::{Level, enabled};

    use super::*;

    /// Says whether errors of the library of MCP and of the mesh are logged.
    fn logged(log: &str) -> (bool, bool) {
        let subscriber = tracing_subscriber::registry().with(filter(log).expect("a filter"));
        with_default(subscriber, || {
            let of_library = enabled!(target: "rmcp::transport::worker", Level::ERROR);
            (of_library, enabled!(target: "chatmesh_tools", Level::ERROR))
        })
    }

    /// M15: it logs what servers say, and the names of sessions.
    #[test]
    fn m15_the_library_of_mcp_is_silent_unless_it_is_named() {
        let default = Config::default().log;
        for log in [default.as_str(), "debug", "warn,hyper=debug", "trace,chatmesh_mcp=trace", "chatmesh_tools=info"] {
            assert_eq!(logged(log), (false, true), "{log}");
        }
        for log in ["info,rmcp=debug", "rmcp::transport=trace,chatmesh_tools=info"] {
            assert_eq!(logged(log), (true, true), "{log}");
        }
        assert!(filter("rmcp=loud").is_err());
    }
}
