use chatmesh_core::Violations;
use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;

use super::find_provider;
use crate::Error;
use crate::domain::{KeyPolicy, Source, check_api_key, check_base_url, check_policy, check_settings};
use crate::state::State;

/// Changes the fields of a provider that are set.
pub(super) async fn update_provider(
    state: &State,
    caller: Caller,
    request: pb::UpdateProviderRequest,
) -> Result<pb::UpdateProviderResponse, Error> {
    caller.require_admin()?;
    let mut violations = Violations::new();
    check_api_key(request.api_key.as_deref().unwrap_or_default(), &mut violations);
    if let Some(settings) = &request.settings {
        check_settings(settings, &mut violations);
    }
    let key_policy = request.key_policy.map(KeyPolicy::from);
    if let Some(policy) = key_policy {
        check_policy(policy, &mut violations);
    }
    violations.finish(Some(()))?;

    let mut provider = find_provider(state, &request.provider).await?;
    if provider.source == Source::Environment {
        let description = "is set by the environment of the mesh: change the variable instead";
        return Err(Violations::one("provider", description).into());
    }
    if let Some(base_url) = request.base_url {
        // What an address is, the provider's type decides.
        let mut violations = Violations::new();
        check_base_url(provider.provider_type, &base_url, &mut violations);
        violations.finish(Some(()))?;
        provider.base_url = base_url;
    }
    if let Some(key) = request.api_key {
        let key = Some(key).filter(|key| !key.is_empty()).map(Into::into);
        provider.sealed_api_key = key.map(|key| state.sealer.seal(provider.id, &key)).transpose()?;
    }
    if let Some(settings) = request.settings {
        provider.settings = settings;
    }
    provider.key_policy = key_policy.unwrap_or(provider.key_policy);
    provider.enabled = request.enabled.unwrap_or(provider.enabled);
    provider.updated_at = state.clock.now();
    state.store.update_provider(&provider).await?;
    state.router.forget();
    Ok(pb::UpdateProviderResponse { provider: Some(provider.into()) })
}
