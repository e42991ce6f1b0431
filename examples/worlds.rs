//! Temporary.
use outlive::check::{Search, world::{World, Bytes, scopes}};
fn main() {
    let only = std::env::args().nth(1);
    let max: u64 = std::env::args().nth(2).and_then(|s| s.parse().ok()).unwrap_or(20_000_000);
    for scope in scopes::DEFAULT {
        if only.as_deref().is_some_and(|n| n != scope.name) { continue }
        let world = World::new(scope.clone()).unwrap();
        let r = Search::packed(&world, Bytes).threads(2).max_states(max).allow_idle_classes().allow_idle_counters().run();
        println!("== {} {:?} states {} transitions {} depth {} {:.1}s", r.name, r.outcome, r.states, r.transitions, r.depth, r.seconds);
        for v in &r.violations { println!("{}", v.story(&world)); }
        let zero: Vec<_> = r.counters.iter().filter(|c| c.count == 0).map(|c| c.name.as_str()).collect();
        println!("zero: {zero:?}");
    }
}
