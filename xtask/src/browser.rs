//! `cargo xtask browser`: the shopper's page of product codes in a real Chromium, from the real server.
//!
//! The codes are made here; `browser/check.mjs` opens their pages with Playwright and axe-core and says what is wrong.

mod shop;
mod states;
mod tools;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use clap::Args;
use it::Result;
use it::folder::Folder;
use it::server::{Launch, Profile, Server, binary_of};
use it::settings;
use serde_json::{Value, json};

use self::shop::Shop;
use self::tools::Tools;

/// Where pictures of the page are kept.
const PICTURES: &str = "docs/images/codes";
/// How long ago the codes were minted that are past their date.
const LONG_AGO: &str = "-3d";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Take the pictures in `docs/images/codes` anew. Without this nothing in the tree changes.
    #[arg(long)]
    screenshots: bool,
}

/// Makes codes in every state, and fails if anything is wrong with a page of theirs.
pub(crate) fn run(options: &Options) -> Result<()> {
    let tools = Tools::installed(&settings::workspace().join("target/browser"))?;
    let binary = binary_of(Profile::Debug)?;
    let folder = Folder::new()?;
    let launch = Launch::sqlite(&binary, folder.path());
    let (key, past_date) = mint_long_ago(&launch)?;
    let server = Server::start(&launch)?;
    let mut shop = Shop::of_key(&server, &key);
    let pictures = if options.screenshots { Some(pictures()?) } else { None };
    let plan = json!({
        "origin": server.base_url,
        "key": key,
        "chromium": tools.chromium(),
        "states": states::make(&mut shop, &past_date)?,
        "counted": states::counted(&mut shop)?,
        "pictures": pictures,
    });
    check(&tools, &plan)?;
    if let Some(place) = &pictures {
        tools::shrink(Path::new(place))?;
    }
    server.kill()
}

/// A date passes by itself alone: a server that believes it is earlier mints the codes that are past theirs.
fn mint_long_ago(launch: &Launch) -> Result<(String, String)> {
    let wrapper = ["faketime", "-f", LONG_AGO].map(str::to_owned).to_vec();
    let server = Server::start(&Launch { wrapper, ..launch.clone() })?;
    let mut shop = Shop::open(&server)?;
    let token = states::with_a_date(&mut shop)?;
    server.terminate()?;
    Ok((shop.key, token))
}

fn pictures() -> Result<String> {
    let place = settings::workspace().join(PICTURES);
    fs::create_dir_all(&place)?;
    Ok(place.to_string_lossy().into_owned())
}

fn check(tools: &Tools, plan: &Value) -> Result<()> {
    let file = tools.place.join("plan.json");
    fs::write(&file, serde_json::to_vec(plan)?)?;
    let status = node(tools, &file).status()?;
    if status.success() { Ok(()) } else { Err("something is wrong with the page: see above".into()) }
}

fn node(tools: &Tools, plan: &Path) -> Command {
    let mut command = Command::new("node");
    command.arg(tools.script()).arg(plan).env("FONTCONFIG_FILE", tools.fonts()).stdin(Stdio::null());
    command
}
