use std::sync::Arc;

use super::Shop;
use crate::fixture::World;

on_both_engines! {
    an_export_is_the_same_bytes_every_time_and_goes_on_where_it_broke_off
    an_export_that_cannot_be_says_why
}

async fn an_export_is_the_same_bytes_every_time_and_goes_on_where_it_broke_off(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let (batch, tokens) = shop.tokens(&world, 70).await;
    for (format, content_type) in [
        ("csv", "text/csv"),
        ("ndjson", "application/x-ndjson"),
        ("zpl", "application/x-zpl"),
        ("pdf", "application/pdf"),
        ("svg-zip", "application/zip"),
    ] {
        let path = format!("/api/v1/batches/{batch}/codes?format={format}");
        let whole = world.send(shop.get(&path)).await;
        assert_eq!(whole.status, 200, "{whole:?}");
        assert!(whole.header("content-type").unwrap().starts_with(content_type), "{whole:?}");
        let length = whole.body.len();
        assert_eq!(whole.header("content-length"), Some(length.to_string().as_str()));
        assert_eq!(world.send(shop.get(&path)).await.body, whole.body);
        for from in [0, 1, length / 2, length - 1] {
            let part = world.send(shop.get(&path).header("range", format!("bytes={from}-"))).await;
            assert_eq!((part.status, &part.body[..]), (206, &whole.body[from..]), "{format} {from}");
            let place = format!("bytes {from}-{}/{length}", length - 1);
            assert_eq!(part.header("content-range"), Some(place.as_str()));
            assert_eq!(part.header("etag"), whole.header("etag"));
        }
        let beyond = world.send(shop.get(&path).header("range", format!("bytes={length}-"))).await;
        assert_eq!((beyond.status, beyond.body.len()), (416, 0));
    }
    let csv = world.send(shop.get(&format!("/api/v1/batches/{batch}/codes?from=2&to=3"))).await;
    let line = |n: usize| format!("EXP24-{n:06},{0},http://localhost:8080/v/{0}\n", tokens[n - 1]);
    assert_eq!(String::from_utf8_lossy(&csv.body), format!("serial,token,verifyUrl\n{}{}", line(2), line(3)));
}

async fn an_export_that_cannot_be_says_why(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let (batch, _) = shop.tokens(&world, 2).await;
    for query in [
        "format=xls",
        "format=csv&sheet=a4-65",
        "format=pdf&sheet=a5",
        "from=0",
        "to=3",
        "from=2&to=1",
        "from=x",
    ] {
        let reply = world.send(shop.get(&format!("/api/v1/batches/{batch}/codes?{query}"))).await;
        assert_eq!(reply.expect(400)["error"]["code"], "invalid_request", "{query}");
    }
}
