//! Calls models: encodes the request, sends it, and turns whatever comes back, or does not come
//! back, into one stream of events.

mod drive;
mod pass;
mod reply;
mod sign_in;
mod tap;
mod target;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use async_stream::stream;
use chatmesh_proto::common::v1::ProviderMetadata;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::llm::v1::{GenerateRequest, GenerateResponse, ModelOptions, ProviderType, Warning};
use futures::{Stream, StreamExt, TryStreamExt as _};
use prost::Message as _;
use reqwest::redirect;
use tokio::time::Instant;

pub(crate) use self::drive::Limits;
use self::drive::drive;
pub(crate) use self::pass::Passed;
use self::reply::Reply;
use self::sign_in::Tokens;
pub use self::tap::Tap;
pub use self::target::Target;
use crate::classify::{Cause, Failure};
use crate::codec::{Call, Codec, Encoded, Event, Kept, ResponseContext, call_ids, google, tool_names};
use crate::provider::{Composition, address, compose, endpoint};
use crate::simulated::{self, Simulated};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often an idle connection with open streams is asked whether it still exists, and for how
/// long the answer may take.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Flow control of HTTP/2: what a stream holds that nobody reads for a while.
const STREAM_WINDOW: u32 = 1024 * 1024;

/// As much as a thousand streams hold that nobody reads: the others on the connection go on. It also says how
/// many small frames may wait before the connection is given up as an attack, and every token is one.
const CONNECTION_WINDOW: u32 = 1024 * STREAM_WINDOW;

/// A client of providers. Cheap to clone; all clones share their connections.
#[derive(Debug, Clone)]
pub struct ProviderClient {
    http: reqwest::Client,
    tokens: Tokens,
    simulated: Simulated,
}

impl ProviderClient {
    /// Builds the client. It never retries and never follows a redirect: whoever calls it owns
    /// the retries, and a key goes where it was configured to go and nowhere else.
    ///
    /// # Errors
    /// The TLS library has no crypto provider or no roots; binaries install a provider at start.
    pub fn build() -> Result<Self, reqwest::Error> {
        Self::from_builder(reqwest::Client::builder())
    }

