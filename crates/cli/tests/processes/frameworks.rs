//! The endpoints of docs/gateway.md, in the frameworks that they are written for, behind `outlive serve --backend`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::json;
use tokio::process::{Child, Command};

use super::child::{Folder, Serving};
use super::kill::guard;
use super::stage::ends;
use outlive_testkit::endpoints::{entry, outputs};
use outlive_testkit::skip::skip;

/// A block of the page.
fn block(name: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/gateway.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once(&format!("<!-- backend: {name} -->")).unwrap();
    let (block, _) = rest.split_once(&format!("<!-- /backend: {name} -->")).unwrap();
    let (_, code) = block.trim().split_once('\n').unwrap();
    code.trim_end_matches("```").to_owned()
}

/// What a command prints, if it can be run; otherwise the test is skipped.
async fn printed(tool: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(tool).args(words).output().await;
    let printed = output.ok().filter(|output| output.status.success());
    if printed.is_none() {
        skip(&format!("`{tool} {}` to succeed", words.join(" ")));
    }
    printed.map(|output| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

fn spawn(command: &mut Command, folder: &Folder) -> Child {
    command.current_dir(folder.path()).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Where an endpoint that listens on a socket of its folder has this path.
fn at(folder: &Folder, path: &str) -> String {
    format!("unix:{}:{path}", folder.file("app.sock").display())
}

/// Two prompts to an endpoint that listens on a socket of its folder, perhaps a little later.
async fn answers(folder: &Folder) {
    let url = at(folder, "/answer");
    let file = folder.file("outlive.db");
    let server = Serving::start("127.0.0.1:0", &file, &["--backend", &url]).await;
    let session = server.site.session().await;
    let (mut page, _) = server.site.attach(&session, "page", None).await;
    for (n, prompt) in [(1, "hello"), (2, "again")] {
        page.prompt(n, prompt).await;
        let frames = guard("the end", page.until(entry("turn_end"))).await;
        assert_eq!(ends(&frames), ["completed"], "{frames:?}");
        assert_eq!(outputs(&frames), ["You ", "said: ", &format!("{prompt} ")]);
    }
}

#[tokio::test]
async fn the_endpoint_in_fastapi_answers() {
    let import = ["-c", "import fastapi, uvicorn"];
    let Some(_) = printed("python3", &import).await else { return };
    let folder = Folder::new("fastapi");
    fs::write(folder.file("app.py"), block("fastapi")).unwrap();
    let mut uvicorn = Command::new("python3");
    uvicorn.args(["-m", "uvicorn", "app:app", "--uds", "app.sock"]);
    let _uvicorn = spawn(&mut uvicorn, &folder);
    answers(&folder).await;
}

/// Backend and gateway are both killed while the question stands.
#[tokio::test]
async fn the_agent_in_langgraph_asks_and_goes_on_after_everybody_was_killed() {
    let import = ["-c", "import fastapi, uvicorn, langgraph.checkpoint.sqlite"];
    let Some(_) = printed("python3", &import).await else { return };
    let folder = Folder::new("langgraph");
    fs::write(folder.file("app.py"), block("langgraph")).unwrap();
    let url = format!("unix:{}:/answer", folder.file("app.sock").display());
    let file = folder.file("outlive.db");
    let up = async || {
        // Whoever is killed leaves its socket's name behind.
        _ = fs::remove_file(folder.file("app.sock"));
        let mut uvicorn = Command::new("python3");
        uvicorn.args(["-m", "uvicorn", "app:app", "--uds", "app.sock"]);
        let uvicorn = spawn(&mut uvicorn, &folder);
        (uvicorn, Serving::start("127.0.0.1:0", &file, &["--backend", &url]).await)
    };
    let (mut uvicorn, server) = up().await;
    let session = server.site.session().await;
    let (mut page, _) = server.site.attach(&session, "page", None).await;
    page.prompt(1, "/tmp/it").await;
    let frames = guard("the end", page.until(entry("turn_end"))).await;
    assert_eq!(ends(&frames), ["waiting"], "{frames:?}");
    let asks: Vec<_> = frames.iter().filter(|frame| frame["entry"] == "ask").collect();
    assert_eq!(asks[0]["d"], json!({ "tool": "delete", "path": "/tmp/it" }));
    uvicorn.kill().await.unwrap();
    server.kill().await;
    let (_uvicorn, server) = up().await;
    let (mut phone, welcome) = server.site.attach(&session, "phone", None).await;
    assert_eq!(welcome["asks"], json!([2]));
    guard("the restart", phone.until(entry("end"))).await;
    phone.say(&json!({ "t": "answer", "ask": 2, "d": true })).await;
    let frames = guard("the end", phone.until(entry("turn_end"))).await;
    assert_eq!(
        (ends(&frames), outputs(&frames)),
        (vec!["completed"], vec!["/tmp/it is gone"]),
        "{frames:?}"
    );
}

#[tokio::test]
async fn the_endpoint_in_fastapi_says_who_may() {
    let import = ["-c", "import fastapi, uvicorn"];
    let Some(_) = printed("python3", &import).await else { return };
    let folder = Folder::new("fastapi-may");
    fs::write(folder.file("app.py"), block("fastapi") + &block("fastapi-may")).unwrap();
    let mut uvicorn = Command::new("python3");
    uvicorn.args(["-m", "uvicorn", "app:app", "--uds", "app.sock"]);
    let _uvicorn = spawn(&mut uvicorn, &folder);
    let more = ["--authorize", &at(&folder, "/may")];
    let server = Serving::start("127.0.0.1:0", &folder.file("outlive.db"), &more).await;
    let [anns, bobs] = ["Bearer anns", "Bearer bobs"].map(|shown| [("authorization", shown)]);
    // Until uvicorn listens, nobody is refused for good.
    let session = loop {
        let made = guard("an answer", server.site.request("POST", "/sessions", &anns, "")).await;
        if made.status == 201 {
            break format!("/sessions/{}", made.json()["session"].as_str().unwrap());
        }
        assert_eq!(made.status, 503, "{}", made.body);
    };
    assert_eq!(server.site.request("GET", &session, &anns, "").await.status, 200);
    assert_eq!(server.site.request("GET", &session, &bobs, "").await.status, 404);
    let nobody = [("authorization", "Bearer nobodys")];
    assert_eq!(server.site.request("POST", "/sessions", &nobody, "").await.status, 401);
}

#[tokio::test]
async fn the_endpoint_in_express_answers() {
    let resolve = ["-p", "require.resolve('express')"];
    let Some(express) = printed("node", &resolve).await else { return };
    let folder = Folder::new("express");
    // Modules are looked for in the folders above, and nowhere else.
    let modules = PathBuf::from(express).parent().unwrap().parent().unwrap().to_owned();
    std::os::unix::fs::symlink(modules, folder.file("node_modules")).unwrap();
    let code = block("express");
    let here = "listen(8000, \"127.0.0.1\")";
    assert!(code.contains(here), "{code}");
    fs::write(folder.file("app.mjs"), code.replace(here, "listen(\"app.sock\")")).unwrap();
    let _node = spawn(Command::new("node").arg("app.mjs"), &folder);
    answers(&folder).await;
}
