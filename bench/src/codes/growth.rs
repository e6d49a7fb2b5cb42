//! What the database keeps of minted and of scanned codes, in pages of its file that are in use.

use std::path::Path;

use db::{Db, Settings, Source, args};
use it::Result;
use it::client::Request;
use it::folder::Folder;
use it::server::{Launch, Server};
use kernel::migrations::MIGRATIONS;

use super::shop::Shop;
use super::{Line, MILLION, Options};
use crate::subject;

/// So many that pages, of which a file grows, do not matter.
const BATCHES: u32 = 100;
const SCANNED: usize = 10_000;
const MINTED_KB_MAX: f64 = 2.0;
const SCANNED_MB_MAX: f64 = 1.0;
const THREADS: usize = 8;

pub(super) fn measure(options: &Options) -> Result<Vec<Line>> {
    let folder = Folder::within(&options.dir)?;
    let launch = subject::launch(folder.path(), None)?;
    // Twice, so that what a start itself writes is known, and pages are half full already.
    rest(&launch, |shop, _| shop.mint(MILLION).map(drop))?;
    let before = rest(&launch, |shop, _| shop.mint(MILLION).map(drop))?;
    let minted = rest(&launch, |shop, _| (0..BATCHES).try_for_each(|_| shop.mint(MILLION).map(drop)))?;
    let without_key = rest(&launch, |shop, _| (0..BATCHES).try_for_each(|_| shop.mint_without_key(MILLION)))?;
    let scanned = rest(&launch, |shop, server| {
        let batch = shop.mint(MILLION)?;
        let mut tokens = Vec::with_capacity(SCANNED);
        // Every hundredth code, as shoppers find them.
        for place in (1..=1_000_000).step_by(1_000_000 / SCANNED) {
            tokens.extend(shop.tokens(&batch, place, place)?);
        }
        scan(server, &tokens)
    })?;
    let each = |after: i64, before: i64| (after - before) as f64 / f64::from(BATCHES) / 1e3;
    let one_percent = (scanned - without_key) as f64 / 1e6;
    Ok(vec![
        Line::at_most(
            format!("{MILLION} minted codes, with an Idempotency-Key (of {BATCHES} such batches)"),
            each(minted, before),
            MINTED_KB_MAX,
            " kB",
        ),
        Line::at_most("the same without a key", each(without_key, minted), MINTED_KB_MAX, " kB"),
        Line::at_most(
            format!("{MILLION} minted codes of which {SCANNED} were scanned"),
            one_percent,
            SCANNED_MB_MAX,
            " MB",
        ),
    ])
}

/// Lets a server do something, and says how much the database holds once it has ended.
fn rest(launch: &Launch, work: impl FnOnce(&mut Shop, &Server) -> Result<()>) -> Result<i64> {
    let server = Server::start(launch)?;
    let mut shop = Shop::open(&server)?;
    work(&mut shop, &server)?;
    shop.wait_until_ready()?;
    server.operator().ledger_check()?;
    server.terminate()?;
    used_bytes(&launch.data)
}

/// What the database holds, without the pages that it would use next.
fn used_bytes(folder: &Path) -> Result<i64> {
    const USED: &str = "SELECT (c.page_count - f.freelist_count) * s.page_size AS bytes \
        FROM pragma_page_count AS c, pragma_freelist_count AS f, pragma_page_size AS s";
    let database = Db::open(Settings::new(Source::Sqlite { folder: folder.to_owned() }, MIGRATIONS))
        .map_err(|fault| fault.to_string())?;
    let read = |tx: &mut db::Tx<'_>| Ok(tx.one(USED, args![], |row| row.int("bytes"))?);
    let bytes = database.read_blocking(read).map_err(|fault| fault.to_string())?;
    database.close();
    Ok(bytes)
}

/// Each code once, each by a shopper of its own.
pub(super) fn scan(server: &Server, tokens: &[String]) -> Result<()> {
    let share = tokens.len().div_ceil(THREADS);
    std::thread::scope(|scope| {
        let scan = |tokens: &[String]| -> std::result::Result<(), String> {
            let mut client = server.client();
            for token in tokens {
                let ask = Request::post(&format!("/v/{token}/scan")).header("User-Agent", token);
                let ask = ask.header("Content-Type", "application/json").body("{}");
                let answer = client.send(&ask).map_err(|error| error.to_string())?;
                if answer.json()["recorded"] != true {
                    return Err(format!("a scan got {}: {}", answer.status, answer.text()));
                }
            }
            Ok(())
        };
        let threads: Vec<_> = tokens.chunks(share).map(|tokens| scope.spawn(move || scan(tokens))).collect();
        for thread in threads {
            thread.join().map_err(|_| "a shopper panicked")??;
        }
        Ok(())
    })
}
