//! Several nodes on one store: each session has one owner at a time, and finds another one when that is gone.

use std::time::Duration;

use futures_util::FutureExt as _;
use outlive::{CloseCode, TurnOutcome};
use outlive_server::hub::{
    Author, ClaimKind, CommandError, Drain, Failure, FenceCause, Hub, HubOptions, NodeEvent, Turn,
};
use outlive_server::store::{Memory, Store};
use outlive_testkit::hub::{Fault, Faulty, Scene, Stage, n, outputs, pass, settle, soon};

const LEASE: Duration = Duration::from_secs(5);

async fn node(store: &Memory, name: &str) -> Stage {
    let memory = store.node(name, name);
    Stage::on(memory.clone(), memory, outlive::Limits::default(), HubOptions::default()).await
}

/// A node whose renewals can be made to fail.
async fn faulty_node(store: &Memory, name: &str) -> (Stage, Faulty) {
    let memory = store.node(name, name);
    let faulty = Faulty::new(memory.clone());
    let (limits, options) = (outlive::Limits::default(), HubOptions::default());
    (Stage::on(faulty.clone(), memory, limits, options).await, faulty)
}

#[tokio::test(start_paused = true)]
async fn a_session_of_a_living_node_is_not_touched() {
    let store = Memory::leased(LEASE);
    let (east, west) = (node(&store, "east").await, node(&store, "west").await);
    let session = east.session().await;
    let mut viewer = east.view(&session, "laptop");
    viewer.welcomed().await;
    assert_eq!(west.prompt(&session, 1, &Scene::Say(1)).await, Err(CommandError::Moved));
    assert_eq!(west.view(&session, "phone").is_closed().await, CloseCode::Moved);
    pass(LEASE * 3).await;
    assert_eq!(west.prompt(&session, 1, &Scene::Say(1)).await, Err(CommandError::Moved));
    assert_eq!(west.hub.loaded_sessions(), 0);
    viewer.prompt(1, &Scene::Say(2)).await;
    viewer.answered(1, TurnOutcome::Completed).await;
    east.done();
    west.done();
}

/// Its renewals are lost, and it does not know: its worker goes on, and nobody hears it.
#[tokio::test(start_paused = true)]
async fn what_a_silent_node_has_goes_on_elsewhere_within_two_leases() {
    let store = Memory::leased(LEASE);
    let (east, faults) = faulty_node(&store, "east").await;
    let west = node(&store, "west").await;
    west.hub.recovered().await;
    let (busy, idle) = (east.session().await, east.session().await);
    let mut viewer = east.view(&busy, "laptop");
    viewer.prompt(1, &Scene::OnCue(2)).await;
    viewer.until(|viewer| viewer.applied.len() == 1).await;
    east.prompt(&busy, 1, &Scene::Say(1)).await.unwrap();
    faults.owners(std::iter::repeat_n(Fault::Fails, 100));
    pass(LEASE * 2).await;
    // Nobody asked for it: the running turn is ambiguous, and what waited was answered.
    assert_eq!(west.hub.loaded_sessions(), 1, "what nobody ever asked has ended");
    let mut other = west.view(&busy, "phone");
    other.ended(1, TurnOutcome::Ambiguous).await;
    other.ended(2, TurnOutcome::Completed).await;
    assert_eq!(outputs(&other.applied, 2), ["1"]);
    west.prompt(&idle, 1, &Scene::Say(1)).await.unwrap();
    // Its worker speaks: what it says is not kept, and its viewer is sent away.
    assert!(east.hub.fenced().now_or_never().is_none(), "nothing has told it");
    east.actor.cues.add_permits(2);
    assert_eq!(viewer.is_closed().await, CloseCode::Moved);
    assert!(outputs(&viewer.applied, 1).is_empty());
    assert_eq!(east.prompt(&busy, 2, &Scene::Say(1)).await, Err(CommandError::Moved));
    faults.heals();
    assert_eq!(soon(east.hub.fenced()).await, FenceCause::Refused);
    east.done();
    west.done();
}

