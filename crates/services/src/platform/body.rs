//! Fields of bodies that the tenant's and the operator's API read alike.

use base::Fault;
use kernel::settings::Changes;
use web::json::{Document, Value};

/// The object `settings` of a body.
///
/// # Errors
/// Its absence, or that it is no object; whether names and values are right is the kernel's to say.
pub fn settings(document: &Document) -> Result<Changes, Fault> {
    let sent = document.optional_object("settings")?;
    let sent =
        sent.ok_or_else(|| Fault::invalid("settings", "is required: an object of settings by name"))?;
    Ok(sent.iter().map(|(name, value)| (name.to_owned(), plain(value))).collect())
}

/// What no setting may be becomes an object, which no kind of setting allows.
fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(flag) => (*flag).into(),
        Value::Integer(integer) => (*integer).into(),
        Value::String(text) => text.as_str().into(),
        Value::Decimal(_) | Value::Array(_) | Value::Object(_) => serde_json::json!({}),
    }
}
