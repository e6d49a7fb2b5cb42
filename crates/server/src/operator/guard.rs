//! The operator's credential, and the calls it stands for.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use base::id::TenantId;
use base::{Code, Environment, Fault, Secret, Service};
use http::HeaderMap;
use http::request::Parts;
use kernel::idempotency::KEY_LENGTH;
use kernel::secrets::is_equal;
use kernel::spine::Call;
use kernel::{Actor, Caller, Kernel};
use utoipa_axum::router::UtoipaMethodRouter;
use web::caller::{bearer, fingerprint, idempotency_key};
use web::json::Document;
use web::{Failure, RequestMeta};

const NAME_HEADER: &str = "x-operator";
const NAME_DEFAULT: &str = "operator";
const NAME_LENGTH_MAX: usize = 64;

/// Opens the operator's routes to the holder of the operator token.
#[derive(Clone)]
pub(super) struct Guard {
    token: Arc<Secret>,
}

/// An operator behind the guard: an extractor.
#[derive(Clone, Debug)]
pub(super) struct Operator {
    name: String,
    meta: RequestMeta,
    target: String,
    idempotency_key: Option<Secret>,
}

impl Guard {
    pub(super) fn new(kernel: &Kernel) -> Self {
        Self { token: Arc::new(kernel.secrets.operator_token().clone()) }
    }

    pub(super) fn routes<S>(&self, (schemas, paths, handlers): UtoipaMethodRouter<S>) -> UtoipaMethodRouter<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        (schemas, paths, handlers.route_layer(from_fn_with_state(self.clone(), admit)))
    }

    fn operator(&self, parts: &Parts) -> Result<Operator, Fault> {
        let shown = bearer(&parts.headers)?;
        if !is_equal(shown.as_bytes(), self.token.expose().as_bytes()) {
            return Err(Fault::new(
                Code::CredentialInvalid,
                "This is not the operator token. `attestry secrets operator-token` shows it.",
            ));
        }
        let meta: Option<&RequestMeta> = parts.extensions.get();
        Ok(Operator {
            name: name(&parts.headers)?,
            meta: meta.cloned().ok_or_else(|| Fault::internal("the router is served without its edge"))?,
            target: format!("{} {}", parts.method, parts.uri.path()),
            idempotency_key: idempotency_key(&parts.headers, &KEY_LENGTH)?,
        })
    }
}

impl Operator {
    /// A call of this operator on a tenant's environment.
    pub(super) fn call(
        &self,
        target: Target,
        service: Service,
        route: &'static str,
        document: &Document,
    ) -> Call {
        Call {
            caller: Caller {
                tenant_id: target.tenant_id,
                environment: target.environment,
                service,
                actor: Actor::Operator { name: self.name.clone() },
                scopes: Vec::new(),
            },
            request_id: self.meta.request_id,
            route,
            idempotency_key: self.idempotency_key.clone(),
            fingerprint: fingerprint(&self.target, document),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Operator {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let operator: Option<&Self> = parts.extensions.get();
        operator.cloned().ok_or_else(|| Fault::internal("the route is served without its guard").into())
    }
}

async fn admit(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match guard.operator(&parts) {
        Ok(operator) => {
            let mut request = Request::from_parts(parts, body);
            request.extensions_mut().insert(operator);
            next.run(request).await
        }
        Err(fault) => Failure::from(fault).into_response(),
    }
}

/// Who acts, for the audit log.
fn name(headers: &HeaderMap) -> Result<String, Fault> {
    let Some(value) = headers.get(NAME_HEADER) else {
        return Ok(NAME_DEFAULT.to_owned());
    };
    value
        .to_str()
        .ok()
        .filter(|name| (1..=NAME_LENGTH_MAX).contains(&name.len()))
        .map(str::to_owned)
        .ok_or_else(|| {
            Fault::invalid("X-Operator", format!("must have 1 to {NAME_LENGTH_MAX} printable characters"))
        })
}

/// The tenant and environment that a call is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) tenant_id: TenantId,
    pub(super) environment: Environment,
}

impl Target {
    /// `tenantId`, and `environment` unless it is live.
    pub(super) fn of(document: &Document) -> Result<Self, Fault> {
        Self::new(document.string("tenantId", 1..=64)?, document.optional_string("environment", 1..=8)?)
    }

    /// The same from a query string.
    pub(super) fn of_query(query: &Query) -> Result<Self, Fault> {
        let tenant = query.tenant_id.as_deref().ok_or_else(|| Fault::invalid("tenantId", "is required"))?;
        Self::new(tenant, query.environment.as_deref())
    }

    pub(super) fn new(tenant: &str, environment: Option<&str>) -> Result<Self, Fault> {
        let tenant_id =
            tenant.parse().map_err(|_| Fault::invalid("tenantId", "must be a tenant's id, tn_…"))?;
        let environment = Environment::parse(environment.unwrap_or("live"))
            .ok_or_else(|| Fault::invalid("environment", "must be test or live"))?;
        Ok(Self { tenant_id, environment })
    }
}

/// The query of the operator's reads.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Query {
    pub(super) tenant_id: Option<String>,
    pub(super) environment: Option<String>,
    pub(super) unit: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) banned: Option<String>,
    pub(super) account_id: Option<String>,
    pub(super) after: Option<String>,
    pub(super) limit: Option<String>,
}

impl Query {
    /// The last id of the page before, if any.
    pub(super) fn after<T: std::str::FromStr>(&self) -> Result<Option<T>, Fault> {
        let wrong = |_| Fault::invalid("after", "must be the id that ended the page before");
        self.after.as_deref().map(|text| text.parse().map_err(|_| wrong(()))).transpose()
    }

    /// 1 to 1000, 100 unless said.
    pub(super) fn limit(&self) -> Result<i64, Fault> {
        match self.limit.as_deref().map(str::parse) {
            None => Ok(100),
            Some(Ok(limit @ 1..=1000)) => Ok(limit),
            Some(_) => Err(Fault::invalid("limit", "must be 1 to 1000")),
        }
    }
}
