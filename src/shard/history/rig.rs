//! A shard whose writes and reads are answered by hand, and the players at it.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio::{sync::mpsc, time::Instant};

use super::{
    players::{Plain, Player, lasting, name},
    stored::Stored,
};
use crate::{
    clock::Clock,
    domain::{
        Claims, ClockAction, ClockOrder, ClockState, Draft, Event, EventRef, EventType, Game, GameClock, GameId,
        Generation, NewEvent, OnDisconnect, Payload, ResumeToken, Role, Sequence, SessionId, TimeControl, Timestamp,
        UserId,
    },
    shard::{
        Bus, ConnectionId, Journal, Reader,
        core::{Completion, Core, Parts, Rules},
        journal::Submission,
        messages::{Acknowledger, Author, Claim, Deed, Join, Notice, Request, Source},
        metrics::{Backpressure, ShardFamilies},
        reader::{LoadRequest, PageRequest},
    },
    store::{Append, Change, Loaded, Origin, Outcome, RegistryMetrics, Revoked, Stand, StoreError, Write},
};

const RETENTION: usize = 5;
const BUDGET_BYTES: usize = 6_000;
const ABSENT_AFTER: Duration = Duration::from_secs(100_000);

/// What becomes of a write.
#[derive(Debug, Clone, Copy)]
pub enum Fate {
    Lands,
    Fails,
    /// It is written, but nobody hears of it.
    LandsUnknown,
    FailsUnknown,
}

/// How a node hears of others.
#[derive(Debug, Clone, Copy)]
pub enum News {
    /// That the head is where it is.
    Recorded,
    /// That something is different.
    Altered,
    /// By comparing with the store.
    Stand,
}

pub struct Rig {
    core: Core,
    clock: Clock,
    game_id: GameId,
    stored: Stored,
    writes: mpsc::Receiver<Submission>,
    loads: mpsc::Receiver<LoadRequest>,
    pages: mpsc::Receiver<PageRequest>,
    /// Answers of reads, on their way.
    answers: VecDeque<Box<dyn FnOnce()>>,
    completions: Arc<Mutex<VecDeque<Completion>>>,
    players: Vec<Player>,
    connections: u64,
    /// The stored floor after the last step.
    floor: Sequence,
    control: Option<TimeControl>,
    /// Whether a backend has told the clocks what to do.
    ordered: bool,
    /// Whether another node has changed the game.
    shared: bool,
}

impl Rig {
    /// Starts with an open game that is yet to be made; or with one that has this control, of three named players.
    pub fn start(control: Option<TimeControl>) -> Self {
        let clock = Clock::held_at(Timestamp::from_millis(1_000_000));
        let (journal, writes) = Journal::by_hand();
        let (reader, loads, pages) = Reader::by_hand();
        let completions: Arc<Mutex<VecDeque<Completion>>> = Arc::default();
        let posted = Arc::clone(&completions);
        let mut registry = Registry::default();
        let backpressure = Backpressure::register(&mut registry);
        let found = RegistryMetrics::register(&mut registry);
        let parts = Parts {
            index: 0,
            rules: Rules {
                retention: RETENTION,
                token_ttl: Duration::from_secs(60),
                absent_after: ABSENT_AFTER,
                open_games: true,
                create_on_join: true,
                heartbeat_flush: Duration::from_secs(5),
                silence: Duration::from_secs(15),
                clock_broadcast: Duration::from_secs(5),
            },
            budget_bytes: BUDGET_BYTES,
            clock: clock.clone(),
            frames: Arc::new(Plain),
            journal,
            reader,
            bus: Bus::of_a_silent_node(),
            metrics: Arc::new(ShardFamilies::register(&mut registry, backpressure, found).shard(0)),
        };
        let core = Core::new(parts, Arc::new(move |completion| posted.lock().push_back(completion)));
        let game_id = GameId::parse("g").unwrap();
        let players: Vec<Player> = ["ann", "bob", "cat"].map(Player::new).into();
        let mut stored = Stored::default();
        if let Some(control) = control.clone() {
            let names: Vec<UserId> = players.iter().map(|player| player.user_id.clone()).collect();
            let mut game = Game::new(game_id.clone(), clock.now(), RETENTION);
            game.clock = Some(Box::new(GameClock::new(control, &names).unwrap()));
            game.players = names;
            stored.game = Some(game);
        }
        Self {
            core,
            clock,
            game_id,
            stored,
            writes,
            loads,
            pages,
            answers: VecDeque::new(),
            completions,
            players,
            connections: 0,
            floor: Sequence::ZERO,
            control,
            ordered: false,
            shared: false,
        }
    }

