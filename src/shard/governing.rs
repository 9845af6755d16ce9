//! What a game's backend does to it: make it, change it, sum it up, seat and unseat users, look, end it.

use std::sync::Arc;

use super::{
    Busy, ShardError,
    core::Core,
    joining::players,
    messages::{Configured, EventsView, GameSpec, GameView, Reply, SessionView, Source},
    reader::PageRequest,
    refusing::farewell,
    room::{ClockTurn, Flight, Loading, Made, Sitter, Turn},
};
use crate::{
    domain::{
        Changed, ClockTask, Farewell, Game, GameClock, GameId, Generation, Payload, Rejection, ResumeToken, Role, Seat,
        Sequence, SessionId, Timestamp, UserId,
    },
    store::{EventPage, GameChange, PageLimit, Revoked, StoreError, Write},
};

/// Bytes of payload after which an answer to a backend ends; it asks on.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

impl Core {
    /// Has a game made. On its way back it is taken in, and what waited for it goes on.
    pub(super) fn create(&mut self, game_id: &GameId, spec: GameSpec, reply: Option<Reply<Configured>>) {
        let now = self.clock.now();
        let mut game = Game::new(game_id.clone(), now, self.rules.retention);
        match timed(&game, &spec, now) {
            Ok(clock) => game.clock = clock,
            Err(rejection) => {
                return self.refuse_turn(game_id, Turn::Create { spec, reply }, ShardError::Rejected(rejection));
            }
        }
        apply(&mut game, spec.clone());
        let write = Write::CreateGame(Box::new(game.clone()));
        self.submit(
            game_id,
            write,
            Flight::Other { turn: Turn::Create { spec, reply }, made: Made::Game(Box::new(game)) },
        );
    }

    /// Has a turn written that is about more than events. The game is in memory.
    pub(super) fn govern(&mut self, game_id: &GameId, turn: Turn) {
        let now = self.clock.now();
        let Some(game) = self.residents.peek(game_id) else { return };
        let (write, made) = match &turn {
            Turn::Change { .. } if matches!(game.clock_task(), Some((at, ClockTask::Fall)) if at <= now) => {
                return self.after_the_flag(game_id, turn);
            }
            Turn::Change { spec, .. } => {
                let clock = match timed(game, spec, now) {
                    Ok(clock) => clock,
                    Err(rejection) => return self.refuse_turn(game_id, turn, ShardError::Rejected(rejection)),
                };
                let mut changed = game.clone();
                apply(&mut changed, spec.clone());
                let change = GameChange {
                    game_id: game_id.clone(),
                    epoch: game.epoch,
                    expected_seats_version: game.seats_version,
                    players: changed.players,
                    open: changed.open,
                    metadata: changed.metadata,
                    expected_clock: game.clock_version(),
                    clock: clock.clone(),
                    at: now,
                };
                (Write::ChangeGame(Box::new(change)), clock.map_or(Made::Nothing, Made::Clock))
            }
            Turn::Sit { user_id, metadata, .. } => {
                if game.live_seat(user_id).is_some() {
                    return self.seated(game_id, turn, false);
                }
                let mut seat = Seat::take(user_id.clone(), game.entrance(), now, self.rules.token_ttl);
                seat.metadata.clone_from(metadata);
                let write = Write::TakeSeat {
                    game_id: game_id.clone(),
                    epoch: game.epoch,
                    expected_seats_version: game.seats_version,
                    known_floor: game.floor,
                    seat: Box::new(seat.clone()),
                };
                // Not by giving up this very game.
                self.residents.pin(game_id, true);
                if !self.residents.room_for(seat.accounted_bytes()) {
                    self.metrics.refused(Busy::Memory);
                    return self.refuse_turn(game_id, turn, ShardError::Busy(Busy::Memory));
                }
                (write, Made::Seat(Box::new(seat)))
            }
            Turn::Summarize { summary, .. } => {
                if let Err(rejection) = game.check_summary(summary.sequence) {
                    return self.refuse_turn(game_id, turn, ShardError::Rejected(rejection));
                }
                let (epoch, summary) = (game.epoch, summary.clone());
                (Write::PutSummary { game_id: game_id.clone(), epoch, summary, at: now }, Made::Nothing)
            }
            Turn::Delete(_) => (Write::DeleteGame { game_id: game_id.clone(), epoch: game.epoch }, Made::Nothing),
            Turn::Recall(request, _) => {
                let events = request.events.iter().map(|event| Arc::new(event.clone().at(game.head(), now)));
                (Write::Recall { game_id: game_id.clone(), events: events.collect() }, Made::Nothing)
            }
            // These are written elsewhere.
            Turn::Record(_) | Turn::Clock(_) | Turn::Create { .. } => return,
        };
        self.submit(game_id, write, Flight::Other { turn, made });
    }

