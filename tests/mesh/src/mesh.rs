//! A running mesh with its provider.

use std::panic::AssertUnwindSafe;
use std::path::Path;

use chatmesh::{AgentProgram, Config, Up, UpOptions};
use chatmesh_core::ExposeSecret as _;
use chatmesh_db::{Db, DbConfig};
use chatmesh_testkit::Watchdog;
use chatmesh_testkit::simulator::{Script, Simulator, SimulatorConfig};
use futures::FutureExt as _;
use serde_json::json;
use tempfile::TempDir;

use crate::{Client, built_program};

/// The services that have a database.
const STATEFUL: [&str; 6] = ["identity", "workspaces", "relay", "llm", "tools", "chat"];

/// Everything that `chatmesh up` runs, with a simulated provider.
#[derive(Debug)]
pub struct Mesh {
    url: String,
    admin: Client,
    simulator: Simulator,
    data_dir: TempDir,
    _watchdog: Watchdog,
}

impl Mesh {
    /// Runs `test` on a mesh whose provider `sim` answers with `scripts`. Each script's model is
    /// configured under its own name; the first one is the default. The mesh is stopped in order
    /// also where the test fails, so that no workspace outlives it.
    ///
    /// # Panics
    /// The test does, or the mesh does not start or end as it should.
    pub async fn run(scripts: Vec<Script>, test: impl AsyncFnOnce(&Mesh)) {
        Box::pin(Self::run_with(Config::default(), scripts, test)).await;
    }

    /// The configuration of a mesh whose workspaces see the whole machine, for tests that leave something for them
    /// outside of their directories.
    ///
    /// # Panics
    /// There is no such setting any more.
    #[must_use]
    pub fn not_isolated() -> Config {
        let mut config = Config::default();
        config.provisioner.local = serde_json::from_value(json!({"isolation": "none"})).expect("a setting");
        config
    }

    /// The same with a configuration.
    ///
    /// # Panics
    /// As `run`.
    pub async fn run_with(mut config: Config, scripts: Vec<Script>, test: impl AsyncFnOnce(&Mesh)) {
        chatmesh_runtime::install_crypto();
        let data_dir = tempfile::tempdir().expect("a temporary directory");
        let watchdog = Watchdog::over(data_dir.path());
        config.server.listen.set_port(0);
        let options = UpOptions {
            data_dir: data_dir.path().to_owned(),
            presets: Vec::new(),
            agent: Some(AgentProgram { path: built_program("chatmesh-agent"), args: Vec::new() }),
        };
        let up = Up::start(config, options).await.expect("the mesh starts");
        let models: Vec<String> = scripts.iter().map(|script| script.model.clone()).collect();
        let simulator = SimulatorConfig { scripts, ..SimulatorConfig::default() };
        let simulator = Simulator::start(simulator).await.expect("the simulator starts");
        let admin = Client::new(&up.url(), up.admin_token().expose_secret());
        let mesh = Self { url: up.url(), admin, simulator, data_dir, _watchdog: watchdog };

        let outcome = AssertUnwindSafe(async {
            mesh.configure(&models).await;
            test(&mesh).await;
        });
        let outcome = outcome.catch_unwind().await;
        let clean = up.stop().await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
        assert!(clean, "the mesh did not end as it should");
    }

    async fn configure(&self, models: &[String]) {
        let provider = json!({
            "name": "sim", "type": "PROVIDER_TYPE_ANTHROPIC", "base_url": self.simulator.base_url(), "api_key": "key",
        });
        self.admin.post("/api/v1/providers", &provider).await.ok();
        for (index, model) in models.iter().enumerate() {
            let model = json!({"provider": "sim", "model": model, "is_default": index == 0});
            self.admin.post("/api/v1/models", &model).await.ok();
        }
    }

    /// Where the mesh answers.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client with the administrator's token.
    #[must_use]
    pub fn admin(&self) -> &Client {
        &self.admin
    }

    /// The provider.
    #[must_use]
    pub fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    /// Where the mesh keeps everything.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// Creates a member and returns a client with a token of theirs.
    pub async fn member(&self, name: &str) -> Client {
        let user = self.admin.post("/api/v1/users", &json!({ "name": name })).await.ok();
        let body = json!({"name": "tests", "user_id": user["id"]});
        let token = self.admin.post("/api/v1/tokens", &body).await.ok();
        Client::new(&self.url, token["secret"].as_str().expect("a secret"))
    }

    /// Every row of every table of every service, one line each.
    pub async fn dump(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for service in STATEFUL {
            let path = self.data_dir().join(format!("{service}.db"));
            let db = Db::open(&DbConfig::Sqlite { path }).await.expect("the database opens");
            let rows = db.dump().await.expect("the database is readable");
            db.close().await;
            lines.extend(rows.into_iter().map(|row| format!("{service}.{row}")));
        }
        lines
    }
}
