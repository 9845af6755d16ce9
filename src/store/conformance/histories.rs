//! The claim that random histories do to a store what they do to a naive model of it.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tokio::{runtime::Handle, task::spawn_blocking};

use super::{
    Tier,
    clocks::{control, players},
    model::{Model, View},
    table::{NOW, event, first, game_id, payload, user},
};
use crate::{
    domain::{
        Epoch, Event, EventRef, Game, GameClock, GameId, Generation, Seat, Sequence, SessionId, Summary, Timestamp,
    },
    store::{
        Append, ClockChange, DurableStore, Floor, GameChange, Outcome, Retention, Revocation, SeatMark, Served, Write,
    },
};

const GAMES: [&str; 2] = ["one", "two"];
const USERS: [&str; 3] = ["ann", "bob", "eve"];
const DAY: Duration = Duration::from_hours(24);
const KEEP: Retention = Retention { absent_after: DAY, untouched_for: Duration::from_hours(3 * 24) };

/// One step of a history.
#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Plan>),
    RevokeSession(usize, usize),
    RevokeUser(usize),
    CleanUp,
    Wait(u32),
}

/// A write, to be filled in with what the game is like by then. `true` spoils it.
#[derive(Debug, Clone)]
enum Plan {
    Create { game: usize, clock: bool },
    Append { game: usize, events: Drafted, clock: bool, other_life: bool, other_head: bool },
    Recall { game: usize, events: Drafted },
    PutClock { game: usize, other_clock: bool },
    Sit { game: usize, user: usize, other_version: bool, other_floor: bool },
    Change { game: usize, open: Option<bool>, clock: bool, other_version: bool, other_clock: bool },
    SumUp { game: usize, other_life: bool },
    Delete { game: usize, other_life: bool },
    Marks { seats: Vec<(usize, usize, u64)>, floors: Vec<(usize, u64, bool)>, clocks: Vec<(usize, bool)> },
}

