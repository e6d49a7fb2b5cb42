//! `cargo xtask crash`: the real server is killed under load, and nothing that it acknowledged may be lost.
//!
//! Each leg loads the server with concurrent charges, breaks something, lets the server recover, retries with the
//! same keys what was left without an answer, and then reconciles every call with the ledger.

mod account;
mod citizen;
mod codes;
mod full;
mod killed;
mod load;
mod random;
mod trace;
mod webhooks;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use it::Result;
use it::server::{Profile, binary_of};

use self::account::Tally;

pub(crate) use self::webhooks::{ReceiverOptions, receive};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Crashes per engine.
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    /// Events of the webhooks, spread over the rounds.
    #[arg(long, default_value_t = 10_000)]
    events: usize,
    #[arg(long, value_enum, default_value = "both")]
    engine: Engines,
    /// Only the legs whose name has this part.
    #[arg(long)]
    only: Option<String>,
    /// Repeats the random choices of an earlier run; the moments of the machine do not repeat.
    #[arg(long)]
    seed: Option<u64>,
    /// Crash the release build instead of the debug build.
    #[arg(long)]
    release: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engines {
    Sqlite,
    Postgres,
    Both,
}

/// What a leg did, or why it could not run on this machine.
enum Leg {
    Done(Tally),
    Skipped(String),
}

type Run<'a> = &'a dyn Fn() -> Result<Leg>;

/// Runs every leg, also after one has failed, and fails if any did.
pub(crate) fn run(options: &Options) -> Result<()> {
    let profile = if options.release { Profile::Release } else { Profile::Debug };
    let binary = binary_of(profile)?;
    let seed = options.seed.unwrap_or_else(fresh_seed);
    println!("seed {seed}: repeat with --seed {seed}");
    let (rounds, events) = (options.rounds, options.events);
    let all: [(&str, Engines, Run<'_>); 11] = [
        ("SQLite, server killed", Engines::Sqlite, &|| killed::sqlite(&binary, rounds, seed)),
        ("SQLite, verifying, server killed", Engines::Sqlite, &|| citizen::sqlite(&binary, rounds, seed)),
        ("SQLite, minting and exporting, server killed", Engines::Sqlite, &|| {
            codes::sqlite(&binary, rounds, seed)
        }),
        ("SQLite, webhooks, either end killed", Engines::Sqlite, &|| {
            webhooks::sqlite(&binary, rounds, events, seed)
        }),
        ("SQLite, replies traced", Engines::Sqlite, &|| trace::sqlite(&binary)),
        ("SQLite, disk full", Engines::Sqlite, &|| full::run(&binary, seed)),
        ("PostgreSQL, server and database killed", Engines::Postgres, &|| {
            killed::postgres(&binary, rounds, seed)
        }),
        ("PostgreSQL, verifying, server killed", Engines::Postgres, &|| {
            citizen::postgres(&binary, rounds, seed)
        }),
        ("PostgreSQL, minting and exporting, either killed", Engines::Postgres, &|| {
            codes::postgres(&binary, rounds, seed)
        }),
        ("PostgreSQL, webhooks, either end killed", Engines::Postgres, &|| {
            webhooks::postgres(&binary, rounds, events, seed)
        }),
        ("PostgreSQL, replies traced", Engines::Postgres, &|| trace::postgres(&binary)),
    ];
    let is_wanted = |name: &str, engine: Engines| {
        (options.engine == Engines::Both || options.engine == engine)
            && options.only.as_ref().is_none_or(|part| name.contains(part.as_str()))
    };
    let wanted = all.iter().filter(|(name, engine, _)| is_wanted(name, *engine));
    let legs: Vec<(&str, Result<Leg>)> = wanted.map(|(name, _, leg)| (*name, leg())).collect();
    println!("\n{}", Tally::HEADER);
    let mut failed = 0;
    for (name, outcome) in &legs {
        match outcome {
            Ok(Leg::Done(tally)) => println!("{name:<48} {tally} ok"),
            Ok(Leg::Skipped(reason)) => println!("{name:<48} SKIPPED: {reason}"),
            Err(error) => {
                failed += 1;
                println!("{name:<48} VIOLATED: {error}");
            }
        }
    }
    if failed == 0 {
        Ok(())
    } else {
        Err(format!("{failed} of {} legs, with seed {seed}", legs.len()).into())
    }
}

#[expect(clippy::disallowed_methods, reason = "a seed that differs between runs, and is printed")]
fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Lets the load run for a while before something is broken.
#[expect(clippy::disallowed_methods, reason = "a crash comes at a random moment, not at an event")]
fn let_pass(time: Duration) {
    std::thread::sleep(time);
}
