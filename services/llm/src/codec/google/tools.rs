//! What a model may call, and whether it must.

use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::llm::v1::{ToolChoice, Warning};

use super::Host;
use super::model::Model;
use super::schema::{Subset, subset};
use super::types::{CallingConfig, Declaration, Search, Tool, ToolConfig};
use crate::classify::Failure;
use crate::codec::settings::{required_tool, unsupported, web_search};
use crate::codec::tool_names::ToolNames;
use crate::codec::warnings::ignored;
use crate::codec::{Call, schema};

/// The tools of a call.
#[derive(Debug)]
pub(super) struct Tools<'a> {
    pub(super) tools: Vec<Tool<'a>>,
    pub(super) config: Option<ToolConfig>,
}

impl Tools<'_> {
    pub(super) fn has_any(&self) -> bool {
        !self.tools.is_empty()
    }
}

pub(super) fn encode<'a>(
    call: &Call<'a>,
    host: Host,
    model: Model<'_>,
    names: &ToolNames<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<Tools<'a>, Failure> {
    let Call { request, options, .. } = *call;
    let required = required_tool(request, warnings)?;
    let sorted = schema::sorted(&request.tools);
    let declarations: Vec<_> = sorted.into_iter().map(|tool| declaration(tool, names, warnings)).collect();
    let has_functions = !declarations.is_empty();
    let config = has_functions.then(|| {
        let is_strict = model.thinks() && request.tools.iter().any(|tool| tool.strict);
        let mode = match request.tool_choice() {
            // A call that is demanded is held to its schema anyway.
            ToolChoice::Required => "ANY",
            ToolChoice::None => "NONE",
            ToolChoice::Auto | ToolChoice::Unspecified if is_strict => "VALIDATED",
            ToolChoice::Auto | ToolChoice::Unspecified => "AUTO",
        };
        let allowed_function_names = required.map(|name| names.wire(name)).into_iter().collect();
        ToolConfig { function_calling_config: CallingConfig { mode, allowed_function_names } }
    });
    let mut tools = Vec::new();
    if has_functions {
        tools.push(Tool::FunctionDeclarations(declarations));
    }
    if let Some(search) = web_search(options)? {
        if has_functions && !model.is_third() {
            warnings.push(ignored("web_search", "the model cannot search beside other tools"));
        } else {
            let excludes = host == Host::VertexAi;
            let settings = [
                ("web_search.context_size", !search.context_size.is_empty()),
                ("web_search.max_uses", search.max_uses.is_some()),
                ("web_search.allowed_domains", !search.allowed_domains.is_empty()),
                ("web_search.blocked_domains", !search.blocked_domains.is_empty() && !excludes),
            ];
            unsupported(&settings, "the provider has no such option", warnings);
            let exclude_domains = if excludes { search.blocked_domains.as_slice() } else { &[] };
            tools.push(Tool::GoogleSearch(Search { exclude_domains }));
        }
    }
    Ok(Tools { tools, config })
}

fn declaration<'a>(tool: &'a ToolDefinition, names: &ToolNames<'_>, warnings: &mut Vec<Warning>) -> Declaration<'a> {
    let schema = schema::of(tool, warnings);
    let (parameters, parameters_json_schema) = match subset(&schema) {
        Subset::Said(parameters) => (Some(parameters), None),
        Subset::Nothing => (None, None),
        Subset::Unsayable => (None, Some(schema)),
    };
    Declaration { name: names.wire(&tool.name), description: &tool.description, parameters, parameters_json_schema }
}
