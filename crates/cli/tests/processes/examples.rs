//! The backends of `examples/`, behind `outlive serve`, under the clients in Python and in JavaScript: what happened to the
//! systems of their kind does not happen to them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::child::{COMES_BACK, Folder, Serving};
use super::kill::guard;
use outlive_testkit::skip::skip;

/// A backend, and a client in its language.
struct Stack {
    name: &'static str,
    /// What both need.
    needs: (&'static str, &'static [&'static str]),
    backend: fn(&Folder) -> Command,
    client: (&'static str, &'static str),
    /// A prompt of so many steps, and one that asks first.
    long: &'static str,
    asks: &'static str,
}

/// Systems A and S: a chat and tasks.
const FASTAPI: Stack = Stack {
    name: "fastapi",
    needs: (
        "python3",
        &[
            "-c",
            "import sys, fastapi, uvicorn, websockets.asyncio.client; sys.exit(sys.version_info < (3, 10))",
        ],
    ),
    backend: |folder| {
        let mut uvicorn = Command::new("python3");
        uvicorn.args(["-m", "uvicorn", "app:app", "--uds"]).arg(folder.file("app.sock"));
        uvicorn.arg("--app-dir").arg(examples("fastapi")).env("PAUSE", "0.001");
        uvicorn.env("PYTHONDONTWRITEBYTECODE", "1");
        uvicorn
    },
    client: ("python3", "incidents.py"),
    long: "/task",
    asks: "/delete it",
};

/// Systems M and P: a coding agent, whose tools are processes.
const EXPRESS: Stack = Stack {
    name: "express",
    needs: ("node", &["-p", "require('ws') && require.resolve('express')"]),
    backend: |folder| {
        let mut node = Command::new("node");
        node.arg(folder.file("app.mjs")).env("PORT", folder.file("app.sock")).env("PAUSE", "1");
        node
    },
    client: ("node", "incidents.mjs"),
    long: "build",
    asks: "deploy 3",
};

fn examples(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

/// A backend, a server in front of it, and a session.
struct World {
    stack: &'static Stack,
    folder: Folder,
    backend: Child,
    server: Serving,
    session: String,
}

impl World {
    /// None without the tools; then the test is skipped.
    async fn new(stack: &'static Stack) -> Option<World> {
        let (tool, words) = stack.needs;
        let tried = Command::new(tool).args(words).output().await;
        let Some(tried) = tried.ok().filter(|tried| tried.status.success()) else {
            skip(&format!("`{tool} {}` to succeed", words.join(" ")));
            return None;
        };
        let folder = Folder::new(stack.name);
        if stack.name == "express" {
            // A module is looked for in the folders above the file, and the file is copied beside them.
            let found = PathBuf::from(String::from_utf8(tried.stdout).unwrap().trim());
            fs::create_dir(folder.file("node_modules")).unwrap();
            symlink(found.parent().unwrap(), folder.file("node_modules/express")).unwrap();
            let client = examples("../clients/js").canonicalize().unwrap();
            symlink(client, folder.file("node_modules/outlive")).unwrap();
            fs::copy(examples("express/app.mjs"), folder.file("app.mjs")).unwrap();
        }
        let backend = listen(stack, &folder);
        let server = serve(&folder, COMES_BACK).await;
        let session = server.site.session().await;
        Some(World { stack, folder, backend, server, session })
    }

    /// A client that reads the log from its beginning.
    fn client(&self) -> Client {
        let (tool, script) = self.stack.client;
        let mut run = Command::new(tool);
        run.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script));
        run.arg(format!("http://{}", self.server.site.at));
        run.arg(self.session.trim_start_matches("/sessions/"));
        let mut child =
            run.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let orders = child.stdin.take().unwrap();
        let told = BufReader::new(child.stdout.take().unwrap()).lines();
        Client { child, orders, told, log: Vec::new() }
    }

    /// A client that is in the middle of the answer to the first prompt, which has so many steps.
    async fn in_mid_answer(&self, steps: usize) -> Client {
        let mut client = self.client();
        client.prompt(&format!("{} {steps}", self.stack.long)).await;
        client.until(|entry| entry["d"] == "step 20\n").await;
        client
    }

    /// What the backend says of a turn, as soon as it is this.
    async fn backend_says(&self, turn: u64, state: &str) -> Value {
        let key = format!("{}/{turn}", self.session.trim_start_matches("/sessions/"));
        loop {
            let Ok(mut socket) = UnixStream::connect(self.folder.file("app.sock")).await else {
                continue;
            };
            let ask = b"GET /runs HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n";
            socket.write_all(ask).await.unwrap();
            let mut said = String::new();
            socket.read_to_string(&mut said).await.unwrap();
            let runs: Value = serde_json::from_str(said.split_once("\r\n\r\n").unwrap().1).unwrap();
            let run = runs[&key].clone();
            if run == state || run["state"] == state {
                return run;
            }
        }
    }

    /// The process of a turn's tool is gone.
    async fn no_process_is_left(&self, run: &Value) {
        if let Some(id) = run["pid"].as_u64() {
            while Path::new(&format!("/proc/{id}")).exists() {
                tokio::task::yield_now().await;
            }
        }
    }

    /// The backend dies, and nobody tells it before.
    async fn kill_backend(&mut self) {
        self.backend.kill().await.unwrap();
        // Whoever is killed leaves its socket's name behind.
        fs::remove_file(self.folder.file("app.sock")).unwrap();
    }

    /// The session goes on, and its log is what this client has applied.
    async fn goes_on(self, mut client: Client) {
        client.prompt("hello").await;
        client.until(|entry| entry["entry"] == "turn_end" && entry["outcome"] == "completed").await;
        let turn = client.log.last().unwrap()["turn"].as_u64().unwrap();
        assert!(client.said(turn).concat().starts_with("You said hello"), "{:?}", client.log);
        assert_eq!(client.log.iter().filter(|entry| entry["d"] == "hello").count(), 1);
        let record = self.server.site.get(&self.session).await.json();
        assert_eq!(record["head"], client.log.last().unwrap()["seq"]);
    }
}

fn listen(stack: &Stack, folder: &Folder) -> Child {
    let mut backend = (stack.backend)(folder);
    backend.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    backend.kill_on_drop(true).spawn().unwrap()
}

async fn serve(folder: &Folder, at: &str) -> Serving {
    let url = format!("unix:{}:/answer", folder.file("app.sock").display());
    Serving::start(at, &folder.file("outlive.db"), &["--backend", &url]).await
}

/// A client in its process, and the log that it has applied.
struct Client {
    child: Child,
    orders: ChildStdin,
    told: Lines<BufReader<ChildStdout>>,
    log: Vec<Value>,
}

impl Client {
    async fn order(&mut self, order: Value) {
        self.orders.write_all(format!("{order}\n").as_bytes()).await.unwrap();
    }

