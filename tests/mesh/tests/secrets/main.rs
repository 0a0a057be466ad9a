//! Secrets stay where they are. Canaries are put into every key, header and error body; nothing that
//! leaves the mesh, and nothing that it writes, has them: answers, logs, traces, databases, records.

mod provider;
mod search;

use std::path::Path;

use chatmesh_mesh_tests::{Collector, PATIENCE, Program, eventually};
use prost::Message as _;
use provider::{MODELS, Provider};
use reqwest::{Client, Method, RequestBuilder};
use search::Needle;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What all canaries have in them. Nothing else has.
const CANARY: &str = "canary";

/// The doors of the SDKs, and the protocol that a provider has behind each.
const DOORS: [(&str, &str); 3] = [
    ("/v1/messages", "PROVIDER_TYPE_ANTHROPIC"),
    ("/v1/chat/completions", "PROVIDER_TYPE_OPENAI_COMPATIBLE"),
    ("/v1/responses", "PROVIDER_TYPE_OPENAI"),
];

/// Providers with protocols or keys of their own, and keys as they have them.
const OTHERS: [(&str, &str); 4] = [
    ("PROVIDER_TYPE_GOOGLE", "AIzacanary0123456789abcdefghijklmnopqrs"),
    ("PROVIDER_TYPE_VERTEX", "ya29.canary-0123456789abcdefghijklmnop"),
    ("PROVIDER_TYPE_AZURE", "canary0123456789abcdef0123456789"),
    ("PROVIDER_TYPE_BEDROCK", "AKIACANARY0123456789:canary/secret+0123456789abcdefghijklmnop:canary-session-token"),
];

/// Everything is written down that can be.
const TALKATIVE: [(&str, &str); 2] =
    [("CHATMESH_LOG", "debug,chatmesh_llm=trace,chatmesh_gateway=trace"), ("CHATMESH_LLM__DEBUG__RECORD", "all")];

/// A client that keeps all that it is told.
#[derive(Debug)]
struct Listener {
    http: Client,
    url: String,
    token: String,
    heard: String,
}

