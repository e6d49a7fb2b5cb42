//! Counting requests by route, method and class of status, without an allocation per request.
//!
//! The router does not say which template it matched, so the templates are matched once more here: that costs
//! nanoseconds, where asking the router by a layer would cost every request a boxed future.

use std::sync::OnceLock;
use std::time::Duration;

use http::{Method, StatusCode};
use metrics::{Counter, Histogram};

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const OTHER_METHOD: &str = "other";
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What no template matches is counted together, or a scanner would make a series for every path it tries.
const UNMATCHED: &str = "unmatched";

/// The routes of a router and their meters.
pub(crate) struct Meters {
    templates: matchit::Router<usize>,
    routes: Vec<Route>,
    unmatched: Route,
}

/// One route's meters, each made when it is first used.
pub(crate) struct Route {
    template: String,
    methods: [MethodMeters; METHODS.len() + 1],
}

#[derive(Default)]
struct MethodMeters {
    requests: [OnceLock<Counter>; CLASSES.len()],
    seconds: OnceLock<Histogram>,
}

impl Meters {
    pub(crate) fn new(templates: &[String]) -> Self {
        let mut router = matchit::Router::new();
        for (index, template) in templates.iter().enumerate() {
            router.insert(template, index).expect("axum's router, built on the same matcher, took this path");
        }
        let routes = templates.iter().map(|template| Route::new(template)).collect();
        Self { templates: router, routes, unmatched: Route::new(UNMATCHED) }
    }

    pub(crate) fn route(&self, path: &str) -> &Route {
        match self.templates.at(path) {
            Ok(found) => &self.routes[*found.value],
            Err(_) => &self.unmatched,
        }
    }
}

impl Route {
    fn new(template: &str) -> Self {
        Self { template: template.to_owned(), methods: Default::default() }
    }

    pub(crate) fn template(&self) -> &str {
        &self.template
    }

    pub(crate) fn count(&self, method: &Method, status: StatusCode, elapsed: Duration) {
        let index = METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len());
        let name = METHODS.get(index).copied().unwrap_or(OTHER_METHOD);
        let meters = &self.methods[index];
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        let requests = meters.requests[class].get_or_init(|| {
            metrics::counter!(
                "http_requests_total",
                "route" => self.template.clone(), "method" => name, "status" => CLASSES[class]
            )
        });
        let seconds = meters.seconds.get_or_init(|| {
            metrics::histogram!("http_request_duration_seconds", "route" => self.template.clone(), "method" => name)
        });
        requests.increment(1);
        seconds.record(elapsed);
    }
}
