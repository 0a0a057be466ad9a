//! What the answer is to look like and where it is to stop.

use std::borrow::Cow;

use chatmesh_proto::llm::v1::{GenerateRequest, Warning};
use serde_json::value::RawValue;

use super::types::{OutputConfig, OutputFormat};
use crate::codec::json::object_of;
use crate::codec::schema::{Required, held};
use crate::codec::settings::not_strict;
use crate::codec::warnings::{INVALID_SCHEMA, ignored, warning};

/// The effort and the format, where there is either.
pub(super) fn config<'a>(
    request: &'a GenerateRequest,
    effort: Option<&'a str>,
    warnings: &mut Vec<Warning>,
) -> Option<OutputConfig<'a>> {
    let schema = schema(request, warnings);
    let format = schema.map(|schema| OutputFormat::JsonSchema { schema });
    (effort.is_some() || format.is_some()).then_some(OutputConfig { effort, format })
}

/// The schema of the answer. The provider holds every answer to its schema, whether that is
/// strict or not, and accepts only closed ones.
fn schema<'a>(request: &'a GenerateRequest, warnings: &mut Vec<Warning>) -> Option<Cow<'a, RawValue>> {
    let format = request.output_format.as_ref()?;
    let Some(schema) = object_of(&format.schema) else {
        if format.schema.trim().is_empty() {
            warnings.push(ignored("output_format", "the provider makes JSON by a schema only, and there is none"));
        } else {
            warnings.push(warning(INVALID_SCHEMA, "the schema of the answer is not a JSON object"));
        }
        return None;
    };
    let closed = held(schema, Required::Named);
    if closed.is_none() {
        warnings.push(not_strict("output_format"));
    }
    Some(closed.map_or(Cow::Borrowed(schema), Cow::Owned))
}

/// The sequences that the provider accepts: not empty and not only white space.
pub(super) fn stop_sequences<'a>(request: &'a GenerateRequest, warnings: &mut Vec<Warning>) -> Vec<&'a str> {
    let all = request.stop_sequences.iter().map(String::as_str);
    let sequences: Vec<_> = all.filter(|sequence| !sequence.trim().is_empty()).collect();
    if sequences.len() < request.stop_sequences.len() {
        warnings.push(ignored("stop_sequences", "the provider takes none of white space alone"));
    }
    sequences
}
