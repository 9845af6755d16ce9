//! What comes from one client: bytes in, whole messages out, no faster than the client may send.
//!
//! Decodes what it has before it takes more from the socket, so that a flood waits in the sender's kernel and not in our
//! memory. Reassembles fragments, up to the size limit.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use actix_http::ws::{Codec, Frame, Item, ProtocolError};
use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use futures_util::Stream;
use tokio::time::Instant;
use tokio_util::codec::Decoder;

use super::outbox::Outbox;
use crate::{clock::Clock, domain::Farewell};

/// What a client sent, or that it is gone.
#[derive(Debug)]
pub enum Incoming {
    Text(ByteString),
    /// A text beyond the rate: refused, with the time after which the next one is not.
    TooFast(ByteString, Duration),
    /// Something that no client may send. Nothing follows.
    Fault(Farewell),
    /// The protocol itself was broken. Nothing follows.
    Broken,
    Ping(Bytes),
    Pong,
    /// The client closes. Nothing follows.
    Close,
    NotUtf8,
}

/// How fast a client may send, as a bucket of tokens (RFC 2697 calls it a committed burst): one a frame.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    pub per_second: u32,
    pub burst: u32,
}

struct Bucket {
    rate: Rate,
    tokens: f64,
    filled_at: Instant,
    /// Frames refused since one was last accepted.
    refused: u32,
}

impl Bucket {
    fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, tokens: f64::from(rate.burst), filled_at: now, refused: 0 }
    }

    /// Takes a token, or says how long it takes until there is one: in whole milliseconds, as clients are told, and
    /// never a part of one too short.
    fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let per_second = f64::from(self.rate.per_second);
        let gained = now.duration_since(self.filled_at).as_secs_f64() * per_second;
        self.tokens = (self.tokens + gained).min(f64::from(self.rate.burst));
        self.filled_at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            self.refused = 0;
            return Ok(());
        }
        self.refused += 1;
        let wait = Duration::from_secs_f64((1.0 - self.tokens) / per_second);
        Err(Duration::from_secs(wait.as_secs()) + Duration::from_millis(u64::from(wait.subsec_millis()) + 1))
    }

    /// Whether the client goes on though it was told, for as long as a whole burst.
    fn is_flooded(&self) -> bool {
        self.refused > self.rate.burst
    }
}

/// The messages of one client.
pub struct Inbox {
    payload: Payload,
    codec: Codec,
    buffer: BytesMut,
    /// The fragments of a text so far.
    partial: BytesMut,
    max_bytes: usize,
    bucket: Bucket,
    ended: bool,
    outbox: Arc<Outbox>,
    clock: Clock,
}

impl Inbox {
    /// Reads messages of up to `max_bytes` from a request's body, and tells `outbox` of each sign of life.
    #[must_use]
    pub fn new(payload: Payload, max_bytes: usize, rate: Rate, outbox: Arc<Outbox>, clock: Clock) -> Self {
        Self {
            payload,
            codec: Codec::new().max_size(max_bytes),
            buffer: BytesMut::new(),
            partial: BytesMut::new(),
            max_bytes,
            bucket: Bucket::new(rate, Instant::now()),
            ended: false,
            outbox,
            clock,
        }
    }

    /// What a frame amounts to; nothing for a fragment, or for a control frame beyond the rate.
    fn judge(&mut self, frame: Frame) -> Option<Incoming> {
        self.outbox.heard(self.clock.now());
        let within_rate = self.bucket.take(Instant::now());
        if self.bucket.is_flooded() {
            return Some(Incoming::Fault(Farewell::RateLimited));
        }
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Binary(_) | Frame::Continuation(Item::FirstBinary(_)) => {
                return Some(Incoming::Fault(Farewell::TextOnly));
            }
            Frame::Continuation(Item::FirstText(part)) => {
                self.partial = BytesMut::from(&part[..]);
                return None;
            }
            Frame::Continuation(Item::Continue(part)) => return self.gather(&part).err().map(Incoming::Fault),
            Frame::Continuation(Item::Last(part)) => match self.gather(&part) {
                Ok(()) => self.partial.split().freeze(),
                Err(fault) => return Some(Incoming::Fault(fault)),
            },
            Frame::Ping(payload) => return within_rate.is_ok().then_some(Incoming::Ping(payload)),
            Frame::Pong(_) => return Some(Incoming::Pong),
            Frame::Close(_) => return Some(Incoming::Close),
        };
        let Ok(text) = ByteString::try_from(text) else { return Some(Incoming::NotUtf8) };
        Some(match within_rate {
            Ok(()) => Incoming::Text(text),
            Err(wait) => Incoming::TooFast(text, wait),
        })
    }

    fn gather(&mut self, part: &Bytes) -> Result<(), Farewell> {
        if self.partial.len() + part.len() > self.max_bytes {
            return Err(Farewell::TooBig);
        }
        self.partial.extend_from_slice(part);
        Ok(())
    }
}

impl Stream for Inbox {
    type Item = Incoming;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Incoming>> {
        let inbox = self.get_mut();
        while !inbox.ended {
            let buffered = match inbox.codec.decode(&mut inbox.buffer) {
                Ok(Some(frame)) => inbox.judge(frame),
                Ok(None) => match Pin::new(&mut inbox.payload).poll_next(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Some(Ok(chunk))) => {
                        inbox.buffer.extend_from_slice(&chunk);
                        continue;
                    }
                    // Lost without a word: the way most connections end.
                    Poll::Ready(Some(Err(_)) | None) => break,
                },
                Err(ProtocolError::Overflow) => Some(Incoming::Fault(Farewell::TooBig)),
                Err(_) => Some(Incoming::Broken),
            };
            if let Some(incoming) = buffered {
                inbox.ended = matches!(incoming, Incoming::Fault(_) | Incoming::Broken | Incoming::Close);
                return Poll::Ready(Some(incoming));
            }
        }
        inbox.ended = true;
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_then_the_rate_holds() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate { per_second: 10, burst: 3 }, start);

        let taken = (0..5).filter(|_| bucket.take(start).is_ok()).count();
        assert_eq!(taken, 3);
        assert!(bucket.take(start + Duration::from_millis(101)).is_ok());
        assert!(bucket.take(start + Duration::from_millis(110)).is_err());
    }

    #[test]
    fn who_waits_for_the_milliseconds_named_is_let_through() {
        let start = Instant::now();
        for per_second in [1, 3, 5, 7, 30, 50, 999] {
            let mut bucket = Bucket::new(Rate { per_second, burst: 1 }, start);
            bucket.take(start).unwrap();
            let later = start + Duration::from_micros(377);

            let wait = bucket.take(later).unwrap_err();

            assert_eq!(wait.subsec_nanos() % 1_000_000, 0);
            assert!(bucket.take(later + wait).is_ok(), "{per_second} a second, {wait:?}");
        }
    }

    #[test]
    fn who_goes_on_for_a_whole_burst_after_being_told_is_flooding() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate { per_second: 10, burst: 3 }, start);

        let refusals = (0..7).filter(|_| bucket.take(start).is_err()).count();

        assert_eq!((refusals, bucket.is_flooded()), (4, true));
    }
}