    fn from_builder(builder: reqwest::ClientBuilder) -> Result<Self, reqwest::Error> {
        let http = builder
            .user_agent(concat!("chatmesh/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .tcp_keepalive(KEEP_ALIVE)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .http2_keep_alive_timeout(KEEP_ALIVE)
            .build()?;
        Ok(Self { tokens: Tokens::new(http.clone()), http, simulated: Simulated::default() })
    }

    /// Sets how the simulated provider behaves.
    #[must_use]
    pub fn with_simulated(mut self, simulated: Simulated) -> Self {
        self.simulated = simulated;
        self
    }

    /// Calls a model once. The stream ends with exactly one `finish` or `error`; failures are
    /// events and never anything else. Dropping the stream ends the provider's request at once.
    pub fn generate(
        &self,
        target: Target,
        request: GenerateRequest,
    ) -> impl Stream<Item = GenerateResponse> + Send + use<> {
        let events = self.call(Arc::new(target), Arc::new(request), How::default());
        events.map(|event| GenerateResponse { event: Some(event) })
    }

    /// As [`Self::generate`], for who makes several calls of one request.
    pub(crate) fn call(
        &self,
        target: Arc<Target>,
        mut request: Arc<GenerateRequest>,
        how: How,
    ) -> impl Stream<Item = Event> + Send + use<> {
        let client = self.clone();
        stream! {
            if target.provider_type == ProviderType::Simulated {
                let mut events = std::pin::pin!(simulated::generate(client.simulated, &target, &request));
                while let Some(event) = events.next().await {
                    yield event;
                }
                return;
            }
            let How { start_by, tap, is_short } = how;
            let mut limits = Limits::of(&request, Instant::now());
            limits.start = start_by.map_or(limits.start, |start_by| start_by.min(limits.start));
            let mut given: Vec<Warning> = Vec::new();
            let mut may_strip = true;
            let mut may_renew = true;
            let (codec, context, reply) = loop {
                let prepared = match client.tokens.sign_in(&target, limits.start).await {
                    Ok(signed) => Outgoing::prepare(&signed, &request, is_short),
                    Err(failure) => Err(failure),
                };
                let outgoing = match prepared {
                    Ok(outgoing) => outgoing,
                    Err(failure) => {
                        yield Event::Error(target.classifier().classify(&failure));
                        return;
                    }
                };
                let Outgoing { codec, http, warnings, kept } = outgoing;
                if let Some(tap) = &tap {
                    tap.sent(http.body());
                }
                for warning in warnings {
                    if !given.contains(&warning) {
                        given.push(warning.clone());
                        yield Event::Warning(warning);
                    }
                }
                let failure = match reply::send(&client.http, http, codec, limits, tap.as_ref()).await {
                    Ok(reply) => {
                        let used = call_ids::used(&request);
                        let renamed_tools = tool_names::renamed(&request.tools);
                        break (codec, ResponseContext { kept, renamed_tools, ..target.response_context(used) }, reply);
                    }
                    Err(failure) => failure,
                };
                // A token may end before its time, such as with a change of the account's roles.
                let is_stale = failure.status == Some(401) && std::mem::replace(&mut may_renew, false);
                if is_stale && client.tokens.forget(&target).await {
                    continue;
                }
                // Reasoning is bound to who was given it; without it the conversation goes on.
                let is_refused = may_strip && target.classifier().refuses_reasoning(&failure);
                may_strip = false;
                if !is_refused || !strip_reasoning(Arc::make_mut(&mut request)) {
                    yield Event::Error(target.classifier().classify(&failure));
                    return;
                }
            };
            // The prompt is on its way; a long answer need not keep a second copy of it alive, where
            // nobody else wants to send it again.
            drop(request);
            match reply {
                Reply::Whole(body) => {
                    if let Some(tap) = &tap {
                        tap.received(&body);
                    }
                    let mut events = Vec::new();
                    codec.decode_unary(context, &body, &mut events);
                    for event in events {
                        yield event;
                    }
                }
                Reply::Stream(body) => {
                    let body = body.inspect_ok(move |bytes| {
                        if let Some(tap) = &tap {
                            tap.received(bytes);
                        }
                    });
                    let mut events = std::pin::pin!(drive(body, codec.decoder(context), limits));
                    while let Some(event) = events.next().await {
                        yield event;
                    }
                }
            }
        }
    }
}

/// What a caller that makes several calls wants of one of them.
#[derive(Debug, Default)]
pub(crate) struct How {
    /// Until when the first part must have come, where that is earlier than what the request says.
    pub(crate) start_by: Option<Instant>,
    /// Hears what is sent and what comes back.
    pub(crate) tap: Option<Tap>,
    /// The answer is a short one that nobody reads piece by piece: the provider may send it as one document. Of
    /// a long one, the pieces show that the provider is still there.
    pub(crate) is_short: bool,
}

/// A request that is ready to be sent.
struct Outgoing {
    codec: &'static dyn Codec,
    http: http::Request<bytes::Bytes>,
    warnings: Vec<Warning>,
    kept: Kept,
}

impl Outgoing {
    fn prepare(target: &Target, request: &GenerateRequest, is_short: bool) -> Result<Self, Failure> {
        let composition = compose(target.provider_type, &target.settings, &target.model)?;
        let codec = composition.codec;
        let options = match &request.options {
            Some(own) => Cow::Owned(overridden(&target.options, own)?),
            None => Cow::Borrowed(&target.options),
        };
        let call = Call { request, model: &target.model, options: &options };
        let Encoded { path, headers, body, warnings, kept } =
            if is_short { codec.encode_unary(&call)? } else { codec.encode(&call)? };
        let http = Self::address(target, &composition, &path, headers, body)?;
        Ok(Self { codec, http, warnings, kept })
    }

    /// A request with the address and the key of its target.
    fn address(
        target: &Target,
        composition: &Composition,
        path: &str,
        headers: http::HeaderMap,
        body: bytes::Bytes,
    ) -> Result<http::Request<bytes::Bytes>, Failure> {
        let Composition { base_url, auth, .. } = composition;
        let base_url = match (target.base_url.as_str(), base_url) {
            ("", Some(base_url)) => base_url,
            ("", None) => {
                return Err(Failure::configuration(
                    "the provider has no address; set its base URL, or its project on Vertex AI",
                ));
            }
            (base_url, _) => base_url,
        };
        let base_url = address(target.provider_type, &target.settings, base_url)?;
        let url = endpoint(&base_url, path)?;
        let mut http = http::Request::new(body);
        *http.method_mut() = http::Method::POST;
        *http.uri_mut() =
            url.as_str().parse().map_err(|_| Failure::configuration("the base URL of the provider cannot be used"))?;
        *http.headers_mut() = headers;
        match &target.api_key {
            Some(key) => auth.apply(key, &mut http)?,
            // A server of the user's own may do without a key, a public one does not.
            None if target.base_url.is_empty() => {
                return Err(Failure::of(Cause::MissingKey, "no key is configured"));
            }
            None => {}
        }
        Ok(http)
    }
}

/// Takes from all reasoning what binds it to a provider, which leaves it out where it cannot be
/// sent as text, and from other parts the signatures of the reasoning behind them. False where
/// there was nothing to take.
fn strip_reasoning(request: &mut GenerateRequest) -> bool {
    let parts = request.messages.iter_mut().flat_map(|message| &mut message.parts);
    let stripped = parts.map(|part| {
        let before = part.provider_metadata.len();
        match part.body {
            Some(Body::Reasoning(_)) => part.provider_metadata.clear(),
            _ => part.provider_metadata.retain(|datum| !is_signature(datum)),
        }
        before - part.provider_metadata.len()
    });
    stripped.sum::<usize>() > 0
}

fn is_signature(datum: &ProviderMetadata) -> bool {
    datum.namespace == google::NAMESPACE && datum.kind == google::THOUGHT_SIGNATURE
}

/// The model's options with those of a call in their place: every field that the call sets wins.
fn overridden(model: &ModelOptions, call: &ModelOptions) -> Result<ModelOptions, Failure> {
    let mut merged = model.clone();
    let own = call.encode_to_vec();
    merged.merge(&*own).map_err(|error| Failure::configuration(error.to_string()))?;
    Ok(merged)
}

#[cfg(test)]
mod tests;
