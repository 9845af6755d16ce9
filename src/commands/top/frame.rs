//! Two looks at a server as a page of text. Pure.

use std::fmt::Write as _;

use super::look::{Look, Shard};

/// The page: what is so now, and at which rate it came there.
pub fn frame(url: &str, before: &Look, now: &Look) -> String {
    let looks = Looks { before, now };
    let mut page = format!("{url}{}\n\n", looks.build());
    looks.shards(&mut page);
    page.push('\n');
    for (title, facts) in [
        ("connections", looks.connections()),
        ("per second", looks.rates()),
        ("journal", looks.journal()),
        ("refused/s", looks.backpressure()),
        ("breakers", looks.breakers()),
        ("Redis", looks.redis()),
    ] {
        let facts: Vec<String> = facts.into_iter().map(|(name, value)| format!("{name} {value}")).collect();
        _ = writeln!(page, "{title:<13}{}", facts.join("   "));
    }
    page.truncate(page.trim_end().len());
    page
}

struct Looks<'a> {
    before: &'a Look,
    now: &'a Look,
}

type Facts<'a> = Vec<(&'a str, String)>;

impl<'a> Looks<'a> {
    fn build(&self) -> String {
        let versions = self.now.metrics.by("build_info", "version");
        versions.keys().next().map_or_else(String::new, |version| format!("   version {version}"))
    }

    fn shards(&self, page: &mut String) {
        let header = ["shard", "entries", "memory / budget", "queue / capacity", "hit rate", "connections"];
        row(page, &header.map(str::to_owned));
        for shard in &self.now.shards {
            let before = self.before.shards.iter().find(|before| before.shard == shard.shard);
            row(page, &shard_row(before, shard));
        }
        let of_all = |of_one: fn(&Shard) -> Option<u64>| self.now.shards.iter().filter_map(of_one).sum::<u64>();
        let all = [
            "all".to_owned(),
            of_all(|shard| shard.entries).to_string(),
            format!("{} / {}", size(of_all(|shard| shard.memory_bytes)), size(of_all(|shard| shard.budget_bytes))),
            format!("{} / {}", of_all(|shard| Some(shard.queue_depth)), of_all(|shard| Some(shard.mailbox_capacity))),
            format!("imbalance {:.2}", self.now.imbalance),
            of_all(|shard| shard.connections).to_string(),
        ];
        row(page, &all);
    }

