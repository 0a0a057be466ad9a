use chatmesh_core::Violations;
use chatmesh_proto::tools::v1 as pb;
use chatmesh_proto::tools::v1::{McpAuthType, McpAvailability, McpTransport};
use chatmesh_rpc::Caller;

use crate::Error;
use crate::servers::check::{check, check_slug};
use crate::servers::convert::{mention, shown};
use crate::servers::domain::{Secrets, Server, ServerId};
use crate::servers::edit::Change;
use crate::servers::state::Servers;
use crate::servers::store::Inserted;

/// Creates a server.
pub(super) async fn create(
    servers: &Servers,
    caller: Caller,
    request: pb::CreateMcpServerRequest,
) -> Result<pb::CreateMcpServerResponse, Error> {
    caller.require_admin()?;
    let mut violations = Violations::new();
    check_slug(&request.slug, &mut violations);
    let request_id = violations.optional_id("request_id", &request.request_id);
    let (slug, enabled) = (request.slug.clone(), request.enabled.unwrap_or(true));
    let (mut settings, mut secrets) = (pb::McpServer::default(), Secrets::default());
    change(request).apply(&mut settings, &mut secrets, &mut violations);
    check(&settings, &secrets, servers.addresses, &mut violations);
    violations.finish(Some(()))?;

    let (id, now) = (ServerId(servers.ids.next()), servers.clock.now());
    mention(&mut settings, &secrets);
    let server = Server {
        id,
        slug,
        enabled,
        version: 1,
        settings,
        sealed_secrets: servers.seal(id, &secrets)?,
        created_at: now,
        updated_at: now,
    };
    match servers.store.insert(&server, request_id).await? {
        Inserted::Created(server) | Inserted::Repeated(server) => {
            Ok(pb::CreateMcpServerResponse { server: Some(shown(server, false)) })
        }
        Inserted::SlugTaken => Err(Error::Exists { kind: "MCP server", name: server.slug }),
    }
}

/// Everything that the request says, with what is meant where it says nothing.
pub(in crate::servers) fn change(request: pb::CreateMcpServerRequest) -> Change {
    let auth_type = or(request.auth_type, McpAuthType::None.into());
    let is_api_key = auth_type == i32::from(McpAuthType::ApiKey);
    let header = Some(request.api_key_header).filter(|header| !header.is_empty());
    let display_name = if request.display_name.is_empty() { request.slug } else { request.display_name };
    Change {
        display_name: Some(display_name),
        description: Some(request.description),
        icon_url: Some(request.icon_url),
        url: Some(request.url),
        transport: Some(or(request.transport, McpTransport::StreamableHttp.into())),
        auth_type: Some(auth_type),
        availability: Some(or(request.availability, McpAvailability::DefaultOff.into())),
        allow_in_plan_mode: Some(request.allow_in_plan_mode),
        model_intent: Some(request.model_intent),
        forward_identity_headers: Some(request.forward_identity_headers),
        signing_secret: Some(request.signing_secret),
        tool_allow_list: Some(request.tool_allow_list),
        tool_deny_list: Some(request.tool_deny_list),
        api_key_header: header.or_else(|| is_api_key.then(|| "Authorization".to_owned())),
        api_key: Some(request.api_key),
        custom_headers: Some(request.custom_headers.into_iter().collect()),
        oauth2: request.oauth2,
        oauth2_client_secret: Some(request.oauth2_client_secret),
    }
}

fn or(value: i32, default: i32) -> i32 {
    if value == 0 { default } else { value }
}
