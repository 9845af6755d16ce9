//! Logs: one line an event, to standard output.
//!
//! Owns the shape of a line and the threshold. What is worth a line, and its `context`, is for whoever writes it.

pub mod buckets;
pub mod process;
mod warnings;

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use tracing::field::Field;
use tracing::{Event, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{self, Format, Full, Json, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

pub use self::warnings::RedisWarnings;
use crate::settings::{LogFormat, LogLevel, LoggingSettings};

/// The logs of a process, as far as the rest of it has to do with them.
#[derive(Debug)]
pub struct Logs {
    pub handle: LogHandle,
    /// Counted whether or not they are written.
    pub redis_warnings: RedisWarnings,
}

/// Starts logging for the whole process, once.
///
/// # Errors
/// Logging was started before.
pub fn init_logs(settings: &LoggingSettings) -> Result<Logs, TryInitError> {
    let redis_warnings = RedisWarnings::default();
    let (logs, handle) = logs(settings, io::stdout().is_terminal(), io::stdout, redis_warnings.clone());
    logs.try_init()?;
    Ok(Logs { handle, redis_warnings })
}

/// Changes what is logged, and how, while the service runs.
#[derive(Clone, Debug)]
pub struct LogHandle {
    threshold: reload::Handle<Targets, Registry>,
    format: FormatSwitch,
}

impl LogHandle {
    /// Logs at `level` from the next event on.
    ///
    /// # Errors
    /// Logging has ended.
    pub fn set_level(&self, level: LogLevel) -> Result<(), reload::Error> {
        self.threshold.reload(threshold(level))
    }

    /// Writes lines in this format from the next event on.
    pub fn set_format(&self, format: LogFormat) {
        self.format.set(format);
    }

    /// What is logged now; `None` where logging has ended.
    #[must_use]
    pub fn level(&self) -> Option<LogLevel> {
        let is_logged =
            |level: &LogLevel| self.threshold.with_current(|targets| *targets == threshold(*level)).unwrap_or(false);
        LogLevel::ALL.into_iter().find(is_logged)
    }
}

fn logs<W>(
    settings: &LoggingSettings,
    ansi: bool,
    writer: W,
    redis_warnings: RedisWarnings,
) -> (impl Subscriber + Send + Sync, LogHandle)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, threshold) = reload::Layer::new(threshold(settings.level));
    let format = FormatSwitch::at(settings.format);
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Line::new(format.clone()))
        .fmt_fields(format::debug_fn(write_field).delimited(" "))
        .with_ansi(ansi)
        .with_writer(writer)
        .with_filter(filter);
    let counted = redis_warnings.with_filter(LevelFilter::WARN);
    (tracing_subscriber::registry().with(lines).with(counted), LogHandle { threshold, format })
}

/// Lets our own events through at `level`, and those of our dependencies from warnings up.
fn threshold(level: LogLevel) -> Targets {
    let (ours, theirs) = match level {
        LogLevel::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
        LogLevel::Warn => (LevelFilter::WARN, LevelFilter::WARN),
        LogLevel::Info => (LevelFilter::INFO, LevelFilter::WARN),
        LogLevel::Debug => (LevelFilter::DEBUG, LevelFilter::DEBUG),
        LogLevel::Trace => (LevelFilter::TRACE, LevelFilter::TRACE),
    };
    Targets::new().with_default(theirs).with_target(env!("CARGO_CRATE_NAME"), ours)
}

/// The format that is written at the moment.
#[derive(Clone, Debug)]
struct FormatSwitch(Arc<AtomicBool>);

impl FormatSwitch {
    fn at(format: LogFormat) -> Self {
        Self(Arc::new(AtomicBool::new(format == LogFormat::Json)))
    }

    fn set(&self, format: LogFormat) {
        self.0.store(format == LogFormat::Json, Relaxed);
    }

    fn get(&self) -> LogFormat {
        if self.0.load(Relaxed) { LogFormat::Json } else { LogFormat::Human }
    }
}

struct Line {
    format: FormatSwitch,
    human: Format<Full, Milliseconds>,
    json: Format<Json, Milliseconds>,
}

impl Line {
    fn new(format: FormatSwitch) -> Self {
        let line = || format::format().with_timer(Milliseconds).with_target(false);
        let json = line().json().flatten_event(true).with_current_span(false).with_span_list(false);
        Self { format, human: line(), json }
    }
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        match self.format.get() {
            LogFormat::Human => self.human.format_event(context, writer, event),
            LogFormat::Json => self.json.format_event(context, writer, event),
        }
    }
}

/// Writes a field for people, on one line whatever a client put into it.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    if field.name() != "message" {
        write!(writer, "{field}=")?;
    }
    write!(Escaped(writer), "{value:?}")
}

