//! Plain requests.

use serde_json::json;

use outlive_testkit::endpoints::{Server, entry};

#[tokio::test]
async fn a_prompt_is_accepted_once_whatever_its_form() {
    let server = Server::new().await;
    let session = server.session().await;
    let prompts = format!("{session}/prompts");
    let body = r#"{"client":"laptop","n":1,"d":"one two"}"#;
    let first = server.request("POST", &prompts, &[], body).await;
    assert_eq!((first.status, first.json()), (202, json!({ "n": 1, "seq": 1, "again": false })));
    let again = server.request("POST", &prompts, &[], body).await;
    assert_eq!((again.status, again.json()["again"].clone()), (200, json!(true)));
    for key in ["laptop.1", "\"laptop.1\""] {
        let keyed =
            server.request("POST", &prompts, &[("idempotency-key", key)], "\"one two\"").await;
        assert_eq!(keyed.status, 200, "{keyed:?}");
    }
    let other =
        server.request("POST", &prompts, &[("idempotency-key", "laptop.1")], "\"three\"").await;
    assert_eq!(other.status, 422);
    assert_eq!(other.json()["reason"], "conflict");
}

#[tokio::test]
async fn a_body_is_the_same_however_it_is_laid_out() {
    let server = Server::new().await;
    let session = server.session().await;
    let prompts = format!("{session}/prompts");
    let key = [("idempotency-key", "laptop.1")];
    let spread = server.request("POST", &prompts, &key, "{\n\"a\" : 1}").await;
    assert_eq!(spread.status, 202);
    let dense = server.request("POST", &prompts, &key, "{\"a\":1}").await;
    assert_eq!(dense.status, 200, "{dense:?}");
    let (mut socket, welcome) = server.attach(&session, "laptop", None).await;
    assert_eq!(welcome["high"], 1);
    socket
        .send(tokio_tungstenite::tungstenite::Message::text(
            "{\"t\":\"prompt\",\"n\":1,\"d\":{ \"a\":1}}",
        ))
        .await
        .unwrap();
    let said = socket.until(|frame| frame["t"] != "ev").await;
    assert_eq!(said.last().unwrap()["again"], true, "{said:?}");
}

#[tokio::test]
async fn null_is_a_body_over_http_and_over_a_socket() {
    let server = Server::new().await;
    let session = server.session().await;
    let prompts = format!("{session}/prompts");
    let none = json!({ "client": "post", "n": 1, "d": null });
    assert_eq!(server.post(&prompts, &none).await.status, 202);
    let key = [("idempotency-key", "post.2")];
    assert_eq!(server.request("POST", &prompts, &key, "null").await.status, 202);
    let missing = server.post(&prompts, &json!({ "client": "post", "n": 3 })).await;
    assert_eq!(missing.status, 400);
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    socket.say(&json!({ "t": "prompt", "n": 1, "d": null })).await;
    let said = socket.until(|frame| frame["t"] != "ev").await;
    assert_eq!(said.last().unwrap()["t"], "accepted", "{said:?}");
    socket.prompt(2, "ask").await;
    let asked = socket.until(entry("ask")).await;
    let id = asked.last().unwrap()["id"].as_str().unwrap();
    let ask: u64 = id.split('.').nth(1).unwrap().parse().unwrap();
    let answered = server
        .post(&format!("{session}/asks/{ask}"), &json!({ "client": "phone", "d": null }))
        .await;
    assert_eq!(answered.status, 202, "{answered:?}");
    let frames = socket.until(entry("turn_end")).await;
    let output = frames.iter().find(|frame| frame["entry"] == "output").unwrap();
    assert!(output["d"].is_null(), "{output}");
}

#[tokio::test]
async fn a_refusal_names_the_rule_and_what_would_be_right() {
    let server = Server::new().await;
    let session = server.session().await;
    let prompts = format!("{session}/prompts");
    let gap = server.post(&prompts, &json!({ "client": "laptop", "n": 3, "d": 1 })).await;
    assert_eq!(gap.status, 409);
    let said = gap.json();
    assert_eq!((&said["error"], &said["reason"]), (&json!("refused"), &json!("gap")));
    assert_eq!(
        (&said["n"], &said["expected"], &said["rule"]),
        (&json!(3), &json!(1), &json!("P4"))
    );
    assert_eq!(said["message"], outlive::Reason::Gap.meaning());
    let method = server.request("PATCH", &session, &[], "").await;
    assert_eq!((method.status, &method.json()["error"]), (405, &json!("method")));
    assert!(method.headers["allow"].contains("GET"), "{method:?}");
}

