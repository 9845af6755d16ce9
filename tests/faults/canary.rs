//! The share of games that use Redis is switched under play, as a rollout does it. Nobody notices but the metrics.

use serde_json::{Value, json};

use crate::{
    rig::{CROWD, audit, flush, serve},
    services::{
        Service::{Postgres, Redis},
        Services,
    },
    support::{
        Chance, Server,
        crowd::{Crowd, Style},
    },
};

/// Enough games that a share of them is about that share.
const STYLE: Style = Style { games: 100, ..CROWD };
/// What is asked for in percent, one after the other, and which of the hundred games that is, as their names have it.
const SHARES: [(u64, u64); 5] = [(0, 0), (10, 9), (50, 62), (100, 100), (0, 0)];
/// So many games are looked for at each share: all of them, more than once.
const ENOUGH: u64 = 200;
/// How often memory is emptied for that at most.
const ROUNDS: usize = 50;
/// A machine that is busy with other tests is no error of Redis.
const PATIENT: [(&str, &str); 2] = [("REQUEST_TIMEOUT_MS", "20000"), ("SESSION_REDIS_TIMEOUT_MS", "5000")];
/// How far what so many loads ask of Redis may be from the games' share, in percent: some games leave memory more often.
const NEAR: u64 = 12;

/// What a server has counted so far.
#[derive(Clone, Copy)]
struct Counts {
    /// Games taken into memory.
    loaded: u64,
    /// Games looked for in Redis, and found there.
    sought: u64,
    found: u64,
}

impl Counts {
    fn of(server: &Server) -> Self {
        let by_redis = ["operation=\"replay_fetch\"", "tier=\"redis\""];
        let found = server.metric("game_session_cache_hits_total", &by_redis);
        Self {
            loaded: server.metric("cache_sets_total", &[]),
            sought: found + server.metric("game_session_cache_misses_total", &by_redis),
            found,
        }
    }
}

/// How many of the games the server looks for in Redis, by its own word.
fn games_that_use_redis(server: &Server) -> u64 {
    let uses = |game| {
        let answer = server.call("GET", &format!("/admin/games/game-{game}"), &Value::Null).expect(200).json();
        answer["redis"]["state"] != "unused"
    };
    (0..STYLE.games).map(|game| u64::from(uses(game))).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_share_of_redis_is_switched_under_play_and_the_metrics_follow() {
    let mut chance = Chance::announced();
    let services = Services::start(&[Postgres, Redis]);
    let settings = [PATIENT[0], PATIENT[1], ("SESSION_REDIS_READTHROUGH_PERCENT", "0")];
    let server = serve(&services, &[Postgres, Redis], &settings).await;
    let crowd = Crowd::gather(STYLE, &mut chance, |game_id, user_id| server.dial(game_id, user_id)).await;

    for (percent, games) in SHARES {
        let flags = json!({"redisReadThrough": {"percent": percent}});
        let answer = server.call("PUT", "/admin/flags", &flags).expect(200).json();
        assert_eq!(answer["redisReadThrough"], json!({"enabled": true, "percent": percent}));
        // What was under way as it was switched is over.
        crowd.goes_on().await;
        let before = Counts::of(&server);
        // A game that is being written stays in memory: on a busy machine it takes some rounds.
        let mut after = before;
        for _ in 0..ROUNDS {
            flush(&server);
            crowd.goes_on().await;
            after = Counts::of(&server);
            if after.loaded >= before.loaded + ENOUGH {
                break;
            }
        }

        let (loaded, sought, found) =
            (after.loaded - before.loaded, after.sought - before.sought, after.found - before.found);
        println!("at {percent} %: {loaded} games loaded, {sought} looked for in Redis, {found} found there");
        assert!(loaded >= ENOUGH, "games do not leave memory");
        assert_eq!(games_that_use_redis(&server), games);
        match percent {
            0 => assert_eq!(sought, 0),
            _ => {
                assert!(
                    (sought * 100 / loaded).abs_diff(games) <= NEAR,
                    "{sought} of {loaded}, with {games} of 100 games"
                );
                assert!(found > 0 && found <= sought);
            }
        }
    }

    let report = audit(crowd, &server).await;
    assert_eq!((report.losses, report.refusals.len()), (0, 0), "{report}");
    assert_eq!(server.metric("game_session_cache_errors_total", &[]), 0);
    assert_eq!(server.metric("game_session_db_errors_total", &[]), 0);
}
