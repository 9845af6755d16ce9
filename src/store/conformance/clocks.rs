//! Claims about clocks: kept with the event that changed them, and never written over.

use std::time::Duration;

use super::{
    Tier,
    table::{NOW, Table, event, game_id, referred, sequences, user, write},
};
use crate::{
    domain::{Event, EventType, Game, GameClock, OnDisconnect, Pace, Preset, Sequence, TimeControl, Timestamp, UserId},
    store::{Append, ClockChange, DurableStore, GameChange, Outcome, Served, Write},
};

pub fn players() -> Vec<UserId> {
    ["ann", "bob", "eve"].map(user).to_vec()
}

pub fn control(total: u64) -> TimeControl {
    let ms = Duration::from_millis;
    let pace = Pace { total: ms(total), increment: ms(2_001), delay: ms(302) };
    let control = TimeControl::new(Preset::Custom, pace).unwrap();
    let types = ["move", "double_2"].map(|name| EventType::parse(name).unwrap());
    control.ended_by(types.into()).unwrap().without_player(OnDisconnect::Pause, ms(14_003)).unwrap()
}

fn later(millis: u64) -> Timestamp {
    NOW.plus(Duration::from_millis(millis))
}

impl<'s, S: DurableStore> Table<'s, S> {
    /// Sets up a game with clocks that run.
    async fn timed(store: &'s S, id: &str) -> (Self, GameClock) {
        let mut clock = GameClock::new(control(60_000), &players()).unwrap();
        clock.run(NOW).unwrap();
        let mut game = Game::new(game_id(id), NOW, 0);
        game.players = players();
        game.clock = Some(Box::new(clock.clone()));
        let table = Self { store, id: game.id.clone(), epoch: game.epoch };
        assert_eq!(write(store, Write::CreateGame(Box::new(game))).await, Outcome::Done);
        (table, clock)
    }

    fn timed_append(&self, expected_head: u64, events: Vec<Event>, before: &GameClock, after: &GameClock) -> Write {
        let Write::Append(append) = self.appending(expected_head, events) else { unreachable!() };
        let clock = (after.version() != before.version()).then(|| Box::new(after.clone()));
        Write::Append(Append { expected_clock: before.version(), clock, ..append })
    }

    fn putting(&self, before: &GameClock, after: &GameClock, at: Timestamp) -> Write {
        Write::PutClock(Box::new(ClockChange {
            game_id: self.id.clone(),
            epoch: self.epoch,
            expected_clock: before.version(),
            clock: after.clone(),
            at,
        }))
    }

    async fn clock(&self) -> GameClock {
        *self.load(0).await.clock.expect("the game has clocks")
    }
}

/// The clocks after another turn.
fn after_turn(clock: &GameClock, millis: u64) -> GameClock {
    let mut clock = clock.clone();
    let active = clock.active().clone();
    clock.end_turn(Some(&active), None, later(millis)).unwrap();
    clock
}

pub async fn clocks_are_kept_with_the_event_that_changed_them(tier: &impl Tier) {
    let store = tier.open().await;
    let (table, running) = Table::timed(&store, "g").await;
    assert_eq!(table.clock().await, running, "as they were made, control and all");

    let bobs = after_turn(&running, 1_234);
    let eves = after_turn(&bobs, 5_678);
    let batch = vec![
        table.timed_append(0, vec![event(1)], &running, &bobs),
        table.timed_append(1, vec![event(2)], &bobs, &eves),
    ];

    assert_eq!(store.commit(batch).await.unwrap(), [Outcome::Done, Outcome::Done]);
    assert_eq!(tier.open().await.load(vec![table.id.clone()], 0).await.unwrap().len(), 1);
    assert_eq!(table.clock().await, eves);
    let mut paused = eves.clone();
    paused.pause(later(6_000));
    assert_eq!(write(&store, table.timed_append(2, vec![event(3)], &eves, &paused)).await, Outcome::Done);
    assert_eq!(table.clock().await, paused);
}

