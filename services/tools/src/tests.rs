//! The operations of the service, against a workspace that is played behind the real transport.

mod attachments;
mod bad_input;
mod calls;
mod files;
mod lifecycle;
mod lists;
mod modes;
mod outside;
mod processes;
mod skills;
mod workspace;
