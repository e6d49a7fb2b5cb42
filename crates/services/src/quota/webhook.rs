//! Quota publishes no form of its own: its events go out as Standard Webhooks has it.

use base::Service;
use kernel::webhooks::Form;
use kernel::webhooks::form::{STANDARD_SCHEDULE, TEST_KIND, USER_AGENT, no_headers, standard_test_body};

pub static FORM: Form = Form {
    service: Service::Quota,
    user_agent: USER_AGENT,
    schedule: STANDARD_SCHEDULE,
    headers: no_headers,
    test_kind: TEST_KIND,
    test_body: standard_test_body,
    kinds: &["balance.low", "balance.exhausted"],
};
