//! The matrix: every SDK, every check, every model.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use crate::{MODELS, World};

/// What is checked of every SDK.
pub const CHECKS: [&str; 12] = [
    "chat",
    "streaming",
    "tools",
    "parallel_tools",
    "tool_loop",
    "images",
    "structured_output",
    "reasoning",
    "hand_over",
    "errors",
    "cancellation",
    "models",
];

/// How long all checks of one language may take.
const LIMIT: Duration = Duration::from_secs(180);

/// What came of one check with one SDK on one model.
#[derive(Debug, Clone, Deserialize)]
pub struct Cell {
    sdk: String,
    check: String,
    model: String,
    ok: bool,
    detail: String,
    milliseconds: u64,
}

/// Runs a program that prints a cell per line, and requires every cell to be there and good.
///
/// # Panics
/// One is missing or failed.
pub async fn require(world: &World<'_>, sdks: &[&str], mut program: Command) {
    let models: Vec<&str> = MODELS.iter().map(|(name, ..)| *name).collect();
    // Nothing of the environment: SDKs take keys, addresses and proxies from it.
    program
        .env_clear()
        .env("MESH_URL", world.mesh.url())
        .env("MESH_KEY", world.client.token())
        .env("SIMULATOR_URL", world.mesh.simulator().base_url())
        .env("MODELS", models.join(","))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, program.output()).await.expect("an end in time").expect("it runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    let cells: Vec<Cell> = printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let by_name: BTreeMap<_, _> =
        cells.iter().map(|cell| ((cell.sdk.as_str(), cell.check.as_str(), cell.model.as_str()), cell)).collect();
    show(&table(sdks, &models, &by_name));

    let mut wrong = String::new();
    for sdk in sdks {
        for check in CHECKS {
            for model in &models {
                match by_name.get(&(*sdk, check, *model)) {
                    Some(cell) if cell.ok => {}
                    Some(cell) => _ = writeln!(wrong, "{sdk}, {check}, {model}: {}", cell.detail),
                    None => _ = writeln!(wrong, "{sdk}, {check}, {model}: not done"),
                }
            }
        }
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(wrong.is_empty() && output.status.success(), "{wrong}\n{}\n{errors}", output.status);
    assert_eq!(cells.len(), sdks.len() * CHECKS.len() * models.len(), "{printed}");
}

fn table(sdks: &[&str], models: &[&str], cells: &BTreeMap<(&str, &str, &str), &Cell>) -> String {
    let mut table = format!("| SDK | model | {} |\n", CHECKS.join(" | ").replace('_', " "));
    let _ = writeln!(table, "| --- | --- |{}", " --- |".repeat(CHECKS.len()));
    for sdk in sdks {
        for model in models {
            let _ = write!(table, "| {sdk} | {model} |");
            for check in CHECKS {
                let _ = match cells.get(&(*sdk, check, *model)) {
                    Some(cell) if cell.ok && check == "cancellation" => write!(table, " {} |", cell.detail),
                    Some(cell) if cell.ok => write!(table, " ok |"),
                    Some(_) => write!(table, " FAILED |"),
                    None => write!(table, " - |"),
                };
            }
            table.push('\n');
        }
    }
    let total: u64 = cells.values().map(|cell| cell.milliseconds).sum();
    let _ = writeln!(table, "{} checks in {total} ms", cells.len());
    table
}

#[expect(clippy::print_stdout, reason = "the matrix is a result to look at")]
fn show(table: &str) {
    println!("{table}");
}