    /// Takes in what was written. Whoever asked may be gone: an answer that finds nobody is no fault.
    pub(super) fn governed(&mut self, game_id: &GameId, turn: Turn, made: Made) {
        let now = self.clock.now();
        match (turn, made) {
            (Turn::Create { reply, .. }, Made::Game(game)) => {
                self.take_in(*game, Source::Memory);
                if let (Some(reply), Some(game)) = (reply, self.describe(game_id, Source::Memory)) {
                    let _ = reply.send(Ok(Configured { created: true, game }));
                }
            }
            (Turn::Change { spec, reply }, made) => {
                if let Some(game) = self.residents.get_mut(game_id) {
                    apply(game, spec);
                    if let Made::Clock(clock) = made {
                        game.keep_clock(*clock);
                    }
                    game.seats_version += 1;
                    game.updated_at = now;
                }
                self.prune(game_id, now);
                let changed = self.describe(game_id, Source::Memory).map(|game| Configured { created: false, game });
                let _ = reply.send(changed.ok_or(ShardError::NoGame));
            }
            (turn @ Turn::Sit { .. }, Made::Seat(seat)) => {
                if let Some(game) = self.residents.get_mut(game_id) {
                    self.metrics.seat_kept(&seat);
                    game.seats_version += 1;
                    game.put_seat(*seat);
                }
                self.seated(game_id, turn, true);
            }
            (Turn::Summarize { summary, reply }, _) => {
                if let Some(game) = self.residents.get_mut(game_id) {
                    self.metrics.summary_kept(&summary.state);
                    game.summary = Some(summary);
                    game.updated_at = now;
                }
                self.prune(game_id, now);
                let _ = reply.send(Ok(()));
            }
            (Turn::Clock(turn), Made::Clock(clock)) => {
                if let Some(game) = self.residents.get_mut(game_id) {
                    game.keep_clock(*clock);
                    game.updated_at = game.updated_at.max(now);
                }
                self.clock_turn_done(game_id, turn);
            }
            // Nothing that it repeats: the rules' word stands.
            (Turn::Recall(request, rejection), _) => {
                self.refuse_record(game_id, request, ShardError::Rejected(rejection));
            }
            (Turn::Delete(reply), _) => {
                self.forget(game_id, Farewell::GameEnded);
                let _ = reply.send(Ok(()));
            }
            // A turn always lands with what it set out to make.
            (turn @ (Turn::Record(_) | Turn::Clock(_) | Turn::Create { .. } | Turn::Sit { .. }), _) => {
                self.refuse_turn(game_id, turn, ShardError::Internal);
            }
        }
    }

    /// Goes on with whoever wanted the seat that now exists.
    fn seated(&mut self, game_id: &GameId, turn: Turn, newcomer: bool) {
        let Turn::Sit { user_id, on_behalf, .. } = turn else { return };
        match on_behalf {
            Sitter::Connection(join) => self.admit(game_id, *join, &user_id, Role::Player, newcomer),
            Sitter::Backend(reply) => {
                let _ = reply.send(self.give_token(game_id, &user_id).ok_or(ShardError::NoSession));
            }
        }
    }

    /// Gives out a fresh token of a seat, to a backend.
    fn give_token(&mut self, game_id: &GameId, user_id: &UserId) -> Option<SessionView> {
        let now = self.clock.now();
        let seat = self.residents.get_mut(game_id)?.seat_mut(user_id)?;
        seat.issue(Generation::default(), now, self.rules.token_ttl);
        self.metrics.seat_given(seat);
        let seat = seat.clone();
        self.mark_seat(game_id, user_id);
        Some(SessionView { game_id: game_id.clone(), seat })
    }

