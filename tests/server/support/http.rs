//! HTTP calls as a game's backend makes them.

use serde_json::Value;

use super::{API_TOKEN, SOON, Server};

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The body as it came.
    pub text: String,
    pub content_type: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The answer, where its status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

impl Server {
    /// Calls with the API token, on the listener for clients.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.call_with(method, path, &body, &[("X-API-Token", API_TOKEN)])
    }

    /// Calls with a body and headers of the test's own making.
    pub fn call_with(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(SOON));
        let agent: ureq::Agent = config.build().into();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = if body.is_empty() {
            agent.run(request.body(()).unwrap())
        } else {
            agent.run(request.header("Content-Type", "application/json").body(body.to_owned()).unwrap())
        };
        let mut response = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        Answer { status: response.status().as_u16(), content_type, text: response.body_mut().read_to_string().unwrap() }
    }

    /// Makes or changes a game.
    pub fn put_game(&self, game_id: &str, body: &Value) -> Value {
        let answer = self.call("PUT", &format!("/v1/games/{game_id}"), body);
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        answer.json()
    }

    /// How a game stands.
    pub fn game(&self, game_id: &str) -> Value {
        self.call("GET", &format!("/v1/games/{game_id}"), &Value::Null).expect(200).json()
    }

    /// Every retained event of a game, page by page.
    pub fn events(&self, game_id: &str) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        loop {
            let after = events.last().map_or(0, |event| event["sequence"].as_u64().unwrap());
            let path = format!("/v1/games/{game_id}/events?after={after}&limit=1000");
            let page = self.call("GET", &path, &Value::Null).expect(200).json();
            let page = page["events"].as_array().unwrap();
            if page.is_empty() {
                return events;
            }
            events.extend(page.iter().cloned());
        }
    }

    /// The sum of all series of a metric that carry these labels (`code="1008"` for one).
    pub fn metric(&self, name: &str, labels: &[&str]) -> u64 {
        let text = self.call("GET", "/metrics", &Value::Null).expect(200).text;
        let series = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|label| line.contains(label))
        });
        let values: Vec<u64> = series.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
        assert!(!values.is_empty(), "there is no metric {name} with {labels:?} in\n{text}");
        values.iter().sum()
    }
}
