//! Every list leads to all of its rows, page by page, also if many have the same instant, and if
//! rows are added meanwhile.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use testkit::TestCatalogue;

use domain::rows::Resource;
use domain::{Currency, DisputeId, PaymentId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::documented::{Document, Operation};
use crate::rows::{
    self, Insert, audit, dead_event, difference, dispute, event, evidence, ledger_account, movement, payout,
    reconciliation, refund, resource, resource_day, review, transfer,
};
use crate::test_server::TestServer;

testkit::on_both_engines![
    every_list_leads_to_all_of_its_rows,
    more_slots_than_a_page_has,
    a_history_beside_its_subject_leads_on,
    a_product_shows_all_of_its_units,
];

/// Rows of each list, more than a page has.
const ROWS: usize = 7;
const PAGE_ROWS: usize = 2;

async fn every_list_leads_to_all_of_its_rows(server: TestServer) {
    let seeds = Seeds::create(&server).await;
    let mut walked = 0;
    for list in Document::of(&server).await.operations().iter().filter(|one| is_list(one)) {
        let address = seeds.address_of(list);
        let cursor = cursor_of(list);
        let whole = page(&server, &with(&address, "limit=200")).await;
        assert!(whole.rows.len() >= ROWS, "{address} has {} rows", whole.rows.len());
        assert_eq!(whole.rows, walk(&server, &address, cursor, async || {}).await, "{address}");

        let more = walk(&server, &address, cursor, async || seeds.add_one_more(&server, list).await).await;
        let known = |row: &&Value| whole.rows.iter().any(|one| identity(one) == identity(row));
        let old: Vec<String> = more.iter().filter(known).map(identity).collect();
        let expected: Vec<String> = whole.rows.iter().map(identity).collect();
        assert_eq!(old, expected, "{address}: each row that was there, once, in order");
        walked += 1;
    }
    assert!(walked >= 16, "{walked}");
}

fn is_list(operation: &Operation) -> bool {
    let schema =
        &operation.specification["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
    operation.method == "GET" && schema.as_str().is_some_and(|name| name.ends_with("Page"))
}

/// The parameter that takes `next_cursor`. A list must have one.
fn cursor_of(list: &Operation) -> &'static str {
    let names: BTreeSet<&str> =
        list.parameters("query").iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
    assert!(names.contains("limit"), "{} takes no limit", list.path);
    if list.path == "/v1/events" {
        assert!(names.contains("after"));
        return "after";
    }
    assert!(names.contains("cursor"), "{} takes no cursor", list.path);
    "cursor"
}

struct Page {
    rows: Vec<Value>,
    next: Option<String>,
}

fn with(address: &str, parameter: &str) -> String {
    format!("{address}{}{parameter}", if address.contains('?') { '&' } else { '?' })
}

async fn page(server: &TestServer, address: &str) -> Page {
    let body = server.get(address).expect(200).await.body;
    let next = body["next_cursor"].as_str().map(str::to_owned);
    Page { rows: body["data"].as_array().unwrap().clone(), next }
}

/// All rows, a few per page; `meanwhile` runs after the first page.
async fn walk(server: &TestServer, address: &str, cursor: &str, meanwhile: impl AsyncFn()) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let limited = with(address, &format!("limit={PAGE_ROWS}"));
        let behind = next.as_ref().map(|next| format!("{cursor}={next}"));
        let page = page(server, &behind.map_or(limited.clone(), |behind| with(&limited, &behind))).await;
        assert!(page.rows.len() <= PAGE_ROWS, "{address}");
        if rows.is_empty() {
            meanwhile().await;
        }
        // Events always have a position to continue from.
        let is_last = page.next.is_none() || page.rows.is_empty();
        assert!(is_last || page.rows.len() == PAGE_ROWS || cursor == "after", "{address}: a short page");
        rows.extend(page.rows);
        if is_last {
            return rows;
        }
        assert!(rows.len() < 1_000, "{address} has no end");
        next = page.next;
    }
}

