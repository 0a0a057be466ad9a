//! Answers clients that speak a provider's protocol themselves.
//!
//! Where the provider of the model speaks the client's protocol, bytes pass as they are
//! ([`native`]): what a provider adds tomorrow works today. Otherwise the request is read and the
//! answer written in the client's words ([`translated`]). Whatever goes wrong is told in the shape
//! that the client's SDK knows.

mod answer;
mod body;
mod count;
mod headers;
mod models;
mod native;
mod passing;
mod retry;
mod tap;
#[cfg(test)]
mod tests;
mod translated;
mod veil;

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::Violations;
use chatmesh_proto::common::v1::GenerationError;
use chatmesh_proto::llm::v1::{ClientProtocol, CompatibleOperation, ForwardRequest, ProviderType};
use chatmesh_rpc::{Caller, UserId};
use tracing::Instrument as _;

pub(crate) use self::answer::Pieces;
use self::body::Head;
use crate::Error;
use crate::client::Target;
use crate::compat::{BadRequest, Dialect, Refusal};
use crate::provider::compose;
use crate::state::State;

/// How long a client waits for bytes before it is shown that somebody is there: less than proxies
/// and SDKs wait.
const ALIVE: Duration = Duration::from_secs(12);

/// The word for these calls in the records.
const SOURCE: &str = "compatible";

/// What every way to answer needs to know of a request.
#[derive(Debug)]
struct Job {
    state: Arc<State>,
    user: UserId,
    dialect: Dialect,
    request: ForwardRequest,
}

/// Answers a request.
pub(crate) async fn forward(state: Arc<State>, caller: Caller, request: ForwardRequest) -> Result<Pieces, Error> {
    let user = caller.require_user()?;
    let dialect = match request.protocol() {
        ClientProtocol::ChatCompletions => Dialect::ChatCompletions,
        ClientProtocol::Responses => Dialect::Responses,
        ClientProtocol::Messages => Dialect::Messages,
        ClientProtocol::Unspecified => return Err(Violations::one("protocol", "must be set").into()),
    };
    let operation = request.operation();
    let job = Job { state, user, dialect, request };
    match operation {
        CompatibleOperation::ListModels => models::list(&job).await,
        CompatibleOperation::GetModel => models::get(&job).await,
        CompatibleOperation::CountTokens => count::count(job).await,
        CompatibleOperation::Generate | CompatibleOperation::Unspecified => generate(job).await,
    }
}

async fn generate(job: Job) -> Result<Pieces, Error> {
    let Some(head) = Head::read(&job.request.body) else { return Ok(job.unreadable()) };
    let plan = match job.state.router.resolve(&head.model).await {
        Ok(plan) => plan,
        Err(error) => return job.refused(&head.model, error),
    };
    let first = &plan[0];
    let span = tracing::info_span!(
        "llm.forward",
        gen_ai.provider.name = first.target.provider_type.as_str_name(),
        gen_ai.request.model = %first.target.model,
    );
    // A provider that chooses among models by itself must not choose one that nobody configured.
    let reroutes = matches!(first.target.provider_type, ProviderType::Openrouter | ProviderType::Vercel)
        && head.names_other_models;
    if is_native(&first.target, job.dialect) && !reroutes {
        return native::answer(job, head, plan).instrument(span).await;
    }
    translated::answer(job, plan).instrument(span).await
}

/// True where the provider speaks what the client speaks.
fn is_native(target: &Target, dialect: Dialect) -> bool {
    let composition = compose(target.provider_type, &target.settings, &target.model);
    composition.is_ok_and(|composition| composition.codec.dialect() == Some(dialect))
}

impl Job {
    fn request_id(&self) -> &str {
        &self.request.request_id
    }

    /// The answer to a body without a model in it: what is wrong, as precisely as can be said.
    fn unreadable(&self) -> Pieces {
        let bad = match self.dialect.parse(&self.request.body) {
            Err(bad) => bad,
            Ok(_) => BadRequest {
                message: "`model` must be the name of a model; `GET /v1/models` lists them.".to_owned(),
                param: Some("model".to_owned()),
                code: None,
            },
        };
        self.bad(&bad)
    }

    fn bad(&self, bad: &BadRequest) -> Pieces {
        answer::only(answer::error(self.dialect.bad_request(bad, self.request_id())))
    }

    fn failed(&self, error: &GenerationError) -> Pieces {
        answer::only(answer::error(self.dialect.error(error, self.request_id())))
    }

    /// The answer where no model could be resolved. Errors that are none of the client's are statuses.
    fn refused(&self, model: &str, error: Error) -> Result<Pieces, Error> {
        match error {
            Error::NotFound { .. } | Error::NoDefaultModel => {
                let reply = self.dialect.refused(Refusal::ModelNotFound(model), self.request_id());
                Ok(answer::only(answer::error(reply)))
            }
            other => Err(other),
        }
    }
}
