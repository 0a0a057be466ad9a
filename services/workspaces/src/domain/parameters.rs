//! The values of parameters: what they may be, and which one a build has.

mod check;
mod resolve;
mod value;

pub(crate) use check::compile;
pub use resolve::Values;
pub(crate) use resolve::{Choice, resolve};
pub(crate) use value::{ParameterValue, quoted};