/// The identity of a row. Entries of a history have no id, but a unique reason in this test.
fn identity(row: &Value) -> String {
    match row["id"].as_str() {
        Some(id) => id.to_owned(),
        None => row.to_string(),
    }
}

/// A tenant with several rows of everything.
struct Seeds {
    catalogue: TestCatalogue,
    booking: String,
    /// A slot with confirmed bookings; the first has as many tickets as a list has rows.
    sailing: TestCatalogue,
    party: String,
    payment: String,
    refund: Uuid,
    dispute: Uuid,
    letter: Uuid,
    payout: Uuid,
    resource: Resource,
}

impl Seeds {
    async fn create(server: &TestServer) -> Seeds {
        let catalogue = TestCatalogue::create(server, 10).await;
        let booking = server.book(&catalogue, "b-0", 1).await.id();
        let sailing = TestCatalogue::create(server, 100).await;
        let party = sailing.book_children(server, "party", ROWS as i64).await;
        let payment = charge(server, "p-0").await;
        let (refund, letter) = (rows::refund(payment_id(&payment)), dead_event(0));
        Insert::of(vec![refund.clone()]).into(server).await;
        Insert::of(vec![letter.clone()]).into(server).await;
        Insert::of(vec![audit(letter.id.0, "gave_up")]).into(server).await;
        let disputed = dispute(payment_id(&payment), 0);
        Insert::of(vec![disputed.clone()]).into(server).await;
        let (one, paid) = payout(booking.parse().unwrap());
        let payout = paid.id.0;
        Insert::of(vec![one]).into(server).await;
        Insert::of(vec![paid]).into(server).await;
        let resource = resource();
        Insert::of(vec![resource.clone()]).into(server).await;
        let (refund, dispute, letter) = (refund.id.0, disputed.id.0, letter.id.0);
        let seeds =
            Seeds { catalogue, booking, sailing, party, payment, refund, dispute, letter, payout, resource };
        for number in 0..ROWS {
            seeds.add_each(server, number).await;
        }
        seeds
    }

    /// Adds one row to each. If possible, all have the same instant.
    async fn add_each(&self, server: &TestServer, number: usize) {
        TestCatalogue::create(server, 10).await;
        self.slot(server).await;
        self.schedule(server).await;
        self.blackout(server).await;
        Insert::of(vec![resource()]).into(server).await;
        Insert::of(vec![resource_day(&self.resource, number)]).into(server).await;
        server.book(&self.catalogue, &format!("b-{number}-again"), 1).await;
        self.sailing.book_children(server, &format!("sailing-{number}"), 1).await;
        charge(server, &format!("p-{number}-again")).await;
        self.api_key(server, number).await;
        for subject in [&self.booking, &self.payment] {
            Insert::of(vec![audit(subject.parse().unwrap(), &format!("moved_{number}"))]).into(server).await;
        }
        for subject in [self.refund, self.dispute, self.letter, self.payout] {
            Insert::of(vec![audit(subject, &format!("moved_{number}"))]).into(server).await;
        }
        Insert::of(vec![refund(payment_id(&self.payment))]).into(server).await;
        Insert::of(vec![dispute(payment_id(&self.payment), number + 1)]).into(server).await;
        Insert::of(vec![evidence(DisputeId(self.dispute))]).into(server).await;
        let (one, paid) = payout(self.booking.parse().unwrap());
        Insert::of(vec![one]).into(server).await;
        Insert::of(vec![paid]).into(server).await;
        Insert::of(vec![movement(payment_id(&self.payment), number)]).into(server).await;
        Insert::of(vec![review(number)]).into(server).await;
        Insert::of(vec![dead_event(number)]).into(server).await;
        Insert::of(vec![reconciliation(number)]).into(server).await;
        Insert::of(vec![difference(number)]).into(server).await;
        Insert::of(vec![event(number as i64 + 1)]).into(server).await;
        self.post(server, number).await;
    }

