//! The contract of the mesh: messages, gRPC clients and servers, and protobuf's JSON mapping,
//! generated at build time from the `.proto` files beside this crate. The comments in those
//! files are the reference; this file only gives the packages their Rust paths.

/// The encoded `FileDescriptorSet` of every package, for reflection and for the REST routes.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

macro_rules! packages {
    ($($package:ident),* $(,)?) => { $(
        #[allow(missing_docs, clippy::all, reason = "generated; documented in the .proto files")]
        pub mod $package {
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/chatmesh.", stringify!($package), ".v1.rs"));
                include!(concat!(env!("OUT_DIR"), "/chatmesh.", stringify!($package), ".v1.serde.rs"));
            }
        }
    )* };
}

packages!(agent, chat, common, identity, llm, provisioner, relay, tools, workspaces);
