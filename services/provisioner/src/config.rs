//! How the provisioner works.

mod kind;
mod kubernetes;
mod local;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

pub use kind::Kind;
pub(crate) use kubernetes::MAX_START;
pub use kubernetes::{EgressPort, EgressRule, KubernetesConfig, Protocol};
pub use local::{Isolation, LocalConfig};
use serde::Deserialize;

/// The longest grace: a build ends after ten minutes, and has more to do than to stop an agent.
const MAX_STOP_GRACE: Duration = Duration::from_secs(540);

/// How many builds may be carried out at once.
const SLOTS: RangeInclusive<usize> = 1..=64;

/// The settings of the provisioner.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The kinds of workspaces that this provisioner carries builds out for: `local`, `kubernetes`, `external`.
    pub kinds: Vec<Kind>,
    /// How many builds are carried out at once, 1 to 64. A start takes one until its workspace is up; where there are three
    /// at least, one of them takes only stops and deletions, so that these do not wait for starts.
    pub slots: usize,
    /// Where workspaces are kept, in `workspaces/` below it.
    pub data_dir: PathBuf,
    /// The program that acts as the agent.
    pub agent_program: PathBuf,
    /// What it is called with, before the agent's own flags.
    pub agent_args: Vec<String>,
    /// Where agents find the relay, like `http://127.0.0.1:8080`.
    pub agent_url: String,
    /// A file with further certificate authorities that agents trust, PEM; for a relay with a certificate of one's own.
    pub agent_ca_file: Option<PathBuf>,
    /// The HTTP proxy on the way from workspaces to the relay and everywhere else, like `http://proxy:3128`.
    pub agent_proxy: Option<String>,
    /// Where agents send their traces.
    pub otlp_endpoint: Option<String>,
    /// How long an agent may take to end before it is killed. Its scripts that run on stop have up to
    /// five minutes; one that has none ends within seconds.
    #[serde(with = "humantime_serde")]
    pub stop_grace: Duration,
    /// Workspaces of the kind `local`.
    pub local: LocalConfig,
    /// Workspaces of the kind `kubernetes`.
    pub kubernetes: KubernetesConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kinds: vec![Kind::Local, Kind::External],
            slots: 4,
            data_dir: PathBuf::from("data"),
            agent_program: PathBuf::from("chatmesh-agent"),
            agent_args: Vec::new(),
            agent_url: String::new(),
            agent_ca_file: None,
            agent_proxy: None,
            otlp_endpoint: None,
            stop_grace: Duration::from_secs(390),
            local: LocalConfig::default(),
            kubernetes: KubernetesConfig::default(),
        }
    }
}

