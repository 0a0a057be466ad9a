//! Settings that more than one dialect has, read the same way.

use chatmesh_proto::llm::v1::{ModelOptions, OutputFormat};

use super::BadRequest;
use super::node::{Fields, Node};

pub(super) const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
pub(super) const VERBOSITIES: [&str; 3] = ["low", "medium", "high"];
pub(super) const CONTEXT_SIZES: [&str; 3] = ["low", "medium", "high"];

/// As many as OpenAI takes; Anthropic takes more and is asked for no more by anybody.
const MAX_STOPS: usize = 16;

/// How tokens are chosen.
pub(super) fn sampling(body: &Fields<'_>, options: &mut ModelOptions, hottest: f64) -> Result<(), BadRequest> {
    options.temperature = body.get("temperature").map(|node| node.float_within(0.0, hottest)).transpose()?;
    options.top_p = body.get("top_p").map(|node| node.float_within(0.0, 1.0)).transpose()?;
    Ok(())
}

/// A tier of service. What every provider does by itself is not passed on.
pub(super) fn service_tier(body: &Fields<'_>, options: &mut ModelOptions) -> Result<(), BadRequest> {
    let tier = body.string("service_tier")?;
    options.service_tier = tier.filter(|tier| !matches!(tier.as_ref(), "auto" | "default")).map(Into::into);
    Ok(())
}

/// Where the model stops: one text or a list of them.
pub(super) fn stops(body: &Fields<'_>, name: &str) -> Result<Vec<String>, BadRequest> {
    let Some(node) = body.get(name) else { return Ok(Vec::new()) };
    let stops = match node.is_string() {
        true => vec![node.string()?.into_owned()],
        false => node.items()?.iter().map(|item| Ok(item.string()?.into_owned())).collect::<Result<_, _>>()?,
    };
    if stops.len() > MAX_STOPS {
        return Err(node.wrong(format!("at most {MAX_STOPS} are accepted")));
    }
    Ok(stops)
}

/// A list of texts.
pub(super) fn strings(node: &Node<'_>) -> Result<Vec<String>, BadRequest> {
    node.items()?.iter().map(|item| Ok(item.string()?.into_owned())).collect()
}

/// An answer that has a schema. `fields` holds the schema and what it is called.
pub(super) fn schema_format(fields: &Fields<'_>) -> Result<OutputFormat, BadRequest> {
    let schema = fields.need("schema")?;
    schema.fields()?;
    Ok(OutputFormat {
        name: fields.text("name")?,
        schema: schema.text().to_owned(),
        description: fields.text("description")?,
        strict: fields.flag("strict")?,
    })
}

/// The schema of a tool's arguments as text; empty where there is none.
pub(super) fn tool_schema(fields: &Fields<'_>, name: &str) -> Result<String, BadRequest> {
    let Some(schema) = fields.get(name) else { return Ok(String::new()) };
    schema.fields()?;
    Ok(schema.text().to_owned())
}

/// Refuses a setting that asks for something that no answer of ours can hold.
pub(super) fn refuse(body: &Fields<'_>, name: &str, why: &str) -> Result<(), BadRequest> {
    match body.get(name) {
        Some(node) if !matches!(node.text(), "false" | "0" | "[]" | "{}") => Err(node.unsupported(why)),
        _ => Ok(()),
    }
}
