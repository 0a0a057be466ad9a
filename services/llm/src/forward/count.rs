//! How many tokens a prompt has.

use http::StatusCode;

use super::answer::{self, Pieces, request_ids};
use super::body::Head;
use super::headers::header;
use super::{Job, is_native, native};
use crate::Error;
use crate::compat::{COUNT_HEADER, estimate, parse_count, render_count};

/// Counts by the provider where it can, and estimates where it cannot.
pub(super) async fn count(job: Job) -> Result<Pieces, Error> {
    let asked = match parse_count(&job.request.body) {
        Ok(asked) => asked,
        Err(bad) => return Ok(job.bad(&bad)),
    };
    let plan = match job.state.router.resolve(&asked.model).await {
        Ok(plan) => plan,
        Err(error) => return job.refused(&asked.model, error),
    };
    let first = &plan[0];
    let mut headers = vec![header("content-type", "application/json")];
    headers.push(header(COUNT_HEADER.0.as_str(), COUNT_HEADER.1.to_str().unwrap_or_default()));
    headers.extend(request_ids(job.request_id()));
    let estimated = answer::whole(StatusCode::OK, headers, render_count(estimate(&asked.request)));
    if is_native(&first.target, job.dialect)
        && let Some(head) = Head::read(&job.request.body)
    {
        return native::count(job, head, plan, estimated).await;
    }
    Ok(answer::only(estimated))
}
