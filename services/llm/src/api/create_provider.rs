use chatmesh_core::Violations;
use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::domain::{
    KeyPolicy, Provider, ProviderId, Source, check_api_key, check_base_url, check_policy, check_provider_name,
    check_provider_type, check_settings,
};
use crate::state::State;
use crate::store::Inserted;

/// Creates a provider.
pub(super) async fn create_provider(
    state: &State,
    caller: Caller,
    request: pb::CreateProviderRequest,
) -> Result<pb::CreateProviderResponse, Error> {
    caller.require_admin()?;
    let mut violations = Violations::new();
    check_provider_name(&request.name, &mut violations);
    let provider_type = check_provider_type(request.r#type, &mut violations);
    check_base_url(provider_type, &request.base_url, &mut violations);
    check_api_key(&request.api_key, &mut violations);
    let settings = request.settings.unwrap_or_default();
    check_settings(&settings, &mut violations);
    let key_policy = request.key_policy.map(KeyPolicy::from).unwrap_or_default();
    check_policy(key_policy, &mut violations);
    let request_id = violations.optional_id("request_id", &request.request_id);
    violations.finish(Some(()))?;

    let id = ProviderId(state.ids.next());
    let now = state.clock.now();
    let key = Some(request.api_key).filter(|key| !key.is_empty()).map(Into::into);
    let provider = Provider {
        id,
        name: request.name,
        provider_type,
        base_url: request.base_url,
        sealed_api_key: key.map(|key| state.sealer.seal(id, &key)).transpose()?,
        enabled: true,
        source: Source::Database,
        settings,
        key_policy,
        created_at: now,
        updated_at: now,
    };
    let inserted = state.store.insert_provider(&provider, request_id).await?;
    state.router.forget();
    match inserted {
        Inserted::Created(provider) | Inserted::Repeated(provider) => {
            Ok(pb::CreateProviderResponse { provider: Some(provider.into()) })
        }
        Inserted::NameTaken => Err(Error::Exists { kind: "provider", name: provider.name }),
    }
}
