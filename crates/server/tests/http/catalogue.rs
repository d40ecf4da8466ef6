//! Products, slots and availability.

use serde_json::json;
use testkit::TestCatalogue;

use crate::test_server::TestServer;

testkit::on_both_engines![
    a_product_from_its_birth_to_its_slots,
    lists_are_read_page_by_page,
    what_is_sold_is_checked,
    a_departure_is_made_once,
    what_nobody_can_pay_is_not_sold,
    a_slot_is_shown_as_it_would_be_reserved,
];

async fn a_product_from_its_birth_to_its_slots(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let path = format!("/v1/products/{}", catalogue.product);
    let product = server.get(&path).expect(200).await.body;
    assert_eq!(product["name"], "Sunset sail");
    assert_eq!(product["units"][0]["price"], json!({ "minor": 4_500, "currency": "EUR" }));

    let eur = |minor: i64| json!({ "minor": minor, "currency": "EUR" });
    let change = json!({
        "description": "Two hours on the river.",
        "metadata": { "code": "SAIL" },
        "units": [{ "id": catalogue.adult, "price": eur(5_000) }, { "name": "Boat", "price": eur(20_000), "seats": 8 }],
    });
    let changed = server.request("PATCH", &path).json(&change).expect(200).await.body;
    assert_eq!(changed["name"], "Sunset sail");
    assert_eq!(changed["metadata"], json!({ "code": "SAIL" }));
    let price_of = |name: &str| {
        let units = changed["units"].as_array().unwrap();
        units.iter().find(|unit| unit["name"] == name).unwrap()["price"]["minor"].clone()
    };
    assert_eq!(
        (price_of("Adult"), price_of("Child"), price_of("Boat")),
        (json!(5_000), json!(0), json!(20_000))
    );
    assert_eq!(server.get(&path).expect(200).await.body, changed);

    let range = "from=2050-07-01T00:00:00Z&to=2050-07-02T00:00:00Z";
    let found =
        server.get(&format!("/v1/availability?product_id={}&{range}", catalogue.product)).expect(200).await;
    assert_eq!(
        found.body["data"][0],
        json!({
            "id": catalogue.slot,
            "product_id": catalogue.product,
            "starts_at": "2050-07-01T19:00:00Z",
            "local_starts_at": "2050-07-01T20:00:00",
            "time_zone": "Europe/Lisbon",
            "capacity": 10,
            "vacancies": 10,
            "status": "available",
            "schedule_id": null,
        })
    );
    let later = "from=2050-07-01T19:00:00.000001Z&to=2050-07-02T00:00:00Z";
    let found =
        server.get(&format!("/v1/availability?product_id={}&{later}", catalogue.product)).expect(200).await;
    assert_eq!(found.body["data"], json!([]));
}

