//! Files over HTTP: the body of a request and of an answer is the file itself, where the generated
//! routes have JSON. The generated routes for files are therefore never reached.

mod disposition;
mod download;
mod form;
mod upload;

pub(crate) use download::download;
pub(crate) use upload::upload;

/// The most bytes of a file.
const MAX_FILE_BYTES: usize = 10 * 1024 * 1024;
