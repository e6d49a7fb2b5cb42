//! The demo tenants: made on the first start, found again on every later one.

use std::sync::Arc;

use base::id::{AccountId, ProductId, RequestId, TenantId};
use base::{Environment, Fault, KeyKind, KeyText, Secret, Service, Timestamp};
use kernel::keys::{self, NewKey, Object};
use kernel::ledger::{self, wallet_id};
use kernel::spine::Call;
use kernel::tenancy::{self, NewTenant};
use kernel::{Actor, Caller};
use serde::Serialize;
use services::codes::command::{self as codes, product};
use services::codes::model::{NewProduct, gtin_14};
use services::platform::command::{self as platform, CreateKey, Grant};
use services::quota::command::{self as quota, AccountFilter, CreateToken};
use services::quota::model::{NewAccount, NewToken};

use crate::app::App;

const LIVE_CREDITS: i64 = 100_000;
const POINTS: i64 = 1_000_000;
/// How many keys of one sequence may have been revoked before `dev` gives up.
const SEQUENCE_MAX: u32 = 10_000;

/// A demo tenant, as `dev --json` prints it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    pub(super) tenant_id: String,
    pub(super) platform: Pair<String>,
    pub(super) citizen: Pair<String>,
    pub(super) codes: CodesKeys,
    pub(super) quota: Pair<QuotaKeys>,
}

/// One thing of each environment.
#[derive(Debug, Serialize)]
pub(super) struct Pair<T> {
    pub(super) test: T,
    pub(super) live: T,
}

/// The keys of the service, and a product that both may mint codes of.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CodesKeys {
    pub(super) test: String,
    pub(super) live: String,
    pub(super) product_id: String,
}

#[derive(Debug, Serialize)]
pub(super) struct QuotaKeys {
    pub(super) admin: String,
    pub(super) token: String,
}

/// The demo tenant of this name, with keys of every service.
pub(super) async fn ensure(app: &App, name: &str, title: &str) -> Result<Shown, Fault> {
    let demo = Demo { app, name, tenant_id: tenant_id(app, name) };
    demo.ensure_tenant(title).await?;
    Ok(Shown {
        tenant_id: demo.tenant_id.text(),
        platform: Pair {
            test: demo.key(Service::Platform, KeyKind::Secret, Environment::Test).await?,
            live: demo.key(Service::Platform, KeyKind::Secret, Environment::Live).await?,
        },
        citizen: Pair {
            test: demo.key(Service::Citizen, KeyKind::Secret, Environment::Test).await?,
            live: demo.key(Service::Citizen, KeyKind::Secret, Environment::Live).await?,
        },
        codes: CodesKeys {
            test: demo.key(Service::Codes, KeyKind::Secret, Environment::Test).await?,
            live: demo.key(Service::Codes, KeyKind::Secret, Environment::Live).await?,
            product_id: demo.product().await?,
        },
        quota: Pair {
            test: demo.quota(Environment::Test).await?,
            live: demo.quota(Environment::Live).await?,
        },
    })
}

/// The same for the same secrets file.
fn tenant_id(app: &App, name: &str) -> TenantId {
    let bytes = app.kernel.secrets.development_bytes(&format!("tenant {name}"));
    let (random, _) = bytes.split_first_chunk().expect("17 bytes are more than 8");
    TenantId::new(Timestamp::from_millis(1_767_225_600_000), u64::from_be_bytes(*random))
}

struct Demo<'a> {
    app: &'a App,
    name: &'a str,
    tenant_id: TenantId,
}

