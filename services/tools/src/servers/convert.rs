//! From what is kept to the contract. A secret never passes here.

use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::Caller;
use url::Url;

use super::domain::{Secrets, Server};

/// The server as the caller sees it.
pub(super) fn shown_to(caller: &Caller, server: Server, auth_connected: bool) -> pb::McpServer {
    let server = shown(server, auth_connected);
    if caller.require_admin().is_ok() { server } else { without_details(server) }
}

/// The server as administrators see it.
pub(super) fn shown(server: Server, auth_connected: bool) -> pb::McpServer {
    pb::McpServer {
        id: server.id.to_string(),
        slug: server.slug,
        enabled: server.enabled,
        version: server.version,
        auth_connected,
        create_time: Some(server.created_at.into()),
        update_time: Some(server.updated_at.into()),
        ..server.settings
    }
}

/// The same for who administers nothing: paths and queries of addresses may hold a secret, and who signs requests how is
/// nobody's business.
fn without_details(mut server: pb::McpServer) -> pb::McpServer {
    server.url = Url::parse(&server.url).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization());
    server.custom_header_names.clear();
    if let Some(oauth2) = &mut server.oauth2 {
        oauth2.authorization_url.clear();
        oauth2.token_url.clear();
        oauth2.revocation_url.clear();
    }
    server
}

/// Says in the settings which secrets there are.
pub(super) fn mention(settings: &mut pb::McpServer, secrets: &Secrets) {
    settings.has_signing_secret = !secrets.signing_secret.is_empty();
    settings.has_api_key = !secrets.api_key.is_empty();
    settings.has_custom_headers = !secrets.custom_headers.is_empty();
    settings.custom_header_names = secrets.custom_headers.keys().cloned().collect();
    settings.has_oauth2_client_secret = !secrets.oauth2_client_secret.is_empty();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::testing::{admin, member, server};

    /// M15: the path and the query of an address may hold a secret; members see neither.
    #[test]
    fn m15_members_see_no_more_of_an_address_than_where_it_leads() {
        let mut one = server("one");
        one.settings.custom_header_names = vec!["X-Tenant".to_owned()];
        let oauth2 = pb::McpOauth2 {
            client_id: "mesh".to_owned(),
            authorization_url: "https://sso.example/tenant/authorize".to_owned(),
            token_url: "https://sso.example/tenant/token".to_owned(),
            revocation_url: "https://sso.example/tenant/revoke".to_owned(),
            scopes: vec!["read".to_owned()],
        };
        one.settings.oauth2 = Some(oauth2.clone());
        let shown = |caller: &Caller| shown_to(caller, one.clone(), true);
        assert_eq!(shown(&admin()).url, one.settings.url);
        assert_eq!(shown(&admin()).oauth2, Some(oauth2));
        let seen = shown(&member());
        assert_eq!((seen.url.as_str(), seen.slug.as_str(), seen.auth_connected), ("https://one.example", "one", true));
        assert!(seen.custom_header_names.is_empty());
        let text = format!("{seen:?}");
        assert!(!text.contains("/path") && !text.contains("in-the-query") && !text.contains("sso.example"), "{text}");
    }
}
