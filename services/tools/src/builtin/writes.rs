//! Which files a call may change.

use chatmesh_proto::agent::v1::ResolvePathRequest;
use chatmesh_proto::agent::v1::file_service_client::FileServiceClient;

use super::LOOK_TIMEOUT;
use crate::agent::{Workspace, explain};

/// Which files a call may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes<'a> {
    /// All that the workspace lets it.
    All,
    /// The plan of a chat that plans; none where the path is empty.
    Plan(&'a str),
}

impl Writes<'_> {
    /// Checks that a call may change the files `paths`. A link in the place of the plan would lead to another file, so
    /// the workspace is asked whether there is one.
    pub(super) async fn check<'p>(
        self,
        workspace: &Workspace,
        paths: impl Iterator<Item = &'p str>,
    ) -> Result<(), String> {
        let Writes::Plan(plan) = self else { return Ok(()) };
        allowed(plan, paths)?;
        let request = ResolvePathRequest { path: plan.to_owned() };
        let resolved = workspace
            .retry(|agent| {
                let request = request.clone();
                async move {
                    let mut files = FileServiceClient::new(agent.transport());
                    files.resolve_path(agent.request_within(LOOK_TIMEOUT, request)).await
                }
            })
            .await
            .map_err(|status| explain(&status))?;
        if resolved.path == plan {
            return Ok(());
        }
        Err(format!(
            "this chat plans and may change its plan `{plan}` only, which leads to `{}` by a symbolic link: tell the \
             user",
            resolved.path
        ))
    }
}

fn allowed<'p>(plan: &str, mut paths: impl Iterator<Item = &'p str>) -> Result<(), String> {
    if plan.is_empty() {
        return Err("this chat plans and has no file for its plan yet: no file can be changed now".to_owned());
    }
    match paths.find(|path| *path != plan) {
        None => Ok(()),
        Some(other) => {
            Err(format!("this chat plans: of all files it may change its plan `{plan}` only, not `{other}`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_that_plans_changes_its_plan_and_nothing_else() {
        assert_eq!(allowed("/h/PLAN.md", ["/h/PLAN.md", "/h/PLAN.md"].into_iter()), Ok(()));
        for path in ["/h/plan.md", "/h/./PLAN.md", "/h/x/../PLAN.md", "/PLAN.md", "/h/PLAN.md/"] {
            let refused = allowed("/h/PLAN.md", ["/h/PLAN.md", path].into_iter());
            assert!(refused.is_err_and(|error| error.contains("`/h/PLAN.md` only") && error.contains(path)));
        }
        assert!(allowed("", [""].into_iter()).is_err_and(|error| error.contains("no file for its plan")));
    }
}
