//! The HTTP vocabulary: callers, replies, error dialects, limits, OpenAPI.

pub mod body;
pub mod dialect;
pub mod edge;
pub mod json;
mod linger;
mod metering;
pub mod problem;
pub mod serve;

pub use dialect::{Dialect, ErrorContext, Failure, Owned, Owners, Rendered};
pub use edge::{Edge, EdgeSettings, RequestIds, RequestMeta};
