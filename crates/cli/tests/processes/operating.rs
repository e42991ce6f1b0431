//! docs/operating.md, held against the process that it describes: health, metrics, logs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::child::{Folder, Serving, outcome};
use super::kill::guard;
use outlive_testkit::endpoints::{Site, entry};

const ANY: &str = "127.0.0.1:0";

#[tokio::test]
async fn while_it_drains_it_is_alive_and_not_ready() {
    let folder = Folder::new("drains");
    let server = Serving::start(ANY, &folder.file("outlive.db"), &[]).await;
    let session = server.site.session().await;
    let (mut page, _) = server.site.attach(&session, "page", None).await;
    assert_eq!(server.site.get("/healthz").await.status, 200);
    let ready = server.site.get("/readyz").await;
    assert_eq!((ready.status, ready.json()["ready"].clone()), (200, json!(true)));
    // It waits for the answer, and drains for as long.
    page.prompt(1, "/ask").await;
    let frames = guard("the ask", page.until(entry("ask"))).await;
    let ask = frames.last().unwrap()["id"].as_str().unwrap().rsplit_once('.').unwrap().1.to_owned();
    server.terminate().await;
    assert_eq!(guard("the close", page.code()).await, 1012);
    let ready = server.site.get("/readyz").await;
    assert_eq!((ready.status, ready.json()["error"].clone()), (503, json!("draining")));
    assert_eq!(server.site.get("/healthz").await.status, 200);
    let answer = json!({ "client": "page", "d": true });
    let told = server.site.post(&format!("{session}/asks/{ask}"), &answer).await;
    assert_eq!(told.status, 202, "{}", told.body);
    let (code, said) = guard("the server", server.left()).await;
    assert_eq!(code, Some(0), "{said}");
}

/// A metric: its type, its labels and its sentence.
type Metric = (String, BTreeSet<String>, String);

/// What `/metrics` prints, each metric under the name that it is queried by.
fn metrics(text: &str) -> BTreeMap<String, Metric> {
    let mut all: BTreeMap<String, Metric> = BTreeMap::new();
    let mut help = BTreeMap::new();
    let mut kinds = BTreeMap::new();
    for line in text.lines() {
        if let Some(line) = line.strip_prefix("# HELP ") {
            let (name, sentence) = line.split_once(' ').unwrap();
            help.insert(name, sentence);
        } else if let Some(line) = line.strip_prefix("# TYPE ") {
            let (name, kind) = line.split_once(' ').unwrap();
            kinds.insert(name, kind);
        } else if !line.starts_with('#') {
            let (series, _) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let parts = ["_bucket", "_count", "_sum"];
            let whole = parts.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
            let family = whole.strip_suffix("_total").unwrap_or(whole);
            let labels = labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty());
            let labels = labels.map(|label| label.split_once('=').unwrap().0.to_owned());
            let metric = all.entry(whole.to_owned()).or_insert_with(|| {
                (kinds[family].to_owned(), BTreeSet::new(), help[family].to_owned())
            });
            // Of a histogram: where its bucket ends.
            metric.1.extend(labels.filter(|label| label != "le"));
        }
    }
    all
}

/// What the page says of them.
fn documented() -> BTreeMap<String, Metric> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operating.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `outlive_"));
    let rows = rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, sentence] = cells[..] else { panic!("{row}") };
        let labels = labels.split(", ").filter(|label| !label.is_empty());
        let labels = labels.map(|label| label.trim_matches('`').to_owned()).collect();
        (name.trim_matches('`').to_owned(), (kind.to_owned(), labels, sentence.to_owned()))
    });
    rows.collect()
}

async fn scrape(site: Site) -> String {
    let scraped = site.get("/metrics").await;
    assert_eq!(scraped.status, 200);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(scraped.headers["content-type"], kind);
    assert!(scraped.body.ends_with("# EOF\n"));
    scraped.body
}

