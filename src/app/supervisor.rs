//! What a service manager that has started us is told: that we are ready, read our settings, or go. See sd_notify(3).
//!
//! Without one, nothing is told. Nobody waits for it, and what it does not take is lost.

use std::{
    env,
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

use rustix::time::{ClockId, clock_gettime};

/// Where the service manager listens.
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// The service manager, if there is one.
pub(super) struct Supervisor(Option<UnixDatagram>);

impl Supervisor {
    /// The one that has started this process.
    pub(super) fn of_process() -> Self {
        let connected = env::var_os(NOTIFY_SOCKET).filter(|place| !place.is_empty()).map(|place| connect(&place));
        match connected.transpose() {
            Ok(socket) => Self(socket),
            Err(error) => {
                tracing::warn!(context = "App", error = %error, "The service manager cannot be told anything");
                Self(None)
            }
        }
    }

    /// We serve, or serve by other settings.
    pub(super) fn ready(&self) {
        self.tell("READY=1");
    }

    /// We read our settings. Until we are ready again, a reload is under way.
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1_000_000 + now.tv_nsec / 1_000));
    }

    /// We go.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, state: &str) {
        if let Some(socket) = &self.0
            && let Err(error) = socket.send(state.as_bytes())
        {
            tracing::warn!(context = "App", error = %error, "The service manager was not told");
        }
    }
}

/// A place that begins with `@` is a name of the kernel's and no file.
fn connect(place: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    match place.as_bytes().split_first() {
        Some((b'@', name)) => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
        Some(_) | None => socket.connect(place)?,
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_kernels_is_found_like_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notify");
        let name = format!("rejoin-{}", std::process::id());
        let by_name = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let by_file = UnixDatagram::bind(&file).unwrap();

        for (socket, place) in [(by_name, format!("@{name}")), (by_file, file.display().to_string())] {
            Supervisor(Some(connect(OsStr::new(&place)).unwrap())).ready();

            let mut buffer = [0; 64];
            let length = socket.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"READY=1", "{place}");
        }
    }
}
