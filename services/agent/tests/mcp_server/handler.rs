//! Tools that tests of MCP need.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Value, json};

/// A server with a tool for everything that can happen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tools {
    grown: Arc<AtomicBool>,
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build())
    }

    /// One tool on each page.
    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let text = json!({"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]});
        let nothing = json!({"type": "object", "properties": {}});
        let mut tools = vec![tool("echo", &text)];
        let names = ["binary", "cwd", "die", "env", "fail", "grow", "hang", "id", "refuse", "spawn"];
        tools.extend(names.map(|name| tool(name, &nothing)));
        if self.grown.load(Ordering::Acquire) {
            tools.push(tool("grown", &nothing));
        }
        let cursor = request.and_then(|request| request.cursor);
        let page: usize = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or_default();
        let more = page + 1 < tools.len();
        let mut result = ListToolsResult::with_all_items(tools.drain(page..=page).collect());
        result.next_cursor = more.then(|| (page + 1).to_string());
        Ok(result)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let text = match &*request.name {
            "echo" => arguments["text"].as_str().unwrap_or_default().to_owned(),
            "binary" => return success(ContentBlock::image("AAEC", "image/png")),
            "cwd" => std::env::current_dir().map(|dir| dir.display().to_string()).unwrap_or_default(),
            "die" => std::process::exit(3),
            "env" => {
                let mut names: Vec<_> = std::env::vars_os()
                    .map(|(name, value)| format!("{}={}", name.display(), value.display()))
                    .collect();
                names.sort();
                names.join("\n")
            }
            "fail" => return Ok(CallToolResult::error(vec![ContentBlock::text("it failed")]).into()),
            "grow" => {
                self.grown.store(true, Ordering::Release);
                let _ = context.peer.notify_tool_list_changed().await;
                "grown".to_owned()
            }
            "hang" => std::future::pending().await,
            "id" => context.meta.get("chatmesh/tool_call_id").map(Value::to_string).unwrap_or_default(),
            "refuse" => return Err(ErrorData::invalid_params("not with these arguments", None)),
            "spawn" => {
                let child = Command::new("sleep").arg("1000").stdin(Stdio::null()).stdout(Stdio::null()).spawn();
                child.map(|child| child.id().to_string()).unwrap_or_default()
            }
            _ => return Err(ErrorData::invalid_params("no such tool", None)),
        };
        success(ContentBlock::text(text))
    }
}

fn success(block: ContentBlock) -> Result<CallToolResponse, ErrorData> {
    Ok(CallToolResult::success(vec![block]).into())
}

fn tool(name: &'static str, schema: &Value) -> Tool {
    let schema = schema.as_object().cloned().unwrap_or_default();
    Tool::new(name, format!("The tool {name}."), Arc::new(schema))
}