    pub(super) fn take_seat(
        &mut self,
        game_id: &GameId,
        user_id: UserId,
        metadata: Option<Payload>,
        reply: Reply<SessionView>,
    ) {
        self.queue(game_id, Turn::Sit { user_id, metadata, on_behalf: Sitter::Backend(reply) });
    }

    pub(super) fn describe(&self, game_id: &GameId, source: Source) -> Option<GameView> {
        let game = self.residents.peek(game_id)?;
        Some(GameView {
            game_id: game_id.clone(),
            epoch: game.epoch,
            head: game.head(),
            floor: game.floor,
            players: players(game),
            timer: game.timer(self.clock.now()),
            summary: game.summary.as_ref().map(|summary| summary.sequence),
            metadata: game.metadata.clone(),
            open: game.open,
            shard: self.index,
            cached: source == Source::Memory,
            created_at: game.created_at,
            updated_at: game.updated_at,
        })
    }

    pub(super) fn validate(&self, game_id: &GameId, token: &ResumeToken) -> Result<SessionView, ShardError> {
        let game = self.residents.peek(game_id).ok_or(ShardError::NoGame)?;
        let seat = game.seat(&token.user_id).ok_or(ShardError::NoSession)?;
        seat.check(token.session_id, token.generation, self.clock.now())?;
        Ok(SessionView { game_id: game_id.clone(), seat: seat.clone() })
    }

    pub(super) fn read_session(&self, game_id: &GameId, session_id: SessionId) -> Result<SessionView, ShardError> {
        let game = self.residents.peek(game_id).ok_or(ShardError::NoSession)?;
        let seat = game.seat_of_session(session_id).ok_or(ShardError::NoSession)?;
        Ok(SessionView { game_id: game_id.clone(), seat: seat.clone() })
    }

    /// Slides a session's expiry. One that is revoked or expired has none to slide.
    pub(super) fn heartbeat(&mut self, game_id: &GameId, session_id: SessionId) -> Result<SessionView, ShardError> {
        let now = self.clock.now();
        let game = self.residents.get_mut(game_id).ok_or(ShardError::NoSession)?;
        let user_id = game.seat_of_session(session_id).ok_or(ShardError::NoSession)?.user_id.clone();
        let seat = game.seat_mut(&user_id).ok_or(ShardError::NoSession)?;
        seat.check(session_id, seat.proven, now)?;
        seat.see(now, self.rules.token_ttl);
        let seat = seat.clone();
        self.mark_seat(game_id, &user_id);
        Ok(SessionView { game_id: game_id.clone(), seat })
    }

    pub(super) fn read_events(&mut self, game_id: &GameId, after: Sequence, limit: usize, reply: Reply<EventsView>) {
        let Some(game) = self.residents.peek(game_id) else { return };
        let recovered = after >= game.floor && after <= game.head();
        let from = after.max(game.floor);
        if let Some(events) = game.tail().after(from) {
            let events = events.take(limit).collect();
            let _ = reply.send(Ok(EventsView {
                events,
                head: game.head(),
                floor: game.floor,
                epoch: game.epoch,
                recovered,
            }));
            return;
        }
        let then = Box::new(move |page: Result<Option<EventPage>, StoreError>| {
            let view =
                page.map_err(ShardError::from).and_then(|page| page.ok_or(ShardError::NoGame)).map(|page| EventsView {
                    events: page.events.into_iter().map(Arc::new).collect(),
                    head: page.head,
                    floor: page.floor,
                    epoch: page.epoch,
                    recovered: after >= page.floor && after <= page.head,
                });
            let _ = reply.send(view);
        });
        self.reader.page(PageRequest {
            game_id: game_id.clone(),
            after: from,
            limit: PageLimit { events: limit, bytes: MAX_ANSWER_BYTES },
            then,
        });
    }

