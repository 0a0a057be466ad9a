//! How a workspace is named: `[owner/]workspace[.agent]`, `owner--workspace[.agent]`, or by its identifier. A name may
//! itself have `--`: what is called so whole comes first.

use chatmesh_core::Uuid;
use chatmesh_proto::identity::v1::GetMeRequest;
use chatmesh_proto::identity::v1::identity_service_client::IdentityServiceClient;
use chatmesh_proto::workspaces::v1::workspace_service_client::WorkspaceServiceClient;
use chatmesh_proto::workspaces::v1::{GetWorkspaceRequest, ListWorkspacesRequest, Workspace};

use super::call::Call;
use super::failure::sentence;
use crate::forward::{in_time, with_assertion};

/// How many pages of workspaces are looked through for a name.
const MAX_PAGES: usize = 25;
const PAGE_SIZE: i32 = 200;

/// A workspace, and the agent in it that is acted through.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) workspace: Workspace,
    /// Its name; empty where there is no choice.
    pub(super) agent: String,
}

/// What a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name<'a> {
    owner: Option<&'a str>,
    workspace: &'a str,
    agent: Option<&'a str>,
}

impl<'a> Name<'a> {
    /// Reads a name.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` names no workspace: write `workspace`, `workspace.agent`, `owner/workspace` or the identifier"
            )
        };
        let (owner, rest) = match text.split_once('/') {
            Some((owner, rest)) => (Some(owner), rest),
            None => (None, text),
        };
        let (workspace, agent) = match rest.split_once('.') {
            Some((workspace, agent)) => (workspace, Some(agent)),
            None => (rest, None),
        };
        let is_word = |word: &str| {
            (1..=64).contains(&word.len())
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        // Names of users have dots.
        let is_owner = |word: &str| !word.is_empty() && word.split('.').all(is_word);
        let fits = is_word(workspace) && agent.is_none_or(is_word) && owner.is_none_or(is_owner);
        if fits { Ok(Self { owner, workspace, agent }) } else { Err(wrong()) }
    }

    /// The same as `owner--workspace`, where it can be read so.
    fn split(text: &'a str) -> Option<Self> {
        let (owner, rest) = text.split_once("--").filter(|_| !text.contains('/'))?;
        let name = Self::parse(rest).ok().filter(|_| !owner.is_empty())?;
        Some(Self { owner: Some(owner), ..name })
    }
}

