//! A change of a server, and what it makes of it: the same for one that is created, which begins empty.

use std::collections::BTreeMap;

use chatmesh_core::Violations;
use chatmesh_proto::tools::v1 as pb;
use chatmesh_proto::tools::v1::McpAuthType;
use url::{Origin, Url};

use super::domain::Secrets;

const MOVES: &str = "leads to another host, and the stored secrets are for the host before: send new ones with it";

/// The fields that are set.
#[derive(Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Change {
    pub(super) display_name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) icon_url: Option<String>,
    pub(super) url: Option<String>,
    pub(super) transport: Option<i32>,
    pub(super) auth_type: Option<i32>,
    pub(super) availability: Option<i32>,
    pub(super) allow_in_plan_mode: Option<bool>,
    pub(super) model_intent: Option<bool>,
    pub(super) forward_identity_headers: Option<bool>,
    pub(super) signing_secret: Option<String>,
    pub(super) tool_allow_list: Option<Vec<String>>,
    pub(super) tool_deny_list: Option<Vec<String>>,
    pub(super) api_key_header: Option<String>,
    pub(super) api_key: Option<String>,
    pub(super) custom_headers: Option<BTreeMap<String, String>>,
    pub(super) oauth2: Option<pb::McpOauth2>,
    pub(super) oauth2_client_secret: Option<String>,
}

impl Change {
    /// Makes the change. What does not go together is among the violations; whether values are right is not looked at.
    pub(super) fn apply(self, settings: &mut pb::McpServer, secrets: &mut Secrets, violations: &mut Violations) {
        self.refuse_what_other_kinds_need(settings, violations);
        self.refuse_to_send_secrets_elsewhere(settings, secrets, violations);
        if let Some(auth_type) = self.auth_type
            && auth_type != settings.auth_type
        {
            settings.auth_type = auth_type;
            settings.api_key_header.clear();
            settings.oauth2 = None;
            secrets.clear_auth();
        }
        set(&mut settings.display_name, self.display_name);
        set(&mut settings.description, self.description);
        set(&mut settings.icon_url, self.icon_url);
        set(&mut settings.url, self.url);
        set(&mut settings.transport, self.transport);
        set(&mut settings.availability, self.availability);
        set(&mut settings.allow_in_plan_mode, self.allow_in_plan_mode);
        set(&mut settings.model_intent, self.model_intent);
        set(&mut settings.forward_identity_headers, self.forward_identity_headers);
        set(&mut settings.tool_allow_list, self.tool_allow_list);
        set(&mut settings.tool_deny_list, self.tool_deny_list);
        set(&mut settings.api_key_header, self.api_key_header);
        if self.oauth2.is_some() {
            settings.oauth2 = self.oauth2;
        }
        set(&mut secrets.signing_secret, self.signing_secret);
        set(&mut secrets.api_key, self.api_key);
        set(&mut secrets.custom_headers, self.custom_headers);
        set(&mut secrets.oauth2_client_secret, self.oauth2_client_secret);
    }

    /// A key that is given for another kind of authentication would silently be of no use.
    fn refuse_what_other_kinds_need(&self, settings: &pb::McpServer, violations: &mut Violations) {
        let kind = self.auth_type.unwrap_or(settings.auth_type);
        let mut needs = |needed: McpAuthType, field: &str, is_given: bool| {
            let fits = !is_given || kind == i32::from(needed);
            let message = format!("is for {} only, and `auth_type` is another one", needed.as_str_name());
            violations.require(fits, field, message);
        };
        let is_given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        needs(McpAuthType::ApiKey, "api_key_header", is_given(&self.api_key_header));
        needs(McpAuthType::ApiKey, "api_key", is_given(&self.api_key));
        let headers = self.custom_headers.as_ref().is_some_and(|headers| !headers.is_empty());
        needs(McpAuthType::CustomHeaders, "custom_headers", headers);
        needs(McpAuthType::Oauth2, "oauth2", self.oauth2.as_ref().is_some_and(|it| *it != pb::McpOauth2::default()));
        needs(McpAuthType::Oauth2, "oauth2_client_secret", is_given(&self.oauth2_client_secret));
    }

