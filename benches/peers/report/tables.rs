//! The tables of the report, in Markdown.

use crate::{
    figures::median,
    options::STORM_WITHIN,
    results::{Found, Results},
    usage::CLIENTS,
    venues::Peer,
};

/// Confirmed moves, how long they took, and what they took of the processor.
pub fn play(results: &Results) -> String {
    let mut table = "| | moves/s | confirmed: p50 ms | p99 ms | CPU, µs a move: server | stores | clients | faults |\n\
                     | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for found in &results.peers {
        if found.plays.is_empty() {
            table += &format!("| {} | {} | | | | | | |\n", found.name, why_not(found));
            continue;
        }
        let cpu = |wanted: fn(&str) -> bool| found.play(|play| sum_of(&play.cpu_us, wanted));
        let faults: usize = found.plays.iter().map(|play| play.faults).sum();
        table += &format!(
            "| {} | {} | {:.1} | {:.1} | {:.0} | {:.0} | {:.0} | {faults} |\n",
            found.name,
            count(found.play(|play| play.moves_per_second)),
            found.play(|play| play.p50_ms),
            found.play(|play| play.p99_ms),
            cpu(|part| part == SERVER),
            cpu(|part| part != SERVER && part != CLIENTS),
            cpu(|part| part == CLIENTS),
        );
    }
    table
}

/// Who came back, and when. Numbers of players are those of all rounds together.
pub fn storm(results: &Results) -> String {
    let mut table =
        "| | players × rounds | back | p50 ms of these | p95 ms | all back, ms | not recovered | late | faults | CPU, ms a \
                     player: server | stores |\n\
                     | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
            .to_owned();
    for size in 0..2 {
        for found in &results.peers {
            let storms = &found.storms[size];
            let Some(first) = storms.first() else {
                table += &format!("| {} | {} | | | | | | | | | |\n", found.name, why_not(found));
                continue;
            };
            let cpu = |wanted: fn(&str) -> bool| median(storms.iter().map(|storm| sum_of(&storm.cpu_ms, wanted)));
            let sum = |value: fn(&crate::storm::Stormed) -> usize| storms.iter().map(value).sum::<usize>();
            table += &format!(
                "| {} | {} × {} | {} | {} | {} | {} | {} | {} | {} | {:.1} | {:.1} |\n",
                found.name,
                first.players,
                storms.len(),
                sum(|storm| storm.back),
                time(found.storm(size, |storm| storm.p50_ms)),
                time(found.storm(size, |storm| storm.p95_ms)),
                bound(found.storm_ms(size)),
                sum(|storm| storm.not_recovered),
                sum(|storm| storm.late),
                sum(|storm| storm.faults),
                cpu(|part| part == SERVER),
                cpu(|part| part != SERVER && part != CLIENTS),
            );
        }
    }
    table
}

/// What the stores do.
pub fn limits(results: &Results) -> String {
    let row = |(name, per_second, ms)| format!("| {name} | {} | {ms:.1} |\n", count(per_second));
    let rows: String = results.limit_medians().into_iter().map(row).collect();
    format!("| | commands or rows a second | p50 of a pipeline or batch, ms |\n| --- | ---: | ---: |\n{rows}")
}

/// Ratios to the peers, and whether they are what they should be.
pub fn targets(results: &Results) -> String {
    let own = [Peer::RejoinSqlite, Peer::RejoinPostgres, Peer::RejoinPostgresRedis];
    let mut table =
        "| | target | on SQLite | on Postgres | on Postgres + Redis |\n| --- | --- | ---: | ---: | ---: |\n".to_owned();
    for (peer, least) in [(Peer::SocketIo, 2.0), (Peer::CentrifugoPostgres, 1.5), (Peer::CentrifugoRedis, 1.0)] {
        table += &format!("| moves/s to those of {} | ≥ {least} |", peer.name());
        for own in own {
            let rate = |found: &Found| found.play(|play| play.moves_per_second);
            let ratio = results.of(own).zip(results.of(peer)).map(|(own, peer)| rate(own) / rate(peer));
            table += &ratio.map_or(" not run |".to_owned(), |ratio| judged(ratio, "", ratio >= least));
        }
        table.push('\n');
    }
    let most = [(Peer::SocketIo, 0.05), (Peer::CentrifugoPostgres, 0.5), (Peer::CentrifugoRedis, 0.5)];
    for (size, (peer, most)) in (0..2).flat_map(|size| most.map(|row| (size, row))) {
        table += &format!("| storm of {} to that of {} | ≤ {most} |", results.players[size], peer.name());
        for own in own {
            let ratio = results.of(own).zip(results.of(peer)).map(|(own, peer)| {
                let peers_ms = peer.storm_ms(size);
                (own.storm_ms(size) / peers_ms, if is_bound(peers_ms) { "less than " } else { "" })
            });
            table += &ratio.map_or(" not run |".to_owned(), |(ratio, words)| judged(ratio, words, ratio <= most));
        }
        table.push('\n');
    }
    table
}

/// What was wrong, in words.
pub fn faults(results: &Results) -> String {
    let all = results.peers.iter().flat_map(|found| found.faults().map(|fault| format!("- {}: {fault}\n", found.name)));
    let all: String = all.collect();
    if all.is_empty() { all } else { format!("What was wrong, the first of each turn:\n\n{all}\n") }
}

/// What these parts have taken together.
fn sum_of(parts: &[(&str, f64)], wanted: impl Fn(&str) -> bool) -> f64 {
    parts.iter().filter(|(part, _)| wanted(part)).fold(0.0, |sum, (_, taken)| sum + taken)
}

fn judged(ratio: f64, words: &str, is_met: bool) -> String {
    let verdict = if is_met { "✓" } else { "✗" };
    format!(" {words}{ratio:.*} {verdict} |", if ratio < 0.1 { 3 } else { 2 })
}

/// The reason stands above, with the versions.
fn why_not(found: &Found) -> &'static str {
    if found.not_run.is_some() { "not run" } else { "failed, see below" }
}

fn is_bound(ms: f64) -> bool {
    ms >= STORM_WITHIN.as_secs_f64() * 1e3
}

fn bound(ms: f64) -> String {
    if is_bound(ms) { format!("> {}", count(ms)) } else { time(ms) }
}

fn time(ms: f64) -> String {
    if ms.is_nan() { "–".to_owned() } else { count(ms) }
}

/// A whole number, in groups of three digits.
pub fn count(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// How the server's part is called.
const SERVER: &str = "server";
