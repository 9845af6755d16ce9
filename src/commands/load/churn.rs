//! The scenario `churn`: sessions are made, used once, and revoked or left to expire; whoever comes with one of them
//! afterwards must be refused.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    LoadError, Outcome,
    glance::{Glance, write_move},
    options::{ChurnOptions, MOST_SESSIONS},
    player::reason,
    tally::{Count, Latency},
    terms::Run,
    venue::Venue,
    window::Window,
};
use crate::client::{Backend, ClientError, Dial, Ending, Incoming, Link};

/// How many sessions come and go.
pub struct Churn {
    pub rate: f64,
    pub sessions: Option<u64>,
    pub until: Instant,
}

/// Nothing but sessions.
///
/// # Errors
/// None; what fails is a fault.
pub async fn churn(venue: &Venue, options: &ChurnOptions) -> Result<Outcome, LoadError> {
    let window = Window::open(venue).await;
    let churn = Churn { rate: options.rate, sessions: options.sessions, until: window.from() + options.lasting };
    let mut visits = begin(venue, churn).await;
    let measured = window.close(venue).await;
    while visits.join_next().await.is_some() {}
    Ok(Outcome { measured, heads: None, asked_rate: Some(options.rate) })
}

/// Lets sessions come and go until the last one is over.
pub async fn go(venue: &Venue, churn: Churn) {
    let mut visits = begin(venue, churn).await;
    while visits.join_next().await.is_some() {}
}

/// Makes sessions by a schedule; returns those that are not over yet.
async fn begin(venue: &Venue, churn: Churn) -> JoinSet<()> {
    let began = Instant::now();
    let (places, mut visits) = (Arc::new(Semaphore::new(MOST_SESSIONS as usize)), JoinSet::new());
    let interval = Duration::from_secs_f64(1.0 / churn.rate);
    for number in 0..churn.sessions.unwrap_or(u64::MAX) {
        #[expect(clippy::cast_precision_loss, reason = "no run has so many sessions")]
        let due = began + interval.mul_f64(number as f64);
        if due >= churn.until {
            break;
        }
        sleep_until(due).await;
        // One too many is late, and its lateness is measured: it was due when it was due.
        let place = Arc::clone(&places).acquire_owned().await.expect("never closed");
        while visits.try_join_next().is_some() {}
        let game_id = format!("{}-c{number}", venue.prefix);
        let (url, backend, run, keep) = (venue.url.clone(), venue.backend.clone(), Arc::clone(&venue.run), venue.keep);
        let is_revoked = number % 2 == 0;
        visits.spawn(async move {
            let visit = Visit { game_id: &game_id, url: &url, backend: &backend, run: &run, is_revoked };
            if let Err(what) = visit.go(due, place).await {
                run.tally.fault(&game_id, what);
            }
            if !keep {
                // Where it was never made there is nothing to end.
                let _ = backend.end_game(&game_id).await;
            }
        });
    }
    visits
}

/// One session, from its making to its end.
struct Visit<'a> {
    game_id: &'a str,
    url: &'a str,
    backend: &'a Backend,
    run: &'a Run,
    is_revoked: bool,
}

