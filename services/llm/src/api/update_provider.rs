use chatmesh_core::Violations;
use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;

use super::find_provider;
use crate::Error;
use crate::domain::{KeyPolicy, ProviderChange, Source, check_api_key, check_base_url, check_policy, check_settings};
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

    let provider = find_provider(state, &request.provider).await?;
    if provider.source == Source::Environment {
        let description = "is set by the environment of the mesh: change the variable instead";
        return Err(Violations::one("provider", description).into());
    }
    if let Some(base_url) = &request.base_url {
        // What an address is, the provider's type decides.
        let mut violations = Violations::new();
        check_base_url(provider.provider_type, base_url, &mut violations);
        violations.finish(Some(()))?;
    }
    let seal = |key: String| match key.as_str() {
        "" => Ok(None),
        _ => state.sealer.seal(provider.id, &key.into()).map(Some),
    };
    let change = ProviderChange {
        base_url: request.base_url,
        sealed_api_key: request.api_key.map(seal).transpose()?,
        enabled: request.enabled,
        settings: request.settings,
        key_policy,
        now: state.clock.now(),
    };
    let changed = state.store.update_provider(provider.id, &change).await?;
    state.router.forget();
    let changed = changed.ok_or(Error::NotFound { kind: "provider", name: request.provider })?;
    Ok(pb::UpdateProviderResponse { provider: Some(changed.into()) })
}
