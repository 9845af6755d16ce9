//! The HTTP API as its callers see it, over running shards.

mod admin;
mod clock;
mod events;
mod games;
mod health;
mod limits;
mod protocol;
mod sessions;

use actix_web::{
    Error,
    body::BoxBody,
    dev::{Service, ServiceResponse},
    http::{Method, header::HeaderMap},
    test::{self, TestRequest},
};
use bytes::Bytes;
use serde_json::Value;

use crate::edge::{
    Listener, app,
    test_kit::{API_TOKEN, Kit},
};

/// A response, with its body.
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Response {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The status and code of a problem, whose other members are checked.
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["requestId"], self.header("x-request-id"));
        assert_eq!(problem["type"], format!("/docs#{}", problem["code"].as_str().unwrap()));
        assert!(!problem["title"].as_str().unwrap().is_empty());
        (self.status, problem["code"].as_str().unwrap().to_owned())
    }

    pub fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
    }
}

/// Calls one listener.
pub struct Caller<S>(S);

/// Calls the public listener of a node.
pub async fn caller(
    kit: &Kit,
) -> Caller<impl Service<actix_http::Request, Response = ServiceResponse<BoxBody>, Error = Error>> {
    Caller(test::init_service(app(kit.edge.clone(), Listener::Public)).await)
}

/// Calls the second listener of a node.
pub async fn operator(
    kit: &Kit,
) -> Caller<impl Service<actix_http::Request, Response = ServiceResponse<BoxBody>, Error = Error>> {
    Caller(test::init_service(app(kit.edge.clone(), Listener::Admin)).await)
}

impl<S> Caller<S>
where
    S: Service<actix_http::Request, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    /// Sends a request as it is.
    pub async fn send(&self, request: TestRequest) -> Response {
        let response = test::call_service(&self.0, request.to_request()).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Response { status, headers, body: test::read_body(response).await }
    }

    /// Calls as a game backend does.
    pub async fn call(&self, method: Method, path: &str, body: &str) -> Response {
        self.send(request(method, path, body)).await
    }

    pub async fn get(&self, path: &str) -> Response {
        self.call(Method::GET, path, "").await
    }

    pub async fn put(&self, path: &str, body: &str) -> Response {
        self.call(Method::PUT, path, body).await
    }

    pub async fn post(&self, path: &str, body: &str) -> Response {
        self.call(Method::POST, path, body).await
    }

    pub async fn delete(&self, path: &str) -> Response {
        self.call(Method::DELETE, path, "").await
    }

    /// What a counter or gauge says; 0 for one that is not there.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await;
        let value = text.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().unwrap())
    }
}

/// A game backend's request.
pub fn request(method: Method, path: &str, body: &str) -> TestRequest {
    let request = TestRequest::with_uri(path).method(method).insert_header(("x-api-token", API_TOKEN));
    request.set_payload(body.to_owned())
}
