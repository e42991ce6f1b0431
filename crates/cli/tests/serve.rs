//! `outlive serve`: what it says when it cannot.

use super::run;

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
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = run(&["serve", "--listen", &address]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains(&address) && run.err.contains("another port"), "{}", run.err);
}

#[test]
fn wrong_flags_end_with_2() {
    for args in [&["serve", "--listen", "here"][..], &["serve", "--durability", "some"]] {
        assert_eq!(run(args).code, 2, "{args:?}");
    }
    assert!(run(&["serve", "--help"]).out.contains("Examples:"));
}
