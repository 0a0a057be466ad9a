use chatmesh_core::Violations;
use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;

use super::get_model::find_model;
use super::{check_fallbacks_exist, find_provider};
use crate::Error;
use crate::domain::{ModelChange, check_fallbacks, check_options, check_threshold};
use crate::state::State;

/// Changes the fields of a model that are set.
pub(super) async fn update_model(
    state: &State,
    caller: Caller,
    request: pb::UpdateModelRequest,
) -> Result<pb::UpdateModelResponse, Error> {
    caller.require_admin()?;
    if request.model.is_empty() {
        return Err(Violations::one("model", "must be the name or identifier of a model").into());
    }
    let model = find_model(state, &request.model).await?;
    let mut violations = Violations::new();
    if let Some(options) = &request.options {
        let provider = find_provider(state, &model.provider_id.to_string()).await?;
        check_options(provider.provider_type, options, &mut violations);
    }
    check_threshold(request.compaction_threshold_percent, &mut violations);
    if let Some(fallbacks) = &request.fallbacks {
        check_fallbacks("fallbacks.models", &model.name, &fallbacks.models, &mut violations);
        check_fallbacks_exist(state, "fallbacks.models", &fallbacks.models, &mut violations).await?;
    }
    let enabled = request.enabled.unwrap_or(model.enabled);
    let demands = "must not be false: make another model the default instead";
    violations.require(request.is_default != Some(false) || !model.is_default, "is_default", demands);
    let is_possible = request.is_default != Some(true) || enabled;
    violations.require(is_possible, "is_default", "must not be true for a model that is switched off");
    violations.finish(Some(()))?;

    let change = ModelChange {
        context_limit: request.context_limit,
        becomes_default: request.is_default == Some(true),
        enabled: request.enabled,
        options: request.options,
        compaction_threshold_percent: request.compaction_threshold_percent,
        fallbacks: request.fallbacks.map(|fallbacks| fallbacks.models),
        record_debug: request.record_debug,
        now: state.clock.now(),
    };
    let changed = state.store.update_model(model.id, &change).await?;
    state.router.forget();
    let changed = changed.ok_or(Error::NotFound { kind: "model", name: request.model })?;
    Ok(pb::UpdateModelResponse { model: Some(changed.into()) })
}
