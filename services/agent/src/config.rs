//! What an agent is told when it starts.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use chatmesh_core::SecretString;
use clap::Parser;
use sha2::{Digest as _, Sha256};
use url::Url;

/// The variable with the token.
const TOKEN: &str = "CHATMESH_AGENT_TOKEN";
/// Where relays take agents.
const CONNECT_PATH: &str = "/relay/v1/connect";

/// Runs commands and reads and writes files in this workspace for chatmesh.
///
/// The agent dials the relay and opens no port. It needs a token, which the environment
/// variable CHATMESH_AGENT_TOKEN or a file holds; neither reaches the commands that it runs.
#[derive(Debug, Parser)]
#[command(name = "chatmesh-agent", version, after_help = EXIT_CODES)]
pub struct Args {
    /// The relay to dial, like `https://chatmesh.example.com`
    #[arg(long, env = "CHATMESH_AGENT_URL", value_name = "URL")]
    pub url: Url,
    /// A file with the token, in place of the variable CHATMESH_AGENT_TOKEN
    #[arg(long, env = "CHATMESH_AGENT_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// A file with further certificate authorities to trust, in PEM
    #[arg(long, env = "CHATMESH_AGENT_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Where commands run by default; the current directory where it is not given
    #[arg(long, env = "CHATMESH_AGENT_DIRECTORY", value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Where the agent remembers what it did, so that a restart does nothing twice; by default a
    /// directory in $XDG_STATE_HOME or ~/.local/state
    #[arg(long, env = "CHATMESH_AGENT_STATE_DIR", value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// The niceness of commands, from -20 to 19, as far as the system permits; the agent's own where it is not given
    #[arg(long, env = "CHATMESH_AGENT_PROCESS_NICENESS", value_name = "NUMBER", allow_negative_numbers = true,
        value_parser = clap::value_parser!(i32).range(-20..=19))]
    pub process_niceness: Option<i32>,
    /// How soon commands are ended when memory is short, from -1000 to 1000 (the last is first), as far as the system
    /// permits; as the agent itself where it is not given
    #[arg(long, env = "CHATMESH_AGENT_PROCESS_OOM_SCORE_ADJ", value_name = "NUMBER", allow_negative_numbers = true,
        value_parser = clap::value_parser!(i32).range(-1000..=1000))]
    pub process_oom_score_adj: Option<i32>,
    /// What to log: error, warn, info, debug or trace, also for single modules (hyper=warn,debug)
    #[arg(long, env = "CHATMESH_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
}

const EXIT_CODES: &str = "\
`chatmesh-agent context --help` tells of the command with which, in the workspace, instructions are added to a chat.

HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY name an HTTP proxy on the way to the relay.

Exit codes: 0 stopped by a signal; 1 could not run; 2 wrong usage; 78 the relay refused this \
agent for good, for example because its token is not valid any more.";

/// An agent's configuration.
#[derive(Clone)]
pub struct Config {
    /// Where to connect, path included.
    pub url: Url,
    /// What the agent shows to the relay.
    pub token: SecretString,
    /// Further certificate authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// Where commands run by default.
    pub directory: PathBuf,
    /// Where receipts are kept; no two agents share one.
    pub state_dir: PathBuf,
    /// The workspace, which commands find in `CHATMESH_WORKSPACE_ID`.
    pub workspace_id: Option<String>,
    /// The niceness of commands.
    pub process_niceness: Option<i32>,
    /// How soon commands are ended when memory is short.
    pub process_oom_score_adj: Option<i32>,
    /// The agent's own program, or another one that is the agent under the name `chatmesh-agent`. It starts the
    /// commands that have limits.
    pub executable: PathBuf,
    /// The variables that commands inherit. Those of the mesh are left out.
    pub environment: Vec<(OsString, OsString)>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The address has a scheme that is none of ours, or no host.
    #[error("`{0}` is not an address of a relay: it must begin with http:// or https:// and have a host")]
    Url(Url),
    /// There is no token.
    #[error("there is no token: set CHATMESH_AGENT_TOKEN, or CHATMESH_AGENT_TOKEN_FILE to a file with it")]
    NoToken,
    /// A file or directory is of no use.
    #[error("can not use `{}`", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no place for state.
    #[error("neither HOME nor XDG_STATE_HOME is set: name a directory with --state-dir")]
    NoStateDir,
}

