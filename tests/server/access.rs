//! Who gets in: the ways a token travels, and every token, origin and address that does not open the door.

use std::time::Duration;

use jsonwebtoken::Algorithm;
use rejoin::{
    client::{Carry, Dial, Link, mint_access_token},
    clock::Clock,
};
use serde_json::{Value, json};

use crate::support::{
    ACCESS_SECRET, Player, SOON, Server, access_token, changed_at, claims, closed, refused_entry, refused_upgrade,
    signed, unsigned, until,
};

fn in_an_hour() -> i64 {
    Clock::system().now().as_millis() / 1_000 + 3_600
}

// --- Ways in ----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn the_version_is_selected_where_it_is_offered() {
    let server = Server::start().await;
    let mut dial = server.dial("g", "ann");

    let offered = Link::connect(&dial).await.unwrap();
    dial.carry = Carry::QueryOrHeader;
    dial.offer_version = false;
    let nothing_offered = Link::connect(&dial).await.unwrap();
    dial.carry = Carry::Subprotocol;
    let only_a_token_offered = Link::connect(&dial).await.unwrap();

    assert_eq!(offered.protocol(), Some("rejoin.v1"));
    assert_eq!(nothing_offered.protocol(), None);
    assert_eq!(only_a_token_offered.protocol(), None);
}

#[tokio::test]
async fn an_access_token_travels_as_a_subprotocol_or_in_its_header() {
    let server = Server::start().await;
    for carry in [Carry::Subprotocol, Carry::QueryOrHeader] {
        let dial = Dial { carry, ..server.dial("g", "ann") };

        let ann = Player::enter(&dial).await;

        assert_eq!(ann.welcome.user_id, "ann", "{carry:?}");
    }
}

#[tokio::test]
async fn a_resume_token_travels_as_a_subprotocol_or_in_the_query() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    for carry in [Carry::Subprotocol, Carry::QueryOrHeader] {
        let dial = Dial { carry, ..Dial::new(server.url(), "g").with_resume_token(ann.token()) };

        ann = Player::enter(&dial).await;

        assert!(ann.welcome.resumed, "{carry:?}");
    }
}

#[tokio::test]
async fn a_user_may_be_named_by_either_claim() {
    let server = Server::start().await;
    for claim in ["sub", "userId"] {
        let token = signed(&json!({claim: "ann", "exp": in_an_hour()}), Algorithm::HS256, ACCESS_SECRET);

        let ann = Player::enter(&Dial::new(server.url(), "g").with_access_token(token)).await;

        assert_eq!(ann.welcome.user_id, "ann", "{claim}");
    }
}

#[tokio::test]
async fn a_token_for_this_game_opens_it_where_games_are_not_open() {
    let server = Server::with(&[("OPEN_GAMES", "false")]).await;
    server.put_game("g", &json!({"players": ["ann"]}));
    let mut for_this = claims("bob");
    for_this.games = Some(vec!["f".to_owned(), "g".to_owned()]);
    let dial = Dial::new(server.url(), "g").with_access_token(mint_access_token(&for_this, ACCESS_SECRET).unwrap());

    let bob = Player::enter(&dial).await;

    assert_eq!(bob.welcome.user_id, "bob");
}

#[tokio::test]
async fn a_named_player_gets_in_where_games_are_not_open() {
    let server = Server::with(&[("OPEN_GAMES", "false")]).await;
    server.put_game("g", &json!({"players": ["ann"]}));

    let ann = Player::enter(&server.dial("g", "ann")).await;

    assert_eq!(ann.welcome.user_id, "ann");
}

// --- Games ------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_game_must_be_named_by_a_name_that_can_be_one() {
    let server = Server::start().await;
    let too_long = "g".repeat(129);
    for game_id in ["", "a b", "a/b", "ä", too_long.as_str()] {
        let ending = refused_entry(&server.dial(game_id, "ann")).await;

        assert_eq!(ending, closed(1008, "Missing game identifier"), "`{game_id}`");
    }
}

#[tokio::test]
async fn a_game_may_have_any_name_that_can_be_one() {
    let server = Server::start().await;
    let longest = "g".repeat(128);
    for game_id in ["a-Z_0.9:~", longest.as_str()] {
        let ann = Player::enter(&server.dial(game_id, "ann")).await;

        assert_eq!(ann.welcome.game_id, game_id);
    }
}

#[tokio::test]
async fn an_unknown_game_is_closed_to_all_where_games_are_not_open() {
    let server = Server::with(&[("OPEN_GAMES", "false")]).await;

    assert_eq!(refused_entry(&server.dial("g", "ann")).await, closed(1008, "Forbidden"));
}

