//! What the check needs beside the server: Debian's Chromium, fonts and a clock, and two packages of npm.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use it::Result;

use crate::apt;

/// The versions are part of the folder's name, so that newer ones are installed afresh.
const PACKAGES: [&str; 2] = ["playwright-core@1.65.1", "axe-core@4.14.1"];
const CHROMIUM: &str = "/usr/bin/chromium";
const FONTS: &str = "/usr/share/fonts/truetype/noto";

const SCRIPTS: [(&str, &str); 5] = [
    ("check.mjs", include_str!("check.mjs")),
    ("pages.mjs", include_str!("pages.mjs")),
    ("look.mjs", include_str!("look.mjs")),
    ("counts.mjs", include_str!("counts.mjs")),
    ("pictures.mjs", include_str!("pictures.mjs")),
];

/// A folder with the scripts and the packages that they import.
#[derive(Debug)]
pub(super) struct Tools {
    pub(super) place: PathBuf,
}

impl Tools {
    /// Installs what is missing.
    pub(super) fn installed(folder: &Path) -> Result<Self> {
        for (path, package) in [
            (CHROMIUM.to_owned(), "chromium"),
            (format!("{FONTS}/NotoSansArabic-Regular.ttf"), "fonts-noto-core"),
            (format!("{FONTS}/NotoSansMono-Bold.ttf"), "fonts-noto-mono"),
        ] {
            if !Path::new(&path).exists() {
                apt::install(package)?;
            }
        }
        for (program, package) in [("faketime", "faketime"), ("node", "nodejs"), ("npm", "npm")] {
            if !apt::has(program) {
                apt::install(package)?;
            }
        }
        let tools = Self { place: folder.join(PACKAGES.join("+")) };
        tools.fetch()?;
        for (name, text) in SCRIPTS {
            fs::write(tools.place.join(name), text)?;
        }
        fs::write(tools.fonts(), fonts(&tools.place))?;
        Ok(tools)
    }

    pub(super) const fn chromium(&self) -> &'static str {
        CHROMIUM
    }

    pub(super) fn script(&self) -> PathBuf {
        self.place.join("check.mjs")
    }

    pub(super) fn fonts(&self) -> PathBuf {
        self.place.join("fonts.conf")
    }

    fn fetch(&self) -> Result<()> {
        let is_whole = self.place.join("installed");
        if is_whole.is_file() {
            return Ok(());
        }
        println!("installing {} …", PACKAGES.join(" and "));
        fs::create_dir_all(&self.place)?;
        let quiet = ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"];
        let mut command = Command::new("npm");
        command.args(quiet).arg(&self.place).args(PACKAGES).stdin(Stdio::null()).stdout(Stdio::null());
        if !command.status()?.success() {
            return Err("npm could not install what the browser is driven by".into());
        }
        fs::write(is_whole, "")?;
        Ok(())
    }
}

/// Makes the pictures in a folder a third as large: 64 colours are enough for flat areas and letters.
pub(super) fn shrink(folder: &Path) -> Result<()> {
    if !apt::has("pngquant") {
        apt::install("pngquant")?;
    }
    let entries = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let pictures = entries.iter().map(fs::DirEntry::path);
    let pictures = pictures.filter(|path| path.extension().is_some_and(|extension| extension == "png"));
    let mut command = Command::new("pngquant");
    command.args(["--force", "--ext", ".png", "--strip", "--nofs", "64", "--"]).args(pictures);
    if command.stdin(Stdio::null()).status()?.success() {
        Ok(())
    } else {
        Err("pngquant could not shrink the pictures".into())
    }
}

/// The same letters on every machine, whatever fonts it has.
fn fonts(place: &Path) -> String {
    let names = ["Sans-Regular", "Sans-Bold", "SansArabic-Regular", "SansArabic-Bold", "SansMono-Bold"];
    let globs: String = names.iter().map(|name| format!("<glob>{FONTS}/Noto{name}.ttf</glob>")).collect();
    let cache = place.join("fonts");
    format!(
        "<?xml version=\"1.0\"?><!DOCTYPE fontconfig SYSTEM \"fonts.dtd\"><fontconfig><dir>{FONTS}</dir>\
         <cachedir>{}</cachedir><selectfont><rejectfont><glob>*</glob></rejectfont><acceptfont>{globs}</acceptfont>\
         </selectfont><alias><family>monospace</family><prefer><family>Noto Sans Mono</family></prefer></alias>\
         <match target=\"pattern\"><edit name=\"family\" mode=\"append\" binding=\"weak\">\
         <string>Noto Sans</string></edit></match></fontconfig>",
        cache.display()
    )
}
