use base::Fault;
use db::Tx;
use kernel::usage::{self, Recount};
use kernel::{Ctx, Ending};

/// Puts what was counted in the place of an hour's sums.
pub fn rebuild_usage(tx: &mut Tx<'_>, ctx: &mut Ctx, recount: &Recount) -> Result<Ending<()>, Fault> {
    ctx.target(format!("{} {}", recount.service(), recount.hour()));
    ctx.note(format!("{} sums of the tenant differed", recount.differences.len()));
    usage::replace(tx, ctx.tenant_id, recount, ctx.now)?;
    Ok(Ending::Done(()))
}
