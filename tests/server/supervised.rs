//! What a service manager is told by a server that it has started, over a socket as systemd's is.

use std::os::unix::net::UnixDatagram;

use tempfile::TempDir;

use crate::support::{SOON, Server, rejoin};

/// A service manager that listens.
struct Manager {
    folder: TempDir,
    socket: UnixDatagram,
}

impl Manager {
    fn listening() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        Self { folder, socket }
    }

    fn place(&self) -> String {
        self.folder.path().join("notify").display().to_string()
    }

    fn told(&self) -> String {
        let mut buffer = [0; 4_096];
        let length = self.socket.recv(&mut buffer).expect("nothing is told in time");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }
}

#[tokio::test]
async fn a_service_manager_is_told_of_start_reload_and_stop() {
    let manager = Manager::listening();

    let mut server = Server::with_file("", &[("NOTIFY_SOCKET", &manager.place())]).await;
    assert_eq!(manager.told(), "READY=1");
    server.reload("MAX_INFLIGHT=12\n").await;
    let reloading = manager.told();
    let at: u64 = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().parse().unwrap();
    assert!(at > 0);
    assert_eq!(manager.told(), "READY=1");
    server.reload("MAX_INFLIGHT=none\n").await;
    assert!(manager.told().starts_with("RELOADING=1\n"));
    assert_eq!(manager.told(), "READY=1");
    server.terminate();

    assert_eq!(manager.told(), "STOPPING=1");
    assert_eq!(server.gone(SOON).await.code(), Some(0));
}

#[tokio::test]
async fn a_service_manager_that_is_gone_is_done_without() {
    let manager = Manager::listening();
    let place = manager.place();
    drop(manager);

    let mut server = Server::with(&[("NOTIFY_SOCKET", &place)]).await;
    server.terminate();

    assert_eq!(server.gone(SOON).await.code(), Some(0));
}

#[tokio::test]
async fn health_says_by_its_status_whether_a_server_answers() {
    let mut server = Server::start().await;
    let url = server.url();

    let well = rejoin(&["health", "--url", &url, "--ready"]);
    server.kill();
    let gone = rejoin(&["health", "--url", &url]);

    assert_eq!(well.status.code(), Some(0), "{well:?}");
    assert!(String::from_utf8_lossy(&well.stdout).contains("\"status\":\"ready\""), "{well:?}");
    assert_eq!(gone.status.code(), Some(1), "{gone:?}");
}
