//! Many players in many games: brought together at a bounded rate, told what to do, judged at the end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use super::{
    LoadError,
    player::{Player, reason},
    tally::{Count, Latency},
    terms::{Game, Phase, Style},
    venue::Venue,
};
use crate::client::{Advice, ClientError};

/// Games and their players.
pub struct Crowd {
    pub games: Vec<Arc<Game>>,
    phases: watch::Sender<Phase>,
    tasks: JoinSet<()>,
}

impl Crowd {
    /// Makes the games and connects everybody, who then wait to be told what to do.
    ///
    /// # Errors
    /// `Game`: one cannot be made. `Gathering`: not everybody can connect; it says what may be in the way.
    pub async fn gather(
        venue: &Venue,
        name: &str,
        (games, players): (u32, u32),
        connections: u32,
        style: Style,
    ) -> Result<Self, LoadError> {
        let game = |number: u32| {
            let id = format!("{}-{name}{number}", venue.prefix);
            let seen = (0..players).map(|_| AtomicU64::new(0)).collect();
            let offset = f64::from(number) / f64::from(games);
            Arc::new(Game { id, number, offset, sent: AtomicU64::new(0), confirmed: AtomicU64::new(0), seen })
        };
        let games: Vec<_> = (0..games).map(game).collect();
        let make = async |game: &Arc<Game>| {
            let users: Vec<String> = (0..game.seen.len()).map(|place| user_id(game, place)).collect();
            venue.backend.put_game(&game.id, &json!({ "players": users })).await.map(drop)
        };
        let made = stream::iter(&games).map(Ok).try_for_each_concurrent(CALLS_AT_ONCE, make);
        made.await.map_err(LoadError::Game)?;

        let (phases, told) = watch::channel(Phase::Gathering);
        let seats = games.iter().flat_map(|game| (0..game.seen.len()).map(move |place| (game, place)));
        let mut crowd = Self { games: games.clone(), phases, tasks: JoinSet::new() };
        let began = Instant::now();
        let connecting = stream::iter(seats.take(connections as usize).enumerate()).map(|(number, (game, place))| {
            let told = told.clone();
            async move {
                let number = u32::try_from(number).unwrap_or(u32::MAX);
                sleep_until(began + Duration::from_secs(1) * number / venue.ramp).await;
                let user_id = user_id(game, place);
                let dial = venue.dial(&game.id, &user_id)?;
                let player = Player::new(Arc::clone(&venue.run), Arc::clone(game), place, user_id, style, dial, told);
                first_connection(player).await.map_err(|error| LoadError::gathering(number, connections, error))
            }
        });
        let mut connecting = connecting.buffer_unordered(DIALS_AT_ONCE);
        while let Some(player) = connecting.try_next().await? {
            // It reads from now on, so that pings are answered while the others come.
            crowd.tasks.spawn(player.run());
        }
        drop(connecting);
        Ok(crowd)
    }

    /// Tells everybody what to do.
    pub fn tell(&self, phase: Phase) {
        self.phases.send_replace(phase);
    }

    /// Waits until all moves are played, or until the end of play.
    pub async fn played(&self, until: Instant, moves: u64) {
        let is_over = |game: &Arc<Game>| game.confirmed.load(Ordering::Relaxed) >= moves;
        while Instant::now() < until && !self.games.iter().all(is_over) {
            sleep(LOOK_EVERY.min(until - Instant::now())).await;
        }
    }

    /// Counts the moves that a schedule had for the time until `end`, and that were not played by then. Whoever is
    /// late in all of them must not look as if only the few that were played had been late.
    pub fn count_unplayed(&self, venue: &Venue, (from, interval): (Instant, Duration), (moves, end): (u64, Instant)) {
        for game in &self.games {
            let played = game.sent.load(Ordering::Relaxed);
            let due = (played + 1..=moves).map(|sequence| game.due(sequence, from, interval));
            for due in due.take_while(|due| *due < end) {
                venue.tally().count(Count::Unplayed);
                venue.tally().time(Latency::Confirmation, end - due);
            }
        }
    }

