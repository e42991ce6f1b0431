//! A process of its own: this program again, which runs nothing but [`child`].

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use outlive_server::store::{Commit, CommitError, Durability, Sqlite, Store, Version};

use crate::logs::Told;
use outlive_testkit::place::{commit, name, snapshot};

const TASK: &str = "OUTLIVE_TEST_CHILD";
const FILE: &str = "OUTLIVE_TEST_FILE";

/// The command that makes this program a child with a task. What it says begins with `@`.
pub(super) fn command(task: &str, file: &Path) -> Command {
    wrapped(Command::new(std::env::current_exe().unwrap()), task, file)
}

/// The same, by a command that runs its arguments.
pub(super) fn wrapped(mut command: Command, task: &str, file: &Path) -> Command {
    command
        .args(["--exact", "store::sqlite::child::child", "--nocapture", "--test-threads=1"])
        .env(TASK, task)
        .env(FILE, file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// What it said.
pub(super) fn said(line: &str) -> Option<&str> {
    line.split_once('@').map(|(_, said)| said)
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "@{text}").and_then(|()| out.flush()).unwrap();
}

/// Of this program as a test: nothing. As a child: its task.
#[test]
fn child() {
    let (Ok(task), Ok(file)) = (std::env::var(TASK), std::env::var(FILE)) else { return };
    let file = Path::new(&file);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    match task.as_str() {
        "commit" => runtime.block_on(commits(file, Durability::Full)),
        "commit fast" => runtime.block_on(commits(file, Durability::Fast)),
        "fill" => runtime.block_on(fill(file)),
        "stuck" => {
            Told::to(|level, text| {
                if level <= tracing::Level::INFO {
                    say(&text);
                }
            });
            runtime.block_on(super::gone::stuck(file));
        }
        "open" => say(&match Sqlite::open(file) {
            Ok(_) => "opened".to_string(),
            Err(error) => format!("{error:?}"),
        }),
        other => panic!("{other}"),
    }
}

/// How many lines a session's commit has, so that its version says where its log ends.
pub(super) fn count(version: u64) -> u64 {
    (version * 7) % 11
}

/// Where the log ends after so many commits.
pub(super) fn head(version: u64) -> u64 {
    (0..version).map(count).sum::<u64>() + version.min(1)
}

fn next(session: &str, version: u64) -> Commit {
    commit(session, version, head(version), head(version + 1) - head(version))
}

pub(super) const SESSIONS: [&str; 4] = ["k0", "k1", "k2", "k3"];

/// Commits to several sessions at once, until it is killed, and says what was acknowledged.
async fn commits(file: &Path, durability: Durability) {
    let store = Sqlite::options().durability(durability).open(file).unwrap();
    store.open().await.unwrap();
    say("owned");
    let session = |id: &'static str| {
        let store = store.clone();
        async move {
            let stored = store.load(&name(id)).await.unwrap();
            let mut version = stored.map_or(0, |stored| stored.version.0);
            while store.commit(next(id, version)).await == Ok(()) {
                version += 1;
                say(&format!("{id} {version}"));
            }
        }
    };
    // They do not end, unless one fails.
    let tasks = SESSIONS.map(|id| tokio::spawn(session(id)));
    futures_util::future::select_all(tasks).await.0.unwrap();
}

/// Commits until it fails, then looks at what is there; frees what stands in the way, and goes on.
async fn fill(file: &Path) {
    let store = Sqlite::open(file).unwrap();
    store.open().await.unwrap();
    let large = |version: u64| Commit {
        entries: vec![format!("\"{}\"", "x".repeat(30_000)).into()],
        ..commit("big", version, version, 1)
    };
    let mut version = 0;
    let error = loop {
        match store.commit(large(version)).await {
            Ok(()) => version += 1,
            Err(error) => break error,
        }
        assert!(version < 10_000);
    };
    let found = store.load(&name("big")).await.unwrap().unwrap().version;
    let unknown = matches!(error, CommitError::Unknown(_));
    assert!(found == Version(version) || unknown && found == Version(version + 1));
    let seq = outlive::ids::Seq;
    assert_eq!(
        store.read(&name("big"), seq(1), seq(version), usize::MAX).await.unwrap().len() as u64,
        version
    );
    say(&format!("failed {error:?}"));
    say(&format!("kept {version}"));
    let ballast = file.with_file_name("ballast");
    if ballast.exists() {
        std::fs::remove_file(ballast).unwrap();
        let mut after = large(found.0);
        after.snapshot = snapshot(0, found.0 + 1);
        assert_eq!(store.commit(after).await, Ok(()));
        say("works again");
    }
}
