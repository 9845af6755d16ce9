//! Every open connection of this node: how many there are, for whom, and whether they still live.
//!
//! Watched from outside, because an actor whose socket is stuck does not run, its timers neither.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::sleep;

use super::outbox::Outbox;
use crate::{
    clock::Clock,
    domain::{Farewell, Timestamp, UserId},
    settings::Settings,
    shard::{ConnectionId, Outlet},
};

/// How often connections are looked at.
const SWEEP_EVERY: Duration = Duration::from_millis(500);
/// How long a connection has to close by itself before its socket is ended.
const GRACE: Duration = Duration::from_secs(2);

/// How many connections are told at once that the node goes.
const CLOSED_AT_ONCE: usize = 256;
/// Between them. All of 25,000 are told within a second.
const BETWEEN_BATCHES: Duration = Duration::from_millis(10);

/// How many connections there may be, and how long one may be silent.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    pub node: usize,
    pub address: usize,
    pub user: usize,
    /// After so long without a sign of life a connection is closed.
    pub silence: Duration,
}

impl ConnectionLimits {
    /// Those that the settings make.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let Settings { limits, heartbeat, .. } = settings;
        Self {
            node: limits.max_connections.get(),
            address: limits.max_connections_per_ip.get(),
            user: limits.max_connections_per_user.get(),
            silence: heartbeat.interval * heartbeat.misses.get(),
        }
    }
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::enum_variant_names, reason = "too many of what")]
pub enum TooMany {
    #[error("the node has as many connections as it takes")]
    OfNode,
    #[error("too many connections from this address")]
    OfAddress,
    #[error("too many connections of this user")]
    OfUser,
}

/// Every open connection of this node.
pub struct Connections {
    last_id: AtomicU64,
    open: Mutex<Open>,
}

struct Open {
    limits: ConnectionLimits,
    outboxes: HashMap<ConnectionId, Watched>,
    of_address: HashMap<IpAddr, usize>,
    of_user: HashMap<UserId, usize>,
}

/// A connection as it is seen from outside.
struct Watched {
    outbox: Arc<Outbox>,
    /// Of the time when it came: its pings go on as they were then.
    silence: Duration,
}

/// A connection's place, given back when it is dropped.
pub struct Admission {
    connections: Arc<Connections>,
    id: ConnectionId,
    address: Option<IpAddr>,
    user: Option<UserId>,
}

impl Connections {
    /// Starts with none.
    #[must_use]
    pub fn new(limits: ConnectionLimits) -> Self {
        let open = Open { limits, outboxes: HashMap::new(), of_address: HashMap::new(), of_user: HashMap::new() };
        Self { last_id: AtomicU64::new(0), open: Mutex::new(open) }
    }

    /// Takes up other limits, for connections that come from now on. Where there are too many now, none is closed.
    pub fn set_limits(&self, limits: ConnectionLimits) {
        self.open.lock().limits = limits;
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.lock().outboxes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts a connection in.
    ///
    /// # Errors
    /// Which limit was reached. Nothing was counted.
    pub fn admit(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        user: Option<UserId>,
        outbox: &Arc<Outbox>,
    ) -> Result<Admission, TooMany> {
        let id = ConnectionId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1);
        let mut open = self.open.lock();
        let limits = open.limits;
        let taken = |counts: Option<&usize>| counts.copied().unwrap_or(0);
        if open.outboxes.len() >= limits.node {
            return Err(TooMany::OfNode);
        }
        if address.is_some_and(|address| taken(open.of_address.get(&address)) >= limits.address) {
            return Err(TooMany::OfAddress);
        }
        if user.as_ref().is_some_and(|user| taken(open.of_user.get(user)) >= limits.user) {
            return Err(TooMany::OfUser);
        }
        if let Some(address) = address {
            *open.of_address.entry(address).or_default() += 1;
        }
        if let Some(user) = &user {
            *open.of_user.entry(user.clone()).or_default() += 1;
        }
        open.outboxes.insert(id, Watched { outbox: Arc::clone(outbox), silence: limits.silence });
        Ok(Admission { connections: Arc::clone(self), id, address, user })
    }

    /// Closes every connection, so many at a time: goodbyes and returns are a stream and not a blow. What came in
    /// meanwhile is left for another call; the first reason stands.
    pub async fn close_all(&self, why: Farewell) {
        let open: Vec<_> = self.open.lock().outboxes.values().map(|watched| Arc::clone(&watched.outbox)).collect();
        for batch in open.chunks(CLOSED_AT_ONCE) {
            batch.iter().for_each(|outbox| outbox.close(why));
            sleep(BETWEEN_BATCHES).await;
        }
    }

