use chatmesh_core::Violations;
use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;

use super::check_fallbacks_exist;
use crate::Error;
use crate::domain::{Model, ModelId, Reference, check_fallbacks, check_model_name, check_options, check_threshold};
use crate::state::State;
use crate::store::Inserted;

/// Creates a model.
pub(super) async fn create_model(
    state: &State,
    caller: Caller,
    request: pb::CreateModelRequest,
) -> Result<pb::CreateModelResponse, Error> {
    caller.require_admin()?;
    let mut violations = Violations::new();
    check_model_name("model", &request.model, &mut violations);
    let name = if request.name.is_empty() { request.model.clone() } else { request.name };
    if name != request.model {
        check_model_name("name", &name, &mut violations);
    }
    let options = request.options.unwrap_or_default();
    check_threshold(request.compaction_threshold_percent, &mut violations);
    let request_id = violations.optional_id("request_id", &request.request_id);
    check_fallbacks("fallbacks", &name, &request.fallbacks, &mut violations);
    violations.require(!request.provider.is_empty(), "provider", "must be the name or identifier of a provider");
    violations.finish(Some(()))?;
    let provider = match Reference::parse(&request.provider) {
        Some(reference) => state.store.find_provider(&reference).await?,
        None => None,
    };
    let provider = provider
        .ok_or_else(|| Violations::one("provider", format!("names no provider: `{}` not found", request.provider)))?;
    let mut violations = Violations::new();
    check_options(provider.provider_type, &options, &mut violations);
    check_fallbacks_exist(state, "fallbacks", &request.fallbacks, &mut violations).await?;
    violations.finish(Some(()))?;

    let now = state.clock.now();
    let model = Model {
        id: ModelId(state.ids.next()),
        name,
        provider_id: provider.id,
        provider: provider.name,
        model: request.model,
        context_limit: request.context_limit,
        is_default: request.is_default,
        enabled: true,
        options,
        compaction_threshold_percent: request.compaction_threshold_percent,
        fallbacks: request.fallbacks,
        record_debug: request.record_debug,
        created_at: now,
        updated_at: now,
    };
    let inserted = state.store.insert_model(&model, request_id).await?;
    state.router.forget();
    match inserted {
        Inserted::Created(model) | Inserted::Repeated(model) => {
            Ok(pb::CreateModelResponse { model: Some(model.into()) })
        }
        Inserted::NameTaken => Err(Error::Exists { kind: "model", name: model.name }),
    }
}
