use chatmesh_core::Violations;
use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;

use super::find_key;
use crate::Error;
use crate::domain::{KeyChange, check_key_name, check_secret, check_weight, hint};
use crate::state::State;

/// Changes the fields of a key that are set.
pub(super) async fn update_key(
    state: &State,
    caller: Caller,
    request: pb::UpdateKeyRequest,
) -> Result<pb::UpdateKeyResponse, Error> {
    let key = find_key(state, &caller, &request.key_id).await?;
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
    let seal = |secret: String| -> Result<_, Error> {
        let hint = hint(&secret);
        Ok((state.sealer.seal(key.id, &secret.into())?, hint))
    };
    let change = KeyChange {
        name: request.name,
        secret: request.secret.map(seal).transpose()?,
        weight: request.weight,
        enabled: request.enabled,
        now: state.clock.now(),
    };
    let changed = state.keys.update_key(key.id, &change).await?;
    state.router.forget();
    let changed = changed.ok_or(Error::NotFound { kind: "key", name: request.key_id })?;
    Ok(pb::UpdateKeyResponse { key: Some(changed.into()) })
}
