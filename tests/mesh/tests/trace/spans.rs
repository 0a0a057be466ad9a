//! The spans of one trace, and what must be so of them.

use chatmesh_mesh_tests::Collector;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;

/// A span, as far as it matters here.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) service: String,
    id: String,
    parent: String,
}

fn service_name(process: &ResourceSpans) -> String {
    let attributes = process.resource.iter().flat_map(|resource| &resource.attributes);
    let mut names = attributes.filter(|attribute| attribute.key == "service.name");
    match names.next().and_then(|name| name.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(name)) => name.clone(),
        other => panic!("a process without a name: {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The spans with one trace id.
#[derive(Debug)]
pub(crate) struct Trace(Vec<Span>);

impl Trace {
    /// What a collector has of a trace.
    pub(crate) fn of(collector: &Collector, id: &str) -> Self {
        let mut spans = Vec::new();
        for process in collector.received().into_iter().flat_map(|request| request.resource_spans) {
            let service = service_name(&process);
            let own = process.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.extend(own.filter(|span| hex(&span.trace_id) == id).map(|span| Span {
                name: span.name,
                service: service.clone(),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
            }));
        }
        Self(spans)
    }

    pub(crate) fn spans(&self) -> impl Iterator<Item = &Span> {
        self.0.iter()
    }

    /// The process that made the first span with this name.
    pub(crate) fn service_of(&self, name: &str) -> &str {
        &self.named(name).service
    }

    /// Every span's parent must be in the trace, or be the client's own span.
    pub(crate) fn assert_whole(&self, client_span: &str) {
        for span in self.spans() {
            let known = span.parent == client_span || self.parent(span).is_some();
            assert!(known, "the parent {} of {} is not in the trace", span.parent, span.name);
        }
        let outermost: Vec<&str> =
            self.spans().filter(|span| span.parent == client_span).map(|span| span.name.as_str()).collect();
        assert_eq!(outermost, ["http.server"], "the client's request is where the trace begins");
    }

    /// From the first of these names, the others must come in this order on the way back.
    pub(crate) fn assert_way_back(&self, names: &[&str]) {
        let mut way = vec![self.named(names[0])];
        while let Some(parent) = self.parent(way[way.len() - 1]) {
            way.push(parent);
        }
        let way: Vec<&str> = way.into_iter().map(|span| span.name.as_str()).collect();
        let mut rest = way.iter();
        for name in names {
            assert!(rest.any(|found| found == name), "no `{name}` where it should be on the way back: {way:#?}");
        }
    }

    /// Shows the trace as a tree.
    #[expect(clippy::print_stdout, reason = "the trace is read with --nocapture")]
    pub(crate) fn print(&self) {
        for span in self.spans().filter(|span| self.parent(span).is_none()) {
            let mut open = vec![(0, span)];
            while let Some((depth, span)) = open.pop() {
                println!("{:depth$}{} ({})", "", span.name, span.service, depth = depth * 2);
                open.extend(self.spans().filter(|child| child.parent == span.id).map(|child| (depth + 1, child)));
            }
        }
    }

    fn named(&self, name: &str) -> &Span {
        let names: Vec<&str> = self.spans().map(|span| span.name.as_str()).collect();
        self.spans().find(|span| span.name == name).unwrap_or_else(|| panic!("no `{name}` in the trace: {names:#?}"))
    }

    fn parent(&self, span: &Span) -> Option<&Span> {
        self.spans().find(|other| other.id == span.parent)
    }
}
