//! Generates, from the `google.api.http` annotations of the protos: the REST routes, the methods
//! that forward each route to its service, the list of public gRPC methods, and one OpenAPI document.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use protox::prost_reflect::{DescriptorPool, ExtensionDescriptor, MethodDescriptor, ServiceDescriptor};
use rest_over_grpc::build::{DescriptorOptions, Generator, OpenApiInfo, ServiceDefinition};
use serde_json::{Value, json};

/// Packages with public methods, which are also the names of the services that serve them.
const PACKAGES: [&str; 5] = ["chat", "identity", "llm", "tools", "workspaces"];

/// The routes that no proto has, described by hand.
const LIVE_ROUTES: &str = "openapi/workspaces.json";

#[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../proto");
    println!("cargo:rerun-if-changed={LIVE_ROUTES}");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut compiler = protox::Compiler::new(["../proto"])?;
    compiler.include_imports(true).include_source_info(true);
    for package in PACKAGES {
        for entry in std::fs::read_dir(Path::new("../proto/chatmesh").join(package).join("v1"))? {
            compiler.open_file(entry?.path())?;
        }
    }
    routes(&compiler.encode_file_descriptor_set(), &out)?;
    forwards(&compiler.descriptor_pool(), &out)?;
    openapi(&compiler.descriptor_pool(), &out)
}

/// The traits of the services, and the router over all of them.
fn routes(descriptors: &[u8], out: &Path) -> Result<(), Box<dyn Error>> {
    let mut options = DescriptorOptions::new();
    for package in PACKAGES.into_iter().chain(["agent", "common"]) {
        options = options.extern_path(format!(".chatmesh.{package}.v1"), format!("::chatmesh_proto::{package}::v1"));
    }
    let info = OpenApiInfo::new("chatmesh", env!("CARGO_PKG_VERSION"));
    let mut generator = Generator::builder().emit_tonic_bridge(false).emit_openapi_spec(Some(info)).build();
    generator.add_all(ServiceDefinition::from_fds(descriptors, &options)?).write(out)?;
    Ok(())
}

/// `impl Trait for Forward` per service, and the paths of the public methods.
fn forwards(pool: &DescriptorPool, out: &Path) -> Result<(), Box<dyn Error>> {
    let http = pool.get_extension_by_name("google.api.http").ok_or("google.api.http is not declared")?;
    let mut code = String::new();
    let mut public = String::new();
    for service in pool.services() {
        let methods: Vec<MethodDescriptor> = service.methods().filter(|method| is_public(method, &http)).collect();
        if methods.is_empty() {
            continue;
        }
        let package = package_of(&service)?;
        writeln!(code, "impl chatmesh::{package}::v1::{0} for crate::forward::Forward {{", service.name())?;
        for method in methods {
            forward(&mut code, &service, package, &method)?;
            writeln!(public, "    (\"/{}/{}\", Target::{}),", service.full_name(), method.name(), camel(package))?;
        }
        writeln!(code, "}}\n")?;
    }
    std::fs::write(out.join("forwards.rs"), code)?;
    std::fs::write(out.join("public_methods.rs"), format!("&[\n{public}]\n"))?;
    Ok(())
}

fn is_public(method: &MethodDescriptor, http: &ExtensionDescriptor) -> bool {
    method.options().has_extension(http)
}

fn forward(
    code: &mut String,
    service: &ServiceDescriptor,
    package: &str,
    method: &MethodDescriptor,
) -> Result<(), Box<dyn Error>> {
    let name = snake(method.name());
    let types = format!("::chatmesh_proto::{package}::v1");
    let client = format!("{types}::{}_client::{}Client", snake(service.name()), service.name());
    let (input, output) = (method.input(), method.output());
    let output = format!("{types}::{}", output.name());
    let (output, call) = if method.is_server_streaming() {
        (format!("::rest_over_grpc::handling::ResponseStream<{output}>"), "streaming")
    } else {
        (output, "unary")
    };
    writeln!(
        code,
        "    async fn {name}(&self, request: {types}::{}, cx: &mut ::rest_over_grpc::handling::Context) \
         -> ::core::result::Result<{output}, ::rest_over_grpc::handling::Status> {{\n        \
         let mut client = {client}::new(self.{package}.clone()).max_decoding_message_size(::chatmesh_rpc::MAX_MESSAGE_BYTES);\n        \
         crate::forward::{call}(client.{name}(crate::forward::request(cx, request))).await\n    }}",
        input.name(),
    )?;
    Ok(())
}

