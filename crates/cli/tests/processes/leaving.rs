//! How `outlive serve` ends, other than by being killed: what it says, and with which exit code.

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::{mpsc, watch};

use super::child::{COMES_BACK, Folder, Serving, outcome};
use super::kill::guard;
use super::returning::{Returning, Until, Up};
use outlive_testkit::endpoints::{Site, entry};

const ANY: &str = "127.0.0.1:0";

#[tokio::test]
async fn asked_to_leave_under_load_it_tells_everybody_and_loses_nothing() {
    let folder = Folder::new("term");
    let store = folder.file("outlive.db");
    let server = Serving::start(COMES_BACK, &store, &[]).await;
    let at = server.site.at;
    let session = server.site.session().await;
    let (up, seen) = watch::channel(Up { at, life: 0, prompting: true });
    let (ticks, mut ticking) = mpsc::unbounded_channel();
    let clients = ["ann", "bob", "cyd"].map(|name| {
        let client =
            Returning::new(name, &session, Some(|n| format!("/fast {}", 20 + n)), ticks.clone());
        tokio::spawn(client.run(seen.clone(), Until::Answered))
    });
    for _ in 0..100 {
        guard("a frame", ticking.recv()).await.expect("a client is there");
    }
    server.terminate().await;
    let (code, said) = guard("the server", server.left()).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("draining: connections are closed"), "{said}");
    // What was running has come to its end before.
    let server = Serving::start(&at.to_string(), &store, &[]).await;
    up.send_modify(|up| (up.life, up.prompting) = (1, false));
    for client in clients {
        let client = guard("a client", client).await.unwrap();
        assert_eq!(client.closes.keys().copied().collect::<Vec<_>>(), [1012], "{}", client.name);
        let ends = client.log.values().filter(|entry| entry["entry"] == "turn_end");
        let outcomes: Vec<_> = ends.map(|end| end["outcome"].as_str().unwrap()).collect();
        assert!(outcomes.iter().all(|outcome| *outcome == "completed"), "{outcomes:?}");
    }
    drop(server);
}

#[tokio::test]
async fn whoever_opens_the_file_last_owns_it_and_clients_find_the_new_one() {
    let folder = Folder::new("fence");
    let store = folder.file("outlive.db");
    let first = Serving::start(ANY, &store, &[]).await;
    let session = first.site.session().await;
    let (mut socket, _) = first.site.attach(&session, "laptop", None).await;
    socket.prompt(1, "/fast 3").await;
    let frames = socket.until(entry("turn_end")).await;
    let cursor = frames.last().unwrap()["id"].as_str().unwrap().to_owned();
    let second = Serving::start(ANY, &store, &[]).await;
    // The first one learns of it when it writes.
    socket.prompt(2, "/fast 3").await;
    assert_eq!(guard("the close", socket.code()).await, 4200);
    let id = first.id();
    let (code, said) = guard("the first", first.left()).await;
    // Its supervisor does not start it again, or the two would take the file from each other for ever.
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("another process has opened"), "{said}");
    assert!(said.contains("owns its sessions now"), "{said}");
    let (mut socket, welcome) = second.site.attach(&session, "laptop", Some(&cursor)).await;
    assert_eq!(welcome["high"], 1, "the second prompt was not accepted");
    socket.prompt(2, "/fast 3").await;
    let frames = socket.until(entry("turn_end")).await;
    assert_eq!(frames.last().unwrap()["outcome"], "completed");
    second.terminate().await;
    let (code, said) = guard("the second", second.left()).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("from a process that has not closed it"), "{said}");
    assert!(said.contains(&format!("process={id} on ")), "it names whom it replaced: {said}");
    // After one that was asked to leave there is no warning.
    let third = Serving::start(ANY, &store, &[]).await;
    third.terminate().await;
    let (code, said) = guard("the third", third.left()).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("has not closed it"), "{said}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_whose_file_went_away_names_it_and_the_code_is_2() {
    let folder = Folder::new("gone");
    let store = folder.file("outlive.db");
    let server = Serving::start(ANY, &store, &[]).await;
    let session = server.site.session().await;
    let (mut socket, _) = server.site.attach(&session, "laptop", None).await;
    std::fs::remove_file(&store).unwrap();
    // It is noticed before a commit.
    socket.prompt(1, "/fast 3").await;
    let (code, said) = guard("the server", server.left()).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("outlive.db is lost to this process"), "{said}");
    assert!(said.contains("outlive.db was deleted"), "{said}");
}

