use chatmesh_core::{Uuid, Violations, page};
use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::domain::ProviderId;
use crate::state::State;

const SCOPE: &str = "providers";

/// Lists providers, oldest first.
pub(super) async fn list_providers(
    state: &State,
    _caller: Caller,
    request: pb::ListProvidersRequest,
) -> Result<pb::ListProvidersResponse, Error> {
    let mut violations = Violations::new();
    let size = violations.check("page_size", page::size(request.page_size));
    let after = violations.check("page_token", page::cursor::<Uuid>(SCOPE, &request.page_token));
    let (size, after) = violations.finish(size.zip(after))?;

    let providers = state.store.list_providers(after.map(ProviderId), size + 1).await?;
    let (providers, next_page_token) = page::cut(providers, size, SCOPE, |provider| provider.id.0);
    Ok(pb::ListProvidersResponse { providers: providers.into_iter().map(Into::into).collect(), next_page_token })
}
