//! Logs: ranges, edges, and lines of every kind.

use bytes::Bytes;

use super::check::CheckResult;
use super::model::{SessionModel, owned};
use crate::store::Store;
use outlive::ids::Seq;

pub(super) async fn every_range<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let store = owned(reopen).await?;
    let mut model = SessionModel::new("ranges")?;
    for count in [1, 1, 2, 5, 1, 3, 0, 8, 1, 1, 4] {
        model.add(&store, count).await?;
    }
    for from in 1..=model.head() {
        for to in from..=model.head() {
            model.reads(&store, from, to).await?;
        }
    }
    Ok(())
}

pub(super) async fn outside_is_trimmed<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let store = owned(reopen).await?;
    let mut model = SessionModel::new("edges")?;
    model.reads(&store, 1, 1).await?;
    model.add(&store, 0).await?;
    for (from, to) in [(0, 0), (0, 1), (1, 1)] {
        model.reads(&store, from, to).await?;
    }
    for count in [4, 1, 6] {
        model.add(&store, count).await?;
    }
    for base in [0, 3, 11] {
        model.commit(&store, model.adding(Vec::new(), base)).await?;
        let far = [u64::from(u32::MAX), Seq::MAX.0, u64::MAX - 1, u64::MAX];
        let places: Vec<u64> = (0..=model.head() + 2).chain(far).collect();
        for from in &places {
            for to in &places {
                model.reads(&store, *from, *to).await?;
            }
        }
    }
    let nobody = SessionModel::new("nobody")?;
    nobody.reads(&store, 1, 1).await
}

pub(super) async fn bounded_in_bytes<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let store = owned(reopen).await?;
    let mut model = SessionModel::new("large")?;
    let large = |size: usize| -> Bytes { format!("\"{}\"", "x".repeat(size - 2)).into() };
    // Alone, and many at once: smaller and larger than what a store may keep together.
    for sizes in [vec![100], vec![400_000], vec![10, 20, 30], vec![70_000; 5], vec![2; 9]] {
        let lines = sizes.into_iter().map(large).collect();
        model.commit(&store, model.adding(lines, 0)).await?;
    }
    let head = model.head();
    let edges = [0, 1, 2, 29, 30, 31, 59, 60, 61, 100, 399_999, 400_000, 400_100, usize::MAX];
    for bytes in edges.into_iter().chain((65_000..800_000).step_by(35_000)) {
        for from in 1..=head {
            for to in [from, (from + 3).min(head), head] {
                model.reads_within(&store, from, to, bytes).await?;
            }
        }
    }
    model.commit(&store, model.adding(Vec::new(), 4)).await?;
    for (from, to) in [(4, head), (5, head + 1), (5, head)] {
        model.reads_within(&store, from, to, 0).await?;
    }
    Ok(())
}

pub(super) async fn base_moves<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let store = owned(reopen).await?;
    let mut model = SessionModel::new("trimmed")?;
    model.add(&store, 9).await?;
    // Into what was committed at once, to its end, over several, and over what comes with the same step.
    for (count, base) in
        [(3, 2), (0, 5), (1, 9), (5, 9), (2, 11), (4, 22), (3, 27), (0, 27), (1, 27)]
    {
        model.commit(&store, model.adding(model.fresh(count), base)).await?;
        model.recorded(&store).await?;
        for from in model.base().saturating_sub(1)..=model.head() {
            model.reads(&store, from, from).await?;
            model.reads(&store, from, model.head()).await?;
        }
    }
    // A window that moves, as under a limit of retained entries.
    for step in 0..300_usize {
        let count = step % 4;
        let head = model.head() + count as u64;
        let base = model.base().max(head.saturating_sub(10));
        model.commit(&store, model.adding(model.fresh(count), base)).await?;
        if step % 7 == 0 {
            model.holds(&store).await?;
            model.reads(&store, model.base(), model.head()).await?;
        }
    }
    drop(store);
    let store = owned(reopen).await?;
    model.reads(&store, model.base(), model.head()).await?;
    model.holds(&store).await?;
    // A long log that is trimmed at once.
    for _ in 0..60 {
        model.add(&store, 5).await?;
    }
    model.commit(&store, model.adding(model.fresh(1), model.head())).await?;
    model.holds(&store).await?;
    model.reads(&store, model.base(), model.head()).await?;
    model.add(&store, 2).await?;
    model.holds(&store).await
}

pub(super) async fn large_and_strange<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let store = owned(reopen).await?;
    let mut model = SessionModel::new("-Strange_names-0")?;
    let large = |size: usize| -> Bytes { format!("\"{}\"", "x".repeat(size)).into() };
    let strange: Vec<Bytes> = [
        "{}",
        "\"\\n\\r\\u0000\\\\\\\"\"",
        " {\t\"a\" : 1 } ",
        "\"Grüße, мир, 世界, עולם, 🦀👩‍👩‍👧, e\u{301}, \u{2028}, \u{85}, \u{feff}, \u{10ffff}\"",
        "\"'; DROP TABLE session; --\"",
        "\"\u{7f}%s?1:a@b$c\"",
        "1e400",
        "null",
    ]
    .into_iter()
    .map(Bytes::from)
    .collect();
    for line in &strange {
        model.commit(&store, model.adding(vec![line.clone()], 0)).await?;
    }
    model.commit(&store, model.adding(strange.clone(), 0)).await?;
    model.holds(&store).await?;
    let sizes = [1 << 20, 1, 65_535, 65_536, 65_537, (1 << 20) + 1].map(large);
    model.commit(&store, model.adding(sizes.to_vec(), 0)).await?;
    model.holds(&store).await?;
    model.reads(&store, model.head() - 2, model.head() - 1).await?;
    model.add(&store, 10_000).await?;
    model.holds(&store).await?;
    for place in (1..=model.head()).step_by(397) {
        model.reads(&store, place, (place + 3).min(model.head())).await?;
    }
    // The longest name there is.
    let longest: String = "n".repeat(64);
    let mut longest = SessionModel::new(&longest)?;
    longest.commit(&store, longest.adding(sizes.to_vec(), 0)).await?;
    drop(store);
    let store = owned(reopen).await?;
    longest.holds(&store).await?;
    model.holds(&store).await
}
