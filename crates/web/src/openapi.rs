//! A service's routes and its OpenAPI document, registered in one step so that they cannot differ.
//!
//! Each service has a document of its own, because their error shapes differ.
//! A handler's annotation (`#[utoipa::path]`) gives method and path to the router and to the document alike.

use std::fmt;

use axum::Router;
use axum::routing::MethodRouter;
use http::StatusCode;
use utoipa::openapi::{Components, Info, OpenApi, OpenApiBuilder, PathItem, RefOr};
use utoipa_axum::router::UtoipaMethodRouter;

/// Pairs annotated handlers of one path for [`Api::routes`].
pub use utoipa_axum::routes;

use crate::dialect::{Dialect, Owned};

/// Annotated handlers of one path, as [`routes!`] pairs them.
pub type Handlers<S> = UtoipaMethodRouter<S>;

/// What is fixed about a service's API.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// One word, as in logs and metrics: `quota`.
    pub service: &'static str,
    pub title: &'static str,
    /// Markdown, the first thing that a reader of the document sees.
    pub description: &'static str,
    /// The version of the API, which is part of its published contract.
    pub version: &'static str,
    /// Where the document is served.
    pub document_path: &'static str,
    /// The paths whose errors speak `dialect`, those without a route included.
    pub owned: &'static [Owned],
    pub dialect: Dialect,
}

/// A service's routes, its document and its dialect, ready for [`crate::Site::api`].
#[must_use]
pub struct Api<S = ()> {
    pub(crate) about: About,
    pub(crate) router: Router<S>,
    pub(crate) document: OpenApi,
    /// Every path of the router, documented or not, as it was registered.
    pub(crate) templates: Vec<String>,
}

impl<S> fmt::Debug for Api<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("about", &self.about)
            .field("templates", &self.templates)
            .finish_non_exhaustive()
    }
}

impl<S: Clone + Send + Sync + 'static> Api<S> {
    pub fn new(about: About) -> Self {
        let mut info = Info::new(about.title, about.version);
        info.description = Some(about.description.to_owned());
        let components = Some(Components::new());
        let document = OpenApiBuilder::new().info(info).components(components).build();
        Self { about, router: Router::new(), document, templates: Vec::new() }
    }

    /// Adds the handlers of one path, as [`routes!`] pairs them: `api.routes(routes!(list, create))`.
    ///
    /// # Panics
    /// When the handlers' annotations name different paths, when a path and method is taken, or when two different
    /// schemas have one name: mistakes in the code, found at the start.
    pub fn routes(mut self, (schemas, paths, handlers): UtoipaMethodRouter<S>) -> Self {
        assert_eq!(paths.paths.len(), 1, "the handlers of one `routes!` must share one path");
        for (path, mut item) in paths.paths {
            complete(&path, &mut item);
            self.router = self.router.route(&path, handlers.clone());
            self.add_template(&path);
            match self.document.paths.paths.get_mut(&path) {
                Some(known) => known.merge_operations(item),
                None => drop(self.document.paths.paths.insert(path, item)),
            }
        }
        let components = self.document.components.get_or_insert_default();
        for (name, schema) in schemas {
            // utoipa would let the second one win in silence, and the document would lie about the first.
            if let Some(known) = components.schemas.get(&name) {
                assert!(
                    *known == schema,
                    "two different schemas are called {name}: rename one with #[schema(as = …)]"
                );
            }
            components.schemas.insert(name, schema);
        }
        self
    }

    /// Adds a path that no document mentions: a page or file for browsers.
    ///
    /// # Panics
    /// When the path and method is taken.
    pub fn page(mut self, path: &str, handlers: MethodRouter<S>) -> Self {
        self.router = self.router.route(path, handlers);
        self.add_template(path);
        self
    }

    /// Edits what annotations of handlers cannot say: security schemes, tags, webhooks.
    pub fn describe(mut self, edit: impl FnOnce(&mut OpenApi)) -> Self {
        edit(&mut self.document);
        self
    }

    /// The document, with its service's fixed facts. It needs no state, so that it can be shown without a server.
    #[must_use]
    pub fn document(&self) -> (About, &OpenApi) {
        (self.about, &self.document)
    }

    /// Gives the handlers their state.
    pub fn with_state(self, state: S) -> Api {
        let Self { about, router, document, templates } = self;
        Api { about, router: router.with_state(state), document, templates }
    }

    fn add_template(&mut self, path: &str) {
        if !self.templates.iter().any(|known| known == path) {
            self.templates.push(path.to_owned());
        }
    }
}