    fn command(&mut self, deed: Deed) {
        self.core.command(&self.game_id, deed);
        self.settle();
    }

    fn notice(&mut self, notice: Notice) {
        self.core.notice(notice);
        self.settle();
    }

    /// Lets what is on its way arrive: completions at the shard, deliveries at the players.
    fn settle(&mut self) {
        loop {
            let Some(completion) = self.completions.lock().pop_front() else { break };
            self.core.complete(completion);
        }
    }

    /// Every player reads what it was sent and asks on.
    fn let_players_read(&mut self) {
        for index in 0..self.players.len() {
            while let Some(after) = self.players[index].process(&self.game_id) {
                let Some((connection, _)) = self.players[index].connection else { break };
                self.command(Deed::CatchUp { connection, after });
                if self.players[index].connection.as_ref().is_some_and(|(_, wire)| wire.queue.lock().is_empty()) {
                    break;
                }
            }
        }
    }

    pub fn join(&mut self, user: usize, with_token: bool, says_position: bool) {
        let now = self.clock.now();
        let player = &mut self.players[user];
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let claim = match player.token.clone().filter(|_| with_token) {
            Some(token) => Claim::Resume(token),
            None => Claim::Access(Claims { user_id: player.user_id.clone(), role: Role::Player, games: None }),
        };
        let said = player.position().filter(|_| says_position);
        let before = player.connection.take();
        let outlet = player.connect(connection, self.clock.clone());
        let join = Join { connection, outlet, claim, asked: Role::Player, said, source: Source::Memory };
        self.command(Deed::Join(Box::new(join)));
        if let Some((older, wire)) = before {
            wire.gone.store(true, Ordering::Relaxed);
            self.notice(Notice::Leave { game_id: self.game_id.clone(), connection: older });
        }
        assert!(self.clock.now() >= now);
    }

    pub fn intrude(&mut self, user: usize) {
        let victim = self.players[user].connection.as_ref().map(|(_, wire)| Arc::clone(wire));
        let open_before = victim.as_ref().is_some_and(|wire| wire.closed.lock().is_none());
        self.connections += 1;
        let mut intruder = Player::new("eve");
        let connection = ConnectionId(self.connections);
        let outlet = intruder.connect(connection, self.clock.clone());
        let wire = Arc::clone(&outlet);
        let token = ResumeToken {
            session_id: SessionId::generate(),
            generation: Generation::new(u32::MAX),
            game_id: self.game_id.clone(),
            user_id: self.players[user].user_id.clone(),
        };
        let claim = Claim::Resume(token);
        self.command(Deed::Join(Box::new(Join {
            connection,
            outlet,
            claim,
            asked: Role::Player,
            said: None,
            source: Source::Memory,
        })));

        assert!(wire.queue.lock().is_empty(), "a wrong token opens nothing");
        let open_after = victim.as_ref().is_some_and(|wire| wire.closed.lock().is_none());
        assert_eq!(open_before, open_after, "a wrong token leaves the seat's owner connected");
        wire.gone.store(true, Ordering::Relaxed);
    }

    pub fn drop_connection(&mut self, user: usize, unread: bool) {
        if !unread {
            self.let_players_read();
        }
        let Some((connection, wire)) = self.players[user].connection.take() else { return };
        wire.gone.store(true, Ordering::Relaxed);
        self.notice(Notice::Leave { game_id: self.game_id.clone(), connection });
    }

