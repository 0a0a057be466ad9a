use chatmesh_core::{Violations, page};
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use super::build_name;
use crate::domain::NumberedBuildLine;
use crate::state::State;
use crate::{Error, convert};

/// Lists the log of a build, oldest line first.
pub(super) async fn list_build_logs(
    state: &State,
    caller: Caller,
    request: pb::ListBuildLogsRequest,
) -> Result<pb::ListBuildLogsResponse, Error> {
    let scope = format!("build-logs/{}", request.build_id);
    let mut violations = Violations::new();
    let size = violations.check("page_size", page::size(request.page_size)).unwrap_or_default();
    let after = violations.check("page_token", page::cursor::<i64>(&scope, &request.page_token)).flatten();
    let (workspace_id, id) = build_name::parse(&request.workspace_id, &request.build_id, violations)?;
    state.open_build(&caller, workspace_id, id).await?;

    let after = after.unwrap_or_default();
    let lines = state.store.list_build_lines(id, after, size + 1).await?;
    let (lines, next_page_token) = page::cut(lines, size, &scope, |last| last.number);
    Ok(pb::ListBuildLogsResponse { lines: shown(lines, after), next_page_token })
}

/// Lines that come after the one with the number `former`; what lies between two was lost.
pub(super) fn shown(lines: Vec<NumberedBuildLine>, mut former: i64) -> Vec<pb::BuildLogLine> {
    let lines = lines.into_iter().map(|line| {
        let before = std::mem::replace(&mut former, line.number);
        convert::build_line(line, before)
    });
    lines.collect()
}
