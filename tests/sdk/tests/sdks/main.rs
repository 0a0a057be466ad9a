//! The SDKs of OpenAI and Anthropic before the mesh, and servers of third parties behind it.

mod aimock;
mod kubernetes;
mod litellm;
mod mcp;

use chatmesh_sdk_tests::{World, matrix, packages, script};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn the_sdks_for_python_do_with_every_model_what_they_do_with_their_own() {
    let Some(python) = packages::python() else { return };
    World::run(script(), async |world| {
        let mut program = Command::new(&python.program);
        program.arg("matrix.py").current_dir(packages::sources("python"));
        let sdks = ["python openai chat", "python openai responses", "python anthropic messages"];
        matrix::require(world, &sdks, program).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdks_for_node_do_with_every_model_what_they_do_with_their_own() {
    let Some(node) = packages::node() else { return };
    World::run(script(), async |world| {
        let scripts = packages::node_scripts(&node).expect("a copy of the scripts");
        let mut program = Command::new(&node.program);
        program.arg("matrix.mjs").current_dir(scripts.path());
        let sdks = ["node openai chat", "node openai responses", "node anthropic messages"];
        matrix::require(world, &sdks, program).await;
    })
    .await;
}
