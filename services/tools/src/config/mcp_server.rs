//! An MCP server in the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chatmesh_proto::tools::v1::{McpAuthType, McpAvailability, McpTransport};
use serde::Deserialize;

/// An MCP server outside of the mesh. What it means stands at `CreateMcpServerRequest` in the reference of the API.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct McpServerConfig {
    /// Its unique name, which the names of its tools begin with.
    pub slug: String,
    /// What people call it.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// The path of a picture on this deployment.
    pub icon_url: String,
    /// Where it is.
    pub url: String,
    /// How it is spoken to: `streamable_http` or `sse`.
    pub transport: Transport,
    /// What it is told of who calls: `none`, `oauth2`, `api_key`, `custom_headers` or `user_oidc`.
    pub auth_type: AuthType,
    /// True to have it and not to connect it.
    pub disabled: bool,
    /// Which chats have it: `force_on`, `default_on` or `default_off`.
    pub availability: Availability,
    /// Whether a chat that plans may use its tools.
    pub allow_in_plan_mode: bool,
    /// Whether the model is to say what it calls a tool for.
    pub model_intent: bool,
    /// Whether it is told for whom it is called.
    pub forward_identity_headers: bool,
    /// Signs those headers.
    pub signing_secret: Option<SecretReference>,
    /// The only tools that are offered; all where it is empty.
    pub tool_allow_list: Vec<String>,
    /// Tools that are never offered.
    pub tool_deny_list: Vec<String>,
    /// The header with the key; `Authorization` where it is left out.
    pub api_key_header: String,
    /// The value of that header.
    pub api_key: Option<SecretReference>,
    /// The values of headers by their names.
    pub custom_headers: BTreeMap<String, SecretReference>,
    /// What is known of the authorization server.
    pub oauth2: Option<Oauth2Config>,
}

/// What is known of the authorization server of an MCP server; what is left out is found out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Oauth2Config {
    /// The mesh's identifier there.
    pub client_id: String,
    /// The secret that goes with it. It is sent to no address that the MCP server names: `authorization_url` and
    /// `token_url` are needed with it.
    pub client_secret: Option<SecretReference>,
    /// Where users say yes.
    pub authorization_url: String,
    /// Where tokens are given.
    pub token_url: String,
    /// Where tokens are taken back.
    pub revocation_url: String,
    /// What to ask for.
    pub scopes: Vec<String>,
}

/// Where a secret is, so that it need not stand in the configuration: `{ env = "NAME" }` or `{ file = "/path" }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretReference {
    /// In a variable of the environment.
    Env(String),
    /// In a file; blanks and line ends at its end are no part of it.
    File(PathBuf),
}

/// How an MCP server is spoken to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Streamable HTTP.
    #[default]
    StreamableHttp,
    /// HTTP with server-sent events.
    Sse,
}

impl From<Transport> for McpTransport {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::StreamableHttp => Self::StreamableHttp,
            Transport::Sse => Self::Sse,
        }
    }
}

/// What an MCP server is told of who calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthType {
    /// Nothing.
    #[default]
    None,
    /// A token of each user.
    Oauth2,
    /// One header with a key.
    ApiKey,
    /// Any headers.
    CustomHeaders,
    /// The user's own OpenID Connect token.
    UserOidc,
}

impl From<AuthType> for McpAuthType {
    fn from(auth_type: AuthType) -> Self {
        match auth_type {
            AuthType::None => Self::None,
            AuthType::Oauth2 => Self::Oauth2,
            AuthType::ApiKey => Self::ApiKey,
            AuthType::CustomHeaders => Self::CustomHeaders,
            AuthType::UserOidc => Self::UserOidc,
        }
    }
}

/// Which chats have an MCP server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// All of them.
    ForceOn,
    /// Those that choose nothing.
    DefaultOn,
    /// Those that choose it.
    #[default]
    DefaultOff,
}

impl From<Availability> for McpAvailability {
    fn from(availability: Availability) -> Self {
        match availability {
            Availability::ForceOn => Self::ForceOn,
            Availability::DefaultOn => Self::DefaultOn,
            Availability::DefaultOff => Self::DefaultOff,
        }
    }
}
