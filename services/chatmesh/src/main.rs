//! The control plane of chatmesh: one binary, every role.

use std::process::ExitCode;

fn main() -> ExitCode {
    chatmesh::main(std::env::args_os())
}
