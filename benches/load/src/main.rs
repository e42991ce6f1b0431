//! The hub under load, beside plain axum that does the same without sessions.
//!
//! `cargo run --release --manifest-path benches/load/Cargo.toml [-- --short] [SCENARIO …]` prints tables in
//! Markdown. Each figure of ours stands beside one of the peer from the same run; rounds are interleaved, and
//! medians are shown. Servers are processes of their own: their processor time is theirs alone.

mod backend;
mod figures;
mod gateway;
mod growth;
mod http;
mod postgres;
// The server of a database, as the tests have it: the rest of the testkit is not needed here.
#[allow(dead_code, reason = "tests need more of it")]
#[path = "../../../crates/testkit/src/postgres.rs"]
mod private_server;
mod process;
mod scenarios;
mod server;
#[path = "../../../crates/testkit/src/skip.rs"]
mod skip;
mod viewer;

use std::time::Duration;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rounds of each figure; the median is shown.
    pub rounds: usize,
    /// What counts are divided by.
    pub less: u32,
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", "backend"] => return backend::backend().await,
        ["serve", "plain"] => return server::plain().await,
        ["serve", "ours", store] => return server::ours(store).await,
        ["serve", "node", database, name] => return server::node(database, name).await,
        ["serve", "holder", database, count] => return postgres::holder(database, count).await,
        _ => {}
    }
    let short = words.contains(&"--short");
    let effort = if short { Effort { rounds: 1, less: 20 } } else { Effort { rounds: 5, less: 1 } };
    let asked: Vec<&str> = words.into_iter().filter(|word| *word != "--short").collect();
    // A scenario of several parts is asked for as a whole, or in parts.
    let wanted = |name: &str| {
        let whole = name.split('-').next().unwrap_or(name);
        // It takes long, and needs a database: only when it is asked for.
        let always = whole != "postgres";
        (asked.is_empty() && always) || asked.contains(&name) || asked.contains(&whole)
    };
    let known = [
        "alone",
        "paced",
        "crowd",
        "first",
        "thousand",
        "deaf",
        "idle",
        "sleeping",
        "restart",
        "attach",
        "longer",
        "gateway",
        "gateway-stream",
        "gateway-turns",
        "gateway-first",
        "postgres",
        "postgres-commits",
        "postgres-relay",
        "postgres-takeover",
    ];
    if let Some(unknown) = asked.iter().find(|name| !known.contains(name)) {
        eprintln!("no scenario `{unknown}`; there are: {}", known.join(", "));
        std::process::exit(2);
    }
    let limit = Duration::from_secs(if short { 900 } else { 3_600 });
    let all = async {
        if wanted("alone") {
            scenarios::alone(effort).await;
        }
        if wanted("paced") {
            scenarios::paced(effort).await;
        }
        if wanted("crowd") {
            scenarios::crowd(effort).await;
        }
        if wanted("first") {
            scenarios::first(effort).await;
        }
        if wanted("thousand") {
            scenarios::thousand(effort).await;
        }
        if wanted("deaf") {
            scenarios::deaf(effort).await;
        }
        if wanted("idle") {
            growth::idle(effort).await;
        }
        if wanted("sleeping") {
            growth::sleeping(effort).await;
        }
        if wanted("restart") {
            growth::restart(effort).await;
        }
        if wanted("attach") {
            growth::attach(effort).await;
        }
        if wanted("longer") {
            growth::longer(effort).await;
        }
        if wanted("gateway-stream") {
            gateway::stream(effort).await;
        }
        if wanted("gateway-turns") {
            gateway::turns(effort).await;
        }
        if wanted("gateway-first") {
            gateway::first(effort).await;
        }
        if wanted("postgres-commits") {
            postgres::commits(effort).await;
        }
        if wanted("postgres-relay") {
            postgres::relay(effort).await;
        }
        if wanted("postgres-takeover") {
            postgres::takeover(effort).await;
        }
    };
    let done = tokio::time::timeout(limit, all).await;
    scenarios::clear();
    if done.is_err() {
        eprintln!("not done after {} s", limit.as_secs());
        std::process::exit(3);
    }
}
