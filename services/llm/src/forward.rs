//! Answers clients that speak a provider's protocol themselves.
//!
//! Where the provider of the model speaks the client's protocol, bytes go through as they are
//! ([`native`]); otherwise the request is read and the answer written in the client's words
//! ([`translated`]). Both end in the same record of what was used.

mod body;
mod headers;
mod native;
mod retry;
mod tap;
