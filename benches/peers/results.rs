//! What a comparison has found: every turn of everybody, and the middle of the turns.

use serde::Serialize;

use crate::{
    figures::median,
    limits::Limit,
    machine::Machine,
    options::{Options, STORM_WITHIN},
    play::Played,
    storm::Stormed,
    venues::Peer,
};

/// All of it, as it is kept in JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    pub machine: Machine,
    pub games: usize,
    pub seconds: u64,
    pub rounds: usize,
    /// Of the storms.
    pub players: [usize; 2],
    pub took_seconds: u64,
    pub peers: Vec<Found>,
    /// By round.
    pub limits: Vec<Vec<Limit>>,
}

/// What was found of one peer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    #[serde(skip)]
    pub peer: Peer,
    pub name: &'static str,
    pub version: String,
    /// Why it was not measured.
    pub not_run: Option<String>,
    /// Turns that did not begin, or ended before their time.
    pub troubles: Vec<String>,
    /// By round.
    pub plays: Vec<Played>,
    /// By round, the small one and the large one.
    pub storms: [Vec<Stormed>; 2],
}

impl Found {
    /// Nothing yet: what there is to measure is prepared.
    pub fn of(peer: Peer) -> Self {
        let (version, not_run) = match peer.prepare() {
            Ok(version) => (version, None),
            Err(reason) => (String::new(), Some(reason)),
        };
        Self {
            peer,
            name: peer.name(),
            version,
            not_run,
            troubles: Vec::new(),
            plays: Vec::new(),
            storms: Default::default(),
        }
    }

    /// The middle of what its plays say.
    pub fn play(&self, value: impl Fn(&Played) -> f64) -> f64 {
        median(self.plays.iter().map(value))
    }

    /// The middle of what its storms of one size say, where they say anything.
    pub fn storm(&self, size: usize, value: impl Fn(&Stormed) -> Option<f64>) -> f64 {
        median(self.storms[size].iter().filter_map(value))
    }

    /// The middle of the times until everybody was back. Where somebody never was, all that is known is that it is longer
    /// than was waited for.
    pub fn storm_ms(&self, size: usize) -> f64 {
        self.storm(size, |storm| Some(whole_ms(storm)))
    }

    /// What was wrong in any turn.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        let played = self.plays.iter().filter_map(|play| play.first_fault.as_deref());
        let stormed = self.storms.iter().flatten().filter_map(|storm| storm.first_fault.as_deref());
        self.troubles.iter().map(String::as_str).chain(played).chain(stormed)
    }
}

fn whole_ms(storm: &Stormed) -> f64 {
    let all_back = storm.max_ms.filter(|_| storm.back == storm.players);
    all_back.unwrap_or(STORM_WITHIN.as_secs_f64() * 1e3)
}

impl Results {
    /// Nothing yet.
    pub fn begin(options: &Options, machine: Machine) -> Self {
        let asked = |peer: &Peer| {
            options.only.is_empty() || options.only.iter().any(|only| peer.name().starts_with(only.as_str()))
        };
        let peers = Peer::ALL.into_iter().filter(asked).map(Found::of).collect();
        let (games, seconds, rounds) = (options.games, options.seconds, options.rounds);
        let players = options.storms();
        Self { machine, games, seconds, rounds, players, took_seconds: 0, peers, limits: Vec::new() }
    }

    /// One peer, if it was measured.
    pub fn of(&self, peer: Peer) -> Option<&Found> {
        self.peers.iter().find(|found| found.peer == peer && !found.plays.is_empty())
    }

    /// Name, how many a second, and how many milliseconds one pipeline or batch took.
    pub fn limit_medians(&self) -> Vec<(&'static str, f64, f64)> {
        let Some(first) = self.limits.first() else { return Vec::new() };
        let middle = |index: usize, value: fn(&Limit) -> f64| median(self.limits.iter().map(|all| value(&all[index])));
        let row = |(index, limit): (usize, &Limit)| {
            (limit.name, middle(index, |limit| limit.per_second), middle(index, |limit| limit.p50_ms))
        };
        first.iter().enumerate().map(row).collect()
    }
}