    /// Waits until this holds for every game; what is still not so then is a fault, once a game.
    pub async fn until(&self, venue: &Venue, within: Duration, awaited: impl Fn(&Game) -> Result<(), String>) {
        let began = Instant::now();
        let give_up_at = began + within;
        let mut waiting: Vec<&Arc<Game>> = self.games.iter().collect();
        loop {
            waiting.retain(|game| awaited(game).is_err());
            if waiting.is_empty() {
                return;
            }
            // Where something is amiss already, more of the same is not waited for.
            let is_amiss = venue.tally().faults().count > 0;
            if Instant::now() >= if is_amiss { give_up_at.min(began + AMISS_WITHIN) } else { give_up_at } {
                let late = waiting.iter().filter_map(|game| Some((game, awaited(game).err()?)));
                late.for_each(|(game, what)| venue.tally().fault(&game.id, what));
                return;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Sees that what was confirmed is there, and that everybody has seen it; returns the sum of all heads.
    pub async fn judge(&self, venue: &Venue) -> u64 {
        self.until(venue, SETTLE_WITHIN, is_settled).await;
        let heads = stream::iter(&self.games).map(async |game| match venue.backend.game(&game.id).await {
            Ok(stand) => {
                let (head, confirmed) = (stand["headSequence"].as_u64(), game.confirmed.load(Ordering::Relaxed));
                if head != Some(confirmed) {
                    let head = head.unwrap_or_default();
                    venue.tally().fault(&game.id, format_args!("{confirmed} moves were confirmed, its head is {head}"));
                }
                head.unwrap_or_default()
            }
            Err(error) => {
                venue.tally().fault(&game.id, error);
                0
            }
        });
        heads.buffer_unordered(CALLS_AT_ONCE).fold(0, async |sum, head| sum + head).await
    }

    /// Sends everybody home, and ends the games unless they are to be kept.
    pub async fn leave(mut self, venue: &Venue) {
        self.tasks.shutdown().await;
        if venue.keep {
            return;
        }
        let end = async |game: &Arc<Game>| {
            if let Err(error) = venue.backend.end_game(&game.id).await {
                venue.tally().refused(&format!("ending a game: {}", reason(&error)));
            }
        };
        stream::iter(&self.games).for_each_concurrent(CALLS_AT_ONCE, end).await;
    }
}

/// Whether all that was sent is confirmed, and everybody has seen it.
fn is_settled(game: &Game) -> Result<(), String> {
    let (sent, confirmed) = (game.sent.load(Ordering::Relaxed), game.confirmed.load(Ordering::Relaxed));
    if sent != confirmed {
        return Err(format!("move {sent} was sent and never confirmed, the last one that was is {confirmed}"));
    }
    has_seen(game, confirmed)
}

/// Whether every player has seen everything up to `sequence`.
pub fn has_seen(game: &Game, sequence: u64) -> Result<(), String> {
    let mut seen = game.seen.iter().map(|seen| seen.load(Ordering::Relaxed)).enumerate();
    match seen.find(|(_, seen)| *seen < sequence) {
        Some((place, seen)) => Err(format!("{} has seen {seen} of {sequence} events", user_id(game, place))),
        None => Ok(()),
    }
}

/// Of each seat another one, so that no limit a user is met.
pub fn user_id(game: &Game, place: usize) -> String {
    format!("{}-p{place}", game.id)
}

/// Tries some times: a full queue of connections is no verdict.
async fn first_connection(mut player: Player) -> Result<Player, ClientError> {
    let mut tries = 1;
    loop {
        match player.connect().await {
            Ok(()) => return Ok(player),
            Err(error) if tries < TRIES && error.advice() != Advice::Stop => {
                tries += 1;
                sleep(BETWEEN_TRIES).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// HTTP calls under way.
pub const CALLS_AT_ONCE: usize = 32;
const DIALS_AT_ONCE: usize = 256;
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long after the end an answer is waited for; longer than a move stays without one before it is sent again.
const SETTLE_WITHIN: Duration = Duration::from_secs(15);
const AMISS_WITHIN: Duration = Duration::from_secs(2);
const TRIES: u32 = 3;
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    fn game(sent: u64, confirmed: u64, seen: [u64; 2]) -> Game {
        let seen = seen.map(AtomicU64::new).into();
        let (sent, confirmed) = (AtomicU64::new(sent), AtomicU64::new(confirmed));
        Game { id: "g".to_owned(), number: 3, offset: 0.0, sent, confirmed, seen }
    }

    #[test]
    fn a_game_is_settled_once_everybody_has_seen_what_was_sent() {
        assert_eq!(is_settled(&game(3, 3, [3, 3])), Ok(()));
        assert_eq!(is_settled(&game(3, 3, [3, 2])), Err("g-p1 has seen 2 of 3 events".to_owned()));
        assert!(is_settled(&game(4, 3, [3, 3])).is_err_and(|what| what.starts_with("move 4 was sent and never")));
    }

    #[test]
    fn players_of_all_games_follow_each_other() {
        let game = game(0, 0, [0, 0]);

        assert_eq!([game.seats_before(0), game.seats_before(1)], [6, 7]);
    }
}
