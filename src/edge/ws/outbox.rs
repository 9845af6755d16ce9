//! What waits to be sent to one client.
//!
//! Owns the bound, by count and by bytes, and how a connection is condemned from outside. The shard puts in, the
//! connection's actor takes out as fast as its socket takes it.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, task::AtomicWaker};
use parking_lot::Mutex;

use super::socket::Socket;
use crate::{
    clock::Clock,
    domain::{Event, Farewell, Timestamp},
    shard::{Delivery, Outlet, Slow},
};

/// Bytes that may wait, beside the bound by count.
const MAX_BYTES: usize = 512 * 1024;
/// Bytes taken out in one go, so that a burst does not all land in the socket's buffer at once.
const TURN_BYTES: usize = 64 * 1024;
/// What an event weighs beside its payload.
const EVENT_OVERHEAD: usize = 256;

/// Places that an empty queue keeps: what a burst needed beyond them is given back.
const PLACES_KEPT: usize = 8;

/// Where things for one client are put, and what is known of it from outside.
pub struct Outbox {
    queue: Mutex<Queue>,
    capacity: usize,
    /// Why the connection is to end; set once.
    verdict: OnceLock<(Farewell, Timestamp)>,
    gone: AtomicBool,
    last_seen: AtomicI64,
    waker: AtomicWaker,
    socket: Option<Arc<Socket>>,
    clock: Clock,
}

/// What waits. A queue of its own, because one of a library's channels takes 2 KiB even where nothing ever waits.
#[derive(Default)]
struct Queue {
    deliveries: VecDeque<Delivery>,
    bytes: usize,
    /// Nobody takes out any more.
    is_over: bool,
}

/// What the actor takes out.
#[derive(Debug)]
pub enum Outgoing {
    Deliver(Delivery),
    /// Nothing follows.
    Close(Farewell),
}

/// The end where the actor takes out.
pub struct Deliveries {
    outbox: Arc<Outbox>,
    /// Bytes taken out since the actor last had to wait.
    taken: usize,
    closed: bool,
}

impl Outbox {
    /// Makes an outbox that holds `capacity` deliveries.
    #[must_use]
    pub fn new(capacity: usize, socket: Option<Arc<Socket>>, clock: Clock) -> (Arc<Self>, Deliveries) {
        let outbox = Arc::new(Self {
            queue: Mutex::default(),
            capacity,
            verdict: OnceLock::new(),
            gone: AtomicBool::new(false),
            last_seen: AtomicI64::new(clock.now().as_millis()),
            waker: AtomicWaker::new(),
            socket,
            clock,
        });
        (Arc::clone(&outbox), Deliveries { outbox, taken: 0, closed: false })
    }

    /// Notes that the client was heard of.
    pub fn heard(&self, now: Timestamp) {
        self.last_seen.store(now.as_millis(), Ordering::Relaxed);
    }

    /// Notes that the connection has ended.
    pub fn end(&self) {
        self.gone.store(true, Ordering::Release);
    }

    /// The socket under the connection.
    #[must_use]
    pub fn socket(&self) -> Option<Arc<Socket>> {
        self.socket.clone()
    }

    /// Why the connection is to end, once that is decided.
    #[must_use]
    pub fn verdict(&self) -> Option<Farewell> {
        self.verdict.get().map(|(why, _)| *why)
    }

    /// Ends the socket itself where the actor has not come to close it in time.
    pub fn enforce(&self, grace: Duration, now: Timestamp) {
        let overdue = self.verdict.get().is_some_and(|(_, since)| now.since(*since) >= grace);
        if overdue && let Some(socket) = &self.socket {
            socket.shut_down();
        }
    }
}

impl Outlet for Outbox {
    fn deliver(&self, delivery: Delivery) -> Result<(), Slow> {
        if self.verdict.get().is_some() {
            return Ok(());
        }
        self.queue.lock().put(delivery, self.capacity)?;
        self.waker.wake();
        Ok(())
    }

    fn close(&self, why: Farewell) {
        // The first reason stands.
        let _ = self.verdict.set((why, self.clock.now()));
        self.waker.wake();
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire) || self.verdict.get().is_some()
    }

    fn last_seen(&self) -> Timestamp {
        Timestamp::from_millis(self.last_seen.load(Ordering::Relaxed))
    }
}

fn weight(delivery: &Delivery) -> usize {
    let of_events =
        |events: &[Arc<Event>]| events.iter().map(|event| event.payload.as_str().len() + EVENT_OVERHEAD).sum();
    match delivery {
        Delivery::Welcome(welcome) => {
            let summary = welcome.summary.as_ref().map_or(0, |summary| summary.state.as_str().len());
            let events: usize = of_events(&welcome.events);
            events + summary + welcome.players.len() * EVENT_OVERHEAD
        }
        Delivery::Page { events, .. } => of_events(events),
        Delivery::Shared(frame) => frame.text.len(),
        Delivery::Acknowledged { .. } | Delivery::Refused { .. } => EVENT_OVERHEAD,
    }
}

