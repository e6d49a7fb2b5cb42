//! What the statements of webhooks read. A webhook may have had a million deliveries.

use db::{Settings, Source};
use it::folder::Folder;
use kernel::migrations::MIGRATIONS;

#[test]
fn no_statement_reads_every_delivery_of_a_webhook() {
    let folder = Folder::new().unwrap();
    let source = Source::Sqlite { folder: folder.path().join("data") };
    let db = db::Db::open(Settings::new(source, MIGRATIONS)).unwrap();
    let whole = "USING PRIMARY KEY (tenant_id=? AND endpoint_id=?)";
    for sql in kernel::webhooks::statements() {
        let text = sql.replace("FOR UPDATE SKIP LOCKED", "").replace("FOR UPDATE", "");
        let explained: &'static str = format!("EXPLAIN QUERY PLAN {text}").leak();
        let count = (1..=20).rev().find(|number| text.contains(&format!("?{number}"))).unwrap();
        let plan = db.read_blocking(move |tx| {
            let nothing = vec![db::Arg::Null; count];
            Ok(tx.all(explained, &nothing, |row| row.text("detail"))?)
        });
        let plan = plan.unwrap();
        let is_of_endpoint = |line: &&String| line.contains("webhook_endpoint");
        let found = plan.iter().filter(|line| !is_of_endpoint(line));
        let reads_all = found.filter(|line| line.contains(whole) || line.starts_with("SCAN outbox")).count();
        assert_eq!(reads_all, 0, "{text}\n{plan:#?}");
    }
    db.close();
}
