//! A process for each service.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::Context as _;
use chatmesh_testkit::{fresh_database, nats_url};
use tempfile::TempDir;

use super::END_GRACE;
use crate::api::Api;
use crate::ports::free_port;
use crate::process::{Process, Usage};
use crate::programs::Programs;

/// All services; those that others wait for come first.
const SERVICES: [&str; 8] = ["identity", "workspaces", "relay", "llm", "tools", "chat", "gateway", "provisioner"];
const STATEFUL: [&str; 6] = ["identity", "workspaces", "relay", "llm", "tools", "chat"];
const PEERS: [&str; 6] = ["identity", "workspaces", "relay", "llm", "tools", "chat"];

const ADMIN_TOKEN: &str = "the-token-of-the-first-administrator";
/// With this, the processes of a mesh know each other.
pub(crate) const MESH_SECRET: &str = "a secret that the processes of a measurement share";
/// 32 bytes in base64.
const ENCRYPTION_KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// Where services keep their tables, each in a database of its own.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    /// Files.
    Sqlite,
    /// A server.
    Postgres(String),
}

impl Storage {
    /// PostgreSQL where a server is named, else SQLite.
    pub(crate) fn best() -> Self {
        chatmesh_testkit::server().map_or(Self::Sqlite, Self::Postgres)
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }
}

/// What is decided before the first process starts.
#[derive(Debug)]
pub(crate) struct Plan {
    programs: Programs,
    storage: Storage,
    settings: Vec<Setting>,
}

#[derive(Debug)]
struct Setting {
    service: Option<&'static str>,
    variable: (String, String),
}

/// A mesh of processes, in a directory that goes with it.
#[derive(Debug)]
pub(crate) struct Cluster {
    // The processes end before their directory is removed.
    members: BTreeMap<String, Member>,
    programs: Programs,
    databases: BTreeMap<&'static str, String>,
    api: Api,
    directory: TempDir,
}

#[derive(Debug)]
struct Member {
    process: Process,
    url: String,
    environment: Vec<(String, String)>,
}

impl Plan {
    pub(crate) fn new(programs: &Programs, storage: &Storage) -> Self {
        Self { programs: programs.clone(), storage: storage.clone(), settings: Vec::new() }
    }

    /// Sets something for all services.
    pub(crate) fn for_all(mut self, settings: &[(String, String)]) -> Self {
        self.settings.extend(settings.iter().map(|variable| Setting { service: None, variable: variable.clone() }));
        self
    }

    /// Sets something for one service.
    pub(crate) fn for_service(mut self, service: &'static str, section: &str, field: &str, value: &str) -> Self {
        self.settings.push(Setting { service: Some(service), variable: variable(section, field, value) });
        self
    }

    /// Starts all services and waits until they are ready.
    pub(crate) async fn start(self) -> anyhow::Result<Cluster> {
        let directory = tempfile::Builder::new().prefix("chatmesh-bench-").tempdir()?;
        let path = directory.path().to_str().context("a path that is no text")?.to_owned();
        let mut urls = BTreeMap::new();
        for name in SERVICES {
            urls.insert(name, format!("http://127.0.0.1:{}", free_port()?));
        }
        let mut databases = BTreeMap::new();
        for name in STATEFUL {
            let url = match &self.storage {
                Storage::Sqlite => format!("sqlite:{path}/{name}.db"),
                Storage::Postgres(server) => fresh_database(server).await,
            };
            databases.insert(name, url);
        }
        let agent = self.programs.path("chatmesh-agent")?;
        let mut common = vec![
            variable("bus", "url", &nats_url().unwrap_or_else(|| "memory:".to_owned())),
            variable("mesh", "secret", MESH_SECRET),
            variable("lifecycle", "grace", END_GRACE),
            variable("identity", "admin_token", ADMIN_TOKEN),
            variable("llm", "encryption_key", ENCRYPTION_KEY),
            variable("tools", "encryption_key", ENCRYPTION_KEY),
            variable("provisioner", "data_dir", &path),
            variable("provisioner", "agent_program", agent.to_str().context("a path that is no text")?),
            variable("provisioner", "agent_url", &urls["relay"]),
        ];
        common.extend(PEERS.map(|name| variable("peers", name, &urls[name])));

        let api = Api::new(&urls["gateway"], ADMIN_TOKEN)?;
        let programs = self.programs.clone();
        let mut cluster = Cluster { members: BTreeMap::new(), programs, databases, api, directory };
        for name in SERVICES {
            let mut environment = common.clone();
            if let Some(url) = cluster.databases.get(name) {
                environment.push(variable("database", "url", url));
            }
            let concerns = |setting: &&Setting| setting.service.is_none_or(|service| service == name);
            environment.extend(self.settings.iter().filter(concerns).map(|setting| setting.variable.clone()));
            cluster.serve(name, name, &urls[name], environment)?;
        }
        for name in SERVICES {
            cluster.ready(name).await?;
        }
        Ok(cluster)
    }
}

