//! A node and its supervisor, which starts it again whatever ended it.

use std::fs::OpenOptions;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};

use super::super::child::address;

/// What a supervisor can be told to do to its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Kill,
    Stop,
    Continue,
    Terminate,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Signal::Kill => "-KILL",
            Signal::Stop => "-STOP",
            Signal::Continue => "-CONT",
            Signal::Terminate => "-TERM",
        }
    }
}

/// How a node has fared.
#[derive(Clone, Debug, Default)]
pub(super) struct Fate {
    /// How often it was started.
    pub(super) lives: u32,
    pub(super) listens: bool,
    /// How often it was killed; how often it left with 0, for its sessions are another's; how often it could not start, or
    /// not go on, for want of a database.
    pub(super) killed: u32,
    pub(super) left: u32,
    pub(super) failed: u32,
}

impl Fate {
    /// How many of its lives have ended.
    pub(super) fn ends(&self) -> u32 {
        self.killed + self.left + self.failed
    }
}

/// What a node is made of.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    /// Words before the program's, such as those that put it into a namespace.
    pub(super) before: Vec<String>,
    pub(super) words: Vec<String>,
    /// Where it says what it has to say.
    pub(super) log: PathBuf,
    /// Whether there is a database to be reached: a node that found none is not started again before.
    pub(super) reach: watch::Receiver<bool>,
}

#[derive(Debug)]
pub(super) struct Node {
    signals: mpsc::UnboundedSender<Signal>,
    pub(super) fate: watch::Receiver<Fate>,
}

impl Node {
    /// Starts it, and goes on doing so until the test ends.
    pub(super) fn new(spot: Spot) -> Node {
        let (signals, told) = mpsc::unbounded_channel();
        let (fate, view) = watch::channel(Fate::default());
        tokio::spawn(supervise(spot, told, fate));
        Node { signals, fate: view }
    }

    pub(super) fn send(&self, signal: Signal) {
        self.signals.send(signal).expect("its supervisor lives");
    }

    /// Returns when it has been started so often, and listens.
    pub(super) async fn listens(&self, lives: u32) {
        let mut fate = self.fate.clone();
        let listens = fate.wait_for(|fate| fate.lives >= lives && fate.listens).await;
        listens.expect("its supervisor lives");
    }

    /// Returns when one of its lives has ended since then.
    pub(super) async fn ended(&self, before: u32) {
        let mut fate = self.fate.clone();
        fate.wait_for(|fate| fate.ends() > before).await.expect("its supervisor lives");
    }
}

fn start(spot: &Spot) -> Child {
    let log = OpenOptions::new().create(true).append(true).open(&spot.log).unwrap();
    let program = env!("CARGO_BIN_EXE_outlive").to_owned();
    let words: Vec<&String> = spot.before.iter().chain([&program]).chain(&spot.words).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env_remove("OUTLIVE_TOKEN").env("RUST_LOG", "info");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
    command.spawn().unwrap()
}

async fn supervise(
    mut spot: Spot,
    mut told: mpsc::UnboundedReceiver<Signal>,
    fate: watch::Sender<Fate>,
) {
    loop {
        let mut child = start(&spot);
        fate.send_modify(|fate| fate.lives += 1);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut greets = true;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status.unwrap(),
                line = lines.next_line(), if greets => {
                    greets = matches!(&line, Ok(Some(_)));
                    if line.unwrap().is_some_and(|line| address(&line).is_some()) {
                        fate.send_modify(|fate| fate.listens = true);
                    }
                }
                signal = told.recv() => {
                    let Some(signal) = signal else { return };
                    let id = child.id().expect("it was not waited for").to_string();
                    let sent = Command::new("kill").args([signal.name(), &id]).status().await;
                    assert!(sent.unwrap().success(), "{signal:?}");
                }
            }
        };
        fate.send_modify(|fate| {
            fate.listens = false;
            *count(fate, status) += 1;
        });
        if status.code() == Some(2) && spot.reach.wait_for(|reach| *reach).await.is_err() {
            return;
        }
    }
}

fn count(fate: &mut Fate, status: ExitStatus) -> &mut u32 {
    match (status.signal(), status.code()) {
        (Some(9), _) => &mut fate.killed,
        (_, Some(0)) => &mut fate.left,
        (_, Some(2)) => &mut fate.failed,
        _ => panic!("a node ended by itself: {status}"),
    }
}