    async fn slot(&self, server: &TestServer) {
        let path = format!("/v1/products/{}/slots", self.catalogue.product);
        let slots = json!({ "slots": [departure()] });
        server.post(&path, &slots).expect(201).await;
    }

    async fn schedule(&self, server: &TestServer) {
        let rule = json!({ "first_date": "2050-01-01", "rrule": "FREQ=DAILY", "start_times": ["09:00"] });
        let path = format!("/v1/products/{}/schedules", self.catalogue.product);
        server.post(&path, &json!({ "rule": rule, "capacity": 5 })).expect(201).await;
    }

    async fn blackout(&self, server: &TestServer) {
        let path = format!("/v1/products/{}/blackouts", self.catalogue.product);
        let body = json!({ "first_date": "2050-01-01", "reason": "storm" });
        server.post(&path, &body).expect(201).await;
    }

    async fn api_key(&self, server: &TestServer, number: usize) {
        let key = json!({ "client_name": format!("till {number}"), "scopes": ["bookings"] });
        server.post("/v1/ops/api_keys", &key).expect(201).await;
    }

    /// Every third account has two currencies.
    async fn post(&self, server: &TestServer, number: usize) {
        let currency = if number % 3 == 1 { Currency::USD } else { Currency::EUR };
        let account = ledger_account(&format!("account {}", number - usize::from(number % 3 == 1)), currency);
        let (transfer, legs) = transfer(account.id);
        Insert::of(vec![account]).into(server).await;
        Insert::of(vec![transfer]).into(server).await;
        Insert::of(legs).into(server).await;
    }

    fn address_of(&self, list: &Operation) -> String {
        let of = |id: &str| list.path.replace("{id}", id);
        match list.path.as_str() {
            "/v1/availability" => {
                let range = "from=2050-01-01T00:00:00Z&to=2051-01-01T00:00:00Z";
                format!("/v1/availability?product_id={}&{range}", self.catalogue.product)
            }
            "/v1/products/{id}/schedules" | "/v1/products/{id}/blackouts" => of(&self.catalogue.product),
            "/v1/resources/{id}/calendar" => {
                of(&self.resource.id.to_string()) + "?from=1970-01-01T00:00:00Z&days=92"
            }
            "/v1/bookings/{id}/history" => of(&self.booking),
            "/v1/bookings/{id}/tickets" => of(&self.party),
            "/v1/slots/{id}/manifest" => of(&self.sailing.slot),
            "/v1/payments/{id}/history" | "/v1/payments/{id}/movements" | "/v1/payments/{id}/refunds" => {
                of(&self.payment)
            }
            "/v1/refunds/{id}/history" => of(&self.refund.to_string()),
            "/v1/disputes/{id}/history" | "/v1/disputes/{id}/evidence" => of(&self.dispute.to_string()),
            "/v1/payouts/{id}/history" => of(&self.payout.to_string()),
            "/v1/ops/dead_letters/{id}/history" => of(&self.letter.to_string()),
            path => {
                assert!(!path.contains('{'), "{path} is a new list: add its subject here");
                path.to_owned()
            }
        }
    }