impl Cluster {
    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    /// Starts one more process of `service` under a name of its own, with settings that differ.
    pub(crate) async fn add(
        &mut self,
        service: &'static str,
        name: &str,
        settings: &[(&str, &str, &str)],
    ) -> anyhow::Result<()> {
        let mut environment = self.member(service)?.environment.clone();
        environment.extend(settings.iter().map(|(section, field, value)| variable(section, field, value)));
        self.serve(service, name, &format!("http://127.0.0.1:{}", free_port()?), environment)?;
        self.ready(name).await
    }

    /// Ends a process in order.
    pub(crate) async fn end(&mut self, name: &str) -> anyhow::Result<()> {
        let member = self.members.remove(name).with_context(|| format!("{name} does not run"))?;
        // It waits for the end.
        Ok(tokio::task::spawn_blocking(move || drop(member)).await?)
    }

    /// Kills all processes: where the end of what they are doing would take long.
    pub(crate) fn kill(&mut self) {
        self.members.values_mut().for_each(|member| member.process.kill());
    }

    /// Kills one process.
    pub(crate) fn kill_one(&mut self, name: &str) -> anyhow::Result<()> {
        let member = self.members.get_mut(name).with_context(|| format!("{name} does not run"))?;
        member.process.kill();
        Ok(())
    }

    /// The address of a process.
    pub(crate) fn url(&self, name: &str) -> anyhow::Result<&str> {
        Ok(&self.member(name)?.url)
    }

    /// The number of a process.
    pub(crate) fn pid(&self, name: &str) -> anyhow::Result<u32> {
        Ok(self.member(name)?.process.pid())
    }

    pub(crate) fn usage(&self, name: &str) -> anyhow::Result<Usage> {
        self.member(name)?.process.usage()
    }

    /// The memory of all processes, without agents.
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        self.members.values().map(|member| Ok(member.process.usage()?.resident_bytes)).sum()
    }

    /// The names of the PostgreSQL databases of all services.
    pub(crate) fn database_names(&self) -> Vec<String> {
        STATEFUL.iter().filter_map(|service| self.database_name(service)).collect()
    }

    /// The name of a service's PostgreSQL database.
    pub(crate) fn database_name(&self, service: &str) -> Option<String> {
        let url = self.databases.get(service).filter(|url| url.starts_with("postgres"))?;
        url.rsplit_once('/').map(|(_, name)| name.to_owned())
    }

    fn serve(
        &mut self,
        service: &str,
        name: &str,
        url: &str,
        mut environment: Vec<(String, String)>,
    ) -> anyhow::Result<()> {
        environment.push(variable("server", "listen", url.trim_start_matches("http://")));
        let mut command: Command = self.programs.chatmesh()?;
        command.args(["serve", service]).envs(environment.iter().map(|(name, value)| (name, value)));
        let process = Process::start(name, command, self.directory.path())?;
        self.members.insert(name.to_owned(), Member { process, url: url.to_owned(), environment });
        Ok(())
    }

    async fn ready(&mut self, name: &str) -> anyhow::Result<()> {
        let member = self.members.get_mut(name).with_context(|| format!("{name} does not run"))?;
        member.process.ready(&format!("{}/readyz", member.url)).await
    }

    fn member(&self, name: &str) -> anyhow::Result<&Member> {
        self.members.get(name).with_context(|| format!("{name} does not run"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // All at once, so that they end while the others do; dropping each waits for it.
        self.members.values_mut().for_each(|member| member.process.ask_to_end());
    }
}

/// A setting as a variable of the environment.
pub(crate) fn variable(section: &str, field: &str, value: &str) -> (String, String) {
    (format!("CHATMESH_{}__{}", section.to_uppercase(), field.to_uppercase()), value.to_owned())
}
