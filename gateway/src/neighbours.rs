//! The services behind the door.

use chatmesh_rpc::client::Peer;

/// The services behind the door. All are called for the caller only, `exchange` excepted: see
/// [`Peer::for_callers`].
#[derive(Debug, Clone)]
pub struct Neighbours {
    /// Users and tokens once more, called by the gateway for itself, to find out who calls.
    pub exchange: Peer,
    /// Chats.
    pub chat: Peer,
    /// Users and tokens.
    pub identity: Peer,
    /// Providers and models.
    pub llm: Peer,
    /// Workspaces.
    pub workspaces: Peer,
}
