//! The socket under a connection: its limits, and the one way to end it while its actor is stuck.

use std::{any::Any, net::Shutdown, os::fd::OwnedFd, sync::Arc, time::Duration};

use actix_web::{dev::Extensions, rt::net::TcpStream};
use socket2::SockRef;

/// Bytes sent and not acknowledged for so long end the connection: the kernel's own answer to a vanished peer.
const USER_TIMEOUT: Duration = Duration::from_secs(12);
/// What the kernel may hold of unsent bytes; the default grows to megabytes.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// A second descriptor of a connection's socket.
pub struct Socket(OwnedFd);

impl Socket {
    /// Ends the connection, whatever its actor is doing.
    pub fn shut_down(&self) {
        // It may have ended by itself.
        let _ = SockRef::from(&self.0).shutdown(Shutdown::Both);
    }
}

/// Prepares every accepted connection. To be given to `HttpServer::on_connect`.
pub fn on_connect(connection: &dyn Any, data: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
    let socket = SockRef::from(stream);
    let limited = socket
        .set_tcp_nodelay(true)
        .and_then(|()| socket.set_tcp_user_timeout(Some(USER_TIMEOUT)))
        .and_then(|()| socket.set_send_buffer_size(SEND_BUFFER_BYTES));
    if let Err(error) = limited {
        tracing::debug!(context = "WebSocketServer", error = %error, "A socket takes no limits");
    }
    match std::os::fd::AsFd::as_fd(stream).try_clone_to_owned() {
        Ok(descriptor) => drop(data.insert(Arc::new(Socket(descriptor)))),
        Err(error) => tracing::warn!(context = "WebSocketServer", error = %error, "No descriptor left for a socket"),
    }
}
