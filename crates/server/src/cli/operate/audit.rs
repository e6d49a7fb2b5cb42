use base::id::TenantId;
use clap::Subcommand;

use super::{Job, get};
use crate::cli::arguments::id;
use crate::cli::show::{Columns, rows, table};

const COLUMNS: Columns = &[
    ("WHEN", "at"),
    ("BY", "actorId"),
    ("ACTION", "action"),
    ("TARGET", "target"),
    ("OUTCOME", "outcome"),
    ("NOTE", "note"),
];

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// List the newest rows of a tenant or, without one, of the installation itself
    #[command(after_help = "Examples:\n  \
        attestry audit list --tenant tn_01kdvdna00e008m2jtjb6jqfym --limit 20\n  \
        attestry audit list")]
    List {
        /// The tenant: tn_…
        #[arg(long, value_name = "ID", value_parser = id::<TenantId>)]
        tenant: Option<TenantId>,
        /// How many at most, 1 to 1000
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
}

impl Verb {
    pub(super) fn job(self) -> Job {
        let Self::List { tenant, limit } = self;
        let of_tenant = tenant.map(|tenant| format!("&tenantId={tenant}")).unwrap_or_default();
        Job::new(get(format!("/operator/v1/audit?limit={limit}{of_tenant}")), |body| match rows(body) {
            [] => "Nothing was audited here yet.".to_owned(),
            rows => table(rows, COLUMNS),
        })
    }
}
