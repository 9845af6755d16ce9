//! The play: games of two, moved in turn, one move under way in each.
//!
//! A move is confirmed when its sender sees it come back in the game's order. Everybody checks that moves follow each
//! other without gap or double. The last move of a game is mate, so that one that is lost is missed.

use std::time::Duration;

use serde::Serialize;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

use crate::{
    crowd::gather,
    dialect::Move,
    figures::percentile,
    seat::{Seat, Trouble},
    usage::Usage,
    venues::Venue,
};

/// What came of one play.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Played {
    pub moves_per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub faults: usize,
    pub first_fault: Option<String>,
    /// Microseconds of the processor a confirmed move, by part.
    pub cpu_us: Vec<(&'static str, f64)>,
}

/// When a play is measured.
#[derive(Clone, Copy)]
struct Span {
    from: Instant,
    until: Instant,
}

/// Plays so many games for so long.
///
/// # Errors
/// It does not begin.
pub async fn play(venue: &Venue, games: usize, lasting: Duration) -> Result<Played, String> {
    let seats = gather(venue, games, PLAYERS).await?;
    let from = Instant::now() + WARM_UP;
    let span = Span { from, until: from + lasting };
    let mut players = JoinSet::new();
    for seats in seats {
        for (place, seat) in (0..).zip(seats) {
            players.spawn(player(seat, place, span));
        }
    }
    sleep_until(span.from).await;
    let before = Usage::of(&venue.parts);
    sleep_until(span.until).await;
    let taken = Usage::of(&venue.parts).since(&before);
    let (mut times, mut faults) = (Vec::new(), Vec::new());
    while let Some(ended) = players.join_next().await {
        let (confirmed, fault) = ended.expect("players do not panic");
        times.extend(confirmed.into_iter().map(|time| time.as_secs_f64() * 1e3));
        faults.extend(fault);
    }
    times.sort_unstable_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "a count of moves")]
    let confirmed = times.len() as f64;
    Ok(Played {
        moves_per_second: confirmed / lasting.as_secs_f64(),
        p50_ms: percentile(&times, 50).unwrap_or(f64::NAN),
        p99_ms: percentile(&times, 99).unwrap_or(f64::NAN),
        faults: faults.len(),
        first_fault: faults.into_iter().next(),
        cpu_us: taken.into_iter().map(|(part, seconds)| (part, seconds * 1e6 / confirmed)).collect(),
    })
}

/// Returns how long each move within the span took to be confirmed, and what was wrong.
async fn player(mut seat: Seat, place: u64, span: Span) -> (Vec<Duration>, Option<String>) {
    let mut times = Vec::new();
    let ended = timeout_at(span.until + PATIENCE, take_turns(&mut seat, place, span, &mut times)).await;
    let fault = match ended {
        Ok(Ok(())) => None,
        Ok(Err(trouble)) => Some(trouble.to_string()),
        Err(_) => Some(format!("no move came after {}", seat.seen())),
    };
    (times, fault)
}

async fn take_turns(seat: &mut Seat, place: u64, span: Span, times: &mut Vec<Duration>) -> Result<(), Trouble> {
    let is_mine = |number: u64| (number - 1) % PLAYERS as u64 == place;
    let mut sent_at = Instant::now();
    if is_mine(1) {
        seat.send(Move { number: 1, is_last: false }).await?;
    }
    loop {
        let seen = seat.see().await?;
        let now = Instant::now();
        if is_mine(seen.number) && (span.from..span.until).contains(&now) {
            times.push(now - sent_at);
        }
        if seen.is_last {
            return Ok(());
        }
        if is_mine(seen.number + 1) {
            sent_at = now;
            seat.send(Move { number: seen.number + 1, is_last: now >= span.until }).await?;
        }
    }
}

const PLAYERS: usize = 2;
const WARM_UP: Duration = Duration::from_secs(2);
/// How long the mates may take.
const PATIENCE: Duration = Duration::from_secs(10);
