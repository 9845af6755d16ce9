//! The scenarios of games that are played, and of connections that do nothing: `play`, `idle`, `mixed`.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    LoadError, Outcome,
    churn::{self, Churn},
    crowd::Crowd,
    options::{IdleOptions, MixedOptions, MoveOptions, PlayOptions},
    residents::Residents,
    terms::{Drops, Pace, Phase, Style},
    venue::Venue,
    window::Window,
};

/// Games between players who move in turn.
///
/// # Errors
/// As [`Crowd::gather`] and [`Residents::make`].
pub async fn play(venue: &Venue, options: &PlayOptions) -> Result<Outcome, LoadError> {
    let pace = match options.rate {
        Some(rate) => Pace::Every(Duration::from_secs_f64(1.0 / rate)),
        None => Pace::AtOnce,
    };
    let moves = options.moves.unwrap_or(u64::MAX);
    let style = Style { moves, ..style(pace, options.style) };
    let table = (options.table.games, options.table.players);
    let residents = Residents::make(venue, options.resident).await?;
    let crowd = Crowd::gather(venue, "g", table, options.table.connections()?, style).await?;
    residents.must_be_there(venue, options.table.games).await;
    let window = Window::open(venue).await;
    let (from, until) = (window.from(), window.from() + options.lasting);
    crowd.tell(Phase::Playing { from, until });
    crowd.played(until, moves).await;
    let measured = window.close(venue).await;
    residents.must_be_there(venue, options.table.games).await;
    let heads = crowd.judge(venue).await;
    if let Pace::Every(interval) = pace {
        crowd.count_unplayed(venue, (from, interval), (moves, until));
    }
    crowd.leave(venue).await;
    residents.leave(venue).await;
    Ok(Outcome { measured, heads: Some(heads), asked_rate: asked(options) })
}

/// Connections that are held.
///
/// # Errors
/// As [`Crowd::gather`].
pub async fn idle(venue: &Venue, options: &IdleOptions) -> Result<Outcome, LoadError> {
    // Opened before they come, because what they take is measured.
    let window = Window::open(venue).await;
    let crowd = gather_idle(venue, options.connections, options.players).await?;
    let from = Instant::now();
    crowd.tell(Phase::Playing { from, until: from + options.lasting });
    tokio::time::sleep(options.lasting).await;
    let measured = window.close(venue).await;
    let online = venue.tally().online();
    if online != u64::from(options.connections) {
        venue.tally().fault("idle", format_args!("{online} of {} connections are left", options.connections));
    }
    crowd.leave(venue).await;
    Ok(Outcome { measured, heads: None, asked_rate: None })
}

/// All of it at once.
///
/// # Errors
/// As [`Crowd::gather`].
pub async fn mixed(venue: &Venue, options: &MixedOptions) -> Result<Outcome, LoadError> {
    let drops = Drops { every: options.drop_every, away: options.away };
    let style = Style { drops: Some(drops), ..style(Pace::Thinking(options.think), options.style) };
    let table = (options.table.games, options.table.players);
    let crowd = Crowd::gather(venue, "g", table, options.table.connections()?, style).await?;
    let idle = gather_idle(venue, options.idle, 2).await?;
    let window = Window::open(venue).await;
    let (from, until) = (window.from(), window.from() + options.lasting);
    crowd.tell(Phase::Playing { from, until });
    idle.tell(Phase::Playing { from, until });
    let churn = Churn { rate: options.churn, sessions: None, until };
    // What is under way then is waited for longer than the rest is measured.
    let measured = async {
        tokio::time::sleep_until(until).await;
        window.close(venue).await
    };
    let ((), measured) = tokio::join!(churn::go(venue, churn), measured);
    let heads = crowd.judge(venue).await;
    crowd.leave(venue).await;
    idle.leave(venue).await;
    Ok(Outcome { measured, heads: Some(heads), asked_rate: None })
}

async fn gather_idle(venue: &Venue, connections: u32, players: u32) -> Result<Crowd, LoadError> {
    let nothing = MoveOptions { payload: 0, ack_every: 1 };
    let games = connections.div_ceil(players);
    Crowd::gather(venue, "i", (games, players), connections, style(Pace::Silent, nothing)).await
}

fn style(pace: Pace, of: MoveOptions) -> Style {
    Style { pace, payload_bytes: of.payload as usize, ack_every: of.ack_every, moves: u64::MAX, drops: None }
}

fn asked(options: &PlayOptions) -> Option<f64> {
    options.rate.map(|rate| rate * f64::from(options.table.games))
}
