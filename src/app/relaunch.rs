//! Starting anew in the same process: the same program and arguments, on the ports that were found before.

use std::{env, io, net::SocketAddr, os::unix::process::CommandExt, process::Command};

/// How to start anew, once everything has ended. Whoever started the process does not notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relaunch {
    port: u16,
    admin_port: u16,
}

impl Relaunch {
    /// On the port of this address, with no second listener.
    #[must_use]
    pub fn on(address: SocketAddr) -> Self {
        Self { port: address.port(), admin_port: 0 }
    }

    /// With the second listener on the port of this address.
    #[must_use]
    pub fn and_admin_on(self, address: SocketAddr) -> Self {
        Self { admin_port: address.port(), ..self }
    }

    /// Becomes the new program. Returns only where that fails, with the reason.
    #[must_use]
    pub fn exec(self) -> io::Error {
        let mut arguments = env::args_os();
        let Some(program) = arguments.next() else { return io::ErrorKind::NotFound.into() };
        let mut command = Command::new(program);
        command.args(arguments).env("PORT", self.port.to_string()).env("ADMIN_PORT", self.admin_port.to_string());
        command.exec()
    }
}
