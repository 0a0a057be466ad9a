//! The way to a server for a chat: as whom, by when, and in which session.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::debug;

use super::cache::Key;
use super::client::{OpenError, RemoteTool};
use super::domain::Server;
use super::oauth::Token;
use super::offer::{Asked, Outcome};
use super::sessions::{SessionKey, Shared};
use super::state::Servers;

/// How long a server has to connect and to list its tools, with what it takes to get the user's token.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// When a connection that nobody waits for any longer is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
/// How often a session is opened in the place of one that failed at once.
const MAX_TRIES: usize = 3;

/// A look at a server, or a call.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    pub(super) server: Server,
    pub(super) asked: Asked,
    pub(super) token: Token,
    /// True where the server refused the token before this one.
    pub(super) is_renewed: bool,
    deadline: Instant,
}

/// Why a server cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreached {
    /// It did not answer in time.
    Late,
    /// It does not take what it was shown, or wants to be shown something.
    Unauthorized,
    /// It could not be connected; redacted.
    Failed(String),
}

impl From<Unreached> for Outcome {
    fn from(unreached: Unreached) -> Self {
        match unreached {
            Unreached::Late => Self::Late,
            Unreached::Unauthorized => Self::Unauthorized,
            Unreached::Failed(problem) => Self::Failed(problem),
        }
    }
}

impl From<OpenError> for Unreached {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Unauthorized => Self::Unauthorized,
            OpenError::Failed(problem) => Self::Failed(problem),
        }
    }
}

impl Visit {
    /// The same once more, with another token.
    pub(super) fn anew(&self, token: Token) -> Self {
        Self { token, is_renewed: true, deadline: Instant::now() + CONNECT_TIMEOUT, ..self.clone() }
    }

    /// Under what it is remembered what the server says.
    pub(super) fn key(&self) -> Key {
        Key::new(&self.server, &self.asked, &self.token)
    }

    /// Under what the chat's session is kept.
    pub(super) fn session_key(&self) -> SessionKey {
        (self.key(), self.asked.chat_id.clone())
    }
}

impl Servers {
    /// Begins a visit, as whoever the user is at the server now.
    ///
    /// # Errors
    /// The user's token does not come in time.
    pub(super) async fn visit(self: &Arc<Self>, server: &Server, asked: &Asked) -> Result<Visit, Unreached> {
        let deadline = Instant::now() + CONNECT_TIMEOUT;
        let token = Box::pin(self.token(server, asked.user));
        let token = timeout_at(deadline, token).await.map_err(|_| Unreached::Late)?;
        Ok(Visit { server: server.clone(), asked: asked.clone(), token, is_renewed: false, deadline })
    }

    /// Lists the tools, in the session of the chat where there is one: another one would be another start for the server.
    pub(super) async fn list(self: &Arc<Self>, visit: &Visit) -> Result<Vec<RemoteTool>, Unreached> {
        if visit.asked.chat_id.is_empty() {
            return self.connect(visit).await.map(|(_, tools)| tools);
        }
        let mut failed = None;
        for _ in 0..MAX_TRIES {
            let (session, listed) = self.session_and_tools(visit).await?;
            if let Some(tools) = listed {
                return Ok(tools);
            }
            let answered = timeout_at(visit.deadline, session.list()).await;
            if let Ok(Ok(tools)) = answered {
                return Ok(tools);
            }
            self.sessions.end(&visit.session_key(), &session).await;
            // The server may have forgotten the session: it is asked again in another one.
            let problem =
                answered.map_err(|_| Unreached::Late)?.err().map(|error| error.to_string()).unwrap_or_default();
            debug!(server = %visit.server.slug, %problem, "a session with an MCP server is of no use any more");
            failed = Some(problem);
        }
        Err(failed.map_or(Unreached::Late, Unreached::Failed))
    }

    /// The chat's session with a server.
    ///
    /// # Errors
    /// There is none, and none can be opened in time.
    pub(super) async fn session(self: &Arc<Self>, visit: &Visit) -> Result<Arc<Shared>, Unreached> {
        self.session_and_tools(visit).await.map(|(session, _)| session)
    }

    /// The chat's session, and the tools where it was opened for this visit.
    async fn session_and_tools(
        self: &Arc<Self>,
        visit: &Visit,
    ) -> Result<(Arc<Shared>, Option<Vec<RemoteTool>>), Unreached> {
        let key = visit.session_key();
        for _ in 0..MAX_TRIES {
            let mut listed = None;
            let opening = async {
                let (session, tools) = self.connect(visit).await?;
                listed = Some(tools);
                Ok(session)
            };
            if let Some(session) = self.sessions.get_or_open(&key, opening).await? {
                return Ok((session, listed));
            }
        }
        Err(Unreached::Failed("its sessions end as soon as they are opened".to_owned()))
    }

    /// Connects a server and lists its tools. The time is taken here and not in the library: what hangs goes on beside,
    /// and a session that comes too late is closed, because nobody holds it.
    async fn connect(self: &Arc<Self>, visit: &Visit) -> Result<(Shared, Vec<RemoteTool>), Unreached> {
        let (sender, receiver) = oneshot::channel();
        let (servers, visiting) = (Arc::clone(self), visit.clone());
        self.tasks.spawn("tools.mcp.connect", async move {
            let opened = timeout(GIVE_UP_AFTER, servers.open_and_list(&visiting)).await;
            drop(sender.send(opened.unwrap_or_else(|_| Err("it did not answer".to_owned().into()))));
        });
        match timeout_at(visit.deadline, receiver).await {
            Err(_) => Err(Unreached::Late),
            Ok(Err(_)) => Err(Unreached::Failed("the mesh is about to end".to_owned())),
            Ok(Ok(opened)) => opened.map_err(Unreached::from),
        }
    }
}
