//! Workspaces that many chats make at once, and workspaces that are there before. See `workspaces-bench`.

mod bare;
mod chats;
mod pool;

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use crate::api::Api;
use crate::figures::{Spread, line, machine, title};
use crate::limits::allow_connections;
use crate::mesh::{Plan, Storage};
use crate::programs::Programs;
use chats::Made;

/// What a workspace of the benchmark takes of its owner's credits.
const COST: usize = 1;
/// The template that chats make workspaces from.
const TEMPLATE: &str = "bench";

/// Measures how soon chats have workspaces
#[derive(Debug, clap::Parser)]
pub struct Args {
    #[command(flatten)]
    programs: Programs,
    /// How many chats make a workspace at once
    #[arg(long, default_value_t = 100)]
    chats: usize,
    /// How many of them have credits, the second time
    #[arg(long, default_value_t = 40)]
    credits: usize,
    /// How many prebuilt workspaces are claimed, one after the other
    #[arg(long, default_value_t = 20)]
    claims: usize,
    /// How long a wait for all of them may take
    #[arg(long, default_value = "10m", value_parser = humantime::parse_duration)]
    limit: Duration,
}

/// Runs the benchmark.
///
/// # Errors
/// A workspace is neither ready nor refused for want of credits, or there are more or fewer than there should be.
pub async fn run(args: Args) -> anyhow::Result<()> {
    allow_connections(args.chats * 8)?;
    machine();
    let storage = Storage::best();
    line("database", storage.name());
    line("chats", format_args!("{}, each makes a workspace of the kind `local`", args.chats));

    title("The bound: as many agents started at once");
    let bare = bare::start(&args, &storage).await?;
    line("all connected after", seconds(bare.percentile(100)));
    line("each", &bare);

    title("All chats at once");
    let made = all_at_once(&args, &storage, None).await?;
    print(&made, &bare)?;
    ensure!(made.refused() == 0, "{} were refused, and there is no bound", made.refused());

    title(format_args!("All chats at once, with credits for {}", args.credits));
    let made = all_at_once(&args, &storage, Some(args.credits)).await?;
    print(&made, &bare)?;
    let expected = args.credits.min(args.chats);
    ensure!(made.ready() == expected, "{} are ready, and there were credits for {expected}", made.ready());

    title("Prebuilt workspaces, one after the other");
    let cluster = plan(&args, &storage, None).start().await?;
    let claimed = pool::claim(&cluster, args.claims, args.limit).await?;
    line("from the request to connected", &claimed.prebuilt);
    line("made for the request", &claimed.fresh);
    line("ratio", format_args!("{:.3}", crate::figures::ratio(claimed.prebuilt.median(), claimed.fresh.median())));
    Ok(())
}

async fn all_at_once(args: &Args, storage: &Storage, credits: Option<usize>) -> anyhow::Result<Made> {
    let cluster = plan(args, storage, credits).start().await?;
    let manifest = format!("description = \"a directory\"\nprovisioner = \"local\"\ndaily_cost = {COST}\n");
    push(cluster.api(), TEMPLATE, &manifest).await?;
    chats::make(&cluster, args.chats, args.limit).await
}

/// A worker with room for all chats, and what their workspaces may take.
fn plan(args: &Args, storage: &Storage, credits: Option<usize>) -> Plan {
    let room = (args.chats * 2).to_string();
    let plan = Plan::new(&args.programs, storage).for_service("chat", "chat", "max_running", &room);
    match credits {
        Some(credits) => plan.for_service("workspaces", "workspaces", "quota__credits", &(credits * COST).to_string()),
        None => plan,
    }
}

/// Makes a version of a template.
async fn push(api: &Api, template: &str, manifest: &str) -> anyhow::Result<()> {
    let body = json!({"manifest": manifest, "format": "MANIFEST_FORMAT_TOML", "message": "for the benchmark"});
    api.post(&format!("/api/v1/templates/{template}/versions"), &body).await?;
    Ok(())
}

fn print(made: &Made, bare: &Spread) -> anyhow::Result<()> {
    line("ready, refused for want of credits", format_args!("{}, {}", made.ready(), made.refused()));
    line("workspaces that run", made.running);
    let ready = made.ready_after()?;
    line("all answered after", seconds(made.took));
    line("ready, from the message on", &ready);
    let bound = bare.percentile(100) * u32::try_from(made.ready())? / u32::try_from(bare.count())?;
    line("ratio to the bound for as many", format_args!("{:.2}", crate::figures::ratio(ready.percentile(100), bound)));
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
