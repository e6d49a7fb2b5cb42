//! Which log a node goes on with: the one in its database, unless that database was set back.

use base::{Fault, Timestamp};
use db::{Engine, Tx};
use seal::beginning::Beginning;
use seal::checkpoint::Checkpoint;

use super::{Head, append, sealer, store, tree};
use crate::Kernel;
use crate::ctx::{Ctx, Random};
use crate::secrets::hex;
use crate::tenancy::INSTALLATION;

const NOT_THERE: &str = "the audit log that was just begun is not there";

/// What a node keeps beside the database, and compares with it at its start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Beside {
    /// Nothing is kept, so nothing can be compared: for tests and tools.
    NotKept,
    /// Nothing is there: the first start of this folder, or the folder is not the one that the log was signed in.
    Nothing,
    /// What this node last signed.
    Last(Checkpoint),
}

/// Makes sure that there is a log to go on with. Gives its head.
///
/// A new log begins when there is none, and when the database has forgotten what this node signed: it was restored
/// from a backup, and going on with its log would sign another history under the same name.
/// On SQLite a database with a log and nothing beside it is taken for restored, too, because one folder holds both.
/// On PostgreSQL it is a new node.
///
/// # Errors
/// A database failure; a log that is damaged.
pub async fn begin(kernel: &Kernel, beside: Beside) -> Result<Head, Fault> {
    let engine = kernel.db.engine();
    let found = kernel.db.read(move |tx| why_anew(tx, &beside, engine)).await?;
    match found {
        // What was appended and not signed is signed by the next round, after it was kept beside the database.
        Standing::GoesOn(head) => Ok(*head),
        Standing::Anew { after, reason } => begin_after(kernel, after, reason).await,
    }
}

/// Begins a new log although the one that grows could go on, such as after a restore that no node can notice. It is
/// signed by the next round.
///
/// # Errors
/// A database failure.
pub fn begin_anew(tx: &mut Tx<'_>, ctx: &Ctx, reason: &str) -> Result<Head, Fault> {
    let after = store::newest(tx)?.map(|head| head.log_number);
    create(tx, after, &origin(&ctx.random), reason, ctx.now)?;
    store::newest(tx)?.ok_or_else(|| Fault::internal(NOT_THERE))
}

/// A name that no other log has, not even one of a copy of this installation.
fn origin(random: &Random) -> String {
    format!("attestry/{}", hex(&random.bytes::<8>()))
}

#[derive(Debug)]
enum Standing {
    GoesOn(Box<Head>),
    Anew { after: Option<i64>, reason: String },
}

fn why_anew(tx: &mut Tx<'_>, beside: &Beside, engine: Engine) -> Result<Standing, Fault> {
    let Some(head) = store::newest(tx)? else {
        return Ok(Standing::Anew { after: None, reason: "the first start".to_owned() });
    };
    let reason = match beside {
        Beside::NotKept => None,
        Beside::Nothing if engine == Engine::Sqlite => {
            Some("nothing in the data folder tells what was signed last".to_owned())
        }
        Beside::Nothing => None,
        Beside::Last(signed) => contradiction(tx, &head, signed)?,
    };
    Ok(match reason {
        None => Standing::GoesOn(Box::new(head)),
        Some(reason) => Standing::Anew { after: Some(head.log_number), reason },
    })
}

/// Why the log that grows is not the one that this checkpoint was signed over. A log that another followed does not
/// grow any more, so that nothing can contradict it.
fn contradiction(tx: &mut Tx<'_>, head: &Head, signed: &Checkpoint) -> Result<Option<String>, Fault> {
    if head.checkpoint.origin != signed.origin {
        let is_known = store::heads(tx)?.iter().any(|head| head.checkpoint.origin == signed.origin);
        return Ok((!is_known).then(|| format!("the database does not know the log {}", signed.origin)));
    }
    let (size, kept) = (signed.size, head.checkpoint.size);
    if size > kept {
        return Ok(Some(format!("{size} rows were signed, and the database holds {kept} of them")));
    }
    let root = tree(tx, head.log_number, size).root()?;
    Ok((root != signed.root).then(|| format!("the first {size} rows are not those that were signed")))
}

async fn begin_after(kernel: &Kernel, after: Option<i64>, reason: String) -> Result<Head, Fault> {
    let (now, origin) = (kernel.clock.now(), origin(&kernel.random));
    let create = move |tx: &mut Tx<'_>| create(tx, after, &origin, &reason, now);
    kernel.db.write(INSTALLATION, create).await?;
    let head = newest(kernel).await?;
    sealer::sign(kernel, &head.checkpoint).await?;
    newest(kernel).await
}

/// Nothing happens when another node was first.
fn create(
    tx: &mut Tx<'_>,
    after: Option<i64>,
    origin: &str,
    reason: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    let before = match after {
        Some(number) => store::lock(tx, number)?,
        None => None,
    };
    let previous = before.as_ref().map(|head| signed_part(tx, head)).transpose()?;
    let log_number = after.unwrap_or(0) + 1;
    let beginning = Beginning {
        origin: origin.to_owned(),
        began_at_us: now.micros(),
        reason: reason.to_owned(),
        previous,
    };
    if !store::insert(tx, log_number, &beginning, now)? {
        return Ok(());
    }
    // Whoever was about to append to the log before finds a newer fence.
    if let (Some(number), Some(previous)) = (after, &beginning.previous) {
        let size = i64::try_from(previous.size).map_err(Fault::internal)?;
        store::close(tx, number)?;
        store::set_size(tx, number, size, &previous.root)?;
        store::forget_unsigned(tx, number, size)?;
    }
    let root = append::append(tx, log_number, 0, &[beginning.entry()])?;
    store::set_size(tx, log_number, 1, &root)
}

/// A log ends where it was signed last: rows behind that never learned their places, and get some in the new log.
fn signed_part(tx: &mut Tx<'_>, head: &Head) -> Result<Checkpoint, Fault> {
    let root = tree(tx, head.log_number, head.signed_size).root()?;
    Ok(Checkpoint { origin: head.checkpoint.origin.clone(), size: head.signed_size, root })
}

async fn newest(kernel: &Kernel) -> Result<Head, Fault> {
    kernel.db.read(store::newest).await?.ok_or_else(|| Fault::internal(NOT_THERE))
}
