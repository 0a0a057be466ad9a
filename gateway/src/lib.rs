//! The one door: HTTP/JSON, server-sent events and public gRPC on one port.
//!
//! Routes are generated from the protos at build time; a route decodes JSON, [`forward`]s the
//! message to its service and encodes the answer. The gateway keeps nothing and knows no service
//! beyond its address. Who calls is found out here, once: [`authenticate`] exchanges the bearer
//! token for an assertion, which travels on. Only [`files`] have routes of their own, because they are no JSON,
//! and the live parts of a [`workspace`], which are no messages at all; [`mcp`] is the same for MCP clients. While people
//! use these parts, [`activity`] says so, and the workspace is not stopped.

mod activity;
mod authenticate;
mod compatible;
mod config;
mod ending;
mod errors;
mod files;
mod forward;
mod http_metrics;
mod mcp;
mod neighbours;
mod public_grpc;
mod rejection;
mod rest;
mod service;
mod sse;
mod workspace;

pub use config::Config;
pub use http_metrics::HttpMetrics;
pub use neighbours::Neighbours;
pub use service::{Gateway, process_routes};

/// What `rest_over_grpc` generated, and what the build script added.
#[expect(unreachable_pub, reason = "generated")]
mod generated {
    pub mod chatmesh {
        macro_rules! packages {
            ($($package:ident),*) => { $(
                pub mod $package {
                    pub mod v1 {
                        include!(concat!(env!("OUT_DIR"), "/chatmesh.", stringify!($package), ".v1.rest.rs"));
                    }
                }
            )* };
        }
        packages!(chat, identity, llm, tools, workspaces);
    }

    include!(concat!(env!("OUT_DIR"), "/transcoder.rest.rs"));
    include!(concat!(env!("OUT_DIR"), "/forwards.rs"));
}
