//! What is kept, for how long, and what becomes of what others have written.

use std::sync::Arc;

use redis::{Cmd, cmd};

use super::*;
use crate::{
    domain::{Payload, UserId},
    store::conformance::table::referred,
};

#[tokio::test]
async fn what_is_written_is_read_back() {
    let (node, game) = (Node::alone().await, Game::named("g"));
    let mark = mark_of("ann");
    let odd = Event { payload: Payload::from_json("{ \"é\":\t[1e400, \"\\u0000\"] }").unwrap(), ..event(1) };
    let events = vec![Arc::new(odd), Arc::new(referred(2, Some("ann"), "7f é"))];

    let (game_id, epoch) = (game.id.clone(), game.epoch);
    node.tier.write(CacheWrite::Append { game_id: game_id.clone(), epoch, events: events.clone() });
    node.tier.write(CacheWrite::Seat { game_id, user_id: user("ann"), mark: mark.clone() });
    node.settle().await;

    let cached = node.read(&game).await;
    assert_eq!(cached.seat, Some(mark.clone()));
    assert!(cached.events.iter().all(|cached| cached.epoch == epoch));
    assert_eq!(cached.events.into_iter().map(|cached| cached.event).collect::<Vec<_>>(), events);
    assert_eq!(node.tier.game_of_session(mark.session_id).await, Ok(Some(game.id)));
    assert_eq!(node.tier.game_of_session(SessionId::generate()).await, Ok(None));
}

#[tokio::test]
async fn games_come_in_the_order_asked_for_and_those_not_there_are_empty() {
    let (node, first, second) = (Node::alone().await, Game::named("g1"), Game::named("g2"));
    node.append(&first, 1..=2).await;
    node.append(&second, 7..=9).await;

    let wanted = ["g2", "nowhere", "g1"].map(|name| Wanted { game_id: game_id(name), user_id: None });
    let read = node.tier.read(&wanted).await.unwrap();

    assert_eq!(read.iter().map(numbers).collect::<Vec<_>>(), [vec![7, 8, 9], vec![], vec![1, 2]]);
    assert_eq!(node.tier.read(&[]).await.unwrap().len(), 0);
}

#[tokio::test]
async fn only_the_newest_events_are_kept() {
    let (node, game) = (Node::alone().await, Game::named("g"));

    node.append(&game, 1..=3).await;
    node.append(&game, 4..=8).await;

    assert_eq!(node.numbers(&game).await, [4, 5, 6, 7, 8]);
}

#[tokio::test]
async fn pruned_events_are_gone() {
    let (node, game) = (Node::alone().await, Game::named("g"));
    node.append(&game, 1..=5).await;

    node.tier.write(CacheWrite::Prune { game_id: game.id.clone(), floor: Sequence::new(3) });
    node.settle().await;

    assert_eq!(node.numbers(&game).await, [4, 5]);
}

#[tokio::test]
async fn a_hydrated_replay_takes_the_place_of_what_was_there() {
    let (node, old, new) = (Node::alone().await, Game::named("g"), Game::named("g"));
    node.append(&old, 7..=9).await;

    let CacheWrite::Append { game_id, epoch, events } = new.appending(1..=2) else { unreachable!() };
    node.tier.write(CacheWrite::Hydrate { game_id, epoch, events });
    node.settle().await;

    let cached = node.read(&new).await;
    assert_eq!(numbers(&cached), [1, 2]);
    assert!(cached.events.iter().all(|cached| cached.epoch == new.epoch));
}

