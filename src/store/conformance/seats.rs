//! Claims about seats and what a backend sets.

use std::time::Duration;

use super::{
    Tier,
    table::{NOW, TTL, Table, payload, seat, user, write},
};
use crate::{
    domain::{Epoch, Generation, Seat, Sequence, SessionId},
    store::{DurableStore, GameChange, Outcome, Revocation, SeatMark, Write},
};

pub async fn a_seat_comes_back_as_it_was(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 9).await;
    let kept = Seat {
        last_ack: Sequence::new(7),
        proven: Generation::new(2),
        issued: Generation::new(u32::MAX),
        issued_at: NOW.plus(Duration::from_millis(1)),
        last_seen_at: NOW.plus(Duration::from_millis(2)),
        revoked_at: Some(NOW),
        metadata: Some(payload(r#"{"name":"Ann"}"#)),
        online: true,
        ..seat("ann")
    };
    table.sit(0, &seat("bob")).await;
    table.sit(1, &kept).await;

    let game = table.load(0).await;

    assert_eq!(game.seats_version, 2);
    assert_eq!(game.seat(&user("ann")), Some(&Seat { online: false, ..kept }), "no connection outlives memory");
    assert!(game.seat(&user("bob")).is_some());
}

pub async fn a_seat_replaces_the_users_one_before(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 0).await;
    let (before, after) = (seat("ann"), seat("ann"));
    table.sit(0, &before).await;

    table.sit(1, &after).await;

    assert_eq!(table.load(0).await.seats(), [after]);
    assert_eq!(store.game_of_session(before.session_id).await.unwrap(), None);
}

pub async fn a_seat_taken_on_an_old_version_is_stale(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 0).await;
    let other_life = Table { store: &store, id: table.id.clone(), epoch: Epoch::generate() };
    table.sit(0, &seat("ann")).await;

    assert_eq!(write(&store, table.seating(0, &seat("bob"))).await, Outcome::Stale);
    assert_eq!(write(&store, other_life.seating(1, &seat("bob"))).await, Outcome::Stale);

    let game = table.load(0).await;
    assert_eq!((game.seats().len(), game.seats_version), (1, 1));
}

pub async fn a_seat_taken_where_more_is_pruned_than_known_is_stale(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 5).await;
    table.prune(0, 3).await;

    assert_eq!(write(&store, table.seating_above(2, 0, &seat("ann"))).await, Outcome::Stale);
    assert_eq!(table.load(0).await.seats(), []);
    assert_eq!(write(&store, table.seating_above(3, 0, &seat("ann"))).await, Outcome::Done);
    assert_eq!(write(&store, table.seating_above(4, 1, &seat("bob"))).await, Outcome::Done);
}

pub async fn a_change_of_the_game_counts_as_one_of_its_seats(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 0).await;
    let change = GameChange {
        players: vec![user("bob"), user("ann")],
        open: Some(true),
        metadata: Some(payload(r#"{"k":1}"#)),
        at: NOW.plus(TTL),
        ..table.changing(0)
    };

    assert_eq!(write(&store, Write::ChangeGame(Box::new(change.clone()))).await, Outcome::Done);
    assert_eq!(write(&store, Write::ChangeGame(Box::new(change))).await, Outcome::Stale);
    let other_life = GameChange { epoch: Epoch::generate(), ..table.changing(1) };
    assert_eq!(write(&store, Write::ChangeGame(Box::new(other_life))).await, Outcome::Stale);

    let game = table.load(0).await;
    assert_eq!((game.seats_version, game.open, game.updated_at), (1, Some(true), NOW.plus(TTL)));
    assert_eq!(game.players, [user("bob"), user("ann")]);
    assert_eq!(game.metadata, Some(payload(r#"{"k":1}"#)));

    // What is not set any more is gone.
    assert_eq!(write(&store, Write::ChangeGame(Box::new(table.changing(1)))).await, Outcome::Done);
    let game = table.load(0).await;
    assert_eq!((game.players.len(), game.open, game.metadata), (0, None, None));
}

pub async fn a_summary_is_kept_for_its_own_life(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 3).await;
    let other_life = Table { store: &store, id: table.id.clone(), epoch: Epoch::generate() };

    assert_eq!(write(&store, table.summing_up(2, r#"{"a": 1.0}"#)).await, Outcome::Done);
    assert_eq!(write(&store, other_life.summing_up(3, "{}")).await, Outcome::Stale);

    let summary = table.load(0).await.summary.unwrap();
    assert_eq!((summary.sequence, summary.state.as_str()), (Sequence::new(2), r#"{"a": 1.0}"#));
}

pub async fn marks_only_move_forward(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 9).await;
    let mut seat = seat("ann");
    table.sit(0, &seat).await;
    let later = NOW.plus(TTL);
    let mark = |ack, generation, at| SeatMark {
        session_id: seat.session_id,
        last_ack: Sequence::new(ack),
        proven: Generation::new(generation),
        issued: Generation::new(generation),
        issued_at: at,
        last_seen_at: at,
        expires_at: at,
        whole: None,
    };

    // Each field has its own maximum, whichever mark it came with.
    let marks = vec![mark(5, 1, later), mark(7, 2, NOW), mark(3, 3, NOW)];
    assert_eq!(
        write(&store, Write::Marks { seats: marks, floors: Vec::new(), clocks: Vec::new() }).await,
        Outcome::Done
    );

    seat.last_ack = Sequence::new(7);
    (seat.proven, seat.issued) = (Generation::new(3), Generation::new(3));
    (seat.issued_at, seat.last_seen_at, seat.expires_at) = (later, later, later);
    let game = table.load(0).await;
    assert_eq!((game.seats(), game.seats_version), ([seat].as_slice(), 1));
}

pub async fn marks_of_a_session_that_is_gone_are_passed_over(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 9).await;
    let (ann, bob, replaced) = (seat("ann"), seat("bob"), seat("bob"));
    table.sit(0, &ann).await;
    table.sit(1, &replaced).await;
    table.sit(2, &bob).await;
    store.revoke(Revocation::Session(ann.session_id), NOW).await.unwrap();

    let far =
        |session_id: SessionId| SeatMark { session_id, last_ack: Sequence::new(9), ..SeatMark::of(&table.id, &ann) };
    let seats = [ann.session_id, replaced.session_id, SessionId::generate()].map(far).to_vec();
    assert_eq!(write(&store, Write::Marks { seats, floors: Vec::new(), clocks: Vec::new() }).await, Outcome::Done);

    let game = table.load(0).await;
    assert_eq!(game.seats(), [Seat { revoked_at: Some(NOW), ..ann }, bob]);
}