async fn lists_are_read_page_by_page(server: TestServer) {
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(TestCatalogue::create(&server, 10).await.product);
    }
    let (mut seen, mut path) = (Vec::new(), "/v1/products?limit=2".to_owned());
    loop {
        let page = server.get(&path).expect(200).await.body;
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 2);
        seen.extend(data.iter().map(|product| product["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/products?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    made.reverse();
    assert_eq!(seen, made, "newest first, each once");
    for query in ["limit=0", "limit=201", "limit=x", "cursor=x", "colour=red", "limit=1&limit=2"] {
        server.get(&format!("/v1/products?{query}")).refused(400, "validation_failed").await;
    }
}

async fn what_is_sold_is_checked(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let path = format!("/v1/products/{}", catalogue.product);
    let usd = json!({ "units": [{ "id": catalogue.adult, "price": { "minor": 1, "currency": "USD" } }] });
    let refused = server.request("PATCH", &path).json(&usd).refused(400, "validation_failed").await;
    assert_eq!(refused.pointers(), ["/units/0/price/currency"]);
    let unknown = json!({ "units": [{ "id": catalogue.slot, "active": false }] });
    server.request("PATCH", &path).json(&unknown).refused(404, "unit_not_found").await;
    let other = TestCatalogue::create(&server, 10).await.adult;
    let other = json!({ "units": [{ "id": other, "active": false }] });
    server.request("PATCH", &path).json(&other).refused(422, "unit_is_not_of_this_product").await;
    let nothing = json!({ "slots": [] });
    server.post(&format!("{path}/slots"), &nothing).refused(400, "validation_failed").await;
    let range = "from=2050-07-02T00:00:00Z&to=2050-07-01T00:00:00Z";
    server
        .get(&format!("/v1/availability?product_id={}&{range}", catalogue.product))
        .refused(400, "validation_failed")
        .await;
    server
        .get(&format!("/v1/availability?product_id={}", catalogue.product))
        .refused(400, "validation_failed")
        .await;
}

/// Requested twice without a key, and at the same time: seats are not sold twice.
async fn a_departure_is_made_once(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let path = format!("/v1/products/{}/slots", catalogue.product);
    let slot = |at: &str, capacity: i64| json!({ "starts_at": at, "capacity": capacity });
    let one = json!({ "slots": [slot("2050-08-01T20:00:00Z", 10)] });
    let made = server.post(&path, &one).expect(201).await.body["data"][0]["id"].clone();
    for again in [
        one.clone(),
        json!({ "slots": [slot("2050-08-01T22:00:00+02:00", 7)] }),
        json!({ "slots": [slot("2050-08-02T20:00:00Z", 10), slot("2050-08-01T20:00:00Z", 10)] }),
    ] {
        let refused = server.post(&path, &again).refused(409, "slot_already_exists").await;
        assert_eq!(refused.body["resource"], made);
    }
    let rush = json!({ "slots": [slot("2050-08-03T20:00:00Z", 10)] });
    let rivals = (0..8).map(|_| async { server.post(&path, &rush).send().await.status });
    let mut statuses = futures_util::future::join_all(rivals).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    let range = "from=2050-08-01T00:00:00Z&to=2050-09-01T00:00:00Z";
    let found =
        server.get(&format!("/v1/availability?product_id={}&{range}", catalogue.product)).expect(200).await;
    assert_eq!(found.body["data"].as_array().unwrap().len(), 2);
    // Another product may depart at the same time.
    let other = TestCatalogue::create(&server, 10).await.product;
    server.post(&format!("/v1/products/{other}/slots"), &one).expect(201).await;
}

/// By Stripe's rules: ariaries are charged in whole units, euros from 0.50 to 999,999.99.
async fn what_nobody_can_pay_is_not_sold(server: TestServer) {
    let price = |minor: i64, currency: &str| json!({ "minor": minor, "currency": currency });
    let product = |minor, currency: &str| {
        let units = json!([{ "name": "Adult", "price": price(minor, currency) }]);
        json!({ "name": "Sail", "time_zone": "UTC", "currency": currency, "units": units })
    };
    for (minor, currency) in [(501, "MGA"), (100_000_000, "EUR"), (1_001, "KWD")] {
        server.post("/v1/products", &product(minor, currency)).refused(422, "amount_is_not_payable").await;
    }
    server.post("/v1/products", &product(1_000, "XAU")).refused(422, "currency_is_not_taken").await;

    let catalogue = TestCatalogue::create(&server, 10).await;
    let path = format!("/v1/products/{}", catalogue.product);
    let dearer = |minor| json!({ "units": [{ "id": catalogue.adult, "price": price(minor, "EUR") }] });
    server.request("PATCH", &path).json(&dearer(100_000_000)).refused(422, "amount_is_not_payable").await;
    let boat = json!({ "units": [{ "name": "Boat", "price": price(100_000_000, "EUR") }] });
    server.request("PATCH", &path).json(&boat).refused(422, "amount_is_not_payable").await;

    // One seat can be paid and two cannot; one seat cannot be paid and two can.
    for (minor, payable, unpayable) in [(60_000_000, 1, 2), (25, 2, 1)] {
        server.request("PATCH", &path).json(&dearer(minor)).expect(200).await;
        let [none, one] = ["none", "one"].map(|key| format!("{key}-{minor}"));
        let request = server.post("/v1/bookings", &catalogue.booking(unpayable, "ana")).key(&none);
        request.refused(422, "amount_is_not_payable").await;
        assert_eq!(catalogue.vacancies(&server).await, 10, "no seat is held");
        let booking = server.book(&catalogue, &one, payable).await.id();
        server
            .request("POST", &format!("/v1/bookings/{booking}/cancel"))
            .key(&format!("c-{minor}"))
            .expect(200)
            .await;
    }
}

/// The shown state of a slot matches the reply to a reserve.
async fn a_slot_is_shown_as_it_would_be_reserved(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let product = format!("/v1/products/{}", catalogue.product);
    let check = async |slot: &str, status: &str, refused: Option<&str>| {
        let range = "from=2000-01-01T00:00:00Z&to=2051-01-01T00:00:00Z";
        let path = format!("/v1/availability?product_id={}&{range}", catalogue.product);
        let found = server.get(&path).expect(200).await.body;
        let shown = found["data"].as_array().unwrap().iter().find(|one| one["id"] == slot).unwrap();
        assert_eq!(shown["status"], status, "{shown}");
        let mut body = catalogue.booking(1, "ana");
        body["slot_id"] = json!(slot);
        let request =
            server.post("/v1/bookings", &body).key(&uuid::Uuid::from_u128(rand::random()).to_string());
        match refused {
            Some(code) => drop(request.refused(409, code).await),
            None => drop(request.expect(201).await),
        }
    };
    // One departure per point in time.
    let day = std::cell::Cell::new(1);
    let add = async || {
        let slots = json!({ "slots": [
            { "starts_at": format!("2020-07-{:02}T20:00:00Z", day.get()), "capacity": 10 },
            { "starts_at": format!("2050-07-{:02}T20:00:00Z", day.get()), "capacity": 1 },
        ] });
        day.set(day.get() + 1);
        let added = server.post(&format!("{product}/slots"), &slots).expect(201).await.body;
        let member = |index: usize, name: &str| added["data"][index][name].as_str().unwrap().to_owned();
        ([member(0, "id"), member(1, "id")], [member(0, "status"), member(1, "status")])
    };
    let change = async |body| drop(server.request("PATCH", &product).json(&body).expect(200).await);

    let ([started, full], statuses) = add().await;
    assert_eq!(statuses, ["started", "available"]);
    check(&catalogue.slot, "available", None).await;
    check(&started, "started", Some("slot_has_started")).await;
    check(&full, "available", None).await;
    check(&full, "sold_out", Some("slot_is_full")).await;

    let units = server.get(&product).expect(200).await.body["units"].clone();
    let off = |id: &serde_json::Value| json!({ "units": [{ "id": id, "active": false }] });
    change(off(&json!(catalogue.adult))).await;
    // A child can still be booked.
    check(&catalogue.slot, "available", Some("unit_is_not_on_sale")).await;
    for unit in units.as_array().unwrap() {
        change(off(&unit["id"])).await;
    }
    check(&catalogue.slot, "not_on_sale", Some("unit_is_not_on_sale")).await;
    assert_eq!(add().await.1, ["started", "not_on_sale"]);
    let on: Vec<_> =
        units.as_array().unwrap().iter().map(|unit| json!({ "id": unit["id"], "active": true })).collect();
    change(json!({ "units": on, "active": false })).await;
    check(&catalogue.slot, "not_on_sale", Some("product_is_not_on_sale")).await;
    assert_eq!(add().await.1, ["not_on_sale", "not_on_sale"]);
    change(json!({ "active": true })).await;
    check(&catalogue.slot, "available", None).await;
}
