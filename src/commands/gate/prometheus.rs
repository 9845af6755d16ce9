//! Prometheus's HTTP API, as far as the gates need it.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use serde::{Deserialize, de::DeserializeOwned};

use super::gates::Question;
use crate::{
    client::{ClientError, Http},
    commands::moment::{Line, Moment, Point},
};

/// Where a Prometheus is. Shown without what opens it.
#[derive(Clone, PartialEq, Eq)]
pub struct PrometheusUrl(String);

/// A Prometheus that answers questions.
pub struct Prometheus {
    http: Http,
    url: PrometheusUrl,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum PrometheusError {
    #[error(transparent)]
    Unreachable(#[from] ClientError),
    #[error("Prometheus at `{url}` answered with HTTP {status}: {reason}")]
    Refused { url: PrometheusUrl, status: u16, reason: String },
}

impl Prometheus {
    /// The one at this address.
    pub fn at(url: PrometheusUrl) -> Self {
        Self { http: Http::new(PATIENCE), url }
    }

    /// What time it is there.
    ///
    /// # Errors
    /// `Unreachable`, `Refused`.
    pub async fn now(&self) -> Result<Moment, PrometheusError> {
        let Scalar((at, _)) = self.ask("query", vec![("query", "time()".to_owned())]).await?;
        Ok(Moment(at))
    }

    /// The answer to a gate's question for the time from `from` to `now`; a formula's at every `step`, samples from a
    /// little earlier on, to tell what was there before.
    ///
    /// # Errors
    /// `Unreachable`, `Refused`.
    pub async fn answer(
        &self,
        question: Question,
        from: Moment,
        now: Moment,
        step: Duration,
    ) -> Result<Vec<Line>, PrometheusError> {
        let promql = question.promql().to_owned();
        let (call, parameters) = match question {
            Question::Formula(_) => {
                let (start, end, step) = (from.0.to_string(), now.0.to_string(), step.as_secs_f64().to_string());
                ("query_range", vec![("query", promql), ("start", start), ("end", end), ("step", step)])
            }
            Question::Each(_) | Question::Sustained(..) | Question::Growth(_) => {
                let span = (now.since(from) + BEFORE).as_millis();
                ("query", vec![("query", format!("{promql}[{span}ms]")), ("time", now.0.to_string())])
            }
        };
        let series: Vec<Series> = self.ask(call, parameters).await?;
        Ok(series.into_iter().map(Series::into_line).collect())
    }

    /// The builds that run, in words.
    ///
    /// # Errors
    /// `Unreachable`, `Refused`.
    pub async fn builds(&self) -> Result<Vec<String>, PrometheusError> {
        let builds: Vec<Labelled> = self.ask("query", vec![("query", BUILDS.to_owned())]).await?;
        let named = builds.into_iter().map(|Labelled { metric, value: (_, count) }| {
            let label = |name: &str| metric.get(name).map_or("?", String::as_str);
            format!("version {}, revision {}, on {count} node(s)", label("version"), label("revision"))
        });
        Ok(named.collect())
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        call: &str,
        parameters: Vec<(&'static str, String)>,
    ) -> Result<T, PrometheusError> {
        let url = format!("{}/api/v1/{call}", self.url.0);
        let shown = self.url.to_string();
        let answer = self
            .http
            .call(&shown, move |agent| {
                parameters.into_iter().fold(agent.get(url), |ask, (k, v)| ask.query(k, v)).call()
            })
            .await?;
        let refused = |reason| PrometheusError::Refused { url: self.url.clone(), status: answer.status, reason };
        match serde_json::from_str::<Answer<T>>(&answer.body) {
            Ok(Answer { data: Some(Data { result }), error: _ }) => Ok(result),
            Ok(Answer { data: None, error }) => Err(refused(error.unwrap_or_else(|| "no data, no error".to_owned()))),
            Err(error) => Err(refused(error.to_string())),
        }
    }
}

impl FromStr for PrometheusUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = text.trim_end_matches('/');
        match url.split_once("://") {
            Some(("http", rest)) if !rest.is_empty() => Ok(Self(url.to_owned())),
            Some(("https", _)) => Err("TLS is not spoken: use a tunnel, or run it beside Prometheus".to_owned()),
            Some(_) | None => Err("expected http://<host>:<port>".to_owned()),
        }
    }
}

impl fmt::Display for PrometheusUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("http", &self.0));
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let path = path.split('?').next().unwrap_or_default();
        write!(f, "{scheme}://{host}{path}")
    }
}

impl fmt::Debug for PrometheusUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[derive(Deserialize)]
struct Answer<T> {
    data: Option<Data<T>>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Data<T> {
    result: T,
}

/// One value: when, and what, as text.
#[derive(Deserialize)]
struct Scalar((f64, String));

#[derive(Deserialize)]
struct Labelled {
    metric: BTreeMap<String, String>,
    value: (f64, String),
}

#[derive(Deserialize)]
struct Series {
    values: Vec<(f64, String)>,
}

impl Series {
    /// Without what is no number: a share of nothing, a percentile of nothing.
    fn into_line(self) -> Line {
        let points = self.values.into_iter().filter_map(|(at, value)| {
            let value: f64 = value.parse().ok()?;
            (!value.is_nan()).then_some(Point { at: Moment(at), value })
        });
        points.collect()
    }
}

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Scrapes are a minute apart at most: so far back is the last sample from before the watch.
const BEFORE: Duration = Duration::from_mins(1);
/// Other exporters have a metric of that name too.
const BUILDS: &str = "count by (version, revision) (build_info and on (job, instance) ws_replay_backlog_size)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_opens_it() {
        let url = PrometheusUrl::from_str("http://ops:hush@prometheus:9090/behind/?key=hush").unwrap();

        assert_eq!(url.to_string(), "http://prometheus:9090/behind/");
        assert_eq!(format!("{url:?}"), url.to_string());
        assert_eq!(PrometheusUrl::from_str("http://h:1/").unwrap().to_string(), "http://h:1");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "prometheus:9090", "http://", "ftp://h"] {
            assert_eq!(PrometheusUrl::from_str(text), Err("expected http://<host>:<port>".to_owned()), "{text}");
        }
        assert!(PrometheusUrl::from_str("https://h").unwrap_err().contains("TLS"));
    }

    #[test]
    fn a_matrix_is_read_without_what_is_no_number() {
        let text = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"shard":"0"},"values":[[1000.5,"3"],[1015.5,"NaN"],[1030.5,"+Inf"]]},
            {"metric":{"shard":"1"},"values":[]}]}}"#;

        let Answer::<Vec<Series>> { data, .. } = serde_json::from_str(text).unwrap();
        let lines: Vec<Line> = data.unwrap().result.into_iter().map(Series::into_line).collect();

        let at = |at, value| Point { at: Moment(at), value };
        assert_eq!(lines, [vec![at(1000.5, 3.0), at(1030.5, f64::INFINITY)], vec![]]);
    }

    #[test]
    fn an_error_is_read_too() {
        let text = r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;

        let Answer::<Vec<Series>> { data, error } = serde_json::from_str(text).unwrap();

        assert!(data.is_none());
        assert_eq!(error.as_deref(), Some("parse error"));
    }
}
