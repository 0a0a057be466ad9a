//! Public gRPC, on the same port.

use chatmesh_mesh_tests::Mesh;
use chatmesh_proto::agent::v1::PingRequest;
use chatmesh_proto::agent::v1::diagnostics_service_client::DiagnosticsServiceClient;
use chatmesh_proto::chat::v1::chat_service_client::ChatServiceClient;
use chatmesh_proto::chat::v1::file_service_client::FileServiceClient;
use chatmesh_proto::chat::v1::{GetChatRequest, GetFileRequest, ListChatsRequest, UploadFileRequest};
use chatmesh_proto::identity::v1::ExchangeTokenRequest;
use chatmesh_proto::identity::v1::identity_service_client::IdentityServiceClient;
use chatmesh_proto::llm::v1::GenerateRequest;
use chatmesh_proto::llm::v1::llm_service_client::LlmServiceClient;
use chatmesh_proto::workspaces::v1::ResolveAgentRequest;
use chatmesh_proto::workspaces::v1::agent_service_client::AgentServiceClient;
use chatmesh_testkit::simulator::{Script, Step};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

fn scripts() -> Vec<Script> {
    vec![Script::new("model").step(Step::text("Yes.")).looped()]
}

async fn connect(mesh: &Mesh) -> Channel {
    let endpoint = Endpoint::from_shared(mesh.url().to_owned()).expect("an address");
    endpoint.connect().await.expect("a connection")
}

fn with_token<M>(mesh: &Mesh, message: M) -> Request<M> {
    let mut request = Request::new(message);
    let value = format!("Bearer {}", mesh.admin().token()).parse().expect("a value");
    request.metadata_mut().insert("authorization", value);
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn public_methods_are_served_to_those_who_have_a_token() {
    Mesh::run(scripts(), async |mesh| {
        let id = mesh.admin().chat("model", "Are you there?").await;
        let mut chats = ChatServiceClient::new(connect(mesh).await);
        let listed =
            chats.list_chats(with_token(mesh, ListChatsRequest::default())).await.expect("a list").into_inner();
        let ids: Vec<&str> = listed.chats.iter().map(|chat| chat.id.as_str()).collect();
        assert_eq!(ids, [id.as_str()]);

        let refused = chats.list_chats(ListChatsRequest::default()).await.expect_err("refused");
        assert_eq!(refused.code(), Code::Unauthenticated);
        assert!(refused.message().contains("Bearer TOKEN"), "{refused}");
        let mut wrong = Request::new(ListChatsRequest::default());
        wrong.metadata_mut().insert("authorization", "Bearer cmt_nobody".parse().expect("a value"));
        assert_eq!(chats.list_chats(wrong).await.expect_err("refused").code(), Code::Unauthenticated);
        let missing = GetChatRequest { chat_id: "mine".to_owned() };
        let missing = chats.get_chat(with_token(mesh, missing)).await.expect_err("refused");
        assert_eq!(missing.code(), Code::InvalidArgument);
        assert!(!missing.details().is_empty(), "the details travel");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_larger_than_a_usual_message_go_in_and_out() {
    const BYTES: usize = 10 * 1024 * 1024;
    Mesh::run(scripts(), async |mesh| {
        let mut files = FileServiceClient::new(connect(mesh).await).max_decoding_message_size(BYTES + 1024);
        let upload =
            |bytes: usize| UploadFileRequest { data: vec![b'x'; bytes].into(), ..UploadFileRequest::default() };
        let kept = files.upload_file(with_token(mesh, upload(BYTES))).await.expect("kept").into_inner();
        let kept = kept.file.expect("a file");
        assert_eq!((kept.size_bytes as usize, kept.media_type.as_str()), (BYTES, "text/plain"));
        let request = GetFileRequest { file_id: kept.id.clone() };
        let got = files.get_file(with_token(mesh, request)).await.expect("there").into_inner();
        assert_eq!((got.data.len(), got.file), (BYTES, Some(kept)));
        let refused = files.upload_file(with_token(mesh, upload(BYTES + 1))).await.expect_err("refused");
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains("`data` is too large: 10485761 bytes, 10485760 at most"), "{refused}");
        let refused = files.upload_file(upload(1)).await.expect_err("refused");
        assert_eq!(refused.code(), Code::Unauthenticated);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn internal_methods_are_not_there_even_with_a_token() {
    Mesh::run(scripts(), async |mesh| {
        let channel = connect(mesh).await;
        let mut llm = LlmServiceClient::new(channel.clone());
        let mut identity = IdentityServiceClient::new(channel.clone());
        let mut agents = AgentServiceClient::new(channel.clone());
        let mut diagnostics = DiagnosticsServiceClient::new(channel);
        let codes = [
            llm.generate(with_token(mesh, GenerateRequest::default())).await.expect_err("refused").code(),
            identity
                .exchange_token(with_token(mesh, ExchangeTokenRequest::default()))
                .await
                .expect_err("refused")
                .code(),
            agents.resolve_agent(with_token(mesh, ResolveAgentRequest::default())).await.expect_err("refused").code(),
            diagnostics.ping(with_token(mesh, PingRequest {})).await.expect_err("refused").code(),
        ];
        assert_eq!(codes, [Code::Unimplemented; 4]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_reflection_answer_without_a_token() {
    Mesh::run(scripts(), async |mesh| {
        let channel = connect(mesh).await;
        let mut health = HealthClient::new(channel.clone());
        for service in
            ["", "chatmesh.chat.v1.ChatService", "chatmesh.chat.v1.FileService", "chatmesh.identity.v1.IdentityService"]
        {
            let answer = health.check(HealthCheckRequest { service: service.to_owned() }).await.expect("an answer");
            assert_eq!(answer.into_inner().status(), ServingStatus::Serving, "{service}");
        }

        let list = ServerReflectionRequest {
            message_request: Some(MessageRequest::ListServices(String::new())),
            ..ServerReflectionRequest::default()
        };
        let mut reflection = ServerReflectionClient::new(channel);
        let answers = reflection.server_reflection_info(futures::stream::iter([list])).await.expect("an answer");
        let answer = answers.into_inner().message().await.expect("a message").expect("one message");
        let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
            panic!("{answer:?}");
        };
        let names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
        assert!(names.iter().any(|name| name == "chatmesh.chat.v1.ChatService"), "{names:?}");
    })
    .await;
}
