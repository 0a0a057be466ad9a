//! What the provisioner tells a cluster, checked against the schemas of Kubernetes. The provisioner's own tests keep
//! these files up to date.

use std::path::PathBuf;

use chatmesh_sdk_tests::packages;
use tokio::process::Command;

/// The objects in the files, in each of the versions.
const CHECKED: usize = 7 * 5;

/// E3: manifests are valid for every version of Kubernetes that is supported, down to the last field.
#[tokio::test]
async fn e3_manifests_are_valid_for_the_versions_of_kubernetes_that_are_supported() {
    let Some(python) = packages::kubernetes_schemas() else { return };
    let manifests =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../services/provisioner/src/kubernetes/tests/manifests");
    let mut program = Command::new(&python.program);
    program.arg("kubernetes.py").args(["little.json", "full.json"].map(|file| manifests.join(file)));
    let output = program.current_dir(packages::sources("python")).output().await.expect("run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), CHECKED.to_string());
}
