//! What is in `deploy/`: the unit for systemd and the Containerfile, as far as they can be tried without either.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

use super::child::{Folder, Serving, outcome, outlive};
use super::kill::guard;
use outlive_testkit::skip::skip;

const ANY: &str = "127.0.0.1:0";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn deploy(file: &str) -> String {
    fs::read_to_string(root().join("deploy").join(file)).unwrap()
}

/// The values of a setting of the unit.
fn setting<'a>(unit: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!("{name}=");
    unit.lines().filter_map(|line| line.strip_prefix(&start)).collect()
}

#[tokio::test]
async fn systemd_finds_nothing_wrong_with_the_unit() {
    let folder = Folder::new("unit");
    let unit = deploy("outlive.service");
    assert_eq!(unit.matches("/usr/local/bin/outlive").count(), 1);
    // The program has to be there.
    let unit = unit.replace("/usr/local/bin/outlive", env!("CARGO_BIN_EXE_outlive"));
    let file = folder.file("outlive.service");
    fs::write(&file, unit).unwrap();
    let verified = Command::new("systemd-analyze").arg("verify").arg(&file).output().await;
    let Ok(verified) = verified else { return skip("the program systemd-analyze") };
    let said = String::from_utf8(verified.stderr).unwrap();
    assert!(verified.status.success() && said.is_empty(), "{said}");
}

#[tokio::test]
async fn the_units_command_line_can_be_used_and_systemd_waits_for_the_drain() {
    let folder = Folder::new("command");
    let unit = deploy("outlive.service");
    let config = folder.file("outlive.toml");
    fs::write(&config, "").unwrap();
    let [command] = setting(&unit, "ExecStart")[..] else { panic!("one ExecStart") };
    let words = command.replace("/etc/outlive/outlive.toml", config.to_str().unwrap());
    let mut words: Vec<&str> = words.split(' ').collect();
    assert_eq!(words.remove(0), "/usr/local/bin/outlive");
    words.push("--print-config");
    let (code, said) = guard("it", outcome(&words)).await;
    assert_eq!((code, said.as_str()), (Some(0), ""));

    let server = Serving::start(ANY, &folder.file("outlive.db"), &[]).await;
    server.terminate().await;
    let (_, said) = guard("the server", server.left()).await;
    let drain = said.split_once("may finish for ").unwrap().1.split_once(" s").unwrap().0;
    let drain: u32 = drain.parse().unwrap();
    let [patience] = setting(&unit, "TimeoutStopSec")[..] else { panic!("one TimeoutStopSec") };
    // Behind the drain slow peers are cut, after 5 s.
    assert!(patience.parse::<u32>().unwrap() > drain + 5 + 5, "{patience}: {said}");
    assert_eq!(setting(&unit, "KillSignal"), ["SIGTERM"]);
    // It exits with 0 if another process has taken its file.
    assert_eq!(setting(&unit, "Restart"), ["on-failure"]);
}

/// `Type=notify`: the socket's name, as systemd hands it over, in both of its forms.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn systemd_is_told_when_it_takes_connections_and_when_it_leaves() {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    assert_eq!(setting(&deploy("outlive.service"), "Type"), ["notify"]);
    let folder = Folder::new("notify");
    let path = folder.file("notify").to_str().unwrap().to_owned();
    let name = format!("outlive-test-{}", std::process::id());
    let sockets = [
        (path.clone(), SocketAddr::from_pathname(&path).unwrap()),
        (format!("@{name}"), SocketAddr::from_abstract_name(&name).unwrap()),
    ];
    for (name, address) in sockets {
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        socket.set_nonblocking(true).unwrap();
        let socket = tokio::net::UnixDatagram::from_std(socket).unwrap();
        let mut server = outlive(&["serve", "--listen", ANY, "--store", "memory"]);
        let mut server = server.env("NOTIFY_SOCKET", &name).spawn().unwrap();
        let heard = async || {
            let mut text = [0; 64];
            let length = guard("a word", socket.recv(&mut text)).await.unwrap();
            String::from_utf8(text[..length].to_vec()).unwrap()
        };
        assert_eq!(heard().await, "READY=1", "{name}");
        let id = server.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
        assert!(sent.success());
        assert_eq!(heard().await, "STOPPING=1", "{name}");
        assert_eq!(guard("the server", server.wait()).await.unwrap().code(), Some(0));
    }
}

