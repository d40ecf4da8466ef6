//! Resources: products that share one see what others take of it, and never take more than there is.

use domain::time::Span;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Engine, OnEngine as _, TestCatalogue, with};

use crate::test_server::TestServer;

testkit::on_both_engines![
    products_share_a_guide,
    buyers_of_two_products_never_take_more_than_there_is,
    bad_resources_are_refused_with_their_pointers,
    a_resource_of_another_tenant_is_unknown,
    the_examples_of_the_page_work,
];

async fn create(server: &TestServer, capacity: i64) -> String {
    let body = json!({ "name": "Catamaran", "capacity": capacity });
    server.post("/v1/resources", &body).expect(201).await.id()
}

/// A product whose slots last two hours and need this.
async fn sharing(server: &TestServer, capacity: i64, resource: &str, per: &str) -> TestCatalogue {
    let catalogue = TestCatalogue::create(server, capacity).await;
    let needed = json!([{ "resource_id": resource, "quantity": 1, "per": per }]);
    let body = json!({ "duration_minutes": 120, "resources": needed });
    let path = format!("/v1/products/{}/resources", catalogue.product);
    let product = server.post(&path, &body).expect(200).await.body;
    assert_eq!((&product["duration_minutes"], &product["resources"][0]["per"]), (&json!(120), &json!(per)));
    catalogue
}

async fn calendar(server: &TestServer, resource: &str) -> Vec<Value> {
    let path = format!("/v1/resources/{resource}/calendar?from=2050-07-01T00:00:00Z&days=1");
    server.get(&path).expect(200).await.body["data"].as_array().unwrap().clone()
}

async fn products_share_a_guide(server: TestServer) {
    let guide = create(&server, 1).await;
    let sail = sharing(&server, 10, &guide, "slot").await;
    let dive = sharing(&server, 10, &guide, "slot").await;
    assert_eq!(calendar(&server, &guide).await, Vec::<Value>::new());
    let booking = sail.book(&server, "ana", 2).await;
    assert_eq!((sail.vacancies(&server).await, dive.vacancies(&server).await), (8, 0));
    let basket = json!({ "slot_id": dive.slot, "units": [{ "unit_id": dive.adult, "quantity": 1 }] });
    let quote = server.post("/v1/quotes", &basket).expect(200).await.body;
    assert_eq!((&quote["has_room"], &quote["slots"][0]["status"]), (&json!(false), &json!("sold_out")));
    let refused = server.post("/v1/bookings", &dive.booking(1, "bob")).key("b-1");
    let refused = refused.refused(409, "resource_is_taken").await;
    assert_eq!(refused.body["resource"], json!(dive.slot));
    let uses = calendar(&server, &guide).await;
    assert_eq!((uses.len(), &uses[0]["slot_id"], &uses[0]["quantity"]), (1, &json!(sail.slot), &json!(1)));
    assert_eq!(
        (&uses[0]["from"], &uses[0]["to"]),
        (&json!("2050-07-01T19:00:00Z"), &json!("2050-07-01T21:00:00Z"))
    );

    // The guide cannot be away then, and is free for others afterwards.
    let away = json!([{ "from": "2050-07-01T20:59:00Z", "to": "2050-07-02T00:00:00Z", "reason": "leave" }]);
    let path = format!("/v1/resources/{guide}");
    let refused = server.request("PATCH", &path).json(&json!({ "closures": away }));
    assert_eq!(refused.refused(409, "resource_is_in_use").await.body["resource"], json!(sail.slot));
    server.request("POST", &format!("/v1/bookings/{booking}/cancel")).key("c-1").expect(200).await;
    let changed =
        server.request("PATCH", &path).json(&json!({ "closures": away, "version": 1 })).expect(200).await;
    assert_eq!((&changed.body["version"], &changed.body["closures"][0]["capacity"]), (&json!(2), &json!(0)));
    let outdated = server.request("PATCH", &path).json(&json!({ "name": "Ana", "version": 1 }));
    outdated.refused(409, "changed_meanwhile").await;
    assert_eq!(dive.vacancies(&server).await, 0, "the guide is away");
    server.request("PATCH", &path).json(&json!({ "closures": [] })).expect(200).await;
    dive.book(&server, "bob", 10).await;
    assert_eq!(sail.vacancies(&server).await, 0);
    assert_eq!(server.get(&path).expect(200).await.body["version"], 3);
}

async fn buyers_of_two_products_never_take_more_than_there_is(server: TestServer) {
    let boat = create(&server, 12).await;
    let sail = sharing(&server, 10, &boat, "seat").await;
    let dive = sharing(&server, 10, &boat, "seat").await;
    let server = &server;
    let buy = async |at: usize| {
        let catalogue = [&sail, &dive][at % 2];
        let body = catalogue.booking(1, &format!("buyer-{at}"));
        let reply = server.post("/v1/bookings", &body).key(&format!("b-{at}")).send().await;
        match (reply.status, reply.code()) {
            (201, _) => true,
            (409, "resource_is_taken" | "slot_is_full") => false,
            _ => panic!("{}", reply.text),
        }
    };
    let bought = join_all((0..40).map(buy)).await.into_iter().filter(|bought| *bought).count();
    assert_eq!(bought, 12);
    let used: i64 = calendar(server, &boat).await.iter().map(|used| used["quantity"].as_i64().unwrap()).sum();
    assert_eq!(used, 12);
    assert_eq!((sail.vacancies(server).await, dive.vacancies(server).await), (0, 0));
}

