//! One connection as an actor: what its client sends goes to the shard, what the shard delivers goes to its client.
//!
//! Thin: what a frame means is in `session`. Nothing is read from the client before the shard has let it in, so that
//! what came in the same packet as the handshake waits in the socket and is not lost.

use std::{sync::Arc, time::Duration};

use actix::{Actor, ActorContext, AsyncContext, StreamHandler};
use actix_http::ws::{CloseCode, CloseReason, Message, ProtocolError};
use actix_web::web::Payload;
use actix_web_actors::ws::WebsocketContext;
use bytestring::ByteString;
use tokio::time::Instant;

use super::{
    connections::Admission,
    entry::{Entry, Unfit},
    inbox::{Inbox, Incoming, Rate},
    logbook::{Coming, Happening, Visit},
    metrics::Kind,
    outbox::{Deliveries, Outbox, Outgoing},
    session::{Output, Session, Terms, Wanted},
};
use crate::{
    domain::{Farewell, GameId, Role, Sequence, UserId},
    edge::{Edge, Live, error::Answer},
    shard::{
        Busy, Delivery, Outlet, ShardError,
        messages::{Acknowledger, Author, Deed, Join, Notice, Request, Source, Welcome},
    },
    wire::{close_code::Closing, server_frame},
};

/// How long a connection that cannot ask for its next page waits before it tries again.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// Beyond the payload, what a message may have of envelope.
pub const ENVELOPE_BYTES: usize = 4 * 1024;
/// How long the client has to take its close frame and end the socket. The HTTP layer means to end it too, but reckons with
/// a clock that may be late, and then never does.
const LINGER: Duration = Duration::from_secs(1);
/// Spread of the first reconnects after a restart, in milliseconds: with what a resume takes, everybody is back within 2 s.
const RESTART_SPREAD_MS: u128 = 1_500;

type Context = WebsocketContext<Client>;

/// One connection.
pub struct Client {
    edge: Arc<Edge>,
    /// The settings it came in by. What it was told at its welcome holds until it ends.
    live: Arc<Live>,
    admission: Admission,
    /// What the connection wants, until it has asked for it.
    entry: Option<Result<Entry, Unfit>>,
    /// The game and the user that the request names, as far as it shows them.
    of: (Option<GameId>, Option<UserId>),
    game_id: Option<GameId>,
    outbox: Arc<Outbox>,
    deliveries: Option<Deliveries>,
    payload: Option<Payload>,
    opened: Instant,
    /// Set once the shard has let the connection in.
    inside: Option<Inside>,
    ended: Option<Farewell>,
}

struct Inside {
    session: Session,
    role: Role,
    source: Source,
    /// Whether the client has shown that it holds its new token.
    proven: bool,
    /// Whether the resume has been measured: everything missed was sent.
    measured: bool,
}

impl Client {
    /// A connection that has been upgraded.
    pub fn new(
        edge: Arc<Edge>,
        live: Arc<Live>,
        admission: Admission,
        entry: Result<Entry, Unfit>,
        (outbox, deliveries): (Arc<Outbox>, Deliveries),
        payload: Payload,
    ) -> Self {
        let of = match &entry {
            Ok(entry) => (Some(entry.game_id.clone()), Some(entry.user_id().clone())),
            Err(unfit) => (unfit.game_id.clone(), None),
        };
        Self {
            edge,
            live,
            admission,
            of,
            entry: Some(entry),
            game_id: None,
            outbox,
            deliveries: Some(deliveries),
            payload: Some(payload),
            opened: Instant::now(),
            inside: None,
            ended: None,
        }
    }

    fn terms(&self) -> Terms {
        let max_item_bytes = self.live.settings.limits.max_item_bytes.get();
        Terms {
            max_item_bytes,
            max_message_bytes: max_item_bytes + ENVELOPE_BYTES,
            heartbeat_interval: self.live.settings.heartbeat.interval,
        }
    }

    fn join(&mut self, entry: Entry) -> Result<(), Farewell> {
        self.game_id = Some(entry.game_id.clone());
        let outlet: Arc<dyn Outlet> = Arc::<Outbox>::clone(&self.outbox);
        let join = Join {
            connection: self.admission.id(),
            outlet,
            claim: entry.claim,
            asked: entry.asked,
            said: entry.said,
            source: Source::Memory,
        };
        self.edge.shards.offer(entry.game_id, Deed::Join(Box::new(join))).map_err(|_| Farewell::TryAgainLater)
    }

