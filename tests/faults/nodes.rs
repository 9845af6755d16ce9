//! Two nodes on the same stores, with players of the same games on both.

use std::time::Duration;

use rejoin::client::{Dial, Ending, Incoming};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    proxy::Proxy,
    rig::{CROWD, audit, flush, revoke, serve},
    services::{
        Service::{self, Postgres, Redis},
        Services,
    },
    support::{Chance, Player, SOON, Server, closed, crowd::Crowd, refused_entry, until},
};

/// A revocation has one second to be everywhere; the rest is for a machine that is busy with other tests.
const REVOKED_WITHIN: Duration = Duration::from_secs(3);

/// Two nodes, and what they stand on.
struct Nodes {
    first: Server,
    second: Server,
    services: Services,
}

impl Nodes {
    async fn on(which: &[Service]) -> Self {
        let services = Services::start(which);
        Self { first: serve(&services, which, &[]).await, second: serve(&services, which, &[]).await, services }
    }

    /// In each game, one player on each node.
    async fn gather(&self, chance: &mut Chance) -> Crowd {
        let dial = |game_id: &str, user_id: &str| {
            let node = if user_id.starts_with("ann") { &self.first } else { &self.second };
            node.dial(game_id, user_id)
        };
        Crowd::gather(CROWD, chance, dial).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_on_one_postgres_write_one_log_and_both_go_on() {
    let mut chance = Chance::announced();
    let mut nodes = Nodes::on(&[Postgres]).await;
    let crowd = nodes.gather(&mut chance).await;

    nodes.second.crash().await;
    crowd.goes_on().await;
    flush(&nodes.first);
    crowd.goes_on().await;
    audit(crowd, &nodes.first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_with_a_redis_that_fails_write_one_log_and_both_go_on() {
    let mut chance = Chance::announced();
    let mut nodes = Nodes::on(&[Postgres, Redis]).await;
    let crowd = nodes.gather(&mut chance).await;

    nodes.services.kill(Redis);
    crowd.goes_on().await;
    nodes.second.crash().await;
    crowd.goes_on().await;
    nodes.services.restart(Redis);
    crowd.goes_on().await;
    audit(crowd, &nodes.second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn players_who_move_between_nodes_miss_nothing() {
    let mut chance = Chance::announced();
    let nodes = Nodes::on(&[Postgres, Redis]).await;
    let balancer = Proxy::balancing(&[&nodes.first, &nodes.second]).await;
    let dial = |game_id: &str, user_id: &str| Dial { url: balancer.url(), ..nodes.first.dial(game_id, user_id) };
    let crowd = Crowd::gather(CROWD, &mut chance, dial).await;

    for redis in ["is there", "is gone"] {
        if redis == "is gone" {
            nodes.services.kill(Redis);
        }
        for _ in 0..3 {
            balancer.cut();
            crowd.goes_on().await;
        }
    }
    audit(crowd, &nodes.first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_given_out_on_one_node_is_there_on_the_other() {
    let nodes = Nodes::on(&[Postgres]).await;
    // Without a connection nobody compares the game here with the store, and without Redis nobody tells.
    nodes.first.put_game("g", &json!({"players": ["ann"]}));

    nodes.second.put_game("g", &json!({"players": ["ann", "bob"]}));
    let session = nodes.second.call("POST", "/v1/games/g/sessions", &json!({"userId": "bob"})).expect(201).json();
    let token = session["token"].as_str().unwrap();

    nodes.first.call("POST", "/v1/sessions/validate", &json!({"token": token})).expect(200);
    let mut bob = Player::enter(&Dial::new(nodes.first.url(), "g").with_resume_token(token)).await;
    assert_eq!(bob.play("m1").await.sequence, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_kept_alive_on_one_node_has_not_expired_on_the_other() {
    let services = Services::start(&[Postgres]);
    let settings = [("SESSION_TOKEN_TTL_SECONDS", "2"), ("HEARTBEAT_FLUSH_MS", "200")];
    let first = serve(&services, &[Postgres], &settings).await;
    let second = serve(&services, &[Postgres], &settings).await;
    // Who stays keeps the game in memory there.
    let _bob = Player::enter(&first.dial("g", "bob")).await;
    let before = Player::enter(&first.dial("g", "ann")).await;
    let token = before.token();
    before.link.close().await;

    // She does nothing there that would make the first node look again by itself.
    let mut ann = Player::enter(&Dial::new(second.url(), "g").with_resume_token(token)).await;
    let expired = Instant::now() + Duration::from_secs(4);
    while Instant::now() < expired {
        ann.ping().await;
        sleep(Duration::from_millis(100)).await;
    }
    let token = ann.token();
    ann.link.close().await;

    let back = Player::enter(&Dial::new(first.url(), "g").with_resume_token(token)).await;
    assert!(back.welcome.resumed);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_played_on_one_node_is_seen_on_the_other_at_once() {
    let nodes = Nodes::on(&[Postgres, Redis]).await;
    let mut ann = Player::enter(&nodes.first.dial("g", "ann")).await;
    let mut bob = Player::enter(&nodes.second.dial("g", "bob")).await;

    // Both ways, one after the other: were it found out by a look every few seconds, it would take far longer.
    let turns = async {
        for turn in 0..10 {
            let (player, other) = if turn % 2 == 0 { (&mut ann, &mut bob) } else { (&mut bob, &mut ann) };
            let event = player.play(&format!("m{turn}")).await;
            assert_eq!(next_live(other).await, event.sequence);
        }
    };

    timeout(SOON, turns).await.expect("somebody is told late");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_played_on_one_node_is_seen_on_the_other_without_redis_too() {
    let nodes = Nodes::on(&[Postgres, Redis]).await;
    let mut ann = Player::enter(&nodes.first.dial("g", "ann")).await;
    let mut bob = Player::enter(&nodes.second.dial("g", "bob")).await;

    nodes.services.kill(Redis);
    ann.play("m1").await;

    assert_eq!(next_live(&mut bob).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_revoked_on_one_node_is_closed_and_refused_on_the_other() {
    let nodes = Nodes::on(&[Postgres, Redis]).await;
    let mut ann = Player::enter(&nodes.second.dial("g", "ann")).await;
    let mut bob = Player::enter(&nodes.second.dial("g", "bob")).await;
    let absent = Player::enter(&nodes.second.dial("g", "cat")).await;
    let (absent_session, absent_token) = (absent.welcome.session_id.clone().unwrap(), absent.token());
    absent.link.close().await;

    let revoked_at = Instant::now();
    revoke(&nodes.first, ann.welcome.session_id.as_deref().unwrap());
    revoke(&nodes.first, &absent_session);
    let ending = ann.ending().await;
    until("the absent seat's token to be refused", REVOKED_WITHIN, || {
        nodes.second.call("POST", "/v1/sessions/validate", &json!({"token": absent_token})).status == 401
    })
    .await;

    assert_eq!(ending, closed(1008, "Session revoked"));
    assert!(revoked_at.elapsed() < REVOKED_WITHIN, "{:?}", revoked_at.elapsed());
    for token in [ann.token(), absent_token] {
        assert_eq!(refused(&nodes.second, &token).await, closed(1008, "Session revoked"));
    }
    assert_eq!(bob.play("m1").await.sequence, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_that_is_taken_on_another_node_is_taken_over() {
    let nodes = Nodes::on(&[Postgres, Redis]).await;
    let mut ann = Player::enter(&nodes.first.dial("g", "ann")).await;
    ann.play("m1").await;
    ann.ping().await;

    let mut elsewhere = Player::enter(&Dial::new(nodes.second.url(), "g").with_resume_token(ann.token())).await;

    assert_eq!(ann.ending().await, closed(4001, "Session taken over"));
    assert_eq!(elsewhere.sequences(1).await, [1]);
    assert_eq!(elsewhere.play("m2").await.sequence, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_ended_on_one_node_ends_on_the_other() {
    let nodes = Nodes::on(&[Postgres, Redis]).await;
    let mut ann = Player::enter(&nodes.second.dial("g", "ann")).await;
    ann.play("m1").await;

    nodes.first.call("DELETE", "/v1/games/g", &Value::Null).expect(204);

    assert_eq!(ann.ending().await, closed(1000, "Game ended"));
    nodes.second.call("GET", "/v1/games/g", &Value::Null).expect(404);
}

/// The next live event's sequence; presence and the like are passed over.
async fn next_live(player: &mut Player) -> u64 {
    loop {
        match player.next().await {
            Incoming::Live(event) => return event.sequence,
            Incoming::Replay(event) => panic!("{} is replayed to a connection that is there", event.sequence),
            _ => {}
        }
    }
}

/// How a connection with this token ends at once.
async fn refused(server: &Server, token: &str) -> Ending {
    refused_entry(&Dial::new(server.url(), "g").with_resume_token(token)).await
}
