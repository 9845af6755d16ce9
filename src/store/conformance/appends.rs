//! Claims about games and their logs.

use super::{
    Tier,
    table::{NOW, TTL, Table, event, game_id, payload, sequences, tail, user, write},
};
use crate::{
    domain::{Epoch, Event, EventType, Game, Sequence, Summary},
    store::{DurableStore, Outcome, Write},
};

pub async fn a_game_is_created_once(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 2).await;

    let again = write(&store, Write::CreateGame(Box::new(Game::new(game_id("g"), NOW, 0)))).await;

    assert_eq!(again, Outcome::Stale);
    let game = table.load(10).await;
    assert_eq!((game.epoch, game.head()), (table.epoch, Sequence::new(2)));
}

pub async fn a_game_comes_back_as_it_was(tier: &impl Tier) {
    let store = tier.open().await;
    let mut game = Game::new(game_id("g"), NOW, 0);
    game.players = vec![user("bob"), user("ann")];
    game.open = Some(false);
    game.metadata = Some(payload(r#"{"stake": 1.0}"#));
    game.summary = Some(Summary { sequence: Sequence::ZERO, state: payload(r#"{"board":[]}"#) });
    game.updated_at = NOW.plus(TTL);

    assert_eq!(write(&store, Write::CreateGame(Box::new(game.clone()))).await, Outcome::Done);

    let loaded = store.load(vec![game_id("g")], 10).await.unwrap().remove(0).unwrap();
    assert_eq!(loaded.epoch, game.epoch);
    assert_eq!(loaded.players, game.players, "in the order of their turns");
    assert_eq!(loaded.open, Some(false));
    assert_eq!(loaded.metadata, game.metadata);
    assert_eq!(loaded.summary, game.summary);
    assert_eq!((loaded.created_at, loaded.updated_at), (NOW, NOW.plus(TTL)));
    assert_eq!((loaded.floor, loaded.head(), loaded.seats_version), (Sequence::ZERO, Sequence::ZERO, 0));
    assert!(loaded.seats().is_empty());
}

pub async fn events_come_back_in_order(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 3).await;
    let chat = Event { event_type: EventType::parse("chat").unwrap(), user_id: Some(user("ann")), ..event(4) };
    let fall = Event { event_type: EventType::from_store("flag_fall").unwrap(), ..event(5) };

    assert_eq!(table.append(3, vec![chat.clone(), fall.clone()]).await, Outcome::Done);

    assert_eq!(table.log().await, [event(1), event(2), event(3), chat, fall]);
    assert_eq!(tail(&table.load(10).await), [1, 2, 3, 4, 5]);
}

pub async fn payloads_keep_every_byte(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 0).await;
    let texts = [
        r#"{"a":1.0,"b":1e2,"c":-0.0,"d":1E+2}"#,
        r#"{"b":1,"a":2,"b":3}"#,
        r#"{ "spaced" :  [ 1,	2 ] }"#,
        r#"{"e":"\u00e9","E":"é","slash":"\/","pair":"\ud83d\ude00","nul":"\u0000"}"#,
        r#"{"big":1234567890123456789012345678901234567890}"#,
        r#"{"quote":"' \" ; -- $1 ? %s"}"#,
        "{}",
    ];
    let events = (1..).zip(texts).map(|(number, text)| Event { payload: payload(text), ..event(number) }).collect();

    assert_eq!(table.append(0, events).await, Outcome::Done);

    let kept: Vec<_> = table.log().await.iter().map(|event| event.payload.as_str().to_owned()).collect();
    assert_eq!(kept, texts);
}

pub async fn a_stale_append_loses_only_its_own_part_of_the_batch(tier: &impl Tier) {
    let store = tier.open().await;
    let (one, two, three) =
        (Table::set(&store, "one", 2).await, Table::set(&store, "two", 2).await, Table::set(&store, "three", 2).await);

    let batch = vec![
        one.appending(2, vec![event(3)]),
        two.appending(1, vec![event(2), event(3)]),
        three.appending(2, vec![event(3), event(4)]),
    ];
    let outcomes = store.commit(batch).await.unwrap();

    assert_eq!(outcomes, [Outcome::Done, Outcome::Stale, Outcome::Done]);
    assert_eq!(sequences(&one.log().await), [1, 2, 3]);
    assert_eq!(sequences(&two.log().await), [1, 2]);
    assert_eq!(sequences(&three.log().await), [1, 2, 3, 4]);
}

pub async fn an_append_to_another_life_is_stale(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 2).await;
    let before = Table { store: &store, id: table.id.clone(), epoch: Epoch::generate() };

    assert_eq!(before.append(2, vec![event(3)]).await, Outcome::Stale);
    assert_eq!(table.load(10).await.head(), Sequence::new(2));
}

pub async fn an_append_to_no_game_is_stale(tier: &impl Tier) {
    let store = tier.open().await;
    let nowhere = Table { store: &store, id: game_id("nowhere"), epoch: Epoch::generate() };

    assert_eq!(nowhere.append(0, vec![event(1)]).await, Outcome::Stale);
    assert!(nowhere.find(10).await.is_none());
}

pub async fn writes_of_one_batch_build_on_each_other(tier: &impl Tier) {
    let store = tier.open().await;
    let game = Game::new(game_id("g"), NOW, 0);
    let table = Table { store: &store, id: game.id.clone(), epoch: game.epoch };

    let batch = vec![
        Write::CreateGame(Box::new(game)),
        table.appending(0, vec![event(1)]),
        table.appending(1, vec![event(2)]),
        table.appending(1, vec![event(2)]),
        table.summing_up(2, "{}"),
    ];
    let outcomes = store.commit(batch).await.unwrap();

    assert_eq!(outcomes, [Outcome::Done, Outcome::Done, Outcome::Done, Outcome::Stale, Outcome::Done]);
    assert_eq!(tail(&table.load(10).await), [1, 2]);
}

pub async fn the_time_of_the_last_change_only_moves_forward(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 0).await;

    table.append(0, vec![Event { created_at: NOW.plus(TTL), ..event(1) }]).await;
    table.append(1, vec![Event { created_at: NOW.minus(TTL), ..event(2) }]).await;
    write(&store, table.summing_up(1, "{}")).await;

    assert_eq!(table.load(10).await.updated_at, NOW.plus(TTL));
}

pub async fn an_append_of_nothing_changes_nothing(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 2).await;

    assert_eq!(store.commit(Vec::new()).await.unwrap(), []);
    assert_eq!(table.append(2, Vec::new()).await, Outcome::Done);
    assert_eq!(table.append(1, Vec::new()).await, Outcome::Stale);

    assert_eq!(tail(&table.load(10).await), [1, 2]);
}
