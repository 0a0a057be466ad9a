//! Reads a request of Chat Completions.

use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, OutputFormat, ToolChoice, WebSearch};

use super::history;
use crate::compat::node::{Fields, Node};
use crate::compat::prompt::Tools;
use crate::compat::settings::{
    CONTEXT_SIZES, EFFORTS, VERBOSITIES, refuse, sampling, schema_format, service_tier, stops, tool_schema,
};
use crate::compat::{Asked, BadRequest, Echo};

pub(in crate::compat) fn parse(body: &[u8]) -> Result<Asked, BadRequest> {
    let body = Node::root(body)?.fields()?;
    refuse_foreign(&body)?;
    let model = body.need_string("model")?;
    let mut request = GenerateRequest {
        model: model.clone(),
        messages: history::read(&body.need("messages")?)?,
        max_output_tokens: limit(&body)?,
        options: Some(options(&body)?),
        output_format: format(&body)?,
        stop_sequences: stops(&body, "stop")?,
        ..GenerateRequest::default()
    };
    tools(&body)?.apply(&mut request);
    let include_usage = match body.get("stream_options") {
        Some(options) => options.fields()?.flag("include_usage")?,
        None => false,
    };
    let echo = Echo { include_usage, ..Echo::default() };
    Ok(Asked { model, stream: body.flag("stream")?, request, echo })
}

/// Refuses what would change the answer's shape and cannot be had from every provider.
fn refuse_foreign(body: &Fields<'_>) -> Result<(), BadRequest> {
    if let Some(n) = body.get("n")
        && n.count()? != 1
    {
        return Err(n.unsupported("only one answer can be had at a time: leave `n` out and call again for more"));
    }
    refuse(body, "logprobs", "log probabilities are not available: leave the field out")?;
    refuse(body, "top_logprobs", "log probabilities are not available: leave the field out")?;
    refuse(body, "audio", "audio is not available: leave the field out")?;
    refuse(body, "functions", "this is the form from before there were tools: use `tools`")?;
    refuse(body, "function_call", "this is the form from before there were tools: use `tool_choice`")?;
    for modality in body.list("modalities")? {
        if modality.string()? != "text" {
            return Err(modality.unsupported("answers are text: leave `modalities` out"));
        }
    }
    Ok(())
}

fn limit(body: &Fields<'_>) -> Result<Option<u32>, BadRequest> {
    let limit = body.get("max_completion_tokens").or_else(|| body.get("max_tokens"));
    limit.map(|node| node.positive()).transpose()
}

fn options(body: &Fields<'_>) -> Result<ModelOptions, BadRequest> {
    let mut options = ModelOptions::default();
    sampling(body, &mut options, 2.0)?;
    service_tier(body, &mut options)?;
    let penalty = |name: &str| body.get(name).map(|node| node.float_within(-2.0, 2.0)).transpose();
    options.presence_penalty = penalty("presence_penalty")?;
    options.frequency_penalty = penalty("frequency_penalty")?;
    options.top_k = body.get("top_k").map(|node| node.positive()).transpose()?;
    options.seed = body.get("seed").map(|node| node.seed()).transpose()?;
    options.reasoning_effort = body.get("reasoning_effort").map(|node| node.one_of(&EFFORTS)).transpose()?;
    options.verbosity = body.get("verbosity").map(|node| node.one_of(&VERBOSITIES)).transpose()?;
    options.parallel_tool_calls = body.get("parallel_tool_calls").map(|node| node.boolean()).transpose()?;
    options.web_search = body.get("web_search_options").map(|node| web_search(&node.fields()?)).transpose()?;
    Ok(options)
}

fn web_search(fields: &Fields<'_>) -> Result<WebSearch, BadRequest> {
    let size = fields.get("search_context_size").map(|node| node.one_of(&CONTEXT_SIZES)).transpose()?;
    Ok(WebSearch { context_size: size.unwrap_or_default(), ..WebSearch::default() })
}

fn format(body: &Fields<'_>) -> Result<Option<OutputFormat>, BadRequest> {
    let Some(node) = body.get("response_format") else { return Ok(None) };
    let fields = node.fields()?;
    Ok(match fields.need("type")?.one_of(&["text", "json_object", "json_schema"])?.as_str() {
        "json_object" => Some(OutputFormat::default()),
        "json_schema" => Some(schema_format(&fields.need("json_schema")?.fields()?)?),
        _ => None,
    })
}

fn tools(body: &Fields<'_>) -> Result<Tools, BadRequest> {
    let mut tools = Tools::default();
    for node in body.list("tools")? {
        let fields = node.fields()?;
        let kind = fields.kind()?;
        if kind != "function" {
            return Err(
                node.unsupported(format!("tools of type `{kind}` are not available: describe it as a function"))
            );
        }
        let function = fields.need("function")?.fields()?;
        tools.add(
            &node,
            ToolDefinition {
                name: function.need_string("name")?,
                description: function.text("description")?,
                input_schema: tool_schema(&function, "parameters")?,
                strict: function.flag("strict")?,
            },
        )?;
    }
    if let Some(node) = body.get("tool_choice") {
        choose(&node, &mut tools)?;
    }
    Ok(tools)
}

fn choose(node: &Node<'_>, tools: &mut Tools) -> Result<(), BadRequest> {
    if node.is_string() {
        tools.choose(choice(node, &["none", "auto", "required"])?);
        return Ok(());
    }
    let fields = node.fields()?;
    match fields.kind()?.as_str() {
        "function" => {
            let name = fields.need("function")?.fields()?.need_string("name")?;
            tools.require(node, name)
        }
        "allowed_tools" => {
            let allowed = fields.need("allowed_tools")?.fields()?;
            let mut names = Vec::new();
            for tool in allowed.need("tools")?.items()? {
                names.push(tool.fields()?.need("function")?.fields()?.need_string("name")?);
            }
            tools.allow(node, &names)?;
            tools.choose(choice(&allowed.need("mode")?, &["auto", "required"])?);
            Ok(())
        }
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
