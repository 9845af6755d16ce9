use actix_web::{http::Method, test::TestRequest};
use serde_json::json;

use super::{Kit, Response, caller, operator};
use crate::{domain::access::AccessKeys, edge::pages, edge::test_kit::ACCESS_SECRET};

const STAGING: &[(&str, &str)] = &[
    ("APP_ENV", "staging"),
    ("DATABASE_URL", "sqlite://not-opened.db"),
    ("SESSION_REDIS_READTHROUGH_ENABLED", "false"),
];

fn post(path: &str) -> TestRequest {
    TestRequest::with_uri(path).method(Method::POST).insert_header(("host", "play.example.com"))
}

fn from_here(request: TestRequest) -> TestRequest {
    request.peer_addr("127.0.0.1:40000".parse().unwrap())
}

async fn ask(kit: &Kit, request: TestRequest) -> Response {
    caller(kit).await.send(request).await
}

#[actix_web::test]
async fn the_page_at_play_is_on_the_public_listener_with_demo_alone() {
    let (kit, without) = (Kit::start(), Kit::with(&[("DEMO", "false")]));

    for page in pages::DEMO {
        let get = || TestRequest::with_uri(page.path);
        assert_eq!(ask(&kit, get()).await.status, 200, "{}", page.path);
        assert_eq!(ask(&without, get()).await.status, 404, "{}", page.path);
        assert_eq!(operator(&kit).await.send(get()).await.status, 404, "{}", page.path);
    }
    for path in ["/demo/games", "/demo/restart"] {
        assert_eq!(ask(&without, from_here(post(path))).await.status, 404, "{path}");
    }
}

#[actix_web::test]
async fn a_game_is_made_for_two_with_a_token_for_each_that_opens_no_other() {
    let kit = Kit::start();

    let made = ask(&kit, post("/demo/games")).await;
    let other = ask(&kit, post("/demo/games")).await.json();

    let game = made.json();
    assert_eq!(made.status, 201);
    let shown = caller(&kit).await.get(&format!("/v1/games/{}", game["gameId"].as_str().unwrap())).await.json();
    assert_eq!(shown["timer"]["config"]["preset"], "NORMAL");
    for (number, seat) in ["white", "black"].into_iter().enumerate() {
        assert_eq!(shown["players"][number]["userId"], game[seat]["userId"]);
        let token = game[seat]["token"].as_str().unwrap();
        let claims = AccessKeys::new([ACCESS_SECRET]).verify(token, kit.clock.now()).unwrap();
        assert_eq!(claims.user_id.as_str(), game[seat]["userId"]);
        assert_eq!(
            claims.games.unwrap().iter().map(|game| game.as_str()).collect::<Vec<_>>(),
            [game["gameId"].as_str().unwrap()]
        );
        assert_ne!(game[seat]["userId"], other[seat]["userId"], "all visitors would be the same two users");
    }
}

#[actix_web::test]
async fn a_game_has_the_clocks_that_were_asked_for() {
    let kit = Kit::start();
    let control = json!({ "timeControl": { "preset": "CUSTOM", "totalTimeMs": 30_000 } });

    let game = ask(&kit, post("/demo/games").set_payload(control.to_string())).await.json();
    let wrong = ask(&kit, post("/demo/games").set_payload(r#"{"timeControl":{"preset":"FAST"}}"#)).await;

    let shown = caller(&kit).await.get(&format!("/v1/games/{}", game["gameId"].as_str().unwrap())).await.json();
    assert_eq!(shown["timer"]["remainingMs"][game["white"]["userId"].as_str().unwrap()], 30_000);
    assert_eq!(wrong.problem(), (400, "invalid_message".to_owned()));
}

#[actix_web::test]
async fn pages_from_elsewhere_get_nothing() {
    let kit = Kit::start();

    for path in ["/demo/games", "/demo/restart"] {
        let foreign = from_here(post(path)).insert_header(("origin", "https://evil.example.com"));
        assert_eq!(ask(&kit, foreign).await.problem(), (403, "forbidden".to_owned()), "{path}");
    }
    let own = post("/demo/games").insert_header(("origin", "https://play.example.com"));
    assert_eq!(ask(&kit, own).await.status, 201);
}

#[actix_web::test]
async fn the_service_is_restarted_from_its_own_machine_alone() {
    let kit = Kit::start();

    let stranger = ask(&kit, post("/demo/restart").peer_addr("192.0.2.7:40000".parse().unwrap())).await;
    let unknown = ask(&kit, post("/demo/restart")).await;
    let own = ask(&kit, from_here(post("/demo/restart"))).await;

    assert_eq!((stranger.status, unknown.status, own.status), (403, 403, 202));
    kit.edge.restart_asked().await;
    assert_eq!(ask(&kit, from_here(post("/demo/games"))).await.json()["mayRestart"], true);
    assert_eq!(ask(&kit, post("/demo/games")).await.json()["mayRestart"], false);
}

#[actix_web::test]
async fn nobody_restarts_a_service_that_is_not_in_development() {
    let kit = Kit::with(&[STAGING, &[("DEMO", "true")]].concat());

    let restart = ask(&kit, from_here(post("/demo/restart"))).await;
    let game = ask(&kit, from_here(post("/demo/games"))).await;

    assert_eq!((restart.status, game.status), (404, 201));
    assert_eq!(game.json()["mayRestart"], false);
}