#[tokio::test]
async fn a_game_with_named_players_is_closed_to_others() {
    let server = Server::start().await;
    server.put_game("g", &json!({"players": ["ann"]}));

    assert_eq!(refused_entry(&server.dial("g", "bob")).await, closed(1008, "Forbidden"));
}

#[tokio::test]
async fn an_access_token_for_other_games_does_not_open_this_one() {
    let server = Server::start().await;
    let mut for_another = claims("ann");
    for_another.games = Some(vec!["f".to_owned()]);
    let dial = Dial::new(server.url(), "g").with_access_token(mint_access_token(&for_another, ACCESS_SECRET).unwrap());

    assert_eq!(refused_entry(&dial).await, closed(1008, "Forbidden"));
}

#[tokio::test]
async fn a_resume_token_of_another_game_does_not_open_this_one() {
    let server = Server::start().await;
    let token = Player::enter(&server.dial("f", "ann")).await.token();
    let _bob = Player::enter(&server.dial("g", "bob")).await;

    let ending = refused_entry(&Dial::new(server.url(), "g").with_resume_token(token)).await;

    assert_eq!(ending, closed(1008, "Invalid resume token"));
}

// --- Tokens -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_bad_access_token_is_refused() {
    let server = Server::start().await;
    let exp = in_an_hour();
    let good = json!({"sub": "ann", "exp": exp});
    let tokens = [
        ("expired", signed(&json!({"sub": "ann", "exp": exp - 7_200}), Algorithm::HS256, ACCESS_SECRET)),
        ("without exp", signed(&json!({"sub": "ann"}), Algorithm::HS256, ACCESS_SECRET)),
        ("forged", signed(&good, Algorithm::HS256, "a secret that the server does not share")),
        ("of another algorithm", signed(&good, Algorithm::HS512, ACCESS_SECRET)),
        ("of no algorithm", unsigned(&good)),
        ("of nobody", signed(&json!({"exp": exp}), Algorithm::HS256, ACCESS_SECRET)),
        ("of a user who cannot be", signed(&json!({"sub": "a b", "exp": exp}), Algorithm::HS256, ACCESS_SECRET)),
        (
            "of an unknown role",
            signed(&json!({"sub": "ann", "exp": exp, "role": "king"}), Algorithm::HS256, ACCESS_SECRET),
        ),
        ("cut short", access_token("ann")[..40].to_owned()),
        ("nonsense", "nonsense".to_owned()),
    ];
    for (flaw, token) in tokens {
        let ending = refused_entry(&Dial::new(server.url(), "g").with_access_token(token)).await;

        assert_eq!(ending, closed(1008, "Unauthorized"), "{flaw}");
    }
}

#[tokio::test]
async fn a_token_whose_claims_were_changed_is_refused() {
    let server = Server::start().await;
    let (ann, bob) = (access_token("ann"), access_token("bob"));
    let (head, rest) = bob.rsplit_once('.').unwrap();
    assert!(!rest.is_empty());
    let grafted = format!("{head}.{}", ann.rsplit_once('.').unwrap().1);

    let ending = refused_entry(&Dial::new(server.url(), "g").with_access_token(grafted)).await;

    assert_eq!(ending, closed(1008, "Unauthorized"));
}

#[tokio::test]
async fn nobody_gets_in_without_a_token() {
    let server = Server::start().await;

    assert_eq!(refused_entry(&Dial::new(server.url(), "g")).await, closed(1008, "Unauthorized"));
}

#[tokio::test]
async fn a_bad_resume_token_is_refused() {
    let server = Server::start().await;
    let token = Player::enter(&server.dial("g", "ann")).await.token();
    let bad = [
        ("of another version", changed_at(&token, 0)),
        ("of another generation", changed_at(&token, 5)),
        ("of another session", changed_at(&token, 12)),
        ("with another signature", changed_at(&token, token.len() - 2)),
        ("cut short", token[..20].to_owned()),
        ("far too long", "x".repeat(2_000)),
        ("nonsense", "nonsense".to_owned()),
    ];
    for (flaw, token) in bad {
        let ending = refused_entry(&Dial::new(server.url(), "g").with_resume_token(token)).await;

        assert_eq!(ending, closed(1008, "Invalid resume token"), "{flaw}");
    }
}

#[tokio::test]
async fn a_session_expires_when_its_user_stays_away_and_not_before() {
    let server = Server::with(&[("SESSION_TOKEN_TTL_SECONDS", "2")]).await;
    let ann = Player::enter(&server.dial("g", "ann")).await;
    let token = ann.token();
    let dial = Dial::new(server.url(), "g").with_resume_token(&token);
    ann.link.close().await;

    let back = Player::enter(&dial).await;
    let dial = Dial::new(server.url(), "g").with_resume_token(back.token());
    back.link.close().await;
    // What is tested is time passing.
    tokio::time::sleep(Duration::from_millis(2_500)).await;

    assert_eq!(refused_entry(&dial).await, closed(1008, "Session expired"));
}

