//! A circuit breaker: a dependency that keeps failing is left alone for a while, then tried by one call.
//!
//! Owns when it opens and closes, and tells of it. What counts as a failure is the caller's to say. After M. Nygard,
//! "Release It!", with a window of the last calls in place of one of time: it opens however few calls there are.

use std::{collections::VecDeque, num::NonZeroU32, sync::Arc, time::Duration};

use parking_lot::Mutex;
use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use tokio::time::Instant;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct BreakerLimits {
    /// The share of failed calls, of the last `min_calls`, that opens it.
    pub error_percent: u8,
    /// With fewer calls than that it stays closed.
    pub min_calls: NonZeroU32,
    /// How long it stays open before one call is tried.
    pub reset_after: Duration,
}

impl Default for BreakerLimits {
    /// Half of 20 calls; 5 s.
    fn default() -> Self {
        let min_calls = NonZeroU32::new(20).expect("20 is not 0");
        Self { error_percent: 50, min_calls, reset_after: Duration::from_secs(5) }
    }
}

/// What a breaker guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependency {
    Redis,
    /// Reads of the durable store.
    Store,
}

impl Dependency {
    /// The name in metrics and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Store => "store",
        }
    }

    /// Where its log lines belong.
    fn context(self) -> &'static str {
        match self {
            Self::Redis => "GameSessionRegistryRedis",
            Self::Store => "Store",
        }
    }
}

/// Whether calls go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    /// One call is being tried.
    HalfOpen,
    Open,
}

impl BreakerState {
    /// The name in metrics and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }

    fn number(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

/// A breaker at a glance.
#[derive(Debug, Clone, Copy)]
pub struct BreakerView {
    pub dependency: Dependency,
    pub state: BreakerState,
    /// Of the calls that count now, and how many of them failed.
    pub recent_calls: usize,
    pub recent_failures: usize,
    /// Since the start.
    pub calls: u64,
    pub failures: u64,
    /// Calls that were not made, since the start.
    pub refused: u64,
    /// Since the start.
    pub opened: u64,
}

/// The metrics of all breakers, before they are given out.
pub struct BreakerMetrics {
    state: Family<[(&'static str, &'static str); 1], Gauge>,
    transitions: Family<[(&'static str, &'static str); 2], Counter>,
}

impl BreakerMetrics {
    /// Registers the metrics of breakers.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let (state, transitions) = (Family::default(), Family::default());
        registry.register("circuit_breaker_state", "0 closed, 1 half-open, 2 open", Family::clone(&state));
        registry.register(
            "circuit_breaker_transitions",
            "Changes of a breaker's state, by the new one",
            Family::clone(&transitions),
        );
        let metrics = Self { state, transitions };
        // Every label is there from the start, whatever there is a breaker before.
        for dependency in [Dependency::Redis, Dependency::Store] {
            metrics.of(dependency);
        }
        metrics
    }

    /// The state of a dependency's breaker, and its changes to closed, half-open, open.
    fn of(&self, dependency: Dependency) -> (Gauge, [Counter; 3]) {
        let name = ("dependency", dependency.as_str());
        let to = |state: BreakerState| self.transitions.get_or_create_owned(&[name, ("to", state.as_str())]);
        let states = [BreakerState::Closed, BreakerState::HalfOpen, BreakerState::Open];
        (self.state.get_or_create_owned(&[name]), states.map(to))
    }
}

/// A breaker. Clones are the same.
#[derive(Clone)]
pub struct Breaker(Arc<Inner>);

struct Inner {
    dependency: Dependency,
    state: Mutex<State>,
    gauge: Gauge,
    /// To closed, half-open, open.
    transitions: [Counter; 3],
}

struct State {
    limits: BreakerLimits,
    phase: Phase,
    /// Whether each of the last calls failed, newest last.
    recent: VecDeque<bool>,
    calls: u64,
    failures: u64,
    refused: u64,
    opened: u64,
}

#[derive(Clone, Copy)]
enum Phase {
    Closed,
    /// A call was let through at that time.
    HalfOpen(Instant),
    Open(Instant),
}

/// Leave to make one call. Dropped without a word, it says nothing about the dependency.
pub struct Permit {
    breaker: Breaker,
    probe: bool,
}

/// The breaker is open: the call is not to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the circuit breaker of the {} is open", .0.as_str())]
pub struct BreakerOpen(pub Dependency);

impl Breaker {
    /// Starts closed.
    #[must_use]
    pub fn new(dependency: Dependency, limits: BreakerLimits, metrics: &BreakerMetrics) -> Self {
        let (gauge, transitions) = metrics.of(dependency);
        Self(Arc::new(Inner {
            dependency,
            state: Mutex::new(State {
                limits,
                phase: Phase::Closed,
                recent: VecDeque::new(),
                calls: 0,
                failures: 0,
                refused: 0,
                opened: 0,
            }),
            gauge,
            transitions,
        }))
    }

