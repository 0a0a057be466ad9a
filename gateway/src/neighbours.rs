//! The services behind the door.

use chatmesh_rpc::client::Peer;

/// The services behind the door. All are called for the caller only, `activity`, `exchange` and `relay` excepted:
/// see [`Peer::for_callers`].
#[derive(Debug, Clone)]
pub struct Neighbours {
    /// Workspaces once more, called by the gateway for itself, to say which of them people use.
    pub activity: Peer,
    /// Users and tokens once more, called by the gateway for itself, to find out who calls.
    pub exchange: Peer,
    /// Chats.
    pub chat: Peer,
    /// Users and tokens.
    pub identity: Peer,
    /// Providers and models.
    pub llm: Peer,
    /// The way to agents, which services alone may go: called by the gateway itself, for a workspace's owner.
    pub relay: Peer,
    /// MCP servers outside of the mesh, and the tools of workspaces.
    pub tools: Peer,
    /// Workspaces.
    pub workspaces: Peer,
}
