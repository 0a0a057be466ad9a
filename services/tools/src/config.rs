//! The settings of the service.

mod mcp_server;

use std::collections::HashSet;
use std::time::Duration;

use chatmesh_core::SecretString;
pub use mcp_server::{AuthType, Availability, McpServerConfig, Oauth2Config, SecretReference, Transport};
use serde::Deserialize;

/// The longest that a workspace may run without being used.
const MAX_WORKSPACE_TTL: Duration = Duration::from_secs(30 * 24 * 3600);

/// The settings of the service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long workspaces that chats make run without being used, like `8h`. Their templates say where this is 0.
    #[serde(with = "humantime_serde")]
    pub workspace_ttl: Duration,
    /// The key that credentials of MCP servers are sealed with: 32 bytes in base64.
    pub encryption_key: SecretString,
    /// Whether MCP servers may be at private and local addresses. Those that hand out the machine's own credentials are
    /// never reached.
    pub allow_private_addresses: bool,
    /// MCP servers that are there from the start; they are made, or changed to what stands here, whenever the service
    /// starts, and the API changes none of them. One that is not named here any more stays, and the API changes it.
    pub mcp_servers: Vec<McpServerConfig>,
}

impl Config {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// A sentence that names the setting.
    pub fn validate(&self) -> Result<(), String> {
        if self.workspace_ttl > MAX_WORKSPACE_TTL || self.workspace_ttl.subsec_nanos() > 0 {
            return Err("tools.workspace_ttl must be whole seconds, 30 days at most".to_owned());
        }
        let mut slugs = HashSet::new();
        for (at, server) in self.mcp_servers.iter().enumerate() {
            if !slugs.insert(&server.slug) {
                return Err(format!("tools.mcp_servers[{at}].slug: another server is named `{}`", server.slug));
            }
        }
        Ok(())
    }

    /// What is asked for each workspace; `None` where that is left to its template.
    pub(crate) fn workspace_ttl_seconds(&self) -> Option<u32> {
        u32::try_from(self.workspace_ttl.as_secs()).ok().filter(|seconds| *seconds > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L15: 0 leaves it to the template; what is no duration keeps the service from starting, so that no workspace runs
    /// for another time than was meant.
    #[test]
    fn l15_a_time_that_makes_no_sense_is_refused_at_the_start() {
        let read = |text: &str| {
            let config = serde_json::from_str::<Config>(&format!(r#"{{"workspace_ttl": {text}}}"#));
            let config = config.map_err(|error| error.to_string())?;
            config.validate().map(|()| config.workspace_ttl_seconds())
        };
        for (text, expected) in [("\"0s\"", None), ("\"8h\"", Some(28_800)), ("\"30days\"", Some(2_592_000))] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        for text in ["\"soon\"", "\"\"", "8", "null", "\"-1h\"", "\"31days\"", "\"1500ms\""] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(Config::default().workspace_ttl_seconds(), None);
    }

    #[test]
    fn servers_have_names_of_their_own_and_no_fields_that_nobody_knows() {
        let read = |text: &str| {
            let config = serde_json::from_str::<Config>(&format!(r#"{{"mcp_servers": {text}}}"#));
            config.map_err(|error| error.to_string())?.validate()
        };
        assert_eq!(read(r#"[{"slug": "a", "url": "https://a"}, {"slug": "b", "api_key": {"env": "K"}}]"#), Ok(()));
        for (text, expected) in [
            (r#"[{"slug": "a"}, {"slug": "a"}]"#, "tools.mcp_servers[1].slug: another server is named `a`"),
            (r#"[{"slug": "a", "adress": "x"}]"#, "unknown field `adress`"),
            (r#"[{"slug": "a", "transport": "pigeon"}]"#, "unknown variant `pigeon`"),
            (r#"[{"slug": "a", "api_key": "the key itself"}]"#, "unknown variant"),
        ] {
            assert!(read(text).is_err_and(|error| error.contains(expected)), "{text}: {:?}", read(text));
        }
    }

    /// A file says it as people write it, and keeps the names of headers.
    #[test]
    fn servers_are_read_from_a_file() {
        use std::io::Write as _;

        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let text = r#"
            [[mcp_servers]]
            slug = "tickets"
            url = "https://tickets.example/sse"
            transport = "sse"
            auth_type = "custom_headers"
            custom_headers = { X-Key = { env = "TICKETS_KEY" }, X-Team = { file = "/run/secrets/team" } }
            availability = "force_on"

            [[mcp_servers]]
            slug = "code"
            url = "https://code.example/mcp"
            auth_type = "oauth2"

            [mcp_servers.oauth2]
            client_id = "mesh"
            client_secret = { env = "CODE_SECRET" }
            authorization_url = "https://code.example/login/authorize"
            token_url = "https://code.example/login/token"
            scopes = ["read"]
        "#;
        file.write_all(text.as_bytes()).expect("written");
        let sources = chatmesh_runtime::config::Sources { file: Some(file.path()), ..Default::default() };
        let config: Config = sources.load().expect("a configuration");
        config.validate().expect("it makes sense");
        let [tickets, code] = &config.mcp_servers[..] else { panic!("{config:?}") };
        assert_eq!((tickets.transport, tickets.availability), (Transport::Sse, Availability::ForceOn));
        let headers: Vec<_> = tickets.custom_headers.iter().map(|(name, from)| (name.as_str(), from.clone())).collect();
        let (key, team) =
            (SecretReference::Env("TICKETS_KEY".into()), SecretReference::File("/run/secrets/team".into()));
        assert_eq!(headers, [("X-Key", key), ("X-Team", team)]);
        let oauth2 = code.oauth2.as_ref().expect("an authorization server");
        assert_eq!(oauth2.client_secret, Some(SecretReference::Env("CODE_SECRET".into())));
        assert_eq!((code.auth_type, oauth2.scopes.len(), code.disabled), (AuthType::Oauth2, 1, false));
    }
}
