//! The seat of one user in one game: its session, and how far the user has seen.

use std::time::Duration;

use super::{Payload, Sequence, SessionId, Timestamp, UserId};

/// Counts the resume tokens of a session. A token is good while its generation is not below the highest one that the
/// client has proved to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Generation(u32);

impl Generation {
    /// The generation of this number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    #[must_use]
    fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// One user's seat in one game. It outlives its token: see [`Seat::is_absent`].
#[derive(Debug, Clone, PartialEq)]
pub struct Seat {
    pub session_id: SessionId,
    pub user_id: UserId,
    /// Everything up to here has been processed.
    pub last_ack: Sequence,
    /// Tokens of an older generation are refused.
    pub proven: Generation,
    /// Newest generation given out.
    pub issued: Generation,
    /// When the newest token was given out.
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
    /// Last sign of life.
    pub last_seen_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub metadata: Option<Payload>,
    /// Whether a connection of this seat is open on this node.
    pub online: bool,
    /// Where none is, when the last one was lost, as far as this node knows. Kept in no store.
    pub lost_at: Option<Timestamp>,
}

/// Why a token does not open a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    #[error("no such token")]
    Invalid,
    #[error("the session was revoked")]
    Revoked,
    #[error("the session has expired")]
    Expired,
}

impl Seat {
    /// Takes a new seat.
    #[must_use]
    pub fn take(user_id: UserId, last_ack: Sequence, now: Timestamp, ttl: Duration) -> Self {
        Self {
            session_id: SessionId::generate(),
            user_id,
            last_ack,
            proven: Generation::default(),
            issued: Generation::default(),
            issued_at: now,
            expires_at: now.plus(ttl),
            last_seen_at: now,
            revoked_at: None,
            metadata: None,
            online: false,
            lost_at: None,
        }
    }

    /// Checks whether a token of this session and generation opens the seat. Changes nothing.
    ///
    /// # Errors
    /// The reason, which is for logs and for the owner of a token that once was good.
    pub fn check(&self, session_id: SessionId, generation: Generation, now: Timestamp) -> Result<(), TokenRefused> {
        if session_id != self.session_id || generation < self.proven {
            return Err(TokenRefused::Invalid);
        }
        if self.revoked_at.is_some() {
            return Err(TokenRefused::Revoked);
        }
        if self.has_expired(now) {
            return Err(TokenRefused::Expired);
        }
        Ok(())
    }

    /// Gives out a fresh token's generation, newer than any before and than `presented`, one that a restart may have
    /// made this seat forget. Those before stay good until [`Seat::prove`].
    pub fn issue(&mut self, presented: Generation, now: Timestamp, ttl: Duration) -> Generation {
        self.issued = self.issued.max(presented).next();
        self.issued_at = now;
        self.see(now, ttl);
        self.issued
    }

    /// Notes that the client holds the token of this generation: older ones are refused from now on. Returns whether
    /// that is news.
    pub fn prove(&mut self, generation: Generation) -> bool {
        let news = generation > self.proven;
        self.proven = self.proven.max(generation);
        news
    }

    /// Takes up what is known of the same session elsewhere and may be ahead.
    pub fn advance(&mut self, known: &Seat) {
        // Whoever was heard of since the connection was lost has another.
        if known.last_seen_at >= self.last_seen_at {
            self.lost_at = known.lost_at;
        }
        self.last_ack = self.last_ack.max(known.last_ack);
        self.proven = self.proven.max(known.proven);
        self.issued = self.issued.max(known.issued);
        self.issued_at = self.issued_at.max(known.issued_at);
        self.last_seen_at = self.last_seen_at.max(known.last_seen_at);
        self.expires_at = self.expires_at.max(known.expires_at);
    }

    /// Notes a sign of life. Expiry only ever moves forward.
    pub fn see(&mut self, now: Timestamp, ttl: Duration) {
        self.last_seen_at = self.last_seen_at.max(now);
        self.expires_at = self.expires_at.max(now.plus(ttl));
    }

    /// Whether the token's time is over. A seat with an open connection does not expire.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        !self.online && self.expires_at <= now
    }

    /// Whether the user has been away so long that the seat holds nothing back any more.
    #[must_use]
    pub fn is_absent(&self, now: Timestamp, absent_after: Duration) -> bool {
        !self.online && self.last_seen_at.plus(absent_after) <= now
    }

    /// Memory that the seat takes, in bytes.
    #[must_use]
    pub fn accounted_bytes(&self) -> usize {
        use super::event::ALLOCATION;
        let metadata = self.metadata.as_ref().map_or(0, |payload| payload.as_str().len() + ALLOCATION);
        size_of::<Self>() + self.user_id.as_str().len() + 2 * size_of::<usize>() + ALLOCATION + metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    fn seat() -> Seat {
        Seat::take(UserId::parse("ann").unwrap(), Sequence::ZERO, Timestamp::from_millis(0), TTL)
    }

    #[test]
    fn the_token_before_stays_good_until_the_new_one_is_proven() {
        let now = Timestamp::from_millis(0);
        let mut seat = seat();
        let first = seat.issue(Generation::default(), now, TTL);
        let second = seat.issue(first, now, TTL);
        assert_eq!(seat.check(seat.session_id, first, now), Ok(()));

        assert!(seat.prove(second));

        assert_eq!(seat.check(seat.session_id, first, now), Err(TokenRefused::Invalid));
        assert_eq!(seat.check(seat.session_id, second, now), Ok(()));
    }

    #[test]
    fn a_token_that_a_restart_forgot_is_followed_by_a_newer_one() {
        let mut restarted = seat();
        let kept_by_the_client = Generation::new(7);

        assert_eq!(restarted.issue(kept_by_the_client, Timestamp::from_millis(0), TTL), Generation::new(8));
    }

    #[test]
    fn expiry_never_moves_back() {
        let mut seat = seat();
        seat.see(Timestamp::from_millis(5_000), TTL);

        seat.see(Timestamp::from_millis(1_000), TTL);

        assert_eq!(seat.expires_at, Timestamp::from_millis(65_000));
    }
}
