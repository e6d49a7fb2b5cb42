//! Many callers at once: no point is spent twice, none is lost, and what was ended stays ended.

mod charges;
mod ending;
mod keys;
mod processes;
mod two_nodes;
