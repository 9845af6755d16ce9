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
    players::{Plain, Player, name},
    stored::Stored,
};
use crate::{
    clock::Clock,
    domain::{
        Claims, Event, EventRef, EventType, GameId, Generation, NewEvent, Payload, ResumeToken, Role, Sequence,
        SessionId, Timestamp, UserId,
    },
    shard::{
        Bus, ConnectionId, Journal, Reader,
        core::{Completion, Core, Parts, Rules},
        journal::Submission,
        messages::{Acknowledger, Author, Claim, Command, Deed, Join, Notice, Request, Source},
        metrics::{Backpressure, ShardFamilies},
        reader::{LoadRequest, PageRequest},
    },
    store::{Change, Loaded, Origin, RegistryMetrics, Revoked, Stand, StoreError, Write},
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
}

impl Rig {
    pub fn start() -> Self {
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
        Self {
            core,
            clock,
            game_id: GameId::parse("g").unwrap(),
            stored: Stored::default(),
            writes,
            loads,
            pages,
            answers: VecDeque::new(),
            completions,
            players: ["ann", "bob", "cat"].map(Player::new).into(),
            connections: 0,
            floor: Sequence::ZERO,
        }
    }

    fn command(&mut self, deed: Deed) {
        self.core.command(Command { game_id: self.game_id.clone(), deed });
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
        self.command(Deed::Record(Request { events, by, received: Instant::now() }));
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

    pub fn record_elsewhere(&mut self) {
        if self.stored.game.is_some() {
            let sequence = self.stored.head().next();
            self.stored.log.push(Arc::new(event(None).at(sequence, self.clock.now())));
        }
    }

    pub fn evict(&mut self) {
        self.notice(Notice::Flush(None));
    }

    pub fn learn(&mut self, news: News) {
        let (game_id, head) = (self.game_id.clone(), self.stored.head());
        let game = self.stored.game.as_ref();
        let stand = game.map(|game| Stand { epoch: game.epoch, head, seats_version: game.seats_version });
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
        for player in self.players.iter().filter(|player| player.refs > 0) {
            for number in 1..=player.refs {
                let client_ref = format!("{}{number}", player.user_id);
                let named = |event: &&Arc<Event>| event.client_ref.as_ref().is_some_and(|r| r.as_str() == client_ref);
                assert!(log.iter().filter(named).count() <= 1, "{client_ref} was recorded twice");
            }
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
    }
}

fn event(client_ref: Option<&str>) -> NewEvent {
    NewEvent {
        event_type: EventType::parse("move").unwrap(),
        payload: Payload::from_json(r#"{"to":"a1","filler":"0123456789"}"#).unwrap(),
        user_id: None,
        client_ref: client_ref.map(|text| EventRef::parse(text).unwrap()),
        expect: None,
    }
}
