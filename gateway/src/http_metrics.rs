//! Spans and histograms of HTTP requests.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tracing::{Instrument as _, info_span};

/// The histograms of a process's HTTP requests; clones share them.
#[derive(Debug, Clone)]
pub struct HttpMetrics {
    duration: Family<Labels, Histogram, fn() -> Histogram>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    status: u16,
}

impl HttpMetrics {
    /// Registers `chatmesh_http_duration_seconds{method, status}`. One per process.
    pub fn register(registry: &mut Registry) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.0005, 2.0, 16));
        let metrics = Self { duration: Family::new_with_constructor(histogram) };
        registry.register(
            "chatmesh_http_duration_seconds",
            "How long requests took until their answer began",
            metrics.duration.clone(),
        );
        metrics
    }
}

/// Wraps a request in a span that joins the client's trace, measures it, and tells the client the trace.
pub(crate) async fn observe(State(metrics): State<HttpMetrics>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = method_label(request.method());
    let span = info_span!(
        "http.server",
        otel.kind = "server",
        http.request.method = method,
        url.path = %request.uri().path(),
        http.response.status_code = tracing::field::Empty,
    );
    chatmesh_rpc::trace::adopt(&span, request.headers());
    let traceparent = span.in_scope(chatmesh_rpc::trace::traceparent);
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    span.record("http.response.status_code", status);
    metrics.duration.get_or_create(&Labels { method, status }).observe(began.elapsed().as_secs_f64());
    if let Some(value) = traceparent.and_then(|text| HeaderValue::try_from(text).ok()) {
        response.headers_mut().insert("traceparent", value);
    }
    response
}

fn method_label(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "PUT" => "PUT",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}
