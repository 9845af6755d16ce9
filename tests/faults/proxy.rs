//! A network that fails: between the service and a server that it stands on, or before the service itself.
//!
//! Passes bytes on until it is told not to. Holds no more than a buffer a direction; what comes beyond that stays with
//! its sender.

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use crate::support::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
};

const BUFFER_BYTES: usize = 16 * 1024;

/// A network between here and one server. Lives as long as the test's runtime.
pub struct Proxy {
    port: u16,
    weather: watch::Sender<Weather>,
    answers: Arc<AtomicI64>,
}

/// What is held up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stall {
    Nothing,
    Questions,
    Answers,
    Both,
}

/// What happens to every connection.
#[derive(Clone, Copy)]
struct Weather {
    stall: Stall,
    /// How often all connections were cut.
    cuts: u64,
    /// Where new connections are led, where not to each server in turn.
    only: Option<usize>,
}

#[derive(Clone, Copy)]
enum Direction {
    ToServer,
    ToClient,
}

/// Why a connection ended.
enum End {
    ByItself,
    Cut,
}

impl Proxy {
    /// A network before the server that a URL names, and the URL that leads through it.
    pub async fn before(url: &str) -> (Self, String) {
        let (place, target) = url.rsplit_once('@').unwrap();
        let (address, path) = target.split_at(target.find('/').unwrap_or(target.len()));
        let proxy = Self::to(vec![address.to_owned()]).await;
        let through = format!("{place}@127.0.0.1:{}{path}", proxy.port);
        (proxy, through)
    }

    /// A load balancer that leads each connection to another server than the one before.
    pub async fn balancing(nodes: &[&Server]) -> Self {
        Self::to(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect()).await
    }

    async fn to(targets: Vec<String>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            weather: watch::Sender::new(Weather { stall: Stall::Nothing, cuts: 0, only: None }),
            answers: Arc::default(),
        };
        tokio::spawn(accept(listener, targets, proxy.weather.subscribe(), Arc::clone(&proxy.answers)));
        proxy
    }

    /// Where it listens, for clients of the service.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Resets every connection there is.
    pub fn cut(&self) {
        self.weather.send_modify(|weather| weather.cuts += 1);
    }

    /// Leads new connections to one of its servers alone, by its number.
    pub fn lead_to(&self, target: usize) {
        self.weather.send_modify(|weather| weather.only = Some(target));
    }

    /// Loses an answer of the server, this many answers from now, and resets its connection: what was asked for has
    /// been done, and nobody learns of it.
    pub fn lose_an_answer(&self, from_now: u64) {
        self.answers.store(i64::try_from(from_now).unwrap() + 1, Relaxed);
    }

    /// Whether the answer that was to be lost is lost.
    pub fn has_lost_it(&self) -> bool {
        self.answers.load(Relaxed) <= 0
    }

    /// Holds bytes up from now on, also those of new connections, or lets them pass again.
    pub fn stall(&self, stall: Stall) {
        self.weather.send_modify(|weather| weather.stall = stall);
    }
}

async fn accept(
    listener: TcpListener,
    targets: Vec<String>,
    weather: watch::Receiver<Weather>,
    answers: Arc<AtomicI64>,
) {
    for in_turn in targets.iter().cycle() {
        let Ok((client, _)) = listener.accept().await else { return };
        let target = weather.borrow().only.map_or(in_turn, |only| &targets[only]);
        let (target, weather, answers) = (target.clone(), weather.clone(), Arc::clone(&answers));
        tokio::spawn(async move {
            // Where nobody listens, the client's connection ends at once.
            if let Ok(server) = TcpStream::connect(target).await {
                carry(client, server, weather, &answers).await;
            }
        });
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, weather: watch::Receiver<Weather>, answers: &AtomicI64) {
    // Either may be gone already.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let end = {
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        let mut cutting = weather.clone();
        let cuts = cutting.borrow().cuts;
        tokio::select! {
            end = pump(from_client, to_server, weather.clone(), Direction::ToServer, answers) => end,
            end = pump(from_server, to_client, weather, Direction::ToClient, answers) => end,
            _ = cutting.wait_for(|weather| weather.cuts != cuts) => Ok(End::Cut),
        }
    };
    if matches!(end, Ok(End::Cut)) {
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}

async fn pump(
    mut from: tcp::ReadHalf<'_>,
    mut to: tcp::WriteHalf<'_>,
    mut weather: watch::Receiver<Weather>,
    direction: Direction,
    answers: &AtomicI64,
) -> io::Result<End> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let length = from.read(&mut buffer).await?;
        // An error means that the test is over.
        if length == 0 || weather.wait_for(|weather| weather.lets_pass(direction)).await.is_err() {
            return Ok(End::ByItself);
        }
        if matches!(direction, Direction::ToClient) && answers.fetch_sub(1, Relaxed) == 1 {
            return Ok(End::Cut);
        }
        to.write_all(&buffer[..length]).await?;
    }
}

impl Weather {
    fn lets_pass(self, direction: Direction) -> bool {
        match (self.stall, direction) {
            (Stall::Nothing, _) | (Stall::Questions, Direction::ToClient) | (Stall::Answers, Direction::ToServer) => {
                true
            }
            (Stall::Both, _) | (Stall::Questions, Direction::ToServer) | (Stall::Answers, Direction::ToClient) => false,
        }
    }
}
