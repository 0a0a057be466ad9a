//! `chatmesh mcp add`.

use std::io::Read as _;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::client::{Client, Connection};
use crate::terminal;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What the names of its tools begin with: 1 to 24 lower-case letters, digits and `-`
    slug: String,
    /// Where it is
    #[arg(value_name = "URL")]
    address: String,
    /// How it is spoken to
    #[arg(long, value_enum, default_value = "streamable-http")]
    transport: Transport,
    /// Which chats have it
    #[arg(long, value_enum, default_value = "default-off")]
    availability: Availability,
    /// The header that carries a key, which is read from standard input
    #[arg(long, value_name = "HEADER", conflicts_with_all = ["oauth", "user_oidc"])]
    key_header: Option<String>,
    /// Users connect to it by themselves, with OAuth
    #[arg(long, conflicts_with = "user_oidc")]
    oauth: bool,
    /// It is sent the OpenID Connect token with which the user signed in; nothing for users without one, which today is everybody: users
    /// sign in with tokens of the mesh
    #[arg(long)]
    user_oidc: bool,
    /// A tool that is offered; all are where none is named
    #[arg(long = "allow", value_name = "TOOL")]
    allow: Vec<String>,
    /// A tool that is never offered
    #[arg(long = "deny", value_name = "TOOL")]
    deny: Vec<String>,
    /// Chats that plan may use it, too
    #[arg(long)]
    plan_mode: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Transport {
    StreamableHttp,
    /// The transport of before 2025
    Sse,
}

impl Transport {
    fn name(self) -> &'static str {
        match self {
            Self::StreamableHttp => "MCP_TRANSPORT_STREAMABLE_HTTP",
            Self::Sse => "MCP_TRANSPORT_SSE",
        }
    }
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Availability {
    ForceOn,
    DefaultOn,
    DefaultOff,
}

impl Availability {
    fn name(self) -> &'static str {
        match self {
            Self::ForceOn => "MCP_AVAILABILITY_FORCE_ON",
            Self::DefaultOn => "MCP_AVAILABILITY_DEFAULT_ON",
            Self::DefaultOff => "MCP_AVAILABILITY_DEFAULT_OFF",
        }
    }
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let client = Client::connect(&args.connection)?;
    let mut body = body(&args);
    if args.key_header.is_some() {
        body["api_key"] = key()?.into();
    }
    let created = client.post("/api/v1/mcp-servers", &body).await?;
    terminal::line(created["id"].as_str().unwrap_or_default());
    Ok(())
}

/// The server as it is asked for, without its key.
fn body(args: &Args) -> Value {
    let mut body = json!({
        "slug": args.slug,
        "url": args.address,
        "transport": args.transport.name(),
        "availability": args.availability.name(),
        "tool_allow_list": args.allow,
        "tool_deny_list": args.deny,
        "allow_in_plan_mode": args.plan_mode,
    });
    if let Some(header) = &args.key_header {
        body["auth_type"] = "MCP_AUTH_TYPE_API_KEY".into();
        body["api_key_header"] = header.as_str().into();
    } else if args.oauth {
        body["auth_type"] = "MCP_AUTH_TYPE_OAUTH2".into();
    } else if args.user_oidc {
        body["auth_type"] = "MCP_AUTH_TYPE_USER_OIDC".into();
    }
    body
}

/// An argument would be seen by everybody on this machine.
fn key() -> anyhow::Result<String> {
    let mut key = String::new();
    std::io::stdin().take(8192).read_to_string(&mut key).context("the key cannot be read from standard input")?;
    let key = key.trim().to_owned();
    anyhow::ensure!(!key.is_empty(), "no key: send the header's value to standard input, like `Bearer KEY`");
    Ok(key)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn read(flags: &str) -> Result<Value, clap::error::ErrorKind> {
        let words = ["add", "wiki", "https://wiki.example/mcp"].into_iter().chain(flags.split_whitespace());
        Line::try_parse_from(words).map(|line| body(&line.args)).map_err(|error| error.kind())
    }

    #[test]
    fn a_server_is_told_of_its_users_in_one_way() {
        for (flags, expected) in [
            ("", json!(null)),
            ("--key-header X-Key", json!("MCP_AUTH_TYPE_API_KEY")),
            ("--oauth", json!("MCP_AUTH_TYPE_OAUTH2")),
            ("--user-oidc", json!("MCP_AUTH_TYPE_USER_OIDC")),
        ] {
            let body = read(flags).expect("it is understood");
            assert_eq!((&body["auth_type"], &body["slug"]), (&expected, &json!("wiki")), "{flags}");
        }
        for flags in ["--oauth --user-oidc", "--key-header X-Key --oauth", "--user-oidc --key-header X-Key"] {
            assert_eq!(read(flags), Err(clap::error::ErrorKind::ArgumentConflict), "{flags}");
        }
    }
}
