//! Spans of the agent belong to the caller's trace.

use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Context, global};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span, SpanData, SpanProcessor};
use tonic::Request;
use tracing_subscriber::layer::SubscriberExt as _;

use super::{command, connected, process, wait};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Hands on every span that ended.
#[derive(Debug)]
struct Ended(Sender<SpanData>);

impl SpanProcessor for Ended {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let _ = self.0.send(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[tokio::test]
async fn the_span_of_a_process_belongs_to_the_callers_trace_and_does_not_tell_its_command() {
    global::set_text_map_propagator(TraceContextPropagator::new());
    let (sender, ended) = channel();
    let provider = SdkTracerProvider::builder().with_span_processor(Ended(sender)).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));

    let (_relay, agent, session) = connected().await;
    let mut request = Request::new(command("echo secret", ""));
    let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
    request.metadata_mut().insert("traceparent", parent.parse().expect("value"));
    let started = session.processes().start_process(request).await.expect("started").into_inner();
    wait(&session, &process(&started).id, 60_000).await.expect("waited");
    agent.shutdown.cancel();
    agent.end().await.expect("a clean end");

    let spans: Vec<SpanData> = ended.try_iter().filter(|span| span.name == "process.run").collect();
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].span_context.trace_id().to_string(), TRACE);
    let attributes = format!("{:?}", spans[0].attributes);
    assert!(attributes.contains("process.exit.code") && !attributes.contains("secret"), "{attributes}");
}
