//! Settings: what a tenant decides for itself, in each environment apart.
//!
//! A setting is data: a service declares it as a constant, names it in its `SETTINGS`, and reads it in its commands.
//! Table: `tenant_setting`, which holds only what differs from the default; `null` resets to it.
//! Absent on purpose: a cache. A change holds for every command that begins after it was answered.

mod store;

use base::id::TenantId;
use base::{Code, Environment, Fault, FieldError};
use db::Tx;
use serde_json::{Map, Value};

use crate::ctx::Ctx;

pub use store::STATEMENTS;

/// A charge that takes a wallet's available credits below it is followed by the event `credits_low`.
pub const CREDITS_LOW_THRESHOLD: Setting = Setting {
    name: "wallet.credits_low_threshold",
    kind: Kind::OptionalInteger { min: 0, max: 1_000_000_000_000_000 },
    about: "The event `credits_low` is sent when a charge leaves fewer credits than this; `null`: never.",
};

/// The settings that the kernel itself reads.
pub const SETTINGS: &[&Setting] = &[&CREDITS_LOW_THRESHOLD];

/// How many wrong settings of one change are named.
const ERRORS_MAX: usize = 20;
const NAME_SHOWN_MAX: usize = 64;

/// One thing that a tenant may decide.
#[derive(Debug)]
pub struct Setting {
    /// `service.noun`, as it is stored and sent.
    pub name: &'static str,
    pub kind: Kind,
    /// One sentence for the documentation: what it does, and in which unit.
    pub about: &'static str,
}

/// Which values a setting may have. Bounds are inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Flag {
        default: bool,
    },
    Integer {
        min: i64,
        max: i64,
        default: i64,
    },
    /// Unset unless a tenant sets it.
    OptionalInteger {
        min: i64,
        max: i64,
    },
    Choice {
        choices: &'static [&'static str],
        default: &'static str,
    },
}

impl Kind {
    #[must_use]
    pub fn default_value(&self) -> Value {
        match *self {
            Self::Flag { default } => default.into(),
            Self::Integer { default, .. } => default.into(),
            Self::OptionalInteger { .. } => Value::Null,
            Self::Choice { default, .. } => default.into(),
        }
    }

    /// What a value must be, as a caller is told.
    #[must_use]
    pub fn rule(&self) -> String {
        match self {
            Self::Flag { default } => format!("must be true or false, or null for the default ({default})"),
            Self::Integer { min, max, default } => {
                format!("must be a whole number from {min} to {max}, or null for the default ({default})")
            }
            Self::OptionalInteger { min, max } => {
                format!("must be a whole number from {min} to {max}, or null for none")
            }
            Self::Choice { choices, default } => {
                format!("must be one of {}, or null for the default ({default})", choices.join(", "))
            }
        }
    }

    fn allows(&self, value: &Value) -> bool {
        match *self {
            Self::Flag { .. } => value.is_boolean(),
            Self::Integer { min, max, .. } | Self::OptionalInteger { min, max } => {
                value.as_i64().is_some_and(|integer| (min..=max).contains(&integer))
            }
            Self::Choice { choices, .. } => value.as_str().is_some_and(|choice| choices.contains(&choice)),
        }
    }
}

/// What a tenant asks for: each setting by its name with its new value, or `null` to reset it.
pub type Changes = Map<String, Value>;

/// # Errors
/// A setting that is no flag; a stored value that is none of its kind; a database failure.
pub fn flag(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    setting: &Setting,
) -> Result<bool, Fault> {
    find(tx, tenant_id, environment, setting)?.as_bool().ok_or_else(|| misread(setting))
}

/// # Errors
/// A setting that is no integer; a stored value that is none of its kind; a database failure.
pub fn integer(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    setting: &Setting,
) -> Result<i64, Fault> {
    find(tx, tenant_id, environment, setting)?.as_i64().ok_or_else(|| misread(setting))
}

/// # Errors
/// A setting that is no integer; a stored value that is none of its kind; a database failure.
pub fn optional_integer(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    setting: &Setting,
) -> Result<Option<i64>, Fault> {
    match find(tx, tenant_id, environment, setting)? {
        Value::Null => Ok(None),
        value => value.as_i64().map(Some).ok_or_else(|| misread(setting)),
    }
}

/// # Errors
/// A setting that is no choice; a stored value that is none of its kind; a database failure.
pub fn choice(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    setting: &Setting,
) -> Result<&'static str, Fault> {
    let value = find(tx, tenant_id, environment, setting)?;
    let Kind::Choice { choices, .. } = setting.kind else { return Err(misread(setting)) };
    let found = choices.iter().find(|choice| value.as_str() == Some(choice));
    found.copied().ok_or_else(|| misread(setting))
}

/// Every known setting by its name, with its value or default.
///
/// # Errors
/// A stored value that is none of its kind; a database failure.
pub fn all(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    known: &[&Setting],
) -> Result<Map<String, Value>, Fault> {
    let stored = store::all(tx, tenant_id, environment)?;
    known
        .iter()
        .map(|setting| {
            let row = stored.iter().find(|(name, _)| name == setting.name);
            let value = read(setting, row.map(|(_, text)| text.as_str()))?;
            Ok((setting.name.to_owned(), value))
        })
        .collect()
}

