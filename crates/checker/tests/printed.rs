//! A test as a violation prints it, with the model repaired; `stories` holds it against the print.

/// at most one client holds the lock
#[test]
fn one_holder() {
    let model = super::lock::CAREFUL;
    let actions = [
        "0 looks",
        "1 looks",
        "0 takes",
        "1 takes",
    ];
    let replay = outlive_checker::replay(&model, 0, &actions);
    replay.assert_lawful(&model);
}
