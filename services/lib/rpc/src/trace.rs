//! Trace context (W3C Trace Context) in headers, once for gRPC and HTTP alike.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct HeadersMut<'a>(&'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

/// Reads the trace context that a call carries.
#[must_use]
pub fn extract(headers: &HeaderMap) -> Context {
    // Without a context in the headers a call begins a trace of its own, whatever is current here.
    opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.extract_with_context(&Context::new(), &Headers(headers))
    })
}

/// Makes `span` a child of the span that a call was made in.
pub fn adopt(span: &Span, headers: &HeaderMap) {
    // Fails only where no exporter is configured; then there is no trace to join.
    let _ = span.set_parent(extract(headers));
}

/// Writes the context of the current span into the headers of a call.
pub fn inject(headers: &mut HeaderMap) {
    let context = Span::current().context();
    opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&context, &mut HeadersMut(headers));
    });
}

/// The current span's context in one line (`traceparent`), to be kept beside work that another
/// process may take up; `None` where there is no trace.
#[must_use]
pub fn traceparent() -> Option<String> {
    let mut headers = HeaderMap::new();
    inject(&mut headers);
    headers.get("traceparent").and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Makes `span` a child of the span that `traceparent` names.
pub fn adopt_traceparent(span: &Span, traceparent: &str) {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::try_from(traceparent) {
        headers.insert("traceparent", value);
        adopt(span, &headers);
    }
}