#[tokio::test]
async fn a_slow_peer_does_not_keep_a_server_that_was_asked_to_leave() {
    let folder = Folder::new("slow");
    let server = Serving::start(ANY, &folder.file("outlive.db"), &[]).await;
    let mut half = TcpStream::connect(server.site.at).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nho").await.unwrap();
    // It is accepted: connections are accepted in their order.
    assert_eq!(server.site.get("/healthz").await.status, 200);
    server.terminate().await;
    let (code, said) = guard("the server", server.left()).await;
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test]
async fn a_trace_whose_last_line_was_cut_off_is_written_on_and_replays() {
    let folder = Folder::new("torn");
    let (store, trace) = (folder.file("outlive.db"), folder.file("steps.jsonl"));
    let words = ["--record", trace.to_str().unwrap()];
    let run = async || {
        let server = Serving::start(ANY, &store, &words).await;
        let session = server.site.session().await;
        let (mut socket, _) = server.site.attach(&session, "laptop", None).await;
        socket.prompt(1, "/fast 3").await;
        socket.until(entry("turn_end")).await;
        drop(socket);
        server.terminate().await;
        let (code, said) = guard("the server", server.left()).await;
        assert_eq!(code, Some(0), "{said}");
    };
    run().await;
    // What a kill leaves of a line, in the shortest and in the longest case.
    let whole = std::fs::read(&trace).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for cut in [last + 1, whole.len() - 1] {
        std::fs::write(&trace, &whole[..cut]).unwrap();
        run().await;
        let written = std::fs::read(&trace).unwrap();
        assert_eq!(written[..last], whole[..last]);
        let (code, said) = outcome(&["replay", "--quiet", words[1]]).await;
        assert_eq!(code, Some(0), "{said}");
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_named_and_the_code_is_2() {
    let folder = Folder::new("unusable");
    let taken = TcpListener::bind(ANY).await.unwrap();
    let busy = taken.local_addr().unwrap().to_string();
    let file = |name: &str| folder.file(name).to_str().unwrap().to_owned();
    std::fs::write(file("letter.txt"), "Dear Sir or Madam,\n".repeat(100)).unwrap();
    let (good, letter, nowhere) = (file("good.db"), file("letter.txt"), file("no/such/folder"));
    let note = file("note.json");
    std::fs::write(&note, r#"{"name":"mine"}"#).unwrap();
    let folder = folder.path().to_str().unwrap().to_owned();
    let cases: [(&[&str], &[&str]); 6] = [
        (&["--listen", &busy, "--store", &good], &[&busy, "--listen 127.0.0.1:0"]),
        (&["--listen", ANY, "--store", &letter], &[&letter, "cannot be used"]),
        (&["--listen", ANY, "--store", &nowhere], &[&nowhere, "cannot be used"]),
        (&["--listen", ANY, "--store", &folder], &[&folder, "cannot be used"]),
        (&["--listen", ANY, "--store", &good, "--record", &nowhere], &[&nowhere, "cannot be used"]),
        (&["--listen", ANY, "--store", &good, "--record", &note], &[&note, "none of a trace"]),
    ];
    for (words, says) in cases {
        let (code, said) = guard("it", outcome(&[&["serve"], words].concat())).await;
        assert_eq!(code, Some(2), "{words:?}: {said}");
        assert!(says.iter().all(|say| said.contains(say)), "{words:?}: {said}");
        assert!(!said.contains("panicked"), "{words:?}: {said}");
    }
    // Neither was touched.
    assert!(std::fs::read_to_string(&letter).unwrap().starts_with("Dear"));
    assert_eq!(std::fs::read_to_string(&note).unwrap(), r#"{"name":"mine"}"#);
}

/// A file system of its own, which goes with the test.
struct Small(Folder);

impl Small {
    /// None if this machine does not let us.
    async fn new() -> Option<Small> {
        let folder = Folder::new("full");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(folder.path());
        let mounted = mount.output().await.ok()?.status.success();
        mounted.then_some(Small(folder))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_what_was_accepted_goes_on_when_there_is_room() {
    let Some(small) = Small::new().await else {
        outlive_testkit::skip::skip("the right to mount a file system");
        return;
    };
    let (store, ballast) = (small.0.file("outlive.db"), small.0.file("stone"));
    let server = Serving::start(ANY, &store, &[]).await;
    let session = server.site.session().await;
    // Whatever room is left goes.
    let mut fill = std::fs::File::create(&ballast).unwrap();
    let room = std::io::copy(&mut std::io::Read::take(std::io::repeat(1), 4 << 20), &mut fill);
    assert!(room.is_err(), "the disk is full");
    drop(fill);
    let refused = until_refused(&server.site, &session).await;
    std::fs::remove_file(&ballast).unwrap();
    // The one that was refused, sent again; and every one before it has been answered once.
    let (mut socket, _) = server.site.attach(&session, "laptop", None).await;
    socket.prompt(refused, "/fast 2000").await;
    let (mut said, mut ends) = (0, 0);
    while ends < refused {
        let frame = guard("a frame", socket.hear()).await.unwrap();
        said += u32::from(frame["entry"] == "output");
        if frame["entry"] == "turn_end" {
            assert_eq!(frame["outcome"], "completed", "{frame}");
            ends += 1;
        }
    }
    assert_eq!(said, 2_000 * refused);
    server.terminate().await;
    assert_eq!(guard("the server", server.left()).await.0, Some(0));
}

/// Prompts until one is refused for want of room, and returns its number.
async fn until_refused(site: &Site, session: &str) -> u32 {
    for n in 1.. {
        let prompt = json!({ "client": "laptop", "n": n, "d": "/fast 2000" });
        let told = guard("an answer", site.post(&format!("{session}/prompts"), &prompt)).await;
        if told.status == 503 {
            assert_eq!(told.json()["error"], "unavailable", "{}", told.body);
            return n;
        }
        assert_eq!(told.status, 202, "{}", told.body);
    }
    unreachable!("a full disk takes no end of prompts")
}
