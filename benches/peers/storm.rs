//! The storm: both players of every game lose their connections at once (a reset, no goodbye), the third member, who stays,
//! makes the moves that they miss, and then all of them come back at once.
//!
//! The same rule for every peer: nothing but members of games who move, no back door of a server. Measured is the time
//! from "come back" until each has everything it missed, complete and in order.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use serde::Serialize;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    crowd::gather,
    dialect::Move,
    figures::percentile,
    options::{MISSED, STORM_WITHIN},
    seat::{Seat, Trouble},
    usage::Usage,
    venues::Venue,
};

/// What came of one storm.
#[derive(Debug, Clone, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct Stormed {
    pub players: usize,
    /// Those who have everything, in time.
    pub back: usize,
    /// Those whom the server told that it cannot bring them what they missed.
    pub not_recovered: usize,
    pub late: usize,
    pub faults: usize,
    pub first_fault: Option<String>,
    /// Of those who are back.
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub max_ms: Option<f64>,
    /// Milliseconds of the processor a player, by part.
    pub cpu_ms: Vec<(&'static str, f64)>,
}

/// How one return ended.
enum Return {
    Complete(Duration),
    NotRecovered,
    Late,
    Fault(String),
}

/// One storm over so many players.
///
/// # Errors
/// It does not begin.
pub async fn storm(venue: &Venue, players: usize) -> Result<Stormed, String> {
    let mut games = gather(venue, players.div_ceil(2), MEMBERS).await?;
    // A client that has seen nothing yet has no place to come back to.
    within(BEGIN_WITHIN, try_join_all(games.iter_mut().map(|seats| first_move(seats)))).await?;
    let (mut stay, mut leave) = (Vec::new(), Vec::new());
    for mut seats in games {
        stay.extend(seats.pop());
        leave.extend(seats);
    }
    leave.iter_mut().for_each(Seat::cut);
    sleep(UNTIL_NOTICED).await;
    within(BEGIN_WITHIN, try_join_all(stay.iter_mut().map(moves_alone))).await?;

    let before = Usage::of(&venue.parts);
    let since = Instant::now();
    let mut returning = JoinSet::new();
    leave.into_iter().for_each(|seat| drop(returning.spawn(come_back(seat, since))));
    // Those who stay go on answering pings.
    let mut staying = JoinSet::new();
    stay.into_iter().for_each(|mut seat| drop(staying.spawn(async move { seat.see().await.map(drop) })));
    let returns = returning.join_all().await;
    let taken = Usage::of(&venue.parts).since(&before);
    Ok(tally(&returns, taken))
}

fn tally(returns: &[Return], taken: Vec<(&'static str, f64)>) -> Stormed {
    let mut all = Stormed { players: returns.len(), ..Stormed::default() };
    let mut times = Vec::new();
    for ended in returns {
        match ended {
            Return::Complete(time) => times.push(time.as_secs_f64() * 1e3),
            Return::NotRecovered => all.not_recovered += 1,
            Return::Late => all.late += 1,
            Return::Fault(words) => {
                all.faults += 1;
                all.first_fault.get_or_insert_with(|| words.clone());
            }
        }
    }
    times.sort_unstable_by(f64::total_cmp);
    all.back = times.len();
    (all.p50_ms, all.p95_ms) = (percentile(&times, 50), percentile(&times, 95));
    all.max_ms = times.last().copied();
    #[expect(clippy::cast_precision_loss, reason = "a count of players")]
    let players = returns.len() as f64;
    all.cpu_ms = taken.into_iter().map(|(part, seconds)| (part, seconds * 1e3 / players)).collect();
    all
}

/// The one who will stay makes a move, and all see it.
async fn first_move(seats: &mut [Seat]) -> Result<(), Trouble> {
    seats.last_mut().expect("there are three").send(Move { number: 1, is_last: false }).await?;
    for seen in join_all(seats.iter_mut().map(|seat| seat.see())).await {
        seen?;
    }
    Ok(())
}

/// Makes the moves that the others miss, each as soon as the one before is confirmed.
async fn moves_alone(seat: &mut Seat) -> Result<(), Trouble> {
    for number in 2..=1 + MISSED {
        seat.send(Move { number, is_last: false }).await?;
        seat.see().await?;
    }
    Ok(())
}

async fn come_back(mut seat: Seat, since: Instant) -> Return {
    let catch_up = async {
        loop {
            match take_in(&mut seat).await {
                Ok(true) => return Return::Complete(since.elapsed()),
                Ok(false) => return Return::NotRecovered,
                Err(Trouble::Fault(words)) => return Return::Fault(words),
                Err(Trouble::Lost(_)) => sleep(AGAIN_AFTER).await,
            }
        }
    };
    timeout(STORM_WITHIN, catch_up).await.unwrap_or(Return::Late)
}

/// Whether everything that was missed is here; not, where the server says that it cannot be.
async fn take_in(seat: &mut Seat) -> Result<bool, Trouble> {
    if !seat.sit().await? {
        return Ok(false);
    }
    while seat.seen() < 1 + MISSED {
        seat.see().await?;
    }
    Ok(true)
}

async fn within<T>(time: Duration, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, String> {
    timeout(time, work)
        .await
        .map_err(|_| "the storm does not begin in time".to_owned())?
        .map_err(|trouble| trouble.to_string())
}

/// Two who are lost, and one who stays.
const MEMBERS: usize = 3;
/// Until every server knows that they are gone.
const UNTIL_NOTICED: Duration = Duration::from_secs(1);
const BEGIN_WITHIN: Duration = Duration::from_secs(60);
/// A connection that is refused, or lost, is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(250);
