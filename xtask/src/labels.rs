//! Readers of QR codes judge what is printed: every label of a batch of a thousand codes, as its owner gets the files.
//!
//! rxing reads all of every file; zxing-cpp, with other programs that draw, all drawings and three pages of each PDF.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use it::Result;
use it::client::Request;
use it::folder::Folder;
use it::server::{Launch, Profile, Server, built};
use it::settings;
use serde_json::json;
use vision::sheet::{self, Reader};

use crate::openapi;

/// From PyPI; see [`openapi::environment`].
const PACKAGES: &[&str] = &["zxing-cpp==3.1.1", "pypdfium2==5.15.2", "resvg_py==0.5.0", "pillow==13.0.0"];
const SCRIPT: &str = include_str!("labels.py");
const CODES: usize = 1000;
const SHEETS: [&str; 4] = ["a4-65", "a4-40", "letter-65", "letter-40"];

/// Has the built binary mint and export, and says how many labels were read.
pub(crate) fn verify() -> Result<usize> {
    let folder = Folder::new()?;
    let server = Server::start(&Launch::sqlite(&built("attestry", Profile::Debug), folder.path()))?;
    let tokens = export(&server, folder.path())?;
    server.kill()?;
    let mut read = 0;
    for name in SHEETS {
        let sheet = sheet::open(fs::read(folder.path().join(format!("{name}.pdf")))?)?;
        let mut of_sheet = Vec::with_capacity(CODES);
        for index in 0..sheet.pages() {
            of_sheet.extend(read_with_rxing(&sheet.page(index)?, name)?);
        }
        read += compare(name, &of_sheet, &tokens)?;
    }
    let place = settings::workspace().join("target/labels");
    fs::create_dir_all(&place)?;
    let script = place.join("read.py");
    fs::write(&script, SCRIPT)?;
    let python = openapi::environment(&place, PACKAGES)?.join("bin/python");
    let status = Command::new(python).arg(script).arg(folder.path()).stdin(Stdio::null()).status()?;
    if !status.success() {
        return Err("zxing-cpp does not read a label: see above".into());
    }
    let mut of_zip = Vec::with_capacity(CODES);
    for token in &tokens {
        let picture = sheet::open(fs::read(folder.path().join(format!("{token}.png")))?)?;
        of_zip.extend(read_with_rxing(&picture.page(0)?, token)?);
    }
    Ok(read + compare("svg-zip", &of_zip, &tokens)?)
}

/// Leaves every kind of file in the folder, and gives the tokens of the table.
fn export(server: &Server, folder: &Path) -> Result<BTreeSet<String>> {
    let demo = &server.line["demo"]["codes"];
    let key = demo["live"].as_str().ok_or("the demo has no key of codes")?;
    let mut client = server.client();
    let body = json!({ "productId": demo["productId"], "quantity": CODES });
    let minted = client.send(&Request::post("/api/v1/batches").bearer(key).json(&body))?.json();
    let batch = minted["batchId"].as_str().ok_or_else(|| format!("no batch: {minted}"))?;
    let pdfs = SHEETS.map(|sheet| (format!("format=pdf&sheet={sheet}"), format!("{sheet}.pdf")));
    let others = [("csv", "codes.csv"), ("svg-zip", "codes.zip")];
    let others = others.map(|(format, name)| (format!("format={format}"), name.to_owned()));
    for (query, name) in pdfs.into_iter().chain(others) {
        let path = format!("/api/v1/batches/{batch}/codes?{query}");
        let answer = client.send(&Request::get(&path).bearer(key))?;
        if answer.status != 200 {
            return Err(format!("{path} got {}: {}", answer.status, answer.text()).into());
        }
        fs::write(folder.join(name), answer.body)?;
    }
    let csv = fs::read_to_string(folder.join("codes.csv"))?;
    Ok(csv.lines().skip(1).filter_map(|line| line.split(',').nth(1)).map(str::to_owned).collect())
}

fn read_with_rxing(page: &sheet::Page, name: &str) -> Result<Vec<String>> {
    let found = sheet::read(page);
    let other = found.codes.iter().find(|code| code.by != Reader::Rxing);
    if let Some(spot) = found.unread.first() {
        return Err(format!("{name}: nothing reads the label at {:?}", spot.centre).into());
    }
    if let Some(code) = other {
        return Err(format!("{name}: rxing does not read {}", code.text).into());
    }
    Ok(found.codes.iter().map(|code| code.text.rsplit('/').next().unwrap_or_default().to_owned()).collect())
}

/// Every code once, and nothing else.
fn compare(name: &str, read: &[String], tokens: &BTreeSet<String>) -> Result<usize> {
    let distinct: BTreeSet<&String> = read.iter().collect();
    if tokens.len() == CODES && read.len() == CODES && distinct.into_iter().eq(tokens) {
        return Ok(read.len());
    }
    Err(format!("{name}: {} labels of {} codes were read, or not the same", read.len(), tokens.len()).into())
}
