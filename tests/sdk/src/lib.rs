//! Software of others around a mesh: the SDKs of OpenAI and Anthropic before it, servers of third
//! parties behind it. All of it comes from its registry as it is, in versions that lock files
//! pin, and is kept between runs (see [`packages`]).

pub mod matrix;
pub mod packages;
mod script;
mod server;
mod world;

pub use script::script;
pub use server::Server;
pub use world::{MODELS, World};
