//! `outlive serve`: what it says when it cannot.

use outlive_testkit::place::Place;

use super::{command, run};

#[test]
fn a_server_for_others_needs_a_token() {
    let run = run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("--token") && run.err.contains("127.0.0.1"), "{}", run.err);
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    for option in ["--store", "--record"] {
        let run = run(&["serve", "--listen", "127.0.0.1:0", option, "/nowhere/at/all"]);
        assert_eq!(run.code, 2);
        assert!(run.err.contains("/nowhere/at/all cannot be used"), "{}", run.err);
    }
}

#[test]
fn a_port_that_is_taken_is_named_and_no_file_is_created() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let place = Place::new();
    let (store, record) = (place.file(), place.folder().join("run.jsonl"));
    let (store, record) = (store.to_str().unwrap(), record.to_str().unwrap());
    let run = run(&["serve", "--listen", &address, "--store", store, "--record", record]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains(&address) && run.err.contains("another port"), "{}", run.err);
    assert_eq!(std::fs::read_dir(place.folder()).unwrap().count(), 0);
}

#[test]
fn wrong_flags_end_with_2() {
    for args in [&["serve", "--listen", "here"][..], &["serve", "--durability", "some"]] {
        assert_eq!(run(args).code, 2, "{args:?}");
    }
    assert!(run(&["serve", "--help"]).out.contains("Examples:"));
}

#[test]
fn a_backend_that_is_no_url_is_named_with_what_would_be_right_and_nothing_is_started() {
    let place = Place::new();
    let store = place.file();
    let base = ["serve", "--listen", "127.0.0.1:0", "--store", store.to_str().unwrap()];
    let right = "http://localhost:8000/answer";
    for (flags, parts) in [
        (&["--backend", "localhost:8000/answer"][..], &["--backend <URL>", right][..]),
        (&["--backend", "garbage"], &["http://127.0.0.1:8000", "openai+http://127.0.0.1:8000/v1"]),
        (&["--backend", "unix:app.sock"], &["absolute path", "unix:/run/app.sock:/answer"]),
        (
            &["--backend", right, "--backend-closeout", "/closeout"],
            &["--backend-closeout", "http://"],
        ),
        (&["--backend", right, "--backend-history-url", "unix:/run/a.sock"], &["http or https"]),
        (&["--backend", right, "--backend-interrupt-timeout", "10"], &["10 is not in 1..=9"]),
        (&["--backend-interrupt", right], &["--backend <URL>"]),
    ] {
        let run = run(&[&base, flags].concat());
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{flags:?}");
        for part in parts {
            assert!(run.err.contains(part), "{} has no {part}", run.err);
        }
    }
    assert_eq!(std::fs::read_dir(place.folder()).unwrap().count(), 0);
}

#[test]
fn a_model_needs_its_name_and_a_key_that_can_be_sent_and_nothing_is_started() {
    let place = Place::new();
    let (key, none) = (place.folder().join("key"), place.folder().join("none"));
    std::fs::write(&key, "hush hush\nand more\n").unwrap();
    std::fs::write(&none, "\n").unwrap();
    let [key, none] = [key, none].map(|file| file.to_str().unwrap().to_owned());
    let store = place.file();
    let base = ["serve", "--listen", "127.0.0.1:0", "--store", store.to_str().unwrap()];
    let (own, url) = ("http://127.0.0.1:8000/answer", "openai+http://127.0.0.1:8000/v1");
    let full = "openai+http://127.0.0.1:8000/v1/chat/completions";
    let named = ["--backend", url, "--backend-model", "small"];
    for (flags, parts) in [
        (&["--backend", url][..], &["which model", url, "--backend-model NAME"][..]),
        (&["--backend", "openai+localhost:1"], &["http://localhost:1", "openai+http://"]),
        (
            &["--backend", full, "--backend-model", "small"],
            &["no base", "http://127.0.0.1:8000/v1"],
        ),
        (&["--backend", own, "--backend-model", "small"], &["--backend-model", "openai+http"]),
        (&["--backend-model", "small"], &["--backend <URL>"]),
        (&["--backend", own, "--backend-system", "Be brief."], &["--backend-model <NAME>"]),
        (&[&named[..], &["--backend-key-file", &key]].concat(), &[&key, "no header"]),
        (&[&named[..], &["--backend-key-file", &none]].concat(), &[&none, "empty"]),
        (&[&named[..], &["--backend-key-file", "/nowhere"]].concat(), &["/nowhere cannot be read"]),
        (&[&named[..], &["--backend-history-url", "http://a"]].concat(), &["no URL of a history"]),
    ] {
        let run = run(&[&base, flags].concat());
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{flags:?}");
        for part in parts {
            assert!(run.err.contains(part), "{} has no {part}", run.err);
        }
        assert!(!run.err.contains("hush"), "{}", run.err);
    }
    let run = command(&[&base, &named[..]].concat()).env("OUTLIVE_BACKEND_KEY", "hush\n").output();
    let run = run.unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert!(said.contains("OUTLIVE_BACKEND_KEY: ") && !said.contains("hush"), "{said}");
    assert_eq!(std::fs::read_dir(place.folder()).unwrap().count(), 2);
}

