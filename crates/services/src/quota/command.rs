//! The rules of accounts and tokens. Every change runs through the spine.

use base::id::{AccountId, LineageId, TenantId, TokenId};
use base::key_text::last_four;
use base::{Environment, Fault, KeyKind, KeyText, Secret, Service, Timestamp};
use db::Tx;
use kernel::keys::{self, Credential, Object};
use kernel::spine::{Audit, Idempotent, Price, Scope};
use kernel::{Command, Ctx, Ending, Secrets, ledger};
use serde::{Deserialize, Serialize};

use super::model::{Account, NAME_LENGTH_MAX, NewAccount, NewToken, Token};
use super::store;

/// How long a rotated token keeps working.
pub const GRACE_SECONDS: i64 = 900;

const fn command(name: &'static str, scope: &'static str, idempotent: Idempotent) -> Command {
    Command { name, scope: Scope::Key(scope), price: Price::Free, audit: Audit::Always, idempotent }
}

pub const CREATE_ACCOUNT: Command = command("quota.account.create", "accounts:write", Idempotent::Optional);
/// Money-in, so a key is required. Operators alone may: a tenant opens an account and tops it up.
pub const CREATE_FUNDED_ACCOUNT: Command = Command {
    scope: Scope::OperatorOnly,
    ..command("quota.account.create_funded", "", Idempotent::Required)
};
pub const CHANGE_ACCOUNT: Command = command("quota.account.change", "accounts:write", Idempotent::No);
pub const TOP_UP: Command = command("quota.account.top_up", "accounts:write", Idempotent::Required);
pub const CREATE_TOKEN: Command = command("quota.token.create", "tokens:write", Idempotent::Optional);
pub const ROTATE_TOKEN: Command = command("quota.token.rotate", "tokens:write", Idempotent::Optional);
pub const REVOKE_TOKEN: Command = command("quota.token.revoke", "tokens:write", Idempotent::No);

/// Every command of the service, for the generated list.
pub const COMMANDS: &[&Command] = &[
    &CREATE_ACCOUNT,
    &CREATE_FUNDED_ACCOUNT,
    &CHANGE_ACCOUNT,
    &TOP_UP,
    &CREATE_TOKEN,
    &ROTATE_TOKEN,
    &REVOKE_TOKEN,
];

/// An account as it is answered and saved.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QuotaAccount)]
pub struct AccountView {
    #[schema(value_type = String, example = "acc_01k0example0000000000000000")]
    pub id: AccountId,
    pub environment: String,
    pub name: String,
    pub external_id: Option<String>,
    pub idempotency: bool,
    pub banned: bool,
    /// Points left.
    pub balance: i64,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        Self {
            id: account.account_id,
            environment: account.environment.name().to_owned(),
            name: account.name,
            external_id: account.external_id,
            idempotency: account.is_idempotent,
            banned: account.is_banned,
            balance: account.balance,
            created_at: account.created_at,
        }
    }
}

