//! Three nodes behind a balancer that takes them in turns, on one `PostgreSQL`: killed, paused, cut off, and their database
//! with them, under clients that prompt and watch. What comes of it is judged by what the clients were told and by what the
//! database has.

mod apart;
mod node;
mod oracle;
mod people;
mod site;
mod teller;
mod wire;

use apart::Net;
use teller::{Sorts, Teller};

use super::kill::setting;

/// How often everything happens that can happen, or `OUTLIVE_ROUNDS`.
fn rounds() -> u64 {
    setting("OUTLIVE_ROUNDS").unwrap_or(1)
}

#[tokio::test]
async fn three_nodes_keep_what_they_accepted_whatever_ends_them() {
    let sorts = Sorts { fail_overs: rounds() > 1, ..Sorts::default() };
    Teller::tell("three_nodes_keep", sorts, rounds()).await;
}

#[tokio::test]
async fn three_nodes_behind_a_pooler_keep_it_too() {
    Teller::tell("behind_a_pooler", Sorts { pooled: true, ..Sorts::default() }, rounds()).await;
}

#[tokio::test]
async fn three_nodes_that_do_not_reach_each_other_keep_it_too() {
    let Some(net) = Net::new() else { return };
    Teller::tell("do_not_reach", Sorts { net: Some(net), ..Sorts::default() }, rounds()).await;
}
