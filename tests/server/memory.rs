//! Less memory than games: they come and go, and nobody notices.

use rejoin::client::Dial;
use serde_json::{Value, json};

use crate::support::{ANY_RATE, Player, SOON, Server, until};

const GAMES: usize = 80;
const ROUNDS: u64 = 12;
/// Room for a handful of games in each of two shards.
const TINY: [(&str, &str); 3] =
    [("MEMORY_BUDGET_BYTES", "200000"), ("SHARDS", "2"), ("MAX_CONNECTIONS_PER_USER", "1000")];

async fn tiny_server() -> Server {
    Server::with(&[&TINY[..], &ANY_RATE[..]].concat()).await
}

fn move_of(round: u64) -> String {
    format!(r#"{{"type":"move","payload":{{"n":{round},"text":"{}"}}}}"#, "x".repeat(400))
}

#[tokio::test]
async fn live_connections_of_evicted_games_still_get_their_events() {
    let server = tiny_server().await;
    let mut games = Vec::new();
    for game in 0..GAMES {
        let game_id = format!("g{game}");
        // What a game cannot shed, so that all of them together never fit. Each takes a little more than the one before:
        // the last bytes are taken by a game, by its first seat or by its second one.
        server.put_game(&game_id, &json!({"metadata": {"rules": "x".repeat(3_000 + 10 * game)}}));
        let ann = Player::enter(&server.dial(&game_id, "ann")).await;
        let bob = Player::enter(&server.dial(&game_id, "bob")).await;
        games.push((ann, bob));
    }

    // One game after the other, so that each has been out of memory when its turn comes again.
    for round in 1..=ROUNDS {
        for (ann, bob) in &mut games {
            ann.send(move_of(round)).await;
            let (by_ann, by_bob) = (ann.event().await, bob.event().await);
            assert_eq!((by_ann.sequence, &by_ann), (round, &by_bob));
        }
    }

    until("games to have been evicted", SOON, || server.metric("cache_evictions_total", &[]) > 0).await;
}

#[tokio::test]
async fn acknowledgements_and_tokens_of_evicted_games_are_kept() {
    let server = tiny_server().await;
    let mut seats = Vec::new();
    for game in 0..GAMES {
        let mut ann = Player::enter(&server.dial(&format!("g{game}"), "ann")).await;
        for round in 1..=ROUNDS {
            ann.send(move_of(round)).await;
        }
        ann.events(ROUNDS).await;
        ann.acknowledge(ROUNDS / 2).await;
        seats.push((ann.welcome.game_id.clone(), ann.token(), ann.welcome.session_id.clone()));
        ann.link.cut();
    }

    for (game_id, token, session_id) in seats {
        let mut back = Player::enter(&Dial::new(server.url(), &game_id).with_resume_token(token)).await;
        assert_eq!(back.welcome.session_id, session_id);
        assert_eq!((back.welcome.last_sequence, back.welcome.floor_sequence), (ROUNDS / 2, ROUNDS / 2));
        assert_eq!(back.sequences(ROUNDS / 2).await, (ROUNDS / 2 + 1..=ROUNDS).collect::<Vec<_>>());
    }
    until("games to have been evicted", SOON, || server.metric("cache_evictions_total", &[]) > 0).await;
}

#[tokio::test]
async fn memory_stays_within_its_budget() {
    let server = tiny_server().await;
    for game in 0..GAMES {
        let mut ann = Player::enter(&server.dial(&format!("g{game}"), "ann")).await;
        for round in 1..=ROUNDS {
            ann.send(move_of(round)).await;
        }
        ann.events(ROUNDS).await;
        assert!(server.metric("cache_memory_bytes", &[]) <= 200_000);
    }
    assert_eq!(server.metric("memory_budget_bytes", &[]), 200_000);
}

#[tokio::test]
async fn a_game_larger_than_memory_is_played_and_replayed() {
    let server = Server::with(&[("MEMORY_BUDGET_BYTES", "200000"), ("SHARDS", "1"), ANY_RATE[0], ANY_RATE[1]]).await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let payload = format!(r#"{{"a":"{}"}}"#, "x".repeat(60_000));
    for _ in 0..10 {
        ann.send(format!(r#"{{"type":"move","payload":{payload}}}"#)).await;
        assert_eq!(ann.event().await.payload.get(), payload);
    }

    let mut bob = Player::enter(&server.dial("g", "bob")).await;

    assert_eq!(bob.sequences(10).await, (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_flushed_game_goes_on() {
    let server = Server::with(&[("ADMIN_PUBLIC", "true")]).await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let mut bob = Player::enter(&server.dial("g", "bob")).await;
    ann.play_all(1..=3).await;

    // A game stays for as long as it knows something that the store does not.
    until("the game to be out of memory", SOON, || {
        server.call("POST", "/admin/cache/flush", &json!({"gameId": "g"})).expect(204);
        server.game("g")["cached"] == Value::Bool(false)
    })
    .await;
    ann.play("m4").await;

    assert_eq!(bob.sequences(4).await, [1, 2, 3, 4]);
}