    pub fn send_move(&mut self, user: usize, again: bool) {
        self.let_players_read();
        let player = &mut self.players[user];
        if !player.is_in() {
            return;
        }
        let Some((connection, _)) = player.connection else { return };
        if !again || player.refs == 0 {
            player.refs += 1;
        }
        let client_ref = format!("{}{}", player.user_id, player.refs);
        self.record(vec![event(Some(&client_ref))], Author::Connection(connection));
    }

    pub fn post(&mut self, count: usize) {
        let (reply, answer) = tokio::sync::oneshot::channel();
        // The answer is not waited for, but somebody could be waiting.
        std::mem::forget(answer);
        self.record((0..count).map(|_| event(None)).collect(), Author::Backend(reply));
    }

    fn record(&mut self, events: Vec<NewEvent>, by: Author) {
        self.command(Deed::Record(Request { events, by, received: Instant::now(), recalled: false }));
    }

    pub fn acknowledge(&mut self, user: usize, back: u64) {
        self.let_players_read();
        let player = &self.players[user];
        let (true, Some((connection, _))) = (player.is_in(), &player.connection) else { return };
        let (game_id, connection) = (self.game_id.clone(), *connection);
        let sequence = Sequence::new(player.seen.number().saturating_sub(back));
        self.notice(Notice::Prove { game_id, connection });
        self.command(Deed::Acknowledge { sequence, by: Acknowledger::Connection(connection) });
    }

    pub fn write(&mut self, fate: Fate) {
        let Ok(Submission { write, then }) = self.writes.try_recv() else { return };
        if let Write::TakeSeat { seat, .. } = &write {
            // Its user will be told of the floor that the seat was taken above.
            let floor = self.core.residents.peek(&self.game_id).map_or(Sequence::ZERO, |game| game.floor);
            self.players
                .iter_mut()
                .filter(|player| player.user_id == seat.user_id)
                .for_each(|player| player.told = floor);
        }
        let outcome = match fate {
            Fate::Lands => Ok(self.stored.apply(&write)),
            Fate::Fails => Err(StoreError::Unavailable("as planned".to_owned())),
            Fate::LandsUnknown => {
                self.stored.apply(&write);
                Err(StoreError::Unknown("as planned".to_owned()))
            }
            Fate::FailsUnknown => Err(StoreError::Unknown("as planned".to_owned())),
        };
        then(outcome);
        self.settle();
    }

    pub fn look(&mut self, fails: bool) {
        let failed = || StoreError::Unavailable("as planned".to_owned());
        if let Ok(LoadRequest { then, .. }) = self.loads.try_recv() {
            let loaded = |game| Loaded { game, origin: Origin::Durable, ahead: None };
            let game = if fails { Err(failed()) } else { Ok(self.stored.load(RETENTION).map(loaded)) };
            self.answers.push_back(Box::new(|| then(game)));
        } else if let Ok(PageRequest { then, after, limit, .. }) = self.pages.try_recv() {
            let page = if fails { Err(failed()) } else { Ok(self.stored.page(after, limit.events.min(3))) };
            self.answers.push_back(Box::new(|| then(page)));
        }
    }

    pub fn hear(&mut self) {
        let Some(answer) = self.answers.pop_front() else { return };
        answer();
        self.settle();
    }

    /// What another node does that has just loaded the game.
    pub fn record_elsewhere(&mut self) {
        let now = self.clock.now();
        self.shared = true;
        let Some(game) = self.stored.load(RETENTION) else { return };
        let mut draft = Draft::of(&game, now);
        let mover = game.clock.as_ref().map(|clock| clock.active().clone());
        draft.consider(&game, &[], &[NewEvent { user_id: mover, ..event(None) }], now);
        let append = Append {
            game_id: self.game_id.clone(),
            epoch: game.epoch,
            expected_head: draft.expected_head(),
            expected_clock: draft.expected_clock(),
            events: draft.events().to_vec(),
            clock: draft.clock().cloned().map(Box::new),
        };
        assert_eq!(self.stored.apply(&Write::Append(append)), Outcome::Done);
    }

