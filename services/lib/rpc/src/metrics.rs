//! How many calls, how long, and how they ended.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// The histograms of a process's calls; clones share them.
#[derive(Debug, Clone)]
pub struct RpcMetrics {
    duration: Family<Labels, Histogram, fn() -> Histogram>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: String,
    code: &'static str,
}

impl RpcMetrics {
    /// Registers `chatmesh_rpc_duration_seconds{method, code}`. Registers nothing twice: one per process.
    pub fn register(registry: &mut Registry) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.0005, 2.0, 16));
        let metrics = Self { duration: Family::new_with_constructor(histogram) };
        registry.register(
            "chatmesh_rpc_duration_seconds",
            "How long calls took until their answer began",
            metrics.duration.clone(),
        );
        metrics
    }

    /// Records a call. Methods that do not exist are counted without their names, and so are calls
    /// without an assertion: nobody can fill the memory with names.
    pub(crate) fn record(&self, path: &str, code: &'static str, took: Duration) {
        let known = !matches!(code, "unimplemented" | "unauthenticated");
        let method = if known { path.trim_start_matches('/').to_owned() } else { "unknown".to_owned() };
        self.duration.get_or_create(&Labels { method, code }).observe(took.as_secs_f64());
    }
}

/// The label for a status, from the header that an answer begins with. An answer that begins
/// well may still end badly; such an end is counted by the service that streams.
pub(crate) fn code_label(headers: &http::HeaderMap) -> &'static str {
    match headers.get("grpc-status").map(http::HeaderValue::as_bytes) {
        None | Some(b"0") => "ok",
        Some(b"1") => "canceled",
        Some(b"3") => "invalid_argument",
        Some(b"4") => "deadline_exceeded",
        Some(b"5") => "not_found",
        Some(b"6") => "already_exists",
        Some(b"7") => "permission_denied",
        Some(b"8") => "resource_exhausted",
        Some(b"9") => "failed_precondition",
        Some(b"10") => "aborted",
        Some(b"12") => "unimplemented",
        Some(b"13") => "internal",
        Some(b"14") => "unavailable",
        Some(b"16") => "unauthenticated",
        Some(_) => "unknown",
    }
}