    /// Secrets are write-only: to move an address alone would be a way to read them.
    fn refuse_to_send_secrets_elsewhere(&self, settings: &pb::McpServer, kept: &Secrets, violations: &mut Violations) {
        let auth_is_new = !kept.has_auth() || self.replaces_auth(settings);
        let signing_is_new = self.signing_secret.is_some() || kept.signing_secret.is_empty();
        if let Some(url) = &self.url {
            let moves = !settings.url.is_empty() && origin(url) != origin(&settings.url);
            violations.require(!moves || (auth_is_new && signing_is_new), "url", MOVES);
        }
        let Some(oauth2) = &self.oauth2 else { return };
        let before = settings.oauth2.clone().unwrap_or_default();
        for (field, url, before) in [
            ("oauth2.authorization_url", &oauth2.authorization_url, &before.authorization_url),
            ("oauth2.token_url", &oauth2.token_url, &before.token_url),
            ("oauth2.revocation_url", &oauth2.revocation_url, &before.revocation_url),
        ] {
            // One that is not set is found out, and may be anywhere.
            violations.require(auth_is_new || origin(url) == origin(before), field, MOVES);
        }
    }

    /// True where nothing is left of what the kind of authentication needed before. Only the secret of the resulting kind
    /// counts: there is no other.
    fn replaces_auth(&self, settings: &pb::McpServer) -> bool {
        let kind = self.auth_type.unwrap_or(settings.auth_type);
        kind != settings.auth_type
            || match McpAuthType::try_from(kind) {
                Ok(McpAuthType::ApiKey) => self.api_key.is_some(),
                Ok(McpAuthType::CustomHeaders) => self.custom_headers.is_some(),
                Ok(McpAuthType::Oauth2) => self.oauth2_client_secret.is_some(),
                Ok(McpAuthType::Unspecified | McpAuthType::None | McpAuthType::UserOidc) | Err(_) => false,
            }
    }

    /// True where no secret is left of those that the server is said to have.
    pub(super) fn replaces_secrets(&self, settings: &pb::McpServer) -> bool {
        let has_auth = settings.has_api_key || settings.has_custom_headers || settings.has_oauth2_client_secret;
        (!has_auth || self.replaces_auth(settings)) && (!settings.has_signing_secret || self.signing_secret.is_some())
    }
}

/// True where users are known to one of these servers and not to the other: it is elsewhere, or knows them otherwise.
pub(super) fn is_another(before: &pb::McpServer, after: &pb::McpServer) -> bool {
    before.auth_type != after.auth_type || origin(&before.url) != origin(&after.url)
}