    /// Adds a row to this list.
    async fn add_one_more(&self, server: &TestServer, list: &Operation) {
        let key = format!("more of {}", list.path).replace([' ', '/'], "-");
        match list.path.as_str() {
            "/v1/products" => drop(TestCatalogue::create(server, 10).await),
            "/v1/availability" => self.slot(server).await,
            "/v1/products/{id}/schedules" => self.schedule(server).await,
            "/v1/products/{id}/blackouts" => self.blackout(server).await,
            "/v1/resources" => Insert::of(vec![resource()]).into(server).await,
            "/v1/resources/{id}/calendar" => {
                Insert::of(vec![resource_day(&self.resource, 80)]).into(server).await;
            }
            "/v1/bookings" => drop(server.book(&self.catalogue, &key, 1).await),
            "/v1/slots/{id}/manifest" => drop(self.sailing.book_children(server, &key, 1).await),
            // A booking gets no more tickets.
            "/v1/bookings/{id}/tickets" => {}
            "/v1/payments" => drop(charge(server, &key).await),
            "/v1/payments/{id}/movements" => {
                Insert::of(vec![movement(payment_id(&self.payment), 100)]).into(server).await;
            }
            "/v1/payments/{id}/refunds" => {
                Insert::of(vec![refund(payment_id(&self.payment))]).into(server).await;
            }
            "/v1/beneficiaries" | "/v1/payouts" => {
                let (one, paid) = payout(self.booking.parse().unwrap());
                Insert::of(vec![one]).into(server).await;
                Insert::of(vec![paid]).into(server).await;
            }
            "/v1/payouts/{id}/history" => self.move_once_more(server, self.payout).await,
            "/v1/bookings/{id}/history" => self.move_once_more(server, self.booking.parse().unwrap()).await,
            "/v1/payments/{id}/history" => self.move_once_more(server, self.payment.parse().unwrap()).await,
            "/v1/disputes" => {
                Insert::of(vec![dispute(payment_id(&self.payment), 100)]).into(server).await;
            }
            "/v1/disputes/{id}/history" => self.move_once_more(server, self.dispute).await,
            "/v1/disputes/{id}/evidence" => {
                Insert::of(vec![evidence(DisputeId(self.dispute))]).into(server).await;
            }
            "/v1/refunds/{id}/history" => self.move_once_more(server, self.refund).await,
            "/v1/ops/dead_letters/{id}/history" => self.move_once_more(server, self.letter).await,
            "/v1/ledger/accounts" | "/v1/ledger/transfers" => self.post(server, 100 + list.path.len()).await,
            "/v1/events" => Insert::of(vec![event(100)]).into(server).await,
            "/v1/ops/review_cases" => Insert::of(vec![review(100)]).into(server).await,
            "/v1/ops/dead_letters" => Insert::of(vec![dead_event(100)]).into(server).await,
            "/v1/ops/reconciliations" => Insert::of(vec![reconciliation(100)]).into(server).await,
            "/v1/ops/differences" => Insert::of(vec![difference(100)]).into(server).await,
            "/v1/ops/api_keys" => self.api_key(server, 100).await,
            // Accounts are configured, not added.
            "/v1/accounts" | "/v1/ops/breakers" => {}
            path => panic!("{path} is a new list: add a row for it here"),
        }
    }

    async fn move_once_more(&self, server: &TestServer, subject: Uuid) {
        Insert::of(vec![audit(subject, "moved_once_more")]).into(server).await;
    }
}

async fn charge(server: &TestServer, key: &str) -> String {
    let charge = json!({
        "amount": { "minor": 500, "currency": "EUR" }, "provider": "stripe", "payment_method": "pm_card_visa",
    });
    server.post("/v1/charges", &charge).key(key).header("prefer", "respond-async").expect(202).await.id()
}

/// One per point in time.
fn departure() -> Value {
    static NEXT: AtomicI64 = AtomicI64::new(0);
    let number = NEXT.fetch_add(1, Ordering::SeqCst);
    let starts_at = format!("2050-07-01T10:00:{:02}.{:03}Z", number / 1_000, number % 1_000);
    json!({ "starts_at": starts_at, "capacity": 5 })
}

fn payment_id(text: &str) -> PaymentId {
    PaymentId(text.parse().unwrap())
}

