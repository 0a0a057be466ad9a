//! An OpenTelemetry collector that keeps what it is sent.

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
pub struct Collector {
    endpoint: String,
    received: Received,
    _server: JoinSet<()>,
}

type Received = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

impl Collector {
    /// Starts a collector on a free port.
    ///
    /// # Panics
    /// There is no port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let received = Received::default();
        let service = TraceServiceServer::new(Receiver(Arc::clone(&received)));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let serving = Server::builder().add_service(service);
            serving.serve_with_incoming(TcpListenerStream::new(listener)).await.expect("the collector serves");
        });
        Self { endpoint, received, _server: server }
    }

    /// Where to send spans.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// All that was sent so far.
    #[must_use]
    pub fn received(&self) -> Vec<ExportTraceServiceRequest> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
