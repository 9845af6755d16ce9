//! How connections come into a game, catch up, and leave it.
//!
//! A resume is one turn: check the token, copy the tail after the position, add the member. Nothing can slip in between
//! replay and live. What is no longer in memory comes by pages; the turn that hands over the last one adds the member.

use std::sync::Arc;

use super::{
    ConnectionId, Delivery, ShardError, Slow,
    core::{Completion, Core},
    messages::{Claim, Deed, Join, PlayerView, Source, Welcome, WelcomeSession},
    reader::PageRequest,
    refusing::farewell,
    room::{Member, Sitter, Turn},
};
use crate::{
    domain::{Event, EventRef, Farewell, Game, GameId, Generation, Role, Sequence, Timestamp, UserId},
    store::{CacheOperation, CacheTier, Change, EventPage, PageLimit, SeatMark, StoreError},
};

/// One page. A slow reader holds no more than that and its queue.
const PAGE: PageLimit = PageLimit { events: 256, bytes: 64 * 1024 };

impl Core {
    pub(super) fn join(&mut self, game_id: &GameId, join: Box<Join>) {
        if join.outlet.is_gone() {
            return;
        }
        let now = self.clock.now();
        let Some(game) = self.residents.peek(game_id) else { return };
        match self.identify(game, &join, now) {
            Err(why) => join.outlet.close(why),
            Ok((user_id, Role::Spectator)) => self.admit(game_id, *join, &user_id, Role::Spectator, false),
            Ok((user_id, Role::Player)) if game.live_seat(&user_id).is_some() => {
                self.admit(game_id, *join, &user_id, Role::Player, false);
            }
            Ok((user_id, Role::Player)) => {
                self.queue(game_id, Turn::Sit { user_id, metadata: None, on_behalf: Sitter::Connection(join) });
            }
        }
    }

    /// Says who the connection is and what it may be here. Changes nothing.
    fn identify(&self, game: &Game, join: &Join, now: Timestamp) -> Result<(UserId, Role), Farewell> {
        match &join.claim {
            Claim::Resume(token) => {
                let seat = game.seat(&token.user_id).ok_or(Farewell::InvalidToken)?;
                seat.check(token.session_id, token.generation, now)
                    .map_err(|refused| farewell(ShardError::Token(refused)))?;
                Ok((token.user_id.clone(), join.asked))
            }
            Claim::Access(claims) => {
                let role = claims.role_in(game, join.asked, self.rules.open_games).ok_or(Farewell::Forbidden)?;
                Ok((claims.user_id.clone(), role))
            }
        }
    }

    /// Whether a deed makes the game that it does not find: a player's first join, where the house allows it.
    pub(super) fn makes_game(&self, game_id: &GameId, deed: &Deed) -> bool {
        let allowed = self.rules.create_on_join && self.rules.open_games;
        match deed {
            Deed::Join(join) => match &join.claim {
                Claim::Access(claims) => {
                    allowed && join.asked == Role::Player && claims.role == Role::Player && claims.opens(game_id)
                }
                Claim::Resume(_) => false,
            },
            Deed::TakeSeat { .. } => allowed,
            Deed::Record(_)
            | Deed::Acknowledge { .. }
            | Deed::CatchUp { .. }
            | Deed::ReadEvents { .. }
            | Deed::Describe { .. }
            | Deed::Configure { .. }
            | Deed::PutSummary { .. }
            | Deed::SetClock { .. }
            | Deed::Delete(_)
            | Deed::Validate { .. }
            | Deed::ReadSession { .. }
            | Deed::Heartbeat { .. } => false,
        }
    }