#[tokio::test]
async fn what_cannot_be_read_is_told_with_its_place() {
    let server = Server::new().await;
    let session = server.session().await;
    let prompts = format!("{session}/prompts");
    for (path, headers, body, at) in [
        (&prompts, &[][..], "{", "the body"),
        (&prompts, &[][..], r#"{"client":"laptop","n":0,"d":1}"#, "the body"),
        (&prompts, &[][..], r#" ["laptop",1,1]"#, "the body"),
        (&prompts, &[][..], r#""hello""#, "the body"),
        (&prompts, &[("idempotency-key", "laptop")][..], "1", "header Idempotency-Key"),
        (&prompts, &[("idempotency-key", "laptop.1")][..], "}", "the body"),
        (&format!("{session}/interrupt"), &[][..], r#"{"turn":"x"}"#, "the body"),
        (&format!("{session}/asks/x"), &[][..], r#"{"client":"laptop","d":1}"#, "the path"),
        (
            &format!("{session}/suspend"),
            &[][..],
            r#"{"client":"a","connection":"?","seen":1}"#,
            "connection",
        ),
    ] {
        let told = server.request("POST", path, headers, body).await;
        assert_eq!(told.status, 400, "{body}");
        let said = told.json();
        assert_eq!((&said["error"], &said["at"]), (&json!("malformed"), &json!(at)), "{said}");
        assert!(said["right"].is_string());
        // Words for people, and no type of ours.
        assert!(!said["message"].as_str().unwrap().contains("struct"), "{said}");
    }
    let nobody = server.post(&prompts, &json!({ "client": "", "n": 1, "d": 1 })).await;
    assert_eq!(nobody.status, 400);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_not_read() {
    let options = outlive_server::hub::HubOptions::default().body_bytes(1_000);
    let server = Server::with(options, |endpoints| endpoints).await;
    let session = server.session().await;
    for size in [1_000, 100_000] {
        let told = server
            .post(
                &format!("{session}/prompts"),
                &json!({ "client": "a", "n": 1, "d": "x".repeat(size) }),
            )
            .await;
        assert_eq!((told.status, told.json()["error"].clone()), (413, json!("too_big")));
    }
    let session = server.get(&session).await;
    assert_eq!(session.json()["head"], 0);
}

#[tokio::test]
async fn a_session_can_be_looked_at_and_one_that_is_not_there_cannot() {
    let server = Server::new().await;
    let session = server.session().await;
    let made = server.get(&session).await;
    assert_eq!(made.status, 200);
    assert_eq!((&made.json()["state"], &made.json()["head"]), (&json!("CREATED"), &json!(0)));
    for path in ["/sessions/s_nobody", "/sessions/no%20name", "/sessions/s_nobody/events"] {
        let none = server.get(path).await;
        assert_eq!(
            (none.status, none.json()["error"].clone()),
            (404, json!("not_found")),
            "{path}"
        );
    }
    for path in ["prompts", "interrupt", "stop"] {
        let path = format!("/sessions/s_nobody/{path}");
        let body = json!({ "client": "a", "n": 1, "d": 1, "turn": 1 });
        assert_eq!(server.post(&path, &body).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn turns_are_interrupted_and_sessions_stopped_by_request() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    socket.prompt(1, "hold").await;
    socket.until(|frame| frame["d"] == "holding").await;
    assert_eq!(
        server.post(&format!("{session}/interrupt"), &json!({ "turn": 1 })).await.status,
        202
    );
    socket.until(entry("turn_end")).await;
    let late = server.post(&format!("{session}/interrupt"), &json!({ "turn": 1 })).await;
    assert_eq!((late.status, late.json()["ignored"].clone()), (200, json!("stale")));
    let stop = format!("{session}/stop");
    let other = server.post(&stop, &json!({ "incarnation": 9 })).await;
    assert_eq!((other.status, other.json()["ignored"].clone()), (200, json!("stale")));
    assert_eq!(server.request("POST", &stop, &[], "").await.status, 202);
    socket.until(entry("end")).await;
}

#[tokio::test]
async fn an_ask_is_answered_by_request_and_only_once() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    socket.prompt(1, "ask").await;
    socket.until(entry("ask")).await;
    let path = format!("{session}/asks/2");
    let answer = json!({ "client": "phone", "d": "yes" });
    assert_eq!(server.post(&path, &answer).await.status, 202);
    let frames = socket.until(entry("answer")).await;
    assert_eq!(frames.last().unwrap()["client"], "phone");
    let late = server.post(&path, &answer).await;
    assert_eq!((late.status, late.json()["ask"].clone()), (409, json!(2)));
}

#[tokio::test]
async fn a_suspend_notice_by_request_suspends_the_connection_it_names() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut laptop, welcome) = server.attach(&session, "laptop", None).await;
    laptop.prompt(1, "hold").await;
    laptop.until(|frame| frame["d"] == "holding").await;
    let notice = json!({ "client": "laptop", "connection": welcome["connection"], "seen": 2 });
    assert_eq!(server.post(&format!("{session}/suspend"), &notice).await.status, 202);
    // The notice is a fact: it comes before the next command.
    assert_eq!(server.get(&session).await.json()["state"], "SUSPENDED");
}
