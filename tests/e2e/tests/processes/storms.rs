//! Many turns while processes are killed, again and again, and while what they stand on goes away.
//!
//! `CHATMESH_E2E_TURNS` says how many turns (60 where it is not set; 500 is what a release has to
//! pass), `CHATMESH_E2E_DAYS` how many chats make workspaces of their own (6), `CHATMESH_E2E_SEED` repeats the order
//! of an earlier run.

mod days;
mod storm;
mod weather;

use crate::harness::{Nats, Postgres, Servers};
use days::Days;
use storm::Storm;
use weather::Weather;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_done_twice_while_processes_are_killed_every_second() {
    let Some(servers) = Servers::find() else { return };
    Storm::start(&servers).await.run(Weather::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_done_twice_while_the_database_crashes() {
    let Some(servers) = Servers::find() else { return };
    let postgres = Postgres::start().await;
    let storm = Storm::start(&servers.with_postgres(&postgres)).await;
    storm.run(Weather::crashing(&postgres)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_done_twice_while_the_bus_is_away_half_of_the_time() {
    let Some(servers) = Servers::find() else { return };
    let mut nats = Nats::start().await;
    let storm = Storm::start(&servers.with_nats(&nats)).await;
    storm.run(Weather::losing(&mut nats)).await;
}

/// E2, L17: the tools and the provisioner are killed at random.
#[tokio::test(flavor = "multi_thread")]
async fn l17_each_chat_has_one_workspace_and_works_in_it_whatever_is_killed() {
    let Some(servers) = Servers::find() else { return };
    Days::start(&servers).await.run().await;
}