    /// Lets a connection in. A player's seat exists by now; `newcomer` says that it was taken for this very join.
    pub(super) fn admit(&mut self, game_id: &GameId, join: Join, user_id: &UserId, role: Role, newcomer: bool) {
        if join.outlet.is_gone() {
            return;
        }
        let now = self.clock.now();
        let comes_online = role == Role::Player && self.take_over(game_id, user_id);
        let Some(game) = self.residents.get_mut(game_id) else { return };

        let presented = match &join.claim {
            Claim::Resume(token) => token.generation,
            Claim::Access(_) => Generation::default(),
        };
        let entrance = game.entrance();
        let mut kept = None;
        let mut session = None;
        if role == Role::Player
            && let Some(seat) = game.seat_mut(user_id)
        {
            // A seat that nobody has come to yet, because a backend took it, is as new as one taken just now.
            let known = seat.proven > Generation::default() || seat.last_ack > entrance;
            kept = known.then_some(seat.last_ack);
            seat.come();
            self.metrics.seat_given(seat);
            let generation = seat.issue(presented, now, self.rules.token_ttl);
            let (session_id, issued_at, expires_at) = (seat.session_id, seat.issued_at, seat.expires_at);
            session = Some(WelcomeSession { session_id, generation, issued_at, expires_at });
        }

        let start = game.catch_up(kept, join.said);
        let in_memory = join.source == Source::Memory && game.tail().after(start.from).is_some();
        self.metrics.registry.looked_for(CacheOperation::ReplayFetch, CacheTier::Memory, in_memory);
        let (events, more) = first_page(game, start.from);
        let room = self.rooms.entry(game_id.clone()).or_default();
        let member = Box::new(Member {
            user_id: user_id.clone(),
            role,
            outlet: Arc::clone(&join.outlet),
            session: session.map(|session| (session.session_id, session.generation)),
            epoch: game.epoch,
            delivered: events.last().map_or(start.from, |event| event.sequence),
            live: !more,
        });
        room.members.insert(join.connection, member);
        let welcome = Welcome {
            user_id: user_id.clone(),
            role,
            session,
            from: start.from,
            head: game.head(),
            floor: game.floor,
            epoch: game.epoch,
            resumed: session.is_some() && !newcomer,
            gap: start.gap,
            summary: start.summary,
            timer: game.timer(now),
            players: players(game),
            events,
            more,
            source: join.source,
        };
        self.metrics.replayed(&welcome.events);
        if let Some(summary) = &welcome.summary {
            self.metrics.summary_given(&summary.state);
        }
        if let Some(WelcomeSession { session_id, generation, .. }) = session {
            self.bus.tell(Change::TakenOver { game_id: game_id.clone(), session_id, generation });
            self.mark_seat(game_id, user_id);
        }
        self.deliver(game_id, join.connection, Delivery::Welcome(Box::new(welcome)));
        self.time_is_shown(game_id);
        if comes_online {
            self.announce(game_id, user_id, true, now);
        }
    }

    /// Closes the connection that the user's seat had. Returns whether there was none, so that the user comes online.
    fn take_over(&mut self, game_id: &GameId, user_id: &UserId) -> bool {
        let Some(room) = self.rooms.get_mut(game_id) else { return true };
        let older: Vec<ConnectionId> = room
            .members
            .iter()
            .filter(|(_, member)| member.role == Role::Player && member.user_id == *user_id)
            .map(|(connection, _)| *connection)
            .collect();
        for connection in &older {
            if let Some(member) = room.members.remove(connection) {
                member.outlet.close(Farewell::TakenOver);
            }
        }
        older.is_empty()
    }

    pub(super) fn catch_up(&mut self, game_id: &GameId, connection: ConnectionId, after: Sequence) {
        let Some(member) = self.rooms.get_mut(game_id).and_then(|room| room.members.get_mut(&connection)) else {
            return;
        };
        let Some(game) = self.residents.peek(game_id) else { return };
        if game.tail().after(after).is_some() {
            let (events, more) = first_page(game, after);
            member.delivered = events.last().map_or(after, |event| event.sequence);
            member.live = !more;
            self.metrics.replayed(&events);
            return self.deliver(game_id, connection, Delivery::Page { events, more });
        }
        let (postbox, id) = (Arc::clone(&self.postbox), game_id.clone());
        let then = Box::new(move |page| postbox(Completion::Paged { game_id: id, connection, page }));
        self.reader.page(PageRequest { game_id: game_id.clone(), after, limit: PAGE, then });
    }

    /// Hands over a page that came from the store. The connection asks on; the tail takes over where it reaches.
    pub(super) fn paged(
        &mut self,
        game_id: &GameId,
        connection: ConnectionId,
        page: Result<Option<EventPage>, StoreError>,
    ) {
        let Some(member) = self.rooms.get_mut(game_id).and_then(|room| room.members.get_mut(&connection)) else {
            return;
        };
        let events = match page {
            Ok(Some(page)) => page.events,
            Ok(None) => return self.dismiss(game_id, connection, Farewell::GameEnded),
            Err(_) => return self.dismiss(game_id, connection, Farewell::TryAgainLater),
        };
        // The events may have been pruned while a spectator was catching up: it has to come again.
        if events.first().is_none_or(|first| first.sequence != member.delivered.next()) {
            return self.dismiss(game_id, connection, Farewell::TryAgainLater);
        }
        let events: Vec<Arc<Event>> = page_of(events.into_iter().map(Arc::new));
        member.delivered = events.last().map_or(member.delivered, |event| event.sequence);
        self.metrics.replayed(&events);
        self.deliver(game_id, connection, Delivery::Page { events, more: true });
        self.settle(game_id);
    }

    /// Hands live connections what was recorded while the game was out of memory, or elsewhere.
    pub(super) fn hand_over_missed(&mut self, game_id: &GameId) {
        let (Some(room), Some(game)) = (self.rooms.get_mut(game_id), self.residents.peek(game_id)) else { return };
        let mut behind = Vec::new();
        for (connection, member) in room.members.iter_mut().filter(|(_, member)| member.live) {
            if member.delivered < game.head() {
                let (events, more) = first_page(game, member.delivered);
                member.delivered = events.last().map_or(member.delivered, |event| event.sequence);
                member.live = !more;
                behind.push((*connection, Delivery::Page { events, more }));
            }
        }
        behind.into_iter().for_each(|(connection, page)| self.deliver(game_id, connection, page));
    }

