//! A platform key can make and change platform keys, and must not make itself a wider one that way.
//!
//! What it gives is within what it has: its scopes, its networks, its end. Keys of services cannot make keys, so they
//! are not measured by their maker.

use base::{Cidr, Code, Fault, Service, Timestamp};
use db::Tx;
use kernel::Ctx;
use kernel::keys::{self, Key};

/// The calling key as it is before the command changes anything: it may be about to change itself.
///
/// # Errors
/// A database failure.
pub(super) fn giver(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<Option<Key>, Fault> {
    let key_id = ctx.actor.key_id();
    key_id.map(|key_id| keys::find(tx, ctx.tenant_id, ctx.environment, key_id)).transpose()
}

/// Refuses what `after` has beyond both the calling key and what it had `before`. Operators may give anything.
///
/// # Errors
/// [`Code::ScopeMissing`], naming what the caller lacks.
pub(super) fn ensure_may_give(giver: Option<&Key>, before: Option<&Key>, after: &Key) -> Result<(), Fault> {
    let Some(giver) = giver.filter(|_| after.service == Service::Platform) else { return Ok(()) };
    let limits = || before.into_iter().chain([giver]);
    let lacking: Vec<&str> = after
        .scopes
        .iter()
        .filter(|scope| !limits().any(|key| key.scopes.contains(scope)))
        .map(String::as_str)
        .collect();
    if !lacking.is_empty() {
        return Err(beyond(&format!("the scopes {}", lacking.join(", "))));
    }
    if !limits().any(|key| are_within(&after.allowed_ips, &key.allowed_ips)) {
        return Err(beyond("networks other than its own allowed_ips"));
    }
    if !limits().any(|key| ends_with(after.expires_at, key.expires_at)) {
        return Err(beyond("an end later than its own expires_at"));
    }
    Ok(())
}

/// Refuses that a key changes the limits of its own lineage.
///
/// # Errors
/// [`Code::ScopeMissing`]
pub(super) fn ensure_limits_are_not_its_own(ctx: &Ctx, before: &Key, after: &Key) -> Result<(), Fault> {
    let limits = |key: &Key| (key.rate_limit_per_minute, key.spend_cap_per_day);
    match ctx.actor {
        kernel::Actor::Key { lineage_id, .. }
            if lineage_id == after.lineage_id && limits(before) != limits(after) =>
        {
            Err(Fault::new(
                Code::ScopeMissing,
                "A key cannot change its own rate_limit_per_minute and spend_cap_per_day. Use another key.",
            ))
        }
        _ => Ok(()),
    }
}

fn beyond(what: &str) -> Fault {
    Fault::new(
        Code::ScopeMissing,
        format!("A key gives other platform keys only what it has itself, and this one has not {what}."),
    )
}

/// Whether every address that `inner` allows is allowed by `outer`; an empty list allows all.
fn are_within(inner: &[Cidr], outer: &[Cidr]) -> bool {
    let is_covered = |network: &Cidr| outer.iter().any(|other| other.covers(network));
    outer.is_empty() || (!inner.is_empty() && inner.iter().all(is_covered))
}

fn ends_with(inner: Option<Timestamp>, outer: Option<Timestamp>) -> bool {
    match (inner, outer) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(inner), Some(outer)) => inner <= outer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_networks_is_within_another_if_no_address_is_added() {
        let list = |texts: &[&str]| -> Vec<Cidr> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        for (inner, outer, expected) in [
            (vec![], vec![], true),
            (vec!["10.0.0.0/8"], vec![], true),
            (vec![], vec!["10.0.0.0/8"], false),
            (vec!["10.1.0.0/16", "10.2.3.4"], vec!["10.0.0.0/8"], true),
            (vec!["10.1.0.0/16", "11.0.0.1"], vec!["10.0.0.0/8"], false),
            (vec!["11.0.0.1"], vec!["10.0.0.0/8", "11.0.0.0/8"], true),
            (vec!["0.0.0.0/0"], vec!["10.0.0.0/8"], false),
            (vec!["::1"], vec!["0.0.0.0/0"], false),
        ] {
            assert_eq!(are_within(&list(&inner), &list(&outer)), expected, "{inner:?} in {outer:?}");
        }
    }

    #[test]
    fn a_key_ends_with_another_if_it_ends_no_later() {
        let at = |seconds| Some(Timestamp::from_millis(seconds));
        assert!(ends_with(None, None) && ends_with(at(1), None) && ends_with(at(1), at(1)));
        assert!(!ends_with(None, at(1)) && !ends_with(at(2), at(1)));
    }
}
