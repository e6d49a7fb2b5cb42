//! `cargo xtask crash`: the real server is killed under load, and nothing that it acknowledged may be lost.
//!
//! Each leg loads the server with concurrent charges, breaks something, lets the server recover, retries with the
//! same keys what was left without an answer, and then reconciles every call with the ledger.

mod account;
mod citizen;
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

/// Runs every leg, also after one has failed, and fails if any did.
pub(crate) fn run(options: &Options) -> Result<()> {
    let profile = if options.release { Profile::Release } else { Profile::Debug };
    let binary = binary_of(profile)?;
    let seed = options.seed.unwrap_or_else(fresh_seed);
    println!("seed {seed}: repeat with --seed {seed}");
    let mut legs: Vec<(&str, Result<Leg>)> = Vec::new();
    if options.engine != Engines::Postgres {
        legs.push(("SQLite, server killed", killed::sqlite(&binary, options.rounds, seed)));
        legs.push(("SQLite, verifying, server killed", citizen::sqlite(&binary, options.rounds, seed)));
        let told = webhooks::sqlite(&binary, options.rounds, options.events, seed);
        legs.push(("SQLite, sender or receiver killed", told));
        legs.push(("SQLite, replies traced", trace::sqlite(&binary)));
        legs.push(("SQLite, disk full", full::run(&binary, seed)));
    }
    if options.engine != Engines::Sqlite {
        let killed = killed::postgres(&binary, options.rounds, seed);
        legs.push(("PostgreSQL, server and database killed", killed));
        legs.push(("PostgreSQL, verifying, server killed", citizen::postgres(&binary, options.rounds, seed)));
        let told = webhooks::postgres(&binary, options.rounds, options.events, seed);
        legs.push(("PostgreSQL, sender or receiver killed", told));
        legs.push(("PostgreSQL, replies traced", trace::postgres(&binary)));
    }
    println!("\n{}", Tally::HEADER);
    let mut failed = 0;
    for (name, outcome) in &legs {
        match outcome {
            Ok(Leg::Done(tally)) => println!("{name:<40} {tally} ok"),
            Ok(Leg::Skipped(reason)) => println!("{name:<40} SKIPPED: {reason}"),
            Err(error) => {
                failed += 1;
                println!("{name:<40} VIOLATED: {error}");
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
