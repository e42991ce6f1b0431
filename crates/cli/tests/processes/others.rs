//! Clients of other people: what they read over a cut is the log, once and in order.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use super::child::{COMES_BACK, Folder, Serving};
use super::kill::guard;
use outlive_testkit::endpoints::Site;
use outlive_testkit::skip::skip;

async fn server() -> (Folder, Serving, String) {
    let folder = Folder::new("others");
    let server = Serving::start("127.0.0.1:0", &folder.file("outlive.db"), &[]).await;
    let session = server.site.session().await;
    (folder, server, session)
}

/// The ids of the log up to its head.
async fn ids(site: &Site, session: &str) -> Vec<String> {
    let record = site.get(session).await.json();
    let (log, head) = (record["log"].as_str().unwrap(), record["head"].as_u64().unwrap());
    (1..=head).map(|seq| format!("{log}.{seq}")).collect()
}

/// Whether a tool does what its words ask; if not, the test is skipped.
async fn has(tool: &str, words: &[&str]) -> bool {
    let tried = Command::new(tool).args(words).current_dir(clients()).output().await;
    let there = tried.is_ok_and(|output| output.status.success());
    if !there {
        skip(&format!("`{tool} {}` to succeed", words.join(" ")));
    }
    there
}

fn clients() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Runs a script that prints the ids it was sent over two connections.
async fn script(tool: &str, file: &str) {
    let (_folder, server, session) = server().await;
    let address = format!("ws://{}{session}/ws", server.site.at);
    let mut run = Command::new(tool);
    run.arg(clients().join(file)).arg(address).kill_on_drop(true);
    let output = guard(file, run.output()).await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.lines().collect::<Vec<_>>(), ids(&server.site, &session).await);
}

#[tokio::test]
async fn python_websockets_comes_back_with_its_cursor() {
    if has("python3", &["-c", "import websockets.sync.client"]).await {
        script("python3", "ws.py").await;
    }
}

#[tokio::test]
async fn node_ws_comes_back_with_its_cursor() {
    if has("node", &["-e", "require('ws')"]).await {
        script("node", "ws.cjs").await;
    }
}

/// The client in JavaScript: prompts that are sent while it is apart, and cuts at its own end.
#[tokio::test]
async fn outlive_js_in_node_shows_the_log_once_and_its_prompts_run_once() {
    if !has("node", &["-e", "require('ws')"]).await {
        return;
    }
    let (_folder, server, session) = server().await;
    let name = session.trim_start_matches("/sessions/");
    let mut run = Command::new("node");
    run.arg(clients().join("outlive.mjs")).arg(format!("ws://{}", server.site.at)).arg(name);
    let output = guard("outlive.mjs", run.kill_on_drop(true).output()).await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let (shown, accepted): (Vec<_>, Vec<_>) =
        said.lines().partition(|line| !line.starts_with("accepted"));
    assert_eq!(shown, ids(&server.site, &session).await);
    let expected: Vec<_> = (1..=6).map(|n| format!("accepted {n}")).collect();
    assert_eq!(accepted, expected);
}

async fn has_python() -> bool {
    has(
        "python3",
        &["-c", "import sys, websockets.asyncio.client; sys.exit(sys.version_info < (3, 10))"],
    )
    .await
}

/// The client in Python with these prompts; whoever reads its lines says when the next prompt may go.
fn python(at: SocketAddr, session: &str, prompts: &[&str]) -> Child {
    let name = session.trim_start_matches("/sessions/");
    let mut run = Command::new("python3");
    run.arg(clients().join("asyncio_client.py"))
        .args([&format!("http://{at}"), name])
        .args(prompts);
    run.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
}

/// Its output to the end, from which the ids are to be the log, and the prompts accepted in order.
async fn tells_the_log(site: &Site, session: &str, said: &[String], prompts: usize) {
    let (shown, accepted): (Vec<_>, Vec<_>) =
        said.iter().cloned().partition(|line| !line.starts_with("accepted"));
    assert_eq!(shown, ids(site, session).await);
    assert_eq!(accepted, (1..=prompts).map(|n| format!("accepted {n}")).collect::<Vec<_>>());
}

