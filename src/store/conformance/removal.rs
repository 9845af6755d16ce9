//! Claims about what ends.

use std::time::Duration;

use super::{
    Tier,
    table::{NOW, Table, event, game_id, referred, seat, sequences, user, write},
};
use crate::{
    domain::{Epoch, Event, Game, Seat, Timestamp},
    store::{Cleaned, DurableStore, Outcome, Retention, Revocation, Revoked, Write},
};

const DAY: Duration = Duration::from_hours(24);
const KEEP: Retention = Retention { absent_after: DAY, untouched_for: Duration::from_hours(30 * 24) };

fn days(count: u32) -> Timestamp {
    NOW.plus(count * DAY)
}

/// A seat that was last seen, and expires, when it says.
fn seen(name: &str, last_seen_at: Timestamp, expires_at: Timestamp) -> Seat {
    Seat { expires_at, last_seen_at, ..seat(name) }
}

pub async fn a_session_is_revoked_once(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 0).await;
    let (ann, bob) = (seat("ann"), seat("bob"));
    table.sit(0, &ann).await;
    table.sit(1, &bob).await;

    let first = store.revoke(Revocation::Session(ann.session_id), days(1)).await.unwrap();
    let again = store.revoke(Revocation::Session(ann.session_id), days(2)).await.unwrap();

    let revoked = Revoked { game_id: game_id("g"), user_id: user("ann"), session_id: ann.session_id };
    assert_eq!((first, again), (vec![revoked], vec![]));
    let game = table.load(0).await;
    assert_eq!(game.seats(), [Seat { revoked_at: Some(days(1)), ..ann }, bob]);
    assert_eq!(game.seats_version, 3, "whoever has the seats in memory must notice");
}

pub async fn the_latest_revocations_are_listed(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 0).await;
    let (ann, bob) = (seat("ann"), seat("bob"));
    table.sit(0, &ann).await;
    table.sit(1, &bob).await;
    table.sit(2, &seat("cat")).await;
    store.revoke(Revocation::Session(ann.session_id), days(1)).await.unwrap();
    store.revoke(Revocation::Session(bob.session_id), days(2)).await.unwrap();

    let users = async |at| {
        let revoked = store.revoked_since(at).await.unwrap();
        let mut users: Vec<_> = revoked.into_iter().map(|revoked| revoked.user_id.to_string()).collect();
        users.sort_unstable();
        users
    };
    assert_eq!(users(days(1)).await, ["ann", "bob"]);
    assert_eq!(users(days(2)).await, ["bob"]);
    assert!(users(days(3)).await.is_empty());
}

pub async fn revoking_a_user_reaches_every_game(tier: &impl Tier) {
    let store = tier.open().await;
    let tables = [Table::set(&store, "one", 0).await, Table::set(&store, "two", 0).await];
    let other = Table::set(&store, "other", 0).await;
    for table in &tables {
        table.sit(0, &seat("ann")).await;
    }
    other.sit(0, &seat("bob")).await;

    let mut revoked = store.revoke(Revocation::User(user("ann")), NOW).await.unwrap();
    revoked.sort_by(|a, b| a.game_id.cmp(&b.game_id));

    let games: Vec<_> = revoked.iter().map(|revoked| (revoked.game_id.as_str(), revoked.user_id.as_str())).collect();
    assert_eq!(games, [("one", "ann"), ("two", "ann")]);
    for table in &tables {
        let game = table.load(0).await;
        assert_eq!((game.seats_version, game.live_seat(&user("ann"))), (2, None));
    }
    assert_eq!(other.load(0).await.seats_version, 1);
    assert_eq!(store.revoke(Revocation::User(user("ann")), NOW).await.unwrap(), []);
}

pub async fn a_deleted_game_leaves_nothing(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 0).await;
    let ann = seat("ann");
    table.append(0, vec![referred(1, None, "old"), referred(2, None, "r")]).await;
    table.prune(0, 1).await;
    table.sit(0, &ann).await;

    let delete = |epoch| Write::DeleteGame { game_id: game_id("g"), epoch };
    assert_eq!(write(&store, delete(Epoch::generate())).await, Outcome::Stale);
    assert_eq!(write(&store, delete(table.epoch)).await, Outcome::Done);
    assert_eq!(write(&store, delete(table.epoch)).await, Outcome::Stale);

    assert!(table.find(10).await.is_none());
    assert_eq!(store.game_of_session(ann.session_id).await.unwrap(), None);
    // The name begins afresh: no sequence, seat or ref of the life before.
    let next = Table::set(&store, "g", 0).await;
    assert_eq!(next.append(0, vec![referred(1, None, "r"), referred(2, None, "old")]).await, Outcome::Done);
    assert!(next.load(10).await.seats().is_empty());
}

