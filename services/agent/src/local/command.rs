//! `chatmesh-agent context`: the command with which people and models add to the context of a chat from within its
//! workspace.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use chatmesh_proto::agent::v1::local_service_client::LocalServiceClient;
use chatmesh_proto::agent::v1::{AddContextRequest, AddContextResponse, ClearContextRequest, ClearContextResponse};
use clap::{Parser, Subcommand};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use super::VARIABLE;

/// The word that makes a call of the program this command.
pub(crate) const NAME: &str = "context";
/// How long the agent may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a chat of this workspace is told: instruction files and skills of further directories.
#[derive(Debug, Parser)]
#[command(name = "chatmesh-agent context")]
struct Args {
    #[command(subcommand)]
    action: Action,
    /// The agent's socket; the agent sets the variable for all that it starts
    #[arg(long, env = VARIABLE, value_name = "PATH", global = true)]
    socket: Option<PathBuf>,
    /// The chat; where it is not given, the only one that worked in this workspace in the last 24 hours
    #[arg(long, env = "CHATMESH_CHAT_ID", value_name = "ID", global = true)]
    chat: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Adds the instruction file and the skills of a directory, from the chat's next turn on
    Add {
        /// The directory; the current one where it is not given
        directory: Option<PathBuf>,
    },
    /// Takes away all directories that were added
    Clear,
}

/// Runs the command with what follows its name.
pub(crate) fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(std::iter::once(OsString::from(NAME)).chain(args)) {
        Ok(args) => args,
        Err(error) => {
            // There is nobody left to tell where this fails.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match done(args).and_then(|said| Ok(io::stdout().write_all(said.as_bytes())?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "chatmesh-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Does what is wanted, and returns what there is to say.
fn done(args: Args) -> anyhow::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let within = async { tokio::time::timeout(TIMEOUT, ask(args)).await.context("the agent did not answer in time")? };
    runtime.block_on(within)
}

async fn ask(args: Args) -> anyhow::Result<String> {
    let Some(socket) = args.socket.filter(|socket| !socket.as_os_str().is_empty()) else {
        bail!("{VARIABLE} is not set: run this in a workspace, in a command or a terminal that its agent started");
    };
    let mut agent = LocalServiceClient::new(connect(socket).await?);
    let chat_id = args.chat.unwrap_or_default();
    match args.action {
        Action::Add { directory } => {
            let directory = std::path::absolute(directory.unwrap_or_else(|| PathBuf::from(".")))?;
            let shown = directory.display().to_string();
            let Some(directory) = directory.to_str().map(str::to_owned) else {
                bail!("the path `{shown}` is no UTF-8 text");
            };
            let added = agent.add_context(AddContextRequest { chat_id, directory }).await;
            Ok(told_of_added(&shown, &added.map_err(|status| words(&status))?.into_inner()))
        }
        Action::Clear => {
            let cleared = agent.clear_context(ClearContextRequest { chat_id }).await;
            Ok(told_of_cleared(&cleared.map_err(|status| words(&status))?.into_inner()))
        }
    }
}

async fn connect(socket: PathBuf) -> anyhow::Result<Channel> {
    let shown = socket.display().to_string();
    let connector = service_fn(move |_| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    });
    let endpoint = Endpoint::from_static("http://agent.invalid");
    let connected = endpoint.connect_with_connector(connector).await;
    connected.with_context(|| format!("no agent answers on `{shown}`"))
}

/// What the agent said, without what is of gRPC.
fn words(status: &Status) -> anyhow::Error {
    anyhow::Error::msg(status.message().to_owned())
}

fn told_of_added(directory: &str, added: &AddContextResponse) -> String {
    let mut said = format!("Added `{directory}` to chat {}, which is told from its next turn on:\n", added.chat_id);
    for file in &added.instruction_files {
        said.push_str(&format!("  instructions: {file}\n"));
    }
    for skill in &added.skills {
        said.push_str(&format!("  skill: {skill}\n"));
    }
    for warning in &added.warnings {
        said.push_str(&format!("  warning: {warning}\n"));
    }
    said
}

fn told_of_cleared(cleared: &ClearContextResponse) -> String {
    let ClearContextResponse { chat_id, directories } = cleared;
    match directories.as_slice() {
        [] => format!("Nothing had been added to chat {chat_id}.\n"),
        directories => format!("Took away from chat {chat_id}: {}\n", directories.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use chatmesh_proto::agent::v1::local_service_server::{LocalService, LocalServiceServer};
    use tokio_util::sync::CancellationToken;
    use tonic::service::Routes;
    use tonic::{Request, Response};

    use super::*;
    use crate::local::LocalSocket;

    /// An agent that knows one chat.
    struct Played;

    #[tonic::async_trait]
    impl LocalService for Played {
        async fn add_context(
            &self,
            request: Request<AddContextRequest>,
        ) -> Result<Response<AddContextResponse>, Status> {
            let AddContextRequest { chat_id, directory } = request.into_inner();
            let instruction_files = vec![format!("{directory}/AGENTS.md")];
            Ok(Response::new(AddContextResponse { chat_id, instruction_files, ..AddContextResponse::default() }))
        }

        async fn clear_context(
            &self,
            _: Request<ClearContextRequest>,
        ) -> Result<Response<ClearContextResponse>, Status> {
            Err(Status::failed_precondition("no chat worked here"))
        }
    }

    fn args(socket: Option<&str>, line: &[&str]) -> Args {
        let args = Args::try_parse_from([NAME].iter().chain(line)).expect("arguments");
        // Not those of whoever runs the test.
        Args { socket: socket.map(PathBuf::from), chat: args.chat.filter(|_| line.contains(&"--chat")), ..args }
    }

    #[tokio::test]
    async fn the_command_speaks_to_the_agent_of_its_workspace() {
        let (socket, shutdown) = (LocalSocket::open().expect("a socket"), CancellationToken::new());
        let path = socket.path().to_str().expect("a path").to_owned();
        let served = socket.run(Routes::new(LocalServiceServer::new(Played)).prepare(), &shutdown);
        let asked = async {
            let added = ask(args(Some(&path), &["add", "/docs", "--chat", "c1"])).await.expect("added");
            assert_eq!(
                added,
                "Added `/docs` to chat c1, which is told from its next turn on:\n  instructions: /docs/AGENTS.md\n"
            );
            let refused = ask(args(Some(&path), &["clear"])).await.expect_err("refused");
            assert_eq!(refused.to_string(), "no chat worked here");
            shutdown.cancel();
        };
        tokio::join!(served, asked);
    }

    #[tokio::test]
    async fn outside_of_a_workspace_the_command_says_where_it_belongs() {
        let nowhere = ask(args(None, &["clear"])).await.expect_err("no socket");
        assert!(nowhere.to_string().contains("CHATMESH_AGENT_SOCKET is not set"), "{nowhere}");
        let gone = ask(args(Some("/nowhere/agent.sock"), &["clear"])).await.expect_err("no agent");
        assert!(gone.to_string().contains("no agent answers on `/nowhere/agent.sock`"), "{gone}");
    }
}
