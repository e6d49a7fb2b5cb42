use base::Secret;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use services::citizen::registry::{Found, RecordStatus};

use super::mapping::read;
use super::settings::{Settings, Table};

const NUMBER: &str = "12345678901";

const MINIMAL: &str = r#"
    url = "https://registry.example/v1/{nationalId}"
    [fields]
    national_id = "/id"
    full_name = "/name"
    date_of_birth = "/born"
"#;

fn table(text: &str) -> Table {
    toml::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn settings(more: &str) -> Settings {
    table(&format!("{MINIMAL}{more}")).check(|_| None).unwrap()
}

fn judged(settings: &Settings, status: u16, body: &str) -> Result<Found, &'static str> {
    read(settings, NUMBER, StatusCode::from_u16(status).unwrap(), &Bytes::from(body.to_owned()))
}

fn answer(more: Value) -> String {
    let mut answer = json!({ "id": NUMBER, "name": "Maxamed Cabdi Xasan", "born": "1990-01-31" });
    let (Value::Object(answer), Value::Object(more)) = (&mut answer, more) else { panic!("objects") };
    answer.extend(more);
    Value::Object(answer.clone()).to_string()
}

#[track_caller]
fn assert_record(found: Result<Found, &'static str>, name: &str, born: &str, status: RecordStatus) {
    let Ok(Found::Record(record)) = found else { panic!("{found:?}") };
    assert_eq!(
        (record.full_name.as_str(), record.date_of_birth.as_str(), record.status),
        (name, born, status)
    );
}

#[test]
fn an_answer_is_read_where_the_mapping_points() {
    let plain = settings("");
    let name = "Maxamed Cabdi Xasan";
    assert_record(judged(&plain, 200, &answer(json!({}))), name, "1990-01-31", RecordStatus::Active);
    let time = answer(json!({ "born": "1990-01-31T00:00:00Z", "name": "  Maxamed   Cabdi Xasan " }));
    assert_record(judged(&plain, 200, &time), name, "1990-01-31", RecordStatus::Active);
    let deep = r#"
        url = "https://registry.example/find"
        method = "POST"
        body = '{"nin":"{nationalId}"}'
        [fields]
        national_id = "/data/0/nin"
        full_name = ["/data/0/first", "/data/0/last"]
        date_of_birth = "/data/0/dob"
        status = "/data/0/alive"
        [status]
        active = ["true", "1"]
        deceased = ["false"]
    "#;
    let deep = table(deep).check(|_| None).unwrap();
    let body = |alive: Value| {
        json!({ "data": [{ "nin": 12_345_678_901_u64, "first": "Sahra", "last": "Nuur", "dob": "2000-02-29", "alive": alive }] })
            .to_string()
    };
    for (alive, status) in [
        (json!(true), RecordStatus::Active),
        (json!(1), RecordStatus::Active),
        (json!(false), RecordStatus::Deceased),
    ] {
        assert_record(judged(&deep, 200, &body(alive)), "Sahra Nuur", "2000-02-29", status);
    }
    assert_eq!(judged(&deep, 200, &body(json!("gone"))), Err("it gave a status that is not mapped"));
}

