//! Folders that go with their test, and sessions to put into stores.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use outlive::State;
use outlive::ids::{Incarnation, Seq};
use outlive::log::{Log, LogId};
use outlive::session::Snapshot;
use outlive_server::store::{Commit, SessionId, Version};
use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};

/// A folder of its own.
pub struct Place(PathBuf);

impl Place {
    pub fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("outlive-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    pub fn folder(&self) -> &Path {
        &self.0
    }

    pub fn file(&self) -> PathBuf {
        self.0.join("sessions.db")
    }

    /// Says in the store's file that its owner, which has not closed it, ran in this boot of the system.
    pub fn set_boot(&self, boot: Option<&str>) {
        let file = Connection::open(self.file()).unwrap();
        let columns: String = file
            .query_row(
                "SELECT concat_ws(' ', epoch, run, commits, generation, unsure, before, ifnull(process, ''))
                 FROM owner",
                [],
                |row| row.get(0),
            )
            .unwrap();
        let text = format!("owner 1\n{}\n{columns}", boot.unwrap_or_default());
        let sum = i64::from_be_bytes(Sha256::digest(text)[..8].try_into().unwrap());
        let update = "UPDATE owner SET boot = ?1, sum = ?2 WHERE unsure > 0";
        file.execute(update, params![boot, sum]).unwrap();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn name(text: &str) -> SessionId {
    text.parse().unwrap()
}

/// A record whose log has these edges.
pub fn snapshot(base: u64, head: u64) -> Snapshot {
    Snapshot {
        state: if head == 0 { State::Created } else { State::Detached },
        incarnation: Incarnation(1),
        turn: None,
        log: Log { id: LogId(7), base: Seq(base), head: Seq(head) },
        queue: vec![],
        queued_by: vec![],
        asks: vec![],
        standing: 0,
        clients: vec![],
    }
}

/// The line at a place.
pub fn line(seq: u64) -> Bytes {
    format!(r#"{{"seq":{seq}}}"#).into()
}

/// Nothing trimmed: the commit after `version`, which brings the head from `head` on by `count`.
pub fn commit(session: &str, version: u64, head: u64, count: u64) -> Commit {
    Commit {
        session: name(session),
        expect: Version(version),
        snapshot: snapshot(0, head + count),
        entries: (head + 1..=head + count).map(line).collect(),
        principal: None,
    }
}
