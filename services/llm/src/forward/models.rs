//! The models, as the SDKs list them.

use chatmesh_proto::llm::v1::HttpHeader;
use http::StatusCode;

use super::answer::{self, Pieces};
use super::headers::header;
use super::{Job, answer::request_ids};
use crate::Error;
use crate::api::find_model;
use crate::compat::{ModelEntry, render_model, render_models};

/// How many models are read at once.
const PAGE: u32 = 200;

/// Lists all models that can be called.
pub(super) async fn list(job: &Job) -> Result<Pieces, Error> {
    let mut entries = Vec::new();
    let mut after = None;
    loop {
        let page = job.state.store.list_models(after, PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        after = page.last().map(|model| model.id);
        let enabled = page.iter().filter(|model| model.enabled);
        entries.extend(enabled.map(|model| ModelEntry::of(model, model.created_at.timestamp())));
        if is_last {
            break;
        }
    }
    let body = render_models(job.dialect, &entries, false);
    Ok(answer::only(answer::whole(StatusCode::OK, headers(job), body)))
}

/// Shows one model.
pub(super) async fn get(job: &Job) -> Result<Pieces, Error> {
    let name = &job.request.model;
    match find_model(&job.state, name).await {
        Ok(model) if model.enabled && !name.is_empty() => {
            let body = render_model(job.dialect, &ModelEntry::of(&model, model.created_at.timestamp()));
            Ok(answer::only(answer::whole(StatusCode::OK, headers(job), body)))
        }
        Ok(_) => job.refused(name, Error::NotFound { kind: "model", name: name.clone() }),
        Err(error) => job.refused(name, error),
    }
}

fn headers(job: &Job) -> Vec<HttpHeader> {
    let mut headers = vec![header("content-type", "application/json")];
    headers.extend(request_ids(job.request_id()));
    headers
}
