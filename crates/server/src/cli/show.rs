//! What a person sees: aligned tables, fields, and the sentences of a refusal.

use serde_json::Value;

use crate::client::Answer;

/// Title and field of each column.
pub(super) type Columns = &'static [(&'static str, &'static str)];

/// Rows under a line of titles; numbers to the right, everything else to the left.
pub(super) fn table(rows: &[Value], columns: Columns) -> String {
    let titles = columns.iter().map(|(title, _)| (*title).to_owned()).collect();
    let cells: Vec<Vec<String>> = std::iter::once(titles)
        .chain(rows.iter().map(|row| columns.iter().map(|(_, field)| cell(field, &row[*field])).collect()))
        .collect();
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let is_number: Vec<bool> =
        columns.iter().map(|(_, field)| rows.first().is_some_and(|row| row[*field].is_number())).collect();
    let lines: Vec<String> = cells
        .iter()
        .map(|row| {
            let padded = row.iter().zip(&widths).zip(&is_number).map(|((cell, &width), &is_number)| {
                if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}

/// One line per field that is there.
pub(super) fn fields(value: &Value, rows: Columns) -> String {
    let width = rows.iter().map(|(title, _)| title.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> = rows
        .iter()
        .filter(|(_, field)| !is_empty(&value[*field]))
        .map(|(title, field)| format!("{title:<width$}  {}", cell(field, &value[*field])))
        .collect();
    lines.join("\n")
}

/// The rows of an answer like `{"data":[…]}`.
pub(super) fn rows(body: &Value) -> &[Value] {
    body["data"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Why the server refused: its sentence, and each field that is wrong with the option that sets it.
pub(super) fn refusal(answer: &Answer) -> String {
    let body = &answer.body;
    let errors = body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    if errors.is_empty() {
        return match body["detail"].as_str() {
            Some(detail) => clean(detail),
            None => format!("The server answered {} without a reason.", answer.status),
        };
    }
    let lines = errors.iter().map(|error| {
        let pointer = error["pointer"].as_str().map(|pointer| pointer.trim_start_matches("#/"));
        let other = || error["header"].as_str().or_else(|| error["parameter"].as_str());
        let field = pointer.or_else(other).unwrap_or_default();
        let detail = error["detail"].as_str().unwrap_or_default();
        match field.rsplit_once('/') {
            // Something within a list or an object, which no option names.
            Some((_, inner)) => format!("\n  {}: {}", clean(inner), clean(detail)),
            None => format!("\n  {}: {} ({})", clean(field), clean(detail), option_of(field)),
        }
    });
    format!("{}.{}", body["title"].as_str().unwrap_or("A field is wrong"), lines.collect::<String>())
}

/// `rateLimitPerMinute`, `rate_limit_per_minute` and `Rate-Limit` become `--rate-limit…`.
fn option_of(field: &str) -> String {
    if field == "tenantId" {
        return "--tenant".to_owned();
    }
    let mut option = String::from("--");
    let mut before = '-';
    for letter in field.chars() {
        if letter.is_ascii_uppercase() && before != '-' {
            option.push('-');
        }
        before = if letter == '_' { '-' } else { letter };
        option.push(before.to_ascii_lowercase());
    }
    option
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

fn cell(field: &str, value: &Value) -> String {
    match value {
        value if is_empty(value) => "-".to_owned(),
        Value::String(text) if field == "at" || field.ends_with("At") || field.ends_with("_at") => {
            moment(text)
        }
        Value::String(text) => clean(text),
        Value::Bool(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Value::Array(items) => items.iter().map(|item| cell("", item)).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// `2026-06-02T12:30:00.123Z` without its milliseconds.
fn moment(text: &str) -> String {
    text.split_once('.').map_or_else(|| clean(text), |(seconds, _)| format!("{}Z", clean(seconds)))
}

/// A tenant chose this text, and the operator's terminal must not obey it.
fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned_and_missing_values_are_a_dash() {
        let rows = [
            json!({ "id": "a", "balance": 7, "banned": false, "createdAt": "2026-06-02T12:30:00.123Z" }),
            json!({ "id": "long", "balance": 1000, "banned": true, "createdAt": null }),
        ];
        let columns: Columns =
            &[("ID", "id"), ("BALANCE", "balance"), ("BANNED", "banned"), ("CREATED", "createdAt")];
        let expected = "\
ID    BALANCE  BANNED  CREATED
a           7  no      2026-06-02T12:30:00Z
long     1000  yes     -";
        assert_eq!(table(&rows, columns), expected);
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        let rows = [json!({ "name": "\u{1b}[2Jgone\nnext" })];
        let shown = table(&rows, &[("NAME", "name")]);
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
        assert_eq!(shown.lines().count(), 2, "{shown:?}");
    }

    #[test]
    fn a_refusal_names_the_field_and_the_option_that_sets_it() {
        let body = json!({
            "title": "A field is wrong", "detail": "expires_at: must lie in the future",
            "errors": [{ "pointer": "#/expires_at", "detail": "must lie in the future" },
                       { "header": "Idempotency-Key", "detail": "is required" },
                       { "parameter": "limit", "detail": "must be 1 to 1000" },
                       { "pointer": "#/settings/wallet.low", "detail": "must be true or false" },
                       { "pointer": "#/rateLimitPerMinute", "detail": "must be a number" }],
        });
        let answer = Answer { status: StatusCode::BAD_REQUEST, text: body.to_string(), body };
        let shown = refusal(&answer);
        for expected in [
            "expires_at: must lie in the future (--expires-at)",
            "Idempotency-Key: is required (--idempotency-key)",
            "rateLimitPerMinute: must be a number (--rate-limit-per-minute)",
            "limit: must be 1 to 1000 (--limit)",
            "wallet.low: must be true or false\n",
        ] {
            assert!(shown.contains(expected), "{shown}");
        }
    }
}