    pub fn order(&mut self, action: ClockAction, elsewhere: bool) {
        self.ordered = true;
        self.shared |= elsewhere;
        let order = ClockOrder { action, active: None, remaining: Vec::new() };
        if elsewhere {
            let now = self.clock.now();
            if let Some(clock) = self.stored.game.as_mut().and_then(|game| game.clock.as_mut()) {
                // Fallen already: refused.
                let _ = order.obey(clock, now);
            }
        } else {
            let (reply, answer) = tokio::sync::oneshot::channel();
            // The answer is not waited for, but somebody could be waiting.
            std::mem::forget(answer);
            self.command(Deed::SetClock { order, reply });
        }
    }

    pub fn evict(&mut self) {
        self.notice(Notice::Flush(None));
    }

    pub fn learn(&mut self, news: News) {
        let (game_id, head) = (self.game_id.clone(), self.stored.head());
        let game = self.stored.game.as_ref();
        let stand = game.map(|game| Stand {
            epoch: game.epoch,
            head,
            seats_version: game.seats_version,
            clock_version: game.clock_version(),
        });
        self.notice(match (news, stand) {
            (News::Recorded, Some(Stand { epoch, .. })) => Notice::Elsewhere(Change::Recorded { game_id, epoch, head }),
            (News::Recorded, None) | (News::Altered, _) => Notice::Elsewhere(Change::Altered(game_id)),
            (News::Stand, stand) => Notice::Stands(vec![(game_id, stand)]),
        });
    }

    pub fn revoke(&mut self, user: usize, here: bool) {
        let user_id = self.players[user].user_id.clone();
        let revoked = self.stored.revoke(&user_id, self.clock.now());
        if let Some(session_id) = revoked.filter(|_| here) {
            self.notice(Notice::Revoked(Revoked { game_id: self.game_id.clone(), user_id, session_id }));
        }
    }

    pub fn wait(&mut self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
        self.core.tick();
        self.settle();
    }

    /// What must hold after every step.
    pub fn hold_to_the_claims(&mut self) {
        self.let_players_read();
        assert!(self.core.residents.bytes() <= BUDGET_BYTES, "the budget is kept");
        let log = &self.stored.log;
        for player in &self.players {
            for (index, seen) in player.history.iter().enumerate() {
                let Some(seen) = seen else { continue };
                assert_eq!(log.get(index).map(|event| name(event)).as_ref(), Some(seen), "seen, but not durable");
            }
        }
        let floor = self.stored.game.as_ref().map_or(Sequence::ZERO, |game| game.floor);
        // A newcomer may stand below the floor, and is told so; nobody is overtaken by it.
        if std::mem::replace(&mut self.floor, floor) < floor {
            let seats = self.stored.seats.values().filter(|seat| seat.revoked_at.is_none());
            let acked_in_memory = |user_id: &UserId| {
                let seat = self.core.residents.peek(&self.game_id).and_then(|game| game.seat(user_id));
                seat.map_or(Sequence::ZERO, |seat| seat.last_ack)
            };
            let told = |user_id: &UserId| {
                self.players.iter().find(|player| player.user_id == *user_id).map(|player| player.told)
            };
            let lowest = seats.map(|seat| {
                let acked = seat.last_ack.max(acked_in_memory(&seat.user_id));
                acked.max(told(&seat.user_id).unwrap_or_default())
            });
            let lowest = lowest.min();
            assert!(lowest.is_none_or(|lowest| floor <= lowest), "pruned beyond what somebody acknowledged");
        }
        self.hold_to_the_clocks();
        for player in self.players.iter().filter(|player| player.refs > 0) {
            for number in 1..=player.refs {
                let client_ref = format!("{}{number}", player.user_id);
                let named = |event: &&Arc<Event>| event.client_ref.as_ref().is_some_and(|r| r.as_str() == client_ref);
                assert!(log.iter().filter(named).count() <= 1, "{client_ref} was recorded twice");
            }
        }
    }

