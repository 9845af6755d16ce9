//! A Prometheus of the test's own, with our rules, and the questions it is asked.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::symlink,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{SOON, until};

/// A Prometheus that scrapes one server, and is ended when this is dropped.
pub struct Prometheus {
    child: Child,
    url: String,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts it with the configuration of the project, only that it looks every second, and at this port.
    pub async fn scraping(port: u16) -> Self {
        let (folder, project) = (tempfile::tempdir().unwrap(), std::env::current_dir().unwrap());
        let mut config = fs::read_to_string("config/prometheus/prometheus.yml").unwrap();
        for (ours, here) in [("5s", "1s"), ("host.docker.internal:8081", &format!("127.0.0.1:{port}"))] {
            assert!(config.contains(ours), "{ours} is not in {config}");
            config = config.replace(ours, here);
        }
        fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        symlink(project.join("config/prometheus/rules"), folder.path().join("rules")).unwrap();

        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--web.listen-address={address}"))
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .spawn()
            .expect("scripts/prepare installs prometheus");
        let prometheus = Self { child, url: format!("http://{address}"), _folder: folder };
        until("Prometheus to be ready", SOON, || ureq::get(format!("{}/-/ready", prometheus.url)).call().is_ok()).await;
        prometheus
    }

    /// What a query gives just now; numbers alone, for 0 by 0 is none. Panics where Prometheus does not understand it.
    pub fn ask(&self, query: &str) -> Vec<f64> {
        let result = &self.call("query", &[("query", query)])["result"];
        let values = result.as_array().unwrap().iter().map(|sample| sample["value"][1].as_str().unwrap());
        values.map(|value| value.parse().unwrap()).filter(|value: &f64| !value.is_nan()).collect()
    }

    /// The rules it has, as it has read them.
    pub fn rules(&self) -> Vec<Value> {
        let groups = self.call("rules", &[]);
        groups["groups"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|group| group["rules"].as_array().unwrap().clone())
            .collect()
    }

    fn call(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(SOON));
        let agent: ureq::Agent = config.build().into();
        let request = agent.get(format!("{}/api/v1/{path}", self.url)).query_pairs(parameters.iter().copied());
        let text = request.call().unwrap().body_mut().read_to_string().unwrap();
        let mut answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["status"], "success", "{parameters:?}: {answer}");
        answer["data"].take()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
