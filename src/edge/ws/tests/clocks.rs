//! What players are told of clocks, and when a turn is refused.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{House, Node, custom, left};
use crate::client::{Credential, Dial, Outgoing, Role};

fn a_move() -> Outgoing {
    Outgoing::event("move", "{}")
}

fn start() -> Value {
    json!({ "action": "start" })
}

#[actix_web::test]
async fn whoever_comes_late_or_back_or_watches_sees_the_same_clocks() {
    let house = House::open();
    let node = house.node();
    node.make_game(&custom(60_000, "run", 15_000)).await;
    let mut ann = node.enter("ann").await;
    assert!(ann.timer().paused, "they wait for the first turn");
    node.order(&start()).await;
    house.wait(4_321);

    let late = node.enter("bob").await;
    let watching = node.watch().await;
    let token = ann.cut();
    let back = Dial { credential: Credential::ResumeToken(token), ..node.dial("ann", Role::Player) };
    ann = super::Guest::enter(back).await;

    assert_eq!(left(late.timer()), [55_679, 60_000]);
    for other in [&watching, &ann] {
        assert_eq!(other.timer(), late.timer());
    }
}

#[actix_web::test]
async fn everyone_is_told_of_the_clocks_after_each_change_and_every_so_often() {
    let house = House::open();
    let node = house.node();
    node.make_game(&custom(60_000, "run", 15_000)).await;
    let (mut ann, mut bob) = (node.enter("ann").await, node.enter("bob").await);
    let mut eve = node.watch().await;

    node.order(&start()).await;
    for guest in [&mut ann, &mut bob, &mut eve] {
        assert_eq!(left(&guest.until_time(|timer| !timer.paused).await), [60_000, 60_000]);
    }
    house.wait(5_000);
    for guest in [&mut ann, &mut bob, &mut eve] {
        assert_eq!(left(&guest.until_time(|_| true).await), [55_000, 60_000], "nothing but time has passed");
    }
    ann.play(&json!({})).await;
    for guest in [&mut ann, &mut bob, &mut eve] {
        let timer = guest.until_time(|_| true).await;
        assert_eq!((timer.active.as_deref(), left(&timer)), (Some("bob"), [55_000, 60_000]));
    }
    node.order(&json!({ "action": "pause" })).await;
    for guest in [&mut ann, &mut bob, &mut eve] {
        assert!(guest.until_time(|_| true).await.paused);
    }
    assert!(node.metric(r#"ws_messages_total{direction="out",kind="time"}"#) >= 12);
}

#[actix_web::test]
async fn a_turn_is_refused_out_of_order_and_with_a_wrong_next() {
    let house = House::open();
    let node = house.node();
    node.make_game(&custom(60_000, "run", 15_000)).await;
    let (mut ann, mut bob) = (node.enter("ann").await, node.enter("bob").await);

    let early = bob.refused(a_move().named("b1")).await;
    let stranger = ann.refused(a_move().named("a1").passing_to("eve")).await;
    let unfit = ann.refused(a_move().named("a1").passing_to("a b")).await;

    assert_eq!((early.code.as_str(), early.reference.as_deref()), ("not_your_turn", Some("b1")));
    assert_eq!(
        (stranger.code.as_str(), stranger.message.as_str()),
        ("invalid_message", "next: no player of this game")
    );
    assert_eq!(unfit.code, "invalid_message");
    ann.send(a_move().named("a1").passing_to("ann")).await;
    assert_eq!(ann.until_event("move").await.sequence, 1, "nothing was recorded before");
    assert_eq!(ann.until_time(|_| true).await.active.as_deref(), Some("ann"));
    assert_eq!(bob.refused(a_move()).await.code, "not_your_turn");
}

#[actix_web::test]
async fn a_flag_falls_for_everyone_and_no_turn_counts_after_it() {
    let house = House::open();
    let node = house.node();
    node.make_game(&custom(2_000, "run", 15_000)).await;
    let (mut ann, mut bob) = (node.enter("ann").await, node.enter("bob").await);
    let zero = node.order(&start()).await.server_time + 2_000;

    house.wait(2_000);

    for guest in [&mut ann, &mut bob] {
        let fall = guest.until_event("flag_fall").await;
        assert_eq!((fall.user_id.as_deref(), fall.sequence, fall.created_at_ms), (None, 1, zero));
        assert_eq!(fall.payload.get(), r#"{"userId":"ann","remainingMs":0}"#);
        let timer = guest.until_time(|_| true).await;
        assert_eq!((timer.active.as_deref(), timer.paused, left(&timer)), (None, false, [0, 2_000]));
        assert_eq!(guest.refused(a_move()).await.code, "flag_fallen");
    }
    assert_eq!(node.metric("game_flag_falls_total"), 1);
}

#[actix_web::test]
async fn a_flag_that_was_due_while_no_server_ran_falls_when_the_game_is_loaded() {
    let house = House::open();
    let node = house.node();
    node.make_game(&custom(2_000, "run", 15_000)).await;
    let ann = node.enter("ann").await;
    let zero = node.order(&start()).await.server_time + 2_000;
    house.wait(1_500);
    node.kill().await;
    house.wait(60_000);

    let node = house.node();
    let mut back =
        super::Guest::enter(Dial { credential: Credential::ResumeToken(ann.cut()), ..node.dial("ann", Role::Player) })
            .await;
    let fall = back.until_event("flag_fall").await;

    assert_eq!((fall.sequence, fall.created_at_ms), (1, zero), "with the time it would have fallen");
    assert_eq!(left(&back.until_time(|_| true).await), [0, 2_000]);
    assert_eq!(back.refused(a_move()).await.code, "flag_fallen");
    drop(node);
    assert_eq!(house.node().watch().await.welcome.head_sequence, 1, "it fell once");
}

#[actix_web::test]
async fn a_flag_falls_once_where_two_nodes_serve_its_game() {
    let house = House::open();
    let (one, two) = (house.node(), house.node());
    one.make_game(&custom(2_000, "run", 15_000)).await;
    one.order(&start()).await;
    let (mut ann, mut bob) = (one.enter("ann").await, two.enter("bob").await);
    assert!(!bob.timer().paused);

    house.wait(2_000);

    for guest in [&mut ann, &mut bob] {
        assert_eq!(guest.until_event("flag_fall").await.sequence, 1);
        guest.until_time(|timer| timer.active.is_none()).await;
    }
    house.wait(60_000);
    ann.send(Outgoing::event("chat", "{}")).await;
    assert_eq!(ann.until_event("chat").await.sequence, 2);
    let falls = |node: &Node| node.metric("game_flag_falls_total");
    assert_eq!(falls(&one) + falls(&two), 1);
}

#[actix_web::test]
async fn a_clock_stops_after_the_grace_and_runs_again_with_its_player() {
    let house = House::open();
    let node = house.node();
    node.make_game(&custom(60_000, "pause", 15_000)).await;
    let (ann, mut bob) = (node.enter("ann").await, node.enter("bob").await);
    node.order(&start()).await;
    house.wait(1_000);

    let token = ann.cut();
    bob.until_gone("ann").await;
    house.wait(20_000);
    let held = bob.until_time(|timer| timer.paused).await;
    house.wait(300_000);
    let back = Dial { credential: Credential::ResumeToken(token), ..node.dial("ann", Role::Player) };
    let mut ann = super::Guest::enter(back).await;
    let shown = ann.timer().clone();
    let again = ann.until_time(|timer| !timer.paused).await;
    house.wait(4_000);
    ann.play(&json!({})).await;

    assert_eq!(left(&held), [44_000, 60_000], "1 s of thinking, 15 s of grace");
    assert_eq!((shown.paused, left(&shown), left(&again)), (true, [44_000, 60_000], [44_000, 60_000]));
    assert_eq!(left(&ann.until_time(|_| true).await), [40_000, 60_000]);
}

/// It must not be held for being away here.
#[actix_web::test]
async fn a_player_who_went_to_another_node_is_not_away() {
    let house = House::open();
    let (one, two) = (house.node(), house.node());
    one.make_game(&custom(60_000, "pause", 15_000)).await;
    let (ann, mut bob) = (one.enter("ann").await, one.enter("bob").await);
    one.order(&start()).await;
    house.wait(1_000);

    let back = Dial { credential: Credential::ResumeToken(ann.cut()), ..two.dial("ann", Role::Player) };
    bob.until_gone("ann").await;
    house.wait(1_000);
    let mut ann = super::Guest::enter(back).await;
    // Signs of life are written with the time that is held.
    for _ in 0..20 {
        house.wait(1_000);
        sleep(Duration::from_millis(60)).await;
    }

    let shown = bob.until_time(|timer| left(timer)[0] <= 42_000).await;
    assert!(!shown.paused, "{shown:?}");
    ann.play(&json!({})).await;
    assert_eq!(left(&ann.until_time(|timer| timer.active.as_deref() == Some("bob")).await), [38_000, 60_000]);
}
