//! Servers that stand in the configuration: they are made, or changed to what stands there, whenever the service
//! starts, and nobody else changes them. One that does not stand there any more stays, and belongs to administrators.

mod secret;
#[cfg(test)]
mod tests;

use chatmesh_core::Violations;
use chatmesh_proto::tools::v1 as pb;
use chatmesh_proto::tools::v1::{McpAuthType, McpAvailability, McpTransport};
use tracing::info;

use super::api::change;
use super::check::{check, check_slug};
use super::convert::mention;
use super::domain::{Reference, Secrets, Server, ServerId};
use super::edit::is_another;
use super::state::Servers;
use super::store::Inserted;
use crate::Error;
use crate::config::{McpServerConfig, Oauth2Config};
use secret::Reader;

/// How often a change is tried that another replica was faster with.
const MAX_ROUNDS: u32 = 5;
/// How many servers are looked at at once.
const PAGE: u32 = 200;

/// Where variables come from.
pub(crate) type Variables<'a> = &'a (dyn Fn(&str) -> Option<String> + Send + Sync);

impl Servers {
    /// Makes the servers what the configuration says.
    ///
    /// # Errors
    /// A server cannot be as it is declared: says which and why, without secrets. Or the database fails.
    pub(crate) async fn declare(&self, declared: &[McpServerConfig], variables: Variables<'_>) -> Result<(), Error> {
        // All of them are looked at before the first is changed.
        let mut wanted = Vec::new();
        for (at, config) in declared.iter().enumerate() {
            let place = format!("tools.mcp_servers[{at}]");
            wanted.push((config, self.read(&place, config, variables).await.map_err(Error::Configured)?));
        }
        for (config, (settings, secrets)) in &wanted {
            self.put(config, settings, secrets).await?;
        }
        self.release(declared).await
    }

    /// What a server is to be.
    async fn read(
        &self,
        place: &str,
        config: &McpServerConfig,
        variables: Variables<'_>,
    ) -> Result<(pb::McpServer, Secrets), String> {
        let request = request(place, config, variables).await?;
        let (mut settings, mut secrets) = (pb::McpServer::default(), Secrets::default());
        let mut violations = Violations::new();
        check_slug(&config.slug, &mut violations);
        change(request).apply(&mut settings, &mut secrets, &mut violations);
        check(&settings, &secrets, self.addresses, &mut violations);
        if !violations.is_empty() {
            let said = |field: &str| field.replace("oauth2_client_secret", "oauth2.client_secret");
            let wrong = violations.iter().map(|one| format!("{place}.{} {}", said(&one.field), one.description));
            return Err(wrong.collect::<Vec<_>>().join("; "));
        }
        mention(&mut settings, &secrets);
        settings.managed_by_config = true;
        Ok((settings, secrets))
    }

    /// Makes or changes one server.
    async fn put(&self, config: &McpServerConfig, settings: &pb::McpServer, secrets: &Secrets) -> Result<(), Error> {
        let (slug, enabled) = (&config.slug, !config.disabled);
        for _ in 0..MAX_ROUNDS {
            let now = self.clock.now();
            let Some(kept) = self.store.find(&Reference::Slug(slug.clone())).await? else {
                let id = ServerId(self.ids.next());
                let server = Server {
                    id,
                    slug: slug.clone(),
                    enabled,
                    version: 1,
                    settings: settings.clone(),
                    sealed_secrets: self.seal(id, secrets)?,
                    created_at: now,
                    updated_at: now,
                };
                match self.store.insert(&server, None).await? {
                    Inserted::Created(_) | Inserted::Repeated(_) => {
                        info!(server = %slug, "an MCP server was made as the configuration says");
                        return Ok(());
                    }
                    Inserted::SlugTaken => continue,
                }
            };
            let is_same = self.open(&kept).is_ok_and(|it| it == *secrets);
            if is_same && kept.enabled == enabled && kept.settings == *settings {
                return Ok(());
            }
            let sealed_secrets = self.seal(kept.id, secrets)?;
            let (settings, version) = (settings.clone(), kept.version + 1);
            // What users got for one server is not shown to another one.
            let is_another = is_another(&kept.settings, &settings);
            let server = Server { enabled, version, settings, sealed_secrets, updated_at: now, ..kept };
            let written = match is_another {
                true => self.store.replace(&server).await?,
                false => self.store.update(&server).await?.then(Vec::new),
            };
            if let Some(granted) = written {
                self.take_back(slug, granted);
                info!(server = %slug, "an MCP server was changed to what the configuration says");
                return Ok(());
            }
        }
        Err(Error::Changed(slug.clone()))
    }

    /// Leaves to administrators what the configuration does not name any more.
    async fn release(&self, declared: &[McpServerConfig]) -> Result<(), Error> {
        let mut after = None;
        loop {
            let page = self.store.list(false, after, PAGE).await?;
            let Some(last) = page.last().map(|server| server.id).filter(|last| Some(*last) != after) else {
                return Ok(());
            };
            after = Some(last);
            for mut server in page {
                let is_declared = declared.iter().any(|config| config.slug == server.slug);
                if server.settings.managed_by_config && !is_declared {
                    server.settings.managed_by_config = false;
                    server.version += 1;
                    server.updated_at = self.clock.now();
                    // Where another replica was faster, it did the same.
                    let is_mine = self.store.update(&server).await?;
                    info!(server = %server.slug, is_mine, "the configuration does not name an MCP server any more");
                }
            }
        }
    }
}

/// What an administrator would ask for.
async fn request(
    place: &str,
    config: &McpServerConfig,
    variables: Variables<'_>,
) -> Result<pb::CreateMcpServerRequest, String> {
    let config = config.clone();
    let reader = Reader { place, variables };
    let mut custom_headers = std::collections::HashMap::new();
    for (name, reference) in &config.custom_headers {
        let value = reader.read(&format!("custom_headers.{name}"), Some(reference)).await?;
        custom_headers.insert(name.clone(), value);
    }
    let oauth2_config = config.oauth2.unwrap_or_default();
    let oauth2_client_secret = reader.read("oauth2.client_secret", oauth2_config.client_secret.as_ref()).await?;
    let oauth2 = oauth2(oauth2_config);
    Ok(pb::CreateMcpServerRequest {
        slug: config.slug,
        display_name: config.display_name,
        description: config.description,
        icon_url: config.icon_url,
        url: config.url,
        transport: McpTransport::from(config.transport).into(),
        auth_type: McpAuthType::from(config.auth_type).into(),
        enabled: Some(!config.disabled),
        availability: McpAvailability::from(config.availability).into(),
        allow_in_plan_mode: config.allow_in_plan_mode,
        model_intent: config.model_intent,
        forward_identity_headers: config.forward_identity_headers,
        signing_secret: reader.read("signing_secret", config.signing_secret.as_ref()).await?,
        tool_allow_list: config.tool_allow_list,
        tool_deny_list: config.tool_deny_list,
        api_key_header: config.api_key_header,
        api_key: reader.read("api_key", config.api_key.as_ref()).await?,
        custom_headers,
        oauth2: (oauth2 != pb::McpOauth2::default()).then_some(oauth2),
        oauth2_client_secret,
        request_id: String::new(),
    })
}

fn oauth2(config: Oauth2Config) -> pb::McpOauth2 {
    let Oauth2Config { client_id, client_secret: _, authorization_url, token_url, revocation_url, scopes } = config;
    pb::McpOauth2 { client_id, authorization_url, token_url, revocation_url, scopes }
}
