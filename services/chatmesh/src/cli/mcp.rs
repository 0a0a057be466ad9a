//! `chatmesh mcp`.

mod add;
mod connect;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::client::{Client, Connection};
use crate::terminal;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the MCP servers whose tools chats may use, and say which of them the configuration manages
    List {
        #[command(flatten)]
        connection: Connection,
    },
    /// Configure an MCP server; administrators only
    Add(Box<add::Args>),
    /// Remove an MCP server; administrators only
    Remove(Named),
    /// Connect to an MCP server once, and list its tools
    Test(Named),
    /// Get a token of your own for an MCP server with OAuth, in a browser
    Connect(Named),
    /// Give that token back
    Disconnect(Named),
}

#[derive(Debug, clap::Args)]
struct Named {
    /// The server's slug or identifier
    server: String,
    #[command(flatten)]
    connection: Connection,
}

impl Named {
    fn client(&self) -> anyhow::Result<Client> {
        Client::connect(&self.connection)
    }

    fn path(&self, verb: &str) -> String {
        format!("/api/v1/mcp-servers/{}{verb}", self.server)
    }
}

pub(super) async fn run(args: Args) -> anyhow::Result<bool> {
    match args.command {
        Command::List { connection } => list(&connection).await?,
        Command::Add(args) => add::run(*args).await?,
        Command::Remove(named) => {
            named.client()?.delete(&named.path("")).await?;
        }
        Command::Test(named) => return test(&named).await,
        Command::Connect(named) => connect::run(&named.client()?, &named.path("")).await?,
        Command::Disconnect(named) => {
            named.client()?.post(&named.path(":disconnect"), &json!({})).await?;
        }
    }
    Ok(true)
}

async fn list(connection: &Connection) -> anyhow::Result<()> {
    let client = Client::connect(connection)?;
    let mut page_token = String::new();
    loop {
        let page = client.get(&format!("/api/v1/mcp-servers?page_size=200&page_token={page_token}")).await?;
        for server in page["servers"].as_array().into_iter().flatten() {
            terminal::line(row(server));
        }
        page_token = page["next_page_token"].as_str().unwrap_or_default().to_owned();
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

fn row(server: &Value) -> String {
    let text = |field: &str| server[field].as_str().unwrap_or_default();
    let word = |field: &str, prefix: &str| text(field).trim_start_matches(prefix).to_lowercase().replace('_', "-");
    let mut notes = vec![word("availability", "MCP_AVAILABILITY_")];
    if server["enabled"] != json!(true) {
        notes.push("switched off".to_owned());
    }
    if text("auth_type") == "MCP_AUTH_TYPE_OAUTH2" {
        let is_connected = server["auth_connected"] == json!(true);
        notes.push(if is_connected { "connected".to_owned() } else { "not connected".to_owned() });
    }
    if server["managed_by_config"] == json!(true) {
        notes.push("managed by the configuration".to_owned());
    }
    format!("{:<24}  {:<40}  {}", text("slug"), text("url"), notes.join(", "))
}

async fn test(named: &Named) -> anyhow::Result<bool> {
    let tested = named.client()?.post(&named.path(":test"), &json!({})).await?;
    for tool in tested["tools"].as_array().into_iter().flatten() {
        terminal::line(tool.as_str().unwrap_or_default());
    }
    let is_good = tested["outcome"] == "MCP_OUTCOME_CONNECTED";
    if !is_good {
        let error = tested["error"].as_str().filter(|error| !error.is_empty());
        terminal::complain(format!("error: {}", error.unwrap_or("it has no tools that may be offered")));
    }
    Ok(is_good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_which_chats_have_the_server_and_who_changes_it() {
        let notes = |more: Value| {
            let mut server = json!({"slug": "wiki", "url": "https://wiki.example", "enabled": true});
            let fields = more.as_object().expect("an object").clone();
            server.as_object_mut().expect("an object").extend(fields);
            server["availability"] = "MCP_AVAILABILITY_FORCE_ON".into();
            let row = row(&server);
            assert!(row.starts_with("wiki                      https://wiki.example  "), "{row}");
            row.rsplit("  ").next().unwrap_or_default().to_owned()
        };
        assert_eq!(notes(json!({})), "force-on");
        assert_eq!(notes(json!({"managed_by_config": true})), "force-on, managed by the configuration");
        let all = json!({"enabled": false, "auth_type": "MCP_AUTH_TYPE_OAUTH2", "managed_by_config": true});
        assert_eq!(notes(all), "force-on, switched off, not connected, managed by the configuration");
    }
}
