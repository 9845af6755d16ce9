//! SIGHUP: the settings are read again, and every part is told what it has to know.
//!
//! What was changed by `/admin` meanwhile stays, unless it is changed here: only a value that is another one than at the
//! last reading is passed on.

use std::{io, sync::Arc};

use actix_web::web;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    task::spawn_blocking,
};

use super::{
    meaning::{breaker_limits, budget_bytes, clean_up, rules},
    supervisor::Supervisor,
};
use crate::{
    edge::Edge,
    settings::{Change, FirstStart, Layers, Problems, Reloaded, Settings},
    shard::{janitor::Schedule, messages::Notice},
    store::{ReadThrough, Store},
};

const CONTEXT: &str = "App";
const ENABLED: &str = "SESSION_REDIS_READTHROUGH_ENABLED";
const PERCENT: &str = "SESSION_REDIS_READTHROUGH_PERCENT";
const LEVEL: &str = "LOG_LEVEL";
const FORMAT: &str = "LOG_FORMAT";

/// The parts that settings reach while they run.
pub(super) struct Running {
    pub edge: web::Data<Edge>,
    pub store: Store,
    pub clean_up: watch::Sender<Schedule>,
    pub supervisor: Arc<Supervisor>,
}

impl Running {
    /// From now on SIGHUP is heeded, for as long as the future is polled.
    pub(super) fn heed(self) -> io::Result<impl Future<Output = ()>> {
        let hang_up = signal(SignalKind::hangup())?;
        Ok(self.reload_at(hang_up))
    }

    async fn reload_at(self, mut hang_up: Signal) {
        while hang_up.recv().await.is_some() {
            self.supervisor.reloading();
            let settings = Arc::clone(&self.edge.live().settings);
            // Files may be on a disk that is slow to answer, or does not.
            match spawn_blocking(move || read(&settings)).await {
                Ok(Ok(reloaded)) => self.take_up(reloaded),
                Ok(Err(problems)) => refuse(&problems),
                Err(error) => tracing::error!(context = CONTEXT, error = %error, "The settings were not read again"),
            }
            self.supervisor.ready();
        }
    }

    fn take_up(&self, reloaded: Reloaded) {
        let is_changed = |name| reloaded.takes_up(&[name]);
        let Reloaded { settings, changes } = &reloaded;
        changes.iter().for_each(tell);

        let settings = Arc::new(settings.clone());
        self.edge.take_up(Arc::clone(&settings));
        self.edge.shards.tell_all(|| Notice::TakeUp { rules: rules(&settings), budget_bytes: budget_bytes(&settings) });
        self.store.take_up(settings.limits.request_timeout, breaker_limits(&settings));
        if let Some(cache) = self.store.cache() {
            cache.keep(settings.session.token_ttl, settings.session.replay_retention.get());
            if reloaded.takes_up(&[ENABLED, PERCENT]) {
                let (before, redis) = (cache.read_through(), &settings.redis);
                cache.set_read_through(ReadThrough {
                    enabled: if is_changed(ENABLED) { redis.readthrough_enabled } else { before.enabled },
                    percent: if is_changed(PERCENT) { redis.readthrough_percent.as_u8() } else { before.percent },
                });
            }
        }
        self.clean_up.send_replace(clean_up(&settings));

        let (taken_up, at_restart): (Vec<_>, Vec<_>) = changes.iter().partition(|change| change.reloads);
        let (taken_up, at_restart) = (taken_up.len(), at_restart.len());
        tracing::info!(context = CONTEXT, changed = taken_up, needRestart = at_restart, "Read the settings again");
        // Last, so that what is told above is told as it was until now.
        if is_changed(FORMAT) {
            self.edge.log.set_format(settings.logging.format);
        }
        if is_changed(LEVEL)
            && let Err(error) = self.edge.log.set_level(settings.logging.level)
        {
            tracing::error!(context = CONTEXT, error = %error, "The log level was not changed");
        }
    }
}

fn read(settings: &Settings) -> Result<Reloaded, Problems> {
    let layers = Layers::of_process_in(settings.app_env);
    for variable in layers.overruled() {
        tracing::warn!(
            context = CONTEXT,
            variable,
            "The process environment says otherwise than CONFIG_FILE, and wins: unset it there to have it reload"
        );
    }
    settings.read_again(&layers, FirstStart::KeepSecrets)
}

/// Says what a variable was and is, of secrets only that they changed.
fn tell(change: &Change) {
    let Change { name: variable, before, after, origin, reloads } = change;
    let is_masked = before == after;
    let shown = |value: &Option<String>| match value {
        _ if is_masked => "(not shown)".to_owned(),
        Some(value) => value.clone(),
        None => "(not set)".to_owned(),
    };
    let (before, after) = (shown(before), shown(after));
    if *reloads {
        tracing::info!(context = CONTEXT, variable, before, after, from = %origin, "Changed a setting");
    } else {
        tracing::warn!(context = CONTEXT, variable, before, after, from = %origin, "A changed setting needs a restart");
    }
}

fn refuse(problems: &Problems) {
    for problem in problems.iter() {
        tracing::error!(context = CONTEXT, error = %problem, "A setting is wrong");
    }
    tracing::error!(
        context = CONTEXT,
        problems = problems.iter().count(),
        "Nothing was changed: the settings are wrong"
    );
}