/// Changes the named settings and leaves the others as they are. All or none.
///
/// # Errors
/// [`Code::Invalid`] naming each setting that is unknown or may not have its value; a database failure.
pub fn change(tx: &mut Tx<'_>, ctx: &mut Ctx, known: &[&Setting], changes: &Changes) -> Result<(), Fault> {
    let changed = validate(known, changes)?;
    let (tenant_id, environment) = (ctx.tenant_id, ctx.environment);
    let before = all(tx, tenant_id, environment, &changed)?;
    for setting in &changed {
        let value = &changes[setting.name];
        if value.is_null() || *value == setting.kind.default_value() {
            store::remove(tx, tenant_id, environment, setting.name)?;
        } else {
            store::put(tx, ctx, setting.name, &value.to_string())?;
        }
    }
    let after = all(tx, tenant_id, environment, &changed)?;
    ctx.note(changed.iter().map(|setting| setting.name).collect::<Vec<_>>().join(", "));
    ctx.change(Value::Object(before).to_string(), Value::Object(after).to_string());
    Ok(())
}

fn validate<'a>(known: &[&'a Setting], changes: &Changes) -> Result<Vec<&'a Setting>, Fault> {
    let (mut changed, mut errors) = (Vec::new(), Vec::new());
    for (name, value) in changes {
        match known.iter().find(|setting| setting.name == name) {
            Some(setting) if value.is_null() || setting.kind.allows(value) => changed.push(*setting),
            Some(setting) => errors.push(wrong(name, setting.kind.rule())),
            None => errors.push(wrong(name, unknown(known))),
        }
    }
    if errors.is_empty() {
        return Ok(changed);
    }
    errors.truncate(ERRORS_MAX);
    let sentences: Vec<String> =
        errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
    Err(Fault { fields: errors, ..Fault::new(Code::Invalid, sentences.join("; ")) })
}

/// In brackets, because names of settings have dots of their own.
fn wrong(name: &str, message: String) -> FieldError {
    let name: String = name.chars().take(NAME_SHOWN_MAX).collect();
    FieldError { field: format!("settings[{name}]").into(), message: message.into() }
}

fn unknown(known: &[&Setting]) -> String {
    let names: Vec<&str> = known.iter().map(|setting| setting.name).collect();
    format!("is no setting; there are {}", names.join(", "))
}

fn find(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    setting: &Setting,
) -> Result<Value, Fault> {
    let stored = store::find(tx, tenant_id, environment, setting.name)?;
    read(setting, stored.as_deref())
}

fn read(setting: &Setting, stored: Option<&str>) -> Result<Value, Fault> {
    let Some(text) = stored else { return Ok(setting.kind.default_value()) };
    let value: Value = serde_json::from_str(text).map_err(Fault::internal)?;
    if setting.kind.allows(&value) { Ok(value) } else { Err(misread(setting)) }
}

fn misread(setting: &Setting) -> Fault {
    Fault::internal(format!("the stored value of {} is none of its kind", setting.name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_allowed_by_its_kind_alone() {
        let flag = Kind::Flag { default: true };
        let integer = Kind::Integer { min: 1, max: 5, default: 3 };
        let optional = Kind::OptionalInteger { min: 0, max: 9 };
        let choice = Kind::Choice { choices: &["low", "high"], default: "low" };
        for kind in [flag, integer, choice] {
            assert!(kind.allows(&kind.default_value()), "{kind:?}");
        }
        for (value, allowing) in [
            (json!(true), vec![flag]),
            (json!(0), vec![optional]),
            (json!(1), vec![integer, optional]),
            (json!(5), vec![integer, optional]),
            (json!(9), vec![optional]),
            (json!(10), vec![]),
            (json!(-1), vec![]),
            (json!(1.0), vec![]),
            (json!("1"), vec![]),
            (json!("low"), vec![choice]),
            (json!("LOW"), vec![]),
            (json!(null), vec![]),
            (json!({}), vec![]),
            (json!([true]), vec![]),
        ] {
            let found: Vec<Kind> =
                [flag, integer, optional, choice].into_iter().filter(|kind| kind.allows(&value)).collect();
            assert_eq!(found, allowing, "{value}");
        }
    }

    #[test]
    fn every_wrong_setting_of_a_change_is_named_up_to_a_limit() {
        const FLAG: Setting = Setting { name: "a.flag", kind: Kind::Flag { default: false }, about: "" };
        let changes = |value| -> Changes { serde_json::from_value(value).unwrap() };
        let fault = validate(&[&FLAG], &changes(json!({ "a.flag": 1, "b": null }))).unwrap_err();
        assert_eq!(
            fault.detail,
            "settings[a.flag]: must be true or false, or null for the default (false); \
             settings[b]: is no setting; there are a.flag"
        );
        let many: Changes =
            (0..100).map(|number| (format!("{number}{}", "x".repeat(500)), json!(1))).collect();
        let fault = validate(&[&FLAG], &many).unwrap_err();
        assert_eq!(fault.fields.len(), ERRORS_MAX);
        assert!(fault.fields.iter().all(|error| error.field.len() <= NAME_SHOWN_MAX + "settings[]".len()));
    }
}
