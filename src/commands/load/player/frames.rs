//! Reading: what each frame says of the game, and whether that keeps the protocol's promises.

use std::{fmt::Display, sync::atomic::Ordering, time::Duration};

use tokio::time::Instant;

use super::{Player, at_random};
use crate::{
    client::{ClientError, Refusal, Taken},
    commands::load::{
        glance::{Glance, names},
        tally::{Count, Latency},
        terms::Pace,
    },
};

impl Player {
    /// Takes a frame in; returns what is to be acknowledged.
    pub(super) fn take(&mut self, text: &str) -> Result<Option<u64>, ClientError> {
        let frame = Glance::at(text)?;
        match frame.kind {
            "GAME_MOVE" => Ok(self.event(&frame, Count::Delivered)),
            "GAME_REPLAY" => Ok(self.event(&frame, Count::Replayed).filter(|_| false)),
            "GAME_ACK" => {
                self.run.tally.count(Count::Acknowledged);
                Ok(None)
            }
            "ERROR" => {
                self.refused(&frame, text);
                Ok(None)
            }
            "DRAINING" => {
                self.reconnect_after = frame.payload.reconnect_after_ms.map(Duration::from_millis);
                Ok(None)
            }
            "GAME_RESUME" => Err(ClientError::Malformed { reason: "a second GAME_RESUME".to_owned() }),
            _other => Ok(None),
        }
    }

    fn event(&mut self, frame: &Glance<'_>, count: Count) -> Option<u64> {
        let sequence = frame.payload.sequence.unwrap_or_default();
        let is_own = frame.payload.user_id == Some(self.user_id.as_str());
        if !frame.payload.reference.is_some_and(|reference| names(reference, sequence)) {
            self.fault(format_args!("event {sequence} is what was sent as {:?}", frame.payload.reference));
        }
        match self.order.take(sequence, is_own && self.sent_again == sequence) {
            Taken::New => {}
            Taken::ConfirmedAgain => return None,
            Taken::Fault => {
                self.tell_faults();
                return None;
            }
        }
        self.game.seen[self.place].store(sequence, Ordering::Relaxed);
        let now = Instant::now();
        let took = frame.payload.sent_at().map(|at| Duration::from_micros(self.micros(now).saturating_sub(at)));
        let tally = &self.run.tally;
        if self.pending.as_ref().is_some_and(|pending| pending.sequence == sequence) {
            if !is_own {
                self.fault(format_args!("event {sequence} is not the move that was sent as such"));
            }
            self.pending = None;
            self.game.confirmed.fetch_max(sequence, Ordering::Relaxed);
            tally.count(Count::Confirmed);
            took.into_iter().for_each(|took| tally.time(Latency::Confirmation, took));
        } else if count == Count::Delivered {
            took.into_iter().for_each(|took| tally.time(Latency::Delivery, took));
        }
        if !is_own || count == Count::Replayed {
            tally.count(count);
        }
        self.turn_began = now;
        // Not all players of a game at the same event.
        (sequence + self.place as u64).is_multiple_of(self.style.ack_every).then_some(sequence)
    }

    fn refused(&mut self, frame: &Glance<'_>, text: &str) {
        let code = frame.payload.code.unwrap_or("none");
        self.run.tally.refused(code);
        let refusal = Refusal {
            code: code.to_owned(),
            message: String::new(),
            reference: None,
            retry_after_ms: frame.payload.retry_after_ms,
            head_sequence: None,
        };
        if !refusal.is_passing() {
            self.fault(format_args!("refused: {text}"));
            self.style.pace = Pace::Silent;
            self.pending = None;
        }
        if let Some(pending) = &mut self.pending {
            let pause = refusal.retry_after_ms.map_or_else(|| at_random(RETRY_WITHIN), Duration::from_millis);
            pending.retry_at = Instant::now() + pause;
        }
    }

    pub(super) fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.run.began).as_micros()).unwrap_or(u64::MAX)
    }

    pub(super) fn tell_faults(&mut self) {
        let faults = self.order.faults();
        faults[self.faults_told..].iter().for_each(|fault| self.fault(fault));
        self.faults_told = faults.len();
    }

    pub(super) fn fault(&self, fault: impl Display) {
        self.run.tally.fault(&format!("{} {}", self.game.id, self.user_id), fault);
    }
}

