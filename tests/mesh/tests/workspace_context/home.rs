//! The files of a workspace: the agents of these tests are on this machine.

use std::path::PathBuf;

use chatmesh_mesh_tests::Mesh;

/// The directory in which the commands of a workspace run.
pub(crate) struct Home(PathBuf);

impl Home {
    pub(crate) fn of(mesh: &Mesh, workspace: &str) -> Self {
        let home = mesh.data_dir().join("workspaces").join(workspace).join("home");
        Self(home.canonicalize().expect("the workspace has a directory"))
    }

    pub(crate) fn path(&self) -> String {
        self.0.display().to_string()
    }

    /// Writes a file and the directories above it.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().expect("it has a parent")).expect("directories");
        std::fs::write(path, content).expect("written");
    }

    /// Reads a file.
    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.0.join(path)).expect("it can be read")
    }
}

/// The MCP server that is built with the agent's tests.
pub(crate) fn mcp_server() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own program");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("tests are built below the profile's directory");
    let server = profile.join("examples/mcp-test-server");
    assert!(
        server.is_file(),
        "{} is missing: run `cargo build -p chatmesh-agent --example mcp-test-server` first",
        server.display()
    );
    server
}
