//! Two server processes on one PostgreSQL: one is hammered, the other ends what is charged.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use it::client::{Client, Request, Response};
use it::folder::Folder;
use it::operator::Operator;
use it::postgres;
use it::server::{Launch, Server, binary};
use serde_json::json;

const CONNECTIONS: usize = 8;
/// Calls that each connection sends after the end was answered.
const AFTER: usize = 20;
const POINTS: i64 = 1_000_000;
/// An operator under load may be told to repeat the call, but not for ever.
const ATTEMPTS_MAX: usize = 3;

struct Nodes {
    first: Server,
    second: Server,
    tenant: String,
    management_key: String,
}

/// What was hammered.
struct Target {
    account: String,
    token: String,
    token_id: String,
}

/// What the connections send.
#[derive(Clone, Copy)]
enum Load<'a> {
    /// Half of them single calls, half of them bulk calls under this key.
    Both(&'a str),
    Bulk(&'a str),
}

impl Load<'_> {
    fn request(self, connection: usize, token: &str) -> Request {
        let (key, is_single) = match self {
            Self::Both(key) => (key, connection.is_multiple_of(2)),
            Self::Bulk(key) => (key, false),
        };
        if is_single {
            return Request::post("/v1/verify").bearer(token);
        }
        let items = vec![json!({ "token": token }); 3];
        Request::post("/v1/tokens/verify").bearer(key).json(&json!({ "items": items }))
    }
}

#[test]
fn what_one_node_has_ended_no_other_node_charges() {
    let Some(database) = postgres::for_test() else { return };
    let (one, two) = (Folder::new().unwrap(), Folder::new().unwrap());
    let first = Server::start(&Launch::postgres(binary(), one.path(), &database.url())).unwrap();
    // The second node has the same secrets, as an operator would distribute them.
    let launch = Launch::postgres(binary(), two.path(), &database.url());
    std::fs::create_dir(&launch.data).unwrap();
    std::fs::copy(one.path().join("data/secrets.toml"), launch.data.join("secrets.toml")).unwrap();
    let second = Server::start(&launch).unwrap();
    assert_eq!(first.line["demo"], second.line["demo"], "both print the same keys");
    let tenant = first.tenant().to_owned();
    let key = &first.line["demo"]["quota"]["live"]["admin"];
    let management_key = key.as_str().unwrap().to_owned();
    let nodes = Nodes { first, second, tenant, management_key };
    let both = nodes.management_key.as_str();

    let management = |method: &str, path: &str| Request::new(method, path).bearer(&nodes.management_key);
    nodes.end("a token is revoked", Load::Both(both), |target| {
        (nodes.second.client(), management("DELETE", &format!("/v1/tokens/{}", target.token_id)))
    });
    nodes.end("an account is banned", Load::Both(both), |target| {
        let request = management("PATCH", &format!("/v1/accounts/{}", target.account));
        (nodes.second.client(), request.json(&json!({ "banned": true })))
    });
    nodes.end("an operator revokes a token", Load::Both(both), |target| {
        let path = format!("/operator/v1/tokens/{}?tenantId={}", target.token_id, nodes.tenant);
        (nodes.operator(), Request::new("DELETE", &path).bearer(&nodes.second.operator_token))
    });
    nodes.end("an operator bans an account", Load::Both(both), |target| {
        let path = format!("/operator/v1/accounts/{}", target.account);
        let body = json!({ "tenantId": nodes.tenant, "banned": true });
        (nodes.operator(), Request::new("PATCH", &path).bearer(&nodes.second.operator_token).json(&body))
    });
    let body = json!({ "tenantId": nodes.tenant, "service": "quota" });
    let made = nodes.first.operator().post("/operator/v1/keys", &body).unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    nodes.end("a management key is revoked", Load::Bulk(&text("secret")), |_| {
        let path = format!("/operator/v1/keys/{}?tenantId={}", text("id"), nodes.tenant);
        (nodes.operator(), Request::new("DELETE", &path).bearer(&nodes.second.operator_token))
    });
    nodes.end("a tenant is suspended", Load::Both(both), |_| {
        (nodes.operator(), nodes.set_status("suspended"))
    });
    let reopened = nodes.operator().send(&nodes.set_status("active")).unwrap();
    assert_eq!(reopened.status, 200, "{}", reopened.text());
    nodes.second.operator().ledger_check().unwrap();
}

