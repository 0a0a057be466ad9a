//! The Pod.

use k8s_openapi::api::core::v1::{
    EmptyDirVolumeSource, LocalObjectReference, PersistentVolumeClaimVolumeSource, Pod, PodSecurityContext, PodSpec,
    SeccompProfile, SecretVolumeSource, Toleration, Volume,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::super::plan::Plan;
use super::super::settings::TolerationSettings;
use super::agent::{self, HOME_VOLUME, PROGRAM_VOLUME, SECRET_VOLUME};
use super::some;

/// Room for the agent's program.
const PROGRAM_SIZE: &str = "512Mi";
/// The mode of the files with tokens: for the Pod's group alone, which nobody else is in.
const TOKEN_MODE: i32 = 0o440;

/// The Pod of a workspace, with all of its agents. An agent that ends is started again by the cluster.
pub(crate) fn pod(plan: &Plan<'_>, owner: Option<&OwnerReference>) -> Pod {
    let (settings, config) = (plan.settings, plan.config);
    let pull_secrets = config.kubernetes.image_pull_secrets.iter().chain(&settings.image_pull_secrets);
    let grace = i64::try_from(config.stop_grace.as_secs()).unwrap_or(i64::MAX);
    Pod {
        metadata: plan.metadata_of_build(owner),
        spec: Some(PodSpec {
            init_containers: Some(vec![agent::install(plan)]),
            containers: agent::containers(plan),
            volumes: Some(volumes(plan)),
            restart_policy: Some("Always".to_owned()),
            termination_grace_period_seconds: Some(grace),
            service_account_name: settings.service_account.clone(),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            image_pull_secrets: some(pull_secrets.map(|name| LocalObjectReference { name: name.clone() }).collect()),
            node_selector: Some(settings.node_selector.clone()).filter(|selector| !selector.is_empty()),
            tolerations: some(settings.tolerations.iter().map(toleration).collect()),
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(true),
                run_as_user: Some(settings.user()),
                run_as_group: Some(settings.user()),
                fs_group: Some(settings.user()),
                fs_group_change_policy: Some("OnRootMismatch".to_owned()),
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".to_owned(),
                    ..SeccompProfile::default()
                }),
                ..PodSecurityContext::default()
            }),
            ..PodSpec::default()
        }),
        ..Pod::default()
    }
}

fn volumes(plan: &Plan<'_>) -> Vec<Volume> {
    let volume = |name: &str| Volume { name: name.to_owned(), ..Volume::default() };
    let empty = |size: Option<&str>| EmptyDirVolumeSource {
        size_limit: size.map(|size| Quantity(size.to_owned())),
        ..EmptyDirVolumeSource::default()
    };
    let home = match &plan.settings.storage {
        Some(_) => {
            let claim = PersistentVolumeClaimVolumeSource { claim_name: plan.name.clone(), read_only: None };
            Volume { persistent_volume_claim: Some(claim), ..volume(HOME_VOLUME) }
        }
        None => {
            let size = Some(plan.config.kubernetes.home_size_limit.as_str()).filter(|size| !size.is_empty());
            Volume { empty_dir: Some(empty(size)), ..volume(HOME_VOLUME) }
        }
    };
    let secret = SecretVolumeSource {
        secret_name: Some(plan.name.clone()),
        default_mode: Some(TOKEN_MODE),
        ..SecretVolumeSource::default()
    };
    vec![
        home,
        Volume { empty_dir: Some(empty(Some(PROGRAM_SIZE))), ..volume(PROGRAM_VOLUME) },
        Volume { secret: Some(secret), ..volume(SECRET_VOLUME) },
    ]
}

fn toleration(settings: &TolerationSettings) -> Toleration {
    let TolerationSettings { key, operator, value, effect, seconds } = settings.clone();
    Toleration { key, operator, value, effect, toleration_seconds: seconds }
}
