//! What a server is sent with every request: its credentials and, where an administrator wants that, for whom it is
//! called.

use std::collections::HashMap;

use chatmesh_core::Timestamp;
use chatmesh_proto::tools::v1::McpAuthType;
use hmac::{Hmac, Mac as _};
use http::{HeaderName, HeaderValue, header};
use sha2::Sha256;

use super::domain::{Secrets, Server};
use super::offer::Asked;

const OWNER_ID: HeaderName = HeaderName::from_static("x-chatmesh-owner-id");
const CHAT_ID: HeaderName = HeaderName::from_static("x-chatmesh-chat-id");
const WORKSPACE_ID: HeaderName = HeaderName::from_static("x-chatmesh-workspace-id");
const SIGNATURE: HeaderName = HeaderName::from_static("x-chatmesh-signature");

/// True for a header that says for whom a server is called, which tools may speak of.
pub(super) fn is_identity(name: &HeaderName) -> bool {
    [OWNER_ID, CHAT_ID, WORKSPACE_ID].contains(name)
}

/// The headers. `token` is the caller's own, for servers that want one: as it stands in `Authorization`.
pub(super) fn headers(
    server: &Server,
    secrets: &Secrets,
    token: Option<&str>,
    asked: &Asked,
    now: Timestamp,
) -> HashMap<HeaderName, HeaderValue> {
    let mut headers = HashMap::new();
    let mut put = |name: Option<HeaderName>, value: &str| {
        // What was stored was checked before.
        let value = HeaderValue::try_from(value).ok().filter(|value| !value.is_empty());
        if let (Some(name), Some(mut value)) = (name, value) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    };
    if server.settings.forward_identity_headers {
        put(Some(OWNER_ID), &asked.user.to_string());
        put(Some(CHAT_ID), &asked.chat_id);
        put(Some(WORKSPACE_ID), &asked.workspace_id);
        if let Some(signature) = sign(&secrets.signing_secret, asked, now) {
            put(Some(SIGNATURE), &signature);
        }
    }
    // Credentials come last: where names are the same, they count.
    match server.settings.auth_type() {
        McpAuthType::ApiKey => {
            put(HeaderName::try_from(&server.settings.api_key_header).ok(), &secrets.api_key);
        }
        McpAuthType::CustomHeaders => {
            for (name, value) in &secrets.custom_headers {
                put(HeaderName::try_from(name).ok(), value);
            }
        }
        McpAuthType::Oauth2 | McpAuthType::UserOidc => put(Some(header::AUTHORIZATION), token.unwrap_or_default()),
        McpAuthType::Unspecified | McpAuthType::None => {}
    }
    headers
}

/// `t=SECONDS,v1=HEX`, the HMAC-SHA256 of `SECONDS.OWNER.CHAT.WORKSPACE` under the signing secret.
fn sign(secret: &str, asked: &Asked, now: Timestamp) -> Option<String> {
    if secret.is_empty() {
        return None;
    }
    let seconds = now.timestamp();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(format!("{seconds}.{}.{}.{}", asked.user, asked.chat_id, asked.workspace_id).as_bytes());
    let digest: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("t={seconds},v1={digest}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chatmesh_core::{Clock as _, SystemClock, Uuid};
    use chatmesh_rpc::UserId;

    use super::*;
    use crate::servers::testing::server;

    fn asked() -> Asked {
        Asked { user: UserId(Uuid::nil()), chat_id: "chat-1".to_owned(), workspace_id: String::new() }
    }

    fn sent(server: &Server, secrets: &Secrets, token: Option<&str>) -> BTreeMap<String, String> {
        let headers = headers(server, secrets, token, &asked(), SystemClock.now());
        let text = |value: &HeaderValue| value.to_str().expect("text").to_owned();
        headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
    }

    fn of(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn each_kind_of_authentication_sends_its_own_headers_and_no_others() {
        let secrets = Secrets {
            api_key: "Bearer key".to_owned(),
            custom_headers: of(&[("X-One", "1"), ("X-Two", "2")]),
            ..Secrets::default()
        };
        let with = |kind: McpAuthType| {
            let mut server = server("one");
            server.settings.auth_type = kind.into();
            server.settings.api_key_header = "X-Key".to_owned();
            sent(&server, &secrets, Some("Bearer token"))
        };
        assert_eq!(with(McpAuthType::None), of(&[]));
        assert_eq!(with(McpAuthType::ApiKey), of(&[("x-key", "Bearer key")]));
        assert_eq!(with(McpAuthType::CustomHeaders), of(&[("x-one", "1"), ("x-two", "2")]));
        assert_eq!(with(McpAuthType::Oauth2), of(&[("authorization", "Bearer token")]));
        assert_eq!(with(McpAuthType::UserOidc), of(&[("authorization", "Bearer token")]));
    }

    #[test]
    fn a_user_without_a_token_sends_none() {
        for kind in [McpAuthType::Oauth2, McpAuthType::UserOidc] {
            let mut server = server("one");
            server.settings.auth_type = kind.into();
            assert_eq!(sent(&server, &Secrets::default(), None), of(&[]));
        }
    }

    /// The identity of the caller is told only where an administrator wants that.
    #[test]
    fn identity_is_forwarded_and_signed_where_it_is_wanted() {
        let mut server = server("one");
        let mut secrets = Secrets::default();
        assert_eq!(sent(&server, &secrets, None), of(&[]));
        server.settings.forward_identity_headers = true;
        let owner = Uuid::nil().to_string();
        let expected = of(&[("x-chatmesh-owner-id", &owner), ("x-chatmesh-chat-id", "chat-1")]);
        assert_eq!(sent(&server, &secrets, None), expected);
        secrets.signing_secret = "0123456789abcdef".to_owned();
        let signature = sent(&server, &secrets, None).remove("x-chatmesh-signature").expect("a signature");
        let (seconds, digest) = signature.split_once(",v1=").expect("two parts");
        assert!(seconds.starts_with("t=") && digest.len() == 64, "{signature}");
    }
}
