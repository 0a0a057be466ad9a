//! What every backend promises, as tests: `suite!(World)` runs all of them.

mod cases;
mod world;

pub(crate) use cases::*;
pub(crate) use world::{World, failure_of, run, start};

/// Makes a test of each case for the backend of one world.
macro_rules! suite {
    ($world:ty) => {
        crate::conformance::suite! { $world:
            a_workspace_is_started_again_in_place_of_what_ran,
            every_agent_of_a_workspace_is_started_with_its_own_token_and_ended,
            a_workspace_is_stopped_as_often_as_asked_and_its_files_stay,
            a_workspace_is_deleted_with_everything_as_often_as_asked,
            what_never_was_is_stopped_and_deleted_without_harm,
            parameters_reach_the_workspace,
            a_build_that_is_not_wanted_from_the_start_changes_nothing,
            a_start_that_is_given_up_half_way_leaves_nothing_that_runs,
            a_lease_that_moves_half_way_is_carried_on_by_the_next,
            settings_without_sense_are_refused_before_anything_changes,
            settings_without_sense_stop_nobody_from_stopping_and_deleting,
            the_log_says_what_is_done_and_never_a_token,
        }
    };
    ($world:ty: $($case:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                let Some(world) = <$world>::world().await else { return };
                Box::pin(crate::conformance::$case(&world)).await;
            }
        )+
    };
}
pub(crate) use suite;