/// Where a refusal does not say when to try again.
const RETRY_WITHIN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicU64};

    use tokio::sync::watch;

    use super::*;
    use crate::{
        client::{Dial, fake_server},
        commands::load::{
            player::Pending,
            tally::Tally,
            terms::{Game, Phase, Run, Style},
        },
    };

    /// The first of two players in game `g`, welcomed before the first event.
    fn player() -> Player {
        let run = Run { tally: Tally::default(), began: Instant::now() };
        let seen = [0, 0].map(AtomicU64::new).into();
        let (sent, confirmed) = (AtomicU64::new(0), AtomicU64::new(0));
        let game = Game { id: "g".to_owned(), number: 0, offset: 0.0, sent, confirmed, seen };
        let style = Style { pace: Pace::AtOnce, payload_bytes: 40, ack_every: 3, moves: 9, drops: None };
        let (dial, phases) = (Dial::new("http://h", "g"), watch::channel(Phase::Gathering).1);
        let mut player = Player::new(Arc::new(run), Arc::new(game), 0, "ann".to_owned(), style, dial, phases);
        player.welcomed(&fake_server::welcome("g", "ann"), false);
        player
    }

    fn frame(user: &str, sequence: u64, reference: &str) -> String {
        format!(
            r#"{{"type":"GAME_MOVE","payload":{{"gameId":"g","userId":"{user}","sequence":{sequence},"move":{{"at":0}},
                "ref":"{reference}","createdAt":1}},"timestamp":"t","senderId":"{user}"}}"#
        )
    }

    fn sends(player: &mut Player, sequence: u64) {
        player.pending = Some(Pending { sequence, at: 0, retry_at: Instant::now() });
    }

    fn faults(player: &Player) -> Vec<String> {
        player.run.tally.faults().first
    }

    #[test]
    fn a_history_without_a_fault_is_counted_and_acknowledged() {
        let mut player = player();
        sends(&mut player, 1);

        let acks: Vec<_> = [("ann", 1), ("bob", 2), ("ann", 3)]
            .map(|(user, sequence)| player.take(&frame(user, sequence, &format!("m{sequence}"))).unwrap())
            .into();

        assert_eq!((acks, faults(&player)), (vec![None, None, Some(3)], vec![]));
        let tally = &player.run.tally;
        assert_eq!((tally.of(Count::Confirmed), tally.of(Count::Delivered)), (1, 1));
        assert_eq!(player.game.confirmed.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_gap_and_a_repeat_are_faults() {
        let mut player = player();

        for sequence in [1, 3, 3] {
            player.take(&frame("bob", sequence, &format!("m{sequence}"))).unwrap();
        }

        let expected = [
            "g ann: event 3 came after 1: what lies between is missing".to_owned(),
            "g ann: event 3 came again after 3".to_owned(),
        ];
        assert_eq!(faults(&player), expected);
    }

    #[test]
    fn an_event_at_another_place_than_it_was_sent_for_is_a_fault() {
        let mut player = player();

        player.take(&frame("bob", 1, "m2")).unwrap();

        assert_eq!(faults(&player), [r#"g ann: event 1 is what was sent as Some("m2")"#]);
    }

    #[test]
    fn another_ones_event_in_place_of_ones_own_is_a_fault() {
        let mut player = player();
        sends(&mut player, 1);

        player.take(&frame("bob", 1, "m1")).unwrap();

        assert_eq!(faults(&player), ["g ann: event 1 is not the move that was sent as such"]);
    }

    #[test]
    fn only_what_was_sent_again_may_come_again() {
        let mut player = player();
        player.sent_again = 1;
        sends(&mut player, 1);

        for _ in 0..2 {
            player.take(&frame("ann", 1, "m1")).unwrap();
        }
        assert_eq!((faults(&player), player.run.tally.of(Count::Confirmed)), (vec![], 1));

        player.sent_again = 0;
        player.take(&frame("ann", 1, "m1")).unwrap();
        assert_eq!(faults(&player), ["g ann: event 1 came again after 1"]);
    }

    #[test]
    fn a_refusal_that_passes_is_counted_and_the_move_kept() {
        let mut player = player();
        sends(&mut player, 1);
        let refusal = r#"{"type":"ERROR","payload":{"code":"rate_limited","message":"slow down","ref":"m1",
            "retryAfterMs":40},"timestamp":"t","senderId":null}"#;

        player.take(refusal).unwrap();

        assert_eq!((faults(&player), player.run.tally.refusals()["rate_limited"]), (vec![], 1));
        assert!(player.pending.is_some_and(|pending| pending.retry_at > Instant::now()));
    }
}
