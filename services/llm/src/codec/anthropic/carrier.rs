//! Claude at other companies: the same requests and answers, carried differently.
//!
//! A carrier takes the request that Anthropic itself would get and changes what is around it. It
//! knows nothing of the conversation, so whatever the protocol learns is carried as well.

mod bedrock;
mod vertex;

pub use self::bedrock::BedrockClaude;
pub use self::vertex::VertexClaude;
use crate::classify::Failure;
use crate::codec::Encoded;
use crate::codec::fields::Fields;

/// The body of a request, to be changed.
fn fields_of(encoded: &Encoded) -> Result<Fields, Failure> {
    serde_json::from_slice(&encoded.body).map_err(|error| unusable(&error))
}

/// Puts a body in the place of the one that there is.
fn replace_body(encoded: &mut Encoded, fields: &Fields) -> Result<(), Failure> {
    encoded.body = serde_json::to_vec(fields).map_err(|error| unusable(&error))?.into();
    Ok(())
}

fn unusable(error: &serde_json::Error) -> Failure {
    Failure::configuration(error.to_string())
}
