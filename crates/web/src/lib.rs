//! The HTTP vocabulary: how a request becomes a command's input, and how an answer or a [`base::Fault`] leaves.
//!
//! # How a service plugs in
//!
//! A service is three things to this crate: routes, a document, a dialect. They come as one [`Api`]:
//!
//! ```ignore
//! pub const ABOUT: About = About {
//!     service: "quota",
//!     title: "Quota",
//!     description: "Tokens verified and charged on every call.",
//!     version: "1",
//!     document_path: "/openapi/quota.json",
//!     // Errors at these paths speak the service's dialect: unknown routes and wrong methods, too.
//!     owned: &[Owned::Exact("/v1/verify"), Owned::Subtree("/v1/accounts"), Owned::Subtree("/v1/tokens")],
//!     dialect: Dialect { name: "quota", render },
//! };
//!
//! /// `POST /v1/verify`: one call of a token, charged with its points.
//! #[utoipa::path(post, path = "/v1/verify", responses((status = 200, body = Verified)))]
//! async fn verify(meta: RequestMeta, State(quota): State<Quota>, Json(document): Json) -> Result<Response, Failure> {
//!     let count = document.integer_or("count", 1..=1_000_000, 1)?;
//!     let verified = quota.verify(meta.request_id, count).await?;
//!     Ok(reply::json(StatusCode::OK, &verified))
//! }
//!
//! pub fn api(quota: Quota) -> Api {
//!     Api::new(ABOUT).routes(routes!(verify)).with_state(quota)
//! }
//!
//! /// The five things that can be said about a fault, in the shape that clients of this API know.
//! fn render(fault: &Fault, context: &ErrorContext<'_>) -> Rendered {
//!     Rendered::json(dialect::status(fault.code), &Shape { error: title(fault.code), message: &fault.detail })
//! }
//! ```
//!
//! The server puts the services of a listener together and serves them:
//!
//! ```ignore
//! let site = Site::new().api(health::api(readiness)).api(quota::api(quota));
//! let edge = docs::pages(site).edge(request_ids, EdgeSettings::default());
//! serve(listener, edge, ServeLimits::default(), shutdown).await;
//! ```
//!
//! # What every answer gets
//!
//! The [`Edge`] stands around the router: it gives the request its id, turns panics, unknown paths, wrong methods and
//! faults into errors in the dialect of the path's owner, adds the security headers, counts and logs.
//! A handler therefore returns `Result<Response, Failure>`, uses `?` on faults, and never builds an error body.

pub mod body;
pub mod caller;
mod client_address;
pub mod destination;
pub mod dialect;
pub mod docs;
pub mod edge;
pub mod health;
pub mod json;
mod linger;
mod metering;
pub mod openapi;
pub mod page;
pub mod problem;
pub mod reply;
pub mod serve;
mod site;
#[cfg(test)]
mod testing;

pub use body::Json;
pub use caller::{Caller, Guard};
pub use dialect::{Dialect, ErrorContext, Failure, Owned, Rendered};
pub use edge::{Edge, EdgeSettings, RequestIds, RequestMeta};
pub use openapi::{About, Api, Handlers, routes};
pub use page::{Listed, Page};
pub use site::Site;