impl Queue {
    fn put(&mut self, delivery: Delivery, capacity: usize) -> Result<(), Slow> {
        if self.is_over {
            return Ok(());
        }
        let weight = weight(&delivery);
        // One delivery always fits, however large.
        let too_heavy = self.bytes > 0 && self.bytes + weight > MAX_BYTES;
        if too_heavy || self.deliveries.len() >= capacity {
            return Err(Slow);
        }
        self.bytes += weight;
        self.deliveries.push_back(delivery);
        Ok(())
    }

    /// Takes the oldest delivery out, with its weight.
    fn take(&mut self) -> Option<(Delivery, usize)> {
        let delivery = self.deliveries.pop_front()?;
        let weight = weight(&delivery);
        self.bytes -= weight;
        if self.deliveries.is_empty() && self.deliveries.capacity() > PLACES_KEPT {
            self.deliveries = VecDeque::new();
        }
        Some((delivery, weight))
    }
}

impl Deliveries {
    fn close(&mut self, why: Farewell) -> Poll<Option<Outgoing>> {
        self.closed = true;
        self.give_up();
        Poll::Ready(Some(Outgoing::Close(why)))
    }

    /// Drops what waits, and what comes from now on.
    fn give_up(&self) {
        *self.outbox.queue.lock() = Queue { is_over: true, ..Queue::default() };
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl Stream for Deliveries {
    type Item = Outgoing;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Outgoing>> {
        if self.closed {
            return Poll::Ready(None);
        }
        self.outbox.waker.register(context.waker());
        let verdict = self.outbox.verdict();
        if let Some(why) = verdict.filter(|why| !why.lets_finish()) {
            return self.close(why);
        }
        if self.taken >= TURN_BYTES {
            self.taken = 0;
            // The rest comes as soon as the socket has taken this.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = self.outbox.queue.lock().take();
        match (next, verdict) {
            (Some((delivery, weight)), _) => {
                self.taken += weight;
                Poll::Ready(Some(Outgoing::Deliver(delivery)))
            }
            (None, Some(why)) => self.close(why),
            (None, None) => {
                self.taken = 0;
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        shard::{Frame, FrameKind},
    };
    use futures_util::{FutureExt, StreamExt};

    fn frame(bytes: usize) -> Delivery {
        Delivery::Shared(Frame { kind: FrameKind::Presence, text: "x".repeat(bytes).into() })
    }

    fn outbox(capacity: usize) -> (Arc<Outbox>, Deliveries) {
        Outbox::new(capacity, None, Clock::held_at(Timestamp::default()))
    }

    #[test]
    fn a_queue_is_full_by_count_and_by_bytes() {
        let (outbox, _deliveries) = self::outbox(2);
        assert_eq!(outbox.deliver(frame(1)), Ok(()));
        assert_eq!(outbox.deliver(frame(MAX_BYTES)), Err(Slow));
        assert_eq!(outbox.deliver(frame(1)), Ok(()));
        assert_eq!(outbox.deliver(frame(1)), Err(Slow));
    }

    #[test]
    fn what_was_taken_out_makes_room() {
        let (outbox, mut deliveries) = self::outbox(8);
        assert_eq!(outbox.deliver(frame(MAX_BYTES)), Ok(()));
        assert_eq!(outbox.deliver(frame(1)), Err(Slow));

        assert!(matches!(deliveries.next().now_or_never(), Some(Some(Outgoing::Deliver(_)))));

        assert_eq!(outbox.deliver(frame(MAX_BYTES)), Ok(()));
    }

    #[test]
    fn the_end_of_a_game_waits_for_what_happened_in_it() {
        let (outbox, mut deliveries) = self::outbox(8);
        assert_eq!(outbox.deliver(frame(1)), Ok(()));

        outbox.close(Farewell::GameEnded);

        assert!(matches!(deliveries.next().now_or_never(), Some(Some(Outgoing::Deliver(_)))));
        assert!(matches!(deliveries.next().now_or_never(), Some(Some(Outgoing::Close(Farewell::GameEnded)))));
    }

    #[test]
    fn a_verdict_overtakes_what_waits_and_the_first_stands() {
        let (outbox, mut deliveries) = self::outbox(8);
        assert_eq!(outbox.deliver(frame(1)), Ok(()));

        outbox.close(Farewell::SlowConsumer);
        outbox.close(Farewell::Restart);

        let next = deliveries.next().now_or_never();
        assert!(matches!(next, Some(Some(Outgoing::Close(Farewell::SlowConsumer)))), "{next:?}");
    }
}
