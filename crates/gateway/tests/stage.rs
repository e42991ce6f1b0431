//! A hub with a gateway, a session, and a viewer of it.

use std::future::Future;
use std::time::Duration;

use outlive::log::ResumeFrom;
use outlive::wire::Entry;
use outlive_gateway::{Gateway, GatewayOptions};
use outlive_server::hub::{Builder, Hub, HubOptions, Role};
use outlive_server::store::SessionId;
use outlive_testkit::hub::Viewer;
use serde_json::Value;

use super::backend::Backend;

/// What hangs must fail, unless its clock stands still.
const SOON: Duration = Duration::from_secs(300);

pub(super) async fn soon<T>(of: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, of).await.expect("it never comes")
}

pub(super) struct Stage {
    pub(super) session: SessionId,
    pub(super) viewer: Viewer,
}

impl Stage {
    /// With a gateway to this backend.
    pub(super) async fn new(backend: &Backend, options: GatewayOptions) -> Stage {
        let gateway = Gateway::new(backend.url("/answer"), options).unwrap();
        Stage::of(Hub::builder(), gateway).await
    }

    pub(super) async fn of(builder: Builder, gateway: Gateway) -> Stage {
        // Nobody is taken for gone because this machine is busy.
        let options = HubOptions::default().ping_interval(Duration::from_secs(3_600));
        let hub = builder.options(options).build(gateway).await.unwrap();
        let session = hub.create().await.unwrap();
        let mut viewer = Viewer::hello(&hub, &session, "laptop", ResumeFrom::Nothing, Role::Admin);
        soon(viewer.welcomed()).await;
        Stage { session, viewer }
    }

    pub(super) async fn prompt(&mut self, number: u64, prompt: &impl serde::Serialize) {
        soon(self.viewer.prompt(number, prompt)).await;
    }

    pub(super) async fn answer(&mut self, ask: u64, said: &impl serde::Serialize) {
        soon(self.viewer.answer(ask, said)).await;
    }

    /// Waits until the turn of this number has ended.
    pub(super) async fn ended(&mut self, number: usize) -> Ended {
        let end = |entry: &Entry| matches!(entry, Entry::TurnEnd { .. });
        let ends = |viewer: &Viewer| viewer.applied.iter().filter(|(_, entry)| end(entry)).count();
        soon(self.viewer.until(|viewer| ends(viewer) >= number)).await;
        let log = self.log();
        let ends = log.iter().filter(|entry| entry["entry"] == "turn_end");
        let end = ends.clone().nth(number - 1).unwrap();
        Ended {
            outputs: outputs(&log, &end["turn"]),
            outcome: end["outcome"].as_str().unwrap().to_owned(),
            error: end["error"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// Waits until the last entry is like that.
    pub(super) async fn until(&mut self, is: impl Fn(&Value) -> bool) {
        let is = |entry: &Entry| is(&serde_json::to_value(entry).unwrap());
        let last = |viewer: &Viewer| viewer.applied.last().is_some_and(|(_, entry)| is(entry));
        soon(self.viewer.until(last)).await;
    }

    /// What was sent of the log.
    pub(super) fn log(&self) -> Vec<Value> {
        let frames = self.viewer.raw.iter();
        frames.map(|(_, frame)| serde_json::from_slice(frame).unwrap()).collect()
    }
}

/// How a turn ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) outputs: Vec<Value>,
    pub(super) outcome: String,
    pub(super) error: String,
}

/// The outputs of a turn; with null those outside of turns.
pub(super) fn outputs(log: &[Value], turn: &Value) -> Vec<Value> {
    let of = log.iter().filter(|entry| entry["entry"] == "output" && entry["turn"] == *turn);
    of.map(|entry| entry["d"].clone()).collect()
}