    async fn prompt(&mut self, prompt: &str) {
        self.order(json!({ "do": "prompt", "d": prompt })).await;
    }

    /// What it is told next. An entry that it has applied is the next one of the log: none comes twice, and none is left
    /// out.
    async fn next(&mut self) -> Value {
        let line = guard("a line", self.told.next_line()).await.unwrap().expect("it goes on");
        let told: Value = serde_json::from_str(&line).unwrap();
        match told["kind"].as_str().unwrap() {
            "entry" => {
                assert_eq!(told["seq"], self.log.len() + 1, "{told}");
                self.log.push(told.clone());
            }
            "anew" => assert!(self.log.is_empty(), "what it has shown is void"),
            "gap" => panic!("{told}"),
            _ => {}
        }
        told
    }

    async fn until(&mut self, is: impl Fn(&Value) -> bool) {
        while !is(&self.next().await) {}
    }

    async fn until_it_is(&mut self, state: &str) {
        self.until(|told| told["kind"] == "state" && told["state"] == state).await;
    }

    /// Reads the log to the end of its first turn: how it ended, and how many steps it said, in order.
    async fn first_turn(&mut self) -> (String, usize) {
        let is_end = |entry: &Value| entry["entry"] == "turn_end";
        if !self.log.iter().any(is_end) {
            self.until(is_end).await;
        }
        let end = self.log.iter().find(|entry| is_end(entry)).unwrap();
        let said = self.said(1);
        let steps: Vec<String> = (1..=said.len()).map(|step| format!("step {step}\n")).collect();
        assert_eq!(said, steps);
        (end["outcome"].as_str().unwrap().to_owned(), said.len())
    }

