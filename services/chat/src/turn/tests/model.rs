//! A model that says what a test tells it to.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_stream::stream;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{ErrorKind, FinishReason, GenerationError, Part, Role, ToolCall, ToolResult, Usage};
use chatmesh_proto::llm::v1::generate_response::Event;
use chatmesh_proto::llm::v1::llm_service_server::LlmService;
use chatmesh_proto::llm::v1::{
    Finish, GenerateRequest, GenerateResponse, PartDelta, PartFinished, PartStarted, ResponseStarted, ToolChoice,
};
use futures::Stream;
use parking_lot::Mutex;
use tonic::{Request, Response, Status};

/// The limit of the model's context, in tokens.
pub(super) const LIMIT: u32 = 1000;
/// From how many percent of it on a conversation is too long.
pub(super) const THRESHOLD: u32 = 70;

/// What comes next.
#[derive(Debug, Clone)]
enum Beat {
    Say(Box<Event>),
    Break(Status),
    Wait(Duration),
    Hang,
}

/// One answer.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    beats: Vec<Beat>,
    parts: u32,
    calls: bool,
    started: ResponseStarted,
    finish: Option<Finish>,
}

impl Reply {
    fn new() -> Self {
        let started = ResponseStarted {
            response_id: String::new(),
            model: "house-1".to_owned(),
            model_name: "house".to_owned(),
            provider: "House".to_owned(),
            context_limit: LIMIT,
            compaction_threshold_percent: THRESHOLD,
            ..ResponseStarted::default()
        };
        Self { beats: Vec::new(), parts: 0, calls: false, started, finish: Some(Finish::default()) }
    }

    /// A text.
    pub(super) fn text(text: &str) -> Self {
        Self::new().and_text(text)
    }

    /// Calls of tools, each `name(args)`; the identifier of the first is `id`-0.
    pub(super) fn calls(id: &str, calls: &[(&str, &str)]) -> Self {
        let named = (0..).zip(calls);
        named.fold(Self::new(), |reply, (number, (name, args))| {
            let call = ToolCall {
                call_id: format!("{id}-{number}"),
                name: (*name).to_owned(),
                args: (*args).to_owned(),
                ..ToolCall::default()
            };
            let begun = ToolCall { args: String::new(), ..call.clone() };
            Self { calls: true, ..reply.part(Body::ToolCall(begun), args, Body::ToolCall(call)) }
        })
    }

    /// A failure instead of an answer.
    pub(super) fn error(error: GenerationError) -> Self {
        let mut reply = Self::new();
        reply.beats.push(Beat::Say(Box::new(Event::Error(error))));
        Self { finish: None, ..reply }
    }

    /// Nobody knows the model.
    pub(super) fn missing() -> Self {
        let mut reply = Self::new();
        reply.beats.push(Beat::Break(Status::not_found("there is no such model")));
        Self { finish: None, ..reply }
    }

    /// A failure that may pass.
    pub(super) fn overloaded() -> Self {
        Self::error(failure(ErrorKind::Overloaded, true))
    }

    /// The prompt is too long.
    pub(super) fn overflow() -> Self {
        Self::error(GenerationError { context_overflow: true, ..failure(ErrorKind::Config, false) })
    }

    /// A search that the provider runs itself, with what it found.
    pub(super) fn search(id: &str) -> Self {
        let call = ToolCall {
            call_id: id.to_owned(),
            name: "web_search".to_owned(),
            args: "{}".to_owned(),
            provider_executed: true,
            ..ToolCall::default()
        };
        let result = ToolResult {
            call_id: id.to_owned(),
            name: "web_search".to_owned(),
            result: "{}".to_owned(),
            provider_executed: true,
            ..ToolResult::default()
        };
        let begun = ToolCall { args: String::new(), ..call.clone() };
        let found = Body::ToolResult(result);
        Self::new().part(Body::ToolCall(begun), "{}", Body::ToolCall(call)).part(found.clone(), "", found)
    }

    /// And a call of a tool that is not the provider's.
    pub(super) fn and_call(self, id: &str, name: &str) -> Self {
        let call =
            ToolCall { call_id: id.to_owned(), name: name.to_owned(), args: "{}".to_owned(), ..ToolCall::default() };
        let begun = ToolCall { args: String::new(), ..call.clone() };
        Self { calls: true, ..self.part(Body::ToolCall(begun), "{}", Body::ToolCall(call)) }
    }

    pub(super) fn and_text(self, text: &str) -> Self {
        self.part(Body::Text(String::new()), text, Body::Text(text.to_owned()))
    }

    fn part(mut self, begun: Body, delta: &str, whole: Body) -> Self {
        let index = self.parts;
        let part = |body| Some(Part { body: Some(body), ..Part::default() });
        for event in [
            Event::PartStarted(PartStarted { index, part: part(begun) }),
            Event::PartDelta(PartDelta { index, text: delta.to_owned() }),
            Event::PartFinished(PartFinished { index, part: part(whole) }),
        ] {
            self.beats.push(Beat::Say(Box::new(event)));
        }
        self.parts += 1;
        self
    }

