//! The usual way to mint: a random token and a row for each code, written with `COPY` and found by an index.

use std::io::Write;
use std::time::Instant;

use it::Result;
use it::folder::Folder;
use it::postgres::{Cluster, Durability};
use it::server::Server;
use postgres::NoTls;

use super::shop::Shop;
use super::{Line, MILLION, Options, download, on_one_core};

const TABLE: &str = "CREATE TABLE code (token text PRIMARY KEY, serial text NOT NULL, batch_id text NOT NULL, \
    status text NOT NULL)";
const COPY: &str = "COPY code (token, serial, batch_id, status) FROM STDIN";
const TIMES_MIN: f64 = 20.0;
const PIECE_BYTES: usize = 1 << 16;

pub(super) fn measure(options: &Options) -> Result<Vec<Line>> {
    let rows = rows(options)?;
    let folder = Folder::within(&options.dir)?;
    let server = Server::start(&on_one_core(&folder)?)?;
    let mut shop = Shop::open(&server)?;
    shop.mint(MILLION)?;
    let (_, mint) = shop.timed_mint(MILLION)?;
    let batch = shop.mint(MILLION)?;
    let (csv, _) = download(&server, &shop.request(&batch, "csv"))?;
    server.terminate()?;
    let (mint, csv) = (mint.as_secs_f64(), csv.as_secs_f64());
    Ok(vec![
        Line::figure(format!("{MILLION} rows by COPY into PostgreSQL"), format!("{rows:.2} s")),
        Line::at_least("mint: × as fast as a row for each code", rows / mint, TIMES_MIN, ""),
        Line::at_least("mint and CSV together: × as fast", rows / (mint + csv), TIMES_MIN, ""),
    ])
}

/// Seconds, from the first row to the commit.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn rows(options: &Options) -> Result<f64> {
    let cluster = Cluster::create(&options.dir, Durability::Synced)?;
    let database = cluster.database()?;
    let mut client = postgres::Client::connect(&database.url(), NoTls)?;
    client.batch_execute(TABLE)?;
    let random = kernel::Random::system();
    let start = Instant::now();
    let mut transaction = client.transaction()?;
    let mut copy = transaction.copy_in(COPY)?;
    let mut piece = Vec::with_capacity(2 * PIECE_BYTES);
    for number in 1..=MILLION {
        let token = kernel::secrets::hex(&random.bytes::<13>());
        writeln!(piece, "{token}\tEXP24-{number:06}\tbat_01kdvdna00e008m2jtjb6jqfym\tACTIVE")?;
        if piece.len() >= PIECE_BYTES {
            copy.write_all(&piece)?;
            piece.clear();
        }
    }
    copy.write_all(&piece)?;
    copy.finish()?;
    transaction.commit()?;
    let seconds = start.elapsed().as_secs_f64();
    drop(client);
    Ok(seconds)
}
