//! `GET /docs`: Swagger UI over the documents of `GET /openapi`, all of it from this binary.
//!
//! See `assets/swagger-ui/README.md` for where the files come from.

use axum::body::Body;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use base::crockford;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::site::Site;

/// Scripts and connections stay on this server; Swagger UI sets styles on elements.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// A file of the page. Swagger UI's addresses name its version, so that browsers may keep the files for good.
#[derive(Clone, Copy)]
struct Asset {
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    /// Compressed in the repository, and served so: every browser reads it, and nothing here decompresses.
    is_gzip: bool,
}

const ASSETS: [Asset; 5] = [
    Asset {
        path: "/docs",
        content_type: "text/html; charset=utf-8",
        bytes: include_bytes!("../assets/docs/index.html"),
        is_gzip: false,
    },
    Asset {
        path: "/docs/page.js",
        content_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../assets/docs/page.js"),
        is_gzip: false,
    },
    Asset {
        path: "/docs/page.css",
        content_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../assets/docs/page.css"),
        is_gzip: false,
    },
    Asset {
        path: "/docs/5.35.0/swagger-ui-bundle.js",
        content_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../assets/swagger-ui/swagger-ui-bundle.js.gz"),
        is_gzip: true,
    },
    Asset {
        path: "/docs/5.35.0/swagger-ui.css",
        content_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../assets/swagger-ui/swagger-ui.css.gz"),
        is_gzip: true,
    },
];

/// Adds `/docs` and its files.
pub fn pages(site: Site) -> Site {
    ASSETS.iter().fold(site, |site, asset| site.page(asset.path, file(*asset)))
}

fn file(asset: Asset) -> MethodRouter {
    let tag = entity_tag(asset.bytes);
    get(move |headers: HeaderMap| async move {
        let is_known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == tag);
        let mut response =
            Response::new(if is_known { Body::empty() } else { Body::from(Bytes::from_static(asset.bytes)) });
        let headers = response.headers_mut();
        headers.insert(header::ETAG, tag);
        headers.insert(header::CACHE_CONTROL, if asset.is_gzip { FOR_GOOD } else { ASK_AGAIN });
        headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
        if asset.is_gzip {
            headers.insert(header::CONTENT_ENCODING, GZIP);
        }
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        response
    })
}

/// The first 125 bits of the file's SHA-256.
fn entity_tag(bytes: &[u8]) -> HeaderValue {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut bits = [0; 16];
    bits.copy_from_slice(&digest.as_ref()[..16]);
    let mut tag = String::from("\"");
    crockford::push_lower(&mut tag, u128::from_be_bytes(bits) >> 3, 25);
    tag.push('"');
    HeaderValue::try_from(tag).expect("a quoted text of letters and digits is a header value")
}

#[cfg(test)]
mod tests;