fn plan() -> impl Strategy<Value = Plan> {
    let (game, name, rarely) = (0..GAMES.len(), 0..USERS.len(), prop::bool::weighted(0.1));
    let one_event = (proptest::option::of(name.clone()), proptest::option::of(0..5_u8));
    prop_oneof![
        2 => (game.clone(), any::<bool>()).prop_map(|(game, clock)| Plan::Create { game, clock }),
        8 => (game.clone(), vec(one_event.clone(), 0..4), any::<bool>(), rarely, rarely).prop_map(
            |(game, events, clock, other_life, other_head)| Plan::Append { game, events, clock, other_life, other_head }
        ),
        1 => (game.clone(), vec(one_event, 0..4)).prop_map(|(game, events)| Plan::Recall { game, events }),
        2 => (game.clone(), rarely).prop_map(|(game, other_clock)| Plan::PutClock { game, other_clock }),
        3 => (game.clone(), name.clone(), rarely, rarely)
            .prop_map(|(game, user, other_version, other_floor)| Plan::Sit { game, user, other_version, other_floor }),
        1 => (game.clone(), any::<Option<bool>>(), any::<bool>(), rarely, rarely).prop_map(
            |(game, open, clock, other_version, other_clock)| {
                Plan::Change { game, open, clock, other_version, other_clock }
            }
        ),
        1 => (game.clone(), rarely).prop_map(|(game, other_life)| Plan::SumUp { game, other_life }),
        1 => (game.clone(), rarely).prop_map(|(game, other_life)| Plan::Delete { game, other_life }),
        4 => (
            vec((game.clone(), name, 0..9_u64), 0..3),
            vec((game.clone(), 0..9_u64, rarely), 0..3),
            vec((game, rarely), 0..2),
        )
            .prop_map(|(seats, floors, clocks)| Plan::Marks { seats, floors, clocks }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => vec(plan(), 1..5).prop_map(Step::Commit),
        1 => (0..GAMES.len(), 0..USERS.len()).prop_map(|(game, user)| Step::RevokeSession(game, user)),
        1 => (0..USERS.len()).prop_map(Step::RevokeUser),
        2 => Just(Step::CleanUp),
        2 => (0..40_u32).prop_map(Step::Wait),
    ]
}

pub async fn random_batches_do_what_a_naive_model_does<T: Tier>(_: &T) {
    let runtime = Handle::current();
    let histories = move || {
        let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
        runner.run(&vec(step(), 1..30), |steps| {
            runtime.block_on(play::<T>(steps));
            Ok(())
        })
    };
    spawn_blocking(histories).await.unwrap().unwrap();
}

async fn play<T: Tier>(steps: Vec<Step>) {
    let tier = T::fresh().await;
    let store = tier.open().await;
    let mut model = Model { now: NOW, games: BTreeMap::new() };
    for step in steps {
        match step {
            Step::Commit(plans) => {
                let (batch, expected): (Vec<_>, Vec<_>) =
                    plans.into_iter().map(|plan| carry_out(&mut model, plan)).unzip();
                assert_eq!(store.commit(batch).await.unwrap(), expected);
            }
            Step::RevokeSession(game, user) => {
                let session = session(&model, game, user);
                let revoked = store.revoke(Revocation::Session(session), model.now).await.unwrap();
                assert_eq!(revoked, model.revoke(|seat| seat.session_id == session));
            }
            Step::RevokeUser(name) => {
                let name = user(USERS[name]);
                let mut revoked = store.revoke(Revocation::User(name.clone()), model.now).await.unwrap();
                revoked.sort_by(|a, b| a.game_id.cmp(&b.game_id));
                assert_eq!(revoked, model.revoke(|seat| seat.user_id == name));
            }
            Step::CleanUp => {
                let mut cleaned = store.clean_up(KEEP, model.now).await.unwrap();
                cleaned.games.sort();
                cleaned.unseated.sort();
                assert_eq!(cleaned, model.clean_up(KEEP));
            }
            Step::Wait(hours) => model.now = model.now.plus(hours * DAY / 24),
        }
        for (id, loaded) in GAMES.map(game_id).iter().zip(store.load(GAMES.map(game_id).to_vec(), 3).await.unwrap()) {
            let kept = model.games.get(id);
            assert_eq!(loaded.as_ref().map(View::of), kept.map(|kept| View::of(&kept.game)), "{id}");
            let page = store.events_after(id.clone(), Sequence::ZERO, first(1_000)).await.unwrap();
            assert_eq!(page.map(|page| page.events), kept.map(|kept| kept.log.clone()), "{id}");
        }
    }
}

/// Fills in a plan, and works out what should come of it.
fn carry_out(model: &mut Model, plan: Plan) -> (Write, Outcome) {
    let now = model.now;
    let id_of = |game: usize| game_id(GAMES[game]);
    let life = |game: usize, other: bool| match model.games.get(&id_of(game)) {
        Some(kept) if !other => kept.game.epoch,
        Some(_) | None => Epoch::generate(),
    };
    let version = |game: usize, other: bool| {
        model.games.get(&id_of(game)).map_or(0, |kept| kept.game.seats_version) + u64::from(other)
    };
    let clock_version =
        |game: usize, other: bool| clock_of(model, game).map_or(0, |clock| clock.version()) + u64::from(other);
    let head = |game: usize| model.games.get(&id_of(game)).map_or(Sequence::ZERO, |kept| kept.game.head());
    let floor = |game: usize| model.games.get(&id_of(game)).map_or(Sequence::ZERO, |kept| kept.game.floor);
    let write = match plan {
        Plan::Create { game, clock } => Write::CreateGame(Box::new(made(&id_of(game), clock, now))),
        Plan::Append { game, events, clock, other_life, other_head } => {
            let expected_head = Sequence::new(head(game).number() + u64::from(other_head));
            Write::Append(Append {
                game_id: id_of(game),
                epoch: life(game, other_life),
                expected_head,
                expected_clock: clock_version(game, false),
                events: drafted(events, expected_head, now),
                clock: changed(model, game).filter(|_| clock).map(Box::new),
            })
        }
        Plan::Recall { game, events } => {
            Write::Recall { game_id: id_of(game), events: drafted(events, head(game), now) }
        }
        Plan::PutClock { game, other_clock } => Write::PutClock(Box::new(ClockChange {
            game_id: id_of(game),
            epoch: life(game, false),
            // In a game without clocks, nobody puts any.
            expected_clock: clock_version(game, other_clock || clock_of(model, game).is_none()),
            clock: changed(model, game).unwrap_or_else(|| GameClock::new(control(60_000), &players()).unwrap()),
            at: now,
        })),
        Plan::Sit { game, user: name, other_version, other_floor } => Write::TakeSeat {
            game_id: id_of(game),
            epoch: life(game, false),
            expected_seats_version: version(game, other_version),
            known_floor: Sequence::new(floor(game).number().saturating_sub(u64::from(other_floor))),
            seat: Box::new(Seat::take(user(USERS[name]), Sequence::ZERO, now, DAY / 2)),
        },
        Plan::Change { game, open, clock, other_version, other_clock } => Write::ChangeGame(Box::new(GameChange {
            game_id: id_of(game),
            epoch: life(game, false),
            expected_seats_version: version(game, other_version),
            players: USERS.map(user).to_vec(),
            open,
            metadata: open.map(|open| payload(&format!("{{\"open\":{open}}}"))),
            expected_clock: clock_version(game, other_clock),
            clock: clock.then(|| Box::new(controlled(model, game))),
            at: now,
        })),
        Plan::SumUp { game, other_life } => Write::PutSummary {
            game_id: id_of(game),
            epoch: life(game, other_life),
            summary: Summary { sequence: head(game), state: payload("{}") },
            at: now,
        },
        Plan::Delete { game, other_life } => Write::DeleteGame { game_id: id_of(game), epoch: life(game, other_life) },
        Plan::Marks { seats, floors, clocks } => Write::Marks {
            seats: seats
                .into_iter()
                .map(|(game, name, number)| SeatMark {
                    session_id: session(model, game, name),
                    last_ack: Sequence::new(number),
                    proven: Generation::new(8 - u32::try_from(number).unwrap()),
                    issued: Generation::new(8),
                    issued_at: now,
                    last_seen_at: now,
                    expires_at: now.plus(DAY),
                    whole: None,
                })
                .collect(),
            floors: floors
                .into_iter()
                .map(|(game, number, other_version)| Floor {
                    game_id: id_of(game),
                    epoch: life(game, false),
                    seats_version: version(game, other_version),
                    floor: Sequence::new(number),
                })
                .collect(),
            clocks: clocks
                .into_iter()
                .map(|(game, other_clock)| Served {
                    game_id: id_of(game),
                    epoch: life(game, false),
                    // Nobody vouches for clocks that are not there.
                    clock_version: clock_version(game, other_clock || clock_of(model, game).is_none()),
                    until: now,
                })
                .collect(),
        },
    };
    let outcome = model.write(&write);
    (write, outcome)
}

type Drafted = Vec<(Option<usize>, Option<u8>)>;

/// Events that follow this one. The rules never let one append name a ref twice.
fn drafted(mut events: Drafted, after: Sequence, now: Timestamp) -> Vec<Arc<Event>> {
    let mut named = HashSet::new();
    events.retain(|event| event.1.is_none() || named.insert(*event));
    let numbers = after.number() + 1..;
    let events = numbers.zip(events).map(|(number, (by, client_ref))| {
        let client_ref = client_ref.map(|number| EventRef::parse(&number.to_string()).unwrap());
        let user_id = by.map(|by| user(USERS[by]));
        Arc::new(Event { user_id, client_ref, created_at: now, ..event(number) })
    });
    events.collect()
}

fn made(id: &GameId, with_clock: bool, now: Timestamp) -> Game {
    let mut game = Game::new(id.clone(), now, 0);
    if with_clock {
        game.players = players();
        game.clock = Some(Box::new(GameClock::new(control(60_000), &players()).unwrap()));
    }
    game
}

fn clock_of(model: &Model, game: usize) -> Option<GameClock> {
    model.games.get(&game_id(GAMES[game])).and_then(|kept| kept.game.clock.as_deref().cloned())
}

/// The clocks of a game after some change or other, which no two of have in common.
fn changed(model: &Model, game: usize) -> Option<GameClock> {
    let mut clock = clock_of(model, game)?;
    let left = Duration::from_millis(clock.version() + 1);
    clock.set(None, &[(user(USERS[1]), left)], model.now).unwrap();
    Some(clock)
}

/// The clocks of a game with another control, or its first ones.
fn controlled(model: &Model, game: usize) -> GameClock {
    let mut clock = clock_of(model, game).unwrap_or_else(|| GameClock::new(control(1), &players()).unwrap());
    let total = 1 + u64::try_from(clock.control().pace().total.as_millis()).unwrap();
    clock.change_control(control(total), model.now);
    clock
}

fn session(model: &Model, game: usize, name: usize) -> SessionId {
    let kept = model.games.get(&game_id(GAMES[game]));
    kept.and_then(|kept| kept.game.seat(&user(USERS[name]))).map_or_else(SessionId::generate, |seat| seat.session_id)
}
