//! What is to be done about a game's clocks, and when: a flag falls, an absent player's clock stops or runs again.
//!
//! Owns how clocks and connections belong together. Who does it, and that it is written, is the shard's.

use std::time::Duration;

use super::{ClockState, Game, GameClock, Generation, OnDisconnect, Seat, Timer, Timestamp};

/// What is to be done about a game's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockTask {
    /// The running clock reaches zero.
    Fall,
    /// The running clock stops, because its player has been away longer than the grace.
    Hold,
    /// The clock that was stopped for its player's absence runs again: the player is here.
    Release,
}

impl Game {
    /// How often the clocks were changed; 0 in a game without clocks.
    #[must_use]
    pub fn clock_version(&self) -> u64 {
        self.clock.as_ref().map_or(0, |clock| clock.version())
    }

    /// The clocks as of now.
    #[must_use]
    pub fn timer(&self, now: Timestamp) -> Option<Timer> {
        self.clock.as_ref().map(|clock| clock.timer(now))
    }

    /// Takes in clocks that were committed, unless newer ones are here already.
    pub fn keep_clock(&mut self, clock: GameClock) {
        if clock.version() > self.clock_version() {
            self.clock = Some(Box::new(clock));
        }
    }

    /// What is to be done next about the clocks, and when: as of then it counts, however late it is done.
    #[must_use]
    pub fn clock_task(&self) -> Option<(Timestamp, ClockTask)> {
        let clock = self.clock.as_deref()?;
        let seat = self.seat(clock.active());
        match clock.reading().state {
            ClockState::Running { since } => {
                let fall = clock.zero_at().map(|zero| (zero, ClockTask::Fall));
                let lost_at = match clock.control().on_disconnect() {
                    OnDisconnect::Run => None,
                    OnDisconnect::Pause => seat.filter(|seat| !seat.online).and_then(|seat| seat.lost_at),
                };
                let hold = lost_at.map(|lost_at| (lost_at.plus(clock.control().grace()).max(since), ClockTask::Hold));
                // At the same moment the flag falls.
                fall.into_iter().chain(hold).min_by_key(|(at, _)| *at)
            }
            ClockState::Held => {
                seat.filter(|seat| seat.online).map(|_| (Timestamp::from_millis(i64::MIN), ClockTask::Release))
            }
            ClockState::Waiting | ClockState::Paused | ClockState::Fallen => None,
        }
    }

    /// Supposes, of every player who came once, that a connection elsewhere ended with the last sign of life that was
    /// kept. One that still stands shows another at least every `silence`.
    pub fn suppose_connections_lost(&mut self, silence: Duration) {
        if self.clock.is_none() {
            return;
        }
        self.for_each_seat(|seat| {
            let came_once = seat.proven > Generation::default();
            seat.lost_at = came_once.then(|| seat.last_seen_at.plus(silence));
        });
    }
}

impl Seat {
    /// Notes that a connection of its user is here.
    pub fn come(&mut self) {
        self.online = true;
        self.lost_at = None;
    }

    /// Notes that the last connection of its user here has ended; `seen` is when it was last heard of.
    pub fn leave(&mut self, seen: Timestamp, ttl: Duration, now: Timestamp) {
        self.online = false;
        self.lost_at = Some(now);
        self.see(seen, ttl);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{GameId, Pace, Preset, Sequence, TimeControl, UserId};

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    /// Ann's and Bob's game, a minute each; Ann's clock runs, and her seat is taken.
    fn game(on_disconnect: OnDisconnect) -> Game {
        let pace = Pace { total: 60 * SECOND, increment: Duration::ZERO, delay: Duration::ZERO };
        let control = TimeControl::new(Preset::Custom, pace).unwrap();
        let control = control.without_player(on_disconnect, 15 * SECOND).unwrap();
        let mut clock = GameClock::new(control, &["ann", "bob"].map(user)).unwrap();
        clock.run(NOW).unwrap();
        let mut game = Game::new(GameId::parse("g").unwrap(), NOW, 10);
        game.clock = Some(Box::new(clock));
        game.put_seat(Seat::take(user("ann"), Sequence::ZERO, NOW, SECOND));
        game
    }

    fn ann(game: &mut Game) -> &mut Seat {
        game.seat_mut(&user("ann")).unwrap()
    }

    #[test]
    fn a_clock_stops_when_its_player_has_been_away_for_the_grace() {
        for (mode, then) in [
            (OnDisconnect::Pause, (NOW.plus(25 * SECOND), ClockTask::Hold)),
            (OnDisconnect::Run, (NOW.plus(60 * SECOND), ClockTask::Fall)),
        ] {
            let mut game = game(mode);
            ann(&mut game).come();
            assert_eq!(game.clock_task(), Some((NOW.plus(60 * SECOND), ClockTask::Fall)));

            ann(&mut game).leave(NOW, SECOND, NOW.plus(10 * SECOND));

            assert_eq!(game.clock_task(), Some(then));
        }
    }

    #[test]
    fn a_player_who_never_came_was_never_lost() {
        let mut game = game(OnDisconnect::Pause);

        game.suppose_connections_lost(SECOND);

        assert_eq!(game.clock_task(), Some((NOW.plus(60 * SECOND), ClockTask::Fall)));
    }

    #[test]
    fn a_flag_falls_though_its_player_is_lost_if_the_grace_is_longer() {
        let mut game = game(OnDisconnect::Pause);

        ann(&mut game).leave(NOW, SECOND, NOW.plus(45 * SECOND));

        assert_eq!(game.clock_task(), Some((NOW.plus(60 * SECOND), ClockTask::Fall)));
    }

    #[test]
    fn a_player_lost_before_the_turn_began_has_no_time_taken_off() {
        let mut game = game(OnDisconnect::Pause);

        ann(&mut game).leave(NOW, SECOND, NOW.minus(60 * SECOND));

        assert_eq!(game.clock_task(), Some((NOW, ClockTask::Hold)));
    }

    #[test]
    fn a_clock_that_was_held_runs_again_once_its_player_is_back() {
        let mut game = game(OnDisconnect::Pause);
        game.clock.as_mut().unwrap().hold(NOW);
        assert_eq!(game.clock_task(), None);

        ann(&mut game).come();

        assert!(matches!(game.clock_task(), Some((_, ClockTask::Release))));
    }

    #[test]
    fn a_player_who_was_heard_of_elsewhere_since_is_not_lost() {
        let mut here = game(OnDisconnect::Pause);
        ann(&mut here).prove(Generation::new(1));
        ann(&mut here).leave(NOW, SECOND, NOW.plus(10 * SECOND));
        let known = ann(&mut here).clone();

        for (seen, due) in [(NOW, 25), (NOW.plus(20 * SECOND), 20 + 30 + 15)] {
            let mut loaded = game(OnDisconnect::Pause);
            *ann(&mut loaded) = Seat { last_seen_at: seen, lost_at: None, ..known.clone() };
            loaded.suppose_connections_lost(30 * SECOND);
            ann(&mut loaded).advance(&known);
            let due = NOW.plus(due * SECOND).min(NOW.plus(60 * SECOND));
            assert_eq!(loaded.clock_task().map(|(at, _)| at), Some(due));
        }
    }
}