pub async fn an_append_on_old_clocks_writes_nothing(tier: &impl Tier) {
    let store = tier.open().await;
    let (table, running) = Table::timed(&store, "g").await;
    let mut paused = running.clone();
    paused.pause(later(500));
    assert_eq!(write(&store, table.putting(&running, &paused, NOW)).await, Outcome::Done);

    let turn = table.timed_append(0, vec![event(1)], &running, &after_turn(&running, 1_000));
    let talk = table.timed_append(0, vec![event(1)], &running, &running);

    assert_eq!(store.commit(vec![turn, talk]).await.unwrap(), [Outcome::Stale, Outcome::Stale]);
    assert_eq!((table.log().await.len(), table.clock().await), (0, paused));
}

pub async fn an_append_that_is_not_written_leaves_the_clocks_alone(tier: &impl Tier) {
    let store = tier.open().await;
    let (table, running) = Table::timed(&store, "g").await;
    let named = vec![referred(1, Some("ann"), "r1")];
    assert_eq!(write(&store, table.timed_append(0, named, &running, &running)).await, Outcome::Done);
    let turned = after_turn(&running, 1_000);

    let stale = table.timed_append(0, vec![event(1)], &running, &turned);
    let repeat = table.timed_append(1, vec![referred(2, Some("ann"), "r1")], &running, &turned);
    let outcomes = store.commit(vec![stale, repeat]).await.unwrap();

    assert!(matches!(outcomes.as_slice(), [Outcome::Stale, Outcome::Repeated(_)]), "{outcomes:?}");
    assert_eq!(table.clock().await, running);
}

pub async fn an_event_that_ends_no_turn_leaves_the_clocks_alone(tier: &impl Tier) {
    let store = tier.open().await;
    let (table, running) = Table::timed(&store, "g").await;

    assert_eq!(write(&store, table.timed_append(0, vec![event(1)], &running, &running)).await, Outcome::Done);

    assert_eq!((sequences(&table.log().await), table.clock().await), (vec![1], running));
}

pub async fn clocks_change_without_an_event(tier: &impl Tier) {
    let store = tier.open().await;
    let (table, running) = Table::timed(&store, "g").await;
    let (mut held, mut again) = (running.clone(), running.clone());
    held.hold(later(700));
    again.pause(later(900));

    let other_life = Table { store: &store, id: table.id.clone(), epoch: crate::domain::Epoch::generate() };
    let batch = vec![
        other_life.putting(&running, &held, later(700)),
        table.putting(&running, &held, later(700)),
        table.putting(&running, &again, later(900)),
    ];
    let outcomes = store.commit(batch).await.unwrap();

    assert_eq!(outcomes, [Outcome::Stale, Outcome::Done, Outcome::Stale]);
    let game = table.load(0).await;
    assert_eq!((game.updated_at, game.head()), (later(700), Sequence::ZERO));
    assert_eq!(table.clock().await, held);
    // Whoever has the game in memory elsewhere can tell by it that the clocks changed.
    let stands = store.stands(vec![table.id.clone()]).await.unwrap();
    assert_eq!(stands[0].as_ref().map(|stand| stand.clock_version), Some(held.version()));
    assert_ne!(held.version(), running.version());
}

pub async fn a_change_of_the_game_changes_its_time_control(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 0).await;
    let first = GameClock::new(control(60_000), &players()).unwrap();
    let mut second = first.clone();
    second.change_control(control(90_000), NOW);
    let changing = |version, expected_clock, clock: Option<&GameClock>| {
        let clock = clock.map(|clock| Box::new(clock.clone()));
        let change = GameChange { players: players(), expected_clock, clock, ..table.changing(version) };
        Write::ChangeGame(Box::new(change))
    };

    assert_eq!(write(&store, changing(0, 0, Some(&first))).await, Outcome::Done);
    assert_eq!(table.clock().await, first);
    assert_eq!(write(&store, changing(1, 0, Some(&second))).await, Outcome::Stale, "the clocks are others by now");
    assert_eq!(write(&store, changing(1, first.version(), None)).await, Outcome::Done);
    assert_eq!(table.clock().await, first, "what is left out stays");
    assert_eq!(write(&store, changing(2, first.version(), Some(&second))).await, Outcome::Done);

    assert_eq!(table.clock().await, second);
}