#[tokio::test]
async fn events_that_come_again_or_late_do_no_harm() {
    let (node, game) = (Node::alone().await, Game::named("g"));

    for late in [4..=5, 2..=4, 4..=5, 1..=1] {
        node.append(&game, late).await;
    }

    assert_eq!(node.numbers(&game).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn what_somebody_else_has_written_is_passed_over() {
    let (node, game, wrong) = (Node::alone().await, Game::named("g"), Game::named("wrong"));
    node.append(&game, 1..=2).await;
    let (url, keys) = (shared().await, node.keys());
    let hostile: [&[u8]; 4] = [b"", b"hello", &[1; 40], &[0xff; 60]];
    for (score, member) in hostile.iter().enumerate() {
        let () = run(&url, Cmd::zadd(keys.events(&game.id), *member, score)).await;
    }
    let () = run(&url, Cmd::set(keys.seat(&game.id, &user("ann")), "{\"version\":9}")).await;
    let () = run(&url, Cmd::set(keys.events(&wrong.id), "no sorted set")).await;
    let () = run(&url, cmd("SADD").arg(keys.seat(&wrong.id, &user("ann"))).arg("no text").take()).await;
    let session = SessionId::generate();
    let () = run(&url, Cmd::set(keys.session(session), "no game/id")).await;

    let wanted = [&wrong, &game].map(|game| Wanted { game_id: game.id.clone(), user_id: Some(user("ann")) });
    let read = node.tier.read(&wanted).await.unwrap();

    assert_eq!(read.iter().map(numbers).collect::<Vec<_>>(), [vec![], vec![1, 2]]);
    assert!(read.iter().all(|cached| cached.seat.is_none()));
    assert_eq!(node.tier.game_of_session(session).await, Ok(None));
}

#[tokio::test]
async fn a_score_that_lies_does_not_put_events_out_of_order() {
    let (node, game) = (Node::alone().await, Game::named("g"));
    node.append(&game, 1..=2).await;
    let (url, key) = (shared().await, node.keys().events(&game.id));
    let members: Vec<Vec<u8>> = run(&url, Cmd::zrange(&key, 0, -1)).await;

    let () = run(&url, Cmd::zadd(&key, &members[0], 99)).await;

    assert_eq!(node.numbers(&game).await, [1, 2]);
}

#[tokio::test]
async fn nothing_is_kept_for_ever() {
    let (node, game) = (Node::alone().await, Game::named("g"));
    let (game_id, user_id, url) = (game.id.clone(), user("ann"), shared().await);
    node.append(&game, 1..=2).await;
    node.tier.write(CacheWrite::Seat { game_id: game_id.clone(), user_id, mark: mark_of("ann") });
    node.tier.write(CacheWrite::Session { session_id: SessionId::generate(), game_id });
    node.tier.report().await.unwrap();
    node.settle().await;

    let keys: Vec<String> = run(&url, cmd("KEYS").arg(node.keys().pattern()).take()).await;

    assert_eq!(keys.len(), 7, "events, a seat, its session, another, two that settled, a probe: {keys:?}");
    for key in keys {
        let left: i64 = run(&url, cmd("PTTL").arg(&key).take()).await;
        assert!((1..=i64::try_from(TTL.as_millis()).unwrap()).contains(&left), "{key}: {left}");
    }
}

#[tokio::test]
async fn every_write_keeps_events_for_another_while() {
    let (node, game) = (Node::alone().await, Game::named("g"));
    let (url, key) = (shared().await, node.keys().events(&game.id));
    node.append(&game, 1..=2).await;
    let () = run(&url, cmd("PEXPIRE").arg(&key).arg(5_000).take()).await;

    node.tier.write(CacheWrite::Prune { game_id: game.id.clone(), floor: Sequence::new(1) });
    node.settle().await;

    let left: i64 = run(&url, cmd("PTTL").arg(&key).take()).await;
    assert!(left > 5_000, "{left}");
}

#[tokio::test]
async fn a_seat_that_is_forgotten_takes_its_session_along() {
    let (node, game, mark) = (Node::alone().await, Game::named("g"), mark_of("ann"));
    let (game_id, user_id, session_id) = (game.id.clone(), user("ann"), mark.session_id);
    node.append(&game, 1..=2).await;
    node.tier.write(CacheWrite::Seat { game_id: game_id.clone(), user_id: user_id.clone(), mark });
    node.settle().await;

    node.tier.write(CacheWrite::ForgetSeat { game_id: game_id.clone(), user_id, session_id });
    node.settle().await;
    let seat = node.read(&game).await.seat;
    node.tier.write(CacheWrite::ForgetGame(game_id));
    node.settle().await;

    assert_eq!(seat, None);
    assert_eq!(node.tier.game_of_session(session_id).await, Ok(None));
    assert_eq!(node.numbers(&game).await, NONE);
}

#[tokio::test]
async fn a_game_is_forgotten_with_the_seats_that_are_named() {
    let (node, game, other) = (Node::alone().await, Game::named("g"), Game::named("g2"));
    node.append(&game, 1..=2).await;
    node.append(&other, 1..=2).await;
    let sit = |name: &str| {
        let (game_id, user_id) = (game.id.clone(), user(name));
        node.tier.write(CacheWrite::Seat { game_id, user_id, mark: mark_of(name) });
    };
    ["ann", "bob", "cid"].into_iter().for_each(sit);
    node.settle().await;

    node.tier.forget(&game.id, &[user("ann"), user("bob")]).await.unwrap();

    let seat_of = async |user: UserId| {
        let wanted = Wanted { game_id: game.id.clone(), user_id: Some(user) };
        node.tier.read(&[wanted]).await.unwrap().remove(0).seat
    };
    assert_eq!(node.numbers(&game).await, NONE);
    assert_eq!((seat_of(user("ann")).await, seat_of(user("bob")).await), (None, None));
    assert!(seat_of(user("cid")).await.is_some());
    assert_eq!(node.numbers(&other).await, [1, 2]);
}

#[tokio::test]
async fn everything_of_a_namespace_is_forgotten_and_nothing_of_another() {
    let node = Node::alone().await;
    let neighbour = Node::at(&shared().await, &format!("{}2", node.namespace));
    let games: Vec<_> = (0..3_000).map(|number| Game::named(&format!("g{number}"))).collect();
    for game in &games {
        node.tier.write(game.appending(1..=1));
    }
    node.settle().await;
    neighbour.append(&games[0], 1..=2).await;

    let removed = node.tier.forget_all().await.unwrap();

    assert_eq!(removed, 3_001, "and the session of what settled");
    assert_eq!(node.numbers(&games[2_999]).await, NONE);
    assert_eq!(neighbour.numbers(&games[0]).await, [1, 2]);
}

#[tokio::test]
async fn what_is_done_and_what_is_refused_is_counted() {
    let (node, game, wrong) = (Node::alone().await, Game::named("g"), Game::named("wrong"));
    let () = run(&shared().await, Cmd::set(node.keys().events(&wrong.id), "no sorted set")).await;

    node.tier.write(game.appending(1..=2));
    node.tier.write(game.appending(3..=3));
    node.tier.write(wrong.appending(1..=1));
    node.tier.write(CacheWrite::Prune { game_id: game.id.clone(), floor: Sequence::new(1) });
    node.settle().await;

    let done = |operation: &str| {
        node.metric(&format!("game_session_cache_hits_total{{operation=\"{operation}\",tier=\"redis\"}}"))
    };
    until(async || done("session_snapshot") == 1.0).await;
    assert_eq!((done("replay_append"), done("replay_prune")), (2.0, 1.0));
    assert_eq!(node.metric("game_session_cache_errors_total{operation=\"replay_append\"}"), 1.0);
    assert_eq!(node.metric("redis_queue_depth"), 0.0);
    assert!(node.metric("redis_latency_seconds_count{command=\"write\"}") >= 1.0);
}

#[tokio::test]
async fn it_says_how_it_is_doing() {
    let node = Node::alone().await;
    node.append(&Game::named("g"), 1..=1).await;
    until(async || node.tier.is_connected()).await;

    let report = node.tier.report().await.unwrap();

    assert!(report.version.starts_with(|digit: char| digit.is_ascii_digit()), "{report:?}");
    assert!(report.total_keys >= 1 && report.used_memory.ends_with(['K', 'M', 'G']), "{report:?}");
    for took in [report.ping_ms, report.set_ms, report.get_ms] {
        assert!(took > 0.0 && took < 250.0, "{report:?}");
    }
    assert!(report.pool.size >= 1 && node.tier.pool().pending == 0, "{report:?}");
    assert_eq!(node.metric("redis_connected"), 1.0);
    assert!(node.metric("redis_pool_size") >= 1.0);
}

#[test]
fn it_may_be_asked_from_another_runtime() {
    let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let asking = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let url = io.block_on(shared());

    let node = Node::open(&options(Place::Single(url), &fresh_namespace()), io.handle()).unwrap();

    let found = asking.block_on(node.tier.game_of_session(SessionId::generate()));
    assert_eq!(found, Ok(None));
}

#[tokio::test]
async fn a_url_that_says_nothing_is_refused_without_its_password() {
    let refused = |place: Place| Node::open(&options(place, "n"), &Handle::current()).err().unwrap().to_string();
    for url in [
        "http://default:hush@h",
        "redis://default:hush@",
        "redis://default:hush@h/db",
        "hush",
        "redis://:hush@h/?protocol=hush",
        "rediss://:hush@h/#hush",
    ] {
        for place in [Place::Single(url.to_owned()), Place::Cluster(vec![url.to_owned()])] {
            let why = refused(place);
            assert!(why.starts_with("the URL of redis: ") && !why.contains("hush"), "{url}: {why}");
        }
    }
    assert!(refused(Place::Cluster(Vec::new())).starts_with("the URL of redis: "));
}
