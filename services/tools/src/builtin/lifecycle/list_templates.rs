//! `list_templates`: what workspaces can be made from, the most fitting first.

use std::time::Duration;

use chatmesh_core::{Clock as _, SystemClock, Timestamp};
use chatmesh_proto::workspaces::v1::{ListTemplatesRequest, Template};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use tonic::Status;

use super::super::{Call, parse};
use super::failure::Trouble;
use super::rank::{Candidate, Ranked, rank};
use super::read_template::shortened;
use super::services::Services;
use crate::agent::EXTERNAL;
use crate::outcome::Outcome;

/// How many are asked for at once.
const PAGE_SIZE: i32 = 200;
/// How often; a mesh with more templates than that lists the first ones.
const MAX_PAGES: usize = 25;
/// How long it may take to find out who uses them.
const USAGE_TIMEOUT: Duration = Duration::from_secs(3);
/// How much of a description is listed, in characters.
const MAX_DESCRIPTION: usize = 300;

#[derive(Debug, Deserialize)]
struct Args {
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    page: Option<i64>,
}

/// A page of templates, as models read it.
#[derive(Debug, Serialize)]
struct Listed {
    templates: Vec<Entry>,
    count: usize,
    page: usize,
    total_pages: usize,
    total_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recommended_template_id: Option<String>,
    next_step: &'static str,
}

#[derive(Debug, Serialize)]
struct Entry {
    id: String,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    display_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(skip_serializing_if = "is_zero")]
    active_developers: u32,
    #[serde(skip_serializing_if = "is_zero")]
    your_workspace_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_by_you: Option<String>,
}

pub(super) async fn run(call: &Call<'_>) -> Result<Outcome, Trouble> {
    let args: Args = parse(call.args)?;
    let now = SystemClock.now();
    let templates = templates(&Services::of(call)).await.map_err(|status| Trouble::of(&status))?;
    let usable =
        templates.into_iter().filter(|template| template.deprecation.is_empty() && template.allowed_for_agents);
    let candidates = usable.map(|template| candidate(template, now)).collect();
    let ranked = rank(candidates, args.query.as_deref().unwrap_or_default().trim(), args.page.unwrap_or(1));
    Ok(Outcome::of(&listed(ranked, now)))
}

/// All templates that chats may use. Who uses them is an addition: without it the order is another one.
async fn templates(services: &Services<'_>) -> Result<Vec<Template>, Status> {
    match timeout(USAGE_TIMEOUT, all(services, true)).await {
        Ok(Ok(templates)) => Ok(templates),
        Ok(Err(_)) | Err(_) => all(services, false).await,
    }
}

async fn all(services: &Services<'_>, with_usage: bool) -> Result<Vec<Template>, Status> {
    let mut templates = Vec::new();
    let mut page_token = String::new();
    for _ in 0..MAX_PAGES {
        let request = ListTemplatesRequest {
            page_size: PAGE_SIZE,
            page_token,
            for_agents: true,
            with_usage,
            ..ListTemplatesRequest::default()
        };
        let page = services.templates(request).await?;
        templates.extend(page.templates);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(templates)
}

fn candidate(template: Template, now: Timestamp) -> Candidate {
    let usage = template.usage.unwrap_or_default();
    let last_used = usage.last_used_by_you.and_then(|time| Timestamp::try_from(time).ok());
    Candidate {
        id: template.id,
        name: template.name,
        display_name: template.display_name,
        description: template.description,
        developers: usage.active_developers,
        yours: usage.your_workspace_count,
        yours_deleted: usage.your_deleted_workspace_count,
        last_used: last_used.map(|time| (now - time).to_std().unwrap_or(Duration::ZERO)),
        is_external: template.provisioner == EXTERNAL,
    }
}

fn listed(ranked: Ranked, now: Timestamp) -> Listed {
    let templates: Vec<Entry> = ranked.page.into_iter().map(|one| entry(one, now)).collect();
    Listed {
        count: templates.len(),
        templates,
        page: ranked.page_number,
        total_pages: ranked.total_pages,
        total_count: ranked.total,
        next_page: (ranked.page_number < ranked.total_pages).then(|| ranked.page_number + 1),
        recommended_template_id: ranked.recommended,
        next_step: ranked.next_step.as_str(),
    }
}

fn entry(one: Candidate, now: Timestamp) -> Entry {
    let last_used = one.last_used.map(|ago| now - ago);
    Entry {
        id: one.id,
        name: one.name,
        display_name: one.display_name,
        description: shortened(&one.description, MAX_DESCRIPTION),
        active_developers: one.developers,
        your_workspace_count: one.yours,
        last_used_by_you: last_used.map(|time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
    }
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}
