//! The documents say what the router does: no more and no less.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use web::Edge;

use crate::fixture::{Ask, World, text};

on_both_engines! {
    every_document_is_openapi_3_1_with_a_response_and_a_summary_for_each_operation
    the_documents_name_exactly_the_operations_of_the_router
    the_list_of_documents_is_complete_and_each_is_readable_without_a_key
    no_schema_name_means_two_things_within_a_service
    the_documentation_page_refers_to_no_other_host
}

const METHODS: &[&str] = &["get", "post", "put", "patch", "delete", "head", "options", "trace"];

/// The listed documents of a listener by their path.
async fn documents(edge: &Edge) -> BTreeMap<String, Value> {
    let listing = Ask::get("/openapi").send(edge).await.expect(200);
    let mut documents = BTreeMap::new();
    for listed in listing["documents"].as_array().unwrap() {
        let url = text(listed, "url");
        let document = Ask::get(&url).send(edge).await.expect(200);
        assert_eq!(document["info"]["title"], listed["title"], "{url}");
        assert!(documents.insert(url, document).is_none(), "listed twice: {listed}");
    }
    documents
}

/// Method, path and operation.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let operations =
                item.as_object().unwrap().iter().filter(|(name, _)| METHODS.contains(&name.as_str()));
            operations.map(|(method, operation)| (method.to_uppercase(), path.clone(), operation))
        })
        .collect()
}

async fn every_document_is_openapi_3_1_with_a_response_and_a_summary_for_each_operation(world: Arc<World>) {
    for edge in [world.public(), world.operator()] {
        for (url, document) in documents(edge).await {
            assert!(text(&document, "openapi").starts_with("3.1."), "{url}");
            for (method, path, operation) in operations(&document) {
                let responses = operation["responses"].as_object().map_or(0, serde_json::Map::len);
                assert!(responses > 0, "{method} {path} has no response");
                assert!(!text(operation, "summary").is_empty(), "{method} {path} has no summary");
                for parameter in template_parameters(&path) {
                    let named = operation["parameters"].as_array().is_some_and(|all| {
                        all.iter().any(|one| one["in"] == "path" && one["name"] == parameter)
                    });
                    assert!(named, "{method} {path} does not describe {parameter}");
                }
            }
        }
    }
}

fn template_parameters(path: &str) -> Vec<String> {
    let segments = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    segments.map(str::to_owned).collect()
}

async fn the_documents_name_exactly_the_operations_of_the_router(world: Arc<World>) {
    for edge in [world.public(), world.operator()] {
        let documents = documents(edge).await;
        let documented: BTreeSet<(String, String)> =
            documents.values().flat_map(operations).map(|(method, path, _)| (method, path)).collect();
        let mut routed = BTreeSet::new();
        for template in edge.templates() {
            if is_page(template) {
                continue;
            }
            for method in methods(edge, template).await {
                routed.insert((method, template.clone()));
            }
        }
        assert_eq!(documented, routed);
    }
}

/// Files for browsers, pages about errors and the documents themselves, which no document describes.
fn is_page(template: &str) -> bool {
    ["/docs", "/errors", "/openapi", "/api/v1/docs", "/api/v1/codes/openapi.json", "/v", "/V", "/01"]
        .iter()
        .any(|page| template == *page || template.starts_with(&format!("{page}/")))
}

/// What the router itself says that a path knows.
pub(crate) async fn methods(edge: &Edge, template: &str) -> BTreeSet<String> {
    let path = template.replace("{id}", "x").replace("{level}/{*number}", "0/000");
    let path = path.replace("{token}", "x").replace("{gtin}", "x");
    assert!(!path.contains('{'), "give a value for every parameter of {template}");
    let reply = Ask::new("BREW", &path).send(edge).await;
    assert_eq!(reply.status, 405, "{template}: {reply:?}");
    let allow = reply.header("allow").unwrap().split(',').map(str::trim).map(str::to_owned);
    allow.filter(|method| method != "HEAD").collect()
}

async fn the_list_of_documents_is_complete_and_each_is_readable_without_a_key(world: Arc<World>) {
    for edge in [world.public(), world.operator()] {
        let listed: BTreeSet<String> = documents(edge).await.into_keys().collect();
        let served: BTreeSet<String> =
            edge.templates().iter().filter(|path| path.ends_with(".json")).cloned().collect();
        assert_eq!(listed, served);
    }
}

async fn no_schema_name_means_two_things_within_a_service(world: Arc<World>) {
    let mut seen: BTreeMap<String, (String, Value)> = BTreeMap::new();
    for edge in [world.public(), world.operator()] {
        for (url, document) in documents(edge).await {
            for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
                let known = seen.entry(name.clone()).or_insert_with(|| (url.clone(), schema.clone()));
                assert_eq!(&known.1, schema, "{name} in {url} and in {}", known.0);
            }
            for reference in references(&document) {
                let pointer = reference.strip_prefix('#').expect("documents stand alone");
                assert!(document.pointer(pointer).is_some(), "{url}: {reference} leads nowhere");
            }
        }
    }
    assert!(seen.len() > 5, "only {} schemas found: the search is broken", seen.len());
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

async fn the_documentation_page_refers_to_no_other_host(world: Arc<World>) {
    let edge = world.public();
    let page = Ask::get("/docs").send(edge).await;
    page.expect(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(!policy.contains("http") && !policy.contains('*'), "{policy}");
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    let own = ["/docs/page.js", "/docs/page.css"];
    for path in own {
        assert!(html.contains(path), "{html}");
    }
    for file in std::iter::once("/docs").chain(own) {
        let text = String::from_utf8(Ask::get(file).send(edge).await.body.to_vec()).unwrap();
        assert!(!text.contains("://") && !text.contains("\"//"), "{file} names another host");
    }
    for address in html.split(['"', '\'']).filter(|text| text.starts_with('/')) {
        Ask::get(address).send(edge).await.expect(200);
    }
}
