//! Finds out where the authorization server of a server is, and registers the mesh there.

use serde::Deserialize;
use serde_json::json;
use url::{Position, Url};

use super::endpoint::{checked, fetch, send};
use super::{Authority, ClientFrom};
use crate::servers::client::HttpConnector;
use crate::servers::domain::{Secrets, Server};

/// What a server says of itself (RFC 9728).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Resource {
    resource: String,
    authorization_servers: Vec<String>,
    scopes_supported: Vec<String>,
}

/// What an authorization server says of itself (RFC 8414).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    registration_endpoint: String,
    revocation_endpoint: String,
    code_challenge_methods_supported: Option<Vec<String>>,
}

/// The mesh at an authorization server (RFC 7591).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Registered {
    client_id: String,
    /// Issued by some though the mesh asks for none.
    client_secret: String,
    token_endpoint_auth_method: String,
}

/// Where the user is sent, and as whom the mesh asks. What is configured is not looked for. A client secret that is
/// configured goes to an authorization server that is, too: what the server says of itself is not trusted.
///
/// # Errors
/// Says what is missing.
pub(super) async fn authority(
    http: &HttpConnector,
    server: &Server,
    secrets: &Secrets,
    redirect_uri: &str,
) -> Result<Authority, String> {
    let url = Url::parse(&server.settings.url).map_err(|_| "the server's address is none".to_owned())?;
    let known = server.settings.oauth2.clone().unwrap_or_default();
    let mut authority = Authority {
        authorization_url: known.authorization_url,
        token_url: known.token_url,
        revocation_url: known.revocation_url,
        client_id: known.client_id,
        client_secret: secrets.oauth2_client_secret.clone(),
        client_from: ClientFrom::Configuration,
        secret_in_form: false,
        resource: url[..Position::AfterQuery].to_owned(),
        scopes: known.scopes,
    };
    let mut registration = String::new();
    if authority.authorization_url.is_empty() {
        // The server would say where it is sent. Servers of before this was refused may be configured so.
        if !authority.client_secret.is_empty() {
            return Err("it has a client secret, which is sent to no address that the server names: an administrator \
                        has to configure `oauth2.authorization_url` and `oauth2.token_url`"
                .to_owned());
        }
        let resource = resource(http, &url).await?;
        if authority.scopes.is_empty() {
            authority.scopes = resource.scopes_supported;
        }
        if !resource.resource.is_empty() {
            authority.resource = resource.resource;
        }
        let issuer = resource.authorization_servers.first().cloned();
        let issuer = issuer.unwrap_or_else(|| url.origin().ascii_serialization());
        let metadata = metadata(http, &issuer).await?;
        authority.authorization_url = metadata.authorization_endpoint;
        authority.token_url = metadata.token_endpoint;
        registration = metadata.registration_endpoint;
        if authority.revocation_url.is_empty() {
            authority.revocation_url = metadata.revocation_endpoint;
        }
    }
    checked(http, &authority.authorization_url).await?;
    checked(http, &authority.token_url).await?;
    if !authority.revocation_url.is_empty() {
        checked(http, &authority.revocation_url).await?;
    }
    if authority.client_id.is_empty() {
        let registered = register(http, &registration, redirect_uri).await?;
        (authority.client_id, authority.client_secret) = (registered.client_id, registered.client_secret);
        authority.client_from = ClientFrom::Registration;
        authority.secret_in_form = registered.token_endpoint_auth_method == "client_secret_post";
    }
    Ok(authority)
}

async fn resource(http: &HttpConnector, server: &Url) -> Result<Resource, String> {
    for url in well_known(server, "oauth-protected-resource") {
        if let Some(found) = fetch::<Resource>(http, &url).await? {
            // What another server says of itself is not said of this one.
            let is_same = Url::parse(&found.resource).is_ok_and(|resource| resource.origin() == server.origin());
            if found.resource.is_empty() || is_same {
                return Ok(found);
            }
            return Err("the server's metadata is of another server".to_owned());
        }
    }
    // Servers of before that RFC are their own authorization servers.
    Ok(Resource::default())
}

async fn metadata(http: &HttpConnector, issuer: &str) -> Result<Metadata, String> {
    let url = checked(http, issuer).await?;
    let mut places = well_known(&url, "oauth-authorization-server");
    places.extend(well_known(&url, "openid-configuration"));
    places.push(format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')));
    for place in places {
        let Some(found) = fetch::<Metadata>(http, &place).await? else { continue };
        if found.authorization_endpoint.is_empty() || found.token_endpoint.is_empty() {
            continue;
        }
        if found.issuer.trim_end_matches('/') != issuer.trim_end_matches('/') {
            return Err("the metadata of the authorization server is of another one".to_owned());
        }
        let methods = found.code_challenge_methods_supported.as_ref();
        if methods.is_some_and(|methods| methods.iter().all(|method| method != "S256")) {
            return Err("the authorization server does not take challenges of the method S256".to_owned());
        }
        return Ok(found);
    }
    Err("the server does not say where its authorization server is: an administrator can configure `oauth2`".to_owned())
}

async fn register(http: &HttpConnector, url: &str, redirect_uri: &str) -> Result<Registered, String> {
    let manually = "an administrator can configure `oauth2.client_id`";
    if url.is_empty() {
        return Err(format!("the authorization server registers nobody: {manually}"));
    }
    let body = json!({
        "client_name": "chatmesh",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    let registered: Result<Registered, String> = send(http, url, &body).await;
    let registered = registered.ok().filter(|registered| !registered.client_id.is_empty());
    registered.ok_or_else(|| format!("the authorization server did not register the mesh: {manually}"))
}

/// Where something is found that a URL says of itself: with its path, and without.
fn well_known(url: &Url, what: &str) -> Vec<String> {
    let origin = url.origin().ascii_serialization();
    let path = url.path().trim_end_matches('/');
    let mut places = vec![format!("{origin}/.well-known/{what}{path}")];
    if !path.is_empty() {
        places.push(format!("{origin}/.well-known/{what}"));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_looked_for_with_the_path_and_without() {
        let places = |url: &str| well_known(&Url::parse(url).expect("a URL"), "x");
        assert_eq!(places("https://h:1/a/b/?q"), ["https://h:1/.well-known/x/a/b", "https://h:1/.well-known/x"]);
        assert_eq!(places("https://h"), ["https://h/.well-known/x"]);
    }
}
