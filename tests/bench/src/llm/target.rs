//! What is measured: the provider itself, this mesh in several ways, and other proxies.

use std::path::PathBuf;
use std::process::Command;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context as _;
use chatmesh_core::{SecretString, SystemClock};
use chatmesh_rpc::assertion::ServiceSigner;
use chatmesh_rpc::client::Peer;
use chatmesh_rpc::connect_lazy;
use serde_json::json;
use tempfile::TempDir;

use super::client::{Address, bearer};
use super::provider::MODEL;
use crate::api::Api;
use crate::mesh::{Cluster, MESH_SECRET, Plan, Storage, Up};
use crate::ports::free_port;
use crate::process::{Process, Usage, usage_of};
use crate::programs::Programs;

/// The core of what is measured.
pub(super) const CORE: usize = 0;

/// Providers of our meshes: their names, types, and whether the version belongs to their address.
const PROVIDERS: [(&str, &str, bool); 3] = [
    ("chat", "PROVIDER_TYPE_OPENAI_COMPATIBLE", true),
    ("responses", "PROVIDER_TYPE_OPENAI", true),
    ("messages", "PROVIDER_TYPE_ANTHROPIC", false),
];

/// Something that answers.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) address: Address,
    pub(super) process: Measured,
}

/// Whose memory and time count.
#[derive(Debug, Clone)]
pub(super) enum Measured {
    /// Nobody's.
    Nothing,
    /// A process.
    Pid(u32),
}

impl Target {
    /// The provider itself.
    pub(super) fn direct(base_url: &str) -> anyhow::Result<Self> {
        let address = http(base_url, "/chat/completions", Vec::new(), MODEL)?;
        Ok(Self { name: "direct".to_owned(), address, process: Measured::Nothing })
    }

    /// What its process has used; nothing where it has none.
    pub(super) fn usage(&self) -> anyhow::Result<Option<Usage>> {
        match self.process {
            Measured::Nothing => Ok(None),
            Measured::Pid(pid) => usage_of(pid).map(Some),
        }
    }
}

fn http(base_url: &str, path: &str, headers: Vec<(String, String)>, model: &str) -> anyhow::Result<Address> {
    let rest = base_url.strip_prefix("http://").context("an address must begin with http://")?;
    let (authority, base) = rest.split_once('/').unwrap_or((rest, ""));
    let base = base.trim_end_matches('/');
    let slash = if base.is_empty() { "" } else { "/" };
    Ok(Address::Http {
        authority: authority.to_owned(),
        path: format!("{slash}{base}{path}"),
        headers,
        model: model.to_owned(),
    })
}

/// This mesh: `chatmesh up`, and the service by itself.
#[derive(Debug)]
pub(super) struct Ours {
    up: Up,
    services: Cluster,
}

impl Ours {
    pub(super) async fn start(programs: &Programs, provider: &str) -> anyhow::Result<Self> {
        let programs = programs.pinned(CORE);
        let up = Up::start(&programs, &[]).await?;
        configure(up.api(), provider).await?;
        let services = Plan::new(&programs, &Storage::Sqlite).start().await?;
        configure(services.api(), provider).await?;
        Ok(Self { up, services })
    }

    pub(super) fn targets(&self) -> anyhow::Result<Vec<Target>> {
        let (url, token) = (self.up.api().url(), self.up.api().token());
        let process = Measured::Pid(self.up.pid());
        let through = |name: &str, model: &str| {
            let address = http(url, "/v1/chat/completions", vec![bearer(token)], model)?;
            anyhow::Ok(Target { name: name.to_owned(), address, process: process.clone() })
        };
        let clock = Arc::new(SystemClock);
        let signer = ServiceSigner::new("chat", &SecretString::from(MESH_SECRET), clock);
        let peer = Peer::new(connect_lazy(self.services.url("llm")?)?, signer);
        let grpc = Target {
            name: "ours, gRPC".to_owned(),
            address: Address::Grpc { peer, model: "chat".to_owned() },
            process: Measured::Pid(self.services.pid("llm")?),
        };
        Ok(vec![
            through("ours, same protocol", "chat")?,
            through("ours, to Messages", "messages")?,
            through("ours, to Responses", "responses")?,
            grpc,
        ])
    }
}

/// Makes a provider of each protocol known, and its model under the provider's name.
async fn configure(api: &Api, base_url: &str) -> anyhow::Result<()> {
    for (name, kind, with_version) in PROVIDERS {
        let base_url = if with_version { base_url } else { base_url.trim_end_matches("/v1") };
        let provider = json!({"name": name, "type": kind, "base_url": base_url, "api_key": "any"});
        api.post("/api/v1/providers", &provider).await?;
        let model = json!({"provider": name, "model": MODEL, "name": name, "context_limit": 200_000});
        api.post("/api/v1/models", &model).await?;
    }
    Ok(())
}

/// A proxy of somebody else that runs already.
#[derive(Debug, Clone)]
pub struct Other {
    name: String,
    base_url: String,
    model: String,
    headers: Vec<(String, String)>,
    pid: Option<u32>,
}

