//! Turns under a real worker, on a real store and on paused time; the model and the tools are played.

mod actions;
mod attachments;
mod chains;
mod commands;
mod compacting;
mod hands;
mod instructions;
mod kept;
mod lifecycle;
mod lossy;
mod model;
mod moves;
mod primer;
mod prompts;
mod retries;
mod stopping;
mod toolwork;
mod workspaces;
mod world;
