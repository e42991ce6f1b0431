//! `outlive serve`, as a process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use outlive_testkit::endpoints::Site;

/// Where a server may listen that comes back at the same port. Nobody connects from this address, so
/// meanwhile the port is not given to anybody else.
pub(super) const COMES_BACK: &str =
    if cfg!(target_os = "linux") { "127.0.0.2:0" } else { "127.0.0.1:0" };

/// A folder that goes with the test.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (process, n) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        // In memory where there is such a place: what a killed process has written is kept by the system
        // either way, and nobody waits for a disk.
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let path = parent.join(format!("outlive-{process}-{n}-{name}"));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Whoever looks for a failure finds what it left.
        if !std::thread::panicking() {
            _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// `outlive` with these words, to be started.
pub(super) fn outlive(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outlive"));
    command.args(words).env_remove("OUTLIVE_TOKEN").env_remove("RUST_LOG").kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a command that ends by itself left: its exit code, and what it complained of.
pub(super) async fn outcome(words: &[&str]) -> (Option<i32>, String) {
    let output = outlive(words).output().await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// A server that takes connections.
#[derive(Debug)]
pub(super) struct Serving {
    child: Child,
    /// Kept open: a server whose greeting nobody reads any more is not what is looked at here.
    _told: BufReader<ChildStdout>,
    pub(super) site: Site,
}

impl Serving {
    /// Returns when it listens.
    pub(super) async fn start(listen: &str, store: &Path, more: &[&str]) -> Serving {
        let (mut child, mut told) = serve(listen, store, more);
        let mut greeting = String::new();
        told.read_line(&mut greeting).await.unwrap();
        let Some(at) = address(&greeting) else {
            let (code, said) = Self::rest(&mut child).await;
            panic!("no greeting: {code:?} {said}");
        };
        Serving { child, _told: told, site: Site { at } }
    }

    /// Starts one, and kills it when everybody else had so many turns, whatever it has come to by then;
    /// returns whether it listened.
    pub(super) async fn stillborn(listen: &str, store: &Path, more: &[&str], turns: u64) -> bool {
        let (mut child, mut told) = serve(listen, store, more);
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        if child.try_wait().unwrap().is_some() {
            let (code, said) = Self::rest(&mut child).await;
            panic!("it left by itself: {code:?} {said}");
        }
        child.kill().await.unwrap();
        let mut greeting = String::new();
        told.read_line(&mut greeting).await.unwrap();
        address(&greeting).is_some()
    }

    /// No signal is more sudden.
    pub(super) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// The number of its process.
    pub(super) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Asks it to leave.
    pub(super) async fn terminate(&self) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
        assert!(sent.success());
    }

    /// Waits until it has left: its exit code, and what it said.
    pub(super) async fn left(mut self) -> (Option<i32>, String) {
        let (status, said) = Self::rest(&mut self.child).await;
        (status.code(), said)
    }

    async fn rest(child: &mut Child) -> (ExitStatus, String) {
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
        (child.wait().await.unwrap(), said)
    }
}

fn serve(listen: &str, store: &Path, more: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut words = vec!["serve", "--listen", listen, "--store", store.to_str().unwrap()];
    words.extend(more);
    let mut child = outlive(&words).spawn().unwrap();
    let told = BufReader::new(child.stdout.take().unwrap());
    (child, told)
}

/// `a page to try: http://127.0.0.1:7878/`, perhaps with a token after it.
pub(super) fn address(greeting: &str) -> Option<SocketAddr> {
    greeting.rsplit_once("http://")?.1.split_once('/')?.0.parse().ok()
}