/// The sum of the series that begin so.
fn sum(text: &str, series: &str) -> u64 {
    let lines = text.lines().filter(|line| line.starts_with(series));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn the_metrics_are_those_of_the_page_and_count_what_happens() {
    let folder = Folder::new("metrics");
    let server = Serving::start(ANY, &folder.file("outlive.db"), &[]).await;
    let session = server.site.session().await;
    let (mut first, _) = server.site.attach(&session, "laptop", None).await;
    // The newer connection of a client wins.
    let (mut second, _) = server.site.attach(&session, "laptop", None).await;
    assert_eq!(guard("the close", first.code()).await, 4009);
    second.prompt(1, "/fast 30").await;
    guard("the end", second.until(entry("turn_end"))).await;
    drop(first);
    let closed = "outlive_closes_total{code=\"4009\"} 1";
    let text = guard("the close", async {
        loop {
            let text = scrape(server.site).await;
            if text.contains(closed) {
                return text;
            }
        }
    });
    let text = text.await;
    assert_eq!(metrics(&text), documented(), "the table of docs/operating.md is right so");

    assert_eq!(sum(&text, "outlive_sessions{"), 1, "{text}");
    assert_eq!(sum(&text, "outlive_connections "), 1, "{text}");
    assert_eq!(sum(&text, "outlive_viewers "), 1, "{text}");
    assert_eq!(sum(&text, "outlive_rows_total{rule=\"W2\",verdict=\"stay\"}"), 1, "{text}");
    // The prompt, its answers, and how it ended.
    assert_eq!(sum(&text, "outlive_entries_total "), 32, "{text}");
    let commits = sum(&text, "outlive_commits_total{kept=\"true\"}");
    assert!(commits > 1, "{text}");
    assert_eq!(sum(&text, "outlive_commits_total{kept=\"false\"}"), 0, "{text}");
    assert_eq!(sum(&text, "outlive_commit_seconds_count "), commits, "{text}");
    drop(second);
    // A connection that was cut is counted as one.
    guard("the cut", async {
        while !scrape(server.site).await.contains("outlive_closes_total{code=\"none\"} 1") {}
    })
    .await;
}

#[tokio::test]
async fn the_metrics_are_for_those_who_know_the_token() {
    let folder = Folder::new("scraped");
    let config = folder.file("outlive.toml");
    std::fs::write(&config, "token = \"T\"\n").unwrap();
    let words = ["--config", config.to_str().unwrap()];
    let server = Serving::start(ANY, &folder.file("outlive.db"), &words).await;
    assert_eq!(server.site.get("/metrics").await.status, 401);
    for (token, status) in [("Bearer t", 401), ("Bearer T", 200)] {
        let told = server.site.request("GET", "/metrics", &[("Authorization", token)], "").await;
        assert_eq!(told.status, status, "{token}");
    }
    for open in ["/healthz", "/readyz"] {
        assert_eq!(server.site.get(open).await.status, 200, "{open}");
    }
}

/// Each line of a log, as the object that it is.
fn objects(log: &str) -> Vec<Value> {
    let objects = log.lines().map(|line| {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        for field in ["timestamp", "level", "target", "message"] {
            assert!(object[field].is_string(), "{line} has no {field}");
        }
        object
    });
    objects.collect()
}

#[tokio::test]
async fn a_log_in_json_is_an_object_a_line_whatever_happens() {
    let folder = Folder::new("json");
    let words = ["--log-format", "json"];
    let server = Serving::start(ANY, &folder.file("outlive.db"), &words).await;
    let session = server.site.session().await;
    let (mut page, _) = server.site.attach(&session, "page", None).await;
    page.prompt(1, "/panic").await;
    guard("the end", page.until(entry("turn_end"))).await;
    server.terminate().await;
    let (code, said) = guard("the server", server.left()).await;
    assert_eq!(code, Some(0), "{said}");
    let says = |level: &str, part: &str| {
        let lines = objects(&said);
        let found = lines
            .iter()
            .any(|line| line["level"] == level && line["message"].as_str().unwrap().contains(part));
        assert!(found, "no {level} of {part}: {said}");
    };
    says("ERROR", "the worker panicked, as it was asked to");
    says("INFO", "draining: connections are closed");

    let taken = TcpListener::bind(ANY).await.unwrap();
    let busy = taken.local_addr().unwrap().to_string();
    let words = ["serve", "--log-format", "json", "--store", "memory", "--listen", &busy];
    let (code, said) = guard("it", outcome(&words)).await;
    assert_eq!(code, Some(2), "{said}");
    let [line] = &objects(&said)[..] else { panic!("{said}") };
    assert_eq!(line["level"], "ERROR");
    assert!(line["message"].as_str().unwrap().contains(&busy), "{said}");
}
