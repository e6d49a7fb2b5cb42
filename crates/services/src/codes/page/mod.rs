//! The page that a shopper sees who scans a product: one verdict in plain words, and what to do now.
//!
//! It is whole without JavaScript. With it, the page tells by itself that it was shown; without, a button does.
//! Everything that somebody else wrote is escaped, and the page loads nothing from anywhere.

mod words;

#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};

use super::language::Language;
use words::{Said, Words, words};

/// Characters of a token that are shown.
const TOKEN_SHOWN_MAX: usize = 64;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2330;--soft:#586174;--paper:#f4f5f7;--card:#fff;--line:#d9dde4;--mark:#17653a;--wash:#e6f4ec}\
[data-tone=warn]{--mark:#8a4b00;--wash:#fff2dc}[data-tone=stop]{--mark:#a01c1c;--wash:#fdeaea}\
[data-tone=none]{--mark:#4a5263;--wash:#eceef2}\
@media(prefers-color-scheme:dark){:root{--ink:#eef1f6;--soft:#b3bccb;--paper:#12161d;--card:#1b212b;--line:#323a48;--mark:#7bd8a4;--wash:#173425}\
[data-tone=warn]{--mark:#ffc46b;--wash:#3a2b10}[data-tone=stop]{--mark:#ff9d9d;--wash:#421d1d}[data-tone=none]{--mark:#c3cad6;--wash:#2a313d}}\
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:1.0625rem/1.55 system-ui,sans-serif}\
main{max-inline-size:34rem;margin-inline:auto;padding:1rem 1rem 2rem}\
.card{background:var(--card);border:1px solid var(--line);border-radius:1rem;overflow:hidden;box-shadow:0 1px 4px rgb(0 0 0/.08)}\
.verdict{background:var(--wash);padding:1.25rem;display:grid;grid-template-columns:auto 1fr;gap:.75rem .875rem;align-items:center}\
.verdict svg{inline-size:2.75rem;block-size:2.75rem;color:var(--mark)}\
h1{margin:0;font-size:1.4rem;line-height:1.3;color:var(--mark);overflow-wrap:anywhere;text-wrap:balance}\
.verdict p{grid-column:1/-1}.rest{padding:1.25rem;display:grid;gap:1rem}\
p{margin:0;text-wrap:pretty}dl{margin:0;display:grid;gap:.75rem}dt{color:var(--soft);font-size:.9rem;line-height:1.4}\
dd{margin:0;font-weight:600;overflow-wrap:anywhere}dl>:last-child dd{font-family:ui-monospace,monospace}\
img{display:block;max-inline-size:100%;block-size:auto;border-radius:.5rem}\
.owner{white-space:pre-line;overflow-wrap:anywhere;border-block-start:1px solid var(--line);padding-block-start:1rem}\
.thanks{background:var(--paper);border-radius:.6rem;padding:.8rem 1rem}\
button{font:inherit;font-weight:600;inline-size:100%;min-block-size:3rem;padding:.6rem 1rem;border:0;border-radius:.6rem;\
background:var(--ink);color:var(--card);cursor:pointer}\
nav{margin-block-start:1rem;display:flex;flex-wrap:wrap;justify-content:center;gap:0 .25rem}\
a{color:var(--soft);padding:.5rem .6rem;border-radius:.4rem}a[aria-current]{color:var(--ink);font-weight:600;text-decoration:none}\
:focus-visible{outline:3px solid var(--mark);outline-offset:2px}@media(min-width:40rem){main{padding-block:3rem}}\
@media print{nav,form{display:none}}";

/// Tells that the page was shown, once; and shows it anew if that changed what it says.
const SCRIPT: &str = "\
(function(){var f=document.querySelector('form');if(!f)return;f.hidden=true;if(location.hash==='#checked')return;\
fetch(f.action,{method:'POST',headers:{'content-type':'application/json'},body:'{}',keepalive:true,credentials:'omit'})\
.then(function(r){if(!r.ok)throw r;return r.json()}).then(function(a){if(a.riskLevel!==document.body.dataset.risk){location.hash='#checked';location.reload()}})\
.catch(function(){f.hidden=false})})()";

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| seal::base64::encode(digest(&SHA256, text.as_bytes()).as_ref());
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
});

/// What a code is to a shopper.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Genuine,
    Recalled,
    /// Genuine, and it may have been copied.
    Elsewhere,
    /// Not released yet, used up, or past its date.
    Inactive,
    Stolen,
    /// Not one of ours.
    Unknown,
}

/// When a code was checked first, to the month.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FirstScan {
    pub year: i16,
    /// 1 to 12.
    pub month: u8,
    /// In the language of the page.
    pub region: Option<&'static str>,
}