pub async fn service_is_vouched_for_until_the_clocks_change(tier: &impl Tier) {
    let store = tier.open().await;
    let (table, running) = Table::timed(&store, "g").await;
    let vouching = |clock: &GameClock, until| {
        let (game_id, epoch) = (table.id.clone(), table.epoch);
        let served = Served { game_id, epoch, clock_version: clock.version(), until };
        Write::Marks { seats: Vec::new(), floors: Vec::new(), clocks: vec![served] }
    };
    let turned = after_turn(&running, 1_000);

    for until in [3_000, 2_000] {
        assert_eq!(write(&store, vouching(&running, later(until))).await, Outcome::Done);
        assert_eq!(table.clock().await.served_until(), later(3_000), "it only moves forward");
    }
    assert_eq!(write(&store, table.timed_append(0, vec![event(1)], &running, &turned)).await, Outcome::Done);
    assert_eq!(write(&store, vouching(&running, later(9_000))).await, Outcome::Done);
    assert_eq!(table.clock().await.served_until(), later(3_000));
    assert_eq!(write(&store, vouching(&turned, later(9_000))).await, Outcome::Done);

    assert_eq!(table.clock().await.served_until(), later(9_000));
    assert_eq!(table.load(0).await.updated_at, NOW, "to be served is no change");
}

pub async fn two_nodes_changing_clocks_at_once_lose_no_change(tier: &impl Tier) {
    const TURNS: u64 = 25;
    let stores = [tier.open().await, tier.open().await];
    let (table, running) = Table::timed(&stores[0], "g").await;

    let node = async |number: usize| {
        let here = Table { store: &stores[number], id: table.id.clone(), epoch: table.epoch };
        for _ in 0..TURNS {
            loop {
                let game = here.load(0).await;
                let (head, clock) = (game.head().number(), *game.clock.unwrap());
                let mut changed = clock.clone();
                let (ann, left) = (user("ann"), Duration::from_millis(clock.version()));
                changed.set(None, &[(ann, left)], NOW).unwrap();
                // One node with an event, the other without.
                let change = match number {
                    0 => here.timed_append(head, vec![event(head + 1)], &clock, &changed),
                    _ => here.putting(&clock, &changed, NOW),
                };
                if write(here.store, change).await == Outcome::Done {
                    break;
                }
            }
        }
    };
    tokio::join!(node(0), node(1));

    assert_eq!(table.clock().await.version(), running.version() + 2 * TURNS);
    assert_eq!(table.log().await.len() as u64, TURNS);
}

pub async fn a_repeat_is_found_without_writing_anything(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 0).await;
    let events = vec![referred(1, Some("ann"), "pruned"), referred(2, Some("ann"), "live"), event(3)];
    assert_eq!(table.append(0, events.clone()).await, Outcome::Done);
    table.prune(0, 1).await;

    let asked = [
        referred(7, Some("ann"), "live"),
        referred(8, Some("bob"), "live"),
        event(9),
        referred(9, Some("ann"), "pruned"),
    ];
    let recall = |events: &[Event]| Write::Recall {
        game_id: table.id.clone(),
        events: events.iter().cloned().map(std::sync::Arc::new).collect(),
    };
    let found = write(&store, recall(&asked)).await;

    let Outcome::Repeated(found) = found else { panic!("{found:?}") };
    let found: Vec<_> = found.into_iter().map(|(place, event)| (place, event.sequence.number())).collect();
    assert_eq!(found, [(0, 2), (3, 1)]);
    assert_eq!(write(&store, recall(&asked[1..3])).await, Outcome::Done);
    assert_eq!(sequences(&table.log().await), [2, 3]);
}
