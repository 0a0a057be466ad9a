//! `chatmesh token`.

use clap::Subcommand;
use serde_json::json;

use crate::client::{Client, Connection};
use crate::terminal;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a token for yourself and print its secret, which is shown this once
    Create {
        /// What the token is for
        #[arg(long, default_value = "created with `chatmesh token create`")]
        name: String,
        #[command(flatten)]
        connection: Connection,
    },
}

pub(super) async fn run(args: Args) -> anyhow::Result<bool> {
    let Command::Create { name, connection } = args.command;
    let client = Client::connect(&connection)?;
    let created = client.post("/api/v1/tokens", &json!({ "name": name })).await?;
    terminal::line(created["secret"].as_str().unwrap_or_default());
    Ok(true)
}
