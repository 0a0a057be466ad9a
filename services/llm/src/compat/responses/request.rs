//! Reads a request of Responses.

use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, OutputFormat, ToolChoice, WebSearch};

use super::{echo, history};
use crate::compat::node::{Fields, Node};
use crate::compat::prompt::Tools;
use crate::compat::settings::{
    CONTEXT_SIZES, EFFORTS, VERBOSITIES, refuse, sampling, schema_format, service_tier, strings, tool_schema,
};
use crate::compat::{Asked, BadRequest, Echo};

/// What is said where a request goes on from something that would have to be stored.
const STATELESS: &str =
    "answers are not kept here: send the whole conversation in `input`, with the items of earlier answers as they came";

pub(in crate::compat) fn parse(body: &[u8]) -> Result<Asked, BadRequest> {
    let body = Node::root(body)?.fields()?;
    refuse_foreign(&body)?;
    let model = body.need_string("model")?;
    let mut options = options(&body)?;
    let tools = tools(&body, &mut options)?;
    let mut request = GenerateRequest {
        model: model.clone(),
        messages: history::read(&body)?,
        max_output_tokens: body.get("max_output_tokens").map(|node| node.positive()).transpose()?,
        options: Some(options),
        output_format: format(&body)?,
        ..GenerateRequest::default()
    };
    tools.apply(&mut request);
    let echo = Echo { fields: echo::fields(&body), ..Echo::default() };
    Ok(Asked { model, stream: body.flag("stream")?, request, echo })
}

fn refuse_foreign(body: &Fields<'_>) -> Result<(), BadRequest> {
    if let Some(previous) = body.get("previous_response_id") {
        let error = previous.unsupported(format!("the response was not found: {STATELESS}"));
        return Err(BadRequest { code: Some("previous_response_not_found"), ..error });
    }
    refuse(body, "conversation", STATELESS)?;
    refuse(body, "prompt", "prompts of OpenAI's are not available: send their text as `instructions`")?;
    refuse(body, "background", "answers come while the caller waits: leave `background` out")?;
    refuse(body, "top_logprobs", "log probabilities are not available: leave the field out")
}

fn options(body: &Fields<'_>) -> Result<ModelOptions, BadRequest> {
    let mut options = ModelOptions::default();
    sampling(body, &mut options, 2.0)?;
    service_tier(body, &mut options)?;
    options.parallel_tool_calls = body.get("parallel_tool_calls").map(|node| node.boolean()).transpose()?;
    if let Some(reasoning) = body.get("reasoning") {
        let effort = reasoning.fields()?.get("effort");
        options.reasoning_effort = effort.map(|node| node.one_of(&EFFORTS)).transpose()?;
    }
    if let Some(text) = body.get("text") {
        let verbosity = text.fields()?.get("verbosity");
        options.verbosity = verbosity.map(|node| node.one_of(&VERBOSITIES)).transpose()?;
    }
    Ok(options)
}

fn format(body: &Fields<'_>) -> Result<Option<OutputFormat>, BadRequest> {
    let Some(text) = body.get("text") else { return Ok(None) };
    let Some(format) = text.fields()?.get("format") else { return Ok(None) };
    let fields = format.fields()?;
    Ok(match fields.need("type")?.one_of(&["text", "json_object", "json_schema"])?.as_str() {
        "json_object" => Some(OutputFormat::default()),
        "json_schema" => Some(schema_format(&fields)?),
        _ => None,
    })
}

fn tools(body: &Fields<'_>, options: &mut ModelOptions) -> Result<Tools, BadRequest> {
    let mut tools = Tools::default();
    for node in body.list("tools")? {
        let fields = node.fields()?;
        match fields.kind()?.as_str() {
            "function" => tools.add(
                &node,
                ToolDefinition {
                    name: fields.need_string("name")?,
                    description: fields.text("description")?,
                    input_schema: tool_schema(&fields, "parameters")?,
                    strict: fields.flag("strict")?,
                },
            )?,
            kind if kind.starts_with("web_search") => options.web_search = Some(web_search(&fields)?),
            kind => {
                let why = format!("tools of type `{kind}` are not available: describe it as a function");
                return Err(node.unsupported(why));
            }
        }
    }
    if let Some(node) = body.get("tool_choice") {
        choose(&node, &mut tools)?;
    }
    Ok(tools)
}

fn web_search(fields: &Fields<'_>) -> Result<WebSearch, BadRequest> {
    let filters = fields.get("filters").map(|node| node.fields()).transpose()?;
    let allowed = filters.and_then(|filters| filters.get("allowed_domains"));
    let size = fields.get("search_context_size").map(|node| node.one_of(&CONTEXT_SIZES)).transpose()?;
    Ok(WebSearch {
        allowed_domains: allowed.map(|node| strings(&node)).transpose()?.unwrap_or_default(),
        context_size: size.unwrap_or_default(),
        ..WebSearch::default()
    })
}

fn choose(node: &Node<'_>, tools: &mut Tools) -> Result<(), BadRequest> {
    if node.is_string() {
        tools.choose(choice(node, &["none", "auto", "required"])?);
        return Ok(());
    }
    let fields = node.fields()?;
    match fields.kind()?.as_str() {
        "function" => tools.require(node, fields.need_string("name")?),
        "allowed_tools" => {
            let mut names = Vec::new();
            for tool in fields.need("tools")?.items()? {
                let tool = tool.fields()?;
                if tool.kind()? == "function" {
                    names.push(tool.need_string("name")?);
                }
            }
            tools.allow(node, &names)?;
            tools.choose(choice(&fields.need("mode")?, &["auto", "required"])?);
            Ok(())
        }
        // Whether a provider searches, it decides itself.
        kind if kind.starts_with("web_search") => Ok(()),
        kind => Err(node.unsupported(format!("a choice of type `{kind}` is not available: use `function`"))),
    }
}

/// Reads a choice that is a word.
fn choice(node: &Node<'_>, words: &[&str]) -> Result<ToolChoice, BadRequest> {
    Ok(match node.one_of(words)?.as_str() {
        "none" => ToolChoice::None,
        "required" => ToolChoice::Required,
        _ => ToolChoice::Auto,
    })
}