pub async fn a_seat_goes_when_its_user_is_away_and_its_token_expired(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 2).await;
    let seats = [
        seen("away", days(1), days(2)),
        seen("expired", days(2), days(1)),
        seen("holds", days(1), days(3)),
        Seat { revoked_at: Some(NOW), ..seen("revoked", days(1), days(1)) },
    ];
    for (version, seat) in (0..).zip(&seats) {
        table.sit(version, seat).await;
    }

    let cleaned = store.clean_up(KEEP, days(2)).await.unwrap();

    let unseated = vec![table.id.clone(); 2];
    assert_eq!(cleaned, Cleaned { sessions: 2, events: 0, unseated, games: Vec::new() });
    let game = table.load(9).await;
    assert_eq!(game.seats(), [seats[1].clone(), seats[2].clone()]);
    assert_eq!(game.seats_version, 6, "whoever has the seats in memory must notice");
    assert_eq!(store.clean_up(KEEP, days(2)).await.unwrap(), Cleaned::default());
}

pub async fn an_untouched_game_goes_with_everything(tier: &impl Tier) {
    let store = tier.open().await;
    let (old, played, watched) =
        (Table::set(&store, "old", 3).await, Table::set(&store, "played", 3).await, Table::set(&store, "w", 3).await);
    old.sit(0, &seen("ann", NOW, days(99))).await;
    old.prune(1, 1).await;
    played.append(3, vec![Event { created_at: days(1), ..event(4) }]).await;
    watched.sit(0, &seen("bob", days(1), days(99))).await;

    let cleaned = store.clean_up(KEEP, days(30)).await.unwrap();

    assert_eq!(cleaned, Cleaned { sessions: 1, events: 2, unseated: Vec::new(), games: vec![old.id.clone()] });
    assert!(old.find(9).await.is_none());
    assert!(played.find(9).await.is_some() && watched.find(9).await.is_some());
    assert_eq!(write(&store, Write::CreateGame(Box::new(Game::new(old.id, NOW, 0)))).await, Outcome::Done);
}

pub async fn a_sign_of_life_keeps_a_game_even_when_its_seat_is_gone(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 1).await;
    table.sit(0, &seen("ann", days(5), days(5))).await;

    let cleaned = store.clean_up(KEEP, days(30)).await.unwrap();

    let unseated = vec![table.id.clone()];
    assert_eq!(cleaned, Cleaned { sessions: 1, events: 0, unseated, games: Vec::new() });
    assert_eq!(table.load(9).await.updated_at, days(5));
    assert_eq!(store.clean_up(KEEP, days(35)).await.unwrap().games, [table.id]);
}

pub async fn receipts_go_when_they_are_old(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 0).await;
    let young = Event { created_at: days(1), ..referred(2, None, "young") };
    table.append(0, vec![referred(1, None, "old"), young]).await;
    table.prune(0, 2).await;

    assert_eq!(store.clean_up(KEEP, days(30)).await.unwrap(), Cleaned::default());

    assert!(matches!(table.append(2, vec![referred(3, None, "young")]).await, Outcome::Repeated(_)));
    assert_eq!(table.append(2, vec![referred(3, None, "old")]).await, Outcome::Done);
    assert_eq!(sequences(&table.log().await), [3]);
}

pub async fn a_large_backlog_is_removed_in_the_end(tier: &impl Tier) {
    let store = tier.open().await;
    let crowded = Table::set(&store, "crowded", 1).await;
    let seating = |index: u64| crowded.seating(index, &seen(&format!("user{index}"), NOW, NOW));
    assert_eq!(store.commit((0..700).map(seating).collect()).await.unwrap(), vec![Outcome::Done; 700]);
    for batch in 0..3 {
        let game = |index| Write::CreateGame(Box::new(Game::new(game_id(&format!("g{batch}-{index}")), NOW, 0)));
        store.commit((0..100).map(game).collect()).await.unwrap();
    }

    let mut all = Cleaned::default();
    loop {
        let cleaned = store.clean_up(KEEP, days(30)).await.unwrap();
        if cleaned == Cleaned::default() {
            break;
        }
        all.sessions += cleaned.sessions;
        all.events += cleaned.events;
        all.games.extend(cleaned.games);
    }

    assert_eq!((all.sessions, all.events, all.games.len()), (700, 1, 301));
}
