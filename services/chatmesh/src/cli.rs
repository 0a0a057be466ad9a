//! The command line.

mod chat;
mod demo;
mod environment;
mod mcp;
mod ping;
mod port_forward;
mod setup;
mod template;
mod token;
mod up;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::mesh::{self, Service};
use crate::terminal;

/// The self-hosted control plane for AI agent chats.
#[derive(Debug, Parser)]
#[command(name = "chatmesh", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything in this process, with embedded databases
    Up(up::Args),
    /// Run one service of a cluster
    Serve(ServeArgs),
    /// Bring the databases up to date and exit
    Migrate(MigrateArgs),
    /// Send a prompt to a chat and follow the answer
    Chat(chat::Args),
    /// Reach ports of a workspace as ports of this machine
    PortForward(port_forward::Args),
    /// Measure the way to the agent of a workspace
    Ping(ping::Args),
    /// Show the whole way of a turn in a temporary directory
    Demo(demo::Args),
    /// Write templates for workspaces
    Template(template::Args),
    /// Manage the MCP servers whose tools chats may use
    Mcp(mcp::Args),
    /// Manage API tokens
    Token(token::Args),
    /// Check the configuration
    Config(ConfigArgs),
    /// Print the version
    Version,
}

/// Where configuration comes from.
#[derive(Debug, Clone, Args)]
struct Sources {
    /// A TOML file; variables CHATMESH_SECTION__FIELD and flags come on top of it
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// What to log: error, warn, info, debug or trace, also for single modules (chatmesh_chat=debug,info)
    #[arg(long, env = "CHATMESH_LOG", value_name = "FILTER", global = true)]
    log: Option<String>,
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// The service
    service: Service,
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    #[command(flatten)]
    sources: Sources,
}

#[derive(Debug, Args)]
struct MigrateArgs {
    /// The service; all where it is not given
    service: Option<Service>,
    #[command(flatten)]
    sources: Sources,
}

#[derive(Debug, Args)]
struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Read all sources and say which settings are unknown or wrong
    Check(Sources),
}

/// Runs the command that the arguments name.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal::complain(format!("error: the runtime cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(dispatch(cli.command)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            terminal::complain(format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Up(args) => up::run(args).await,
        Command::Serve(args) => serve(args).await,
        Command::Migrate(args) => migrate(args).await,
        Command::Chat(args) => chat::run(args).await,
        Command::PortForward(args) => port_forward::run(args).await,
        Command::Ping(args) => ping::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Template(args) => template::run(args).await,
        Command::Mcp(args) => mcp::run(args).await,
        Command::Token(args) => token::run(args).await,
        Command::Config(ConfigArgs { command: ConfigCommand::Check(sources) }) => {
            setup::config(&sources, vec![])?;
            terminal::line("the configuration is fine");
            Ok(true)
        }
        Command::Version => {
            terminal::line(format!("chatmesh {}", env!("CARGO_PKG_VERSION")));
            Ok(true)
        }
    }
}

async fn serve(args: ServeArgs) -> anyhow::Result<bool> {
    let overrides = args.listen.map(|listen| ("server.listen", listen));
    let config = setup::config(&args.sources, overrides.into_iter().collect())?;
    let telemetry = setup::telemetry(service_name(args.service), &config)?;
    let clean = mesh::serve(config, args.service).await;
    setup::flush(telemetry).await;
    clean
}

/// The name under which traces are shown.
fn service_name(service: Service) -> &'static str {
    match service {
        Service::Gateway => "chatmesh-gateway",
        Service::Chat => "chatmesh-chat",
        Service::Llm => "chatmesh-llm",
        Service::Tools => "chatmesh-tools",
        Service::Relay => "chatmesh-relay",
        Service::Workspaces => "chatmesh-workspaces",
        Service::Identity => "chatmesh-identity",
        Service::Provisioner => "chatmesh-provisioner",
    }
}

async fn migrate(args: MigrateArgs) -> anyhow::Result<bool> {
    let config = setup::config(&args.sources, vec![])?;
    for service in mesh::migrate(&config, args.service).await? {
        terminal::line(format!("{service}: up to date"));
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// Two arguments of a command that get in each other's way are only found when it is run.
    #[test]
    fn all_commands_are_sound() {
        Cli::command().debug_assert();
    }
}
