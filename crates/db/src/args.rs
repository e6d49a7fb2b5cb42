//! Arguments of a statement.

use std::borrow::Cow;

use base::id::{
    AccountId, AuditId, BatchId, DeliveryId, EndpointId, EventId, HoldId, JobId, KeyId, LineageId,
    OperatorId, PriceId, ProductId, RequestId, TenantId, TokenId, TransferId,
};
use base::{Credits, Environment, KeyKind, Service, Timestamp};

/// One argument. [`args!`](crate::args) makes a list of them.
#[derive(Clone, PartialEq, Debug)]
pub enum Arg<'a> {
    Null,
    Int(i64),
    Real(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    /// PostgreSQL only, for `unnest`.
    Texts(&'a [String]),
    /// PostgreSQL only, for `unnest`.
    Ints(&'a [i64]),
    /// PostgreSQL only, for `unnest`.
    Blobs(&'a [Vec<u8>]),
}

/// The arguments `?1`, `?2`, … of a statement, each made by [`Arg::from`].
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::Arg::from($value)),*] as &[$crate::Arg<'_>] };
}

macro_rules! from {
    ($($type:ty: $value:ident => $arg:expr;)*) => {$(
        impl<'a> From<$type> for Arg<'a> {
            fn from($value: $type) -> Self {
                $arg
            }
        }
    )*};
}

from! {
    i64: value => Self::Int(value);
    &'a i64: value => Self::Int(*value);
    i32: value => Self::Int(value.into());
    u32: value => Self::Int(value.into());
    u16: value => Self::Int(value.into());
    bool: value => Self::Int(value.into());
    f64: value => Self::Real(value);
    &'a str: value => Self::Text(Cow::Borrowed(value));
    &'a String: value => Self::Text(Cow::Borrowed(value));
    String: value => Self::Text(Cow::Owned(value));
    Cow<'a, str>: value => Self::Text(value);
    &'a [u8]: value => Self::Bytes(Cow::Borrowed(value));
    &'a Vec<u8>: value => Self::Bytes(Cow::Borrowed(value));
    Vec<u8>: value => Self::Bytes(Cow::Owned(value));
    &'a [String]: value => Self::Texts(value);
    &'a Vec<String>: value => Self::Texts(value);
    &'a [i64]: value => Self::Ints(value);
    &'a Vec<i64>: value => Self::Ints(value);
    &'a [Vec<u8>]: value => Self::Blobs(value);
    &'a Vec<Vec<u8>>: value => Self::Blobs(value);
    &'a Option<String>: value => value.as_deref().into();
    &'a Option<Vec<u8>>: value => value.as_deref().into();
    Timestamp: value => Self::Int(value.micros());
    &'a Timestamp: value => Self::Int(value.micros());
    Credits: value => Self::Int(value.get());
    &'a Credits: value => Self::Int(value.get());
}

macro_rules! from_id {
    ($($id:ident)*) => {$(
        from! {
            $id: id => Self::Text(Cow::Owned(id.text()));
            &'a $id: id => Self::Text(Cow::Owned(id.text()));
        }
    )*};
}

from_id! {
    TenantId OperatorId KeyId LineageId AccountId TokenId TransferId HoldId PriceId AuditId EventId JobId RequestId
    EndpointId DeliveryId ProductId BatchId
}

macro_rules! from_name {
    ($($named:ident)*) => {$(
        from! {
            $named: value => Self::Text(Cow::Borrowed(value.name()));
            &'a $named: value => Self::Text(Cow::Borrowed(value.name()));
        }
    )*};
}

from_name! { Environment Service KeyKind }

impl<'a, const N: usize> From<&'a [u8; N]> for Arg<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Bytes(Cow::Borrowed(value))
    }
}

impl<const N: usize> From<[u8; N]> for Arg<'_> {
    fn from(value: [u8; N]) -> Self {
        Self::Bytes(Cow::Owned(value.to_vec()))
    }
}

impl<'a, T> From<Option<T>> for Arg<'a>
where
    Self: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vocabulary_type_becomes_its_stored_form() {
        let tenant = TenantId::from_bits(7);
        let text = String::from("t");
        let list = args![
            tenant,
            &tenant,
            Environment::Live,
            true,
            Timestamp::from_micros(5),
            Credits::new(-3),
            &text
        ];
        assert_eq!(list[0], Arg::Text(tenant.text().into()));
        assert_eq!(list[1], list[0]);
        assert_eq!(list[2], Arg::Text("live".into()));
        assert_eq!(list[3..6], [Arg::Int(1), Arg::Int(5), Arg::Int(-3)]);
        assert_eq!(list[6], Arg::Text("t".into()));
    }

    #[test]
    fn nothing_becomes_null_and_something_itself() {
        let list = args![None::<i64>, Some("x"), &None::<String>, Some([1_u8, 2]), &[3_u8]];
        assert_eq!(
            list,
            [
                Arg::Null,
                Arg::Text("x".into()),
                Arg::Null,
                Arg::Bytes(vec![1, 2].into()),
                Arg::Bytes(vec![3].into())
            ]
        );
        assert_eq!(args![], [] as [Arg<'_>; 0]);
    }
}
