use kernel::Random;
use kernel::secrets::SecretsFile;

use super::*;

const TENANT: TenantId = TenantId::from_bits(7);
const KEYS: Place<'_> = Place { route: "/platform/v1/keys", filters: &["quota", ""] };

fn secrets() -> Arc<Secrets> {
    Arc::new(Secrets::from_file(&SecretsFile::generate(&Random::system())).unwrap())
}

fn page(secrets: &Arc<Secrets>, limit: Option<&str>, cursor: Option<&str>) -> Result<Page, Fault> {
    Page::new(Arc::clone(secrets), (TENANT, Environment::Test), KEYS, limit, cursor)
}

/// What a store would answer: the numbers after a position.
fn rows(page: &Page, count: i64) -> Vec<i64> {
    let after: i64 = page.after().unwrap().unwrap_or(0);
    (after + 1..=count).take(usize::try_from(page.rows_max()).unwrap()).collect()
}

#[test]
fn a_walk_through_the_pages_sees_every_row_once() {
    let secrets = secrets();
    for count in [0, 1, 2, 3, 4, 20, 21] {
        for limit in ["1", "2", "3", "20"] {
            let (mut seen, mut cursor) = (Vec::new(), None::<String>);
            loop {
                let page = page(&secrets, Some(limit), cursor.as_deref()).unwrap();
                let listed = page.listed(rows(&page, count), ToString::to_string);
                assert!(listed.data.len() <= limit.parse().unwrap());
                assert!(count == 0 || !listed.data.is_empty(), "a cursor leads to rows");
                seen.extend(listed.data);
                cursor = listed.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen, (1..=count).collect::<Vec<_>>(), "{count} rows by {limit}");
        }
    }
}

#[test]
fn a_limit_is_a_whole_number_from_1_to_100() {
    let secrets = secrets();
    assert_eq!(page(&secrets, None, None).unwrap().rows_max(), 21);
    assert_eq!(page(&secrets, Some("1"), None).unwrap().rows_max(), 2);
    assert_eq!(page(&secrets, Some("100"), None).unwrap().rows_max(), 101);
    for wrong in ["", "0", "101", "-1", "+1", "1.0", "1e1", " 1", "1 ", "all", "99999999999999999999"] {
        let fault = page(&secrets, Some(wrong), None).unwrap_err();
        assert_eq!(fault.detail, "limit: must be a whole number from 1 to 100", "{wrong}");
    }
}

#[test]
fn a_cursor_is_refused_anywhere_but_in_its_own_list() {
    let secrets = secrets();
    let first = page(&secrets, Some("1"), None).unwrap();
    let cursor = first.listed(vec![1, 2], ToString::to_string).next_cursor.unwrap();
    let open = |secrets: &Arc<Secrets>, owner, place| {
        Page::new(Arc::clone(secrets), owner, place, None, Some(&cursor))
    };
    let mine = (TENANT, Environment::Test);
    assert_eq!(open(&secrets, mine, KEYS).unwrap().after().unwrap(), Some(1));
    for (secrets, owner, place) in [
        (&secrets, (TenantId::from_bits(8), Environment::Test), KEYS),
        (&secrets, (TENANT, Environment::Live), KEYS),
        (&secrets, mine, Place { route: "/platform/v1/webhooks", ..KEYS }),
        (&secrets, mine, Place { filters: &["", "quota"], ..KEYS }),
        (&secrets, mine, Place { filters: &["quota"], ..KEYS }),
        (&self::secrets(), mine, KEYS),
    ] {
        let fault = open(secrets, owner, place).unwrap_err();
        assert_eq!(fault.fields[0].field, "cursor", "{fault}");
    }
}

#[test]
fn a_changed_cursor_is_refused() {
    let secrets = secrets();
    let first = page(&secrets, Some("1"), None).unwrap();
    let cursor = first.listed(vec![1, 2], ToString::to_string).next_cursor.unwrap();
    let mut wrong: Vec<String> = (0..cursor.len())
        .map(|place| {
            let digit = if cursor.as_bytes()[place] == b'0' { "1" } else { "0" };
            format!("{}{digit}{}", &cursor[..place], &cursor[place + 1..])
        })
        .collect();
    wrong.extend(["", "0", "zz", "caf\u{e9}", "key_01k0"].map(str::to_owned));
    wrong.extend([format!("{cursor}0"), format!("{cursor}00"), cursor[..32].to_owned(), "00".repeat(501)]);
    for cursor in wrong {
        assert!(page(&secrets, None, Some(&cursor)).is_err(), "{cursor}");
    }
}

#[test]
fn a_wrong_limit_and_a_wrong_cursor_are_both_named() {
    let fault = page(&secrets(), Some("0"), Some("x")).unwrap_err();
    let fields: Vec<&str> = fault.fields.iter().map(|error| &*error.field).collect();
    assert_eq!(fields, ["limit", "cursor"]);
}