async fn more_slots_than_a_page_has(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let mut made = BTreeSet::new();
    for _ in 0..3 {
        let path = format!("/v1/products/{}/slots", catalogue.product);
        let departures: Vec<Value> = (0..100).map(|_| departure()).collect();
        let added = server.post(&path, &json!({ "slots": departures })).expect(201).await.body;
        made.extend(added["data"].as_array().unwrap().iter().map(identity));
    }
    let range = "from=2050-07-01T00:00:00Z&to=2050-07-01T12:00:00Z";
    let address = format!("/v1/availability?product_id={}&{range}", catalogue.product);
    for (limit, pages) in [("", 6), ("&limit=200", 2), ("&limit=100", 3)] {
        let (mut found, mut count, mut next) = (BTreeSet::new(), 0, String::new());
        loop {
            let page = page(&server, &format!("{address}{limit}{next}")).await;
            count += 1;
            found.extend(page.rows.iter().map(identity));
            let Some(cursor) = page.next else { break };
            next = format!("&cursor={cursor}");
        }
        assert_eq!((found, count), (made.clone(), pages), "{limit}");
    }
}

/// A booking and a dead letter show the first page of their history, and the cursor of the rest.
async fn a_history_beside_its_subject_leads_on(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let booking = server.book(&catalogue, "b-1", 1).await.id();
    let letter = dead_event(1);
    let entries = |subject: Uuid| (0..250).map(|number| audit(subject, &format!("moved_{number}"))).collect();
    Insert::of(vec![letter.clone()]).into(&server).await;
    Insert::of(entries(booking.parse().unwrap())).into(&server).await;
    Insert::of(entries(letter.id.0)).into(&server).await;
    // Far behind the first page, and still found.
    let gave_up =
        domain::rows::Audit { at: domain::Timestamp(rows::AT.0 + 1), ..audit(letter.id.0, "gave_up") };
    Insert::of(vec![gave_up]).into(&server).await;
    for (path, shown, next, count) in [
        (format!("/v1/bookings/{booking}"), "timeline", "timeline_next_cursor", 251),
        (format!("/v1/ops/dead_letters/{}", letter.id), "history", "history_next_cursor", 251),
    ] {
        let detail = server.get(&path).expect(200).await.body;
        let mut actions: Vec<Value> = detail[shown].as_array().unwrap().clone();
        assert_eq!(actions.len(), 200, "{path}");
        let cursor = detail[next].as_str().unwrap();
        let rest = page(&server, &format!("{path}/history?limit=200&cursor={cursor}")).await;
        assert_eq!(rest.next, None);
        actions.extend(rest.rows);
        let different: BTreeSet<String> = actions.iter().map(|entry| entry["action"].to_string()).collect();
        assert_eq!((actions.len(), different.len()), (count, count), "{path}");
    }
    let young = server.book(&catalogue, "b-2", 1).await.id();
    let detail = server.get(&format!("/v1/bookings/{young}")).expect(200).await.body;
    assert_eq!(detail["timeline_next_cursor"], Value::Null);
}

/// However often units are added, and how many at the same time; their number is limited.
async fn a_product_shows_all_of_its_units(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let path = format!("/v1/products/{}", catalogue.product);
    let unit = |name: &str| json!({ "name": name, "price": { "minor": 100, "currency": "EUR" } });
    let requests = (0..8).map(|number| {
        let change = json!({ "units": [unit(&format!("unit {number}"))] });
        server.request("PATCH", &path).json(&change).expect(200)
    });
    let mut counts: Vec<usize> = futures_util::future::join_all(requests)
        .await
        .iter()
        .map(|answer| answer.body["units"].as_array().unwrap().len())
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [3, 4, 5, 6, 7, 8, 9, 10], "each answer has the units that were there by then");
    let many = json!({ "units": vec![unit("many"); 50] });
    for count in [60, 110, 160] {
        let product = server.request("PATCH", &path).json(&many).expect(200).await.body;
        assert_eq!(product["units"].as_array().unwrap().len(), count);
    }
    server.request("PATCH", &path).json(&many).refused(409, "too_many_units").await;
    let change = json!({ "name": "Still to be changed" });
    server.request("PATCH", &path).json(&change).expect(200).await;
    let listed = server.get("/v1/products").expect(200).await.body;
    let shown = listed["data"].as_array().unwrap().iter().find(|one| one["id"] == catalogue.product.as_str());
    assert_eq!(shown.unwrap()["units"].as_array().unwrap().len(), 160);
}
