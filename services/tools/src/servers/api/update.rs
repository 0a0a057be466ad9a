use chatmesh_core::Violations;
use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::Caller;
use chatmesh_seal::SealError;

use super::{find, seen};
use crate::Error;
use crate::servers::check::check;
use crate::servers::convert::mention;
use crate::servers::domain::Secrets;
use crate::servers::edit::{Change, is_another};
use crate::servers::state::Servers;

/// Changes the fields of a server that are set.
pub(super) async fn update(
    servers: &Servers,
    caller: Caller,
    request: pb::UpdateMcpServerRequest,
) -> Result<pb::UpdateMcpServerResponse, Error> {
    caller.require_admin()?;
    let mut server = find(servers, &caller, &request.server).await?;
    if server.settings.managed_by_config {
        return Err(Error::Managed(server.slug));
    }
    if request.version != 0 && request.version != server.version {
        return Err(Error::Changed(server.slug));
    }
    let mut violations = Violations::new();
    let enabled = request.enabled;
    let change = change(request, &mut violations);
    let mut secrets = match servers.open(&server) {
        // What cannot be read any more has to be set again, and this is where. All of it: this process may be the only
        // one that cannot read it, and what is not sent would be lost to the others.
        Err(SealError::CannotOpen) if change.replaces_secrets(&server.settings) => Secrets::default(),
        opened => opened?,
    };
    let before = server.settings.clone();
    change.apply(&mut server.settings, &mut secrets, &mut violations);
    check(&server.settings, &secrets, servers.addresses, &mut violations);
    violations.finish(Some(()))?;

    mention(&mut server.settings, &secrets);
    server.sealed_secrets = servers.seal(server.id, &secrets)?;
    server.enabled = enabled.unwrap_or(server.enabled);
    server.version += 1;
    server.updated_at = servers.clock.now();
    // What users were granted is for the server before: the one now is not to see it.
    let store = &servers.store;
    if is_another(&before, &server.settings) {
        let granted = store.replace(&server).await?.ok_or_else(|| Error::Changed(server.slug.clone()))?;
        servers.take_back(&server.slug, granted);
    } else if !store.update(&server).await? {
        return Err(Error::Changed(server.slug));
    }
    Ok(pb::UpdateMcpServerResponse { server: Some(seen(servers, &caller, server).await?) })
}

fn change(request: pb::UpdateMcpServerRequest, violations: &mut Violations) -> Change {
    let mut list = |field: &str, names: Vec<String>, clear: bool| {
        let fits = !clear || names.is_empty();
        violations.require(fits, format!("clear_{field}"), format!("must not be set together with {field}"));
        (clear || !names.is_empty()).then_some(names)
    };
    let custom_headers = (!request.custom_headers.is_empty()).then(|| request.custom_headers.into_iter().collect());
    Change {
        display_name: request.display_name,
        description: request.description,
        icon_url: request.icon_url,
        url: request.url,
        transport: request.transport,
        auth_type: request.auth_type,
        availability: request.availability,
        allow_in_plan_mode: request.allow_in_plan_mode,
        model_intent: request.model_intent,
        forward_identity_headers: request.forward_identity_headers,
        signing_secret: request.signing_secret,
        tool_allow_list: list("tool_allow_list", request.tool_allow_list, request.clear_tool_allow_list),
        tool_deny_list: list("tool_deny_list", request.tool_deny_list, request.clear_tool_deny_list),
        api_key_header: request.api_key_header,
        api_key: request.api_key,
        custom_headers,
        oauth2: request.oauth2,
        oauth2_client_secret: request.oauth2_client_secret,
    }
}