impl Nodes {
    fn operator(&self) -> Client {
        Client::new(&self.second.admin_url)
    }

    fn set_status(&self, status: &str) -> Request {
        let path = format!("/operator/v1/tenants/{}/status", self.tenant);
        Request::post(&path).bearer(&self.second.operator_token).json(&json!({ "status": status }))
    }

    fn target(&self, what: &str) -> Target {
        let mut operator = self.first.operator();
        let body = json!({ "tenantId": self.tenant, "name": "hammered", "points": POINTS });
        let opened = operator.post_once("/operator/v1/accounts", what, &body).unwrap();
        let account = opened["id"].as_str().unwrap().to_owned();
        let body = json!({ "tenantId": self.tenant, "accountId": account });
        let made = operator.post("/operator/v1/tokens", &body).unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Target { token: text("token"), token_id: text("id"), account }
    }

    /// Hammers the first node, ends it at the second, and compares the ledger at the answer with the ledger at the end.
    fn end(&self, what: &str, load: Load<'_>, ending: impl FnOnce(&Target) -> (Client, Request)) {
        let target = self.target(what);
        let (ended, passed) = (AtomicBool::new(false), AtomicUsize::new(0));
        let mut operator = self.second.operator();
        let at_the_answer = thread::scope(|scope| {
            for connection in 0..CONNECTIONS {
                let (ended, passed) = (&ended, &passed);
                let request = load.request(connection, &target.token);
                scope.spawn(move || hammer(self.first.client(), &request, ended, passed));
            }
            // The load is under way on every connection, more or less, once so many calls have passed.
            while passed.load(Ordering::SeqCst) < 5 * CONNECTIONS {
                thread::yield_now();
            }
            let (mut client, request) = ending(&target);
            let attempts = (1..=ATTEMPTS_MAX).find(|_| client.send(&request).unwrap().status == 200);
            ended.store(true, Ordering::SeqCst);
            assert!(attempts.is_some(), "{what}: not after {ATTEMPTS_MAX} attempts");
            self.balance(&mut operator, &target)
        });
        assert_eq!(
            self.balance(&mut operator, &target),
            at_the_answer,
            "{what}: a charge came after the answer"
        );
        let charged = usize::try_from(POINTS - at_the_answer).unwrap();
        assert_eq!(charged, passed.load(Ordering::SeqCst), "{what}: every 200 is a charge, and no other");
    }

    fn balance(&self, operator: &mut Operator, target: &Target) -> i64 {
        operator.balance(&self.tenant, &target.account).unwrap()
    }
}

fn hammer(mut client: Client, request: &Request, ended: &AtomicBool, passed: &AtomicUsize) {
    let mut after = 0;
    while after < AFTER {
        let was_ended = ended.load(Ordering::SeqCst);
        let answer = client.send(request).unwrap();
        for status in statuses(&answer) {
            match status {
                200 => {
                    assert!(!was_ended, "a call that began after the answer passed");
                    passed.fetch_add(1, Ordering::SeqCst);
                }
                status => assert_eq!(status, 403, "{}", answer.text()),
            }
        }
        after += usize::from(was_ended);
    }
}

/// The status of a call, or those of a bulk call's items.
fn statuses(answer: &Response) -> Vec<u64> {
    match answer.json()["results"].as_array() {
        Some(results) => results.iter().filter_map(|result| result["httpStatus"].as_u64()).collect(),
        None => vec![answer.status.into()],
    }
}
