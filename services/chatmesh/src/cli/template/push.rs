//! `chatmesh template push`.

use std::path::PathBuf;

use chatmesh_workspaces::ManifestFormat;
use serde_json::json;

use super::directory;
use crate::client::{Client, Connection};
use crate::terminal;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The template
    name: String,
    /// The directory with the manifest
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// What is new
    #[arg(long, default_value = "")]
    message: String,
    /// Keep the active version: new workspaces are not made from this one
    #[arg(long)]
    no_activate: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let found = directory::read(&args.dir)?;
    let format = match found.format {
        ManifestFormat::Toml => "MANIFEST_FORMAT_TOML",
        ManifestFormat::Yaml => "MANIFEST_FORMAT_YAML",
    };
    let body = json!({
        "manifest": found.manifest,
        "format": format,
        "readme": found.readme,
        "message": args.message,
        "activate": !args.no_activate,
    });
    let client = Client::connect(&args.connection)?;
    let pushed = client.post(&format!("/api/v1/templates/{}/versions", args.name), &body).await?;
    let version = &pushed["version"];
    let number = version["version_number"].as_u64().unwrap_or_default();
    let made = if pushed["created"].as_bool().unwrap_or_default() { "new" } else { "there already" };
    let active = if version["active"].as_bool().unwrap_or_default() { "active" } else { "not active" };
    terminal::line(format!("{} version {number}: {made}, {active}", args.name));
    Ok(())
}
