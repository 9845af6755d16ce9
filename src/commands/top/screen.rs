//! A terminal that shows one page after the other in the same place, and is left as it was found.

use std::{
    io::{IsTerminal, Read, Write, stdin, stdout},
    pin::Pin,
    thread,
    time::Duration,
};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::{
    signal::{
        ctrl_c,
        unix::{SignalKind, signal},
    },
    sync::mpsc,
    time::timeout,
};

/// Where pages are shown. Without a terminal they follow each other.
pub struct Screen {
    draws: bool,
    /// How the keyboard was set.
    found: Option<Termios>,
    closed: Pin<Box<dyn Future<Output = ()>>>,
    /// Nobody reads any more.
    unread: bool,
}

impl Screen {
    /// Takes the terminal.
    pub fn open() -> Self {
        let draws = stdout().is_terminal();
        let unread = draws && !print(&format!("{HIDE_CURSOR}{CLEAR}"));
        let found = if draws && stdin().is_terminal() { keys_one_by_one() } else { None };
        let quit = found.is_some().then(pressed_q);
        Self { draws, found, closed: Box::pin(closed(quit)), unread }
    }

    /// Shows a page in place of the one before.
    pub fn show(&mut self, page: &str) {
        let text = if self.draws {
            // Over what is there, without a blank moment.
            let lines: String = page.lines().map(|line| format!("{line}{CLEAR_REST_OF_LINE}\n")).collect();
            format!("{HOME}{lines}{CLEAR_BELOW}")
        } else {
            format!("{page}\n\n")
        };
        self.unread |= !print(&text);
    }

    /// Waits so long; true, at once, where the user or a signal has ended it, or nobody reads what is shown. Not to be
    /// called again after that.
    pub async fn closed_within(&mut self, wait: Duration) -> bool {
        self.unread || timeout(wait, self.closed.as_mut()).await.is_ok()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Some(found) = &self.found {
            // The terminal may be gone, and is then nobody's any more.
            let _ = tcsetattr(stdin(), OptionalActions::Now, found);
        }
        if self.draws {
            print(SHOW_CURSOR);
        }
    }
}

/// Ends with `q`, Ctrl-C or a signal to stop.
async fn closed(quit: Option<mpsc::Receiver<()>>) {
    let quit = async {
        let pressed = match quit {
            Some(mut quit) => quit.recv().await,
            None => None,
        };
        // Without a keyboard, or with one that is gone, only signals end it.
        if pressed.is_none() {
            std::future::pending::<()>().await;
        }
    };
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => terminated.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = quit => {}
        _ = ctrl_c() => {}
        _ = terminated => {}
    }
}

/// Lets keys through as they are pressed, unseen; returns how it was before.
fn keys_one_by_one() -> Option<Termios> {
    let found = tcgetattr(stdin()).ok()?;
    let mut changed = found.clone();
    changed.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    tcsetattr(stdin(), OptionalActions::Now, &changed).ok()?;
    Some(found)
}

/// Listens for `q`. The thread waits for the keyboard, which nothing can interrupt: it ends with the process.
fn pressed_q() -> mpsc::Receiver<()> {
    let (pressed, quit) = mpsc::channel(1);
    thread::spawn(move || {
        if stdin().lock().bytes().map_while(Result::ok).any(|key| key.eq_ignore_ascii_case(&b'q')) {
            // Nobody listens any more where it has ended otherwise.
            let _ = pressed.blocking_send(());
        }
    });
    quit
}

/// Prints the text; false where nobody reads it.
fn print(text: &str) -> bool {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
}

const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";
const CLEAR: &str = "\x1b[2J";
const HOME: &str = "\x1b[H";
const CLEAR_REST_OF_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";
