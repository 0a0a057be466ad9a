//! The operations of the service, against a workspace that is played behind the real transport.

mod calls;
mod lists;
mod skills;
mod workspace;
