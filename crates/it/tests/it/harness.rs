//! The harness keeps its own promises.

use std::path::PathBuf;

use it::folder::Folder;
use it::postgres;

#[test]
fn a_folder_goes_away_with_everything_in_it() {
    let path: PathBuf = {
        let folder = Folder::new().unwrap();
        std::fs::write(folder.path().join("file"), "x").unwrap();
        folder.path().to_owned()
    };
    assert!(!path.exists());
}

#[test]
fn each_test_gets_an_empty_database_of_its_own() {
    let Some(first) = postgres::for_test() else { return };
    let second = postgres::for_test().expect("the first one was there");
    postgres::run_sql(&first.url(), "CREATE TABLE here (a BIGINT)").unwrap();
    let tables = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(postgres::run_sql(&first.url(), tables).unwrap(), "1");
    assert_eq!(postgres::run_sql(&second.url(), tables).unwrap(), "0");
    let url = first.url();
    drop(first);
    assert!(postgres::run_sql(&url, "SELECT 1").is_err(), "a dropped database is gone");
}