/// All leases are over by then, and nobody judges by that.
#[tokio::test(start_paused = true)]
async fn a_database_that_is_away_for_some_leases_costs_nobody_a_session() {
    let store = Memory::leased(LEASE);
    let (east, faults) = faulty_node(&store, "east").await;
    let (west, more) = faulty_node(&store, "west").await;
    let session = east.session().await;
    east.prompt(&session, 1, &Scene::OnCue(1)).await.unwrap();
    pass(LEASE * 2).await;
    for fault in [Fault::Fails, Fault::Hangs] {
        for faults in [&faults, &more] {
            faults.owners(std::iter::repeat_n(fault, 100));
        }
        pass(LEASE * 3).await;
        more.heals();
        pass(LEASE / 2).await;
        faults.heals();
        pass(LEASE * 3).await;
    }
    east.actor.cues.add_permits(1);
    east.view(&session, "phone").ended(1, TurnOutcome::Completed).await;
    assert!(east.hub.fenced().now_or_never().is_none());
    east.done();
    west.done();
}

/// Work whose results can be kept nowhere is not gone on with for ever.
#[tokio::test(start_paused = true)]
async fn a_node_without_its_database_gives_up_at_last() {
    let (east, faults) = faulty_node(&Memory::leased(LEASE), "east").await;
    let session = east.session().await;
    let mut viewer = east.view(&session, "laptop");
    viewer.prompt(1, &Scene::OnCue(1)).await;
    viewer.until(|viewer| viewer.applied.len() == 1).await;
    faults.owners(std::iter::repeat_n(Fault::Fails, 1_000));
    pass(LEASE + Duration::from_secs(58)).await;
    assert!(east.hub.fenced().now_or_never().is_none());
    pass(Duration::from_secs(3)).await;
    assert_eq!(soon(east.hub.fenced()).await, FenceCause::Abandoned);
    assert_eq!(viewer.is_closed().await, CloseCode::Moved);
    east.done();
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_lost_goes_alone() {
    let store = Memory::leased(LEASE);
    let (east, west) = (node(&store, "east").await, node(&store, "west").await);
    let (lost, kept) = (east.session().await, east.session().await);
    let mut viewer = east.view(&lost, "laptop");
    let mut other = east.view(&kept, "laptop");
    viewer.welcomed().await;
    other.welcomed().await;
    east.memory.release(&lost).await.unwrap();
    west.prompt(&lost, 1, &Scene::Say(1)).await.unwrap();
    assert_eq!(east.prompt(&lost, 1, &Scene::Say(1)).await, Err(CommandError::Moved));
    assert_eq!(viewer.is_closed().await, CloseCode::Moved);
    other.prompt(1, &Scene::Say(1)).await;
    other.answered(1, TurnOutcome::Completed).await;
    pass(LEASE).await;
    assert!(east.hub.fenced().now_or_never().is_none());
    east.done();
    west.done();
}

#[tokio::test(start_paused = true)]
async fn who_drains_gives_its_sessions_up_one_by_one() {
    let store = Memory::leased(LEASE);
    let (east, west) = (node(&store, "east").await, node(&store, "west").await);
    let (idle, busy) = (east.session().await, east.session().await);
    east.prompt(&busy, 1, &Scene::OnCue(1)).await.unwrap();
    east.prompt(&idle, 1, &Scene::Say(1)).await.unwrap();
    settle().await;
    let hub = east.hub.clone();
    let deadline = Duration::from_secs(60);
    let drain = tokio::spawn(async move {
        hub.drain(Drain { window: Duration::ZERO, deadline }).await;
    });
    settle().await;
    // A turn that runs is finished where it is; the other session is there at once.
    west.prompt(&idle, 2, &Scene::Say(1)).await.unwrap();
    assert_eq!(west.prompt(&busy, 2, &Scene::Say(1)).await, Err(CommandError::Moved));
    east.actor.cues.add_permits(1);
    soon(drain).await.unwrap();
    west.prompt(&busy, 2, &Scene::Say(1)).await.unwrap();
    west.view(&busy, "phone").ended(1, TurnOutcome::Completed).await;
    east.done();
    west.done();
}

/// What is left when the deadline has passed is nobody's when the node has left: no lease has to end.
#[tokio::test(start_paused = true)]
async fn a_node_that_leaves_says_so() {
    let store = Memory::leased(LEASE);
    let (east, west) = (node(&store, "east").await, node(&store, "west").await);
    let session = east.session().await;
    east.prompt(&session, 1, &Scene::SayThenWait(1)).await.unwrap();
    settle().await;
    soon(east.hub.drain(Drain { window: Duration::ZERO, deadline: Duration::ZERO })).await;
    west.prompt(&session, 2, &Scene::Say(1)).await.unwrap();
    west.view(&session, "phone").ended(1, TurnOutcome::Ambiguous).await;
    assert!(!east.memory.renew().await.unwrap());
    east.done();
    west.done();
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_of_the_same_name_waits_for_no_lease() {
    let store = Memory::leased(LEASE);
    let east = node(&store, "east").await;
    let session = east.session().await;
    east.prompt(&session, 1, &Scene::SayThenWait(1)).await.unwrap();
    settle().await;
    let newcomer = east.another().await;
    newcomer.view(&session, "phone").ended(1, TurnOutcome::Ambiguous).await;
    soon(east.hub.fenced()).await;
    east.done();
    newcomer.done();
}

/// What a worker shows outside: the one of the node that was taken over from is below that of its successor.
#[tokio::test(start_paused = true)]
async fn the_next_owners_worker_has_a_higher_fencing_token() {
    let store = Memory::leased(LEASE);
    let (shown, mut tokens) = tokio::sync::mpsc::unbounded_channel();
    let hub = async |name: &str| {
        let shown = shown.clone();
        let answer = move |turn: Turn| {
            let shown = shown.clone();
            async move {
                shown.send(turn.context().fencing_token()).unwrap();
                turn.cancellation().cancelled().await;
                Err(Failure::from("it was aborted"))
            }
        };
        Hub::builder().store(store.node(name, name)).build(answer).await.unwrap()
    };
    let east = hub("east").await;
    let session = east.create().await.unwrap();
    let mut last = 0;
    for (number, node) in [(1, "east"), (2, "west"), (3, "north")] {
        let owner = if node == "east" { east.clone() } else { hub(node).await };
        let author = Author { principal: "ann", client: "laptop" };
        owner.session(&session).prompt(author, n(number), &()).await.unwrap();
        let token = soon(tokens.recv()).await.unwrap();
        assert!(token > last, "{token} comes after {last}, on {node}");
        last = token;
        // It leaves without a word to its worker.
        store.node(node, node).open().await.unwrap();
    }
}

/// What the numbers of a process are made of.
#[tokio::test(start_paused = true)]
async fn what_nodes_do_about_leases_and_sessions_is_observed() {
    let store = Memory::leased(LEASE);
    let (east, faults) = faulty_node(&store, "east").await;
    let west = node(&store, "west").await;
    let (busy, idle) = (east.session().await, east.session().await);
    east.prompt(&busy, 1, &Scene::OnCue(1)).await.unwrap();
    pass(LEASE).await;
    assert_eq!(
        (east.watch.count(NodeEvent::Renewed), west.watch.count(NodeEvent::Renewed)),
        (10, 10)
    );
    for (n, fault, kept) in [(1, Fault::UnknownKept, true), (2, Fault::UnknownLost, false)] {
        faults.commits([fault]);
        _ = east.prompt(&idle, n, &Scene::Say(1)).await;
        settle().await;
        assert_eq!(east.watch.count(NodeEvent::Settled { kept }), 1);
    }
    faults.owners(std::iter::repeat_n(Fault::Fails, 100));
    pass(LEASE * 2).await;
    assert!(east.watch.count(NodeEvent::Unanswered) >= 5);
    let orphaned = NodeEvent::Claimed { kind: ClaimKind::Orphaned, taken: true };
    assert!(west.watch.count(orphaned) >= 1);
    faults.heals();
    soon(east.hub.fenced()).await;
    assert_eq!(east.watch.count(NodeEvent::Refused), 1);
    // What is in use when its node drains is given up by itself, and asked for elsewhere.
    let mut phone = west.view(&busy, "phone");
    phone.ended(1, TurnOutcome::Ambiguous).await;
    let north = node(&store, "north").await;
    let deadline = Duration::from_secs(1);
    soon(west.hub.drain(Drain { window: Duration::ZERO, deadline })).await;
    assert_eq!(west.watch.count(NodeEvent::Released), 1);
    north.prompt(&busy, 2, &Scene::Say(1)).await.unwrap();
    let asked = NodeEvent::Claimed { kind: ClaimKind::Asked, taken: true };
    assert_eq!((north.watch.count(asked), east.watch.count(asked)), (1, 0));
    east.done();
    west.done();
    north.done();
}
