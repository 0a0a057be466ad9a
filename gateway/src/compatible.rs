//! The endpoints that SDKs of OpenAI and Anthropic speak to. Bodies pass as they are: the service
//! that calls models reads them, and writes what comes back. What goes wrong before it is asked is
//! told here, in the shape that the SDK knows.

mod refusal;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::llm::v1::compatible_service_client::CompatibleServiceClient;
use chatmesh_proto::llm::v1::{ClientProtocol, CompatibleOperation, ForwardRequest, ForwardResponse, HttpHeader};
use chatmesh_rpc::client::Peer;
use futures::StreamExt as _;
use http_body_util::LengthLimitError;
use tonic::{Status, Streaming};

use self::refusal::Refusal;
use crate::authenticate::Authenticator;
use crate::forward::with_assertion;

/// The largest body, in bytes: a prompt with images in it.
const MAX_BODY_BYTES: usize = 48 * 1024 * 1024;
/// The name under which Anthropic's SDKs send their key.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Anthropic's SDKs send it with everything, also where the address is the same as OpenAI's.
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");

/// The headers of a client that the service may need. Credentials are none of them.
const PASSED: [&str; 5] =
    ["anthropic-version", "anthropic-beta", "openai-beta", "idempotency-key", "x-stainless-retry-count"];

/// What the endpoints stand on.
#[derive(Debug, Clone)]
pub(crate) struct Compatible {
    llm: Peer,
    authenticator: Authenticator,
}

impl Compatible {
    pub(crate) fn new(llm: Peer, authenticator: Authenticator) -> Self {
        Self { llm, authenticator }
    }

    /// The routes, at the top and under the name of each family.
    pub(crate) fn router(self) -> Router {
        let openai = Router::new()
            .route("/v1/chat/completions", any(chat_completions))
            .route("/v1/responses", any(responses))
            .route("/v1/models", any(openai_models))
            .route("/v1/models/{*model}", any(openai_model));
        let anthropic = Router::new()
            .route("/v1/messages", any(messages))
            .route("/v1/messages/count_tokens", any(count_tokens))
            .route("/v1/models", any(anthropic_models))
            .route("/v1/models/{*model}", any(anthropic_model));
        Router::new()
            .route("/v1/chat/completions", any(chat_completions))
            .route("/v1/responses", any(responses))
            .route("/v1/messages", any(messages))
            .route("/v1/messages/count_tokens", any(count_tokens))
            .route("/v1/models", any(models))
            .route("/v1/models/{*model}", any(model))
            .nest("/openai", openai)
            .nest("/anthropic", anthropic)
            .with_state(self)
    }
}

async fn chat_completions(State(state): State<Compatible>, request: Request) -> Response {
    state.post(ClientProtocol::ChatCompletions, CompatibleOperation::Generate, request).await
}

async fn responses(State(state): State<Compatible>, request: Request) -> Response {
    state.post(ClientProtocol::Responses, CompatibleOperation::Generate, request).await
}

async fn messages(State(state): State<Compatible>, request: Request) -> Response {
    state.post(ClientProtocol::Messages, CompatibleOperation::Generate, request).await
}

async fn count_tokens(State(state): State<Compatible>, request: Request) -> Response {
    state.post(ClientProtocol::Messages, CompatibleOperation::CountTokens, request).await
}

async fn models(State(state): State<Compatible>, request: Request) -> Response {
    state.get(family(request.headers()), String::new(), request).await
}

async fn model(State(state): State<Compatible>, Path(model): Path<String>, request: Request) -> Response {
    state.get(family(request.headers()), model, request).await
}

async fn openai_models(State(state): State<Compatible>, request: Request) -> Response {
    state.get(ClientProtocol::ChatCompletions, String::new(), request).await
}

async fn openai_model(State(state): State<Compatible>, Path(model): Path<String>, request: Request) -> Response {
    state.get(ClientProtocol::ChatCompletions, model, request).await
}

async fn anthropic_models(State(state): State<Compatible>, request: Request) -> Response {
    state.get(ClientProtocol::Messages, String::new(), request).await
}

async fn anthropic_model(State(state): State<Compatible>, Path(model): Path<String>, request: Request) -> Response {
    state.get(ClientProtocol::Messages, model, request).await
}

/// Whose SDK asks for models.
fn family(headers: &HeaderMap) -> ClientProtocol {
    if headers.contains_key(ANTHROPIC_VERSION) { ClientProtocol::Messages } else { ClientProtocol::ChatCompletions }
}