/// The client in Python: prompts that are sent while it is apart, and cuts at its own end.
#[tokio::test]
async fn outlive_in_python_shows_the_log_once_and_its_prompts_run_once() {
    if !has_python().await {
        return;
    }
    let (_folder, server, session) = server().await;
    let mut run = python(server.site.at, &session, &["/fast 20"; 6]);
    drop(run.stdin.take());
    let output = guard("asyncio_client.py", run.wait_with_output()).await.unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    let said: Vec<_> = said.lines().map(ToOwned::to_owned).collect();
    tells_the_log(&server.site, &session, &said, 6).await;
}

/// Killed in mid-answer, then told to leave in mid-answer: the client in Python comes back to each server after it.
#[tokio::test]
async fn outlive_in_python_outlives_a_kill_and_a_drain() {
    if !has_python().await {
        return;
    }
    let folder = Folder::new("python");
    let store = folder.file("outlive.db");
    let mut server = Serving::start(COMES_BACK, &store, &[]).await;
    let (at, session) = (server.site.at, server.site.session().await);
    let mut run = python(at, &session, &["/fast 400", "/fast 400", "/fast 3"]);
    let mut next = run.stdin.take().unwrap();
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    for n in 1..=3 {
        while said.last() != Some(&format!("accepted {n}")) {
            said.push(guard("a line", lines.next_line()).await.unwrap().expect("it goes on"));
        }
        if n == 1 {
            server.kill().await;
        } else if n == 2 {
            server.terminate().await;
            assert_eq!(guard("the server", server.left()).await.0, Some(0));
        } else {
            break;
        }
        server = Serving::start(&at.to_string(), &store, &[]).await;
        next.write_all(b"\n").await.unwrap();
    }
    drop(next);
    while let Some(line) = guard("a line", lines.next_line()).await.unwrap() {
        said.push(line);
    }
    assert!(guard("asyncio_client.py", run.wait()).await.unwrap().success());
    tells_the_log(&server.site, &session, &said, 3).await;
}

/// The ids that curl reads until an event with this in it; then it is killed.
async fn curl(address: &str, last: Option<&str>, until: &str) -> Vec<String> {
    let mut command = Command::new("curl");
    command.args(["-sN", address]).kill_on_drop(true).stdout(Stdio::piped());
    if let Some(id) = last {
        command.args(["-H", &format!("Last-Event-ID: {id}")]);
    }
    let mut curl = command.spawn().unwrap();
    let mut lines = BufReader::new(curl.stdout.take().unwrap()).lines();
    let (mut ids, mut kind, mut found) = (Vec::new(), String::new(), false);
    while let Some(line) = guard("a line", lines.next_line()).await.unwrap() {
        match line.split_once(": ") {
            Some(("event", event)) => event.clone_into(&mut kind),
            // That of the welcome is where the reader is already.
            Some(("id", id)) if kind == "ev" => ids.push(id.to_owned()),
            Some(("data", data)) => found |= kind == "ev" && data.contains(until),
            _ if found => break,
            _ => {}
        }
    }
    curl.kill().await.unwrap();
    assert!(found, "{until} did not come");
    ids
}

#[tokio::test]
async fn curl_comes_back_with_its_last_event_id() {
    if !has("curl", &["--version"]).await {
        return;
    }
    let (_folder, server, session) = server().await;
    let base = format!("http://{}{session}", server.site.at);
    let mut prompt = Command::new("curl");
    prompt.args(["-sf", &format!("{base}/prompts"), "-H", "Idempotency-Key: curl.1"]);
    let told = prompt.args(["-d", r#""/fast 20""#]).output().await.unwrap();
    assert!(told.status.success());
    let events = format!("{base}/events");
    let mut read = curl(&events, None, r#""entry":"output""#).await;
    let last = read.last().cloned();
    read.extend(curl(&events, last.as_deref(), r#""entry":"turn_end""#).await);
    assert_eq!(read, ids(&server.site, &session).await);
}
