//! `chatmesh up`.

use std::path::PathBuf;
use std::time::Instant;

use chatmesh_llm::Found;

use super::{Sources, environment, setup};
use crate::mesh::{Up, UpOptions};
use crate::terminal;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The address to listen on; 127.0.0.1:7080 where nothing says another
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where everything is kept
    #[arg(long, value_name = "DIR", default_value = ".chatmesh")]
    data_dir: PathBuf,
    #[command(flatten)]
    sources: Sources,
}

pub(super) async fn run(args: Args) -> anyhow::Result<bool> {
    let began = Instant::now();
    let config =
        setup::config(&args.sources, args.listen.map(|listen| ("server.listen", listen)).into_iter().collect())?;
    let telemetry = setup::telemetry("chatmesh", &config)?;
    let options = UpOptions { data_dir: args.data_dir, presets: environment::presets(), agent: None };
    let up = Up::start(config, options).await?;
    greet(&up, began);
    let clean = up.run().await;
    setup::flush(telemetry).await;
    clean
}

fn greet(up: &Up, began: Instant) {
    terminal::line(format!("chatmesh is ready at {} ({} ms)", up.url(), began.elapsed().as_millis()));
    terminal::line(format!("  data      {}", up.data_dir().path().display()));
    terminal::line(format!("  token     {}", up.data_dir().admin_token_file().display()));
    for found in up.found() {
        terminal::line(format!("  provider  {}", describe(found)));
    }
    terminal::line("Try: chatmesh chat \"hello\"   (Ctrl-C stops)");
}

/// Says which provider there is.
pub(super) fn describe(found: &Found) -> String {
    if found.simulated {
        "simulated: no provider key in the environment, answers are scripted (set ANTHROPIC_API_KEY or OPENAI_API_KEY)"
            .to_owned()
    } else {
        format!("{} with the model {}", found.provider, found.model)
    }
}
