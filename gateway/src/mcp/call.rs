//! A call of a tool: whose it is, what it says, and who carries it out.

use http::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::failure::sentence;
use super::progress::Progress;
use super::{Mcp, acts, agent, bash, lifecycle, looks, output};
use crate::authenticate::Admission;

/// A call.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) mcp: &'a Mcp,
    /// What the client was let in with.
    pub(super) admission: Admission,
    /// Among them is the assertion of who calls. It lives for a minute.
    pub(super) headers: HeaderMap,
    pub(super) arguments: Value,
    /// Whom to tell how far it is.
    pub(super) progress: Progress,
}

impl Call<'_> {
    /// Has the caller checked again: to be called after a wait, before anybody else is asked something.
    ///
    /// # Errors
    /// The token is not valid any more.
    pub(super) async fn renew(&mut self) -> Result<(), String> {
        self.admission.renew(&mut self.headers).await.map_err(|status| sentence(&status))
    }

    /// Reads the arguments.
    ///
    /// # Errors
    /// They do not fit; says where.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_path_to_error::deserialize(&self.arguments).map_err(|error| {
            let (path, error) = (error.path().to_string(), error.into_inner());
            format!("the arguments do not fit the schema: `{path}`: {error}")
        })
    }
}

/// Carries a call out. The error is a sentence that says what to do.
pub(super) async fn run(call: &mut Call<'_>, tool: &str) -> Result<Value, String> {
    match tool {
        "list_workspaces" => lifecycle::list_workspaces(call).await,
        "get_workspace" => lifecycle::get_workspace(call).await,
        "create_workspace" => lifecycle::create_workspace(call).await,
        "start_workspace" => lifecycle::start_workspace(call).await,
        "stop_workspace" => lifecycle::stop_workspace(call).await,
        "delete_workspace" => lifecycle::delete_workspace(call).await,
        "list_templates" => lifecycle::list_templates(call).await,
        "get_template" => lifecycle::get_template(call).await,
        "get_workspace_build_logs" => looks::build_logs(call).await,
        "get_workspace_agent_logs" => looks::agent_logs(call).await,
        "get_authenticated_user" => looks::authenticated_user(call).await,
        "workspace_ls" => agent::ls(call).await,
        "workspace_list_ports" => agent::list_ports(call).await,
        "workspace_bash" => Box::pin(bash::bash(call)).await,
        "workspace_edit_files" => acts::pass(call, "edit_files").await,
        "workspace_process_list" => acts::pass(call, "process_list").await,
        "workspace_process_output" => Box::pin(output::process_output(call)).await,
        "workspace_process_signal" => acts::pass(call, "process_signal").await,
        "workspace_read_file" => acts::pass(call, "read_file").await,
        "workspace_write_file" => acts::pass(call, "write_file").await,
        other => Err(format!("there is no tool `{other}`")),
    }
}