#[test]
fn a_key_that_is_none_is_named_with_what_would_be_right_and_nothing_is_started() {
    let place = Place::new();
    let key = place.folder().join("key");
    std::fs::write(&key, "hunter2").unwrap();
    let (store, key) = (place.file(), key.to_str().unwrap());
    let base = ["serve", "--listen", "127.0.0.1:0", "--store", store.to_str().unwrap()];
    let url = "http://127.0.0.1:8000/may";
    for (flags, parts) in [
        (&["--jwt-key", key][..], &["--jwt-key", key, "too short: 7 bytes", "32 bytes"][..]),
        (&["--jwks", key], &["--jwks", key, "the key set: ", r#"{"keys":[…]}"#]),
        (&["--jwks", "/nowhere"], &["--jwks: /nowhere cannot be read"]),
        (&["--authorize", "127.0.0.1:8000"], &["--authorize <URL>", "http://127.0.0.1:8000"]),
        (&["--authorize", url, "--token", "T"], &["--authorize <URL>", "--token <TOKEN>"]),
        (&["--authorize", url, "--jwks", key], &["--authorize <URL>", "--jwks <FILE>"]),
        (&["--jwt-key", key, "--jwks", key], &["--jwt-key <FILE>", "--jwks <FILE>"]),
        (&["--jwt-key", key, "--token", "T"], &["--jwt-key <FILE>", "--token <TOKEN>"]),
        (&["--jwt-aud", "chat"], &["--jwt-key <FILE>"]),
        (&["--authorize-header", "x-team"], &["--authorize <URL>"]),
    ] {
        let run = run(&[&base, flags].concat());
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{flags:?}");
        for part in parts {
            assert!(run.err.contains(part), "{} has no {part}", run.err);
        }
    }
    assert_eq!(std::fs::read_dir(place.folder()).unwrap().count(), 1);
}

#[test]
fn a_node_needs_an_address_a_secret_and_a_store_that_others_have() {
    let place = Place::new();
    let [secret, short] = ["secret", "short"].map(|name| place.folder().join(name));
    std::fs::write(&secret, "hush hush hush hush\nand more\n").unwrap();
    std::fs::write(&short, "hush\n").unwrap();
    let [secret, short] = [&secret, &short].map(|file| file.to_str().unwrap());
    let store = place.file();
    let file = ["--store", store.to_str().unwrap()];
    let shared = ["--store", "postgres://chat@db.example/chat"];
    let at = ["--advertise", "10.0.0.1:7879"];
    let of = |file| ["--cluster-secret-file", file];
    let both = [at, of(secret)].concat();
    for (flags, parts) in [
        (at.to_vec(), &["--cluster-secret-file <FILE>"][..]),
        (of(secret).to_vec(), &["--advertise <HOST:PORT>"]),
        (both.clone(), &["--advertise", "belongs to one process"]),
        ([&["--store", "memory"], &both[..]].concat(), &["belongs to one process"]),
        ([shared, at, of(short)].concat(), &[short, "4 bytes", "16 or more"]),
        ([shared, at, of("/nowhere")].concat(), &["/nowhere cannot be read"]),
        (["--lease", "3"].to_vec(), &["--lease", "postgres://", "belongs to one process"]),
        ([&["--store", "memory"], &["--lease", "3"][..]].concat(), &["belongs to one process"]),
        ([shared, ["--lease", "0"]].concat(), &["--lease <SECONDS>", "1..=3600"]),
        ([shared, ["--lease", "3601"]].concat(), &["--lease <SECONDS>", "1..=3600"]),
        ([shared, ["--lease", "2.5"]].concat(), &["--lease <SECONDS>"]),
        (["--advertise", "7879"].to_vec(), &["--advertise <HOST:PORT>", "10.0.0.1:7879"]),
        (["--advertise", "fd00::1:7879"].to_vec(), &["[fd00::1]:7879"]),
        (["--advertise", "http://a:1"].to_vec(), &["node-1:7879"]),
        (["--advertise", "10.0.0.1:0"].to_vec(), &["could not know which port"]),
    ] {
        let named = flags.contains(&"--store");
        let base: &[&str] = &["serve", "--listen", "127.0.0.1:0"];
        let run = run(&[base, if named { &[] } else { &file }, &flags].concat());
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{flags:?}: {}", run.err);
        for part in parts {
            assert!(run.err.contains(part), "{flags:?}: {} has no {part}", run.err);
        }
        assert!(!run.err.contains("hush"), "{}", run.err);
    }
    assert_eq!(std::fs::read_dir(place.folder()).unwrap().count(), 2);
}
