//! The names of the mesh's own metadata, which are HTTP headers.

/// A signed statement of who calls, see [`crate::assertion`].
pub const ASSERTION: &str = "chatmesh-assertion";
/// The agent that a call is for.
pub const AGENT_ID: &str = "chatmesh-agent-id";
/// The chat that a call is made for.
pub const CHAT_ID: &str = "chatmesh-chat-id";
/// The chats that this chat descends from, with commas between them or as a JSON array.
pub const ANCESTOR_CHAT_IDS: &str = "chatmesh-ancestor-chat-ids";
/// Set on a call that one relay replica forwards to another, so that it is forwarded once.
pub const FORWARDED: &str = "chatmesh-forwarded";