fn origin(url: &str) -> Option<Origin> {
    Url::parse(url).ok().map(|url| url.origin())
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> (pb::McpServer, Secrets) {
        let settings = pb::McpServer {
            url: "https://one.example/mcp".to_owned(),
            auth_type: McpAuthType::ApiKey.into(),
            api_key_header: "X-Key".to_owned(),
            ..pb::McpServer::default()
        };
        let secrets = Secrets {
            signing_secret: "a signing secret".to_owned(),
            api_key: "a key".to_owned(),
            ..Secrets::default()
        };
        (settings, secrets)
    }

    fn apply(change: Change) -> (pb::McpServer, Secrets, Violations) {
        let (mut settings, mut secrets) = server();
        let mut violations = Violations::new();
        change.apply(&mut settings, &mut secrets, &mut violations);
        (settings, secrets, violations)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn another_kind_of_authentication_clears_what_the_one_before_needed() {
        let change = Change { auth_type: Some(McpAuthType::None.into()), ..Change::default() };
        let (settings, secrets, violations) = apply(change);
        assert!(violations.is_empty());
        assert_eq!((settings.api_key_header.as_str(), secrets.api_key.as_str()), ("", ""));
        assert_eq!(secrets.signing_secret, "a signing secret", "it belongs to no kind of authentication");
    }

    #[test]
    fn the_same_kind_of_authentication_keeps_what_it_has() {
        let change = Change { auth_type: Some(McpAuthType::ApiKey.into()), ..Change::default() };
        let (settings, secrets, violations) = apply(change);
        assert!(violations.is_empty());
        assert_eq!((settings, secrets), server());
    }

    #[test]
    fn stored_secrets_do_not_follow_to_another_host() {
        let elsewhere = || some("https://two.example/mcp");
        let refused = |change| !apply(change).2.is_empty();
        assert!(refused(Change { url: elsewhere(), ..Change::default() }));
        assert!(refused(Change { url: elsewhere(), api_key: some("new"), ..Change::default() }));
        assert!(refused(Change { url: elsewhere(), signing_secret: some(""), ..Change::default() }));
        let both = Change { url: elsewhere(), api_key: some("new"), signing_secret: some(""), ..Change::default() };
        assert!(!refused(both));
        assert!(!refused(Change { url: some("https://one.example/other"), ..Change::default() }));
    }

    /// An empty field of another kind sets nothing: it does not stand for the key.
    #[test]
    fn only_the_secret_of_the_servers_own_kind_counts_as_a_new_one() {
        let elsewhere = Change { url: some("https://evil.example/"), signing_secret: some(""), ..Change::default() };
        let (_, _, violations) = apply(Change { oauth2_client_secret: some(""), ..elsewhere.clone() });
        assert!(!violations.is_empty());
        let (_, _, violations) = apply(Change { custom_headers: Some(BTreeMap::new()), ..elsewhere.clone() });
        assert!(!violations.is_empty());
        let (_, secrets, violations) = apply(Change { api_key: some(""), ..elsewhere });
        assert!(violations.is_empty() && secrets.api_key.is_empty(), "nothing is left to be sent");
    }

    #[test]
    fn the_client_secret_does_not_follow_to_another_authorization_server() {
        let at = |host: &str| pb::McpOauth2 {
            client_id: "mesh".to_owned(),
            authorization_url: format!("https://{host}/authorize"),
            token_url: format!("https://{host}/token"),
            ..pb::McpOauth2::default()
        };
        let fields = |change: Change| {
            let (mut settings, mut secrets) = server();
            settings.auth_type = McpAuthType::Oauth2.into();
            settings.oauth2 = Some(at("one.example"));
            secrets = Secrets { oauth2_client_secret: "a secret".to_owned(), api_key: String::new(), ..secrets };
            let mut violations = Violations::new();
            change.apply(&mut settings, &mut secrets, &mut violations);
            violations.iter().map(|violation| violation.field.clone()).collect::<Vec<_>>()
        };
        let token = pb::McpOauth2 { token_url: "https://evil.example/token".to_owned(), ..at("one.example") };
        let moved = Change { oauth2: Some(token), ..Change::default() };
        assert_eq!(fields(moved.clone()), ["oauth2.token_url"]);
        assert!(fields(Change { oauth2_client_secret: some("another"), ..moved }).is_empty());
        let found_out = pb::McpOauth2 { client_id: "mesh".to_owned(), ..pb::McpOauth2::default() };
        let found_out = Change { oauth2: Some(found_out), ..Change::default() };
        assert_eq!(fields(found_out), ["oauth2.authorization_url", "oauth2.token_url"]);
        let scopes = pb::McpOauth2 { scopes: vec!["read".to_owned()], ..at("one.example") };
        assert!(fields(Change { oauth2: Some(scopes), ..Change::default() }).is_empty());
    }

    #[test]
    fn secrets_that_cannot_be_read_are_all_sent_again_or_not_touched() {
        let (mut settings, _) = server();
        (settings.has_api_key, settings.has_signing_secret) = (true, true);
        let replaces = |change: Change| change.replaces_secrets(&settings);
        assert!(!replaces(Change::default()));
        assert!(!replaces(Change { api_key: some("new"), ..Change::default() }));
        assert!(!replaces(Change { signing_secret: some(""), oauth2_client_secret: some(""), ..Change::default() }));
        assert!(replaces(Change { api_key: some("new"), signing_secret: some(""), ..Change::default() }));
        let other = Some(McpAuthType::None.into());
        assert!(replaces(Change { auth_type: other, signing_secret: some(""), ..Change::default() }));
        assert!(Change::default().replaces_secrets(&pb::McpServer::default()), "there are none");
    }

    #[test]
    fn what_another_kind_of_authentication_needs_is_refused() {
        let headers = Some(BTreeMap::from([("X-A".to_owned(), "b".to_owned())]));
        let (_, _, violations) = apply(Change { custom_headers: headers, ..Change::default() });
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["custom_headers"]);
    }
}