/// Writes control characters, which could forge a line or steer a terminal, as `\n` or `\u{1b}`.
struct Escaped<'a, 'w>(&'a mut Writer<'w>);

impl fmt::Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|sign| {
            if sign.is_control() { write!(self.0, "{}", sign.escape_default()) } else { self.0.write_char(sign) }
        })
    }
}

/// UTC by RFC 3339, to the millisecond.
#[derive(Clone, Copy)]
struct Milliseconds;

impl FormatTime for Milliseconds {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let mut microseconds = String::new();
        SystemTime.format_time(&mut Writer::new(&mut microseconds))?;
        write!(writer, "{}Z", &microseconds[..microseconds.len().saturating_sub("456Z".len())])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns what `events` wrote.
    fn written(format: LogFormat, events: impl FnOnce(&LogHandle)) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let settings = LoggingSettings { level: LogLevel::Info, format };
        let (logs, handle) = logs(&settings, false, move || writer.clone(), RedisWarnings::default());

        tracing::subscriber::with_default(logs, || events(&handle));

        let bytes = buffer.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_json_line_is_flat() {
        let text = written(LogFormat::Json, |_| {
            let _span = tracing::error_span!("request", secret = "hush").entered();
            tracing::info!(context = "WebSocketServer", gameId = %"g7", sequence = 3, "Accepted resume token");
        });

        let mut line: Value = serde_json::from_str(&text).unwrap();
        let timestamp = line.as_object_mut().unwrap().remove("timestamp").unwrap();
        assert_eq!(
            line,
            json!({
                "level": "INFO",
                "message": "Accepted resume token",
                "context": "WebSocketServer",
                "gameId": "g7",
                "sequence": 3,
            })
        );
        let shape: String = timestamp.as_str().unwrap().replace(|sign: char| sign.is_ascii_digit(), "0");
        assert_eq!(shape, "0000-00-00T00:00:00.000Z");
        assert!(text.ends_with("}\n"));
    }

    #[test]
    fn a_human_line_stays_one_line() {
        let text = written(LogFormat::Human, |_| {
            tracing::info!(context = "Journal", gameId = %"g\n7\u{1b}[2J", "Cache {}", "\r\nHIT");
        });

        let (_timestamp, rest) = text.split_once(' ').unwrap();
        assert_eq!(rest, " INFO Cache \\r\\nHIT context=\"Journal\" gameId=g\\n7\\u{1b}[2J\n");
    }

    #[test]
    fn dependencies_are_held_at_warnings() {
        let text = written(LogFormat::Human, |_| {
            tracing::info!(target: "actix_server::builder", "starting 2 workers");
            tracing::warn!(target: "actix_server::builder", "worker stopped");
        });

        assert_eq!(text.lines().count(), 1, "{text}");
    }

    #[test]
    fn warnings_about_redis_are_counted_also_where_they_are_not_written() {
        let warnings = RedisWarnings::default();
        let settings = LoggingSettings { level: LogLevel::Error, format: LogFormat::Human };
        let (logs, handle) = logs(&settings, false, io::sink, warnings.clone());

        tracing::subscriber::with_default(logs, || {
            let context = "GameSessionRegistryRedis";
            tracing::warn!(context, "Redis was not written to");
            tracing::error!(context = "GameSessionRegistryRedis", gameId = 7, "worse");
            handle.set_level(LogLevel::Debug).unwrap();
            tracing::warn!(context, "once more");
            tracing::info!(context, "Circuit breaker CLOSED");
            tracing::warn!(context = "Journal", "Group commit failed");
            tracing::warn!("of nobody");
        });

        assert_eq!(warnings.count(), 3);
    }

    #[test]
    fn the_level_changes_at_once() {
        let text = written(LogFormat::Human, |handle| {
            tracing::debug!("before");
            handle.set_level(LogLevel::Debug).unwrap();
            tracing::debug!("after");
            tracing::debug!(target: "hyper", "theirs");
            handle.set_level(LogLevel::Error).unwrap();
            tracing::warn!("too little");
        });

        let told: Vec<_> = text.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
        assert_eq!(told, ["after", "theirs"]);
    }

    #[test]
    fn the_format_changes_at_once() {
        let text = written(LogFormat::Human, |handle| {
            tracing::info!("before");
            handle.set_format(LogFormat::Json);
            tracing::info!(gameId = %"g7", "after");
        });

        let (human, json) = text.trim_end().split_once('\n').unwrap();
        assert!(human.ends_with(" INFO before"), "{human}");
        assert_eq!(serde_json::from_str::<Value>(json).unwrap()["gameId"], "g7");
    }
}