    /// Asks for leave to make a call.
    ///
    /// # Errors
    /// `BreakerOpen`: do without, at once.
    pub fn admit(&self) -> Result<Permit, BreakerOpen> {
        let mut state = self.0.state.lock();
        let now = Instant::now();
        let probe = match state.phase {
            Phase::Closed => false,
            // A probe that nobody has heard of again is given up like one that failed.
            Phase::Open(since) | Phase::HalfOpen(since) if now.duration_since(since) >= state.limits.reset_after => {
                self.enter(&mut state, Phase::HalfOpen(now));
                true
            }
            Phase::Open(_) | Phase::HalfOpen(_) => {
                state.refused += 1;
                return Err(BreakerOpen(self.0.dependency));
            }
        };
        Ok(Permit { breaker: self.clone(), probe })
    }

    /// Takes up other limits.
    pub fn set_limits(&self, limits: BreakerLimits) {
        self.0.state.lock().limits = limits;
    }

    /// Whether calls go through.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.0.state.lock().phase.state()
    }

    /// How it stands.
    #[must_use]
    pub fn view(&self) -> BreakerView {
        let state = self.0.state.lock();
        BreakerView {
            dependency: self.0.dependency,
            state: state.phase.state(),
            recent_calls: state.recent.len(),
            recent_failures: state.recent_failures(),
            calls: state.calls,
            failures: state.failures,
            refused: state.refused,
            opened: state.opened,
        }
    }

    fn ended(&self, probe: bool, failed: bool) {
        let mut state = self.0.state.lock();
        state.calls += 1;
        state.failures += u64::from(failed);
        match state.phase {
            Phase::Closed => {
                state.note(failed);
                if state.fails_too_often() {
                    self.enter(&mut state, Phase::Open(Instant::now()));
                }
            }
            Phase::HalfOpen(_) if probe && failed => self.enter(&mut state, Phase::Open(Instant::now())),
            Phase::HalfOpen(_) if probe => self.enter(&mut state, Phase::Closed),
            // A call from before it opened. It says nothing of now.
            Phase::HalfOpen(_) | Phase::Open(_) => {}
        }
    }

    fn enter(&self, state: &mut State, phase: Phase) {
        let (dependency, context) = (self.0.dependency.as_str(), self.0.dependency.context());
        match phase {
            Phase::Closed => tracing::info!(context, dependency, "Circuit breaker CLOSED"),
            Phase::HalfOpen(_) => tracing::info!(context, dependency, "Circuit breaker HALF-OPEN"),
            Phase::Open(_) => {
                state.opened += 1;
                let (failures, calls) = (state.recent_failures(), state.recent.len());
                tracing::warn!(context, dependency, failures, calls, "Circuit breaker OPEN");
            }
        }
        state.recent.clear();
        state.phase = phase;
        let number = phase.state().number();
        self.0.gauge.set(number);
        self.0.transitions[usize::try_from(number).expect("a state's number is its place")].inc();
    }
}

