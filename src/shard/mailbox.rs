//! The mailbox of a shard: one queue for commands, of which there is room for so many, and for notices, never refused.
//!
//! One for both, so that they do not overtake each other. Not actix's own, which is bounded by sender or not at all, and
//! has two pieces of memory for each message, made by one thread and given back by another.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use futures_util::Stream;
use tokio::{sync::mpsc, time::Instant};

use super::messages::{Command, Notice};

/// Something for a shard.
pub enum Mail {
    /// A command, and since when it is here.
    Command(Command, Instant),
    Notice(Notice),
}

/// Where mail is put.
pub struct Mailbox {
    mail: mpsc::UnboundedSender<Mail>,
    depth: Arc<AtomicUsize>,
    capacity: usize,
}

/// Where it is taken out, by the shard alone.
pub struct Inbox {
    mail: mpsc::UnboundedReceiver<Mail>,
    depth: Arc<AtomicUsize>,
}

/// Makes a mailbox that holds `capacity` commands.
#[must_use]
pub fn mailbox(capacity: usize) -> (Mailbox, Inbox) {
    #[expect(clippy::disallowed_methods, reason = "the bound is the count of commands")]
    let (put, take) = mpsc::unbounded_channel();
    let depth = Arc::new(AtomicUsize::new(0));
    (Mailbox { mail: put, depth: Arc::clone(&depth), capacity }, Inbox { mail: take, depth })
}

impl Mailbox {
    /// Commands in it.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    /// Commands that it holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Puts a command in. It is dropped where the shard is gone.
    ///
    /// # Errors
    /// The command: it is full.
    pub fn offer(&self, command: Command) -> Result<(), Command> {
        if self.depth.fetch_add(1, Ordering::Relaxed) >= self.capacity {
            self.depth.fetch_sub(1, Ordering::Relaxed);
            return Err(command);
        }
        if self.mail.send(Mail::Command(command, Instant::now())).is_err() {
            self.depth.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Puts a notice in. It is dropped where the shard is gone.
    pub fn tell(&self, notice: Notice) {
        drop(self.mail.send(Mail::Notice(notice)));
    }
}

impl Inbox {
    fn count_out(&self, mail: &Mail) {
        match mail {
            Mail::Command(..) => drop(self.depth.fetch_sub(1, Ordering::Relaxed)),
            Mail::Notice(_) => {}
        }
    }
}

impl Stream for Inbox {
    type Item = Mail;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Mail>> {
        let mail = ready!(self.mail.poll_recv(context));
        mail.iter().for_each(|mail| self.count_out(mail));
        Poll::Ready(mail)
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.mail.close();
        while let Ok(mail) = self.mail.try_recv() {
            self.count_out(&mail);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tokio::sync::oneshot;

    use super::*;
    use crate::{domain::GameId, shard::messages::Deed};

    fn command() -> Command {
        Command { game_id: GameId::parse("g").unwrap(), deed: Deed::Delete(oneshot::channel().0) }
    }

    #[tokio::test]
    async fn a_full_mailbox_takes_notices_which_do_not_overtake() {
        let (mailbox, mut inbox) = mailbox(1);
        assert!(mailbox.offer(command()).is_ok());

        mailbox.tell(Notice::Drain);

        assert!(mailbox.offer(command()).is_err());
        assert!(matches!(inbox.next().await, Some(Mail::Command(..))));
        assert_eq!(mailbox.depth(), 0);
        assert!(matches!(inbox.next().await, Some(Mail::Notice(Notice::Drain))));
    }

    #[test]
    fn nothing_is_in_the_mailbox_of_a_shard_that_is_gone() {
        let (mailbox, inbox) = mailbox(2);
        assert!(mailbox.offer(command()).is_ok());

        drop(inbox);

        assert_eq!(mailbox.depth(), 0);
        assert!(mailbox.offer(command()).is_ok(), "whoever asks hears that nobody answers, not to try again");
        assert_eq!(mailbox.depth(), 0);
    }
}