impl fmt::Debug for Config {
    /// Without the environment, whose values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("url", &self.url.as_str())
            .field("ca_file", &self.ca_file)
            .field("directory", &self.directory)
            .field("state_dir", &self.state_dir)
            .field("workspace_id", &self.workspace_id)
            .field("process_niceness", &self.process_niceness)
            .field("process_oom_score_adj", &self.process_oom_score_adj)
            .field("executable", &self.executable)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Makes a configuration of arguments and environment variables.
    ///
    /// # Errors
    /// The token or a directory is missing, or the address is none.
    pub fn load(args: Args, environment: Vec<(OsString, OsString)>) -> Result<Self, ConfigError> {
        let variable = |name: &str| {
            let found = environment.iter().find(|(key, _)| key == name);
            found.and_then(|(_, value)| value.to_str()).filter(|value| !value.is_empty()).map(str::to_owned)
        };
        let url = connect_url(args.url)?;
        let token = match args.token_file {
            Some(path) => std::fs::read_to_string(&path).map_err(|source| ConfigError::Io { path, source })?,
            None => variable(TOKEN).unwrap_or_default(),
        };
        let token = match token.trim() {
            "" => return Err(ConfigError::NoToken),
            token => SecretString::from(token.to_owned()),
        };
        let directory = args.directory.unwrap_or_else(|| PathBuf::from("."));
        let directory =
            std::path::absolute(&directory).map_err(|source| ConfigError::Io { path: directory, source })?;
        let workspace_id = variable("CHATMESH_WORKSPACE_ID");
        let state_dir = match args.state_dir {
            Some(dir) => dir,
            None => {
                let home = variable("HOME").map(|home| Path::new(&home).join(".local/state"));
                let state = variable("XDG_STATE_HOME").map(PathBuf::from).or(home).ok_or(ConfigError::NoStateDir)?;
                let name = workspace_id.clone().unwrap_or_else(|| name_of(&directory));
                state.join("chatmesh-agent").join(name)
            }
        };
        Ok(Self {
            url,
            token,
            ca_file: args.ca_file,
            directory,
            state_dir,
            workspace_id,
            process_niceness: args.process_niceness,
            process_oom_score_adj: args.process_oom_score_adj,
            executable: own_executable(),
            environment,
        })
    }
}

/// The address to connect to: relays may stand behind a prefix, so the path is added to what is
/// there, unless it is there already.
fn connect_url(mut url: Url) -> Result<Url, ConfigError> {
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(ConfigError::Url(url));
    }
    let prefix = url.path().trim_end_matches('/');
    if !prefix.ends_with(CONNECT_PATH) {
        let path = format!("{prefix}{CONNECT_PATH}");
        url.set_path(&path);
    }
    Ok(url)
}

/// The running program, also where its file was replaced by a newer one.
fn own_executable() -> PathBuf {
    if cfg!(target_os = "linux") {
        return PathBuf::from("/proc/self/exe");
    }
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("chatmesh-agent"))
}

/// A name for the state of an agent that is known by its directory only.
fn name_of(directory: &Path) -> String {
    let digest = Sha256::digest(directory.as_os_str().as_encoded_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use chatmesh_core::ExposeSecret as _;

    use super::*;

    fn load(args: &[&str], environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let args = ["chatmesh-agent"].iter().chain(args);
        let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Config::load(Args::try_parse_from(args).expect("arguments"), environment.collect())
    }

    #[test]
    fn the_path_is_added_to_the_address_once() {
        for (given, expected) in [
            ("http://relay:8080", "http://relay:8080/relay/v1/connect"),
            ("https://host/prefix/", "https://host/prefix/relay/v1/connect"),
            ("https://host/relay/v1/connect", "https://host/relay/v1/connect"),
        ] {
            let config = load(&["--url", given], &[(TOKEN, "t"), ("HOME", "/home/me")]).expect("config");
            assert_eq!(config.url.as_str(), expected);
        }
        assert!(matches!(load(&["--url", "ftp://host"], &[(TOKEN, "t")]), Err(ConfigError::Url(_))));
    }

    #[test]
    fn the_token_comes_from_the_environment_or_a_file_and_is_never_shown() {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), "from-file\n").expect("write");
        let url = ["--url", "http://relay"];
        let config = load(&url, &[(TOKEN, "from-env"), ("HOME", "/h")]).expect("config");
        assert_eq!(config.token.expose_secret(), "from-env");
        let path = file.path().to_str().expect("path");
        let config = load(&[url[0], url[1], "--token-file", path], &[("HOME", "/h")]).expect("config");
        assert_eq!(config.token.expose_secret(), "from-file");
        assert!(!format!("{config:?}").contains("from-file"));
        let config = load(&url, &[(TOKEN, "from-env"), ("HOME", "/h")]).expect("config");
        assert!(!format!("{config:?}").contains("from-env"));
        assert!(matches!(load(&url, &[("HOME", "/h")]), Err(ConfigError::NoToken)));
    }

    #[test]
    fn state_has_a_directory_for_each_workspace() {
        let url = ["--url", "http://relay"];
        let config = load(&url, &[(TOKEN, "t"), ("HOME", "/h"), ("CHATMESH_WORKSPACE_ID", "w1")]).expect("config");
        assert_eq!(config.state_dir, Path::new("/h/.local/state/chatmesh-agent/w1"));
        let config = load(&url, &[(TOKEN, "t"), ("HOME", "/h"), ("XDG_STATE_HOME", "/s")]).expect("config");
        assert!(config.state_dir.starts_with("/s/chatmesh-agent"));
        assert!(matches!(load(&url, &[(TOKEN, "t")]), Err(ConfigError::NoStateDir)));
    }

    #[test]
    fn defaults_for_commands_may_be_negative_and_not_out_of_range() {
        let load = |niceness, oom| {
            let args =
                ["agent", "--url", "http://relay", "--process-niceness", niceness, "--process-oom-score-adj", oom];
            Args::try_parse_from(args)
        };
        let args = load("-5", "-500").expect("arguments");
        assert_eq!((args.process_niceness, args.process_oom_score_adj), (Some(-5), Some(-500)));
        assert!(load("20", "0").is_err() && load("0", "1001").is_err());
    }
}
