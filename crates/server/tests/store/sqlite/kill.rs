//! A process that is killed in the middle of its commits, again and again.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use outlive::ids::Seq;
use outlive_server::store::{Sqlite, Store};

use super::child::{SESSIONS, command, head, said};
use super::lossy::tells_boots;
use outlive_testkit::place::{Place, line, name};

/// Notes what a child says was acknowledged.
pub(super) fn note(acknowledged: &mut BTreeMap<String, u64>, text: &str) -> bool {
    let noted = said(text).and_then(|said| said.split_once(' ')).and_then(|(id, version)| {
        let version: u64 = version.parse().ok()?;
        let high = acknowledged.entry(id.to_string()).or_default();
        *high = version.max(*high);
        Some(())
    });
    noted.is_some()
}

#[tokio::test]
async fn what_was_acknowledged_survives_the_kill_of_its_process() {
    let place = Place::new();
    let mut acknowledged = BTreeMap::new();
    let mut number: u64 = 0x9e37_79b9;
    for round in 0..20 {
        number =
            number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let task = if round % 4 == 3 { "commit fast" } else { "commit" };
        let mut child = command(task, &place.file()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut left = (number >> 33) % 60;
        while left > 0 {
            let text = lines.next().expect("it was not killed yet").unwrap();
            left -= u64::from(note(&mut acknowledged, &text));
        }
        // Not only right after an answer.
        for _ in 0..(number >> 40) % 5000 {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for text in lines.map_while(Result::ok) {
            // The last line may be cut off, and then it was not acknowledged to anybody.
            note(&mut acknowledged, &text);
        }
        whole(&place, &acknowledged).await;
    }
    assert!(acknowledged.values().all(|version| *version > 50), "{acknowledged:?}");
}

/// Everything that was acknowledged is there, and no log has a gap.
async fn whole(place: &Place, acknowledged: &BTreeMap<String, u64>) {
    let store = Sqlite::open(place.file()).unwrap();
    store.open().await.unwrap();
    for id in SESSIONS {
        let least = acknowledged.get(id).copied().unwrap_or(0);
        let Some(stored) = store.load(&name(id)).await.unwrap() else {
            assert_eq!(least, 0, "{id} is gone");
            continue;
        };
        let version = stored.version.0;
        assert!(!stored.lossy || !tells_boots(), "{id}: only its process is gone");
        assert!(version >= least, "{id}: {least} was acknowledged, {version} is there");
        assert_eq!(stored.snapshot.log.head, Seq(head(version)), "{id} at {version}");
        let lines = store.read(&name(id), Seq(1), Seq(head(version)), usize::MAX).await.unwrap();
        assert_eq!(lines, (1..=head(version)).map(line).collect::<Vec<_>>());
    }
}