/// What a page is about.
#[derive(Clone, Debug)]
pub struct View<'a> {
    pub verdict: Verdict,
    /// As it was sent.
    pub token: &'a str,
    pub product: Option<&'a str>,
    pub brand: Option<&'a str>,
    pub serial: Option<&'a str>,
    /// The owner's own words.
    pub text: Option<&'a str>,
    /// A `data:` address.
    pub image: Option<&'a str>,
    pub first_scan: Option<FirstScan>,
    /// Where a check is recorded.
    pub scan_path: &'a str,
    /// `green`, `amber`, `red`, or nothing.
    pub risk_level: &'a str,
    /// This page answers a check that was recorded.
    pub is_recorded: bool,
}

/// The policy under which a page may run its own style and script, and nothing else.
#[must_use]
pub fn policy() -> &'static str {
    &POLICY
}

/// The language that was asked for in the address, or by `Accept-Language` (RFC 9110 §12.5.4), or English.
#[must_use]
pub fn choose(lang: Option<&str>, accept_language: Option<&str>) -> Language {
    if let Some(language) = lang.and_then(Language::parse) {
        return language;
    }
    let mut best = (0.0, Language::English);
    for range in accept_language.unwrap_or_default().split(',') {
        let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
        let weight = weight(parameters);
        let primary = tag.trim().split('-').next().unwrap_or_default();
        if let Some(language) = Language::parse(primary).filter(|_| weight > best.0) {
            best = (weight, language);
        }
    }
    best.1
}

/// How much a language is wanted, from 0 to 1 (RFC 9110 §12.4.2). More than 1 is no more than that, and what cannot be
/// read is not wanted.
fn weight(parameters: &str) -> f32 {
    let Some((name, text)) = parameters.trim().split_once('=') else { return 1.0 };
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match text.parse::<f32>() {
        _ if !name.eq_ignore_ascii_case("q") => 1.0,
        Ok(weight) if is_number => weight.min(1.0),
        _ => 0.0,
    }
}

/// The whole document.
#[must_use]
pub fn render(view: &View<'_>, language: Language) -> String {
    let words = words(language);
    let (said, tone) = verdict(view.verdict, words);
    let mut page = Page(String::with_capacity(8192 + view.image.map_or(0, str::len)));
    let direction = if language.is_right_to_left() { "rtl" } else { "ltr" };
    page.raw(&format!(
        "<!doctype html><html lang=\"{}\" dir=\"{direction}\"><head><meta charset=\"utf-8\">",
        language.tag()
    ));
    page.raw("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" content=\"noindex\">");
    // Without an icon of its own, a browser asks for one at an address that the policy forbids.
    page.raw("<link rel=\"icon\" href=\"data:,\"><title>");
    page.text(said.heading);
    page.raw("</title><style>").raw(STYLE).raw("</style></head>");
    page.raw(&format!(
        "<body data-tone=\"{tone}\" data-risk=\"{}\"><main><div class=\"card\">",
        view.risk_level
    ));
    page.raw("<div class=\"verdict\">").raw(icon(tone)).raw("<h1>").text(said.heading).raw("</h1><p>");
    page.text(said.advice).raw("</p></div><div class=\"rest\">");
    details(&mut page, view, words);
    check(&mut page, view, words, language);
    page.raw("</div></div>");
    languages(&mut page, view, words, language);
    page.raw("</main><script>").raw(SCRIPT).raw("</script></body></html>");
    page.0
}

const fn verdict(verdict: Verdict, words: &'static Words) -> (&'static Said, &'static str) {
    match verdict {
        Verdict::Genuine => (&words.genuine, "good"),
        Verdict::Recalled => (&words.recalled, "stop"),
        Verdict::Elsewhere => (&words.elsewhere, "warn"),
        Verdict::Inactive => (&words.inactive, "warn"),
        Verdict::Stolen => (&words.stolen, "stop"),
        Verdict::Unknown => (&words.unknown, "none"),
    }
}

