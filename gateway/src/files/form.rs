//! A form with one file (RFC 7578).

use axum::body::Body;
use bytes::Bytes;
use multer::{Constraints, Multipart, SizeLimit};

use super::MAX_FILE_BYTES;
use super::upload::{Refusal, broken_off};

/// What a form may have beside the content of its file: the heads of its parts.
const MAX_HEADS_BYTES: u64 = 64 * 1024;

/// The file of a form.
#[derive(Debug)]
pub(super) struct FormFile {
    pub(super) name: String,
    pub(super) media_type: String,
    pub(super) data: Bytes,
}

/// Reads a form that has one file and nothing else.
pub(super) async fn read(content_type: &str, body: Body) -> Result<FormFile, Refusal> {
    let boundary = multer::parse_boundary(content_type).map_err(|error| refusal(&error))?;
    let limit = MAX_FILE_BYTES as u64;
    let limits = SizeLimit::new().per_field(limit).whole_stream(limit + MAX_HEADS_BYTES);
    let constraints = Constraints::new().size_limit(limits);
    let mut form = Multipart::with_constraints(body.into_data_stream(), boundary, constraints);
    let mut found = None;
    while let Some(field) = form.next_field().await.map_err(|error| refusal(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        let Some(file_name) = field.file_name().map(str::to_owned) else {
            let description = "is no file: the form must have one file and nothing else; use the query for parameters";
            return Err(Refusal::Field(name, description.to_owned()));
        };
        if found.is_some() {
            return Err(Refusal::Field(name, "is a second file: upload one at a time".to_owned()));
        }
        let media_type = field.content_type().map(ToString::to_string).unwrap_or_default();
        let data = field.bytes().await.map_err(|error| refusal(&error))?;
        found = Some(FormFile { name: file_name, media_type, data });
    }
    found.ok_or_else(|| Refusal::Field("data".to_owned(), "must be there: the form has no file".to_owned()))
}

fn refusal(error: &multer::Error) -> Refusal {
    match error {
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => Refusal::TooLarge,
        multer::Error::StreamReadFailed(error) => broken_off(error),
        other => Refusal::Field("data".to_owned(), format!("must be a form with one file: {other}")),
    }
}