    fn connections(&self) -> Facts<'a> {
        let by_role = self.now.metrics.by("ws_connections", "role");
        by_role.into_iter().map(|(role, count)| (role, format!("{count:.0}"))).collect()
    }

    fn rates(&self) -> Facts<'a> {
        let heard = |kind| self.rate("ws_messages_total", &[("direction", "in"), ("kind", kind)]);
        vec![
            ("resumes", self.rate("ws_resume_attempts_total", &[("outcome", "resumed")])),
            ("events", heard("event")),
            ("acknowledgements", heard("ack")),
            ("replayed", self.rate("ws_messages_total", &[("direction", "out"), ("kind", "replay")])),
            ("cache errors", self.rate("game_session_cache_errors_total", &[])),
            ("store errors", self.rate("game_session_db_errors_total", &[])),
        ]
    }

    fn journal(&self) -> Facts<'a> {
        let took = self.increase("journal_commit_seconds_sum").zip(self.increase("journal_commit_seconds_count"));
        let each = took.filter(|(_, commits)| *commits > 0.0).map(|(seconds, commits)| seconds * 1000.0 / commits);
        vec![
            ("depth", self.value("journal_queue_depth")),
            ("commits/s", self.rate("journal_commit_seconds_count", &[])),
            ("each", each.map_or("-".to_owned(), |milliseconds| format!("{milliseconds:.1} ms"))),
        ]
    }

    fn backpressure(&self) -> Facts<'a> {
        let reasons = self.now.metrics.by("cache_backpressure_total", "reason");
        let rates =
            reasons.into_keys().map(|reason| (reason, self.rate("cache_backpressure_total", &[("reason", reason)])));
        rates.collect()
    }

    fn breakers(&self) -> Facts<'a> {
        let states = self.now.metrics.by("circuit_breaker_state", "dependency");
        let named = states.into_iter().map(|(dependency, state)| {
            let state = match state {
                0.0 => "closed",
                1.0 => "half-open",
                _ => "OPEN",
            };
            (dependency, state.to_owned())
        });
        named.collect()
    }

    fn redis(&self) -> Facts<'a> {
        let connected = match self.now.metrics.sum("redis_connected", &[]) {
            None => "none",
            Some(0.0) => "NO",
            Some(_) => "yes",
        };
        let hit_rate = self.now.metrics.sum("session_cache_hit_rate", &[]);
        vec![
            ("connected", connected.to_owned()),
            ("queue", self.value("redis_queue_depth")),
            ("dropped/s", self.rate("redis_dropped_writes_total", &[])),
            ("hit rate 5m", hit_rate.map_or("-".to_owned(), |percent| format!("{percent:.1} %"))),
        ]
    }

    fn value(&self, name: &str) -> String {
        self.now.metrics.sum(name, &[]).map_or("-".to_owned(), |value| format!("{value:.0}"))
    }

    fn rate(&self, name: &str, labels: &[(&str, &str)]) -> String {
        let seconds = self.now.at.duration_since(self.before.at).as_secs_f64();
        let grown = self.grown(name, labels).filter(|_| seconds > 0.0);
        grown.map_or("-".to_owned(), |grown| format!("{:.1}", grown / seconds))
    }

    fn increase(&self, name: &str) -> Option<f64> {
        self.grown(name, &[])
    }

    /// By how much a counter has grown; nothing is known where it has started over.
    fn grown(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let (before, now) = (self.before.metrics.sum(name, labels)?, self.now.metrics.sum(name, labels)?);
        (now >= before).then_some(now - before)
    }
}

fn shard_row(before: Option<&Shard>, now: &Shard) -> [String; 6] {
    let (Some(entries), Some(memory), Some(budget), Some(connections)) =
        (now.entries, now.memory_bytes, now.budget_bytes, now.connections)
    else {
        let queue = format!("{} / {}", now.queue_depth, now.mailbox_capacity);
        return [now.shard.to_string(), String::new(), "NOT ANSWERING".to_owned(), queue, String::new(), String::new()];
    };
    [
        now.shard.to_string(),
        entries.to_string(),
        format!("{} / {}", size(memory), size(budget)),
        format!("{} / {}", now.queue_depth, now.mailbox_capacity),
        before.and_then(|before| hit_rate(before, now)).unwrap_or("-".to_owned()),
        connections.to_string(),
    ]
}

/// Of what was looked for between two looks.
fn hit_rate(before: &Shard, now: &Shard) -> Option<String> {
    let hits = now.hits?.checked_sub(before.hits?)?;
    let all = hits + now.misses?.checked_sub(before.misses?)?;
    #[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
    let share = (all > 0).then(|| hits as f64 * 100.0 / all as f64)?;
    Some(format!("{share:.1} %"))
}

fn size(bytes: u64) -> String {
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;
    let (unit, name) = match bytes {
        0..MIB => (KIB, "KiB"),
        MIB..GIB => (MIB, "MiB"),
        GIB.. => (GIB, "GiB"),
    };
    #[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
    let amount = bytes as f64 / unit as f64;
    format!("{amount:.1} {name}")
}