fn package_of(service: &ServiceDescriptor) -> Result<&'static str, Box<dyn Error>> {
    let found = PACKAGES.into_iter().find(|package| service.package_name() == format!("chatmesh.{package}.v1"));
    Ok(found.ok_or_else(|| format!("{} has public methods in a package without a route", service.full_name()))?)
}

fn snake(camel: &str) -> String {
    let mut snake = String::new();
    for c in camel.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

fn camel(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
}

/// Joins the documents of the packages.
fn openapi(pool: &DescriptorPool, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut whole = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "chatmesh",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Errors are google.rpc.Status as JSON. Streams are server-sent events."
        },
        "security": [{"token": []}],
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
    });
    for package in PACKAGES {
        let text = std::fs::read_to_string(out.join(format!("chatmesh.{package}.v1.openapi.json")))?;
        let document: Value = serde_json::from_str(&text)?;
        for section in ["/paths", "/components/schemas"] {
            let entries = document.pointer(section).and_then(Value::as_object);
            let target = whole.pointer_mut(section).and_then(Value::as_object_mut).ok_or("no such section")?;
            target.extend(entries.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
        }
    }
    name_fields_as_on_the_wire(&mut whole, pool)?;
    describe_files(&mut whole)?;
    describe_live_routes(&mut whole)?;
    std::fs::write(out.join("openapi.json"), serde_json::to_vec(&whole)?)?;
    Ok(())
}

/// The generator writes `ownerId` where the services say `owner_id`.
fn name_fields_as_on_the_wire(document: &mut Value, pool: &DescriptorPool) -> Result<(), Box<dyn Error>> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for field in pool.all_messages().flat_map(|message| message.fields().collect::<Vec<_>>()) {
        let other = names.insert(field.json_name().to_owned(), field.name().to_owned());
        if other.is_some_and(|other| other != field.name()) {
            return Err(format!("two fields are `{}` in JSON", field.json_name()).into());
        }
    }
    let name_of = |json: &str| names.get(json).map_or_else(|| json.to_owned(), Clone::clone);
    let path_of = |path: &str| path.split('.').map(name_of).collect::<Vec<_>>().join(".");
    let mut open = vec![document];
    while let Some(value) = open.pop() {
        if let Some(properties) = value.get_mut("properties").and_then(Value::as_object_mut) {
            *properties =
                std::mem::take(properties).into_iter().map(|(name, schema)| (name_of(&name), schema)).collect();
        }
        if value.get("in").is_some_and(|place| place == "query" || place == "path")
            && let Some(Value::String(name)) = value.get_mut("name")
        {
            *name = path_of(name);
        }
        match value {
            Value::Object(members) => open.extend(members.values_mut()),
            Value::Array(elements) => open.extend(elements),
            _ => {}
        }
    }
    Ok(())
}

/// Files travel as they are and not as JSON.
fn describe_files(document: &mut Value) -> Result<(), Box<dyn Error>> {
    let file = json!({"type": "string", "format": "binary"});
    let form = json!({"schema": {"type": "object", "properties": {"file": file}, "required": ["file"]}});
    let upload =
        document.pointer_mut("/paths/~1api~1v1~1files/post/requestBody/content").ok_or("no upload of files")?;
    *upload = json!({"*/*": {"schema": file}, "multipart/form-data": form});
    let answer = document.pointer_mut("/paths/~1api~1v1~1files~1{file_id}/get/responses/200/content");
    *answer.ok_or("no download of files")? = json!({"*/*": {"schema": file}});
    Ok(())
}

/// The live routes of workspaces are no methods with messages.
fn describe_live_routes(document: &mut Value) -> Result<(), Box<dyn Error>> {
    let by_hand: BTreeMap<String, Value> = serde_json::from_str(&std::fs::read_to_string(LIVE_ROUTES)?)?;
    let paths = document.pointer_mut("/paths").and_then(Value::as_object_mut).ok_or("no paths")?;
    for (path, operations) in by_hand {
        if paths.insert(path.clone(), operations).is_some() {
            return Err(format!("{path} is described twice").into());
        }
    }
    Ok(())
}
