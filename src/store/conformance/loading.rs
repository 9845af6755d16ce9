//! Claims about reading.

use super::{
    Tier,
    table::{NONE, Table, event, first, game_id, payload, seat, sequences, tail},
};
use crate::{
    domain::{Event, Sequence, SessionId},
    store::{DurableStore, Outcome, PageLimit, Stand},
};

pub async fn a_tail_holds_the_newest_events(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 9).await;

    let game = table.load(4).await;

    assert_eq!(game.tail().start(), Sequence::new(5));
    assert_eq!(tail(&game), [6, 7, 8, 9]);
    assert_eq!(tail(&table.load(9).await).len(), 9);
    assert_eq!((tail(&table.load(0).await).len(), table.load(0).await.head()), (0, Sequence::new(9)));
}

pub async fn a_tail_starts_at_the_floor(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 9).await;
    table.prune(0, 6).await;

    let game = table.load(5).await;

    assert_eq!((game.floor, game.tail().start()), (Sequence::new(6), Sequence::new(6)));
    assert_eq!(tail(&game), [7, 8, 9]);
}

pub async fn the_head_survives_when_everything_was_pruned(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 9).await;
    table.prune(0, 9).await;

    assert_eq!(table.load(5).await.head(), Sequence::new(9));
    assert_eq!(table.append(0, vec![event(1)]).await, Outcome::Stale);
    assert_eq!(table.append(9, vec![event(10)]).await, Outcome::Done);
    assert_eq!(tail(&table.load(5).await), [10]);
}

pub async fn games_come_in_the_order_asked_for(tier: &impl Tier) {
    let store = tier.open().await;
    Table::set(&store, "a", 1).await;
    Table::set(&store, "b", 2).await;

    let games = store.load(["b", "none", "a", "b"].map(game_id).to_vec(), 10).await.unwrap();

    let heads: Vec<_> = games.iter().map(|game| game.as_ref().map(|game| game.head().number())).collect();
    assert_eq!(heads, [Some(2), None, Some(1), Some(2)]);
    assert!(store.load(Vec::new(), 10).await.unwrap().is_empty());
}

pub async fn a_page_continues_where_the_one_before_ended(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 5).await;
    let page = async |after, limit| {
        let page = store.events_after(table.id.clone(), Sequence::new(after), first(limit)).await.unwrap().unwrap();
        assert_eq!((page.epoch, page.head, page.floor), (table.epoch, Sequence::new(5), Sequence::ZERO));
        sequences(&page.events)
    };

    assert_eq!(page(0, 2).await, [1, 2]);
    assert_eq!(page(2, 2).await, [3, 4]);
    assert_eq!(page(4, 2).await, [5]);
    assert_eq!(page(5, 2).await, NONE);
    assert_eq!(page(99, 2).await, NONE);
    assert_eq!(page(0, 0).await, NONE);
    assert!(store.events_after(game_id("none"), Sequence::ZERO, first(2)).await.unwrap().is_none());
}

pub async fn a_page_of_large_events_ends_early_but_is_never_empty(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 0).await;
    let large = payload(&format!(r#"{{"text":"{}"}}"#, "é".repeat(500)));
    table.append(0, (1..=5).map(|number| Event { payload: large.clone(), ..event(number) }).collect()).await;
    let page = async |after, events, bytes| {
        let limit = PageLimit { events, bytes };
        sequences(&store.events_after(table.id.clone(), Sequence::new(after), limit).await.unwrap().unwrap().events)
    };

    assert_eq!(page(0, 9, 1).await, [1]);
    assert_eq!(page(0, 9, 2_100).await, [1, 2, 3]);
    assert_eq!(page(3, 9, 2_100).await, [4, 5]);
    assert_eq!(page(0, 2, 2_100).await, [1, 2]);
}

pub async fn a_page_starts_above_the_floor(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 5).await;
    table.prune(0, 3).await;

    let page = store.events_after(table.id.clone(), Sequence::new(1), first(10)).await.unwrap().unwrap();

    assert_eq!((page.floor, page.head), (Sequence::new(3), Sequence::new(5)));
    assert_eq!(sequences(&page.events), [4, 5]);
}

pub async fn a_session_is_found_by_its_id(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 0).await;
    let seat = seat("ann");
    table.sit(0, &seat).await;

    assert_eq!(store.game_of_session(seat.session_id).await.unwrap(), Some(table.id.clone()));
    assert_eq!(store.game_of_session(SessionId::generate()).await.unwrap(), None);
}

pub async fn where_games_stand_is_said_in_the_order_asked_for(tier: &impl Tier) {
    let store = tier.open().await;
    let (one, two) = (Table::set(&store, "one", 3).await, Table::set(&store, "two", 1).await);
    two.sit(0, &seat("ann")).await;

    let stands = store.stands(vec![two.id.clone(), game_id("none"), one.id.clone()]).await.unwrap();

    let stand =
        |epoch, head, seats_version| Some(Stand { epoch, head: Sequence::new(head), seats_version, clock_version: 0 });
    assert_eq!(stands, [stand(two.epoch, 1, 1), None, stand(one.epoch, 3, 0)]);
}
