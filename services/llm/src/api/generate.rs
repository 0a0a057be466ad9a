use chatmesh_proto::common::v1::GenerationError;
use chatmesh_proto::llm::v1 as pb;
use chatmesh_proto::llm::v1::generate_response::Event;
use chatmesh_rpc::Caller;
use futures::StreamExt as _;

use super::get_model::find_model;
use super::{Events, find_provider};
use crate::Error;
use crate::classify::{Cause, Failure};
use crate::client::Target;
use crate::state::State;

/// Calls a model and streams its answer.
pub(super) async fn generate(state: &State, caller: Caller, request: pb::GenerateRequest) -> Result<Events, Error> {
    caller.require_service()?;
    let target = match target_of(state, &request.model).await? {
        Ok(target) => target,
        Err(error) => {
            let response = pb::GenerateResponse { event: Some(Event::Error(error)) };
            return Ok(Box::pin(futures::stream::iter([Ok(response)])));
        }
    };
    let span = tracing::info_span!(
        "llm.call",
        gen_ai.provider.name = target.provider_type.as_str_name(),
        gen_ai.request.model = %target.model,
    );
    let events = state.client.generate(target, request).map(Ok);
    Ok(Box::pin(InSpan { events: Box::pin(events), span }))
}

/// A model with everything that is needed to call it; or why it is not to be called.
pub(crate) async fn target_of(state: &State, model: &str) -> Result<Result<Target, GenerationError>, Error> {
    let model = find_model(state, model).await?;
    let provider = find_provider(state, &model.provider_id.to_string()).await?;
    let key = provider.sealed_api_key.as_deref();
    let compaction_threshold_percent = model.compaction_threshold();
    let target = Target {
        provider_type: provider.provider_type,
        display_name: String::new(),
        base_url: provider.base_url,
        settings: provider.settings,
        api_key: key.map(|sealed| state.sealer.open(provider.id, sealed)).transpose()?,
        model: model.model,
        model_name: model.name,
        context_limit: model.context_limit,
        compaction_threshold_percent,
        options: model.options,
    };
    if !provider.enabled || !model.enabled {
        let failure = Failure::of(Cause::ProviderDisabled, "the provider or the model is switched off");
        return Ok(Err(target.classifier().classify(&failure)));
    }
    Ok(Ok(target))
}

/// Polls a stream within a span, so that what it does belongs to the call's trace.
struct InSpan {
    events: Events,
    span: tracing::Span,
}

impl futures::Stream for InSpan {
    type Item = Result<pb::GenerateResponse, tonic::Status>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let span = self.span.clone();
        let _entered = span.enter();
        self.events.poll_next_unpin(cx)
    }
}