#[tokio::test]
async fn no_token_and_no_secret_is_ever_logged() {
    let server = Server::with(&[("LOG_LEVEL", "trace")]).await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play("r1").await;
    let (resume, access) = (ann.token(), access_token("ann"));
    let query = Dial { carry: Carry::QueryOrHeader, ..Dial::new(server.url(), "g").with_resume_token(&resume) };
    Player::enter(&query).await.ping().await;
    let forged = changed_at(&resume, 12);
    refused_entry(&Dial { carry: Carry::QueryOrHeader, ..query.clone().with_resume_token(&forged) }).await;

    until("the refusal to be logged", SOON, || {
        server.log().iter().any(|line| line.contains("Rejected invalid resume token"))
    })
    .await;

    let log = server.log().join("\n");
    for secret in [resume.as_str(), &access, &forged, ACCESS_SECRET, crate::support::API_TOKEN] {
        assert!(!log.contains(secret), "the log has {secret}");
    }
}

// --- Before the upgrade -----------------------------------------------------------------------------------------

#[tokio::test]
async fn a_foreign_page_is_refused() {
    let server = Server::start().await;
    let dial = Dial { origin: Some("https://evil.example".to_owned()), ..server.dial("g", "ann") };

    assert_eq!(refused_upgrade(&dial).await.0, 403);
}

#[tokio::test]
async fn a_page_of_the_same_host_gets_in() {
    let server = Server::start().await;
    let dial = Dial { origin: Some(server.url()), ..server.dial("g", "ann") };

    let ann = Player::enter(&dial).await;

    assert_eq!(ann.welcome.user_id, "ann");
}

#[tokio::test]
async fn a_listed_page_gets_in_and_only_that() {
    let server = Server::with(&[("ALLOWED_ORIGINS", "https://play.example.com")]).await;
    let from = |origin: &str| Dial { origin: Some(origin.to_owned()), ..server.dial("g", "ann") };

    Player::enter(&from("https://play.example.com")).await;

    assert_eq!(refused_upgrade(&from("https://play.example.com.evil.example")).await.0, 403);
    assert_eq!(refused_upgrade(&from("http://play.example.com")).await.0, 403);
    assert_eq!(refused_upgrade(&from("null")).await.0, 403);
}

#[tokio::test]
async fn a_user_has_only_so_many_connections() {
    let server = Server::with(&[("MAX_CONNECTIONS_PER_USER", "2")]).await;
    let first = Player::enter(&server.dial("g1", "ann")).await;
    let _second = Player::enter(&server.dial("g2", "ann")).await;

    let (status, code) = refused_upgrade(&server.dial("g3", "ann")).await;
    Player::enter(&server.dial("g3", "bob")).await;
    first.link.close().await;

    assert_eq!((status, code.as_str()), (429, "rate_limited"));
    entered_in_the_end(&server.dial("g3", "ann")).await;
}

#[tokio::test]
async fn an_address_has_only_so_many_connections() {
    let server = Server::with(&[("MAX_CONNECTIONS_PER_IP", "2")]).await;
    let first = Player::enter(&server.dial("g", "ann")).await;
    let _second = Player::enter(&server.dial("g", "bob")).await;

    let (status, code) = refused_upgrade(&server.dial("g", "eve")).await;
    first.link.close().await;

    assert_eq!((status, code.as_str()), (429, "rate_limited"));
    entered_in_the_end(&server.dial("g", "eve")).await;
}

#[tokio::test]
async fn a_node_has_only_so_many_connections() {
    let server = Server::with(&[("MAX_CONNECTIONS", "2")]).await;
    let first = Player::enter(&server.dial("g", "ann")).await;
    let _second = Player::enter(&server.dial("g", "bob")).await;

    let (status, code) = refused_upgrade(&server.dial("g", "eve")).await;
    first.link.close().await;

    assert_eq!((status, code.as_str()), (503, "backpressure"));
    entered_in_the_end(&server.dial("g", "eve")).await;
}

#[tokio::test]
async fn what_is_no_websocket_request_is_told_so() {
    let server = Server::start().await;

    let answer = server.call("GET", "/ws/game?gameId=g", &Value::Null).expect(400);

    assert_eq!(answer.content_type, "application/problem+json");
    assert_eq!(answer.json()["code"], "invalid_message");
}

/// A place is free soon after a connection is closed, not at once.
async fn entered_in_the_end(dial: &Dial) {
    let deadline = tokio::time::Instant::now() + SOON;
    while Link::connect(dial).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "no place became free");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