    fn welcome(&mut self, welcome: &Welcome, context: &mut Context) {
        let Some(game_id) = self.game_id.clone() else { return };
        let now = self.edge.clock.now();
        let metrics = &self.edge.ws;
        let (session, output) = Session::begin(game_id, welcome, &self.live.tokens, self.terms(), now);
        metrics.connections(welcome.role).inc();
        metrics.replay_events.observe(count(welcome.head.count_after(welcome.from)));
        match (welcome.gap.is_none(), welcome.resumed) {
            (false, _) => metrics.not_recovered.inc(),
            (true, true) => metrics.resumed.inc(),
            (true, false) => metrics.new_session.inc(),
        };
        log_welcome(&session, welcome);
        self.note(Happening::Came(Coming::from(welcome)));
        self.inside = Some(Inside {
            session,
            role: welcome.role,
            source: welcome.source,
            proven: welcome.session.is_none(),
            measured: false,
        });
        self.send(output, context);
        if let Some(payload) = self.payload.take() {
            let limits = &self.live.settings.limits;
            let rate = Rate { per_second: limits.ws_rate_per_second.get(), burst: limits.ws_rate_burst.get() };
            let max_bytes = self.terms().max_message_bytes;
            let inbox = Inbox::new(payload, max_bytes, rate, Arc::clone(&self.outbox), self.edge.clock.clone());
            context.add_stream(inbox);
        }
        context.run_interval(self.live.settings.heartbeat.interval, |_, context| context.ping(b""));
        // The first pong proves that the client has read its new token.
        context.ping(b"");
    }

    fn send(&mut self, output: Output, context: &mut Context) {
        for (kind, frame) in output.frames {
            self.edge.ws.count_out(kind);
            context.text(frame);
        }
        if let Some(after) = output.ask_after {
            self.ask(after, context);
        }
        if let Some(inside) = self.inside.as_mut()
            && !inside.measured
            && inside.session.has_caught_up()
        {
            inside.measured = true;
            self.edge.ws.resume_seconds(inside.source).observe(self.opened.elapsed().as_secs_f64());
        }
    }

    /// Asks for the next page of missed events; again after a while, where the shard has too much to do.
    fn ask(&self, after: Sequence, context: &mut Context) {
        let Some(game_id) = self.game_id.clone() else { return };
        let deed = Deed::CatchUp { connection: self.admission.id(), after };
        if self.edge.shards.offer(game_id, deed).is_err() {
            context.run_later(ASK_AGAIN, move |client, context| client.ask(after, context));
        }
    }

    fn answer(&self, kind: Kind, frame: ByteString, context: &mut Context) {
        self.edge.ws.count_out(kind);
        context.text(frame);
    }

    fn read(&mut self, text: &str, context: &mut Context) {
        let received = Instant::now();
        let now = self.edge.clock.now();
        let Some(inside) = self.inside.as_mut() else { return };
        let (kind, wanted) = inside.session.read(text, now);
        self.edge.ws.count_in(kind);
        let by_connection = self.admission.id();
        let (client_ref, deed) = match wanted {
            Wanted::Answer(kind, frame) => return self.answer(kind, frame, context),
            Wanted::Record(event) => {
                let client_ref = event.client_ref.clone();
                let by = Author::Connection(by_connection);
                (client_ref, Deed::Record(Request { events: vec![event], by, received, recalled: false }))
            }
            Wanted::Acknowledge(sequence) => {
                (None, Deed::Acknowledge { sequence, by: Acknowledger::Connection(by_connection) })
            }
        };
        let game_id = inside.session.game_id().clone();
        if self.edge.shards.offer(game_id, deed).is_err() {
            let answer = Answer::from(&ShardError::Busy(Busy::Mailbox));
            self.answer(Kind::Error, Session::refuse(client_ref.as_ref(), &answer, now), context);
        }
    }

    /// Notes that the client has shown that it holds its new token: by its first message or pong.
    fn prove(&mut self) {
        let Some(inside) = self.inside.as_mut().filter(|inside| !inside.proven) else { return };
        inside.proven = true;
        let game_id = inside.session.game_id();
        let connection = self.admission.id();
        self.edge.shards.tell(game_id, Notice::Prove { game_id: game_id.clone(), connection });
    }

    /// Remembers what became of the connection, where it says which game it is about.
    fn note(&self, what: Happening) {
        if let (Some(game_id), user_id) = self.of.clone() {
            self.edge.logbook.note(Visit { at: self.edge.clock.now(), game_id, user_id, what });
        }
    }

    fn close(&mut self, why: Farewell, context: &mut Context) {
        self.ended = Some(why);
        if self.inside.is_none() {
            self.note(Happening::TurnedAway(why));
        }
        // The first frame of a connection is its welcome, so that one which has not come in yet is only closed.
        if why == Farewell::Restart && self.inside.is_some() {
            // Different for each, so that they do not all come back at once.
            let spread = uuid::Uuid::new_v4().as_u128() % RESTART_SPREAD_MS;
            let after = Duration::from_millis(u64::try_from(spread).unwrap_or(0));
            self.answer(Kind::Other, server_frame::draining(after, self.edge.clock.now()), context);
        }
        let Closing { code, reason } = why.into();
        Self::end(Some(CloseReason { code: code.into(), description: Some(reason.to_owned()) }), context);
    }

    fn end(reason: Option<CloseReason>, context: &mut Context) {
        context.close(reason);
        context.stop();
    }
}

impl Actor for Client {
    type Context = Context;

