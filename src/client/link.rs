//! One WebSocket connection that speaks the protocol. Remembers nothing once it is gone.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_tungstenite::WebSocketStream;

use super::{
    ClientError, Dial, Ending, Incoming, Outgoing, handshake,
    tungstenite::{
        Message, Utf8Bytes,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

/// One connection. Pings are answered while somebody reads, and only then.
pub struct Link {
    socket: WebSocketStream<TcpStream>,
    protocol: Option<String>,
    patience: Duration,
}

impl Link {
    /// Connects and upgrades; reads no frame yet.
    ///
    /// # Errors
    /// `Address`: mend the dial. `Unreachable`, `Deadline`: nobody there. `UpgradeRefused`: the server answered in HTTP.
    /// `Handshake`: what answered is no WebSocket server.
    pub async fn connect(dial: &Dial) -> Result<Self, ClientError> {
        let opened = within(dial.patience, "connecting", handshake::open(dial)).await??;
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
        let socket =
            WebSocketStream::from_partially_read(opened.stream, opened.read_ahead, Role::Client, Some(config)).await;
        Ok(Self { socket, protocol: opened.protocol, patience: dial.patience })
    }

    /// The subprotocol the server selected.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Waits for the next frame of the protocol. Loses nothing when it is cancelled.
    ///
    /// # Errors
    /// `Deadline`: nothing came, the link is as it was. `Ended`: there is no more. `Malformed`: see [`Incoming::parse`].
    pub async fn next(&mut self, wait: Duration) -> Result<Incoming, ClientError> {
        Incoming::parse(&self.next_text(wait).await?)
    }

    /// Waits for the next text frame and returns it as it came.
    ///
    /// # Errors
    /// As [`Link::next`]; `Malformed` for a binary frame.
    pub async fn next_text(&mut self, wait: Duration) -> Result<Utf8Bytes, ClientError> {
        let deadline = Instant::now() + wait;
        loop {
            match self.next_message(deadline.saturating_duration_since(Instant::now())).await? {
                Message::Text(text) => return Ok(text),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                Message::Binary(_) => return Err(ClientError::malformed("a binary frame")),
                Message::Close(frame) => return Err(self.closed(frame).await.into()),
            }
        }
    }

    /// Waits for the next text frame for as long as it takes, which costs no timer. Loses nothing when it is cancelled.
    ///
    /// # Errors
    /// `Ended`: there is no more. `Malformed` for a binary frame.
    pub async fn text(&mut self) -> Result<Utf8Bytes, ClientError> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Binary(_))) => return Err(ClientError::malformed("a binary frame")),
                Some(Ok(Message::Close(frame))) => return Err(self.closed(frame).await.into()),
                Some(Err(error)) => return Err(Ending::lost(error).into()),
                None => return Err(Ending::lost("the socket ended").into()),
            }
        }
    }

    /// Waits for the next WebSocket message of any kind, pings and the close frame among them.
    ///
    /// # Errors
    /// As [`Link::next`].
    pub async fn next_message(&mut self, wait: Duration) -> Result<Message, ClientError> {
        match within(wait, "waiting for a frame", self.socket.next()).await? {
            Some(Ok(message)) => Ok(message),
            Some(Err(error)) => Err(Ending::lost(error).into()),
            None => Err(Ending::lost("the socket ended").into()),
        }
    }

    /// Sends an event to be recorded.
    ///
    /// # Errors
    /// As [`Link::send_message`].
    pub async fn send(&mut self, outgoing: &Outgoing) -> Result<(), ClientError> {
        self.send_text(outgoing.to_text()).await
    }

    /// Acknowledges everything up to `sequence`.
    ///
    /// # Errors
    /// As [`Link::send_message`].
    pub async fn ack(&mut self, sequence: u64) -> Result<(), ClientError> {
        self.send_text(json!({"type": "GAME_ACK", "payload": {"sequence": sequence}}).to_string()).await
    }

    /// Asks for a `PONG`. `payload` is the text of one JSON object.
    ///
    /// # Errors
    /// As [`Link::send_message`].
    pub async fn ping(&mut self, payload: &str) -> Result<(), ClientError> {
        self.send_text(format!(r#"{{"type":"ping","payload":{payload}}}"#)).await
    }

    /// Sends a text frame, whatever it says.
    ///
    /// # Errors
    /// As [`Link::send_message`].
    pub async fn send_text(&mut self, text: impl Into<Utf8Bytes>) -> Result<(), ClientError> {
        self.send_message(Message::Text(text.into())).await
    }

    /// Sends a binary frame, which a server refuses.
    ///
    /// # Errors
    /// As [`Link::send_message`].
    pub async fn send_binary(&mut self, bytes: impl Into<bytes::Bytes>) -> Result<(), ClientError> {
        self.send_message(Message::Binary(bytes.into())).await
    }

    /// Sends one WebSocket message; a `Message::Frame` goes out as it is, masked, so fragments can be made.
    ///
    /// # Errors
    /// `Deadline`: the socket takes no more, perhaps for long. `Ended`: there is no socket any more.
    pub async fn send_message(&mut self, message: Message) -> Result<(), ClientError> {
        let sent = within(self.patience, "sending", self.socket.send(message)).await?;
        sent.map_err(|error| Ending::lost(error).into())
    }

    /// Says goodbye with code 1000 and waits for the server's answer, but not long.
    pub async fn close(mut self) {
        // Whatever goes wrong here, the connection is gone afterwards, as asked.
        let goodbye = async {
            self.socket.close(None).await?;
            while let Some(Ok(_)) = self.socket.next().await {}
            Ok::<(), super::tungstenite::Error>(())
        };
        let _ = timeout(GOODBYE_WITHIN, goodbye).await;
    }

    /// Resets the TCP connection (RST, not FIN): no close frame, and what either side had under way may be lost.
    pub fn cut(self) {
        // Where the option cannot be set, the socket is dead already.
        let _ = self.socket.get_ref().set_zero_linger();
    }

    /// Answers the server's close frame and reads it.
    async fn closed(&mut self, frame: Option<CloseFrame>) -> Ending {
        let _ = timeout(GOODBYE_WITHIN, self.socket.flush()).await;
        match frame {
            Some(frame) => Ending::Closed { code: frame.code.into(), reason: frame.reason.to_string() },
            None => Ending::Closed { code: NO_CODE, reason: String::new() },
        }
    }
}

async fn within<F: Future>(wait: Duration, doing: &'static str, work: F) -> Result<F::Output, ClientError> {
    timeout(wait, work).await.map_err(|_| ClientError::Deadline { doing, within: wait })
}

/// Small, because a load run holds thousands of links.
const READ_BUFFER_BYTES: usize = 4 * 1024;
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);
/// RFC 6455: a close frame carried no code.
const NO_CODE: u16 = 1005;
