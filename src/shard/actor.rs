//! A shard as an actor: one thread, one mailbox, and a clock that ticks.
//!
//! Thin: what a message means is in `core`. A turn that panics costs its game's memory, never the shard.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use actix::{Actor, ArbiterHandle, AsyncContext, Context, Handler, Message, SpawnHandle, StreamHandler};
use tokio::time::Instant;

use super::{
    core::{Completion, Core, Parts},
    mailbox::{Inbox, Mail},
    messages::Command,
};
use crate::{
    clock::Clock,
    domain::{GameId, Timestamp},
};

/// How often time is looked at.
const TICK: Duration = Duration::from_millis(50);

/// A completion on its way.
#[derive(Message)]
#[rtype(result = "()")]
struct Completed(Completion);

/// One shard as an actor.
pub struct ShardActor {
    core: Core,
    clock: Clock,
    ticked_at: Instant,
    /// The one timer that wakes the shard for a game's clock, and when it goes off.
    alarm: Option<(Timestamp, SpawnHandle)>,
}

impl ShardActor {
    /// Starts a shard on a thread of its own, for the mail of this inbox.
    pub(super) fn spawn(thread: &ArbiterHandle, parts: Parts, inbox: Inbox) {
        Self::start_in_arbiter(thread, move |context| {
            context.add_stream(inbox);
            let addr = context.address();
            #[expect(clippy::disallowed_methods, reason = "bounded by what the shard has under way")]
            let postbox = Arc::new(move |completion| addr.do_send(Completed(completion)));
            let clock = parts.clock.clone();
            Self { core: Core::new(parts, postbox), clock, ticked_at: Instant::now(), alarm: None }
        });
    }

    /// Runs a turn that begins now. One that panics leaves its game out of memory, to be loaded afresh.
    fn turn(
        &mut self,
        game_id: Option<&GameId>,
        now: Instant,
        context: &mut Context<Self>,
        turn: impl FnOnce(&mut Core),
    ) {
        if catch_unwind(AssertUnwindSafe(|| turn(&mut self.core))).is_err() {
            self.core.panicked(game_id);
        }
        // A flood of messages starves an actor's own timers.
        if now.duration_since(self.ticked_at) >= 2 * TICK {
            self.tick(context);
        } else if self.core.next_wake().is_some_and(|wake| wake <= self.clock.now()) {
            self.wake(context);
        } else {
            self.set_alarm(context);
        }
    }

    fn tick(&mut self, context: &mut Context<Self>) {
        self.ticked_at = Instant::now();
        if catch_unwind(AssertUnwindSafe(|| self.core.tick())).is_err() {
            self.core.panicked(None);
        }
        self.set_alarm(context);
    }

    fn wake(&mut self, context: &mut Context<Self>) {
        if catch_unwind(AssertUnwindSafe(|| self.core.wake())).is_err() {
            self.core.panicked(None);
        }
        self.set_alarm(context);
    }

    /// Sets the alarm to the time when a clock is next to be looked at. A tick would be up to 50 ms late.
    fn set_alarm(&mut self, context: &mut Context<Self>) {
        let wake = self.core.next_wake();
        if wake == self.alarm.map(|(at, _)| at) {
            return;
        }
        if let Some((_, alarm)) = self.alarm.take() {
            context.cancel_future(alarm);
        }
        self.alarm = wake.map(|wake| {
            let alarm = context.run_later(wake.since(self.clock.now()), |shard, context| {
                shard.alarm = None;
                shard.wake(context);
            });
            (wake, alarm)
        });
    }
}

impl Actor for ShardActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.run_interval(TICK, |shard, context| shard.tick(context));
    }
}

impl StreamHandler<Mail> for ShardActor {
    fn handle(&mut self, mail: Mail, context: &mut Self::Context) {
        let now = Instant::now();
        match mail {
            Mail::Command(Command { game_id, deed }, at) => {
                self.core.taken_out(now.duration_since(at));
                self.turn(Some(&game_id), now, context, |core| core.command(&game_id, deed));
            }
            Mail::Notice(notice) => self.turn(None, now, context, |core| core.notice(notice)),
        }
    }

    /// Nobody asks any more, but what is under way goes on.
    fn finished(&mut self, _: &mut Self::Context) {}
}

impl Handler<Completed> for ShardActor {
    type Result = ();

    fn handle(&mut self, Completed(completion): Completed, context: &mut Self::Context) {
        let game_id = completion.game_id().cloned();
        self.turn(game_id.as_ref(), Instant::now(), context, |core| core.complete(completion));
    }
}
