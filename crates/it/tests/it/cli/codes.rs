//! Product codes by command line, with a server and without one.

use std::fs;

use it::client::Request;
use it::server::Server;
use serde_json::{Value, json};

use super::{Cli, server, text};

/// The demo's product and key.
fn mint(server: &Server, quantity: i64) -> Value {
    let demo = &server.line["demo"]["codes"];
    let body = json!({ "productId": demo["productId"], "quantity": quantity });
    let ask = Request::post("/api/v1/batches").bearer(demo["live"].as_str().unwrap()).json(&body);
    server.client().send(&ask).unwrap().json()
}

fn download(server: &Server, batch: &str, query: &str) -> Vec<u8> {
    let key = server.line["demo"]["codes"]["live"].as_str().unwrap();
    let ask = Request::get(&format!("/api/v1/batches/{batch}/codes{query}")).bearer(key);
    server.client().send(&ask).unwrap().body
}

#[test]
fn a_batch_is_exported_with_a_server_and_without_one_as_its_owner_gets_it() {
    let (folder, launch, server) = server();
    let (cli, tenant) = (Cli::new(&launch.data), server.tenant().to_owned());
    let batch = text(&mint(&server, 70), "batchId");
    let path = |name: &str| folder.path().join(name);
    let csv = download(&server, &batch, "");
    let pdf = download(&server, &batch, "?format=pdf&sheet=a4-40&from=2&to=60");
    let line = format!("codes export {batch} --tenant {tenant}");
    for (state, server) in [("running", Some(server)), ("alone", None)] {
        let of = |name: &str| path(&format!("{state}.{name}"));
        let said = cli.ok(&format!("{line} --file {}", of("csv").display()));
        assert_eq!(
            said,
            format!("The codes of {batch} are in {}, {} bytes.\n", of("csv").display(), csv.len())
        );
        assert_eq!(fs::read(of("csv")).unwrap(), csv);
        let options = format!("--format pdf --sheet a4-40 --from 2 --to 60 --file {}", of("pdf").display());
        let said = cli.json(&format!("{line} {options}"));
        assert_eq!((&said["bytes"], fs::read(of("pdf")).unwrap()), (&json!(pdf.len()), pdf.clone()));
        assert_eq!(cli.run(&format!("{line} --file -")).stdout.into_bytes(), csv);
        cli.run(&format!("{line} --file {}", of("csv").display())).refused(2, &["is there already"]);
        let refused = format!("{line} --to 71 --file {}", of("none").display());
        cli.run(&refused).refused(1, &["must be at most 70", "--to"]);
        let left = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(!left.into_iter().any(|name| name.to_string_lossy().contains("none")), "nothing is left");
        assert!(cli.ok(&format!("codes list --tenant {tenant}")).contains(&batch));
        let shown = cli.ok(&format!("codes show {batch} --tenant {tenant}"));
        assert!(shown.contains("ready") && shown.contains("Handed out"), "{shown}");
        if let Some(server) = server {
            server.terminate().unwrap();
        }
    }
}

