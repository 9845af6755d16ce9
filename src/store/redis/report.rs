//! How Redis is doing, for those who look after it.

use std::time::Duration;

use redis::{Cmd, RedisResult, Value, cmd, from_redis_value};
use tokio::time::Instant;

use super::{RedisError, connections::Connections, keys::Keys, metrics::Purpose};

/// How long the key lives that is written to see how long that takes.
const PROBE_MS: u64 = 10_000;

/// How Redis is doing.
#[derive(Debug, Clone, PartialEq)]
pub struct RedisReport {
    pub version: String,
    pub uptime: Duration,
    /// As the server says it: `1.05M`. In a cluster, of all masters together.
    pub used_memory: String,
    /// Keys of the server, or of all masters of the cluster, whoever they belong to.
    pub total_keys: u64,
    pub ping_ms: f64,
    pub set_ms: f64,
    pub get_ms: f64,
    pub pool: PoolStatus,
}

/// A pool of connections at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStatus {
    pub size: usize,
    /// Connections that nobody uses.
    pub available: usize,
    /// Calls that wait for a connection.
    pub pending: usize,
}

/// Asks how Redis is doing. Each of the five questions has the time of a call.
pub(super) async fn report(connections: &Connections, keys: &Keys) -> Result<RedisReport, RedisError> {
    let (_, ping_ms) = ask(connections, cmd("PING")).await?;
    let (_, set_ms) = ask(connections, cmd("SET").arg(keys.probe()).arg(1).arg("PX").arg(PROBE_MS).take()).await?;
    let (_, get_ms) = ask(connections, Cmd::get(keys.probe())).await?;
    let (total_keys, _) = ask(connections, cmd("DBSIZE")).await?;
    let (info, _) = ask(connections, cmd("INFO")).await?;
    let total_keys = from_redis_value(total_keys).map_err(|error| RedisError::Unavailable(error.to_string()))?;
    let info = Info::of(info).map_err(|error| RedisError::Unavailable(error.to_string()))?;
    let (used_memory, pool) = (human(info.used_memory), connections.status());
    Ok(RedisReport {
        version: info.version,
        uptime: info.uptime,
        used_memory,
        total_keys,
        ping_ms,
        set_ms,
        get_ms,
        pool,
    })
}

/// Asks one thing, and returns how many milliseconds that took.
async fn ask(connections: &Connections, command: Cmd) -> Result<(Value, f64), RedisError> {
    let began = Instant::now();
    let answers = connections.ask(Purpose::Admin, vec![vec![command]]).await?;
    let took = began.elapsed().as_secs_f64() * 1_000.0;
    Ok((answers.into_iter().flatten().next().unwrap_or(Value::Nil), took))
}

/// What servers say of themselves.
struct Info {
    version: String,
    /// The shortest.
    uptime: Duration,
    /// The sum.
    used_memory: u64,
}

impl Info {
    /// Reads the answer of one server, or those of all masters by their addresses.
    fn of(answer: Value) -> RedisResult<Self> {
        let texts: Vec<String> = match answer {
            Value::Map(answers) => {
                answers.into_iter().map(|(_, text)| from_redis_value(text)).collect::<Result<_, _>>()?
            }
            text => vec![from_redis_value(text)?],
        };
        let fields = |name: &'static str| {
            texts
                .iter()
                .flat_map(|text| text.lines())
                .filter_map(move |line| line.strip_prefix(name)?.strip_prefix(':'))
        };
        let uptimes = fields("uptime_in_seconds").filter_map(|seconds| seconds.parse().ok());
        Ok(Self {
            version: fields("redis_version").next().unwrap_or("?").to_owned(),
            uptime: Duration::from_secs(uptimes.min().unwrap_or(0)),
            used_memory: fields("used_memory").filter_map(|bytes| bytes.parse::<u64>().ok()).sum(),
        })
    }
}

/// Bytes as Redis writes them.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn human(bytes: u64) -> String {
    let bytes_f = bytes as f64;
    match bytes {
        0..1_024 => format!("{bytes}B"),
        1_024..1_048_576 => format!("{:.2}K", bytes_f / 1_024.0),
        1_048_576..1_073_741_824 => format!("{:.2}M", bytes_f / 1_048_576.0),
        1_073_741_824.. => format!("{:.2}G", bytes_f / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_as_its_masters_are_together() {
        let info = |uptime: u64, memory: u64| {
            let text = format!(
                "# Server\r\nredis_version:7.0.15\r\nuptime_in_seconds:{uptime}\r\n# Memory\r\n\
                 used_memory:{memory}\r\nused_memory_human:x\r\n"
            );
            Value::BulkString(text.into_bytes())
        };
        let address = || Value::BulkString(b"127.0.0.1:1".to_vec());

        let single = Info::of(info(7, 1_100_000)).unwrap();
        let cluster = Info::of(Value::Map(vec![(address(), info(7, 5)), (address(), info(3, 10))])).unwrap();

        assert_eq!((&single.version[..], single.uptime), ("7.0.15", Duration::from_secs(7)));
        assert_eq!(human(single.used_memory), "1.05M");
        assert_eq!((cluster.uptime, cluster.used_memory), (Duration::from_secs(3), 15));
    }

    #[test]
    fn memory_is_written_as_redis_does() {
        for (bytes, text) in [(0, "0B"), (1_023, "1023B"), (1_536, "1.50K"), (5 << 30, "5.00G")] {
            assert_eq!(human(bytes), text);
        }
    }
}
