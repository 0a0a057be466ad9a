//! What the tools for commands have in common.

pub(super) mod duration;
pub(super) mod notes;
pub(super) mod report;
pub(super) mod wait;

use chatmesh_core::Uuid;
use tonic::Status;
use tonic_types::StatusExt as _;

/// Checks the identifier of a process.
pub(super) fn id(text: &str) -> Result<String, String> {
    let id: Result<Uuid, _> = text.trim().parse();
    id.map(|id| id.to_string()).map_err(|_| {
        format!(
            "`process_id` `{}` is not the identifier of a process: give the `background_process_id` that `execute` \
             returned",
            &text[..text.floor_char_boundary(64)]
        )
    })
}

/// What to do about an error of the agent, where it does not say that itself.
pub(super) fn advice(status: &Status) -> &'static str {
    match status.get_details_error_info() {
        Some(info) if info.reason == "PROCESS_NOT_FOUND" => {
            ": give a `background_process_id` that `execute` returned in this chat"
        }
        _ => "",
    }
}
