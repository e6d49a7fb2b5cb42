use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Document {
    parse_object(text.as_bytes()).unwrap()
}

#[track_caller]
fn check_refused(body: &[u8], why: &str) {
    let fault = parse_object(body).unwrap_err();
    assert_eq!(fault.code, Code::Malformed);
    assert!(fault.detail.contains(why), "{} does not say {why}", fault.detail);
    assert!(fault.fields.is_empty(), "it is the body that is wrong, not a field");
}

#[track_caller]
fn check_field<T: std::fmt::Debug>(outcome: Result<T, Fault>, field: &str, message: &str) {
    let fault = outcome.unwrap_err();
    assert_eq!(fault.code, Code::Invalid);
    assert_eq!(fault.fields.len(), 1);
    assert_eq!(fault.fields[0].field, field);
    assert!(fault.fields[0].message.contains(message), "{fault:?} does not say {message}");
}

#[test]
fn what_is_no_strict_object_is_refused_with_its_place() {
    for (body, why) in [
        ("", "must be a JSON object (line 1, column 1)"),
        ("  [1]", "must be a JSON object (line 1, column 3)"),
        ("null", "must be a JSON object"),
        ("\u{feff}{}", "must be a JSON object"),
        ("{} x", "nothing may follow the JSON object (line 1, column 4)"),
        ("{\n \"a\": 1,\n \"a\": 2\n}", "\"a\" stands twice"),
        (r#"{"a":{"b":1,"b":1}}"#, "\"b\" stands twice"),
        (r#"{"a":1,"\u0061":2}"#, "\"a\" stands twice"),
        (r#"{"a":"\u0000"}"#, "U+0000 (line 1, column 7)"),
        (r#"{"\u0000":1}"#, "U+0000"),
        ("{\"a\":\"\0\"}", "control character"),
        ("{\"a\":\"\n\"}", "control character"),
        (r#"{"a":"\ud800"}"#, "surrogate"),
        (r#"{"a":"\ud800\u0041"}"#, "surrogate"),
        (r#"{"a":"\udc00"}"#, "surrogate"),
        (r#"{"a":"\u12"}"#, "four hexadecimal digits"),
        (r#"{"a":"\x"}"#, "no such escape"),
        (r#"{"a":"b"#, "ends inside a string"),
        (r#"{"a":"\"#, "no such escape"),
        (r#"{"a":01}"#, "a comma or the end"),
        (r#"{"a":+1}"#, "a JSON value"),
        (r#"{"a":.5}"#, "a JSON value"),
        (r#"{"a":1.}"#, "a digit"),
        (r#"{"a":1e}"#, "a digit"),
        (r#"{"a":-}"#, "a digit"),
        (r#"{"a":NaN}"#, "a JSON value"),
        (r#"{"a":truth}"#, "a JSON value"),
        (r#"{"a":1,}"#, "a key in double quotes"),
        (r#"{a:1}"#, "a key in double quotes"),
        (r#"{"a" 1}"#, "a colon"),
        (r#"{"a":[1,]}"#, "a JSON value"),
        (r#"{"a":[1 2]}"#, "a comma or the end of the array"),
        (r#"{"a":"#, "ends too early"),
        (r#"{"a":1"#, "a comma or the end of the object"),
    ] {
        check_refused(body.as_bytes(), why);
    }
    check_refused(b"{\"a\":\"\xff\"}", "not UTF-8 (line 1, column 7)");
    check_refused(b"{\"a\":\"\xed\xa0\x80\"}", "not UTF-8");
}

#[test]
fn nesting_ends_at_its_limit_and_not_in_a_stack_overflow() {
    let nested = |depth: usize| format!("{}{}{}", "{\"a\":".repeat(depth - 1), "{}", "}".repeat(depth - 1));
    assert!(parse_object(nested(DEPTH_MAX).as_bytes()).is_ok());
    check_refused(nested(DEPTH_MAX + 1).as_bytes(), "nested deeper than 32");
    check_refused(format!("{{\"a\":{}", "[".repeat(60_000)).as_bytes(), "nested deeper than 32");
}

#[test]
fn values_read_as_they_were_written() {
    let document = parse(
        r#" { "b" : [ 1 , -0, 1.0, 1e400 ], "a":"\ud83d\ude00\/\n\u00e9é", "c":{"d":null,"e":false} } "#,
    );
    assert_eq!(document.string("a", 0..=9).unwrap(), "😀/\néé");
    let decimal = |written: &str| Value::Decimal(written.into());
    assert_eq!(
        document.array("b", 0..=9).unwrap(),
        [Value::Integer(1), Value::Integer(0), decimal("1.0"), decimal("1e400")]
    );
    let inner = document.optional_object("c").unwrap().unwrap();
    assert!(inner.is_null("d"));
    assert!(!inner.boolean("e").unwrap());
    assert!(!inner.is_null("absent"));
}

#[test]
fn a_count_is_a_whole_number_within_its_range() {
    let count = |body: &str| parse(body).integer_or("count", 1..=1_000_000, 1);
    assert_eq!(count("{}").unwrap(), 1);
    assert_eq!(count(r#"{"other":"x"}"#).unwrap(), 1);
    assert_eq!(count(r#"{"count":1}"#).unwrap(), 1);
    assert_eq!(count(r#"{"count":1000000}"#).unwrap(), 1_000_000);
    for wrong_type in ["1.5", "1.0", "1e3", "1e400", "\"1\"", "null", "true", "[]", "{}", "[1]", "{\"a\":1}"]
    {
        check_field(count(&format!("{{\"count\":{wrong_type}}}")), "count", "must be a whole number");
    }
    for out_of_range in
        ["0", "-0", "-1", "1000001", "9223372036854775807", "9223372036854775808", "-99999999999999999999"]
    {
        check_field(
            count(&format!("{{\"count\":{out_of_range}}}")),
            "count",
            "must be between 1 and 1000000",
        );
    }
}

#[test]
fn every_type_has_its_error() {
    let document = parse(r#"{"text":"abc","null":null,"number":7,"list":[1,{}],"flag":true}"#);
    check_field(document.string("absent", 1..=9), "absent", "is required");
    check_field(document.string("number", 1..=9), "number", "must be a string");
    check_field(document.string("text", 1..=2), "text", "must have 1 to 2 characters");
    check_field(document.string("text", 2..=2), "text", "must have exactly 2 characters");
    check_field(document.optional_string("null", 1..=9), "null", "must be a string");
    check_field(document.integer("absent", 1..=9), "absent", "is required");
    check_field(document.integer("number", 8..=i64::MAX), "number", "must be at least 8");
    check_field(document.boolean("number"), "number", "must be true or false");
    check_field(document.boolean("absent"), "absent", "is required");
    check_field(document.boolean_or("null", true), "null", "must be true or false");
    check_field(document.optional_object("text"), "text", "must be an object");
    check_field(document.array("text", 0..=1), "text", "must be an array");
    check_field(document.array("list", 0..=1), "list", "must have at most 1 items");
    assert!(document.boolean_or("absent", true).unwrap());
    let items = document.array("list", 0..=2).unwrap();
    check_field(item_object("list", 0, &items[0]), "list.0", "must be an object");
    let item = item_object("list", 1, &items[1]).unwrap();
    let missing = item.integer("count", 1..=9).map_err(|fault| inside("list.1", fault));
    check_field(missing, "list.1.count", "is required");
}

#[test]
fn all_wrong_fields_are_named_together() {
    let document = parse(r#"{"count":0,"flag":1}"#);
    let fault = all4(
        document.string("name", 1..=9),
        document.integer("count", 1..=9),
        Ok(()),
        document.boolean("flag"),
    )
    .unwrap_err();
    assert_eq!(
        fault.detail,
        "name: is required; count: must be between 1 and 9; flag: must be true or false"
    );
    assert_eq!(fault.fields.len(), 3);
    let other_kind =
        both(document.string("name", 1..=9), Err::<(), _>(Fault::not_found("account"))).unwrap_err();
    assert_eq!(other_kind.code, Code::NotFound);
    assert_eq!(all3(Ok(1), Ok(2), Ok(3)).unwrap(), (1, 2, 3));
}

#[test]
fn a_fingerprint_forgets_order_space_and_escapes_and_nothing_else() {
    let fingerprint = parse(r#"{"b":[1,2],"a":"é\"\n"}"#).fingerprint();
    assert_eq!(fingerprint, parse(" {\"a\" : \"\\u00e9\\u0022\\n\",\n\"b\":[1, 2]}").fingerprint());
    for other in [
        r#"{"b":[2,1],"a":"é\"\n"}"#,
        r#"{"b":[1,2],"a":"e\"\n"}"#,
        r#"{"b":[1,2.0],"a":"é\"\n"}"#,
        r#"{"b":[1,2]}"#,
        "{}",
    ] {
        assert_ne!(fingerprint, parse(other).fingerprint(), "{other}");
    }
    assert_eq!(parse(r#"{"b":1,"a":"x\ty"}"#).canonical(), r#"{"a":"x\u0009y","b":1}"#);
}

/// Our reading in serde_json's words.
fn translate(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(boolean) => (*boolean).into(),
        Value::Integer(integer) => (*integer).into(),
        Value::Decimal(written) => serde_json::from_str(written).unwrap(),
        Value::String(string) => string.clone().into(),
        Value::Array(items) => items.iter().map(translate).collect(),
        Value::Object(object) => {
            object.iter().map(|(key, value)| (key.to_owned(), translate(value))).collect()
        }
    }
}

fn any_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "[^\0]{0,6}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::btree_map("[^\0]{0,4}", inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// serde_json reads `-0` as a float; to us it is the integer 0.
fn without_negative_zero(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Number(number) if number.as_f64() == Some(0.0) => 0.into(),
        serde_json::Value::Array(items) => items.into_iter().map(without_negative_zero).collect(),
        serde_json::Value::Object(fields) => {
            fields.into_iter().map(|(key, value)| (key, without_negative_zero(value))).collect()
        }
        other => other,
    }
}

/// What we refuse and serde_json does not.
const STRICTER: [&str; 4] = ["must be a JSON object", "stands twice", "U+0000", "nested deeper"];

fn check_agrees(body: &[u8]) -> Result<(), TestCaseError> {
    let theirs = serde_json::from_slice::<serde_json::Value>(body);
    match (parse_object(body), theirs) {
        (Ok(document), Ok(theirs)) => {
            let ours = translate(&Value::Object(document));
            prop_assert_eq!(without_negative_zero(ours), without_negative_zero(theirs));
        }
        (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("number out of range"), "{}", error),
        (Err(fault), Ok(_)) => {
            prop_assert!(STRICTER.iter().any(|why| fault.detail.contains(why)), "{:?}", fault);
        }
        (Err(fault), Err(_)) => prop_assert_eq!(fault.code, Code::Malformed),
    }
    Ok(())
}

proptest! {
    #[test]
    fn an_accepted_document_equals_serde_jsons_reading(
        map in prop::collection::btree_map("[^\0]{0,4}", any_value(), 0..12),
        pretty: bool,
    ) {
        let value = serde_json::Value::Object(map.into_iter().collect());
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let document = parse_object(text.as_bytes()).unwrap();
        prop_assert_eq!(parse(&document.canonical()).fingerprint(), document.fingerprint());
        check_agrees(text.as_bytes())?;
    }

    #[test]
    fn a_damaged_document_is_judged_as_serde_json_does(
        map in prop::collection::btree_map("[a-c]{1,2}", any_value(), 0..4),
        at: prop::sample::Index,
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\",:\\u0eE.+-1 ".to_vec())], 0..4),
    ) {
        let mut body = serde_json::to_vec(&serde_json::Value::Object(map.into_iter().collect())).unwrap();
        let at = at.index(body.len());
        let end = body.len().min(at + 1);
        body.splice(at..end, bytes);
        check_agrees(&body)?;
    }

    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..64), text in "\\{[{}\\[\\]\",:\\\\u0-9a-fE.+ tn-]{0,40}") {
        check_agrees(&body)?;
        check_agrees(text.as_bytes())?;
    }
}