fn row(page: &mut String, cells: &[String; 6]) {
    let [shard, entries, memory, queue, hits, connections] = cells;
    _ = writeln!(page, "{shard:>5}  {entries:>9}  {memory:>25}  {queue:>16}  {hits:>15}  {connections:>11}");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::commands::exposition::Exposition;

    fn looks(before: &str, now: &str, shards: Vec<Shard>) -> (Look, Look) {
        let at = Instant::now();
        let earlier = shards.iter().map(|shard| Shard { hits: Some(10), misses: Some(10), ..shard.clone() }).collect();
        let look = |at, metrics, shards| Look { at, metrics: Exposition::parse(metrics), shards, imbalance: 0.25 };
        (look(at, before, earlier), look(at + Duration::from_secs(2), now, shards))
    }

    fn shard(shard: usize) -> Shard {
        Shard {
            shard,
            queue_depth: 3,
            mailbox_capacity: 1000,
            entries: Some(12),
            memory_bytes: Some(3 << 20),
            budget_bytes: Some(512 << 20),
            hits: Some(19),
            misses: Some(11),
            connections: Some(24),
        }
    }

    #[test]
    fn a_page_reads_like_this() {
        let before = "journal_commit_seconds_sum 1\njournal_commit_seconds_count 10\n\
            ws_messages_total{direction=\"in\",kind=\"event\"} 100\n\
            cache_backpressure_total{reason=\"mailbox_full\"} 4\ncache_backpressure_total{reason=\"connections\"} 0\n";
        let now = "journal_commit_seconds_sum 1.05\njournal_commit_seconds_count 20\njournal_queue_depth 2\n\
            ws_messages_total{direction=\"in\",kind=\"event\"} 168\nws_messages_total{direction=\"out\",kind=\"event\"} 9\n\
            cache_backpressure_total{reason=\"mailbox_full\"} 5\ncache_backpressure_total{reason=\"connections\"} 0\n\
            ws_connections{role=\"player\"} 24\nws_connections{role=\"spectator\"} 1\n\
            circuit_breaker_state{dependency=\"redis\"} 2\ncircuit_breaker_state{dependency=\"store\"} 0\n\
            redis_connected 0\nsession_cache_hit_rate 98.25\nbuild_info{version=\"0.1.0\",revision=\"abc\"} 1\n";
        let (before, now) = looks(before, now, vec![shard(0), shard(1)]);

        let page = frame("http://h:8081", &before, &now);

        let expected = "\
http://h:8081   version 0.1.0

shard    entries            memory / budget  queue / capacity         hit rate  connections
    0         12        3.0 MiB / 512.0 MiB          3 / 1000           90.0 %           24
    1         12        3.0 MiB / 512.0 MiB          3 / 1000           90.0 %           24
  all         24          6.0 MiB / 1.0 GiB          6 / 2000   imbalance 0.25           48

connections  player 24   spectator 1
per second   resumes -   events 34.0   acknowledgements -   replayed -   cache errors -   store errors -
journal      depth 2   commits/s 5.0   each 5.0 ms
refused/s    connections 0.0   mailbox_full 0.5
breakers     redis OPEN   store closed
Redis        connected NO   queue -   dropped/s -   hit rate 5m 98.2 %";
        assert_eq!(page, expected);
    }

    #[test]
    fn a_shard_that_does_not_answer_is_told() {
        let silent = Shard { shard: 1, queue_depth: 999, mailbox_capacity: 1000, ..Shard::default() };
        let (before, now) = looks("a 1", "a 1", vec![shard(0), silent]);

        let page = frame("http://h", &before, &now);

        let line = page.lines().find(|line| line.contains("NOT ANSWERING")).unwrap();
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["1", "NOT", "ANSWERING", "999", "/", "1000"]);
    }

    #[test]
    fn of_a_server_that_was_restarted_no_rate_is_known() {
        let (before, now) = looks("game_session_db_errors_total 50", "game_session_db_errors_total 3", vec![shard(0)]);

        assert!(frame("http://h", &before, &now).contains("store errors -"));
    }

    #[test]
    fn without_a_redis_tier_nothing_is_said_to_be_wrong_with_it() {
        let (before, now) = looks("a 1", "a 1", vec![shard(0)]);

        assert!(frame("http://h", &before, &now).contains("connected none"));
    }
}