    /// How many tokens the model read for it.
    pub(super) fn tokens(mut self, input: u32) -> Self {
        if let Some(finish) = &mut self.finish {
            finish.usage = Some(Usage { input_tokens: Some(input), output_tokens: Some(1), ..Usage::default() });
            finish.cost_micros = Some(input);
        }
        self
    }

    /// Why the model stops.
    pub(super) fn because(mut self, reason: FinishReason) -> Self {
        if let Some(finish) = &mut self.finish {
            finish.reason = reason.into();
        }
        self
    }

    /// The provider keeps it under this identifier.
    pub(super) fn stored(mut self, response_id: &str) -> Self {
        self.started.response_stored = true;
        response_id.clone_into(&mut self.started.response_id);
        self
    }

    /// Nothing more comes after what there is, and no end either.
    pub(super) fn hangs(mut self) -> Self {
        self.beats.push(Beat::Hang);
        self
    }

    /// Nothing of it comes before this time.
    pub(super) fn late(mut self, by: Duration) -> Self {
        self.beats.insert(0, Beat::Wait(by));
        self
    }

    /// The connection breaks after what there is.
    pub(super) fn breaks(mut self) -> Self {
        self.beats.push(Beat::Break(Status::unavailable("the connection was lost")));
        self
    }

    fn into_beats(self) -> Vec<Beat> {
        let reason = if self.calls { FinishReason::ToolCalls } else { FinishReason::Stop };
        let started = Beat::Say(Box::new(Event::ResponseStarted(self.started)));
        let finish = self.finish.map(|mut finish| {
            if finish.reason() == FinishReason::Unspecified {
                finish.reason = reason.into();
            }
            Beat::Say(Box::new(Event::Finish(finish)))
        });
        std::iter::once(started).chain(self.beats).chain(finish).collect()
    }
}

pub(super) fn failure(kind: ErrorKind, retryable: bool) -> GenerationError {
    GenerationError {
        message: format!("it went wrong: {}", kind.as_str_name()),
        kind: kind.into(),
        provider: "House".to_owned(),
        retryable,
        ..GenerationError::default()
    }
}

/// A model; clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Model(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    replies: Mutex<VecDeque<Reply>>,
    summaries: Mutex<VecDeque<Reply>>,
    asked: Mutex<Vec<GenerateRequest>>,
}

impl Model {
    /// What it answers next, after what it was told before. With nothing left it says that it is done.
    pub(super) fn then(&self, reply: Reply) -> &Self {
        self.0.replies.lock().push_back(reply);
        self
    }

    /// What it answers next where it may call no tools.
    pub(super) fn then_summarises(&self, reply: Reply) -> &Self {
        self.0.summaries.lock().push_back(reply);
        self
    }

    /// What it was asked, summaries excepted.
    pub(super) fn asked(&self) -> Vec<GenerateRequest> {
        self.requests(|request| !is_summary(request))
    }

    /// What it was asked to summarise.
    pub(super) fn asked_to_summarise(&self) -> Vec<GenerateRequest> {
        self.requests(is_summary)
    }

    fn requests(&self, which: impl Fn(&GenerateRequest) -> bool) -> Vec<GenerateRequest> {
        self.0.asked.lock().iter().filter(|request| which(request)).cloned().collect()
    }
}

fn is_summary(request: &GenerateRequest) -> bool {
    request.tool_choice() == ToolChoice::None
}

#[tonic::async_trait]
impl LlmService for Model {
    type GenerateStream = Pin<Box<dyn Stream<Item = Result<GenerateResponse, Status>> + Send>>;

    async fn generate(&self, request: Request<GenerateRequest>) -> Result<Response<Self::GenerateStream>, Status> {
        let request = request.into_inner();
        let reply = if is_summary(&request) {
            self.0.summaries.lock().pop_front().unwrap_or_else(|| Reply::text("a summary").tokens(50))
        } else {
            self.0.replies.lock().pop_front().unwrap_or_else(|| Reply::text("done").tokens(10))
        };
        self.0.asked.lock().push(request);
        Ok(Response::new(Box::pin(stream! {
            for beat in reply.into_beats() {
                match beat {
                    Beat::Say(event) => yield Ok(GenerateResponse { event: Some(*event) }),
                    Beat::Break(status) => {
                        yield Err(status);
                        return;
                    }
                    Beat::Wait(time) => tokio::time::sleep(time).await,
                    Beat::Hang => std::future::pending::<()>().await,
                }
            }
        })))
    }
}

/// A prompt, a line per part, without instructions.
pub(super) fn told(request: &GenerateRequest) -> Vec<String> {
    let messages = request.messages.iter().filter(|message| message.role() != Role::System);
    let line = |role: Role, part: &Part| match &part.body {
        Some(Body::Text(text)) => format!("{}: {text}", word(role)),
        Some(Body::ToolCall(call)) => format!("{}: [call {}]", word(role), call.call_id),
        Some(Body::ToolResult(result)) => format!("{}: [result {}]", word(role), result.call_id),
        other => format!("{other:?}"),
    };
    messages.flat_map(|message| message.parts.iter().map(move |part| line(message.role(), part))).collect()
}

pub(super) fn word(role: Role) -> &'static str {
    match role {
        Role::Unspecified => "nobody",
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}
