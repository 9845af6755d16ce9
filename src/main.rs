//! The `rejoin` command.

#![deny(clippy::unwrap_used, reason = "say with expect why it cannot fail")]

use std::{path::Path, process::ExitCode};

use clap::{Parser, Subcommand};
use rejoin::{
    app,
    commands::{
        gate::{self, GateOptions},
        health::{self, HealthOptions},
        load::{self, LoadOptions},
        smoke::{self, SmokeOptions},
        token::{self, TokenOptions},
        top::{self, TopOptions},
        uat::{self, UatOptions},
    },
    settings::{DatabaseUrl, FirstStart, Layers, Problems, Settings, table},
    store::{postgres, sqlite},
    telemetry,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Brings a disconnected player back to the same seat, with everything that was missed, in order, at once.
///
/// Settings come from the environment, `config/<APP_ENV>.env` and `config/default.env`; `rejoin config` shows them.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve games until told to stop (the default).
    Serve,
    /// Bring the durable store's schema up to date.
    Migrate,
    /// Print the settings in force and where each came from, secrets masked.
    Config,
    Smoke(SmokeOptions),
    Token(TokenOptions),
    Top(TopOptions),
    Gate(GateOptions),
    Health(HealthOptions),
    Load(LoadOptions),
    Uat(UatOptions),
}

fn main() -> ExitCode {
    let command = Arguments::parse().command.unwrap_or(Command::Serve);
    let first_start = match &command {
        Command::Serve | Command::Smoke(_) | Command::Token(_) | Command::Uat(_) => FirstStart::KeepSecrets,
        Command::Migrate | Command::Config | Command::Top(_) | Command::Health(_) | Command::Load(_) => {
            FirstStart::TouchNothing
        }
        // It asks Prometheus alone, from wherever that can be reached: no settings of a server are needed.
        Command::Gate(options) => return watch(options),
    };
    let settings = match Settings::read(&Layers::of_process(), first_start) {
        Ok(settings) => settings,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::from(Problems::EXIT_STATUS);
        }
    };
    match run(command, settings) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("rejoin: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, settings: Settings) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let (access_secret, api_token) = (settings.auth.access_token_secrets.current(), settings.auth.api_tokens.current());
    let (access_secret, api_token) = (access_secret.expose(), api_token.expose());
    match command {
        Command::Serve => {
            take_memory_by_the_page();
            let logs = telemetry::init_logs(&settings.logging)?;
            if let Some(relaunch) = app::serve(settings, logs)? {
                return Err(format!("cannot start anew: {}", relaunch.exec()).into());
            }
        }
        Command::Migrate => migrate(&settings)?,
        Command::Config => println!("{}", table(&settings.in_force())),
        Command::Smoke(options) => {
            let report = runtime()?.block_on(smoke::run(&options, access_secret, Some(api_token)))?;
            report.print();
            return Ok(report.exit_code());
        }
        Command::Token(options) => println!("{}", token::run(&options, access_secret)?),
        Command::Top(options) => runtime()?.block_on(top::run(&options, api_token))?,
        Command::Health(options) => {
            println!("{}", runtime()?.block_on(health::run(&options, &settings.listen.operators_url()))?);
        }
        Command::Uat(options) => {
            let report = runtime()?.block_on(uat::run(&options, access_secret, api_token))?;
            print!("{report}");
            println!("report: {}", options.report.display());
            return Ok(report.exit_code());
        }
        Command::Gate(options) => return Ok(watch(&options)),
        Command::Load(options) => return Ok(put_under_load(&options, access_secret, api_token)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Watches a rollout. What kept it from that is told from what is wrong with the rollout by its status.
fn watch(options: &GateOptions) -> ExitCode {
    match runtime().map(|runtime| runtime.block_on(gate::run(options))) {
        Ok(Ok(report)) => {
            print!("{report}");
            println!("report: {}", options.report.display());
            if report.is_go() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Ok(Err(error)) => not_watched(&error),
        Err(error) => not_watched(&error),
    }
}

/// Loads a server. What kept it from that is told from what was wrong under load by its status.
fn put_under_load(options: &LoadOptions, access_secret: &str, api_token: &str) -> ExitCode {
    let workers = usize::from(options.scenario.common().workers);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build();
    match runtime.map(|runtime| runtime.block_on(load::run(options, access_secret, api_token))) {
        Ok(Ok(report)) => {
            if options.scenario.common().json.as_deref() == Some(Path::new("-")) {
                eprint!("{report}");
            } else {
                print!("{report}");
            }
            if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Ok(Err(error)) => not_watched(&error),
        Err(error) => not_watched(&error),
    }
}

fn not_watched(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("rejoin: {error}");
    ExitCode::from(2)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Keeps huge pages out of the process, which the allocator asks for: a connection has buffers of which only the first page
/// is ever touched, and two megabytes at a time double what it takes.
fn take_memory_by_the_page() {
    // Where the kernel has no such switch, it costs memory and nothing else.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

fn migrate(settings: &Settings) -> Result<(), Box<dyn std::error::Error>> {
    let applied = match &settings.store.url {
        DatabaseUrl::Sqlite(path) => sqlite::migrate(path)?,
        DatabaseUrl::Postgres(url) => postgres::migrate(url.expose())?,
    };
    applied.iter().for_each(|name| println!("applied {name}"));
    println!("the schema is up to date");
    Ok(())
}