/// A sign beside the words, which say the same.
fn icon(tone: &str) -> &'static str {
    match tone {
        "good" => {
            "<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" stroke-linecap=\"round\" stroke-linejoin=\"round\"><circle cx=\"12\" cy=\"12\" r=\"10\"/><path d=\"M7 12.5l3.5 3.5L17 9\"/></svg>"
        }
        "stop" => {
            "<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" stroke-linecap=\"round\" stroke-linejoin=\"round\"><circle cx=\"12\" cy=\"12\" r=\"10\"/><path d=\"M8 8l8 8M16 8l-8 8\"/></svg>"
        }
        "warn" => {
            "<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" stroke-linecap=\"round\" stroke-linejoin=\"round\"><path d=\"M12 3l10 18H2z\"/><path d=\"M12 10v4M12 17.5v.01\"/></svg>"
        }
        _ => {
            "<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" stroke-linecap=\"round\" stroke-linejoin=\"round\"><circle cx=\"12\" cy=\"12\" r=\"10\"/><path d=\"M9 9.5a3 3 0 116 0c0 2-3 2-3 4M12 17v.01\"/></svg>"
        }
    }
}

fn details(page: &mut Page, view: &View<'_>, words: &Words) {
    // A code of nobody's says nothing of anybody, whatever the view holds.
    let is_known = view.verdict != Verdict::Unknown;
    if let Some(image) = view.image.filter(|_| is_known) {
        page.raw("<p><img alt=\"\" src=\"").text(image).raw("\"></p>");
    }
    page.raw("<dl>");
    let shown: String = view.token.chars().take(TOKEN_SHOWN_MAX).collect();
    let rows = [
        (words.product, view.product.filter(|_| is_known)),
        (words.brand, view.brand.filter(|_| is_known)),
        (words.serial, view.serial.filter(|_| is_known)),
        (words.code, Some(shown.as_str())),
    ];
    for (name, value) in rows {
        let Some(value) = value else { continue };
        // The value reads in its own direction, and stands on the side of the page's.
        page.raw("<div><dt>").text(name).raw("</dt><dd><bdi>").text(value).raw("</bdi></dd></div>");
    }
    page.raw("</dl>");
    if is_known {
        page.raw("<p>").text(&first_check(view, words)).raw("</p>");
    }
    if let Some(text) = view.text.filter(|_| is_known) {
        page.raw("<p class=\"owner\" dir=\"auto\">").text(text).raw("</p>");
    }
}

fn first_check(view: &View<'_>, words: &Words) -> String {
    let Some(first) = &view.first_scan else { return words.never_checked.to_owned() };
    let month = words.months.get(usize::from(first.month).wrapping_sub(1)).copied().unwrap_or_default();
    let region = first.region.map_or(String::new(), |region| format!(", {region}"));
    format!("{} {month} {}{region}", words.first_check, first.year)
}

/// A code of nobody's has no check to be recorded.
fn check(page: &mut Page, view: &View<'_>, words: &Words, language: Language) {
    if view.is_recorded {
        page.raw("<p class=\"thanks\" role=\"status\">").text(words.recorded).raw("</p>");
    } else if view.verdict != Verdict::Unknown {
        page.raw("<form method=\"post\" action=\"").text(view.scan_path);
        page.raw(&format!("?lang={}\"><button>", language.tag())).text(words.record).raw("</button></form>");
    }
}

fn languages(page: &mut Page, view: &View<'_>, own: &Words, chosen: Language) {
    // The answer to a form is at another address than the page itself.
    let place = view.scan_path.strip_suffix("/scan").unwrap_or_default();
    page.raw("<nav aria-label=\"").text(own.language).raw("\">");
    for &language in Language::ALL {
        let tag = language.tag();
        let current = if language == chosen { " aria-current=\"true\"" } else { "" };
        page.raw("<a href=\"").text(place);
        page.raw(&format!("?lang={tag}\" lang=\"{tag}\" hreflang=\"{tag}\"{current}>"));
        page.text(words(language).own_name).raw("</a>");
    }
    page.raw("</nav>");
}

/// HTML under way.
struct Page(String);

impl Page {
    fn raw(&mut self, html: &str) -> &mut Self {
        self.0.push_str(html);
        self
    }

    /// Whatever it says, it is text.
    fn text(&mut self, text: &str) -> &mut Self {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                control if control.is_control() && control != '\n' => {
                    write!(self.0, "\u{fffd}").expect("a String takes everything");
                }
                other => self.0.push(other),
            }
        }
        self
    }
}
