//! The layers, as the architecture names them.

/// Where a crate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// Depends on nothing of ours.
    Ground,
    /// The libraries over one concern each.
    Library,
    /// What a process is made of.
    Runtime,
    /// What a stateful service is given.
    Host,
    /// A service with its tables.
    Service,
    /// What has no tables: the gateway, the provisioner, the agent.
    Edge,
    /// The one binary.
    Binary,
    /// The tools of tests.
    Testkit,
    /// The tests.
    Tests,
}

impl Layer {
    /// The layer of a crate.
    ///
    /// # Panics
    /// The crate is new and nobody decided.
    pub(crate) fn of(name: &str) -> Self {
        match name.strip_prefix("chatmesh-").unwrap_or(name) {
            "core" | "proto" => Self::Ground,
            "db" | "bus" | "mcp" | "rpc" | "seal" | "telemetry" => Self::Library,
            "runtime" => Self::Runtime,
            "host" => Self::Host,
            "identity" | "chat" | "llm" | "tools" | "relay" | "workspaces" => Self::Service,
            "gateway" | "provisioner" | "agent" => Self::Edge,
            "chatmesh" => Self::Binary,
            "testkit" => Self::Testkit,
            "conformance" | "e2e" | "mesh-tests" | "sdk-tests" | "sim" | "bench" | "fuzz" => Self::Tests,
            _ => panic!("`{name}` has no layer: say here where it stands"),
        }
    }
}

/// True where the first crate may depend on the second one.
pub(crate) fn allowed(from: &str, to: &str) -> bool {
    match (Layer::of(from), Layer::of(to)) {
        (Layer::Tests, _) => true,
        (Layer::Binary, target) => !matches!(target, Layer::Tests | Layer::Testkit),
        (Layer::Ground, _) => false,
        // Only `rpc` knows the contract, and `mcp` what it makes of the answers of servers.
        (Layer::Library, Layer::Ground) => to == "chatmesh-core" || matches!(from, "chatmesh-rpc" | "chatmesh-mcp"),
        (Layer::Runtime, Layer::Ground) | (Layer::Testkit, Layer::Ground | Layer::Library) => true,
        (Layer::Runtime, Layer::Library) => matches!(to, "chatmesh-rpc" | "chatmesh-telemetry"),
        (Layer::Host, Layer::Ground | Layer::Library | Layer::Runtime) => true,
        (Layer::Service, Layer::Ground | Layer::Library | Layer::Runtime | Layer::Host) => true,
        (Layer::Edge, Layer::Ground | Layer::Runtime) => true,
        // The agent is a client of the servers in its workspace.
        (Layer::Edge, Layer::Library) => {
            matches!(to, "chatmesh-rpc" | "chatmesh-telemetry") || (from, to) == ("chatmesh-agent", "chatmesh-mcp")
        }
        _ => false,
    }
}