    /// A session was revoked in the store: it counts no more, and its connection ends.
    pub(super) fn revoked(&mut self, revoked: Revoked) {
        let Revoked { game_id, user_id, session_id } = revoked;
        let now = self.clock.now();
        if let Some(room) = self.rooms.get_mut(&game_id) {
            // What is being loaded may not know it yet.
            if let Some(loading) = room.loading.as_mut() {
                *loading = Loading::Again;
            }
            let of_session =
                room.members.iter().filter(|(_, member)| member.session.is_some_and(|(id, _)| id == session_id));
            let connections: Vec<_> = of_session.map(|(connection, _)| *connection).collect();
            connections.into_iter().for_each(|connection| self.dismiss(&game_id, connection, Farewell::SessionRevoked));
        }
        if let Some(game) = self.residents.get_mut(&game_id)
            && let Some(seat) = game.seat_mut(&user_id)
            && seat.session_id == session_id
            && seat.revoked_at.is_none()
        {
            seat.revoked_at = Some(now);
            game.seats_version += 1;
            self.prune(&game_id, now);
        }
        self.settle(&game_id);
    }

    pub(super) fn refuse_turn(&mut self, game_id: &GameId, turn: Turn, error: ShardError) {
        // Whoever asked may be gone.
        match turn {
            Turn::Record(request) | Turn::Recall(request, _) => self.refuse_record(game_id, request, error),
            Turn::Clock(turn) => self.refuse_clock_turn(game_id, turn, error),
            Turn::Create { reply, .. } => {
                if let Some(reply) = reply {
                    drop(reply.send(Err(error)));
                }
                // What waited for the game to be made waits in vain. That it was wanted otherwise is its maker's business.
                let error = if let ShardError::Rejected(_) = error { ShardError::NoGame } else { error };
                self.refuse_all(game_id, error);
            }
            Turn::Change { reply, .. } => drop(reply.send(Err(error))),
            Turn::Sit { on_behalf: Sitter::Connection(join), .. } => join.outlet.close(farewell(error)),
            Turn::Sit { on_behalf: Sitter::Backend(reply), .. } => drop(reply.send(Err(error))),
            Turn::Summarize { reply, .. } | Turn::Delete(reply) => drop(reply.send(Err(error))),
        }
    }
}

impl Turn {
    /// Whether nobody waits for it any more.
    pub(super) fn is_abandoned(&self) -> bool {
        match self {
            Turn::Record(request) | Turn::Recall(request, _) => request.is_abandoned(),
            Turn::Clock(ClockTurn::Due | ClockTurn::StillDue) => false,
            Turn::Clock(ClockTurn::Order { reply, .. }) => reply.is_closed(),
            // Others may wait for the game, whoever asked for it first.
            Turn::Create { .. } => false,
            Turn::Change { reply, .. } => reply.is_closed(),
            Turn::Sit { on_behalf: Sitter::Connection(join), .. } => join.outlet.is_gone(),
            Turn::Sit { on_behalf: Sitter::Backend(reply), .. } => reply.is_closed(),
            Turn::Summarize { reply, .. } | Turn::Delete(reply) => reply.is_closed(),
        }
    }
}

fn apply(game: &mut Game, spec: GameSpec) {
    let GameSpec { players, open, metadata, time_control: _ } = spec;
    game.players = players.unwrap_or(std::mem::take(&mut game.players));
    game.open = open.or(game.open);
    game.metadata = metadata.or(game.metadata.take());
}

/// The clocks that a game is to have, where they are to change.
fn timed(game: &Game, spec: &GameSpec, now: Timestamp) -> Result<Option<Box<GameClock>>, Rejection> {
    let players = spec.players.as_ref().unwrap_or(&game.players);
    let control = spec.time_control.as_deref().cloned();
    let Some(clock) = game.clock.as_deref() else {
        return control.map(|control| GameClock::new(control, players).map(Box::new)).transpose();
    };
    let mut clock = clock.clone();
    let mut changed = clock.change_players(players)?;
    if let Some(control) = control
        && clock.change_control(control, now) == Changed::Yes
    {
        changed = Changed::Yes;
    }
    Ok((changed == Changed::Yes).then(|| Box::new(clock)))
}
