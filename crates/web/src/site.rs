//! Everything that one listener answers, put together from services.

use axum::Router;
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::dialect::Owners;
use crate::edge::{Edge, EdgeSettings, RequestIds};
use crate::openapi::Api;
use crate::reply;

/// The services of one listener.
#[derive(Debug, Default)]
#[must_use]
pub struct Site {
    router: Router,
    templates: Vec<String>,
    owners: Owners,
    listed: Vec<Listed>,
}

/// A document in the list of `GET /openapi`.
#[derive(Clone, Copy, Serialize, ToSchema, Debug)]
struct Listed {
    service: &'static str,
    title: &'static str,
    /// Relative to this server.
    url: &'static str,
}

/// The answer of `GET /openapi`.
#[derive(Serialize, Debug)]
struct Listing<'a> {
    documents: &'a [Listed],
}

impl Site {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a service: its routes, its document and its dialect.
    ///
    /// # Panics
    /// When it claims a path that another service has: a mistake in the wiring, found at the start.
    pub fn api(mut self, api: Api) -> Self {
        let about = api.about;
        self.owners.add(about.owned, about.dialect);
        self.listed.push(Listed { service: about.service, title: about.title, url: about.document_path });
        self.router = self.router.merge(api.router);
        self.templates.extend(api.templates);
        let document = serde_json::to_vec(&api.document).expect("OpenAPI documents have text as keys");
        self.page(about.document_path, fixed_json(document.into()))
    }

    /// Adds a path that belongs to no service.
    ///
    /// # Panics
    /// When the path and method is taken.
    pub fn page(mut self, path: &str, handlers: MethodRouter) -> Self {
        self.router = self.router.route(path, handlers);
        self.templates.push(path.to_owned());
        self
    }

    /// The site as it is served, with `GET /openapi` listing the documents of all services.
    #[must_use]
    pub fn edge(self, request_ids: RequestIds, settings: EdgeSettings) -> Edge {
        let listing = serde_json::to_vec(&Listing { documents: &self.listed }).expect("a listing is text");
        let site = self.page("/openapi", fixed_json(listing.into()));
        Edge::new(site.router, &site.templates, site.owners, request_ids, settings)
    }
}

fn fixed_json(bytes: Bytes) -> MethodRouter {
    get(move || async move { reply::json_bytes(StatusCode::OK, bytes) })
}