    fn started(&mut self, context: &mut Context) {
        if let Some(deliveries) = self.deliveries.take() {
            context.add_stream(deliveries);
        }
        let joined = match self.entry.take() {
            Some(Ok(entry)) => self.join(entry),
            Some(Err(unfit)) => Err(unfit.why),
            None => Ok(()),
        };
        if let Err(why) = joined {
            self.outbox.close(why);
        }
    }

    fn stopped(&mut self, _: &mut Context) {
        self.outbox.end();
        if let Some(socket) = self.outbox.socket() {
            actix_web::rt::spawn(async move {
                tokio::time::sleep(LINGER).await;
                socket.shut_down();
            });
        }
        self.edge.ws.count_close(self.ended);
        if let Some(inside) = &self.inside {
            self.edge.ws.connections(inside.role).dec();
            self.note(Happening::Left(self.ended));
        }
        if let Some(game_id) = self.game_id.take() {
            let connection = self.admission.id();
            self.edge.shards.tell(&game_id, Notice::Leave { game_id: game_id.clone(), connection });
        }
    }
}

impl StreamHandler<Outgoing> for Client {
    fn handle(&mut self, outgoing: Outgoing, context: &mut Context) {
        match outgoing {
            Outgoing::Deliver(Delivery::Welcome(welcome)) => self.welcome(&welcome, context),
            Outgoing::Deliver(delivery) => {
                log_delivery(self.inside.as_ref(), &delivery);
                let now = self.edge.clock.now();
                if let Some(inside) = self.inside.as_mut() {
                    let output = inside.session.write(delivery, now);
                    self.send(output, context);
                }
            }
            Outgoing::Close(why) => {
                let of_token = [Farewell::InvalidToken, Farewell::SessionRevoked, Farewell::SessionExpired];
                if self.inside.is_none() && of_token.contains(&why) {
                    self.edge.ws.count_invalid_token();
                    tracing::warn!(
                        context = "WebSocketServer",
                        gameId = self.of.0.as_ref().map(GameId::as_str),
                        reason = Closing::from(why).reason,
                        "Rejected invalid resume token"
                    );
                }
                self.close(why, context);
            }
        }
    }

    // The outbox ends with the connection, not before.
    fn finished(&mut self, _: &mut Context) {}
}

impl StreamHandler<Incoming> for Client {
    fn handle(&mut self, incoming: Incoming, context: &mut Context) {
        match incoming {
            Incoming::Text(text) => {
                self.prove();
                self.read(&text, context);
            }
            Incoming::TooFast(text, wait) => {
                self.edge.ws.over_rate.inc();
                if let Some(inside) = &self.inside {
                    let frame = inside.session.refuse_haste(&text, wait, self.edge.clock.now());
                    self.answer(Kind::Error, frame, context);
                }
            }
            Incoming::NotUtf8 => {
                let code = CloseReason { code: CloseCode::Invalid, description: None };
                Self::end(Some(code), context);
            }
            Incoming::Ping(payload) => context.pong(&payload),
            Incoming::Pong => self.prove(),
            Incoming::Fault(why) => self.close(why, context),
            Incoming::Broken => {
                let code = CloseReason { code: CloseCode::Protocol, description: None };
                Self::end(Some(code), context);
            }
            Incoming::Close => Self::end(None, context),
        }
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for Client {
    // The library's own input is never attached: it would read all that has arrived into memory. See `inbox`.
    fn handle(&mut self, _: Result<Message, ProtocolError>, _: &mut Context) {}

    fn finished(&mut self, _: &mut Context) {}
}

fn log_welcome(session: &Session, welcome: &Welcome) {
    let (game, user) = (session.game_id(), session.user_id());
    let last_ack = welcome.players.iter().find(|player| player.user_id == *user).map(|player| player.last_ack.number());
    let session_id = session.session_id().map(|id| id.to_string());
    if welcome.resumed {
        tracing::info!(
            context = "WebSocketServer", gameId = %game, userId = %user, sessionId = session_id,
            lastAckSequence = last_ack, "Accepted resume token"
        );
    }
    tracing::info!(
        context = "WebSocketServer", gameId = %game, userId = %user, sessionId = session_id,
        sequence = welcome.from.number(), resumed = welcome.resumed, recovered = welcome.gap.is_none(),
        "Dispatched resume handshake"
    );
    let backlog = welcome.head.count_after(welcome.from);
    if backlog > 0 {
        tracing::info!(
            context = "WebSocketServer", gameId = %game, userId = %user, sessionId = session_id,
            backlogSize = backlog, "Streaming replay events"
        );
    }
}

fn log_delivery(inside: Option<&Inside>, delivery: &Delivery) {
    if let (Some(inside), Delivery::Acknowledged { sequence, backlog }) = (inside, delivery) {
        tracing::info!(
            context = "WebSocketServer", gameId = %inside.session.game_id(), userId = %inside.session.user_id(),
            acknowledgedSequence = sequence.number(), remainingBacklog = backlog, "Processed GAME_ACK"
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of events is far below 2^53")]
fn count(events: u64) -> f64 {
    events as f64
}