impl Visit<'_> {
    async fn go(&self, due: Instant, place: OwnedSemaphorePermit) -> Result<(), String> {
        let tally = &self.run.tally;
        let said = |doing: &'static str| {
            move |error: ClientError| {
                tally.refused(&reason(&error));
                format!("{doing}: {error}")
            }
        };
        self.backend.put_game(self.game_id, &json!({ "players": ["u"] })).await.map_err(said("making a game"))?;
        let sessions = format!("/v1/games/{}/sessions", self.game_id);
        let session = self.backend.post(&sessions, &json!({ "userId": "u" })).await.map_err(said("opening"))?;
        tally.count(Count::Opened);
        tally.time(Latency::Open, due.elapsed());
        let (Some(token), Some(id)) = (session["token"].as_str(), session["sessionId"].as_str()) else {
            return Err(format!("a session without token or id: {session}"));
        };
        let dial = Dial::new(self.url, self.game_id).with_resume_token(token);

        let dialled_at = Instant::now();
        let (mut link, token) = enter(&dial).await.map_err(said("coming with a fresh token"))?;
        tally.time(Latency::Connect, dialled_at.elapsed());
        tally.count(Count::Connected);
        tally.came();
        let moved = self.make_a_move(&mut link).await.map_err(said("moving"));
        tally.left();
        moved?;

        let dial = dial.with_resume_token(token);
        if self.is_revoked {
            let asked_at = Instant::now();
            self.backend.delete(&format!("/v1/sessions/{id}")).await.map_err(said("revoking"))?;
            let reason = closing(&mut link).await.map_err(said("being revoked"))?;
            tally.time(Latency::Revoke, asked_at.elapsed());
            if reason != "Session revoked" {
                return Err(format!("a revoked session was closed with `{reason}`"));
            }
            must_be_refused(&dial).await?;
            tally.count(Count::Revoked);
            return Ok(());
        }
        link.close().await;
        drop(place);
        let Some(lives) = lifetime(&session).filter(|lives| *lives <= EXPIRY_AWAITED) else { return Ok(()) };
        sleep(lives + EXPIRY_MARGIN).await;
        must_be_refused(&dial).await?;
        tally.count(Count::Expired);
        Ok(())
    }

    /// One event, confirmed and acknowledged.
    async fn make_a_move(&self, link: &mut Link) -> Result<(), ClientError> {
        let sent_at = Instant::now();
        self.run.tally.count(Count::Sent);
        link.send_text(write_move(1, 0, PAYLOAD_BYTES)).await?;
        loop {
            let text = link.next_text(PATIENCE).await?;
            let frame = Glance::at(&text)?;
            if frame.kind == "ERROR" {
                return Err(ClientError::Malformed { reason: format!("refused: {text}") });
            }
            if frame.payload.sequence == Some(1) && frame.payload.reference == Some("m1") {
                self.run.tally.count(Count::Confirmed);
                self.run.tally.time(Latency::Confirmation, sent_at.elapsed());
                return link.ack(1).await;
            }
        }
    }
}

/// Connects and is welcomed; returns the token for the next time.
async fn enter(dial: &Dial) -> Result<(Link, String), ClientError> {
    let mut link = Link::connect(dial).await?;
    match link.next(PATIENCE).await? {
        Incoming::Resume(welcome) => Ok((link, welcome.token.unwrap_or_default())),
        other => Err(ClientError::Malformed { reason: format!("GAME_RESUME is not first, but {other:?}") }),
    }
}

/// Waits for the close frame; returns its reason, where the code is 1008.
async fn closing(link: &mut Link) -> Result<String, ClientError> {
    let closed = timeout(PATIENCE, async {
        loop {
            if let Err(error) = link.text().await {
                return error;
            }
        }
    });
    match closed.await {
        Ok(ClientError::Ended(Ending::Closed { code: 1008, reason })) => Ok(reason),
        Ok(error) => Err(error),
        Err(_) => Err(ClientError::Deadline { doing: "waiting for the close frame", within: PATIENCE }),
    }
}

async fn must_be_refused(dial: &Dial) -> Result<(), String> {
    match enter(dial).await {
        Err(ClientError::Ended(Ending::Closed { code: 1008, .. })) => Ok(()),
        Ok(_) => Err("a session that is over was resumed".to_owned()),
        Err(error) => Err(format!("a session that is over was not refused, but: {error}")),
    }
}

/// How long a session lives without its user.
fn lifetime(session: &Value) -> Option<Duration> {
    let millis = session["expiresAt"].as_u64()?.checked_sub(session["issuedAt"].as_u64()?)?;
    Some(Duration::from_millis(millis))
}

const PATIENCE: Duration = Duration::from_secs(10);
const PAYLOAD_BYTES: usize = 40;
/// A session that lives longer is not waited for.
const EXPIRY_AWAITED: Duration = Duration::from_secs(60);
const EXPIRY_MARGIN: Duration = Duration::from_millis(500);