    /// The pieces of a turn's answer.
    fn said(&self, turn: u64) -> Vec<&str> {
        let of = |entry: &&Value| entry["entry"] == "output" && entry["turn"] == turn;
        self.log.iter().filter(of).map(|entry| entry["d"].as_str().unwrap()).collect()
    }

    /// Its window is closed, and nobody is told.
    async fn close(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// More steps than anybody waits for: what ends was stopped, and more than 8 700 pieces were to come.
const ENDLESS: usize = 1_000_000;

/// F-01, F-08.
async fn a_stop_in_mid_stream_ends_the_source_and_is_no_error(stack: &'static Stack) {
    let Some(world) = World::new(stack).await else { return };
    let mut client = world.in_mid_answer(ENDLESS).await;
    client.order(json!({ "do": "interrupt", "turn": 1 })).await;
    let (outcome, steps) = client.first_turn().await;
    assert_eq!(outcome, "interrupted");
    assert!((20..ENDLESS - 8_700).contains(&steps), "{steps}");
    let end = client.log.last().unwrap();
    assert!(end.get("error").is_none_or(Value::is_null), "{end}");
    let run = guard("the stop", world.backend_says(1, "stopped")).await;
    guard("the end of its process", world.no_process_is_left(&run)).await;
    world.goes_on(client).await;
}

/// F-10, F-12.
async fn a_window_that_is_closed_in_mid_answer_finds_all_of_it(stack: &'static Stack) {
    let Some(world) = World::new(stack).await else { return };
    world.in_mid_answer(1_000).await.close().await;
    guard("the end of the work", world.backend_says(1, "done")).await;
    let mut client = world.client();
    assert_eq!(client.first_turn().await, ("completed".into(), 1_000));
    world.goes_on(client).await;
}

/// F-13: hidden, then without its connection, then shown.
async fn a_phone_in_the_pocket_comes_back_to_all_of_it(stack: &'static Stack) {
    let Some(world) = World::new(stack).await else { return };
    let mut client = world.in_mid_answer(1_000).await;
    client.order(json!({ "do": "hide" })).await;
    client.until_it_is("HIDDEN").await;
    client.order(json!({ "do": "cut" })).await;
    client.until_it_is("DORMANT").await;
    guard("the end of the work", world.backend_says(1, "done")).await;
    client.order(json!({ "do": "show" })).await;
    assert_eq!(client.first_turn().await, ("completed".into(), 1_000));
    world.goes_on(client).await;
}

/// F-50, F-51.
async fn twenty_refreshes_show_nothing_twice(stack: &'static Stack) {
    let Some(world) = World::new(stack).await else { return };
    let mut client = world.in_mid_answer(2_000).await;
    for _ in 0..20 {
        let seen = client.log.len();
        client.close().await;
        client = world.client();
        client.until(|entry| entry["seq"].as_u64().is_some_and(|seq| seq > seen as u64)).await;
    }
    assert_eq!(client.first_turn().await, ("completed".into(), 2_000));
    guard("the end of the work", world.backend_says(1, "done")).await;
    world.goes_on(client).await;
}

/// F-89: the turn ends, its beginning stays, and the next one is answered by the backend that is started then.
async fn a_backend_that_is_killed_fails_its_turn_and_no_other(stack: &'static Stack) {
    let Some(mut world) = World::new(stack).await else { return };
    let mut client = world.in_mid_answer(ENDLESS).await;
    let run = guard("its state", world.backend_says(1, "runs")).await;
    world.kill_backend().await;
    let (outcome, steps) = client.first_turn().await;
    assert_eq!(outcome, "failed");
    assert!((20..ENDLESS - 8_700).contains(&steps), "{steps}");
    let why = client.log.last().unwrap()["error"].as_str().unwrap();
    assert!(why.contains("cut off"), "{why}");
    guard("the end of its process", world.no_process_is_left(&run)).await;
    world.backend = listen(stack, &world.folder);
    world.goes_on(client).await;
}

/// Scenario 53: what ran is ambiguous, the backend stops it, and the client comes back by itself.
async fn a_gateway_that_is_killed_stops_the_work_and_nothing_is_lost(stack: &'static Stack) {
    let Some(mut world) = World::new(stack).await else { return };
    let mut client = world.in_mid_answer(ENDLESS).await;
    let at = world.server.site.at.to_string();
    world.server.kill().await;
    world.server = serve(&world.folder, &at).await;
    let run = guard("the stop", world.backend_says(1, "stopped")).await;
    guard("the end of its process", world.no_process_is_left(&run)).await;
    let (outcome, steps) = client.first_turn().await;
    assert_eq!(outcome, "ambiguous");
    assert!((20..ENDLESS - 8_700).contains(&steps), "{steps}");
    world.goes_on(client).await;
}

/// The question outlives both, and the first answer is a turn.
async fn a_question_is_answered_after_everybody_was_killed(stack: &'static Stack) {
    let Some(mut world) = World::new(stack).await else { return };
    let mut client = world.client();
    client.prompt(stack.asks).await;
    client.until(|entry| entry["entry"] == "turn_end").await;
    assert_eq!(client.log.last().unwrap()["outcome"], "waiting");
    let ask = client.log.iter().find(|entry| entry["entry"] == "ask").unwrap()["seq"].clone();
    client.close().await;
    let at = world.server.site.at.to_string();
    world.kill_backend().await;
    world.server.kill().await;
    world.server = serve(&world.folder, &at).await;
    world.backend = listen(stack, &world.folder);
    let mut client = world.client();
    client.until_it_is("LIVE").await;
    client.order(json!({ "do": "answer", "ask": ask, "d": true })).await;
    client.until(|entry| entry["outcome"] == "completed").await;
    let turn = client.log.last().unwrap()["turn"].as_u64().unwrap();
    let said = client.said(turn).concat();
    assert!(["it is gone", "step 1\nstep 2\nstep 3\n"].contains(&said.as_str()), "{said}");
    world.goes_on(client).await;
}

macro_rules! incidents {
    ($($name:ident)*) => {
        mod python_and_fastapi {
            $(#[tokio::test] async fn $name() { super::$name(&super::FASTAPI).await; })*
        }

        mod javascript_and_express {
            $(#[tokio::test] async fn $name() { super::$name(&super::EXPRESS).await; })*
        }
    };
}

incidents! {
    a_stop_in_mid_stream_ends_the_source_and_is_no_error
    a_window_that_is_closed_in_mid_answer_finds_all_of_it
    a_phone_in_the_pocket_comes_back_to_all_of_it
    twenty_refreshes_show_nothing_twice
    a_backend_that_is_killed_fails_its_turn_and_no_other
    a_gateway_that_is_killed_stops_the_work_and_nothing_is_lost
    a_question_is_answered_after_everybody_was_killed
}

#[test]
fn each_can_be_read_at_once() {
    for file in ["fastapi/app.py", "express/app.mjs", "page/index.html"] {
        let lines = fs::read_to_string(examples(file)).unwrap().lines().count();
        assert!(lines <= 60, "{file} has {lines} lines");
    }
}
