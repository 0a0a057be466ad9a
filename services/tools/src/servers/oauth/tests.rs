mod elsewhere;
mod ended;
mod refused;
mod registered;
mod renewals;
mod revocation;
mod sessions;
mod unknown_client;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use axum::extract::{Form, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::tools::v1 as pb;
use chatmesh_proto::tools::v1::McpAuthType;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio_util::task::TaskTracker;
use url::Url;

use super::*;
use crate::Error;
use crate::servers::domain::{Secrets, Server};
use crate::servers::state::Servers;
use crate::servers::testing::{Granted, Network, server};

type Fields = BTreeMap<String, String>;

/// A server and its authorization server, which answers what it is told to.
#[derive(Debug, Clone, Default)]
struct Played {
    origin: Arc<Mutex<String>>,
    answers: Arc<Mutex<VecDeque<Value>>>,
    /// What it was sent: registrations, and forms.
    registered: Arc<Mutex<Vec<Value>>>,
    /// What it says of whom it registered, beside the identifier.
    issues: Arc<Mutex<Fields>>,
    forms: Arc<Mutex<Vec<Fields>>>,
    /// What callers of it must show in `Authorization`; they need not where it is empty.
    wants: Arc<Mutex<String>>,
    /// The tokens that the server takes, and how often it was called with one of them.
    takes: Arc<Mutex<Vec<String>>>,
    calls: Arc<Mutex<usize>>,
}

impl Played {
    async fn start() -> Self {
        let played = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        *played.origin.lock() = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new()
            .route("/.well-known/oauth-protected-resource/mcp", get(resource))
            .route("/.well-known/oauth-authorization-server/issuer", get(metadata))
            .route("/register", post(register))
            .route("/token", post(token))
            .route("/revoke", post(revoke))
            .route("/mcp", post(refused::serve))
            .with_state(played.clone());
        TaskTracker::new().spawn(async move { axum::serve(listener, router).await });
        played
    }

    fn origin(&self) -> String {
        self.origin.lock().clone()
    }

    fn will(&self, answer: Value) {
        self.answers.lock().push_back(answer);
    }

    fn form(&self) -> Fields {
        self.forms.lock().pop().expect("a request for a token")
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let wanted = self.wants.lock();
        wanted.is_empty() || headers.get(AUTHORIZATION).is_some_and(|shown| shown.as_bytes() == wanted.as_bytes())
    }
}

async fn resource(State(played): State<Played>) -> Json<Value> {
    let origin = played.origin();
    Json(json!({
        "resource": format!("{origin}/mcp"), "authorization_servers": [format!("{origin}/issuer")],
        "scopes_supported": ["read", "write"],
    }))
}

async fn metadata(State(played): State<Played>) -> Json<Value> {
    let origin = played.origin();
    let at = |path: &str| format!("{origin}/{path}");
    Json(json!({
        "issuer": at("issuer"), "authorization_endpoint": at("authorize?tenant=1"), "token_endpoint": at("token"),
        "registration_endpoint": at("register"), "revocation_endpoint": at("revoke"),
        "code_challenge_methods_supported": ["S256"],
    }))
}

async fn register(State(played): State<Played>, Json(body): Json<Value>) -> Json<Value> {
    played.registered.lock().push(body);
    let mut answer = played.issues.lock().clone();
    answer.insert("client_id".to_owned(), "the-mesh".to_owned());
    Json(json!(answer))
}

async fn token(State(played): State<Played>, headers: HeaderMap, Form(form): Form<Fields>) -> Json<Value> {
    if !played.knows(&headers) {
        return Json(json!({"error": "invalid_client"}));
    }
    played.forms.lock().push(form);
    Json(played.answers.lock().pop_front().expect("an answer"))
}

async fn revoke(State(played): State<Played>, headers: HeaderMap, Form(mut form): Form<Fields>) -> StatusCode {
    if !played.knows(&headers) {
        return StatusCode::UNAUTHORIZED;
    }
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    form.extend(shown.map(|shown| ("authorization".to_owned(), shown.to_owned())));
    played.forms.lock().push(form);
    StatusCode::OK
}

struct World {
    played: Played,
    network: Network,
    granted: Arc<Granted>,
    servers: Arc<Servers>,
    server: Server,
    user: UserId,
}

const REDIRECT: &str = "http://127.0.0.1:7090/callback";

impl World {
    async fn new() -> Self {
        let played = Played::start().await;
        let mut server = server("one");
        server.settings.auth_type = McpAuthType::Oauth2.into();
        server.settings.url = format!("{}/mcp", played.origin());
        let (network, granted) = (Network::default(), Arc::new(Granted::default()));
        let servers = network.servers_with(vec![server.clone()], Arc::clone(&granted));
        Self { played, network, granted, servers, server, user: UserId(SystemIds.next()) }
    }

