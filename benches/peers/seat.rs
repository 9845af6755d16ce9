//! One connection of one member of a game, the same for every peer; and the check of what it sees.

use std::{fmt, net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message,
        client::IntoClientRequest,
        http::{HeaderValue, header},
        protocol::WebSocketConfig,
    },
};

use crate::dialect::{Dialect, Heard, Move};

/// A member of a game, connected or not.
pub struct Seat {
    address: SocketAddr,
    dialect: Box<dyn Dialect>,
    socket: Option<WebSocketStream<TcpStream>>,
    heard: Vec<Heard>,
    /// How many of `heard` have been dealt with.
    taken: usize,
    seen: u64,
}

/// Why a seat is of no use any more.
#[derive(Debug)]
pub enum Trouble {
    /// The connection is gone, or never was: one may try again.
    Lost(String),
    /// What was seen is wrong: a gap, a double, a refusal.
    Fault(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(cause) => write!(f, "lost: {cause}"),
            Self::Fault(what) => f.write_str(what),
        }
    }
}

impl Seat {
    /// A member who is not there yet.
    pub fn new(address: SocketAddr, dialect: Box<dyn Dialect>) -> Self {
        Self { address, dialect, socket: None, heard: Vec::new(), taken: 0, seen: 0 }
    }

    /// The last move that was seen.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Connects and takes the seat, for the first time or again. Returns whether all that was missed will come.
    ///
    /// # Errors
    /// `Lost`: nobody there, or the connection ended. `Fault`: refused.
    pub async fn sit(&mut self) -> Result<bool, Trouble> {
        timeout(PATIENCE, self.take_seat()).await.map_err(|_| lost("nobody lets us in"))?
    }

    /// Sends a move.
    ///
    /// # Errors
    /// `Lost`.
    pub async fn send(&mut self, chess_move: Move) -> Result<(), Trouble> {
        let frame = self.dialect.tell(chess_move);
        self.write(frame).await
    }

    /// Waits for the next move, which must follow the one before.
    ///
    /// # Errors
    /// `Lost`. `Fault`: it does not follow.
    pub async fn see(&mut self) -> Result<Move, Trouble> {
        match self.next().await? {
            Heard::Moved(chess_move) if chess_move.number == self.seen + 1 => {
                self.seen += 1;
                Ok(chess_move)
            }
            Heard::Moved(other) => Err(Trouble::Fault(format!("move {} comes after {}", other.number, self.seen))),
            Heard::Seated { .. } => Err(Trouble::Fault("the seat was taken twice".to_owned())),
            Heard::Answer(_) => unreachable!("`next` sends them"),
        }
    }

    /// Loses the connection: a reset, and no goodbye.
    pub fn cut(&mut self) {
        if let Some(socket) = self.socket.take() {
            // Where the option cannot be set, the socket is dead already.
            let _ = socket.get_ref().set_zero_linger();
        }
    }

    async fn take_seat(&mut self) -> Result<bool, Trouble> {
        (self.heard, self.taken) = (Vec::new(), 0);
        let mut socket = self.open().await?;
        if let Some(text) = self.dialect.opening() {
            socket.send(Message::text(text)).await.map_err(lost)?;
        }
        self.socket = Some(socket);
        // What was missed may come before the word that it comes.
        let mut early = Vec::new();
        loop {
            match self.next().await? {
                Heard::Seated { recovered } => {
                    early.extend(self.heard.drain(self.taken..));
                    (self.heard, self.taken) = (early, 0);
                    return Ok(recovered);
                }
                moved @ Heard::Moved(_) => early.push(moved),
                Heard::Answer(_) => unreachable!("`next` sends them"),
            }
        }
    }

    async fn open(&self) -> Result<WebSocketStream<TcpStream>, Trouble> {
        let url = format!("ws://{}{}", self.address, self.dialect.path());
        let mut request = url.into_client_request().expect("an address and a path are a URL");
        if let Some(protocols) = self.dialect.protocols() {
            let value = HeaderValue::try_from(protocols).expect("tokens are printable");
            request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, value);
        }
        let stream = TcpStream::connect(self.address).await.map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
        let (socket, _) = client_async_with_config(request, stream, Some(config)).await.map_err(lost)?;
        Ok(socket)
    }

    /// The next thing that is said, after what the protocol wants answered has been answered.
    async fn next(&mut self) -> Result<Heard, Trouble> {
        loop {
            while self.taken < self.heard.len() {
                let heard = std::mem::replace(&mut self.heard[self.taken], Heard::Answer(String::new()));
                self.taken += 1;
                match heard {
                    Heard::Answer(answer) => self.write(answer).await?,
                    Heard::Seated { .. } | Heard::Moved(_) => return Ok(heard),
                }
            }
            self.heard.clear();
            self.taken = 0;
            let socket = self.socket.as_mut().ok_or_else(|| lost("not connected"))?;
            match socket.next().await.ok_or_else(|| lost("the socket ended"))?.map_err(lost)? {
                Message::Text(text) => {
                    self.dialect.hear(&text, &mut self.heard).map_err(|error| Trouble::Fault(error.0))?;
                }
                Message::Close(frame) => return Err(lost(format!("closed: {frame:?}"))),
                Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_) => {}
            }
        }
    }

    async fn write(&mut self, text: String) -> Result<(), Trouble> {
        let socket = self.socket.as_mut().ok_or_else(|| lost("not connected"))?;
        socket.send(Message::text(text)).await.map_err(lost)
    }
}

fn lost(error: impl fmt::Display) -> Trouble {
    Trouble::Lost(error.to_string())
}

/// As `rejoin load` has it: there are thousands of these.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// How long taking a seat may take. As long as a storm is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
