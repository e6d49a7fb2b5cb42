//! The worker behind large batches: makes the digest of each one's CSV, outside of any transaction.

use aws_lc_rs::digest;
use base::id::RequestId;
use base::{Environment, Fault, Service};
use kernel::jobs::{self, LANES, Leased};
use kernel::spine::Call;
use kernel::{Actor, Caller, tenancy};
use seal::labels::{File, Format};

use super::Codes;
use super::command::ready::{Digest, JOB, record, target};
use super::command::{READY, batch};

/// Many times what the digest of the largest batch takes, and the time after which another worker takes over from a
/// dead one.
const LEASE_SECONDS: i64 = 120;
/// Of a lane, until other background work gets its turn.
const JOBS_A_LANE_MAX: usize = 1000;
const RETRY_SECONDS: i64 = 60;
const READ_BYTES: usize = 256 * 1024;

impl Codes {
    /// Does the jobs of this service that are due: one of each lane in turn, so that nobody waits for all of another's.
    ///
    /// # Errors
    /// A database failure: the next round goes on.
    pub async fn run_due(&self) -> Result<(), Fault> {
        let now = self.kernel().clock.now();
        let mut lanes = self.kernel().db.read(move |tx| jobs::due_lanes(tx, JOB, now)).await?;
        lanes.retain(|lane| (0..LANES).contains(lane));
        for _ in 0..JOBS_A_LANE_MAX {
            let mut not_empty = Vec::new();
            for lane in lanes {
                if self.run_one(lane).await? {
                    not_empty.push(lane);
                }
            }
            if not_empty.is_empty() {
                break;
            }
            lanes = not_empty;
        }
        Ok(())
    }

    /// Whether there was one. A worker takes no second one before, because what it has when it dies waits for the end of
    /// its lease.
    async fn run_one(&self, lane: i64) -> Result<bool, Fault> {
        let now = self.kernel().clock.now();
        let claim = move |tx: &mut db::Tx<'_>| jobs::claim(tx, JOB, lane, now, LEASE_SECONDS, 1);
        let claimed = self.kernel().db.write(tenancy::INSTALLATION, claim).await?;
        let Some(job) = claimed.into_iter().next() else { return Ok(false) };
        if let Err(fault) = self.run_job(job.clone()).await {
            tracing::warn!(?fault, job = %job.job_id, "a batch is not ready yet and will be tried again");
            self.put_back(job, &fault).await?;
        }
        Ok(true)
    }

    /// A job that failed stops no other one.
    async fn put_back(&self, job: Leased, fault: &Fault) -> Result<(), Fault> {
        let (now, error) = (self.kernel().clock.now(), format!("{fault:?}"));
        let later = now.plus_seconds(RETRY_SECONDS);
        let retry = move |tx: &mut db::Tx<'_>| jobs::retry(tx, &job, now, later, &error);
        self.kernel().db.write(tenancy::INSTALLATION, retry).await?;
        Ok(())
    }

    async fn run_job(&self, job: Leased) -> Result<(), Fault> {
        let (environment, batch_id) = target(&job.payload)?;
        let tenant_id = job.tenant_id;
        let find = move |tx: &mut db::Tx<'_>| batch::find(tx, tenant_id, environment, batch_id);
        let found = self.kernel().db.read(find).await?;
        let run = found.run(self.keys(), 1, found.quantity)?;
        let csv_sha256 =
            tokio::task::spawn_blocking(move || sha256(run)).await.map_err(Fault::internal)??;
        let digest = Digest { job, batch_id, csv_sha256 };
        self.kernel().run(self.call(tenant_id, environment), &READY, digest, record).await?;
        Ok(())
    }

    fn call(&self, tenant_id: base::id::TenantId, environment: Environment) -> Call {
        let kernel = self.kernel();
        let actor = Actor::System { worker: "codes" };
        Call {
            caller: Caller { tenant_id, environment, service: Service::Codes, actor, scopes: Vec::new() },
            request_id: RequestId::new(kernel.clock.now(), kernel.random.id_bits()),
            route: "codes",
            idempotency_key: None,
            fingerprint: Default::default(),
        }
    }
}

fn sha256(run: seal::labels::Run) -> Result<[u8; 32], Fault> {
    let file = File::new(Format::Csv, run).map_err(|unfit| Fault::internal(unfit.to_string()))?;
    let (mut hash, mut piece, mut at) = (digest::Context::new(&digest::SHA256), Vec::new(), 0);
    while at < file.length() {
        piece.clear();
        file.read(at, READ_BYTES, &mut piece);
        hash.update(&piece);
        at += piece.len() as u64;
    }
    let mut sum = [0; 32];
    sum.copy_from_slice(hash.finish().as_ref());
    Ok(sum)
}