/// A token as it is answered and saved; `token` only in the answer that made it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QuotaToken)]
pub struct TokenView {
    #[schema(value_type = String, example = "tok_01k0example0000000000000000")]
    pub id: TokenId,
    #[schema(value_type = String)]
    pub account_id: AccountId,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token: Option<String>,
    pub environment: String,
    pub points_per_call: i64,
    pub label: String,
    pub last_four: String,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

impl TokenView {
    fn new(token: Token, secret: Option<&Secret>) -> Self {
        Self {
            id: token.token_id,
            account_id: token.account_id,
            token: secret.map(|secret| secret.expose().to_owned()),
            environment: token.environment.name().to_owned(),
            points_per_call: token.points_per_call,
            label: token.label,
            last_four: token.last_four,
            created_at: token.created_at,
            last_used_at: token.last_used_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
        }
    }
}

pub fn create_account(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    new: &NewAccount,
) -> Result<Ending<AccountView>, Fault> {
    ensure_name(&new.name)?;
    let account_id = AccountId::new(ctx.now, ctx.random.id_bits());
    ledger::open_customer(tx, ctx, account_id)?;
    store::insert_account(tx, ctx, account_id, new)?;
    if new.points > 0 {
        ledger::grant(tx, ctx, account_id, new.points, None)?;
        ctx.note(format!("{} points", new.points));
    }
    ctx.target(account_id.text());
    Ok(Ending::Done(find_account(tx, ctx, account_id)?.into()))
}

/// What may be changed about an account.
#[derive(Clone, Debug)]
pub struct AccountChange {
    pub account_id: AccountId,
    pub name: Option<String>,
    pub is_banned: Option<bool>,
}

/// A ban locks the account as every charge does: once it is answered, nothing is charged any more.
pub fn change_account(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    change: &AccountChange,
) -> Result<Ending<AccountView>, Fault> {
    let id = change.account_id;
    let before = find_account(tx, ctx, id)?;
    if let Some(name) = &change.name {
        ensure_name(name)?;
        store::rename_account(tx, ctx.tenant_id, id, name)?;
    }
    match change.is_banned {
        Some(true) => ledger::freeze(tx, ctx, id)?,
        Some(false) => ledger::unfreeze(tx, ctx, id)?,
        None => {}
    }
    let after = find_account(tx, ctx, id)?;
    ctx.target(id.text());
    ctx.change(format!("{before:?}"), format!("{after:?}"));
    Ok(Ending::Done(after.into()))
}

/// Points for an account.
#[derive(Clone, Debug)]
pub struct TopUp {
    pub account_id: AccountId,
    pub points: i64,
    /// The payment's own name: booked once per account.
    pub reference: Option<String>,
}

pub fn top_up(tx: &mut Tx<'_>, ctx: &mut Ctx, top_up: &TopUp) -> Result<Ending<AccountView>, Fault> {
    find_account(tx, ctx, top_up.account_id)?;
    ledger::grant(tx, ctx, top_up.account_id, top_up.points, top_up.reference.as_deref())
        .map_err(|fault| rename_field(fault, "amount", "points"))?;
    ctx.target(top_up.account_id.text());
    ctx.note(format!("{} points", top_up.points));
    Ok(Ending::Done(find_account(tx, ctx, top_up.account_id)?.into()))
}

/// A new token and the secrets to store it under.
#[derive(Debug)]
pub struct CreateToken {
    pub new: NewToken,
    pub secrets: std::sync::Arc<Secrets>,
}

pub fn create_token(tx: &mut Tx<'_>, ctx: &mut Ctx, input: &CreateToken) -> Result<Ending<TokenView>, Fault> {
    input.new.validate(ctx.now)?;
    find_account(tx, ctx, input.new.account_id)?;
    let lineage_id = LineageId::new(ctx.now, ctx.random.id_bits());
    insert_token(tx, ctx, &input.secrets, &input.new, lineage_id).map(Ending::Done)
}

/// Which token to rotate.
#[derive(Debug)]
pub struct RotateToken {
    pub token_id: TokenId,
    pub secrets: std::sync::Arc<Secrets>,
}

/// The next token of a lineage, on the same account: rotation mints no points. See [`keys::rotate`] for a second
/// rotation within the grace.
pub fn rotate_token(tx: &mut Tx<'_>, ctx: &mut Ctx, input: &RotateToken) -> Result<Ending<TokenView>, Fault> {
    let named = find_token(tx, ctx, input.token_id)?;
    ledger::lock(tx, ctx.tenant_id, named.account_id)?;
    let mut live = store::lineage(tx, ctx.tenant_id, named.lineage_id)?;
    live.retain(|token| is_live(token, ctx.now));
    // The one without a deadline last. Not by id: the ids of two nodes are only as ordered as their clocks are.
    live.sort_by_key(|token| (token.revoked_at.is_none(), token.revoked_at, token.token_id));
    let is_named_live = live.iter().any(|token| token.token_id == named.token_id);
    let Some((newest, older)) = live.split_last().filter(|_| is_named_live) else {
        return Err(Fault::conflict("Only a live token can be rotated. Create a new one."));
    };
    if older.is_empty() || newest.last_used_at.is_some() {
        for token in older {
            store::end_token(tx, ctx.tenant_id, token.token_id, ctx.now)?;
        }
        store::retire_token(tx, ctx.tenant_id, newest.token_id, ctx.now.plus_seconds(GRACE_SECONDS))?;
    } else {
        store::end_token(tx, ctx.tenant_id, newest.token_id, ctx.now)?;
    }
    let next = NewToken {
        account_id: newest.account_id,
        points_per_call: newest.points_per_call,
        label: newest.label.clone(),
        expires_at: newest.expires_at,
        development_label: None,
    };
    insert_token(tx, ctx, &input.secrets, &next, named.lineage_id).map(Ending::Done)
}

/// Locks the account as every charge does: once it is answered, the token pays for nothing any more.
pub fn revoke_token(tx: &mut Tx<'_>, ctx: &mut Ctx, token_id: &TokenId) -> Result<Ending<TokenView>, Fault> {
    let token = find_token(tx, ctx, *token_id)?;
    ledger::lock(tx, ctx.tenant_id, token.account_id)?;
    let revoked_at = token.revoked_at.map_or(ctx.now, |at| at.min(ctx.now));
    store::end_token(tx, ctx.tenant_id, *token_id, revoked_at)?;
    ctx.target(token_id.text());
    ctx.change("live", "revoked");
    Ok(Ending::Done(TokenView::new(Token { revoked_at: Some(revoked_at), ..token }, None)))
}

/// # Errors
/// Not found, which another tenant's or environment's account is too; a database failure.
pub fn read_account(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    id: AccountId,
) -> Result<Account, Fault> {
    store::find_account(tx, tenant_id, id)?
        .filter(|account| account.environment == environment)
        .ok_or_else(|| Fault::not_found("account"))
}

/// Accounts after `after`, oldest first.
///
/// # Errors
/// A database failure.
pub fn list_accounts(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    after: Option<AccountId>,
    limit: i64,
) -> Result<Vec<Account>, Fault> {
    store::list_accounts(tx, tenant_id, environment, after.unwrap_or(AccountId::from_bits(0)), limit)
}

/// Tokens after `after`, oldest first, without their secrets.
///
/// # Errors
/// A database failure.
pub fn list_tokens(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    after: Option<TokenId>,
    limit: i64,
) -> Result<Vec<TokenView>, Fault> {
    let tokens =
        store::list_tokens(tx, tenant_id, environment, after.unwrap_or(TokenId::from_bits(0)), limit)?;
    Ok(tokens.into_iter().map(|token| TokenView::new(token, None)).collect())
}

/// Whether a token is live and has no end in sight.
///
/// # Errors
/// A database failure.
pub fn is_lasting(tx: &mut Tx<'_>, tenant_id: TenantId, id: TokenId, now: Timestamp) -> Result<bool, Fault> {
    let token = store::find_token(tx, tenant_id, id)?;
    Ok(token.is_some_and(|token| token.revoked_at.is_none() && is_live(&token, now)))
}

fn find_account(tx: &mut Tx<'_>, ctx: &Ctx, id: AccountId) -> Result<Account, Fault> {
    read_account(tx, ctx.tenant_id, ctx.environment, id)
}

fn find_token(tx: &mut Tx<'_>, ctx: &Ctx, id: TokenId) -> Result<Token, Fault> {
    store::find_token(tx, ctx.tenant_id, id)?
        .filter(|token| token.environment == ctx.environment)
        .ok_or_else(|| Fault::not_found("token"))
}

fn insert_token(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    secrets: &Secrets,
    new: &NewToken,
    lineage_id: LineageId,
) -> Result<TokenView, Fault> {
    let form = KeyText { service: Service::Quota, kind: KeyKind::Token, environment: ctx.environment };
    let secret = form.mint(match &new.development_label {
        Some(label) => secrets.development_bytes(label),
        None => ctx.random.bytes(),
    });
    let token = Token {
        token_id: TokenId::new(ctx.now, ctx.random.id_bits()),
        account_id: new.account_id,
        lineage_id,
        environment: ctx.environment,
        points_per_call: new.points_per_call,
        label: new.label.clone(),
        last_four: last_four(&secret),
        created_at: ctx.now,
        last_used_at: None,
        expires_at: new.expires_at,
        revoked_at: None,
        is_ended: false,
    };
    store::insert_token(tx, ctx.tenant_id, &token)?;
    let credential = Credential { tenant_id: ctx.tenant_id, object: Object::Token(token.token_id) };
    keys::insert_credential(tx, &secrets.credential_mac(secret.expose()), credential)?;
    ctx.target(token.token_id.text());
    Ok(TokenView::new(token, Some(&secret)))
}

fn is_live(token: &Token, now: Timestamp) -> bool {
    let is_past = |moment: Option<Timestamp>| moment.is_some_and(|at| at <= now);
    !token.is_ended && !is_past(token.revoked_at) && !is_past(token.expires_at)
}

fn ensure_name(name: &str) -> Result<(), Fault> {
    if name.trim().is_empty() || name.chars().count() > NAME_LENGTH_MAX {
        return Err(Fault::invalid("name", format!("must be a text of 1 to {NAME_LENGTH_MAX} characters")));
    }
    Ok(())
}

fn rename_field(fault: Fault, from: &str, to: &'static str) -> Fault {
    match fault.fields.as_slice() {
        [only] if only.field == from => Fault::invalid(to, only.message.clone()),
        _ => fault,
    }
}
