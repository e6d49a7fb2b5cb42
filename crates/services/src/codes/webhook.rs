//! The form of the service's webhooks, which is the standard one.

use base::Service;
use kernel::webhooks::Form;
use kernel::webhooks::form::{STANDARD_SCHEDULE, TEST_KIND, USER_AGENT, no_headers, standard_test_body};

use super::command::{batch, ready, scan};

pub static FORM: Form = Form {
    service: Service::Codes,
    user_agent: USER_AGENT,
    schedule: STANDARD_SCHEDULE,
    headers: no_headers,
    test_kind: TEST_KIND,
    test_body: standard_test_body,
    kinds: &[scan::RISK_EVENT, batch::RECALLED_EVENT, ready::READY_EVENT, "credits_low", "credits_exhausted"],
};