/// What the standard demands and annotations leave out: ids that are unique in the document, which names of handlers
/// are not, and a description of every response, for which its status speaks.
fn complete(path: &str, item: &mut PathItem) {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let operations = [("get", get), ("put", put), ("post", post), ("delete", delete), ("patch", patch)];
    for (method, operation) in operations {
        let Some(operation) = operation else { continue };
        let words =
            path.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        operation.operation_id = Some([method].into_iter().chain(words).collect::<Vec<_>>().join("_"));
        for (status, response) in &mut operation.responses.responses {
            let RefOr::T(response) = response else { continue };
            if response.description.is_empty() {
                let status = StatusCode::from_bytes(status.as_bytes()).ok();
                let reason = status.and_then(|status| status.canonical_reason());
                response.description = reason.unwrap_or("See the body.").to_owned();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use serde::Serialize;
    use utoipa::ToSchema;

    use super::*;
    use crate::problem;

    const ABOUT: About = About {
        service: "sample",
        title: "Sample",
        description: "For a test.",
        version: "1",
        document_path: "/sample/openapi.json",
        owned: &[Owned::Subtree("/sample")],
        dialect: problem::DIALECT,
    };

    #[derive(Serialize, ToSchema)]
    struct Thing {
        name: String,
    }

    mod other {
        #[derive(serde::Serialize, utoipa::ToSchema)]
        pub(super) struct Thing {
            pub(super) weight_g: i64,
        }
    }

    #[utoipa::path(get, path = "/sample/{id}", responses((status = 200, body = Thing)))]
    async fn get_thing() -> impl IntoResponse {
        axum::Json(Thing { name: String::new() })
    }

    #[utoipa::path(delete, path = "/sample/{id}", responses((status = 204)))]
    async fn delete_thing() {}

    #[utoipa::path(get, path = "/sample", responses((status = 200, body = other::Thing)))]
    async fn other_thing() -> impl IntoResponse {
        axum::Json(other::Thing { weight_g: 1 })
    }

    #[test]
    fn the_document_is_openapi_3_1_and_has_what_the_router_has() {
        let api: Api = Api::new(ABOUT).routes(routes!(get_thing, delete_thing));
        let document = serde_json::to_value(&api.document).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
        assert_eq!(document["info"]["title"], "Sample");
        assert_eq!(api.templates, ["/sample/{id}"]);
        let methods: Vec<&String> = document["paths"]["/sample/{id}"].as_object().unwrap().keys().collect();
        assert_eq!(methods, ["delete", "get"]);
        assert!(document["components"]["schemas"]["Thing"]["properties"]["name"].is_object());
        let deleted = &document["paths"]["/sample/{id}"]["delete"]["responses"]["204"];
        assert_eq!(deleted["description"], "No Content");
        assert_eq!(document["paths"]["/sample/{id}"]["get"]["operationId"], "get_sample_id");
    }

    #[test]
    #[should_panic(expected = "two different schemas are called Thing")]
    fn two_schemas_of_one_name_are_refused() {
        drop(Api::<()>::new(ABOUT).routes(routes!(get_thing)).routes(routes!(other_thing)));
    }

    #[test]
    #[should_panic(expected = "must share one path")]
    fn handlers_of_two_paths_in_one_call_are_refused() {
        drop(Api::<()>::new(ABOUT).routes(routes!(delete_thing, other_thing)));
    }
}