impl Permit {
    /// The dependency did what it was asked.
    pub fn succeeded(self) {
        self.breaker.ended(self.probe, false);
    }

    /// The dependency failed.
    pub fn failed(self) {
        self.breaker.ended(self.probe, true);
    }

    /// Says how the call ended by its result.
    pub fn ended<T, E>(self, result: &Result<T, E>) {
        self.breaker.ended(self.probe, result.is_err());
    }
}

impl State {
    fn note(&mut self, failed: bool) {
        let window = usize::try_from(self.limits.min_calls.get()).unwrap_or(usize::MAX);
        while self.recent.len() >= window {
            self.recent.pop_front();
        }
        self.recent.push_back(failed);
    }

    fn recent_failures(&self) -> usize {
        self.recent.iter().filter(|failed| **failed).count()
    }

    fn fails_too_often(&self) -> bool {
        let calls = self.recent.len();
        calls as u64 >= u64::from(self.limits.min_calls.get())
            && self.recent_failures() * 100 >= calls * usize::from(self.limits.error_percent)
    }
}

impl Phase {
    fn state(self) -> BreakerState {
        match self {
            Self::Closed => BreakerState::Closed,
            Self::HalfOpen(_) => BreakerState::HalfOpen,
            Self::Open(_) => BreakerState::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESET: Duration = Duration::from_secs(5);

    fn breaker() -> Breaker {
        let limits = BreakerLimits { error_percent: 50, min_calls: NonZeroU32::new(4).unwrap(), reset_after: RESET };
        Breaker::new(Dependency::Redis, limits, &BreakerMetrics::register(&mut Registry::default()))
    }

    fn fail(breaker: &Breaker, times: usize) {
        for _ in 0..times {
            breaker.admit().unwrap().failed();
        }
    }

    fn succeed(breaker: &Breaker, times: usize) {
        for _ in 0..times {
            breaker.admit().unwrap().succeeded();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_once_half_of_the_last_calls_have_failed() {
        let breaker = breaker();
        succeed(&breaker, 100);

        fail(&breaker, 1);
        assert_eq!(breaker.state(), BreakerState::Closed);
        fail(&breaker, 1);

        assert_eq!(breaker.state(), BreakerState::Open);
        assert!(breaker.admit().is_err());
        assert_eq!((breaker.view().refused, breaker.view().opened), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn with_fewer_calls_than_it_needs_it_stays_closed() {
        let breaker = breaker();

        fail(&breaker, 3);

        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_is_tried_after_a_while_and_closes_it() {
        let breaker = breaker();
        fail(&breaker, 4);
        tokio::time::advance(RESET).await;

        let probe = breaker.admit().unwrap();
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert!(breaker.admit().is_err(), "one at a time");
        probe.succeeded();

        assert_eq!(breaker.state(), BreakerState::Closed);
        fail(&breaker, 3);
        assert_eq!(breaker.state(), BreakerState::Closed, "what was before is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_fails_opens_it_for_as_long_again() {
        let breaker = breaker();
        fail(&breaker, 4);
        tokio::time::advance(RESET).await;

        fail(&breaker, 1);

        tokio::time::advance(RESET / 2).await;
        assert!(breaker.admit().is_err());
        tokio::time::advance(RESET / 2).await;
        assert!(breaker.admit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_was_given_up_is_followed_by_another() {
        let breaker = breaker();
        fail(&breaker, 4);
        tokio::time::advance(RESET).await;
        drop(breaker.admit().unwrap());

        tokio::time::advance(RESET).await;

        succeed(&breaker, 1);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_from_before_it_opened_says_nothing_of_now() {
        let breaker = breaker();
        let late = breaker.admit().unwrap();
        fail(&breaker, 4);

        late.succeeded();

        assert_eq!(breaker.state(), BreakerState::Open);
    }
}
