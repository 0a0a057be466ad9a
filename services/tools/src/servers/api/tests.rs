use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_rpc::{Role, UserId};

use super::*;
use crate::servers::domain::Secrets;
use crate::servers::store::GrantRow;
use crate::servers::testing::{Network, admin, server};

struct World {
    servers: Arc<Servers>,
    server: Server,
    ann: UserId,
}

impl World {
    /// A server with a key, and a user whom it knows from before.
    async fn new(auth_type: McpAuthType) -> Self {
        let network = Network::default();
        let mut server = server("one");
        server.settings.auth_type = auth_type.into();
        server.settings.api_key_header = "X-Key".to_owned();
        server.settings.has_api_key = auth_type == McpAuthType::ApiKey;
        if server.settings.has_api_key {
            // What was sealed elsewhere cannot be read here.
            let secrets = Secrets { api_key: "the key".to_owned(), ..Secrets::default() };
            server.sealed_secrets = network.servers(Vec::new()).seal(server.id, &secrets).expect("sealed");
        } else {
            server.settings.api_key_header.clear();
        }
        let servers = network.servers(vec![server.clone()]);
        let world = Self { servers, server, ann: UserId(SystemIds.next()) };
        world.grant().await;
        world
    }

    async fn grant(&self) {
        let grant = GrantRow {
            server_id: self.server.id,
            user_id: self.ann,
            version: 1,
            sealed: b"tokens".to_vec(),
            is_dead: false,
            renewing_until: None,
            updated_at: self.server.created_at,
        };
        self.servers.grants.put(&grant).await.expect("written");
    }

    async fn is_granted(&self) -> bool {
        self.servers.grants.get(self.server.id, self.ann).await.expect("asked").is_some()
    }

    async fn update(&self, change: pb::UpdateMcpServerRequest) -> Result<pb::McpServer, Error> {
        let request = pb::UpdateMcpServerRequest { server: "one".to_owned(), ..change };
        let updated = update::update(&self.servers, admin(), request).await?;
        Ok(updated.server.expect("a server"))
    }

    async fn disconnect(&self, user: UserId) -> Result<pb::DisconnectMcpServerResponse, Error> {
        let request = pb::DisconnectMcpServerRequest { server: "one".to_owned() };
        disconnect::disconnect(&self.servers, Caller::user(user, Role::Member), request).await
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// What users were granted is for one host and one kind of server; whatever else changes leaves it.
#[tokio::test]
async fn users_connect_anew_to_a_server_that_is_another_one() {
    let none = Some(i32::from(McpAuthType::None));
    for (change, stays) in [
        (pb::UpdateMcpServerRequest { url: some("https://one.example/other"), ..Default::default() }, true),
        (pb::UpdateMcpServerRequest { enabled: Some(false), ..Default::default() }, true),
        (pb::UpdateMcpServerRequest { url: some("https://two.example/mcp"), ..Default::default() }, false),
        (pb::UpdateMcpServerRequest { auth_type: none, ..Default::default() }, false),
    ] {
        let world = World::new(McpAuthType::Oauth2).await;
        world.update(change.clone()).await.expect("changed");
        assert_eq!(world.is_granted().await, stays, "{change:?}");
    }
}

/// Another replica may have the right key: what it could read is not wiped.
#[tokio::test]
async fn secrets_that_cannot_be_read_are_not_lost_with_a_change_of_something_else() {
    let world = World::new(McpAuthType::ApiKey).await;
    let off = || pb::UpdateMcpServerRequest { enabled: Some(false), ..Default::default() };
    let refused = world.update(off()).await;
    assert!(matches!(refused, Err(Error::Sealed(chatmesh_seal::SealError::CannotOpen))), "{refused:?}");
    let kept = find(&world.servers, &admin(), "one").await.expect("there");
    assert_eq!((kept.enabled, kept.sealed_secrets), (true, world.server.sealed_secrets.clone()));

    let anew = pb::UpdateMcpServerRequest { api_key: some("another key"), ..off() };
    let changed = world.update(anew).await.expect("changed");
    assert!(changed.has_api_key && !changed.enabled);
    let kept = find(&world.servers, &admin(), "one").await.expect("there");
    assert_eq!(world.servers.open(&kept).expect("readable").api_key, "another key");
}

/// A user takes back what they granted, whatever became of the server.
#[tokio::test]
async fn a_user_disconnects_from_a_server_that_is_off_or_knows_no_users() {
    for change in [
        pb::UpdateMcpServerRequest { enabled: Some(false), ..Default::default() },
        pb::UpdateMcpServerRequest { auth_type: Some(McpAuthType::None.into()), ..Default::default() },
    ] {
        let world = World::new(McpAuthType::Oauth2).await;
        world.update(change.clone()).await.expect("changed");
        // As it was before servers that changed forgot their users.
        world.grant().await;
        let shown = world.disconnect(world.ann).await.expect("disconnected").server.expect("a server");
        assert!(!shown.auth_connected && !world.is_granted().await, "{change:?}");
        let other = world.disconnect(UserId(world.server.id.0)).await;
        assert!(matches!(other, Err(Error::NotFound { .. } | Error::NoUsers(_))), "{other:?}: nobody else sees it");
    }
}
