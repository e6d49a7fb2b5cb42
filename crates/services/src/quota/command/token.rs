//! The rules of tokens.

use base::id::{AccountId, LineageId, TenantId, TokenId};
use base::{Environment, Fault, KeyKind, KeyText, Secret, Service, Timestamp};
use db::Tx;
use kernel::keys::{self, Credential, Object};
use kernel::{Ctx, Ending, Secrets, ledger};
use serde::{Deserialize, Serialize};

use super::account::find_account;
use crate::quota::model::{NewToken, Token};
use crate::quota::store::token as store;

/// How long a rotated token keeps working.
pub const GRACE_SECONDS: i64 = 900;

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
    /// Made elsewhere.
    #[serde(default)]
    pub imported: bool,
}

impl TokenView {
    pub(super) fn new(token: Token, secret: Option<&Secret>) -> Self {
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
            imported: token.is_imported,
        }
    }
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
            store::end(tx, ctx.tenant_id, token.token_id, ctx.now)?;
        }
        store::retire(tx, ctx.tenant_id, newest.token_id, ctx.now.plus_seconds(GRACE_SECONDS))?;
    } else {
        store::end(tx, ctx.tenant_id, newest.token_id, ctx.now)?;
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
    store::end(tx, ctx.tenant_id, *token_id, revoked_at)?;
    ctx.target(token_id.text());
    ctx.change("live", "revoked");
    Ok(Ending::Done(TokenView::new(Token { revoked_at: Some(revoked_at), ..token }, None)))
}

/// Tokens, of one account if it is named, after `after`, oldest first, without their secrets.
///
/// # Errors
/// A database failure.
pub fn list_tokens(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    account_id: Option<AccountId>,
    after: Option<TokenId>,
    limit: i64,
) -> Result<Vec<TokenView>, Fault> {
    let after = after.unwrap_or(TokenId::from_bits(0));
    let tokens = store::list(tx, tenant_id, environment, account_id, after, limit)?;
    Ok(tokens.into_iter().map(|token| TokenView::new(token, None)).collect())
}

/// Whether a token is live and has no end in sight.
///
/// # Errors
/// A database failure.
pub fn is_lasting(tx: &mut Tx<'_>, tenant_id: TenantId, id: TokenId, now: Timestamp) -> Result<bool, Fault> {
    let token = store::find(tx, tenant_id, id)?;
    Ok(token.is_some_and(|token| token.revoked_at.is_none() && is_live(&token, now)))
}

fn find_token(tx: &mut Tx<'_>, ctx: &Ctx, id: TokenId) -> Result<Token, Fault> {
    store::find(tx, ctx.tenant_id, id)?
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
    let token = Token::new(ctx, new, lineage_id, &secret);
    store::insert(tx, ctx.tenant_id, &token)?;
    let credential = Credential { tenant_id: ctx.tenant_id, object: Object::Token(token.token_id) };
    keys::insert_credential(tx, &secrets.credential_mac(secret.expose()), credential)?;
    ctx.target(token.token_id.text());
    Ok(TokenView::new(token, Some(&secret)))
}

fn is_live(token: &Token, now: Timestamp) -> bool {
    let is_past = |moment: Option<Timestamp>| moment.is_some_and(|at| at <= now);
    !token.is_ended && !is_past(token.revoked_at) && !is_past(token.expires_at)
}