    /// The parameters with which the user is sent away.
    async fn begin(&self) -> Fields {
        let url = self.servers.begin(&self.server, self.user, REDIRECT).await.expect("a page");
        let url = Url::parse(&url).expect("a URL");
        assert!(url.as_str().starts_with(&format!("{}/authorize?tenant=1&", self.played.origin())), "{url}");
        url.query_pairs().into_owned().collect()
    }

    async fn complete(&self, user: UserId, state: &str) -> Result<(), Error> {
        let state = state.parse().expect("a state");
        self.servers.complete(&self.server, user, state, "the-code").await
    }

    /// Configures a client at the authorization server, and where that is.
    fn configure_client(&mut self, id: &str, secret: &str) {
        let at = |path: &str| format!("{}/{path}", self.played.origin());
        self.server.settings.oauth2 = Some(pb::McpOauth2 {
            client_id: id.to_owned(),
            authorization_url: at("authorize?tenant=1"),
            token_url: at("token"),
            revocation_url: at("revoke"),
            ..pb::McpOauth2::default()
        });
        let secrets = Secrets { oauth2_client_secret: secret.to_owned(), ..Secrets::default() };
        self.server.sealed_secrets = self.servers.seal(self.server.id, &secrets).expect("sealed");
    }

    /// Connects the user; the server answers with this.
    async fn connect(&self, answer: Value) {
        let sent = self.begin().await;
        self.played.will(answer);
        self.complete(self.user, &sent["state"]).await.expect("connected");
        self.played.form();
    }

