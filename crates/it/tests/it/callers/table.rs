//! Every route of both listeners, and who may call it.

use serde_json::{Value, json};

use super::Known;
use crate::fixture::Ask;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Access {
    /// No key is asked for, and none is looked at.
    Open,
    /// A metered token.
    Token,
    /// A management key of quota with this scope.
    Quota(&'static str),
    /// A citizen key with this scope.
    Citizen(&'static str),
    /// A codes key with this scope.
    Codes(&'static str),
    /// A platform key with this scope.
    Platform(&'static str),
    Operator,
}

/// What the route is about: the object that a foreigner must not see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum About {
    Nothing,
    Account,
    Token,
    Verification,
    Key,
    Webhook,
    Product,
    Batch,
    /// Named in the body.
    AccountInBody,
    ProductInBody,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) template: &'static str,
    pub(super) access: Access,
    pub(super) about: About,
    pub(super) body: &'static str,
    /// The status for a caller who may.
    pub(super) status: u16,
}

const fn open(template: &'static str) -> Route {
    Route { method: "GET", template, access: Access::Open, about: About::Nothing, body: "", status: 200 }
}

const fn quota(
    method: &'static str,
    template: &'static str,
    scope: &'static str,
    about: About,
    body: &'static str,
    status: u16,
) -> Route {
    Route { method, template, access: Access::Quota(scope), about, body, status }
}

const fn citizen(
    method: &'static str,
    template: &'static str,
    scope: &'static str,
    about: About,
    body: &'static str,
) -> Route {
    Route { access: Access::Citizen(scope), ..quota(method, template, scope, about, body, 200) }
}

const fn codes(
    method: &'static str,
    template: &'static str,
    scope: &'static str,
    about: About,
    body: &'static str,
    status: u16,
) -> Route {
    Route { access: Access::Codes(scope), ..quota(method, template, scope, about, body, status) }
}

const fn platform(
    method: &'static str,
    template: &'static str,
    scope: &'static str,
    about: About,
    body: &'static str,
    status: u16,
) -> Route {
    Route { access: Access::Platform(scope), ..quota(method, template, scope, about, body, status) }
}

pub(super) const PUBLIC: &[Route] = &[
    open("/health"),
    open("/ready"),
    open("/openapi"),
    open("/openapi/system.json"),
    open("/openapi/platform.json"),
    open("/openapi/quota.json"),
    open("/api/v1/docs/openapi.json"),
    open("/api/v1/codes/openapi.json"),
    open("/v/{token}"),
    open("/V/{token}"),
    open("/01/{gtin}/21/{token}"),
    Route { method: "POST", ..open("/v/{token}/scan") },
    Route { method: "POST", ..open("/V/{token}/scan") },
    open("/docs"),
    open("/docs/page.js"),
    open("/docs/page.css"),
    open("/docs/5.35.0/swagger-ui-bundle.js"),
    open("/docs/5.35.0/swagger-ui.css"),
    open("/errors/malformed_request"),
    open("/errors/invalid_request"),
    open("/errors/credential_missing"),
    open("/errors/credential_invalid"),
    open("/errors/credential_expired"),
    open("/errors/insufficient_credits"),
    open("/errors/insufficient_scope"),
    open("/errors/origin_denied"),
    open("/errors/tenant_inactive"),
    open("/errors/not_found"),
    open("/errors/method_not_allowed"),
    open("/errors/request_timeout"),
    open("/errors/conflict"),
    open("/errors/already_exists"),
    open("/errors/idempotency_key_reused"),
    open("/errors/idempotency_expired"),
    open("/errors/request_in_progress"),
    open("/errors/body_too_large"),
    open("/errors/unsupported_media_type"),
    open("/errors/rate_limited"),
    open("/errors/internal_error"),
    open("/errors/unavailable"),
    open("/.well-known/attestry"),
    open("/audit/checkpoint"),
    open("/audit/tile/{level}/{*number}"),
    platform("GET", "/platform/v1/tenant", "tenant:read", About::Nothing, "", 200),
    platform("PATCH", "/platform/v1/tenant", "tenant:write", About::Nothing, r#"{"settings":{}}"#, 200),
    platform("GET", "/platform/v1/audit", "audit:read", About::Nothing, "", 200),
    platform("GET", "/platform/v1/audit/export", "audit:read", About::Nothing, "", 200),
    platform("GET", "/platform/v1/wallet", "wallet:read", About::Nothing, "", 200),
    platform("GET", "/platform/v1/wallet/transfers", "wallet:read", About::Nothing, "", 200),
    platform("POST", "/platform/v1/wallet/refill", "wallet:write", About::Nothing, r#"{"amount":5}"#, 200),
    platform("GET", "/platform/v1/usage", "usage:read", About::Nothing, "", 200),
    platform("GET", "/platform/v1/keys", "keys:read", About::Nothing, "", 200),
    platform("POST", "/platform/v1/keys", "keys:write", About::Nothing, r#"{"service":"codes"}"#, 201),
    platform("GET", "/platform/v1/keys/{id}", "keys:read", About::Key, "", 200),
    platform("PATCH", "/platform/v1/keys/{id}", "keys:write", About::Key, r#"{"label":"Other"}"#, 200),
    platform("POST", "/platform/v1/keys/{id}/rotate", "keys:write", About::Key, "", 201),
    platform("DELETE", "/platform/v1/keys/{id}", "keys:write", About::Key, "", 200),
    platform("GET", "/platform/v1/webhooks", "webhooks:read", About::Nothing, "", 200),
    platform(
        "POST",
        "/platform/v1/webhooks",
        "webhooks:write",
        About::Nothing,
        r#"{"url":"https://hooks.example/","service":"quota"}"#,
        201,
    ),
    platform("GET", "/platform/v1/webhooks/{id}", "webhooks:read", About::Webhook, "", 200),
    platform(
        "PATCH",
        "/platform/v1/webhooks/{id}",
        "webhooks:write",
        About::Webhook,
        r#"{"description":"Other"}"#,
        200,
    ),
    platform("POST", "/platform/v1/webhooks/{id}/rotate-secret", "webhooks:write", About::Webhook, "", 201),
    platform("POST", "/platform/v1/webhooks/{id}/test", "webhooks:write", About::Webhook, "", 202),
    platform(
        "POST",
        "/platform/v1/webhooks/{id}/replay",
        "webhooks:write",
        About::Webhook,
        r#"{"since":"2026-01-01T00:00:00Z"}"#,
        202,
    ),
    platform("GET", "/platform/v1/webhooks/{id}/deliveries", "webhooks:read", About::Webhook, "", 200),
    platform("DELETE", "/platform/v1/webhooks/{id}", "webhooks:write", About::Webhook, "", 200),
    platform("GET", "/platform/v1/events", "webhooks:read", About::Nothing, "", 200),
    Route {
        method: "POST",
        template: "/v1/verify",
        access: Access::Token,
        about: About::Nothing,
        body: "",
        status: 200,
    },
    codes("GET", "/api/v1/batches", "generate", About::Nothing, "", 200),
    codes("POST", "/api/v1/batches", "generate", About::ProductInBody, "", 201),
    codes("GET", "/api/v1/batches/{id}", "generate", About::Batch, "", 200),
    codes("PATCH", "/api/v1/batches/{id}", "manage", About::Batch, r#"{"risk":{}}"#, 200),
    codes("GET", "/api/v1/batches/{id}/codes", "generate", About::Batch, "", 200),
    codes("GET", "/api/v1/products", "manage", About::Nothing, "", 200),
    codes("POST", "/api/v1/products", "manage", About::Nothing, r#"{"name":"Oil"}"#, 201),
    codes("GET", "/api/v1/products/{id}", "manage", About::Product, "", 200),
    codes("PATCH", "/api/v1/products/{id}", "manage", About::Product, r#"{"name":"Oil"}"#, 200),
    codes(
        "POST",
        "/api/v1/codes/status",
        "manage",
        About::Nothing,
        r#"{"tokens":["x"],"status":"STOLEN"}"#,
        200,
    ),
    codes("POST", "/api/v1/verify", "verify", About::Nothing, r#"{"token":"x"}"#, 200),
    codes("GET", "/api/v1/usage", "read", About::Nothing, "", 200),
    quota("POST", "/v1/accounts", "accounts:write", About::Nothing, r#"{"name":"New"}"#, 201),
    quota("GET", "/v1/accounts", "accounts:read", About::Nothing, "", 200),
    quota("GET", "/v1/accounts/{id}", "accounts:read", About::Account, "", 200),
    quota("PATCH", "/v1/accounts/{id}", "accounts:write", About::Account, r#"{"name":"Other"}"#, 200),
    quota("POST", "/v1/accounts/{id}/credits", "accounts:write", About::Account, r#"{"points":5}"#, 200),
    quota("GET", "/v1/accounts/{id}/usage", "accounts:read", About::Account, "", 200),
    quota("GET", "/v1/accounts/{id}/transfers", "accounts:read", About::Account, "", 200),
    quota("POST", "/v1/tokens", "tokens:write", About::AccountInBody, "{}", 201),
    quota("GET", "/v1/tokens", "tokens:read", About::Nothing, "", 200),
    quota("POST", "/v1/tokens/import", "tokens:write", About::AccountInBody, "{}", 201),
    quota("POST", "/v1/tokens/verify", "tokens:verify", About::Nothing, r#"{"items":[{"token":"x"}]}"#, 200),
    quota("POST", "/v1/tokens/{id}/rotate", "tokens:write", About::Token, "", 201),
    quota("DELETE", "/v1/tokens/{id}", "tokens:write", About::Token, "", 200),
    citizen(
        "POST",
        "/api/v1/verify/citizen",
        "verify:write",
        About::Nothing,
        r#"{"nationalId":"12345678901","purpose":"callers"}"#,
    ),
    citizen("GET", "/api/v1/verifications", "verifications:read", About::Nothing, ""),
    citizen("GET", "/api/v1/verifications/{id}", "verifications:read", About::Verification, ""),
    citizen("GET", "/api/v1/registry/status", "registry:read", About::Nothing, ""),
    citizen("GET", "/api/v1/sandbox/scenarios", "registry:read", About::Nothing, ""),
];

/// Only the guard is judged here: the operator's routes answer to the operator token and to nothing else.
pub(super) const OPERATOR: &[(&str, &str)] = &[
    ("GET", "/operator/v1/tenants"),
    ("POST", "/operator/v1/tenants"),
    ("GET", "/operator/v1/tenants/{id}"),
    ("PATCH", "/operator/v1/tenants/{id}"),
    ("POST", "/operator/v1/tenants/{id}/status"),
    ("POST", "/operator/v1/tenants/{id}/approve"),
    ("GET", "/operator/v1/settings"),
    ("PATCH", "/operator/v1/settings"),
    ("GET", "/operator/v1/wallet"),
    ("GET", "/operator/v1/transfers"),
    ("POST", "/operator/v1/wallet/floor"),
    ("POST", "/operator/v1/credits"),
    ("GET", "/operator/v1/audit"),
    ("GET", "/operator/v1/audit/export"),
    ("POST", "/operator/v1/audit/logs"),
    ("GET", "/operator/v1/keys"),
    ("POST", "/operator/v1/keys"),
    ("PATCH", "/operator/v1/keys/{id}"),
    ("DELETE", "/operator/v1/keys/{id}"),
    ("POST", "/operator/v1/keys/{id}/rotate"),
    ("GET", "/operator/v1/webhooks"),
    ("POST", "/operator/v1/webhooks"),
    ("GET", "/operator/v1/webhooks/{id}"),
    ("PATCH", "/operator/v1/webhooks/{id}"),
    ("DELETE", "/operator/v1/webhooks/{id}"),
    ("POST", "/operator/v1/webhooks/{id}/rotate-secret"),
    ("POST", "/operator/v1/webhooks/{id}/test"),
    ("POST", "/operator/v1/webhooks/{id}/replay"),
    ("GET", "/operator/v1/webhooks/{id}/deliveries"),
    ("GET", "/operator/v1/events"),
    ("GET", "/operator/v1/accounts"),
    ("POST", "/operator/v1/accounts"),
    ("GET", "/operator/v1/accounts/{id}"),
    ("PATCH", "/operator/v1/accounts/{id}"),
    ("POST", "/operator/v1/accounts/{id}/credits"),
    ("GET", "/operator/v1/accounts/{id}/transfers"),
    ("GET", "/operator/v1/tokens"),
    ("POST", "/operator/v1/tokens"),
    ("POST", "/operator/v1/tokens/import"),
    ("DELETE", "/operator/v1/tokens/{id}"),
    ("POST", "/operator/v1/tokens/{id}/rotate"),
    ("GET", "/operator/v1/registry/imports"),
    ("POST", "/operator/v1/registry/imports"),
    ("POST", "/operator/v1/registry/imports/{id}/rows"),
    ("POST", "/operator/v1/registry/imports/{id}/merge"),
    ("POST", "/operator/v1/registry/imports/{id}/finish"),
    ("DELETE", "/operator/v1/registry/imports/{id}"),
    ("GET", "/operator/v1/verifications"),
    ("GET", "/operator/v1/verifications/{id}"),
    ("POST", "/operator/v1/citizens/erase"),
    ("GET", "/operator/v1/codes/batches"),
    ("GET", "/operator/v1/codes/batches/{id}"),
    ("GET", "/operator/v1/codes/batches/{id}/codes"),
    ("POST", "/operator/v1/codes/look"),
    ("GET", "/operator/v1/codes/epochs"),
    ("POST", "/operator/v1/codes/epochs/close"),
    ("POST", "/operator/v1/seed"),
    ("GET", "/operator/v1/ledger/check"),
    ("GET", "/operator/v1/ledger/summary"),
    ("GET", "/operator/v1/usage"),
    ("POST", "/operator/v1/usage/rebuild"),
    ("GET", "/operator/v1/doctor"),
    ("GET", "/operator/v1/migrations"),
    ("POST", "/operator/v1/secrets/activate"),
];

/// What the operator's listener shows to anybody who reaches it, and [`errors`].
const OPERATOR_OPEN: &[&str] =
    &["/health", "/ready", "/openapi", "/openapi/system.json", "/openapi/operator.json"];

/// The pages that explain problems, which both listeners have.
fn errors() -> impl Iterator<Item = &'static str> {
    PUBLIC.iter().map(|route| route.template).filter(|template| template.starts_with("/errors/"))
}

pub(super) fn operator_open() -> impl Iterator<Item = &'static str> {
    OPERATOR_OPEN.iter().copied().chain(errors())
}

pub(super) fn guarded() -> impl Iterator<Item = &'static Route> {
    PUBLIC.iter().filter(|route| route.access != Access::Open)
}

impl Route {
    /// The template of an open route with something that is there.
    pub(super) fn path(&self) -> String {
        let template = self.template.replace("{level}/{*number}", "0/000.p/1");
        template.replace("{token}", "no-token").replace("{gtin}", "09506000134352")
    }

    /// The request without a credential, about what is `known`.
    pub(super) fn ask(&self, known: &Known) -> Ask {
        let path = match self.about {
            About::Account => self.template.replace("{id}", &known.account),
            About::Token => self.template.replace("{id}", &known.token_id),
            About::Verification => self.template.replace("{id}", &known.verification),
            About::Key => self.template.replace("{id}", &known.key_id),
            About::Webhook => self.template.replace("{id}", &known.webhook),
            About::Product => self.template.replace("{id}", &known.product),
            About::Batch => self.template.replace("{id}", &known.batch),
            About::Nothing | About::AccountInBody | About::ProductInBody => self.path(),
        };
        let ask = Ask::new(self.method, &path).header("idempotency-key", "the callers");
        match self.about {
            // The token is for the import; other routes do not know the field.
            About::AccountInBody => ask
                .json(&json!({ "accountId": known.account, "token": format!("imported-{}", known.account) })),
            About::ProductInBody => ask.json(&json!({ "productId": known.product, "quantity": 1 })),
            _ if self.body.is_empty() => ask,
            _ => ask.json(&serde_json::from_str::<Value>(self.body).unwrap()),
        }
    }
}
