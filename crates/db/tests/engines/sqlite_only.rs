//! What only a folder can do wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use base::{Code, Fault};
use db::{Db, Engine, args};

use crate::fixture::{Fixture, TENANT, count, insert};

fn fixture() -> Fixture {
    Fixture::new(Engine::Sqlite).expect("SQLite is always there")
}

#[test]
fn a_folder_has_one_owner_at_a_time() {
    let fixture = fixture();
    let db = fixture.open();
    let fault = Db::open(fixture.settings.clone()).unwrap_err();
    assert_eq!(fault.code, Code::Conflict);
    let folder = fixture.folder().display().to_string();
    assert!(fault.detail.contains(&folder) && fault.detail.contains("running Attestry server"), "{fault:?}");
    db.write_blocking(TENANT, |tx| insert(tx, 1)).unwrap();
    db.close();
    assert_eq!(count(&fixture.open()), 1);
}

#[test]
fn nobody_else_can_read_the_files() {
    let fixture = fixture();
    let db = fixture.open();
    db.write_blocking(TENANT, |tx| insert(tx, 1)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&fixture.folder()), 0o700);
    let files: Vec<_> = fs::read_dir(fixture.folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_foreign_database_is_left_alone() {
    let fixture = fixture();
    fs::create_dir_all(fixture.folder()).unwrap();
    let file = fixture.folder().join("attestry.db");
    rusqlite::Connection::open(&file).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    let before = fs::read(&file).unwrap();
    let fault = Db::open(fixture.settings.clone()).unwrap_err();
    assert_eq!(fault.code, Code::Conflict);
    assert_eq!(fs::read(&file).unwrap(), before);
    fs::write(&file, b"this is no database, but it is long enough to be taken for one: 0123456789").unwrap();
    assert_eq!(Db::open(fixture.settings.clone()).unwrap_err().code, Code::Unavailable);
}

#[test]
fn an_array_is_a_clear_error() {
    let fixture = fixture();
    let db = fixture.open();
    let fault = db.read_blocking(|tx| Ok(tx.all("SELECT ?1", args![&vec![1_i64]], |row| row.int(0))?));
    assert!(format!("{:?}", fault.unwrap_err()).contains("SQLite has no arrays"));
}

/// A small file system of its own; needs root.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(&at).output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(at));
        }
        fs::remove_dir(&at).unwrap();
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).output());
        drop(fs::remove_dir(&self.0));
    }
}

#[test]
fn a_full_disk_answers_unavailable_loses_nothing_and_recovers() {
    const FILL: &str = "INSERT INTO wallet (tenant_id, id, secret) VALUES (?1, ?2, ?3)";
    let at = std::env::temp_dir().join(format!("attestry_test_disk_{}", std::process::id()));
    let Some(disk) = SmallDisk::mount(at) else {
        eprintln!("SKIPPED: a small tmpfs could not be mounted, so a full disk was not tried");
        return;
    };
    let fixture = Fixture::sqlite(&disk.0);
    let db = fixture.open();
    let ballast = disk.0.join("ballast");
    fs::write(&ballast, vec![0; 512 * 1024]).unwrap();
    let fill = |id: i64| {
        let mut secret = vec![0; 16 * 1024];
        secret[..8].copy_from_slice(&id.to_le_bytes());
        db.write_blocking(TENANT, move |tx| Ok(tx.exec(FILL, args![TENANT, id, &secret])?))
    };
    let mut stored = 0;
    let fault: Fault = loop {
        match fill(stored) {
            Ok(_) => stored += 1,
            Err(fault) => break fault,
        }
    };
    assert_eq!(fault.code, Code::Unavailable);
    assert!(fault.detail.contains("disk space") && fault.retry_after_s.is_some(), "{fault:?}");
    assert!(stored > 0 && !db.status().writable);
    assert_eq!(fill(stored).unwrap_err().code, Code::Unavailable, "it stays read-only");
    assert_eq!(count(&db), stored, "what was acknowledged is there, what was refused is not");
    fs::remove_file(&ballast).unwrap();
    fill(stored).unwrap();
    assert!(db.status().writable);
    db.close();
    assert_eq!(count(&fixture.open()), stored + 1);
}

#[test]
fn a_stamp_stays_until_a_row_of_its_tables_may_have_changed() {
    const UPDATE: &str = "UPDATE wallet SET balance = 20 WHERE tenant_id = ?1 AND id = 1";
    let fixture = fixture();
    let db = fixture.open();
    let stamp = |table: &'static str| db.write_blocking(TENANT, move |tx| Ok(tx.stamp(&[table]))).unwrap();
    let (wallet, entry) = (stamp("wallet"), stamp("entry"));
    assert!(wallet.is_some());
    count(&db);
    assert_eq!(stamp("wallet"), wallet, "nobody wrote");

    let after_own = db
        .write_blocking(TENANT, |tx| {
            insert(tx, 1)?;
            Ok(tx.stamp(&["wallet"]))
        })
        .unwrap();
    assert_ne!(after_own, wallet);
    assert_eq!(stamp("wallet"), after_own, "what the caller wrote itself it knows");
    assert_eq!(stamp("entry"), entry, "another table");

    let undone = db
        .write_blocking(TENANT, |tx| -> Result<(), Fault> {
            tx.exec(UPDATE, args![TENANT])?;
            let kept = tx.stamp(&["wallet"]);
            Err(Fault::conflict(format!("{kept:?}")))
        })
        .unwrap_err();
    assert_ne!(format!("{:?}", stamp("wallet")), undone.detail, "what was undone is not what is stored");
    let before = stamp("wallet");
    let panicked: Result<(), Fault> = db.write_blocking(TENANT, |_| panic!("a mistake"));
    assert_eq!(panicked.unwrap_err().code, Code::Internal);
    assert_ne!(stamp("wallet"), before);
}

#[test]
fn the_log_begins_anew_while_writes_go_on() {
    const FILL: &str = "INSERT INTO wallet (tenant_id, id, secret) VALUES (?1, ?2, ?3)";
    const CHANGE: &str = "UPDATE wallet SET secret = ?3 WHERE tenant_id = ?1 AND id = ?2";
    const MEGABYTE: usize = 1024 * 1024;
    let fixture = fixture();
    let db = fixture.open();
    db.write_blocking(TENANT, |tx| Ok(tx.exec(FILL, args![TENANT, 1_i64, &vec![0_u8; MEGABYTE]])?)).unwrap();
    for round in 0..160_u8 {
        db.write_blocking(TENANT, move |tx| {
            Ok(tx.exec(CHANGE, args![TENANT, 1_i64, &vec![round; MEGABYTE]])?)
        })
        .unwrap();
    }
    let log = fs::metadata(fixture.folder().join("attestry.db-wal")).unwrap().len();
    assert!(log < 100 * 1024 * 1024, "160 MB were written, and the log has {log} bytes");
    db.close();
    assert_eq!(count(&fixture.open()), 1);
}