/// The time of PostgreSQL cannot be moved.
#[tokio::test]
async fn a_lapsed_hold_of_another_product_costs_no_sale() {
    let server = TestServer::on(Engine::Sqlite).await;
    let guide = create(&server, 1).await;
    let sail = sharing(&server, 10, &guide, "slot").await;
    let dive = sharing(&server, 10, &guide, "slot").await;
    sail.book_for(&server, "ana", 60).await;
    let body = dive.booking(1, "bob");
    server.post("/v1/bookings", &body).key("b-1").refused(409, "resource_is_taken").await;
    server.clock.advance(Span::seconds(61));
    dive.book(&server, "carla", 1).await;
}

async fn bad_resources_are_refused_with_their_pointers(server: TestServer) {
    let good = json!({ "name": "Catamaran", "capacity": 1 });
    let closure = |from: &str, to: &str| json!([{ "from": from, "to": to, "reason": "dock" }]);
    for (member, pointer) in [
        (json!({ "name": "" }), "/name"),
        (json!({ "capacity": 0 }), "/capacity"),
        (json!({ "closures": closure("2050-01-02T00:00:00Z", "2050-01-02T00:00:00Z") }), "/closures/0/to"),
        (
            json!({ "closures": [{ "from": "2050-01-02T00:00:00Z", "to": "2050-01-03T00:00:00Z", "reason": "x", "capacity": -1 }] }),
            "/closures/0/capacity",
        ),
    ] {
        let refused =
            server.post("/v1/resources", &with(good.clone(), member)).refused(400, "validation_failed").await;
        assert_eq!(refused.body["errors"][0]["pointer"], pointer);
    }
    let guide = create(&server, 1).await;
    let catalogue = TestCatalogue::create(&server, 10).await;
    let path = format!("/v1/products/{}/resources", catalogue.product);
    let needed = |quantity: i64| json!({ "resource_id": guide, "quantity": quantity });
    for (body, pointer) in [
        (json!({ "duration_minutes": 0 }), "/duration_minutes"),
        (json!({ "duration_minutes": 60, "resources": [needed(0)] }), "/resources/0/quantity"),
        (json!({ "duration_minutes": 60, "resources": [needed(1), needed(2)] }), "/resources/1/resource_id"),
    ] {
        let refused = server.post(&path, &body).refused(400, "validation_failed").await;
        assert_eq!(refused.body["errors"][0]["pointer"], pointer);
    }
}

async fn a_resource_of_another_tenant_is_unknown(server: TestServer) {
    let guide = create(&server, 1).await;
    let read = format!("/v1/resources/{guide}");
    for path in [read.clone(), format!("{read}/calendar?from=2050-01-01T00:00:00Z")] {
        server.get(&path).by("sk_two").refused(404, "resource_not_found").await;
    }
    let change = server.request("PATCH", &read).by("sk_two").json(&json!({ "capacity": 2 }));
    change.refused(404, "resource_not_found").await;
    let product = json!({
        "name": "Dive", "time_zone": "Europe/Lisbon", "currency": "EUR",
        "units": [{ "name": "Adult", "price": testkit::eur(1) }],
    });
    let product = server.post("/v1/products", &product).by("sk_two").expect(201).await.id();
    let body = json!({ "duration_minutes": 60, "resources": [{ "resource_id": guide, "quantity": 1 }] });
    let path = format!("/v1/products/{product}/resources");
    server.post(&path, &body).by("sk_two").refused(404, "resource_not_found").await;
    assert_eq!(server.get("/v1/resources").by("sk_two").expect(200).await.body["data"], json!([]));
}

async fn the_examples_of_the_page_work(server: TestServer) {
    const PAGE: &str = include_str!("../../../../docs/resources.md");
    let product = TestCatalogue::create(&server, 10).await.product;
    let (mut resource, mut run) = (String::new(), 0);
    for block in PAGE.split("```http\n").skip(1) {
        let (request, _) = block.split_once("```").unwrap();
        let (head, body) = request.split_once('\n').unwrap();
        let fill = |text: &str| text.replace("{product}", &product).replace("{resource}", &resource);
        let (head, body) = (fill(head), fill(body));
        let (method, path) = head.split_once(' ').unwrap();
        let mut request = server.request(method, path);
        if !body.trim().is_empty() {
            request = request.json(&serde_json::from_str(&body).unwrap());
        }
        let answer = request.send().await;
        assert!(answer.status < 300, "{head}: {}", answer.text);
        if method == "POST" && path == "/v1/resources" {
            resource = answer.id();
        }
        run += 1;
    }
    assert_eq!(run, 4);
}