impl Compatible {
    async fn post(&self, protocol: ClientProtocol, operation: CompatibleOperation, request: Request) -> Response {
        self.answer(protocol, operation, Method::POST, String::new(), request).await
    }

    async fn get(&self, protocol: ClientProtocol, model: String, request: Request) -> Response {
        let operation = if model.is_empty() { CompatibleOperation::ListModels } else { CompatibleOperation::GetModel };
        self.answer(protocol, operation, Method::GET, model, request).await
    }

    async fn answer(
        &self,
        protocol: ClientProtocol,
        operation: CompatibleOperation,
        method: Method,
        model: String,
        request: Request,
    ) -> Response {
        let request_id = SystemIds.next().to_string();
        let asked = Asked { protocol, operation, method, model, request_id: &request_id };
        match self.try_answer(asked, request).await {
            Ok(response) => response,
            Err(refusal) => refusal.response(protocol, &request_id),
        }
    }

    async fn try_answer(&self, asked: Asked<'_>, request: Request) -> Result<Response, Refusal> {
        if request.method() != asked.method {
            return Err(Refusal::Method(asked.method));
        }
        let (mut parts, body) = request.into_parts();
        bear_key(&mut parts.headers);
        self.authenticator.admit(&mut parts.headers).await.map_err(Refusal::Status)?;
        let body = read(&parts.headers, body).await?;
        let message = ForwardRequest {
            protocol: asked.protocol.into(),
            operation: asked.operation.into(),
            body,
            headers: passed(&parts.headers),
            model: asked.model,
            request_id: asked.request_id.to_owned(),
        };
        let mut llm = CompatibleServiceClient::new(self.llm.clone())
            .max_decoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES);
        let mut pieces =
            llm.forward(with_assertion(&parts.headers, message)).await.map_err(Refusal::Status)?.into_inner();
        let first = pieces.message().await.map_err(Refusal::Status)?;
        let first = first.ok_or_else(|| Refusal::Status(Status::unavailable("the answer did not begin")))?;
        Ok(response(first, pieces))
    }
}

/// What a client asked for.
struct Asked<'a> {
    protocol: ClientProtocol,
    operation: CompatibleOperation,
    method: Method,
    model: String,
    request_id: &'a str,
}

/// Puts a key that came under Anthropic's name where tokens are.
fn bear_key(headers: &mut HeaderMap) {
    let Some(key) = headers.remove(X_API_KEY) else { return };
    if headers.contains_key(header::AUTHORIZATION) {
        return;
    }
    let bearer = key.to_str().ok().and_then(|key| HeaderValue::try_from(format!("Bearer {key}")).ok());
    if let Some(bearer) = bearer {
        headers.insert(header::AUTHORIZATION, bearer);
    }
}

fn passed(headers: &HeaderMap) -> Vec<HttpHeader> {
    let known = PASSED.iter().filter_map(|name| {
        let value = headers.get(*name)?.to_str().ok()?;
        Some(HttpHeader { name: (*name).to_owned(), value: value.to_owned() })
    });
    known.collect()
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(Refusal::TooLarge(MAX_BODY_BYTES));
    }
    to_bytes(body, MAX_BODY_BYTES).await.map_err(|error| {
        let limited = std::error::Error::source(&error).is_some_and(|source| source.is::<LengthLimitError>());
        if limited {
            Refusal::TooLarge(MAX_BODY_BYTES)
        } else {
            Refusal::Status(Status::invalid_argument(format!("the body could not be read to its end: {error}")))
        }
    })
}

/// The answer in HTTP. Where it has no end yet, its pieces follow as they come; dropping the body
/// drops the call, and with it the provider's request.
fn response(first: ForwardResponse, pieces: Streaming<ForwardResponse>) -> Response {
    let head = first.head.unwrap_or_default();
    let body = if first.last {
        Body::from(first.chunk)
    } else {
        let begun = (!first.chunk.is_empty()).then_some(Ok(first.chunk));
        let rest = pieces.map(|piece| piece.map(|piece| piece.chunk));
        let is_piece =
            |piece: &Result<Bytes, Status>| std::future::ready(!matches!(piece, Ok(piece) if piece.is_empty()));
        Body::from_stream(futures::stream::iter(begun).chain(rest).filter(is_piece))
    };
    let mut response = Response::new(body);
    *response.status_mut() = u16::try_from(head.status)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or(StatusCode::BAD_GATEWAY);
    for HttpHeader { name, value } in head.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
