//! Several nodes: whichever is dialled, the owner of the session answers.

mod leaving;
mod lost;
mod requests;
mod waiting;
mod watching;

use outlive_testkit::cluster::Node;
use outlive_testkit::endpoints::Site;

const SECRET: &str = "known to all nodes";

/// Lets everybody go on until this many are being passed on.
async fn passed_on(node: &Node, open: u64) {
    while node.relay.counts().open != open {
        tokio::task::yield_now().await;
    }
}

/// Time passes until the task is done.
async fn outwait<T>(task: tokio::task::JoinHandle<T>) -> T {
    while !task.is_finished() {
        tokio::time::advance(std::time::Duration::from_millis(50)).await;
        tokio::task::yield_now().await;
    }
    task.await.unwrap()
}

/// Where clients reach a node.
fn site(node: &Node) -> Site {
    Site { at: node.at }
}