#[test]
fn a_leaked_key_of_codes_is_replaced_and_closed() {
    let (_folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let before = mint(&server, 1);
    let rotated = cli.json("secrets rotate --kind code");
    assert_eq!(rotated["version"], 2);
    cli.run("secrets activate 2 --kind code").refused(1, &["does not hold version 2", "--kind code"]);
    server.terminate().unwrap();
    let server = Server::start(&launch).unwrap();
    let said = cli.ok("secrets activate 2 --kind code --as dora");
    assert!(said.contains("attestry codes close-epoch 1 --environment live"), "{said}");
    assert_eq!(cli.json("doctor")["pepperVersion"], 1, "the pepper is another secret");
    let said = cli.ok("codes close-epoch 1 --environment live --as dora");
    assert!(said.contains("what was minted before stays genuine"), "{said}");
    let listed = cli.ok("codes epochs");
    assert!(listed.lines().any(|line| line.starts_with("live") && line.contains(" no ")), "{listed}");
    let after = mint(&server, 1);
    for code in [&before["codes"][0], &after["codes"][0]] {
        let key = server.line["demo"]["codes"]["live"].as_str().unwrap();
        let ask = Request::post("/api/v1/verify").bearer(key).json(&json!({ "token": code["token"] }));
        assert_eq!(server.client().send(&ask).unwrap().json()["valid"], true);
    }
    cli.run("codes close-epoch 9 --environment live").refused(1, &["must be one that this server holds"]);
    cli.run("codes close-epoch 1").refused(2, &["--environment <NAME>", "attestry codes close-epoch 1"]);
    let audit = cli.ok("audit list");
    assert!(audit.contains("codes.epoch.close") && audit.contains("live from now on"), "{audit}");
}

#[test]
fn a_printed_sheet_is_proven_to_hold_every_code_once() {
    let (folder, launch, server) = server();
    let (cli, tenant) = (Cli::new(&launch.data), server.tenant().to_owned());
    let batch = text(&mint(&server, 70), "batchId");
    let other = text(&mint(&server, 40), "batchId");
    let write = |name: &str, batch: &str, query: &str| {
        let path = folder.path().join(name);
        fs::write(&path, download(&server, batch, &format!("?format=pdf&{query}"))).unwrap();
        path.display().to_string()
    };
    let whole = write("whole.pdf", &batch, "sheet=a4-40");
    let said = cli.ok(&format!("codes proof {whole} --tenant {tenant}"));
    assert!(
        said.starts_with("2 pages, 70 codes read; ") && said.ends_with("there, once, and can be read.\n"),
        "{said}"
    );

    let (most, again) =
        (write("most.pdf", &batch, "from=3&to=66"), write("again.pdf", &batch, "from=66&to=66"));
    let foreign = write("foreign.pdf", &other, "from=7&to=7");
    let line = format!("codes proof {most} {again} {foreign} --tenant {tenant}");
    let said = cli.run(&line);
    assert_eq!((said.code, said.stderr.as_str()), (1, ""), "{said:?}");
    let serial = |place: u64| {
        let shown = cli.json(&format!("codes show {batch} --tenant {tenant}"));
        let (prefix, number) = shown["firstSerial"].as_str().unwrap().rsplit_once('-').unwrap();
        format!("{prefix}-{:06}", number.parse::<u64>().unwrap() + place - 1)
    };
    for expected in [
        format!("THERE MORE THAN ONCE: 1\n  {}: {most}, page 1; {again}, page 1", serial(66)),
        format!("NOT OF THIS BATCH: 1\n  {foreign}, page 1: HTTP"),
        format!(
            "MISSING: 2\n  {} to {}, 2 codes\n  {} to {}, 4 codes",
            serial(1),
            serial(2),
            serial(67),
            serial(70)
        ),
    ] {
        assert!(said.stdout.contains(&expected), "{expected}\n{}", said.stdout);
    }
    let report: Value = serde_json::from_str(&cli.run(&format!("{line} --json")).stdout).unwrap();
    assert_eq!(
        (&report["ok"], &report["read"], &report["batchId"]),
        (&json!(false), &json!(66), &json!(batch))
    );
    assert_eq!(report["missing"][1], json!({ "from": serial(67), "to": serial(70), "codes": 4 }));
    let part = format!("codes proof {most} --tenant {tenant} --from 3 --to 66");
    assert!(cli.ok(&part).contains("once, and can be read"));
    server.terminate().unwrap();
    assert!(cli.ok(&part).contains("once, and can be read"), "without a server too");

    cli.run(&format!("{part} --batch {other}")).refused(2, &["has 40 codes", "--to"]);
    let text = folder.path().join("a.txt");
    fs::write(&text, "hello").unwrap();
    cli.run(&format!("codes proof {} --tenant {tenant}", text.display()))
        .refused(2, &["a.txt cannot be read", "no PDF"]);
    cli.run(&format!("codes proof --tenant {tenant}"))
        .refused(2, &["<FILE>", "attestry codes proof labels.pdf"]);
}
