use super::*;
use crate::testing::{ask, bytes, request, request_ids, site};
use crate::{Edge, EdgeSettings};

fn edge() -> Edge {
    pages(site()).edge(request_ids(), EdgeSettings::default())
}

#[tokio::test]
async fn the_page_and_its_files_come_from_here() {
    let edge = edge();
    for asset in ASSETS {
        let response = ask(&edge, "GET", asset.path).await;
        assert_eq!(response.status(), 200, "{}", asset.path);
        assert_eq!(response.headers()[header::CONTENT_TYPE], asset.content_type);
        assert_eq!(response.headers().contains_key(header::CONTENT_ENCODING), asset.is_gzip);
        assert_eq!(&bytes(response).await[..], asset.bytes);
    }
    let page = std::str::from_utf8(ASSETS[0].bytes).unwrap();
    for reference in page.split(['"', '\'']).filter(|text| text.starts_with('/')) {
        assert_eq!(ask(&edge, "GET", reference).await.status(), 200, "{reference}");
    }
}

#[test]
fn nothing_is_loaded_from_another_host() {
    for asset in ASSETS.iter().filter(|asset| !asset.is_gzip) {
        let text = std::str::from_utf8(asset.bytes).unwrap();
        assert!(!text.contains("http:") && !text.contains("https:"), "{}", asset.path);
        assert!(!text.contains("\"//") && !text.contains("@import"), "{}", asset.path);
    }
    // The bundle names hosts in its texts, and this policy keeps it from asking any of them.
    let policy = POLICY.to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
    assert!(!policy.contains("http") && !policy.contains('*') && !policy.contains("unsafe-eval"));
    let script = std::str::from_utf8(ASSETS[1].bytes).unwrap();
    assert!(script.contains("validatorUrl: null"), "the default would send documents away");
    assert!(!std::str::from_utf8(ASSETS[0].bytes).unwrap().contains("<script>"), "no inline script");
}

#[tokio::test]
async fn a_browser_keeps_what_cannot_change_and_asks_for_the_rest() {
    let edge = edge();
    for asset in ASSETS {
        let first = ask(&edge, "GET", asset.path).await;
        let is_versioned = asset.path.contains("5.35.0");
        let cache_control = first.headers()[header::CACHE_CONTROL].to_str().unwrap();
        assert_eq!(cache_control.contains("immutable"), is_versioned, "{}", asset.path);
        let tag = first.headers()[header::ETAG].clone();
        let again = request("GET", asset.path).header(header::IF_NONE_MATCH, tag);
        let again = edge.respond(again.body(Body::empty()).unwrap(), None).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert!(bytes(again).await.is_empty());
        let other = request("GET", asset.path).header(header::IF_NONE_MATCH, "\"other\"");
        assert_eq!(edge.respond(other.body(Body::empty()).unwrap(), None).await.status(), StatusCode::OK);
    }
}

#[test]
fn the_files_are_of_the_version_that_is_written_down() {
    let readme = include_str!("../../assets/swagger-ui/README.md");
    let version = ASSETS[3].path.split('/').nth(2).unwrap();
    assert!(readme.contains(&format!("`swagger-ui-dist` {version} ")), "{version}");
    assert!(ASSETS.iter().filter(|asset| asset.is_gzip).all(|asset| asset.bytes.starts_with(&[0x1f, 0x8b])));
}
