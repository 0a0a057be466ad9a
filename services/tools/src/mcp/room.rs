//! How many tools of MCP servers fit a prompt.

use chatmesh_proto::common::v1::ToolDefinition;

/// How many tools are offered of all servers together, of those outside of the mesh and of those in the workspace: models
/// choose badly among more, and some providers refuse a request with more than 128, with those of the mesh and of the
/// client.
pub(crate) const MAX_TOOLS: usize = 100;
/// How many bytes their definitions may have together: they are a part of every prompt, and no summary makes them
/// shorter.
pub(crate) const MAX_BYTES: usize = 256 * 1024;

/// The room that is left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    tools: usize,
    bytes: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { tools: MAX_TOOLS, bytes: MAX_BYTES }
    }
}

impl Room {
    /// Takes up the room that a tool needs; false where there is not enough.
    pub(crate) fn take(&mut self, tool: &ToolDefinition) -> bool {
        let size = tool.name.len() + tool.description.len() + tool.input_schema.len();
        let fits = self.tools > 0 && size <= self.bytes;
        if fits {
            self.tools -= 1;
            self.bytes -= size;
        }
        fits
    }
}