    async fn token(&self) -> Option<String> {
        self.servers.token(&self.server, self.user).await.header
    }
}

/// The authorization server is found (RFC 9728, RFC 8414), the mesh is registered there (RFC 7591), and a code is good
/// only with what the mesh kept for itself (PKCE).
#[tokio::test]
async fn a_user_connects_to_a_server_that_nobody_configured() {
    let world = World::new().await;
    assert_eq!(world.token().await, None);
    let sent = world.begin().await;
    assert_eq!(world.played.registered.lock()[0]["redirect_uris"], json!([REDIRECT]));
    let expected = [
        ("response_type", "code"),
        ("client_id", "the-mesh"),
        ("redirect_uri", REDIRECT),
        ("code_challenge_method", "S256"),
        ("scope", "read write"),
        ("resource", &world.server.settings.url),
    ];
    for (name, value) in expected {
        assert_eq!(sent[name], value, "{name}");
    }

    world.played.will(json!({"access_token": "abc", "token_type": "bearer", "expires_in": 3600}));
    world.complete(world.user, &sent["state"]).await.expect("connected");
    let form = world.played.form();
    assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"])), sent["code_challenge"]);
    assert_eq!((form["grant_type"].as_str(), form["code"].as_str()), ("authorization_code", "the-code"));
    assert_eq!((form["client_id"].as_str(), form["redirect_uri"].as_str()), ("the-mesh", REDIRECT));
    assert_eq!(world.token().await.as_deref(), Some("Bearer abc"));
}

#[tokio::test]
async fn a_state_is_good_once_and_for_its_user() {
    let world = World::new().await;
    let sent = world.begin().await;
    let refused = |outcome: Result<(), Error>| matches!(outcome, Err(Error::Invalid(_)));
    assert!(refused(world.complete(UserId(SystemIds.next()), &sent["state"]).await), "another user");
    world.played.will(json!({"access_token": "abc"}));
    world.complete(world.user, &sent["state"]).await.expect("connected");
    assert!(refused(world.complete(world.user, &sent["state"]).await), "the same again");
}

#[tokio::test]
async fn a_user_who_disconnects_has_no_token_and_the_server_is_told() {
    let world = World::new().await;
    world.connect(json!({"access_token": "one", "refresh_token": "old"})).await;
    world.servers.disconnect(&world.server, world.user).await.expect("disconnected");
    assert_eq!(world.played.form()["token"], "old");
    assert_eq!(world.token().await, None);
}

/// RFC 6749, 2.3.1 and RFC 7009, 2.1: the identifier and the secret are form-encoded, for a token and to take one back.
#[tokio::test]
async fn a_configured_client_is_not_registered_again_and_shows_its_secret() {
    let mut world = World::new().await;
    world.configure_client("our:client", "s3cr&t+/=%");
    let shown = BASE64_STANDARD.encode("our%3Aclient:s3cr%26t%2B%2F%3D%25");
    *world.played.wants.lock() = format!("Basic {shown}");
    let sent = world.begin().await;
    assert_eq!(sent["client_id"], "our:client");
    assert!(world.played.registered.lock().is_empty());
    world.played.will(json!({"access_token": "one", "refresh_token": "old"}));
    world.complete(world.user, &sent["state"]).await.expect("connected");
    let form = world.played.form();
    assert_eq!((form["code"].as_str(), form.get("client_id")), ("the-code", None), "the secret is in no form");

    let (_, mut grant) = world.servers.granted(&world.server, world.user).await.expect("read").expect("a grant");
    grant.authority.client_secret = "another".to_owned();
    let refused = endpoint::revoke(&world.servers.http, &grant).await;
    assert_eq!(refused, Err("the authorization server answered with status 401".to_owned()));
    assert!(world.played.forms.lock().is_empty());
    world.servers.disconnect(&world.server, world.user).await.expect("disconnected");
    assert_eq!(world.played.form()["token"], "old");
}

/// The server itself says where its authorization server is: a secret of an administrator is not sent there.
#[tokio::test]
async fn a_client_secret_is_not_sent_to_where_the_server_says() {
    let mut world = World::new().await;
    world.configure_client("ours", "a-secret");
    let oauth2 = pb::McpOauth2 { client_id: "ours".to_owned(), ..pb::McpOauth2::default() };
    world.server.settings.oauth2 = Some(oauth2);
    let refused = world.servers.begin(&world.server, world.user, REDIRECT).await.expect_err("refused").to_string();
    assert!(refused.contains("an administrator has to configure `oauth2.authorization_url`"), "{refused}");
    world.server.sealed_secrets = None;
    assert_eq!(world.begin().await["client_id"], "ours", "an identifier alone is no secret");
}

#[test]
fn users_come_back_to_where_nobody_else_reads_the_code() {
    let fits = |uri: &str| {
        let mut violations = chatmesh_core::Violations::new();
        check_redirect(uri, &mut violations);
        violations.is_empty()
    };
    for uri in ["https://mesh.example/callback", REDIRECT, "http://localhost:1/", "http://[::1]:7/x"] {
        assert!(fits(uri), "{uri}");
    }
    for uri in ["", "http://mesh.example/", "https://h/#a", "javascript:alert(1)", "app://callback", "http://10.0.0.1/"]
    {
        assert!(!fits(uri), "{uri}");
    }
}

#[test]
fn the_word_before_a_token_is_written_as_servers_expect_it() {
    let header = |token_type: &str, access_token: &str| {
        let grant = Grant {
            authority: Authority::default(),
            token_type: token_type.to_owned(),
            access_token: access_token.to_owned(),
            refresh_token: String::new(),
            expires_at: None,
        };
        grant.header()
    };
    assert_eq!(header("bearer", "a").as_deref(), Some("Bearer a"));
    assert_eq!(header("", "a").as_deref(), Some("Bearer a"));
    assert_eq!(header("DPoP", "a").as_deref(), Some("DPoP a"));
    assert_eq!(header("Bearer", ""), None);
}

/// A user who has no OpenID token is called for without one, and not with another one of theirs.
#[tokio::test]
async fn a_user_without_an_openid_token_has_none() {
    let mut world = World::new().await;
    world.connect(json!({"access_token": "one"})).await;
    world.server.settings.auth_type = McpAuthType::UserOidc.into();
    assert_eq!(world.token().await, None);
}
