//! An MCP server on standard input and output, for tests. Its first argument says how it misbehaves.

mod handler;

use std::io::Write as _;
use std::process::ExitCode;

use rmcp::ServiceExt as _;

fn main() -> ExitCode {
    let mode = std::env::args().nth(1).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return ExitCode::FAILURE };
    runtime.block_on(async {
        match mode.as_str() {
            // Says why it does not start, with everything that it was given.
            "broken" => {
                let given: Vec<_> = std::env::args().skip(2).collect();
                let _ = writeln!(std::io::stderr(), "bad configuration: {}", given.join(" "));
                ExitCode::from(3)
            }
            "silent" => std::future::pending().await,
            _ => {
                let serving = handler::Tools::default().serve((tokio::io::stdin(), tokio::io::stdout())).await;
                match serving {
                    Ok(serving) => serving.waiting().await.map_or(ExitCode::FAILURE, |_| ExitCode::SUCCESS),
                    Err(_) => ExitCode::FAILURE,
                }
            }
        }
    })
}
