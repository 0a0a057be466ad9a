//! An OpenTelemetry collector that keeps the spans that it is sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// A collector; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Collector {
    endpoint: String,
    received: Received,
    _server: JoinSet<()>,
}

/// What was received so far, by trace.
type Received = Arc<Mutex<HashMap<Vec<u8>, Vec<Span>>>>;

/// A span, as far as it matters here.
#[derive(Debug, Clone, Default)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) id: Vec<u8>,
    pub(crate) parent: Vec<u8>,
    /// Nanoseconds since the epoch.
    pub(crate) began: u64,
    pub(crate) ended: u64,
}

impl Collector {
    /// Starts a collector on a free port.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let received = Received::default();
        let service = TraceServiceServer::new(Receiver(Arc::clone(&received)));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let serving = Server::builder().add_service(service);
            // Where it ends early, spans are missing, which is seen by who looks for them.
            let _ = serving.serve_with_incoming(TcpListenerStream::new(listener)).await;
        });
        Ok(Self { endpoint, received, _server: server })
    }

    /// Where to send spans.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The traces with a span of this name, the earliest first.
    pub(crate) fn traces_with(&self, name: &str) -> Vec<Vec<Span>> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let named = |trace: &&Vec<Span>| trace.iter().any(|span| span.name == name);
        let mut traces: Vec<Vec<Span>> = received.values().filter(named).cloned().collect();
        traces.sort_by_key(|trace| trace.iter().map(|span| span.began).min());
        traces
    }
}

#[derive(Debug)]
struct Receiver(Received);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut received = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let scopes = request.into_inner().resource_spans.into_iter().flat_map(|process| process.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            received.entry(span.trace_id).or_default().push(Span {
                name: span.name,
                id: span.span_id,
                parent: span.parent_span_id,
                began: span.start_time_unix_nano,
                ended: span.end_time_unix_nano,
            });
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