/// The instructions of the Containerfile, each in one line.
fn instructions() -> Vec<(String, String)> {
    let text = deploy("Containerfile").replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines.map(|line| line.split_once(' ').unwrap());
    pairs.map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect()
}

fn named<'a>(all: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    all.iter().filter(|(of, _)| of == name).map(|(_, rest)| rest.as_str()).collect()
}

/// What cargo would build of a workspace, as far as its source is there.
fn targets(workspace: &Path) -> BTreeSet<String> {
    let words = ["metadata", "--no-deps", "--offline", "--locked", "--format-version", "1"];
    let mut cargo = std::process::Command::new(env!("CARGO"));
    let read = cargo.args(words).current_dir(workspace).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let read: Value = serde_json::from_slice(&read.stdout).unwrap();
    let packages = read["packages"].as_array().unwrap().iter();
    let targets = packages.flat_map(|package| package["targets"].as_array().unwrap());
    let sources = targets.map(|target| Path::new(target["src_path"].as_str().unwrap()));
    let top = read["workspace_root"].as_str().unwrap();
    let there = sources.filter(|source| source.exists());
    there.map(|source| source.strip_prefix(top).unwrap().display().to_string()).collect()
}

#[test]
fn what_the_containerfile_copies_is_there_and_is_the_whole_workspace() {
    let all = instructions();
    let copies = named(&all, "COPY");
    let (built, context): (Vec<&str>, Vec<&str>) =
        copies.iter().partition(|copy| copy.starts_with("--from=build"));
    let paths = context.iter().flat_map(|copy| copy.rsplit_once(' ').unwrap().0.split(' '));
    let paths: Vec<&str> = paths.collect();
    for source in &paths {
        assert!(root().join(source).exists(), "{source}");
    }
    // Cargo finds in it what it finds here.
    let folder = Folder::new("context");
    for source in &paths {
        std::os::unix::fs::symlink(root().join(source), folder.file(source)).unwrap();
    }
    assert_eq!(targets(folder.path()), targets(&root()));
    // What it builds is what it takes.
    let runs = named(&all, "RUN").join("\n");
    let package = env!("CARGO_PKG_NAME");
    assert!(runs.contains(&format!("cargo build --release --locked --package {package}")));
    let program = "/src/target/release/outlive /usr/local/bin/outlive";
    assert_eq!(built, [format!("--from=build {program}")]);
}

#[tokio::test]
async fn what_the_containerfile_starts_needs_a_token_and_no_root() {
    let all = instructions();
    let [entry] = named(&all, "ENTRYPOINT")[..] else { panic!("one ENTRYPOINT") };
    let entry: Vec<String> = serde_json::from_str(entry).unwrap();
    let mut words: Vec<&str> = entry.iter().map(String::as_str).collect();
    assert_eq!(words.remove(0), "outlive");
    words.push("--print-config");
    let (code, said) = guard("it", outcome(&words)).await;
    assert_eq!(code, Some(2));
    assert!(said.contains("--token"), "{said}");
    let started = outlive(&words).env("OUTLIVE_TOKEN", "T").output().await.unwrap();
    assert!(started.status.success());
    let config = String::from_utf8(started.stdout).unwrap();
    let [port] = named(&all, "EXPOSE")[..] else { panic!("one EXPOSE") };
    assert!(config.contains(&format!("listen = \"0.0.0.0:{port}\"")), "{config}");
    // The store is in the folder that is kept, and that is the user's own.
    let [kept] = named(&all, "VOLUME")[..] else { panic!("one VOLUME") };
    assert_eq!(named(&all, "WORKDIR").last(), Some(&kept));
    let [user] = named(&all, "USER")[..] else { panic!("one USER") };
    let runs = named(&all, "RUN").join("\n");
    assert!(user != "root" && runs.contains(&format!("--home-dir {kept} --create-home {user}")));
    assert_eq!(named(&all, "STOPSIGNAL"), ["SIGTERM"]);
}
