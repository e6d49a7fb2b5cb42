//! Personal data, sealed under a key of the person it is about.
//!
//! Root secret (outside the database) → key of the tenant → key of the subject → what is sealed.
//! States of a subject: absent → known → erased. Erasing destroys its key: what was sealed stays where it is, in
//! backups too, and opens no more. A subject that is met again after its erasure gets a new key.
//! Tables: `tenant_key`, `subject_key`. A subject is known by a keyed MAC: see [`Secrets::subject_mac`].

mod store;

use base::id::TenantId;
use base::{Fault, Timestamp};
use db::Tx;

use crate::ctx::Ctx;
use crate::secrets::{self, Mac, SECRET_LENGTH, Secrets};

pub use store::STATEMENTS;

type Key = [u8; SECRET_LENGTH];

/// Seals what is about a subject, whose key is made if there is none.
/// `context` says what it is, such as `citizen.record`, and must be given again to open it.
///
/// # Errors
/// Keys that do not open under this installation's secrets; a database failure.
pub fn seal(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    secrets: &Secrets,
    subject: &Mac,
    context: &str,
    plain: &[u8],
) -> Result<Vec<u8>, Fault> {
    let key = match find_key(tx, ctx.tenant_id, secrets, subject)? {
        Some(key) => key,
        None => make_key(tx, ctx, secrets, subject)?,
    };
    Ok(secrets::seal(&key, &ctx.random, context, plain))
}

/// Opens what [`seal`] made for the same subject and context. `None`: the subject was erased since.
///
/// # Errors
/// Keys that do not open under this installation's secrets; a database failure.
pub fn open(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    secrets: &Secrets,
    subject: &Mac,
    context: &str,
    sealed: &[u8],
) -> Result<Option<Vec<u8>>, Fault> {
    let key = find_key(tx, tenant_id, secrets, subject)?;
    // After an erasure a new key may stand here, which does not open what the old one sealed.
    Ok(key.and_then(|key| secrets::open(&key, context, sealed)))
}

/// Destroys the key of a subject, and tells since when there was one; `None` when there is none.
///
/// # Errors
/// A database failure.
pub fn erase(tx: &mut Tx<'_>, ctx: &Ctx, subject: &Mac) -> Result<Option<Timestamp>, Fault> {
    store::erase(tx, ctx, subject)
}

fn find_key(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    secrets: &Secrets,
    subject: &Mac,
) -> Result<Option<Key>, Fault> {
    let Some(wrapped) = store::find_subject_key(tx, tenant_id, subject)? else { return Ok(None) };
    let Some(tenant_key) = find_tenant_key(tx, tenant_id, secrets)? else { return Err(broken(tenant_id)) };
    let key = secrets::open(&tenant_key, SUBJECT, &wrapped).ok_or_else(|| broken(tenant_id))?;
    Ok(Some(Key::try_from(key).map_err(|_| broken(tenant_id))?))
}

const SUBJECT: &str = "subject key";

/// Two transactions may meet here: whichever row is there in the end is the key of both.
fn make_key(tx: &mut Tx<'_>, ctx: &Ctx, secrets: &Secrets, subject: &Mac) -> Result<Key, Fault> {
    let tenant_key = match find_tenant_key(tx, ctx.tenant_id, secrets)? {
        Some(key) => key,
        None => {
            let fresh = ctx.random.bytes::<SECRET_LENGTH>();
            let wrapped = secrets.seal_root(&ctx.random, &tenant_context(ctx.tenant_id), &fresh);
            store::insert_tenant_key(tx, ctx, &wrapped)?;
            find_tenant_key(tx, ctx.tenant_id, secrets)?.ok_or_else(|| broken(ctx.tenant_id))?
        }
    };
    let wrapped = secrets::seal(&tenant_key, &ctx.random, SUBJECT, &ctx.random.bytes::<SECRET_LENGTH>());
    store::insert_subject_key(tx, ctx, subject, &wrapped)?;
    find_key(tx, ctx.tenant_id, secrets, subject)?.ok_or_else(|| broken(ctx.tenant_id))
}

fn find_tenant_key(tx: &mut Tx<'_>, tenant_id: TenantId, secrets: &Secrets) -> Result<Option<Key>, Fault> {
    let Some(wrapped) = store::find_tenant_key(tx, tenant_id)? else { return Ok(None) };
    let key = secrets.open_root(&tenant_context(tenant_id), &wrapped)?;
    Ok(Some(Key::try_from(key).map_err(|_| broken(tenant_id))?))
}

fn tenant_context(tenant_id: TenantId) -> String {
    format!("the key of {tenant_id}")
}

fn broken(tenant_id: TenantId) -> Fault {
    Fault::internal(format!("the keys of the subjects of {tenant_id} do not open: a row was changed or lost"))
}