/// The settings make no sense.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There would be nothing to do.
    #[error("provisioner.kinds must name what to carry out: local, kubernetes, external")]
    NoKinds,
    /// Nothing would be carried out, or more than a process should.
    #[error("provisioner.slots is {0}, but must be {min} to {max}", min = SLOTS.start(), max = SLOTS.end())]
    Slots(usize),
    /// Workspaces in a cluster would have no agent.
    #[error("provisioner.kubernetes.agent_image must be set to an image with the program chatmesh-agent")]
    NoAgentImage,
    /// A time is out of its bounds.
    #[error("provisioner.kubernetes.{name} must be 1s to 9m")]
    KubernetesTimeout {
        /// Which.
        name: &'static str,
    },
    /// An amount of a resource that no cluster understands.
    #[error("provisioner.kubernetes: `{0}` is not an amount of a resource, like `500m` or `4Gi`")]
    Quantity(String),
    /// A namespace has a name that none can have.
    #[error("provisioner.kubernetes: `{0}` is not the name of a namespace")]
    Namespace(String),
    /// Agents would not know where to connect.
    #[error("provisioner.agent_url must be set to the address of the relay, like http://127.0.0.1:8080")]
    NoAgentUrl,
    /// No agent could end, or no build that stops one.
    #[error(
        "provisioner.stop_grace is {}, but must be 1s to {}",
        humantime_serde::re::humantime::format_duration(*.0),
        humantime_serde::re::humantime::format_duration(MAX_STOP_GRACE)
    )]
    StopGrace(Duration),
    /// The directory has no absolute path.
    #[error("provisioner.data_dir `{}` can not be used", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Config {
    /// Checks what the types cannot say, and makes the directory's path absolute: agents run elsewhere.
    pub(crate) fn resolve(mut self) -> Result<Self, ConfigError> {
        if self.kinds.is_empty() {
            return Err(ConfigError::NoKinds);
        }
        if !SLOTS.contains(&self.slots) {
            return Err(ConfigError::Slots(self.slots));
        }
        if self.agent_url.is_empty() {
            return Err(ConfigError::NoAgentUrl);
        }
        if self.kinds.contains(&Kind::Kubernetes) {
            self.kubernetes.check()?;
        }
        if !(Duration::from_secs(1)..=MAX_STOP_GRACE).contains(&self.stop_grace) {
            return Err(ConfigError::StopGrace(self.stop_grace));
        }
        self.data_dir = std::path::absolute(&self.data_dir)
            .map_err(|source| ConfigError::DataDir { path: self.data_dir.clone(), source })?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_must_know_where_to_connect() {
        assert!(matches!(Config::default().resolve(), Err(ConfigError::NoAgentUrl)));
        let config = Config { agent_url: "http://relay".to_owned(), ..Config::default() };
        assert!(config.resolve().expect("resolved").data_dir.is_absolute());
    }

    #[test]
    fn one_to_sixty_four_builds_are_carried_out_at_once() {
        let config = Config { agent_url: "http://relay".to_owned(), ..Config::default() };
        for (slots, fits) in [(0, false), (1, true), (4, true), (64, true), (65, false)] {
            let resolved = Config { slots, ..config.clone() }.resolve().map_err(|error| error.to_string());
            let expected = format!("provisioner.slots is {slots}, but must be 1 to 64");
            assert_eq!(resolved.map(|config| config.slots), if fits { Ok(slots) } else { Err(expected) });
        }
        let read: Config = serde_json::from_str(r#"{"slots": 9}"#).expect("read");
        assert_eq!((read.slots, Config::default().slots), (9, 4));
    }

    #[test]
    fn an_agent_has_time_for_its_scripts_and_a_build_for_what_comes_after() {
        let config = Config { agent_url: "http://relay".to_owned(), ..Config::default() };
        // What the agent grants scripts that run on stop, to end them, the relay, and its processes.
        let agent = Duration::from_secs(16 + 316 + 2 + 25);
        assert!(config.stop_grace > agent && config.clone().resolve().is_ok());
        for wrong in [Duration::ZERO, Duration::from_secs(600)] {
            let error = Config { stop_grace: wrong, ..config.clone() }.resolve().expect_err("refused").to_string();
            assert!(error.starts_with("provisioner.stop_grace is ") && error.ends_with("must be 1s to 9m"), "{error}");
        }
        let read: Config = serde_json::from_str(r#"{"stop_grace": "45s"}"#).expect("read");
        assert_eq!(read.stop_grace, Duration::from_secs(45));
    }

    #[test]
    fn only_what_is_configured_is_carried_out_and_has_to_make_sense() {
        let config = Config { agent_url: "http://relay".to_owned(), ..Config::default() };
        assert_eq!(config.kinds, [Kind::Local, Kind::External]);
        let kubernetes = |json: &str| {
            let kubernetes = serde_json::from_str(json).expect(json);
            Config { kinds: vec![Kind::Kubernetes], kubernetes, ..config.clone() }.resolve()
        };
        kubernetes(r#"{"agent_image": "agent:1", "namespace": "a-1", "start_timeout": "9m"}"#).expect("fine");
        for (json, expected) in [
            ("{}", "provisioner.kubernetes.agent_image must be set"),
            (r#"{"agent_image": "x", "start_timeout": "10m"}"#, "kubernetes.start_timeout must be 1s to 9m"),
            (r#"{"agent_image": "x", "retry_timeout": "0s"}"#, "kubernetes.retry_timeout must be 1s to 9m"),
            (r#"{"agent_image": "x", "default_limits": {"cpu": "-1"}}"#, "`-1` is not an amount of a resource"),
            (r#"{"agent_image": "x", "home_size_limit": "lots"}"#, "`lots` is not an amount of a resource"),
            (r#"{"agent_image": "x", "namespace": "A"}"#, "`A` is not the name of a namespace"),
            (r#"{"agent_image": "x", "allowed_namespaces": ["../x"]}"#, "`../x` is not the name of a namespace"),
        ] {
            let error = kubernetes(json).expect_err(json).to_string();
            assert!(error.contains(expected), "{json}: {error}");
        }
        let none = Config { kinds: Vec::new(), ..config }.resolve();
        assert!(matches!(none, Err(ConfigError::NoKinds)));
    }

    #[test]
    fn kinds_and_isolation_are_written_in_lower_case() {
        let text = r#"{"kinds": ["local", "kubernetes", "external"], "local": {"isolation": "bubblewrap"}}"#;
        let config: Config = serde_json::from_str(text).expect("read");
        assert_eq!(config.kinds, [Kind::Local, Kind::Kubernetes, Kind::External]);
        assert_eq!(
            (config.local.isolation, LocalConfig::default().isolation),
            (Isolation::Bubblewrap, Isolation::Auto)
        );
        for wrong in
            [r#"{"kinds": ["docker"]}"#, r#"{"local": {"isolation": "yes"}}"#, r#"{"kubernetes": {"image": ""}}"#]
        {
            assert!(serde_json::from_str::<Config>(wrong).is_err(), "{wrong}");
        }
    }
}
