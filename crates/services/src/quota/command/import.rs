//! Tokens that were made elsewhere: kept as a MAC, like ours, and told apart by their last four characters.

use std::borrow::Cow;
use std::sync::Arc;

use base::id::LineageId;
use base::{Code, Fault, FieldError};
use db::Tx;
use kernel::keys::{self, Credential, Object};
use kernel::secrets::Mac;
use kernel::{Ctx, Ending, Secrets};
use serde::{Deserialize, Serialize};

use super::account::find_account;
use super::token::TokenView;
use crate::quota::model::{ForeignToken, NewToken, Token};
use crate::quota::store::token as store;

/// Tokens of one call.
pub const IMPORT_MAX: usize = 1000;

/// Tokens for one account.
#[derive(Debug)]
pub struct ImportTokens {
    /// What is the same for all of them.
    pub new: NewToken,
    /// Each with the name of the field that it was sent in.
    pub tokens: Vec<(Cow<'static, str>, ForeignToken)>,
    pub secrets: Arc<Secrets>,
}

/// The tokens in the order in which they were sent.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = QuotaImported)]
pub struct Imported {
    pub data: Vec<TokenView>,
}

/// All of them, or none: one that exists anywhere is a conflict.
pub fn import_tokens(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    input: &ImportTokens,
) -> Result<Ending<Imported>, Fault> {
    input.new.validate(ctx.now)?;
    find_account(tx, ctx, input.new.account_id)?;
    let mut credentials = Vec::with_capacity(input.tokens.len());
    let mut data = Vec::with_capacity(input.tokens.len());
    for (field, text) in &input.tokens {
        let lineage_id = LineageId::new(ctx.now, ctx.random.id_bits());
        let token = Token { is_imported: true, ..Token::new(ctx, &input.new, lineage_id, text.secret()) };
        store::insert(tx, ctx.tenant_id, &token)?;
        let macs: Vec<Mac> = input.secrets.credential_macs(text.secret().expose()).collect();
        credentials.push((macs, Object::Token(token.token_id), field));
        data.push(TokenView::new(token, None));
    }
    // In one order, so that two imports of the same tokens cannot wait for each other.
    credentials.sort_unstable_by(|(one, ..), (other, ..)| one.cmp(other));
    for (macs, object, field) in credentials {
        let credential = Credential { tenant_id: ctx.tenant_id, object };
        let is_known = keys::find_credential(tx, &macs)?.is_some();
        if is_known || is_taken(keys::insert_credential(tx, &macs[0], credential))? {
            return Err(exists(field));
        }
    }
    match data.as_slice() {
        [only] => ctx.target(only.id.text()),
        tokens => ctx.target(format!("{} tokens of {}", tokens.len(), input.new.account_id)),
    }
    Ok(Ending::Done(Imported { data }))
}

/// Whether another import of the same token came first.
fn is_taken(inserted: Result<(), Fault>) -> Result<bool, Fault> {
    match inserted {
        Ok(()) => Ok(false),
        Err(fault) if fault.code == Code::AlreadyExists => Ok(true),
        Err(fault) => Err(fault),
    }
}

/// Says of a token that it exists, and not whose it is.
fn exists(field: &str) -> Fault {
    let message = "exists already; nothing was imported";
    let mut fault = Fault::new(Code::AlreadyExists, format!("{field}: {message}"));
    fault.fields.push(FieldError { field: field.to_owned().into(), message: message.into() });
    fault
}
