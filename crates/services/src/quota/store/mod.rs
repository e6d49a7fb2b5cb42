pub(super) mod account;
pub(super) mod token;
