//! The same over HTTP: the real binary, real connections.

use std::sync::Barrier;
use std::thread;

use it::client::{Client, Request};
use it::folder::Folder;
use it::operator::Summary;
use it::postgres;
use it::server::{Launch, Server, binary};

#[test]
fn over_http_a_balance_of_n_lets_exactly_n_of_200_concurrent_calls_pass_on_sqlite() {
    let folder = Folder::new().unwrap();
    exactly_n(&Launch::sqlite(binary(), folder.path()));
}

#[test]
fn over_http_a_balance_of_n_lets_exactly_n_of_200_concurrent_calls_pass_on_postgres() {
    let Some(database) = postgres::for_test() else { return };
    let folder = Folder::new().unwrap();
    exactly_n(&Launch::postgres(binary(), folder.path(), &database.url()));
}

#[test]
fn metrics_are_on_the_private_listener_alone_and_name_no_tenant() {
    let folder = Folder::new().unwrap();
    let server = Server::start(&Launch::sqlite(binary(), folder.path())).unwrap();
    let public = server.client().send(&Request::get("/metrics")).unwrap();
    assert_eq!(public.status, 404, "{}", public.text());
    let private = Client::new(&server.admin_url).send(&Request::get("/metrics")).unwrap();
    assert_eq!(private.status, 200);
    assert!(!private.text().contains(server.tenant()), "{}", private.text());
}

/// 50 connections, opened before the first call, with four calls each.
fn exactly_n(launch: &Launch) {
    const CONNECTIONS: usize = 50;
    const CALLS: usize = 4;
    let server = Server::start(launch).unwrap();
    let seeded = server.operator().seed(server.tenant(), 1, 57, false).unwrap();
    let request = Request::post("/v1/verify").bearer(&seeded.tokens[0]);
    let start = Barrier::new(CONNECTIONS);
    let mut answers = thread::scope(|scope| {
        let callers: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = server.client();
                    assert_eq!(client.send(&Request::get("/health")).unwrap().status, 200);
                    start.wait();
                    (0..CALLS).map(|_| client.send(&request).unwrap()).collect::<Vec<_>>()
                })
            })
            .collect();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect::<Vec<_>>()
    });
    answers.retain(|answer| answer.status != 403);
    let mut balances: Vec<_> = answers.iter().map(|answer| answer.json()["balance"].as_i64()).collect();
    balances.sort_unstable();
    assert_eq!(balances, (0..57).map(Some).collect::<Vec<_>>());
    let Summary { charges, charged, .. } = server.operator().summary(server.tenant()).unwrap();
    assert_eq!((charges, charged), (57, 57));
    server.operator().ledger_check().unwrap();
    assert!(server.terminate().unwrap().success());
}
