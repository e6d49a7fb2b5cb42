//! Counting requests by route, method and class of status, without an allocation per request.
//!
//! The router does not say which template it matched, so the templates are matched once more here: that costs
//! nanoseconds, where asking the router by a layer would cost every request a boxed future.

use std::collections::BTreeSet;
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
        let mut routes = Vec::new();
        // Two services may share a path by different methods.
        for template in templates.iter().collect::<BTreeSet<_>>() {
            router
                .insert(template, routes.len())
                .expect("axum's router, built on the same matcher, took this path");
            routes.push(Route::new(template));
        }
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use metrics::{
        Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };

    use super::*;

    /// Notes every increment under its series.
    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<Vec<String>>>);

    struct Series(Notes, String);

    impl CounterFn for Series {
        fn increment(&self, value: u64) {
            self.0.0.lock().unwrap().push(format!("{} +{value}", self.1));
        }

        fn absolute(&self, _: u64) {}
    }

    impl Recorder for Notes {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            let labels: Vec<&str> = key.labels().map(metrics::Label::value).collect();
            Counter::from_arc(Arc::new(Series(self.clone(), labels.join(" "))))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn requests_are_counted_by_template_and_never_by_path() {
        let notes = Notes::default();
        let meters = Meters::new(&["/v/{token}".to_owned(), "/health".to_owned(), "/health".to_owned()]);
        metrics::with_local_recorder(&notes, || {
            for (path, method, status) in [
                ("/v/secret-1", Method::GET, StatusCode::OK),
                ("/v/secret-2", Method::GET, StatusCode::NOT_FOUND),
                ("/health", Method::HEAD, StatusCode::OK),
                ("/wp-login.php", Method::POST, StatusCode::NOT_FOUND),
                ("", Method::CONNECT, StatusCode::NOT_FOUND),
            ] {
                meters.route(path).count(&method, status, Duration::ZERO);
            }
        });
        assert_eq!(
            *notes.0.lock().unwrap(),
            [
                "/v/{token} GET 2xx +1",
                "/v/{token} GET 4xx +1",
                "/health HEAD 2xx +1",
                "unmatched POST 4xx +1",
                "unmatched other 4xx +1",
            ]
        );
    }
}