    /// Ends the sockets of all connections that are still there.
    pub fn end_all(&self, now: Timestamp) {
        self.open.lock().outboxes.values().for_each(|watched| watched.outbox.enforce(Duration::ZERO, now));
    }

    /// Watches over the connections until the task is ended: one not heard of for too long is closed, and one that does
    /// not come to close is ended.
    pub async fn watch(self: Arc<Self>, clock: Clock) {
        let mut timer = tokio::time::interval(SWEEP_EVERY);
        loop {
            timer.tick().await;
            self.sweep(clock.now());
        }
    }

    fn sweep(&self, now: Timestamp) {
        for Watched { outbox, silence } in self.open.lock().outboxes.values() {
            if now.since(outbox.last_seen()) > *silence {
                outbox.close(Farewell::HeartbeatTimeout);
            }
            outbox.enforce(GRACE, now);
        }
    }
}

impl Admission {
    /// The connection's name.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.id
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock();
        open.outboxes.remove(&self.id);
        if let Some(address) = self.address {
            give_back(&mut open.of_address, &address);
        }
        if let Some(user) = &self.user {
            give_back(&mut open.of_user, user);
        }
    }
}

fn give_back<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const SILENCE: Duration = Duration::from_secs(30);

    fn limits(node: usize, address: usize, user: usize) -> ConnectionLimits {
        ConnectionLimits { node, address, user, silence: SILENCE }
    }

    fn connections(node: usize, address: usize, user: usize) -> Arc<Connections> {
        Arc::new(Connections::new(limits(node, address, user)))
    }

    fn clock() -> Clock {
        Clock::held_at(Timestamp::from_millis(0))
    }

    fn come(connections: &Arc<Connections>, host: u8, user: &str) -> Result<Admission, TooMany> {
        let (outbox, _) = Outbox::new(1, None, clock());
        connections.admit(Some(Ipv4Addr::new(10, 0, 0, host).into()), UserId::parse(user).ok(), &outbox)
    }

    #[test]
    fn each_limit_is_kept_and_a_place_is_given_back() {
        let connections = connections(3, 2, 2);
        let _first = come(&connections, 1, "ann").unwrap();
        let second = come(&connections, 1, "bob").unwrap();
        assert_eq!(come(&connections, 1, "cat").err(), Some(TooMany::OfAddress));
        let _third = come(&connections, 2, "ann").unwrap();
        assert_eq!(come(&connections, 3, "dan").err(), Some(TooMany::OfNode));
        drop(second);
        assert_eq!(come(&connections, 3, "ann").err(), Some(TooMany::OfUser));
        assert!(come(&connections, 1, "bob").is_ok());
    }

    #[test]
    fn a_connection_not_heard_of_is_closed() {
        let connections = connections(9, 9, 9);
        let (outbox, _deliveries) = Outbox::new(1, None, clock());
        let _admission = connections.admit(None, None, &outbox).unwrap();

        connections.sweep(Timestamp::from_millis(30_000));
        assert_eq!(outbox.verdict(), None);
        connections.sweep(Timestamp::from_millis(30_001));
        assert_eq!(outbox.verdict(), Some(Farewell::HeartbeatTimeout));
    }

    #[tokio::test(start_paused = true)]
    async fn all_are_closed_some_at_a_time() {
        let connections = connections(9_999, 9_999, 9_999);
        let here: Vec<_> =
            std::iter::repeat_with(|| Outbox::new(1, None, clock()).0).take(2 * CLOSED_AT_ONCE + 1).collect();
        let _admissions: Vec<_> = here.iter().map(|outbox| connections.admit(None, None, outbox).unwrap()).collect();
        let told = || here.iter().filter(|outbox| outbox.verdict() == Some(Farewell::Restart)).count();
        let mut closing = std::pin::pin!(connections.close_all(Farewell::Restart));

        assert_eq!(futures_util::FutureExt::now_or_never(&mut closing), None);
        assert_eq!(told(), CLOSED_AT_ONCE);
        closing.await;
        assert_eq!(told(), here.len());
    }

    #[test]
    fn other_limits_hold_for_who_comes_from_now_on() {
        let connections = connections(9, 9, 9);
        let (old, _deliveries) = Outbox::new(1, None, clock());
        let _admission = connections.admit(None, None, &old).unwrap();

        connections.set_limits(ConnectionLimits { silence: Duration::from_secs(3), ..limits(2, 9, 9) });
        let (new, _deliveries) = Outbox::new(1, None, clock());
        let _second = connections.admit(None, None, &new).unwrap();
        connections.sweep(Timestamp::from_millis(3_001));

        assert_eq!(come(&connections, 1, "ann").err(), Some(TooMany::OfNode));
        assert_eq!((old.verdict(), new.verdict()), (None, Some(Farewell::HeartbeatTimeout)));
    }
}
