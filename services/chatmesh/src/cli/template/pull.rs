//! `chatmesh template pull`.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use super::directory;
use crate::client::{Client, Connection};
use crate::terminal;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The template
    name: String,
    /// The number or identifier of a version
    #[arg(long, default_value = "active")]
    version: String,
    /// Where to write it; the name of the template where it is not given
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Replace the manifest and the readme that are there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let client = Client::connect(&args.connection)?;
    let found = client.get(&format!("/api/v1/templates/{}/versions/{}", args.name, args.version)).await?;
    let manifest = found["manifest"].as_str().unwrap_or_default();
    if manifest.is_empty() {
        bail!("the manifest is for administrators: use the token of one");
    }
    let manifest = to_toml(manifest)?;
    let dir = args.dir.unwrap_or_else(|| PathBuf::from(&args.name));
    let readme = found["readme"].as_str().unwrap_or_default();
    for file in directory::write(&dir, &manifest, readme, args.force)? {
        terminal::line(format!("wrote {}", file.display()));
    }
    Ok(())
}

fn to_toml(json: &str) -> anyhow::Result<String> {
    let manifest: serde_json::Value = serde_json::from_str(json).context("the manifest is not JSON")?;
    toml::to_string_pretty(&manifest).context("the manifest can not be written as TOML")
}

#[cfg(test)]
mod tests {
    use chatmesh_workspaces::{Manifest, ManifestFormat};

    use super::*;

    #[test]
    fn what_is_written_is_the_same_manifest() {
        let text = "display_name = 'X'\n[[parameters]]\nname = 'a'\ntype = 'number'\nmutable = true\ndefault = 0.5\n\
                    [[agents]]\nname = 'main'\n[[agents.scripts]]\nid = 'a'\nscript = \"#!/bin/sh\\necho 'x'\\n\"\n\
                    run_on_start = true\ntimeout = '5m'\n";
        let manifest = Manifest::read(ManifestFormat::Toml, text).expect("a manifest");
        let toml = to_toml(&serde_json::to_string(&manifest).expect("JSON")).expect("TOML");
        assert_eq!(Manifest::read(ManifestFormat::Toml, &toml), Ok(manifest), "{toml}");
    }
}