impl Call<'_> {
    /// The caller's workspace of this name.
    pub(super) async fn workspace(&self, text: &str) -> Result<Workspace, String> {
        Ok(self.named(text).await?.0)
    }

    /// The caller's workspace of this name, and the agent that is named with it.
    pub(super) async fn named(&self, text: &str) -> Result<(Workspace, Option<String>), String> {
        let split = Name::split(text);
        let name = match Name::parse(text) {
            Ok(name) => name,
            // Names of users have dots, those of workspaces have none.
            Err(wrong) => split.clone().ok_or(wrong)?,
        };
        if let Some(owner) = name.owner {
            self.check_owner(owner, text).await?;
        }
        let (workspace, agent) = match Uuid::try_parse(name.workspace) {
            Ok(id) => (self.by_id(id).await?, name.agent),
            Err(_) => match (self.by_name(name.workspace).await?, split) {
                (Ok(workspace), _) => (workspace, name.agent),
                (Err(_), Some(Name { owner: Some(owner), workspace, agent })) if name.owner.is_none() => {
                    self.check_owner(owner, text).await?;
                    (self.by_name(workspace).await??, agent)
                }
                (Err(not_found), _) => return Err(not_found),
            },
        };
        check_agent(&workspace, agent)?;
        Ok((workspace, agent.map(str::to_owned)))
    }

    /// The same, where something is to be done in it: through which agent must be clear.
    pub(super) async fn place(&self, text: &str) -> Result<Place, String> {
        let (workspace, named) = self.named(text).await?;
        let agent = choose_agent(&workspace, named)?;
        Ok(Place { workspace, agent })
    }

    async fn by_id(&self, id: Uuid) -> Result<Workspace, String> {
        let mut workspaces = WorkspaceServiceClient::new(self.mcp.workspaces.clone());
        let request = with_assertion(&self.headers, GetWorkspaceRequest { workspace_id: id.to_string() });
        let found = in_time(workspaces.get_workspace(request)).await.map_err(|status| sentence(&status))?;
        found.into_inner().workspace.ok_or_else(|| format!("workspace `{id}` not found"))
    }

    /// The inner error says that there is none of this name.
    async fn by_name(&self, name: &str) -> Result<Result<Workspace, String>, String> {
        let mut page_token = String::new();
        let mut names = Vec::new();
        for _ in 0..MAX_PAGES {
            let page = self.page(PAGE_SIZE, page_token).await?;
            for workspace in page.workspaces {
                if workspace.name == name {
                    return Ok(Ok(workspace));
                }
                names.push(workspace.name);
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        names.truncate(20);
        Ok(Err(match names.as_slice() {
            [] => format!("workspace `{name}` not found: you have none; `create_workspace` makes one"),
            names => format!("workspace `{name}` not found: you have {}", names.join(", ")),
        }))
    }

    /// A page of the caller's workspaces.
    pub(super) async fn page(
        &self,
        page_size: i32,
        page_token: String,
    ) -> Result<chatmesh_proto::workspaces::v1::ListWorkspacesResponse, String> {
        let mut workspaces = WorkspaceServiceClient::new(self.mcp.workspaces.clone());
        let request = with_assertion(&self.headers, ListWorkspacesRequest { page_size, page_token });
        let page = in_time(workspaces.list_workspaces(request)).await.map_err(|status| sentence(&status))?;
        Ok(page.into_inner())
    }

    /// Workspaces are acted on by their owners.
    async fn check_owner(&self, owner: &str, text: &str) -> Result<(), String> {
        if owner == "me" {
            return Ok(());
        }
        let mut identity = IdentityServiceClient::new(self.mcp.identity.clone());
        let me = in_time(identity.get_me(with_assertion(&self.headers, GetMeRequest {}))).await;
        let me = me.map_err(|status| sentence(&status))?.into_inner().user.unwrap_or_default();
        if owner == me.name || owner == me.id {
            return Ok(());
        }
        Err(format!("workspace `{text}` is of another user: you are `{}`, and act on your own ones", me.name))
    }
}

/// The names of the agents that can be acted through: those that belong to no other one.
fn agents(workspace: &Workspace) -> impl Iterator<Item = &str> {
    workspace.agents.iter().filter(|agent| agent.parent_id.is_empty()).map(|agent| agent.name.as_str())
}

/// Makes sure that there is an agent of this name. A workspace that does not run has none yet.
fn check_agent(workspace: &Workspace, named: Option<&str>) -> Result<(), String> {
    let Some(named) = named.filter(|_| !workspace.agents.is_empty()) else { return Ok(()) };
    if agents(workspace).any(|agent| agent == named) {
        return Ok(());
    }
    let has = agents(workspace).collect::<Vec<_>>().join(", ");
    Err(format!("workspace `{}` has no agent `{named}`: it has {has}", workspace.name))
}

/// The agent that is acted through.
fn choose_agent(workspace: &Workspace, named: Option<String>) -> Result<String, String> {
    let name = &workspace.name;
    match (named, agents(workspace).count()) {
        (Some(named), _) => Ok(named),
        (None, 0 | 1) => Ok(String::new()),
        (None, _) => {
            let all: Vec<String> = agents(workspace).map(|agent| format!("`{name}.{agent}`")).collect();
            Err(format!("workspace `{name}` has several agents: name one of them, as in {}", all.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use chatmesh_proto::workspaces::v1::Agent;

    use super::*;

    #[test]
    fn names_have_an_owner_and_an_agent_or_neither() {
        let name = |owner, workspace, agent| Ok(Name { owner, workspace, agent });
        for (text, expected) in [
            ("demo", name(None, "demo", None)),
            ("demo.main", name(None, "demo", Some("main"))),
            ("ann/demo", name(Some("ann"), "demo", None)),
            ("ann.b/demo.main", name(Some("ann.b"), "demo", Some("main"))),
            ("ann--demo", name(None, "ann--demo", None)),
            ("me/my-demo", name(Some("me"), "my-demo", None)),
            ("01890a5d-ac96-774b-bcce-b302099a8057", name(None, "01890a5d-ac96-774b-bcce-b302099a8057", None)),
        ] {
            assert_eq!(Name::parse(text), expected, "{text}");
        }
        for text in ["", "/demo", "ann/", "demo.", ".main", "a/b/c", "a b", "demo.main.more", "ü"] {
            assert!(Name::parse(text).is_err_and(|error| error.contains("names no workspace")), "{text}");
        }
        let split = |owner, workspace, agent| Some(Name { owner: Some(owner), workspace, agent });
        for (text, expected) in [
            ("ann--demo", split("ann", "demo", None)),
            ("ann.b--my--demo.main", split("ann.b", "my--demo", Some("main"))),
            ("ann", None),
            ("me/ann--demo", None),
            ("--demo", None),
            ("ann--", None),
        ] {
            assert_eq!(Name::split(text), expected, "{text}");
        }
    }

    #[test]
    fn of_several_agents_one_is_named() {
        let agent = |name: &str| Agent { name: name.to_owned(), ..Agent::default() };
        let inner = Agent { parent_id: "1".to_owned(), ..agent("inner") };
        let workspace = |agents: &[Agent]| Workspace {
            name: "demo".to_owned(),
            agents: agents.to_vec(),
            // Chats have a rule of their own, which is not for people.
            agent: agents.first().cloned(),
            ..Workspace::default()
        };
        let chosen = |agents: &[Agent], named: Option<&str>| {
            let workspace = workspace(agents);
            check_agent(&workspace, named)?;
            choose_agent(&workspace, named.map(str::to_owned))
        };
        let (one, both) = ([agent("main"), inner.clone()], [agent("main"), agent("gpu"), inner]);
        assert_eq!(chosen(&one, None).as_deref(), Ok(""));
        assert_eq!(chosen(&one, Some("main")).as_deref(), Ok("main"));
        assert_eq!(chosen(&both, Some("gpu")).as_deref(), Ok("gpu"));
        assert_eq!(chosen(&[], Some("gpu")).as_deref(), Ok("gpu"), "it may have it once it runs");
        let wrong = |agents: &[Agent], named| chosen(agents, named).expect_err("it is not clear");
        assert!(wrong(&both, None).contains("as in `demo.main`, `demo.gpu`"), "{}", wrong(&both, None));
        assert!(wrong(&both, Some("tpu")).contains("no agent `tpu`: it has main, gpu"));
        assert!(wrong(&one, Some("inner")).contains("it has main"));
    }
}