impl FromStr for Other {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mut fields = text.split(',').map(str::trim);
        let name = fields.next().filter(|name| !name.is_empty()).context("a name is missing")?.to_owned();
        let base_url = fields.next().context("an address is missing: NAME,URL")?.to_owned();
        let mut other = Self { name, base_url, model: MODEL.to_owned(), headers: Vec::new(), pid: None };
        for field in fields {
            if let Some(model) = field.strip_prefix("model=") {
                model.clone_into(&mut other.model);
            } else if let Some(pid) = field.strip_prefix("pid=") {
                other.pid = Some(pid.parse()?);
            } else {
                let (name, value) = field.split_once(':').context("expected model=, pid= or a header")?;
                other.headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
        http(&other.base_url, "", Vec::new(), "")?;
        Ok(other)
    }
}

impl Other {
    pub(super) fn target(&self) -> anyhow::Result<Target> {
        let address = http(&self.base_url, "/chat/completions", self.headers.clone(), &self.model)?;
        let process = self.pid.map_or(Measured::Nothing, Measured::Pid);
        Ok(Target { name: self.name.clone(), address, process })
    }
}

/// The proxies that are put beside ours, each as it comes from its registry.
#[derive(Debug)]
pub(super) struct Peers {
    tensorzero: Process,
    litellm: Process,
    targets: Vec<(String, Address)>,
    _directory: TempDir,
}

const LITELLM_KEY: &str = "sk-0123456789abcdef0123456789abcdef";

impl Peers {
    /// Starts both, from the directory where `tests/bench/peers` put them.
    pub(super) async fn start(installed: &std::path::Path, provider: &str) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("chatmesh-peers-").tempdir()?;
        let path = directory.path();

        std::fs::write(path.join("tensorzero.toml"), TENSORZERO.replace("BASE_URL", provider))?;
        std::fs::write(path.join("start.py"), TENSORZERO_START)?;
        let mut command = pinned(installed.join("tensorzero/bin/python"));
        command.arg("start.py").env("RUST_LOG", "error");
        let mut tensorzero = Process::start("tensorzero", command, path)?;
        let base_url = tensorzero.writes("http://").await?;
        let base_url = format!("{}/openai/v1", base_url.trim_end_matches('/').trim_end_matches("/openai/v1"));
        let first = http(&base_url, "/chat/completions", Vec::new(), "tensorzero::model_name::mock")?;

        std::fs::write(path.join("litellm.yaml"), LITELLM.replace("BASE_URL", provider))?;
        let port = free_port()?;
        let mut command = pinned(installed.join("litellm/bin/litellm"));
        command.args(["--config", "litellm.yaml", "--host", "127.0.0.1", "--num_workers", "1", "--port"]);
        command.arg(port.to_string()).env("LITELLM_MASTER_KEY", LITELLM_KEY).env("LITELLM_LOG", "ERROR");
        command.env("LITELLM_LOCAL_MODEL_COST_MAP", "True");
        let mut litellm = Process::start("litellm", command, path)?;
        let base_url = format!("http://127.0.0.1:{port}");
        litellm.ready(&format!("{base_url}/health/liveliness")).await?;
        let second = http(&base_url, "/v1/chat/completions", vec![bearer(LITELLM_KEY)], MODEL)?;

        let targets = vec![("TensorZero".to_owned(), first), ("LiteLLM".to_owned(), second)];
        Ok(Self { tensorzero, litellm, targets, _directory: directory })
    }

    pub(super) fn targets(&self) -> Vec<Target> {
        let pids = [self.tensorzero.pid(), self.litellm.pid()];
        let targets = self.targets.iter().zip(pids);
        let target = |((name, address), pid): (&(String, Address), u32)| Target {
            name: name.clone(),
            address: address.clone(),
            process: Measured::Pid(pid),
        };
        targets.map(target).collect()
    }
}

/// A program on the core of what is measured.
fn pinned(program: PathBuf) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &CORE.to_string()]).arg(program);
    command
}

const TENSORZERO: &str = r#"
[gateway]
observability.enabled = false
disable_pseudonymous_usage_analytics = true
[models."mock"]
routing = ["openai"]
[models."mock".providers.openai]
type = "openai"
model_name = "mock"
api_base = "BASE_URL/"
api_key_location = "none"
"#;

/// The wheel holds the gateway itself, in Rust; Python only starts it.
const TENSORZERO_START: &str = r#"
import tensorzero, threading
gateway = tensorzero._start_http_gateway(
    config_file="tensorzero.toml", clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False)
print(gateway.base_url, flush=True)
threading.Event().wait()
"#;

const LITELLM: &str = r#"
model_list:
  - model_name: mock
    litellm_params: {model: openai/mock, api_base: "BASE_URL", api_key: sk-x}
litellm_settings: {num_retries: 0, callbacks: [], telemetry: false}
general_settings: {disable_spend_logs: true}
"#;
