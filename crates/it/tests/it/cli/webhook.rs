//! Webhooks by command line, delivered by the real worker.

use serde_json::{Value, json};

use super::{Cli, server, text};
use crate::fixture::{Act, Stub};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_made_tried_watched_and_deleted() {
    let stub = Stub::start([Act::Answer(200, "thanks".to_owned())]).await;
    let (_folder, launch, server) = server();
    let (cli, target) = (Cli::new(&launch.data), format!("--tenant {} --environment test", server.tenant()));
    assert!(cli.ok(&format!("webhook list {target}")).contains("attestry webhook create"));
    let create = format!("webhook create {target} --service citizen --url http://{}/hook", stub.address);
    let made =
        cli.ok(&format!("{create} --description mine --events credits_low,credits_exhausted --as alice"));
    assert!(made.contains("whsec_") && made.contains("can never be shown again"), "{made}");
    let listed = cli.json(&format!("webhook list {target}"));
    let id = text(&listed["data"][0], "id");
    assert_eq!(listed["data"][0].get("secret"), None);
    let shown = cli.ok(&format!("webhook show {id} {target}"));
    assert!(shown.contains("credits_low, credits_exhausted") && shown.contains("mine"), "{shown}");

    let said = cli.ok(&format!("webhook test {id} {target}"));
    assert!(said.contains(&format!("attestry webhook deliveries {id} ")), "{said}");
    stub.request_has_come().await;
    let request = stub.requests().remove(0);
    assert!(request.contains("x-xaqiiji-event: webhook_test"), "{request}");

    let changed = cli.json(&format!("webhook update {id} {target} --events all --description ''"));
    assert_eq!((&changed["events"], &changed["description"]), (&Value::Null, &json!("")));
    assert!(cli.ok(&format!("webhook disable {id} {target}")).contains("holds what comes"));
    cli.ok(&format!("webhook test {id} {target}"));
    assert!(cli.ok(&format!("webhook enable {id} {target}")).contains("delivers again"));
    stub.request_has_come().await;
    let rotated = cli.ok(&format!("webhook rotate-secret {id} {target}"));
    assert!(rotated.contains("whsec_") && rotated.contains("24 hours"), "{rotated}");

    let deliveries = cli.ok(&format!("webhook deliveries {id} {target}"));
    assert!(deliveries.contains("webhook_test") && deliveries.contains("STATUS"), "{deliveries}");
    let delivery = text(&cli.json(&format!("webhook deliveries {id} {target}"))["data"][1], "id");
    let said = cli.ok(&format!("webhook replay {id} {target} --delivery {delivery}"));
    assert_eq!(said, "1 deliveries begin anew.\n");
    stub.request_has_come().await;
    let said = cli.ok(&format!("webhook replay {id} {target} --since 2020-01-01T00:00:00Z"));
    assert_eq!(said, "0 deliveries begin anew.\n", "none has failed");
    let none = cli.ok(&format!("webhook deliveries {id} {target} --status failed"));
    assert_eq!(none, "There are no such deliveries.\n");

    let events = cli.ok(&format!("event list {target}"));
    assert!(events.lines().nth(1).is_some_and(|line| line.trim_start().starts_with('1')), "{events}");
    let page = cli.ok(&format!("event list {target} --limit 1 --after 1"));
    assert!(page.contains("go on with --after 2"), "{page}");
    assert!(cli.ok(&format!("webhook delete {id} {target}")).contains("is deleted"));
    cli.run(&format!("webhook show {id} {target}")).refused(1, &["There is no such webhook."]);
    let audit = cli.json(&format!("audit list --tenant {} --limit 20", server.tenant()));
    let by_alice = |row: &&Value| row["actorId"] == "alice" && row["action"] == "platform.webhook.create";
    assert_eq!(audit["data"].as_array().unwrap().iter().filter(by_alice).count(), 1);
}
