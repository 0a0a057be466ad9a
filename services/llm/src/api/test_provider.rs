use std::time::Duration;

use chatmesh_core::Violations;
use chatmesh_proto::common::v1::{GenerationError, Part, Role, part};
use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;
use futures::StreamExt as _;
use tokio::time::{Instant, timeout};

use super::find_provider;
use crate::classify::{Cause, Failure};
use crate::client::Target;
use crate::codec::Event;
use crate::domain::{KeyId, Provider, check_model_name};
use crate::route::policy::{Available, Whose, whose};
use crate::state::State;
use crate::{Error, catalogue};

/// How long the provider may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long an answer is enough. Some providers refuse fewer tokens.
const TOKENS: u32 = 16;

/// Makes a tiny call and says what came of it.
pub(super) async fn test_provider(
    state: &State,
    caller: Caller,
    request: pb::TestProviderRequest,
) -> Result<pb::TestProviderResponse, Error> {
    caller.require_admin()?;
    let mut violations = Violations::new();
    if !request.model.is_empty() {
        check_model_name("model", &request.model, &mut violations);
    }
    let key_id = violations.optional_id("key_id", &request.key_id).map(KeyId);
    violations.finish(Some(()))?;
    let provider = find_provider(state, &request.provider).await?;
    let model = model(state, &provider, request.model).await?;
    let mut target = Target {
        provider_type: provider.provider_type,
        base_url: provider.base_url.clone(),
        settings: provider.settings.clone(),
        model_name: model.clone(),
        model: model.clone(),
        ..Target::default()
    };
    let began = Instant::now();
    let error = match key(state, &caller, &provider, key_id, &mut target).await? {
        Ok(()) => call(state, target).await,
        Err(error) => Some(error),
    };
    let latency_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
    Ok(pb::TestProviderResponse { ok: error.is_none(), error, model, latency_ms })
}

async fn model(state: &State, provider: &Provider, named: String) -> Result<String, Error> {
    if !named.is_empty() {
        return Ok(named);
    }
    if let Some(model) = state.store.first_model(provider.id).await? {
        return Ok(model.model);
    }
    let known = catalogue::cheapest(provider.provider_type);
    known.map(str::to_owned).ok_or_else(|| {
        Violations::one("model", "must be set: the provider has no model yet, and none is known for its type").into()
    })
}

/// Finds the key that a call by the caller would use, or the one that was named.
async fn key(
    state: &State,
    caller: &Caller,
    provider: &Provider,
    key_id: Option<KeyId>,
    target: &mut Target,
) -> Result<Result<(), GenerationError>, Error> {
    let user = caller.user_and_role().map(|(user, _)| user);
    if let Some(id) = key_id {
        let key = state.keys.get_key(id).await?;
        let is_visible =
            |key: &crate::domain::Key| key.provider_id == provider.id && (key.user_id.is_none() || key.user_id == user);
        let key = key.filter(is_visible).ok_or_else(|| Error::NotFound { kind: "key", name: id.to_string() })?;
        target.api_key = Some(state.sealer.open(key.id, &key.sealed_secret)?);
        return Ok(Ok(()));
    }
    let own = match user.filter(|_| provider.key_policy.user) {
        Some(user) => state.keys.usable_keys(provider.id, Some(user)).await?,
        None => Vec::new(),
    };
    let central = state.keys.usable_keys(provider.id, None).await?;
    let available = Available {
        user: !own.is_empty(),
        central: !central.is_empty() || provider.sealed_api_key.is_some(),
        keyless: target.may_lack_key(),
    };
    let keys = match whose(provider.key_policy, available) {
        Ok(Whose::User) => own,
        Ok(Whose::Central) => central,
        Ok(Whose::Nobody) => return Ok(Ok(())),
        Err(_) => {
            let failure = Failure::of(Cause::MissingKey, "there is no key that this call could use");
            return Ok(Err(target.classifier().classify(&failure)));
        }
    };
    target.api_key = match (keys.first(), &provider.sealed_api_key) {
        (Some(key), _) => Some(state.sealer.open(key.id, &key.sealed_secret)?),
        (None, Some(sealed)) => Some(state.sealer.open(provider.id, sealed)?),
        (None, None) => None,
    };
    Ok(Ok(()))
}

async fn call(state: &State, target: Target) -> Option<GenerationError> {
    let late = target.classifier().classify(&Failure::of(Cause::StartTimeout, "the provider took too long"));
    let hello = Part { body: Some(part::Body::Text("Say hi.".to_owned())), ..Part::default() };
    let request = pb::GenerateRequest {
        messages: vec![pb::PromptMessage { role: Role::User.into(), parts: vec![hello] }],
        max_output_tokens: Some(TOKENS),
        start_timeout_ms: u32::try_from(PATIENCE.as_millis()).unwrap_or(u32::MAX),
        ..pb::GenerateRequest::default()
    };
    let mut events = std::pin::pin!(state.client.generate(target, request));
    let outcome = timeout(PATIENCE, async {
        while let Some(response) = events.next().await {
            match response.event {
                Some(Event::Error(error)) => return Some(error),
                // It answers; how the answer goes on does not matter.
                Some(Event::Finish(_) | Event::PartStarted(_)) => return None,
                _ => {}
            }
        }
        None
    });
    outcome.await.unwrap_or(Some(late))
}
