pub(super) mod delivery;
pub(super) mod endpoint;
pub(super) mod event;
pub(super) mod sweep;
