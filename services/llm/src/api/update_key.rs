use chatmesh_core::Violations;
use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;

use super::find_key;
use crate::Error;
use crate::domain::{check_key_name, check_secret, check_weight, hint};
use crate::state::State;

/// Changes the fields of a key that are set.
pub(super) async fn update_key(
    state: &State,
    caller: Caller,
    request: pb::UpdateKeyRequest,
) -> Result<pb::UpdateKeyResponse, Error> {
    let mut key = find_key(state, &caller, &request.key_id).await?;
    let mut violations = Violations::new();
    if let Some(name) = &request.name {
        check_key_name(name, &mut violations);
    }
    if let Some(secret) = &request.secret {
        check_secret(secret, &mut violations);
    }
    if let Some(weight) = request.weight {
        check_weight(weight, &mut violations);
    }
    violations.finish(Some(()))?;
    if let Some(name) = request.name {
        key.name = name;
    }
    if let Some(secret) = request.secret {
        key.hint = hint(&secret);
        key.sealed_secret = state.sealer.seal(key.id, &secret.into())?;
    }
    key.weight = request.weight.unwrap_or(key.weight);
    key.enabled = request.enabled.unwrap_or(key.enabled);
    key.updated_at = state.clock.now();
    let is_there = state.keys.update_key(&key).await?;
    state.router.forget();
    if !is_there {
        return Err(Error::NotFound { kind: "key", name: request.key_id });
    }
    Ok(pb::UpdateKeyResponse { key: Some(key.into()) })
}