    pub(super) fn leave(&mut self, game_id: &GameId, connection: ConnectionId) {
        let Some(member) = self.rooms.get_mut(game_id).and_then(|room| room.members.remove(&connection)) else {
            return;
        };
        self.departed(game_id, &member);
        self.settle(game_id);
    }

    /// Notes that a connection which was a member is gone.
    fn departed(&mut self, game_id: &GameId, member: &Member) {
        let Some((session_id, _)) = member.session else { return };
        let (seen, now) = (member.outlet.last_seen(), self.clock.now());
        self.mark_loosely(SeatMark::sign_of_life(session_id, seen, self.rules.token_ttl));
        if self.rooms.get(game_id).is_some_and(|room| room.is_online(&member.user_id)) {
            return;
        }
        if let Some(seat) = self.residents.get_mut(game_id).and_then(|game| game.seat_mut(&member.user_id)) {
            seat.leave(seen, self.rules.token_ttl, now);
        }
        self.announce(game_id, &member.user_id, false, now);
    }

    /// Notes that a client holds the token that its connection was given; those before it are refused from now on.
    pub(super) fn prove(&mut self, game_id: &GameId, connection: ConnectionId) {
        let member = self.rooms.get(game_id).and_then(|room| room.members.get(&connection));
        let Some((user_id, (session_id, generation))) =
            member.and_then(|member| Some((member.user_id.clone(), member.session?)))
        else {
            return;
        };
        match self.residents.get_mut(game_id).and_then(|game| game.seat_mut(&user_id)) {
            Some(seat) if seat.session_id == session_id => {
                if seat.prove(generation) {
                    self.mark_seat(game_id, &user_id);
                    self.settle(game_id);
                }
            }
            Some(_) => {}
            None => self.mark_loosely(SeatMark::proof(session_id, generation)),
        }
    }

    /// Tells everyone but the user's own connections that a player came or left.
    fn announce(&mut self, game_id: &GameId, user_id: &UserId, online: bool, at: Timestamp) {
        let Some(room) = self.rooms.get(game_id) else { return };
        let others: Vec<ConnectionId> = room
            .members
            .iter()
            .filter(|(_, member)| member.user_id != *user_id)
            .map(|(connection, _)| *connection)
            .collect();
        if others.is_empty() {
            return;
        }
        let frame = self.frames.presence(game_id, user_id, online, at);
        for connection in others {
            self.deliver(game_id, connection, Delivery::Shared(frame.clone()));
        }
    }

    /// Queues something for a connection; one whose queue is full is closed, and resumes.
    pub(super) fn deliver(&mut self, game_id: &GameId, connection: ConnectionId, delivery: Delivery) {
        let Some(member) = self.rooms.get(game_id).and_then(|room| room.members.get(&connection)) else { return };
        if let Err(Slow) = member.outlet.deliver(delivery) {
            self.metrics.slow();
            self.dismiss(game_id, connection, Farewell::SlowConsumer);
        }
    }

    /// Closes a connection and counts it out.
    pub(super) fn dismiss(&mut self, game_id: &GameId, connection: ConnectionId, why: Farewell) {
        let Some(member) = self.rooms.get_mut(game_id).and_then(|room| room.members.remove(&connection)) else {
            return;
        };
        member.outlet.close(why);
        self.departed(game_id, &member);
    }

    /// Tells a connection that a message of it was refused.
    pub(super) fn refuse_message(
        &mut self,
        game_id: &GameId,
        connection: ConnectionId,
        client_ref: Option<EventRef>,
        error: ShardError,
    ) {
        self.deliver(game_id, connection, Delivery::Refused { client_ref, error });
    }
}

/// The first missed events after a position, and whether there are more. None where memory does not reach back so far.
fn first_page(game: &Game, from: Sequence) -> (Vec<Arc<Event>>, bool) {
    let Some(missed) = game.tail().after(from) else { return (Vec::new(), true) };
    let page = page_of(missed);
    let more = page.last().map_or(from, |event| event.sequence) < game.head();
    (page, more)
}

/// As many events as a page takes; always one, where there is one.
fn page_of(events: impl Iterator<Item = Arc<Event>>) -> Vec<Arc<Event>> {
    let mut bytes = 0;
    let fits = |event: &Arc<Event>| {
        let fits = bytes < PAGE.bytes;
        bytes += event.payload.as_str().len();
        fits
    };
    events.take(PAGE.events).take_while(fits).collect()
}

/// The named players, then whoever else has a seat.
pub(super) fn players(game: &Game) -> Vec<PlayerView> {
    let view = |user_id: &UserId| {
        let seat = game.live_seat(user_id);
        let last_ack = seat.map_or(Sequence::ZERO, |seat| seat.last_ack);
        PlayerView {
            user_id: user_id.clone(),
            online: seat.is_some_and(|seat| seat.online),
            last_ack,
            backlog: game.backlog(last_ack),
        }
    };
    let others = game.seats().iter().filter(|seat| seat.revoked_at.is_none()).map(|seat| &seat.user_id);
    let others = others.filter(|user_id| !game.players.contains(user_id));
    game.players.iter().chain(others).map(view).collect()
}
