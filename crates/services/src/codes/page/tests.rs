use super::*;

const VERDICTS: [Verdict; 6] = [
    Verdict::Genuine,
    Verdict::Recalled,
    Verdict::Elsewhere,
    Verdict::Inactive,
    Verdict::Stolen,
    Verdict::Unknown,
];

fn view(verdict: Verdict) -> View<'static> {
    View {
        verdict,
        token: "13MKARCQ3FZNKGKVZ22V",
        product: Some("Oil <b>5L</b>"),
        brand: Some("Acme & \"Sons\""),
        serial: Some("EXP24-000001"),
        text: Some("<script>alert('x')</script>"),
        image: None,
        first_scan: Some(FirstScan { year: 2026, month: 5, region: Some("Kenya") }),
        scan_path: "/v/13MKARCQ3FZNKGKVZ22V/scan",
        risk_level: "green",
        is_recorded: false,
    }
}

#[test]
fn every_verdict_is_said_in_every_language_and_its_direction() {
    for &language in Language::ALL {
        for kind in VERDICTS {
            let page = render(&view(kind), language);
            let (said, _) = verdict(kind, words(language));
            assert!(
                page.contains(&format!("<h1>{}</h1>", said.heading.replace('\'', "&#39;"))),
                "{kind:?} {page}"
            );
            let direction = if language == Language::Arabic { "rtl" } else { "ltr" };
            assert!(page.contains(&format!("<html lang=\"{}\" dir=\"{direction}\">", language.tag())));
            assert_eq!(page.contains("<form"), kind != Verdict::Unknown);
            assert!(!page.contains("http"), "it loads nothing: {page}");
        }
    }
}

#[test]
fn what_others_wrote_is_text_and_nothing_else() {
    let page = render(&View { token: "\"><img src=x>", ..view(Verdict::Genuine) }, Language::English);
    for hostile in ["<b>", "<script>alert", "\"Sons\"", "<img src=x>"] {
        assert!(!page.contains(hostile), "{hostile}");
    }
    assert!(page.contains("Oil &lt;b&gt;5L&lt;/b&gt;") && page.contains("Acme &amp; &quot;Sons&quot;"));
}

#[test]
fn unknown_pages_differ_in_the_token_alone() {
    let unknown = |token| {
        let nobody = View {
            product: None,
            brand: None,
            serial: None,
            text: None,
            first_scan: None,
            ..view(Verdict::Unknown)
        };
        render(&View { token, scan_path: "", risk_level: "", ..nobody }, Language::French)
    };
    let somebody = View { token: "AAAA", scan_path: "", risk_level: "", ..view(Verdict::Unknown) };
    assert_eq!(unknown("AAAA"), render(&somebody, Language::French), "nothing of any owner");
    assert_eq!(unknown("AAAA").replace("AAAA", ""), unknown("BBBB").replace("BBBB", ""));
}

#[test]
fn a_page_with_the_largest_image_has_thirty_kilobytes_at_most() {
    let image = format!("data:image/png;base64,{}", "A".repeat(20_000 - 22));
    let text = "x".repeat(500);
    for &language in Language::ALL {
        for kind in VERDICTS {
            let page = render(&View { image: Some(&image), text: Some(&text), ..view(kind) }, language);
            assert!(page.len() <= 30_000, "{}", page.len());
        }
    }
}

#[test]
fn a_recorded_check_is_thanked_for_and_not_asked_for_again() {
    let page = render(&View { is_recorded: true, ..view(Verdict::Genuine) }, Language::English);
    assert!(page.contains("This check was recorded") && !page.contains("<form"));
    assert!(page.contains("href=\"/v/13MKARCQ3FZNKGKVZ22V?lang=fr\""), "the address of a form shows no page");
    let first = render(&View { first_scan: None, ..view(Verdict::Genuine) }, Language::English);
    assert!(first.contains("Nobody has checked this code before."));
    assert!(render(&view(Verdict::Genuine), Language::English).contains("First checked in May 2026, Kenya"));
}

#[test]
fn the_answer_to_the_form_is_in_the_language_of_its_page() {
    for &language in Language::ALL {
        let page = render(&view(Verdict::Genuine), language);
        let action = format!("action=\"/v/13MKARCQ3FZNKGKVZ22V/scan?lang={}\"", language.tag());
        assert!(page.contains(&action), "{page}");
    }
}

#[test]
fn values_stand_on_the_side_of_their_page_whatever_they_are_written_in() {
    let page = render(&view(Verdict::Genuine), Language::Arabic);
    assert!(page.contains("<dd><bdi>EXP24-000001</bdi></dd>"), "{page}");
}

#[test]
fn a_language_is_chosen_by_address_header_and_quality() {
    for (lang, accept, expected) in [
        (None, None, Language::English),
        (Some("sw"), Some("fr"), Language::Swahili),
        (Some("xx"), Some("fr"), Language::French),
        (None, Some("fr-CA,en;q=0.8"), Language::French),
        (None, Some("de, ar;q=0.9, en;q=0.5"), Language::Arabic),
        (None, Some("fr;q=0, so;q=0.1"), Language::Somali),
        (None, Some("*"), Language::English),
        (None, Some("fr;q=x"), Language::English),
        (None, Some("fr;Q=0.2, sw; Q=0.9"), Language::Swahili),
        (None, Some("sw;Q=0, fr;q=0.1"), Language::French),
        (None, Some("ar, fr;q=5"), Language::Arabic),
        (None, Some("fr;q=5"), Language::French),
        (None, Some("fr;q=inf, so;q=nan, ar;q=0.001"), Language::Arabic),
    ] {
        assert_eq!(choose(lang, accept), expected, "{lang:?} {accept:?}");
    }
}

#[test]
fn the_policy_allows_the_pages_own_style_and_script_alone() {
    let page = render(&view(Verdict::Genuine), Language::English);
    for (element, kind) in [("style", "style-src"), ("script", "script-src")] {
        let (_, rest) = page.split_once(&format!("<{element}>")).unwrap();
        let (inside, _) = rest.split_once(&format!("</{element}>")).unwrap();
        let hash = seal::base64::encode(digest(&SHA256, inside.as_bytes()).as_ref());
        assert!(policy().contains(&format!("{kind} 'sha256-{hash}'")), "{}", policy());
    }
    assert!(policy().starts_with("default-src 'none'"));
}
