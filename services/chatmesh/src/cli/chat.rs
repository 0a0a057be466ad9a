//! `chatmesh chat`.

use std::io::IsTerminal as _;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::client::{Client, Connection, Follower, TurnEnd};
use crate::terminal;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to say; without it, lines are read from standard input
    prompt: Option<String>,
    /// The chat to go on with; a new one where it is not given
    #[arg(long, value_name = "ID")]
    chat: Option<String>,
    /// The model's name; the default where it is not given
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// The workspace of a new chat
    #[arg(long, value_name = "ID")]
    workspace: Option<String>,
    /// Print the events as JSON, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(args: Args) -> anyhow::Result<bool> {
    let client = Client::connect(&args.connection)?;
    let mut session = Session { client, chat: args.chat.clone(), seen: 0, args };
    match session.args.prompt.clone() {
        Some(prompt) => session.turn(&prompt).await,
        None => session.interactive().await,
    }
}

/// A conversation at the terminal.
struct Session {
    client: Client,
    chat: Option<String>,
    /// The highest message that was shown.
    seen: u64,
    args: Args,
}

impl Session {
    async fn interactive(&mut self) -> anyhow::Result<bool> {
        let prompts = std::io::stdin().is_terminal();
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        let mut clean = true;
        loop {
            if prompts {
                terminal::piece("> ");
            }
            let Some(line) = lines.next_line().await? else { return Ok(clean) };
            if !line.trim().is_empty() {
                clean = self.turn(&line).await?;
            }
        }
    }

    async fn turn(&mut self, prompt: &str) -> anyhow::Result<bool> {
        let (chat, after) = self.send(prompt).await?;
        let mut follower = Follower::new(self.client.clone(), &chat, after, self.args.json);
        let end = follower.follow().await?;
        self.seen = follower.seen();
        if !self.args.json && self.args.prompt.is_some() {
            terminal::line(terminal::dim(&format!("chat {chat}")));
        }
        Ok(end == TurnEnd::Waiting)
    }

    /// Sends the prompt and returns the chat, and the message after which the answer comes.
    async fn send(&mut self, prompt: &str) -> anyhow::Result<(String, u64)> {
        let content = json!([{ "text": prompt }]);
        if let Some(chat) = self.chat.clone() {
            let mut body = json!({ "content": content });
            set(&mut body, "model", self.args.model.as_deref());
            let sent = self.client.post(&format!("/api/v1/chats/{chat}/messages"), &body).await?;
            // A message that waits comes after everything that is said until then.
            let after = sent["message"]["id"].as_u64().unwrap_or(self.seen);
            return Ok((chat, after));
        }
        let mut body = json!({ "content": content });
        set(&mut body, "model", self.args.model.as_deref());
        set(&mut body, "workspace_id", self.args.workspace.as_deref());
        let created = self.client.post("/api/v1/chats", &body).await?;
        let chat = created["id"].as_str().unwrap_or_default().to_owned();
        self.chat = Some(chat.clone());
        Ok((chat, 1))
    }
}

fn set(body: &mut Value, field: &str, value: Option<&str>) {
    if let Some(value) = value {
        body[field] = json!(value);
    }
}