    /// What must hold after every step in a game with clocks.
    fn hold_to_the_clocks(&self) {
        let Some((control, stored)) = self.control.as_ref().zip(self.stored.game.as_ref()) else { return };
        let log = &self.stored.log;
        let turns: Vec<_> = log.iter().filter(|event| event.event_type.as_str() == "move").collect();
        for (turn, player) in turns.iter().zip(self.players.iter().cycle()) {
            assert_eq!(turn.user_id.as_ref(), Some(&player.user_id), "everyone in turn");
        }
        let falls: Vec<_> = log.iter().filter(|event| event.event_type.is_flag_fall()).collect();
        assert!(falls.len() <= 1, "a flag falls once");
        if let (Some(fall), Some(last)) = (falls.first(), turns.last()) {
            assert!(last.sequence < fall.sequence, "no turn after the flag fell");
        }

        // Where nobody stopped the clocks, they have lost just the time between the first turn and the last change.
        let clock = stored.clock.as_ref().expect("it began with clocks");
        if control.on_disconnect() == OnDisconnect::Run && !self.ordered {
            let left: Duration = clock.reading().left.iter().sum();
            let began = turns.first().map(|turn| turn.created_at);
            let ended = turns.last().into_iter().chain(falls.first()).map(|event| event.created_at).max();
            let passed = ended.zip(began).map_or(Duration::ZERO, |(ended, began)| ended.since(began));
            assert_eq!(left + passed, 3 * control.pace().total, "no time is lost");
        }

        let Some(game) = self.core.residents.peek(&self.game_id) else { return };
        let is_writing = self.core.rooms.get(&self.game_id).is_some_and(|room| room.in_flight.is_some());
        if !self.shared && !is_writing {
            assert_eq!(game.clock_version(), stored.clock_version(), "what was written counts");
        }
        let shown = game.timer(self.clock.now()).map(|timer| lasting(&timer));
        let is_out = shown.as_ref().is_some_and(|shown| shown.contains("is out"));
        for player in self.players.iter().filter(|player| player.is_in() && !is_out) {
            assert_eq!(player.timer, shown, "{} was told what the clocks show", player.user_id);
        }
    }

    /// Whatever happened: once the stores answer again, everyone who comes back is complete.
    pub fn bring_everyone_home(&mut self) {
        self.work_off();
        // What others did is found in the end.
        self.learn(News::Stand);
        self.work_off();
        for player in self.players.iter().filter(|player| player.is_in()) {
            assert_eq!(player.seen, self.stored.head(), "{} is there and is not told", player.user_id);
        }
        for user in 0..self.players.len() {
            self.join(user, false, true);
            self.work_off();
        }
        self.work_off();
        assert!(!self.core.rooms.values().any(|room| room.in_flight.is_some() || !room.turns.is_empty()));
        assert_eq!(self.core.waiting, 0, "nothing is left waiting");
        let due = self.core.residents.peek(&self.game_id).and_then(Game::clock_task);
        assert!(due.is_none_or(|(at, _)| at > self.clock.now()), "nothing is left undone about the clocks: {due:?}");
        let clock = self.core.residents.peek(&self.game_id).and_then(|game| game.clock.as_deref());
        let state = clock.map(|clock| clock.reading().state);
        assert_ne!(state, Some(ClockState::Held), "everybody is here");
        for player in &self.players {
            assert!(player.is_in(), "{} did not come in", player.user_id);
            let head = self.core.residents.peek(&self.game_id).map(crate::domain::Game::head);
            assert_eq!(Some(player.seen), head, "{} is complete", player.user_id);
        }
    }

    fn work_off(&mut self) {
        for _ in 0..200 {
            self.write(Fate::Lands);
            self.look(false);
            self.hear();
            self.wait(60);
            self.let_players_read();
        }
        // What the last tick has brought about.
        for _ in 0..20 {
            self.write(Fate::Lands);
            self.look(false);
            self.hear();
            self.let_players_read();
        }
    }
}

fn event(client_ref: Option<&str>) -> NewEvent {
    NewEvent {
        event_type: EventType::parse("move").unwrap(),
        payload: Payload::from_json(r#"{"to":"a1","filler":"0123456789"}"#).unwrap(),
        user_id: None,
        client_ref: client_ref.map(|text| EventRef::parse(text).unwrap()),
        expect: None,
        next: None,
    }
}
