//! Reads a request of Messages.

use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, OutputFormat, ToolChoice, WebSearch};

use super::history;
use crate::compat::errors::THREAD_UNSUPPORTED;
use crate::compat::node::{Fields, Node};
use crate::compat::prompt::Tools;
use crate::compat::settings::{EFFORTS, refuse, sampling, stops, strings, tool_schema};
use crate::compat::{Asked, BadRequest, Echo};

/// How hard a model thinks that decides that itself, where nobody says it.
const ADAPTIVE_EFFORT: &str = "high";

pub(in crate::compat) fn parse(body: &[u8]) -> Result<Asked, BadRequest> {
    let body = Node::root(body)?.fields()?;
    let limit = body.need("max_tokens")?.positive()?;
    let mut asked = prompt(&body)?;
    asked.request.max_output_tokens = Some(limit);
    Ok(asked)
}

/// Reads what becomes the prompt, of a request that asks for no answer.
pub(in crate::compat) fn parse_prompt(body: &[u8]) -> Result<Asked, BadRequest> {
    prompt(&Node::root(body)?.fields()?)
}

fn prompt(body: &Fields<'_>) -> Result<Asked, BadRequest> {
    refuse(body, "mcp_servers", "servers of tools are not called for clients: leave `mcp_servers` out")?;
    if body.get("thread").is_some() {
        let message = "conversations are not kept here: send all messages, without `thread`";
        return Err(BadRequest { code: Some(THREAD_UNSUPPORTED), ..BadRequest::at("thread", message) });
    }
    let model = body.need_string("model")?;
    let mut options = ModelOptions::default();
    sampling(body, &mut options, 1.0)?;
    options.top_k = body.get("top_k").map(|node| node.count()).transpose()?.filter(|top_k| *top_k > 0);
    let mut request = GenerateRequest {
        model: model.clone(),
        messages: history::read(body)?,
        stop_sequences: stops(body, "stop_sequences")?,
        output_format: format(body)?,
        ..GenerateRequest::default()
    };
    thinking(body, &mut options)?;
    tools(body, &mut options)?.apply(&mut request);
    request.options = Some(options);
    Ok(Asked { model, stream: body.flag("stream")?, request, echo: Echo::default() })
}

fn thinking(body: &Fields<'_>, options: &mut ModelOptions) -> Result<(), BadRequest> {
    if let Some(effort) =
        body.get("output_config").map(|node| node.fields()).transpose()?.and_then(|it| it.get("effort"))
    {
        options.reasoning_effort = Some(effort.one_of(&EFFORTS)?);
    }
    let Some(node) = body.get("thinking") else { return Ok(()) };
    let fields = node.fields()?;
    match fields.kind()?.as_str() {
        "enabled" => {
            let budget = fields.need("budget_tokens")?;
            let tokens = budget.count()?;
            if tokens < 1024 {
                return Err(budget.wrong("must be at least 1024"));
            }
            options.thinking_budget_tokens = Some(tokens);
        }
        // Not to think is what a model does that is not asked to.
        "disabled" => {}
        "adaptive" => {
            options.reasoning_effort.get_or_insert_with(|| ADAPTIVE_EFFORT.to_owned());
        }
        kind => return Err(node.wrong(format!("`{kind}` is not one of enabled, disabled, adaptive"))),
    }
    Ok(())
}

/// The shape of the answer, under its name or the one that it had before.
fn format(body: &Fields<'_>) -> Result<Option<OutputFormat>, BadRequest> {
    let config = body.get("output_config").map(|node| node.fields()).transpose()?;
    let Some(node) = config.and_then(|config| config.get("format")).or_else(|| body.get("output_format")) else {
        return Ok(None);
    };
    let fields = node.fields()?;
    fields.need("type")?.one_of(&["json_schema"])?;
    let schema = fields.need("schema")?;
    schema.fields()?;
    Ok(Some(OutputFormat { schema: schema.text().to_owned(), strict: true, ..OutputFormat::default() }))
}

fn tools(body: &Fields<'_>, options: &mut ModelOptions) -> Result<Tools, BadRequest> {
    let mut tools = Tools::default();
    for node in body.list("tools")? {
        let fields = node.fields()?;
        match fields.text("type")?.as_str() {
            "" | "custom" => tools.add(
                &node,
                ToolDefinition {
                    name: fields.need_string("name")?,
                    description: fields.text("description")?,
                    input_schema: {
                        fields.need("input_schema")?;
                        tool_schema(&fields, "input_schema")?
                    },
                    strict: fields.flag("strict")?,
                },
            )?,
            kind if kind.starts_with("web_search_") => options.web_search = Some(web_search(&fields)?),
            kind => {
                let why = format!("`{kind}` is a tool of Anthropic's own models: describe it with an `input_schema`");
                return Err(node.unsupported(why));
            }
        }
    }
    if let Some(node) = body.get("tool_choice") {
        choose(&node, &mut tools, options)?;
    }
    Ok(tools)
}

fn web_search(fields: &Fields<'_>) -> Result<WebSearch, BadRequest> {
    let domains = |name: &str| fields.get(name).map_or_else(|| Ok(Vec::new()), |node| strings(&node));
    let search = WebSearch {
        allowed_domains: domains("allowed_domains")?,
        blocked_domains: domains("blocked_domains")?,
        max_uses: fields.get("max_uses").map(|node| node.positive()).transpose()?,
        context_size: String::new(),
    };
    if !search.allowed_domains.is_empty() && !search.blocked_domains.is_empty() {
        let place = fields.need("blocked_domains")?;
        return Err(place.wrong("cannot stand beside `allowed_domains`"));
    }
    Ok(search)
}

fn choose(node: &Node<'_>, tools: &mut Tools, options: &mut ModelOptions) -> Result<(), BadRequest> {
    let fields = node.fields()?;
    if let Some(disabled) = fields.get("disable_parallel_tool_use") {
        options.parallel_tool_calls = Some(!disabled.boolean()?);
    }
    match fields.kind()?.as_str() {
        "auto" => tools.choose(ToolChoice::Auto),
        "any" => tools.choose(ToolChoice::Required),
        "none" => tools.choose(ToolChoice::None),
        "tool" => {
            let name = fields.need_string("name")?;
            // A tool that the provider runs is always its own choice.
            if options.web_search.is_some() && name == crate::compat::search::WEB_SEARCH {
                return Ok(());
            }
            return tools.require(node, name);
        }
        kind => return Err(node.wrong(format!("`{kind}` is not one of auto, any, tool, none"))),
    }
    Ok(())
}