#[test]
fn an_unknown_number_is_told_from_an_answer_that_says_nothing() {
    let plain = settings("");
    assert_eq!(judged(&plain, 404, "whatever"), Ok(Found::Unknown));
    let pointed = settings("[not_found]\nhttp_404 = false\npointer = \"/found\"\nequals = \"false\"");
    assert_eq!(judged(&pointed, 404, "{}"), Err("it answered with an error status"));
    assert_eq!(judged(&pointed, 200, r#"{"found":false}"#), Ok(Found::Unknown));
    assert!(judged(&pointed, 200, r#"{"found":true}"#).is_err());
    assert!(judged(&pointed, 200, "{}").is_err());
    let absent = settings("[not_found]\npointer = \"/name\"");
    assert_eq!(judged(&absent, 200, "{}"), Ok(Found::Unknown));
    assert_eq!(judged(&absent, 200, r#"{"name":null}"#), Ok(Found::Unknown));
    assert!(judged(&absent, 200, &answer(json!({}))).is_ok());
}

#[test]
fn garbage_and_another_citizen_are_no_answer() {
    let plain = settings("");
    for (body, cause) in [
        (String::new(), "it answered no JSON"),
        ("<html>".to_owned(), "it answered no JSON"),
        (answer(json!({}))[..20].to_owned(), "it answered no JSON"),
        ("[]".to_owned(), "it does not say whom it answers about"),
        ("{}".to_owned(), "it does not say whom it answers about"),
        (answer(json!({ "id": null })), "it does not say whom it answers about"),
        (answer(json!({ "id": "12345678902" })), "it answered about another number"),
        (answer(json!({ "id": "123456789012" })), "it answered about another number"),
        (answer(json!({ "name": "" })), "it gave no name, or none that can be one"),
        (answer(json!({ "name": ["A"] })), "it gave no name, or none that can be one"),
        (answer(json!({ "name": "x".repeat(201) })), "it gave no name, or none that can be one"),
        (answer(json!({ "born": null })), "it gave no birth date"),
        (answer(json!({ "born": "1990" })), "it gave no date as birth date"),
        (answer(json!({ "born": "1990-02-30" })), "it gave no date as birth date"),
        (answer(json!({ "born": "1990-01-311" })), "it gave no date as birth date"),
        (answer(json!({ "born": "31/01/1990" })), "it gave no date as birth date"),
    ] {
        assert_eq!(judged(&plain, 200, &body), Err(cause), "{body}");
    }
    for status in [201, 204] {
        assert!(judged(&plain, status, &answer(json!({}))).is_ok());
    }
    for status in [301, 302, 400, 401, 403, 500, 501] {
        assert_eq!(judged(&plain, status, &answer(json!({}))), Err("it answered with an error status"));
    }
}

#[test]
fn a_wrong_table_says_which_key_is_wrong_and_how_it_is_right() {
    let changed = |from: &str, to: &str| MINIMAL.replace(from, to);
    for (text, expected) in [
        (
            changed("https://", "http://"),
            "registry.url: it must begin with https://, or set private_network = true",
        ),
        (changed("registry.example", "10.0.0.1"), "registry.url: it must not lead into a private network"),
        (changed("registry.example", "a:b@c"), "registry.url: it must not hold a user or password"),
        (changed("registry.example", "registry.example:22"), "registry.url: its port must be 443 or 8443"),
        (changed("https://registry.example/v1/", ""), "registry.url: "),
        (changed("{nationalId}", ""), "registry.url: must hold {nationalId}"),
        (changed("\"/born\"", "\"born\""), "\"born\" must be a JSON Pointer such as \"/person/name\""),
        (changed("\"/name\"", "[]"), "registry.fields.full_name: must name at least one"),
        (format!("method = \"PUT\"{MINIMAL}"), "registry.method: must be GET or POST"),
        (format!("body = \"{{nationalId}}\"{MINIMAL}"), "registry.body: needs method = \"POST\""),
        (format!("timeout_ms = 0{MINIMAL}"), "registry.timeout_ms: must be 1 to 20000"),
        (format!("attempt_timeout_ms = 2001{MINIMAL}"), "registry.attempt_timeout_ms: must be 1 to 2000"),
        (
            format!("{MINIMAL}[headers]\nX-Key = \"env:NOWHERE\""),
            "registry.headers.X-Key: needs the environment variable NOWHERE",
        ),
        (format!("{MINIMAL}[headers]\n\"X Key\" = \"a\""), "registry.headers.X Key: is no name of a header"),
        (
            format!("{MINIMAL}[circuit]\nfailures_percent = 101"),
            "registry.circuit.failures_percent: must be 1 to 100",
        ),
    ] {
        let fault = table(&text).check(|_| None).expect_err(&text);
        assert!(
            fault.to_string().starts_with(expected) || fault.to_string().contains(expected),
            "{text}: {fault}"
        );
    }
    assert!(toml::from_str::<Table>(&format!("timeout = 5{MINIMAL}")).is_err(), "unknown keys are refused");
}

#[test]
fn a_secret_comes_from_the_environment_and_is_never_shown() {
    let text = format!(
        "method = \"POST\"\nbody = \"hunter2 {{nationalId}}\"{}[headers]\nAuthorization = \"env:TOKEN\"\nX-Key = \"hunter2\"",
        MINIMAL.replace("{nationalId}", "{nationalId}?key=hunter2")
    );
    let settings = table(&text).check(|name| (name == "TOKEN").then(|| "Bearer hunter3".to_owned())).unwrap();
    assert_eq!(settings.headers["authorization"], "Bearer hunter3");
    let shown = toml::to_string(&settings.shown).unwrap();
    assert!(shown.contains("env:TOKEN"), "{shown}");
    for text in [shown, format!("{settings:?}")] {
        assert!(!text.contains("hunter"), "{text}");
    }
    assert_eq!(settings.body.as_ref().map(Secret::expose), Some("hunter2 {nationalId}"));
}