impl Demo<'_> {
    async fn ensure_tenant(&self, title: &str) -> Result<(), Fault> {
        let (kernel, tenant_id) = (&self.app.kernel, self.tenant_id);
        if kernel.db.read(move |tx| tenancy::find(tx, tenant_id)).await.is_ok() {
            return Ok(());
        }
        let new = NewTenant {
            tenant_id,
            parent_tenant_id: None,
            name: title.to_owned(),
            plan: "enterprise".to_owned(),
            is_live_approved: true,
        };
        let call = self.call(Service::Platform, Environment::Live, None);
        kernel.run(call, &platform::CREATE_TENANT, new, platform::create_tenant).await?;
        let grant = Grant { amount: LIVE_CREDITS, reference: "attestry dev".to_owned() };
        let call = self.call(Service::Platform, Environment::Live, Some("attestry dev"));
        kernel.run(call, &platform::GRANT, grant, platform::grant).await?;
        kernel
            .db
            .read(move |tx| ledger::find(tx, tenant_id, wallet_id(tenant_id, Environment::Live)))
            .await?;
        Ok(())
    }

    async fn quota(&self, environment: Environment) -> Result<QuotaKeys, Fault> {
        Ok(QuotaKeys {
            admin: self.key(Service::Quota, KeyKind::Admin, environment).await?,
            token: self.token(environment).await?,
        })
    }

    /// A product of one id in both environments.
    async fn product(&self) -> Result<String, Fault> {
        let (kernel, tenant_id) = (&self.app.kernel, self.tenant_id);
        let product_id = ProductId::from_bits(tenant_id.bits());
        for &environment in Environment::ALL {
            let read = move |tx: &mut db::Tx<'_>| product::read(tx, tenant_id, environment, product_id);
            if kernel.db.read(read).await.is_ok() {
                continue;
            }
            let new = NewProduct {
                product_id: Some(product_id),
                name: "Premium Cooking Oil 5L".to_owned(),
                sku: Some("OIL-5L".to_owned()),
                gtin: gtin_14("9506000134352"),
                prefix: Some("EXP24".to_owned()),
                regions: Vec::new(),
                sell_by_days: None,
                page_text: Some("Store in a cool, dry place.".to_owned()),
                page_image: None,
            };
            let call = self.call(Service::Codes, environment, None);
            kernel.run(call, &codes::CREATE_PRODUCT, new, product::create).await?;
        }
        Ok(product_id.text())
    }

    async fn key(&self, service: Service, kind: KeyKind, environment: Environment) -> Result<String, Fault> {
        let form = KeyText { service, kind, environment };
        let (secret, label, is_new) = self.next(form).await?;
        if is_new {
            let new = NewKey {
                form,
                scopes: services::scopes(service).iter().map(|scope| (*scope).to_owned()).collect(),
                label: "attestry dev".to_owned(),
                allowed_origins: match kind {
                    KeyKind::Publishable => vec!["http://localhost:3000".parse().map_err(Fault::internal)?],
                    _ => Vec::new(),
                },
                development_label: Some(label),
                ..NewKey::new(form)
            };
            let input = CreateKey { new, secrets: Arc::clone(&self.app.kernel.secrets) };
            let call = self.call(Service::Platform, environment, None);
            self.app.kernel.run(call, &platform::CREATE_KEY, input, platform::create_key).await?;
        }
        Ok(secret.expose().to_owned())
    }

    async fn token(&self, environment: Environment) -> Result<String, Fault> {
        let form = KeyText { service: Service::Quota, kind: KeyKind::Token, environment };
        let (secret, label, is_new) = self.next(form).await?;
        if is_new {
            let new = NewToken {
                account_id: self.account(environment).await?,
                points_per_call: 1,
                label: "attestry dev".to_owned(),
                expires_at: None,
                development_label: Some(label),
            };
            let input = CreateToken { new, secrets: Arc::clone(&self.app.kernel.secrets) };
            let call = self.call(Service::Quota, environment, None);
            self.app.kernel.run(call, &quota::CREATE_TOKEN, input, quota::create_token).await?;
        }
        Ok(secret.expose().to_owned())
    }

    async fn account(&self, environment: Environment) -> Result<AccountId, Fault> {
        let (kernel, tenant_id) = (&self.app.kernel, self.tenant_id);
        let every = AccountFilter::default();
        let first = kernel
            .db
            .read(move |tx| quota::list_accounts(tx, tenant_id, environment, &every, None, 1))
            .await?;
        if let Some(account) = first.first() {
            return Ok(account.account_id);
        }
        let new = NewAccount {
            name: "Demo client".to_owned(),
            external_id: Some("demo".to_owned()),
            is_idempotent: false,
            points: POINTS,
        };
        let call = self.call(Service::Quota, environment, Some("attestry dev"));
        let answer = kernel.run(call, &quota::CREATE_FUNDED_ACCOUNT, new, quota::create_account).await?;
        Ok(answer.value.id)
    }

    /// The first secret of a sequence that is live or not made yet, and its label.
    async fn next(&self, form: KeyText) -> Result<(Secret, String, bool), Fault> {
        let kernel = &self.app.kernel;
        for number in 0..SEQUENCE_MAX {
            let label = format!("{} {} {} {} {number}", self.name, form.service, form.kind, form.environment);
            let secret = form.mint(kernel.secrets.development_bytes(&label));
            match self.state(&secret).await? {
                State::Missing => return Ok((secret, label, true)),
                State::Live => return Ok((secret, label, false)),
                State::Dead => {}
            }
        }
        Err(Fault::conflict("Too many development keys were revoked. Start with another --data folder."))
    }

    async fn state(&self, secret: &Secret) -> Result<State, Fault> {
        let kernel = self.app.kernel.clone();
        let macs: Vec<_> = kernel.secrets.credential_macs(secret.expose()).collect();
        let now = kernel.clock.now();
        kernel
            .db
            .read(move |tx| {
                let is_live = match keys::find_credential(tx, &macs)? {
                    None => return Ok(State::Missing),
                    Some(keys::Credential { tenant_id, object: Object::Key(key_id) }) => {
                        let key = keys::find_any(tx, tenant_id, key_id)?;
                        // A key that was made before a scope was there is replaced by one that holds it.
                        let holds_all = services::scopes(key.service)
                            .iter()
                            .all(|scope| key.scopes.iter().any(|held| held == scope));
                        keys::ensure_live(&key, now).is_ok() && key.revoked_at.is_none() && holds_all
                    }
                    Some(keys::Credential { tenant_id, object: Object::Token(token_id) }) => {
                        quota::is_lasting(tx, tenant_id, token_id, now)?
                    }
                };
                Ok(if is_live { State::Live } else { State::Dead })
            })
            .await
    }

    fn call(&self, service: Service, environment: Environment, idempotency_key: Option<&str>) -> Call {
        let kernel = &self.app.kernel;
        Call {
            caller: Caller {
                tenant_id: self.tenant_id,
                environment,
                service,
                actor: Actor::Operator { name: "dev".to_owned() },
                scopes: Vec::new(),
            },
            request_id: RequestId::new(kernel.clock.now(), kernel.random.id_bits()),
            route: "attestry dev",
            idempotency_key: idempotency_key.map(|key| Secret::new(key.to_owned())),
            fingerprint: Default::default(),
        }
    }
}

enum State {
    Missing,
    Live,
    Dead,
}
