use base::id::TenantId;
use clap::Subcommand;

use super::{Job, get, list};
use crate::cli::arguments::{Page, id};
use crate::cli::show::Columns;

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
    /// List the rows of a tenant or, without one, of the installation itself, newest first
    #[command(after_help = "Examples:\n  \
        attestry audit list --tenant tn_01kdvdna00e008m2jtjb6jqfym --limit 20\n  \
        attestry audit list")]
    List {
        /// The tenant: tn_…
        #[arg(long, value_name = "ID", value_parser = id::<TenantId>)]
        tenant: Option<TenantId>,
        #[command(flatten)]
        page: Page,
    },
}

impl Verb {
    pub(super) fn job(self) -> Job {
        let Self::List { tenant, page } = self;
        let of_tenant = tenant.map(|tenant| format!("&tenantId={tenant}")).unwrap_or_default();
        let ask = get(format!("/operator/v1/audit?{}{of_tenant}", page.query()));
        Job::new(ask, move |body| list(body, COLUMNS, page.limit, "Nothing was audited here."))
    }
}
