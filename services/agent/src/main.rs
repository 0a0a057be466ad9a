//! The program `chatmesh-agent`.

use std::process::ExitCode;

fn main() -> ExitCode {
    chatmesh_agent::main_with(std::env::args_os())
}
