//! `chatmesh template`.

mod directory;
mod init;
mod pull;
mod push;

use std::path::PathBuf;

use clap::Subcommand;

use crate::client::{Client, Connection};
use crate::terminal;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the templates of a mesh
    List {
        #[command(flatten)]
        connection: Connection,
    },
    /// Begin a template in a directory
    Init {
        /// The directory; it is made where it does not exist
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Say what is wrong with the template in a directory
    Check {
        /// The directory
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Make a version of a template from a directory, and the template where there is none
    Push(push::Args),
    /// Write a version of a template to a directory
    Pull(pull::Args),
    /// Print the JSON schema of manifests, for editors
    Schema,
}

pub(super) async fn run(args: Args) -> anyhow::Result<bool> {
    match args.command {
        Command::List { connection } => list(&connection).await?,
        Command::Init { dir } => init::init(&dir)?,
        Command::Check { dir } => {
            let found = directory::read(&dir)?;
            terminal::line(format!("{} is fine", found.file.display()));
        }
        Command::Push(args) => push::run(args).await?,
        Command::Pull(args) => pull::run(args).await?,
        Command::Schema => {
            terminal::line(serde_json::to_string_pretty(&chatmesh_workspaces::manifest_schema())?);
        }
    }
    Ok(true)
}

async fn list(connection: &Connection) -> anyhow::Result<()> {
    let client = Client::connect(connection)?;
    let mut page_token = String::new();
    loop {
        let page = client.get(&format!("/api/v1/templates?page_size=200&page_token={page_token}")).await?;
        for template in page["templates"].as_array().into_iter().flatten() {
            let text = |field: &str| template[field].as_str().unwrap_or_default().to_owned();
            let deprecated = if text("deprecation").is_empty() { "" } else { " (deprecated)" };
            terminal::line(format!("{:<32}  {}{deprecated}", text("name"), text("description")));
        }
        page_token = page["next_page_token"].as_str().unwrap_or_default().to_owned();
        if page_token.is_empty() {
            return Ok(());
        }
    }
}
