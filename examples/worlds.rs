//! Temporary.
use outlive::check::{
    Search,
    world::{Bytes, World, scopes},
};
fn main() {
    let only = std::env::args().nth(1).filter(|s| s != "all");
    let max: u64 = std::env::args().nth(2).and_then(|s| s.parse().ok()).unwrap_or(20_000_000);
    let mut hit = std::collections::BTreeMap::<String, u64>::new();
    for scope in scopes::DEFAULT {
        if only.as_deref().is_some_and(|n| n != scope.name) {
            continue;
        }
        let world = World::new(scope.clone()).unwrap();
        let r = Search::packed(&world, Bytes)
            .threads(2)
            .max_states(max)
            .allow_idle_classes()
            .allow_idle_counters()
            .run();
        println!(
            "== {} {:?} states {} transitions {} depth {} {:.1}s {:.0} B",
            r.name, r.outcome, r.states, r.transitions, r.depth, r.seconds, r.bytes_per_state
        );
        for v in &r.violations {
            println!("{}", v.story(&world));
        }
        for c in &r.counters {
            *hit.entry(c.name.clone()).or_default() += c.count;
        }
    }
    let zero: Vec<_> = hit.iter().filter(|c| *c.1 == 0).map(|c| c.0.as_str()).collect();
    println!("zero: {zero:?}");
}