impl Listener {
    fn new(mesh: &Program) -> Self {
        let token = mesh.admin_token().to_owned();
        let http = Client::builder().timeout(PATIENCE).build().expect("an HTTP client");
        Self { http, url: mesh.url().to_owned(), token, heard: String::new() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// Sends it, keeps status, headers and body, and returns the body.
    async fn hear(&mut self, request: RequestBuilder) -> Value {
        let response = request.send().await.expect("an answer");
        self.heard.push_str(&format!("{} {}\n{:?}\n", response.url(), response.status(), response.headers()));
        // Where a stream breaks, what came before counts.
        let body = response.text().await.unwrap_or_default();
        self.heard.push_str(&body);
        self.heard.push('\n');
        serde_json::from_str(&body).unwrap_or_default()
    }

    async fn get(&mut self, path: &str) -> Value {
        self.hear(self.request(Method::GET, path).bearer_auth(&self.token)).await
    }

    async fn post(&mut self, path: &str, body: &Value) -> Value {
        self.hear(self.request(Method::POST, path).bearer_auth(&self.token).json(body)).await
    }
}

/// A provider of each protocol with two keys, and its models.
async fn configure(admin: &mut Listener, provider: &Provider) -> Vec<String> {
    let mut models = Vec::new();
    for (_, kind) in DOORS {
        let name = kind.trim_start_matches("PROVIDER_TYPE_").to_lowercase();
        let word = name.replace('_', "-");
        let keys = [1, 2].map(|number| format!("sk-{CANARY}-{word}-{number}-0123456789abcdef"));
        let policy = json!({
            "central_api_key_enabled": true, "allow_user_api_key": true, "allow_central_api_key_fallback": true,
        });
        let body = json!({
            "name": name, "type": kind, "base_url": provider.base_url(), "api_key": keys[0], "key_policy": policy,
        });
        admin.post("/api/v1/providers", &body).await;
        let more = json!({"provider": name, "scope": "KEY_SCOPE_CENTRAL", "name": "second", "secret": keys[1]});
        admin.post("/api/v1/keys", &more).await;
        for model in MODELS {
            let alias = format!("{name}-{model}");
            let body = json!({"provider": name, "model": model, "name": alias, "context_limit": 100_000});
            let created = admin.post("/api/v1/models", &body).await;
            assert_eq!(created["name"], alias.as_str(), "{created}");
            models.push(alias);
        }
    }
    for (kind, key) in OTHERS {
        let name = kind.trim_start_matches("PROVIDER_TYPE_").to_lowercase();
        let settings = json!({"region": "us-east-1", "project": "acme"});
        let body = json!({
            "name": name, "type": kind, "base_url": provider.base_url(), "api_key": key, "settings": settings,
        });
        admin.post("/api/v1/providers", &body).await;
        for model in ["refuse", "invalid", "fail"] {
            let alias = format!("{name}-{model}");
            let body = json!({"provider": name, "model": model, "name": alias, "context_limit": 100_000});
            let created = admin.post("/api/v1/models", &body).await;
            assert_eq!(created["name"], alias.as_str(), "{created}");
            models.push(alias);
        }
    }
    models
}

/// A user's own key for each provider, which is used before the others.
async fn own_keys(user: &mut Listener) {
    for (_, kind) in DOORS {
        let name = kind.trim_start_matches("PROVIDER_TYPE_").to_lowercase();
        let secret = format!("sk-{CANARY}-{}-3-0123456789abcdef", name.replace('_', "-"));
        let key = json!({"provider": name, "scope": "KEY_SCOPE_USER", "name": "own", "secret": secret});
        let created = user.post("/api/v1/keys", &key).await;
        assert_eq!(created["name"], "own", "{created}");
    }
}

/// Every model through every door, streamed and whole.
async fn call(client: &mut Listener, models: &[String]) {
    for (path, _) in DOORS {
        for model in models {
            for stream in [false, true] {
                let body = match path {
                    "/v1/responses" => json!({"model": model, "input": "Hello.", "stream": stream}),
                    _ => {
                        let messages = json!([{"role": "user", "content": "Hello."}]);
                        json!({"model": model, "messages": messages, "max_tokens": 100, "stream": stream})
                    }
                };
                // SDKs say with this that they have tried before: nobody tries again for them.
                let request = client.request(Method::POST, path).header("x-stainless-retry-count", "1");
                let request = request.header("cookie", format!("session={CANARY}-cookie-0123456789"));
                let request = request.header("x-custom-key", format!("{CANARY}-header-0123456789"));
                client.hear(request.bearer_auth(&client.token).json(&body)).await;
            }
        }
    }
}

/// What goes wrong before a model is called.
async fn mistakes(client: &mut Listener) {
    let wrong = format!("cm_{CANARY}_0123456789abcdefghijklmnop");
    for path in ["/v1/messages", "/v1/chat/completions", "/api/v1/chats"] {
        let request = client.request(Method::POST, path).bearer_auth(&wrong).json(&json!({"model": "none"}));
        client.hear(request).await;
        let request = client.request(Method::POST, path).header("x-api-key", &wrong).body("{");
        client.hear(request).await;
    }
    let key = format!("sk-{CANARY}-refused-0123456789abcdef");
    for body in [
        json!({"name": "not a name!", "type": "PROVIDER_TYPE_ANTHROPIC", "api_key": key}),
        json!({"name": "x", "type": "PROVIDER_TYPE_NOTHING", "api_key": key}),
        json!({"name": "anthropic", "type": "PROVIDER_TYPE_ANTHROPIC", "api_key": key}),
        json!({"name": "x", "type": "PROVIDER_TYPE_BEDROCK", "api_key": format!("{key}\n")}),
        json!({"name": "x", "type": "PROVIDER_TYPE_ANTHROPIC", "api_key": [key]}),
        json!({"name": "x", "type": "PROVIDER_TYPE_ANTHROPIC", "base_url": format!("http://user:{key}@127.0.0.1:1/")}),
    ] {
        client.post("/api/v1/providers", &body).await;
    }
    client.post("/api/v1/keys", &json!({"provider": "nobody", "scope": "KEY_SCOPE_CENTRAL", "secret": key})).await;
    client.post("/api/v1/keys", &json!({"provider": "anthropic", "scope": "?", "secret": key})).await;
}

/// A chat with each model that fails early or late, and what is said of it.
async fn chats(client: &mut Listener, models: &[String]) {
    for model in models.iter().filter(|model| !model.ends_with("-fail") && !model.ends_with("-limit")) {
        let body = json!({"content": [{"text": "Hello."}], "model": model});
        let chat = client.post("/api/v1/chats", &body).await;
        let id = chat["id"].as_str().unwrap_or_else(|| panic!("a chat: {chat}")).to_owned();
        let watcher = Listener {
            http: client.http.clone(),
            url: client.url.clone(),
            token: client.token.clone(),
            heard: String::new(),
        };
        // One that breaks in the middle is tried again, and again.
        let is_settled = |chat: &Value| chat["status"] != "CHAT_STATUS_RUNNING" || model.ends_with("-break");
        let path = format!("/api/v1/chats/{id}");
        eventually(
            "the turn ends",
            async || {
                let request = watcher.request(Method::GET, &path).bearer_auth(&watcher.token);
                request.send().await.expect("an answer").json::<Value>().await.expect("a chat")
            },
            is_settled,
        )
        .await;
        client.get(&path).await;
        client.get(&format!("{path}/messages")).await;
    }
}

/// All lists, and the record of every call.
async fn read_everything(admin: &mut Listener) -> usize {
    for path in ["providers", "keys", "models", "usage", "chats", "tokens", "users"] {
        admin.get(&format!("/api/v1/{path}")).await;
    }
    for (_, kind) in DOORS {
        let name = kind.trim_start_matches("PROVIDER_TYPE_").to_lowercase();
        admin.get(&format!("/api/v1/providers/{name}")).await;
        admin.post(&format!("/api/v1/providers/{name}:test"), &json!({})).await;
    }
    admin.get("/metrics").await;
    let events = admin.get("/api/v1/usage/events?page_size=200").await;
    let events = events["events"].as_array().cloned().unwrap_or_else(|| panic!("events: {events}"));
    let mut records = 0;
    for event in &events {
        let id = event["id"].as_str().expect("an id");
        let record = admin.get(&format!("/api/v1/usage/{id}/debug")).await;
        records += usize::from(record["request"].as_str().is_some_and(|request| request.contains("Hello.")));
    }
    records
}

/// The bytes of all databases.
fn databases(directory: &TempDir) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(directory.path()).expect("a directory").map(|file| file.expect("a file").path());
    let databases = files.filter(|path: &std::path::PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.contains(".db"))
    });
    let read = |path: &Path| std::fs::read(path).expect("a database");
    databases.map(|path| (path.display().to_string(), read(&path))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_answers_logs_traces_databases_or_records() {
    let (collector, provider) = (Collector::start().await, Provider::start().await);
    let mut settings = TALKATIVE.to_vec();
    settings.push(("CHATMESH_TELEMETRY__OTLP_ENDPOINT", collector.endpoint()));
    let mesh = Program::start(&settings).await;

    let mut admin = Listener::new(&mesh);
    let models = configure(&mut admin, &provider).await;
    call(&mut admin, &models).await;
    own_keys(&mut admin).await;
    call(&mut admin, &models).await;
    chats(&mut admin, &models).await;
    mistakes(&mut admin).await;
    // The ledger writes a moment after the call.
    let records = read_everything(&mut admin).await;
    let (admin_token, heard) = (admin.token.clone(), admin.heard);
    let (log, directory) = mesh.stop().await;

    let mut places = vec![
        ("answers".to_owned(), heard.into_bytes()),
        ("log".to_owned(), log.into_bytes()),
        ("traces".to_owned(), collector.received().iter().flat_map(|spans| spans.encode_to_vec()).collect()),
    ];
    places.extend(databases(&directory));
    let needles = [Needle::of(CANARY), Needle::of(&admin_token)];
    let mut found = Vec::new();
    for (place, bytes) in &places {
        println!("{place}: {} bytes", bytes.len());
        assert!(!bytes.is_empty(), "{place} is empty: nothing was looked for");
        found.extend(needles.iter().flat_map(|needle| needle.find(bytes)).map(|what| format!("{place}: {what}")));
    }
    println!("{records} records of requests");
    assert!(records > 10, "requests were recorded: {records}");
    assert!(places.len() > 6, "all databases were read: {}", places.len());
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}
