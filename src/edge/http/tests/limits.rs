use actix_web::{HttpServer, http::Method, test::TestRequest};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{API_TOKEN, Kit, Listener, app, caller, request};
use crate::store::faulty::{Fault, Whose};

const GAME: &str = "/v1/games/g1";

#[actix_web::test]
async fn a_call_without_the_token_is_refused_and_counted() {
    let kit = Kit::start();
    let caller = caller(&kit).await;

    let missing = caller.send(TestRequest::put().uri(GAME)).await;
    let invalid = caller.send(TestRequest::get().uri(GAME).insert_header(("x-api-token", "wrong"))).await;
    let bearer = ("authorization", format!("Bearer {API_TOKEN}"));
    let right = caller.send(TestRequest::put().uri(GAME).insert_header(bearer)).await;

    assert_eq!(missing.problem(), (401, "unauthorized".to_owned()));
    assert_eq!(invalid.problem(), (401, "unauthorized".to_owned()));
    assert_eq!(right.status, 201);
    assert_eq!(caller.metric(r#"cache_auth_failures_total{reason="missing"}"#).await, 1.0);
    assert_eq!(caller.metric(r#"cache_auth_failures_total{reason="invalid"}"#).await, 1.0);
}

#[actix_web::test]
async fn reads_need_no_token_where_the_settings_say_so() {
    let kit = Kit::with(&[("READ_REQUIRES_AUTH", "false")]);
    let caller = caller(&kit).await;
    caller.put(GAME, "").await;

    assert_eq!(caller.send(TestRequest::get().uri(GAME)).await.status, 200);
    assert_eq!(caller.send(TestRequest::delete().uri(GAME)).await.status, 401);
}

#[actix_web::test]
async fn every_token_of_a_rotation_is_taken() {
    let kit = Kit::with(&[("API_TOKEN", "the-new-token-0123456789-0123456789,the-old-token-0123456789-0123456789")]);
    let caller = caller(&kit).await;
    let with = |token: &str| TestRequest::get().uri(GAME).insert_header(("x-api-token", token.to_owned()));

    assert_eq!(caller.send(with("the-new-token-0123456789-0123456789")).await.status, 404);
    assert_eq!(caller.send(with("the-old-token-0123456789-0123456789")).await.status, 404);
    assert_eq!(caller.send(with(API_TOKEN)).await.status, 401);
}

#[actix_web::test]
async fn a_request_keeps_its_sane_name() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    let named = |name: &str| request(Method::GET, GAME, "").insert_header(("x-request-id", name.to_owned()));

    assert_eq!(caller.send(named("trace-1:2~3")).await.json()["requestId"], "trace-1:2~3");
    let other = caller.send(named("not sane")).await;
    assert_ne!(other.header("x-request-id"), "not sane");
    assert_eq!(other.header("x-content-type-options"), "nosniff");
    assert_eq!(other.header("cache-control"), "no-store");
}

#[actix_web::test]
async fn unknown_paths_and_methods_are_problems() {
    let kit = Kit::start();
    let caller = caller(&kit).await;

    for path in ["/nothing", "/v1", "/v1/nothing", "/v2/games/g1", "/admin/shards", "/docs/nothing"] {
        assert_eq!(caller.get(path).await.problem(), (404, "not_found".to_owned()), "{path}");
    }
    let refused = caller.call(Method::PATCH, GAME, "").await;
    assert_eq!(refused.problem(), (405, "invalid_message".to_owned()));
    assert_eq!(refused.header("allow"), "PUT, GET, DELETE");
    assert_eq!(caller.post("/healthz", "").await.problem().0, 405);
}

#[actix_web::test]
async fn requests_are_measured_by_route() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put(GAME, "").await;
    caller.get("/nowhere").await;
    caller.call(Method::from_bytes(b"BREW").unwrap(), GAME, "").await;

    for (method, route, status) in
        [("PUT", "/v1/games/{gameId}", 201), ("GET", "unmatched", 404), ("OTHER", "/v1/games/{gameId}", 405)]
    {
        let labels = format!(r#"{{method="{method}",route="{route}",status_code="{status}"}}"#);
        assert_eq!(caller.metric(&format!("http_request_duration_seconds_count{labels}")).await, 1.0, "{labels}");
    }
    assert_eq!(caller.metric("http_active_requests").await, 0.0);
    assert_eq!(caller.metric("max_inflight_requests").await, 1_000.0);
    assert_eq!(caller.metric("memory_budget_bytes").await, 67_108_864.0);
}

#[actix_web::test]
async fn one_request_too_many_is_refused_but_health_is_not() {
    let kit = Kit::with(&[("MAX_INFLIGHT", "1")]);
    let caller = caller(&kit).await;
    let _other = kit.edge.metrics.enter(1).unwrap();

    let refused = caller.get(GAME).await;

    assert_eq!(refused.problem(), (503, "backpressure".to_owned()));
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(caller.metric(r#"cache_backpressure_total{reason="max_inflight"}"#).await, 1.0);
    assert_eq!(caller.get("/readyz").await.status, 200);
}

#[actix_web::test]
async fn a_request_without_an_answer_in_time_is_given_up() {
    let kit = Kit::with(&[("REQUEST_TIMEOUT_MS", "100")]);
    let caller = caller(&kit).await;
    kit.faults.set(Whose::All, Fault::Stuck);

    let late = caller.get(GAME).await;
    kit.faults.lift();

    assert_eq!(late.problem(), (504, "timeout".to_owned()));
    assert_eq!(caller.metric("http_active_requests").await, 0.0);
}

#[actix_web::test]
async fn a_compressed_body_is_refused() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    let coded = |coding: &str| request(Method::PUT, GAME, "{}").insert_header(("content-encoding", coding.to_owned()));

    assert_eq!(caller.send(coded("gzip")).await.problem(), (415, "invalid_message".to_owned()));
    assert_eq!(caller.send(coded("identity")).await.status, 201);
}

#[actix_web::test]
async fn a_large_body_is_refused() {
    let kit = Kit::with(&[("MAX_ITEM_BYTES", "1024")]);
    let caller = caller(&kit).await;
    caller.put(GAME, "").await;

    let padded = |bytes: usize| format!(r#"{{"userId":"ann","sequence":0{}}}"#, " ".repeat(bytes));
    assert_eq!(caller.post("/v1/games/g1/acks", &padded(5_000)).await.status, 404);
    assert_eq!(caller.post("/v1/games/g1/acks", &padded(5_121)).await.problem(), (413, "too_large".to_owned()));
    let announced = request(Method::PUT, GAME, "{}").insert_header(("content-length", "99999999999"));
    assert_eq!(caller.send(announced).await.problem(), (413, "too_large".to_owned()));
}

/// A body that never comes, over a real connection.
#[actix_web::test]
async fn a_slow_body_is_given_up_after_5_seconds() {
    let kit = Kit::start();
    let edge = kit.edge.clone();
    let server = HttpServer::new(move || app(edge.clone(), Listener::Public)).workers(1).disable_signals();
    let server = server.bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    drop(actix_web::rt::spawn(server));

    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!("PUT {GAME} HTTP/1.1\r\nhost: x\r\nx-api-token: {API_TOKEN}\r\ncontent-length: 9\r\n\r\n{{");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut response = vec![0; 4_096];
    let read = socket.read(&mut response).await.unwrap();
    handle.stop(false).await;

    let response = std::str::from_utf8(&response[..read]).unwrap();
    assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
    assert!(response.contains(r#""code":"timeout""#), "{response}");
}
