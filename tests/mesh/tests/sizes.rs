//! temporary
use chatmesh_mesh_tests::*;
#[test]
fn sizes() {
    chatmesh_runtime::install_crypto();
    let c = Client::new("http://x", "t");
    chatmesh_runtime::install_crypto();
    let v = serde_json::json!({});
    println!("SIZE get {}", size_of_val(&c.get("/")));
    println!("SIZE post {}", size_of_val(&c.post("/", &v)));
    println!("SIZE chat {}", size_of_val(&c.chat("/", "x")));
    println!("SIZE settled {}", size_of_val(&c.settled("/", "x")));
    println!("SIZE workspace {}", size_of_val(&c.workspace("/")));
    println!("SIZE follow {}", size_of_val(&c.follow("/", 1)));
    println!("SIZE run {}", size_of_val(&Mesh::run(vec![], async |m| { m.member("x").await.workspace("y").await; })));
    println!("SIZE start {}", size_of_val(&chatmesh::Up::start(chatmesh::Config::default(), chatmesh::UpOptions { data_dir: "x".into(), presets: vec![], agent: None })));
}
