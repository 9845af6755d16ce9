//! A client that sends as fast as the socket takes it and never reads.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use super::{Server, access_token};

/// Frames of one write.
const BATCH: usize = 1_000;
/// How long one write waits before the flood is looked at again.
const WRITE_TIMEOUT: Duration = Duration::from_millis(100);

/// A socket whose upgrade was answered, and the frame it is flooded with.
pub struct Flood {
    socket: TcpStream,
    batch: Vec<u8>,
    /// Of the batch, already taken by the socket.
    taken: usize,
    pub frames: usize,
}

impl Flood {
    /// Connects as a player and reads nothing but the head of the answer.
    pub fn enter(server: &Server, game_id: &str, user_id: &str, text: &str) -> Self {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).unwrap();
        socket.set_write_timeout(Some(WRITE_TIMEOUT)).unwrap();
        let token = access_token(user_id);
        let request = format!(
            "GET /ws/game?gameId={game_id} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Authorization: Bearer {token}\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            socket.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        Self { socket, batch: frame(text).repeat(BATCH), taken: 0, frames: 0 }
    }

    /// Sends what the socket takes, for a moment at most. Says whether the connection still stands.
    pub fn pour(&mut self) -> bool {
        match self.socket.write(&self.batch[self.taken..]) {
            Ok(bytes) => self.taken += bytes,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return false,
        }
        if self.taken == self.batch.len() {
            self.taken = 0;
            self.frames += BATCH;
        }
        true
    }
}

/// A short text frame, masked with zeros.
fn frame(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    assert!(length < 126, "a longer frame has a longer head");
    let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    frame
}
