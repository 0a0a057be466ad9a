use chatmesh_core::Violations;
use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;

use super::find_provider;
use crate::Error;
use crate::domain::{Key, KeyId, check_key_name, check_secret, check_weight, hint};
use crate::state::State;
use crate::store::Inserted;

/// How many keys one owner may have of one provider.
const MAX_KEYS: usize = 32;

/// Creates a key, central or the caller's own.
pub(super) async fn create_key(
    state: &State,
    caller: Caller,
    request: pb::CreateKeyRequest,
) -> Result<pb::CreateKeyResponse, Error> {
    let user_id = match request.scope() {
        pb::KeyScope::Central => {
            caller.require_admin()?;
            None
        }
        pb::KeyScope::User => Some(caller.require_user()?),
        pb::KeyScope::Unspecified => {
            let description = "must be KEY_SCOPE_CENTRAL, or KEY_SCOPE_USER for a key of your own";
            return Err(Violations::one("scope", description).into());
        }
    };
    let mut violations = Violations::new();
    violations.require(!request.provider.is_empty(), "provider", "must be the name or identifier of a provider");
    check_key_name(&request.name, &mut violations);
    check_secret(&request.secret, &mut violations);
    let weight = request.weight.max(1);
    check_weight(weight, &mut violations);
    let request_id = violations.optional_id("request_id", &request.request_id);
    violations.finish(Some(()))?;

    let provider = find_provider(state, &request.provider).await?;
    let policy = provider.key_policy;
    let is_allowed = if user_id.is_some() { policy.user } else { policy.central };
    if !is_allowed {
        let whose = if user_id.is_some() { "users" } else { "the deployment" };
        return Err(Error::KeysNotAllowed { provider: provider.name, whose });
    }
    if state.keys.usable_keys(provider.id, user_id).await?.len() >= MAX_KEYS {
        return Err(Error::TooManyKeys { provider: provider.name, max: MAX_KEYS });
    }
    let id = KeyId(state.ids.next());
    let now = state.clock.now();
    let key = Key {
        id,
        provider_id: provider.id,
        provider: provider.name,
        user_id,
        name: request.name,
        hint: hint(&request.secret),
        sealed_secret: state.sealer.seal(id, &request.secret.into())?,
        weight,
        enabled: true,
        created_at: now,
        updated_at: now,
    };
    let inserted = state.keys.insert_key(&key, request_id).await?;
    state.router.forget();
    match inserted {
        Inserted::Created(key) => Ok(pb::CreateKeyResponse { key: Some(key.into()) }),
        // Someone else's request is not the caller's to see.
        Inserted::Repeated(key) if key.user_id == user_id => Ok(pb::CreateKeyResponse { key: Some(key.into()) }),
        Inserted::Repeated(_) | Inserted::NameTaken => {
            Err(Violations::one("request_id", "was used for another key").into())
        }
    }
}
