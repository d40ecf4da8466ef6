//! Schedules: their slots are made ahead, follow each change, and are never made twice.

mod changes;

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::time::{DAY, Span};
use futures_util::future::join_all;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use server::schedules::make_slots;
use store::Clock as _;
use testkit::{TestCatalogue, TestReply};

use crate::test_server::TestServer;

testkit::on_both_engines![
    slots_are_made_until_the_horizon_and_the_horizon_moves_on,
    a_schedule_is_made_once_however_often_it_is_tried,
    a_schedule_that_stopped_half_way_goes_on,
    slots_of_a_schedule_that_nobody_made_for_long_begin_now,
    a_slot_that_a_person_added_stays_as_it_is,
    a_bad_rule_is_refused_with_its_pointer,
    a_product_has_a_limited_number_of_schedules,
    a_schedule_of_another_tenant_is_unknown,
    the_examples_of_the_page_work,
];

const ZONE: &str = "Europe/Lisbon";

/// A product of its own, in the zone [`ZONE`].
struct Seller<'a> {
    server: &'a TestServer,
    catalogue: TestCatalogue,
}

impl<'a> Seller<'a> {
    async fn open(server: &'a TestServer) -> Seller<'a> {
        Seller { server, catalogue: TestCatalogue::create(server, 10).await }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/products/{}/{rest}", self.catalogue.product)
    }

    async fn schedule(&self, body: &Value) -> String {
        self.server.post(&self.path("schedules"), body).expect(201).await.id()
    }

    async fn change(&self, schedule: &str, body: &Value) -> Value {
        let path = format!("/v1/schedules/{schedule}");
        self.server.request("PATCH", &path).json(body).expect(200).await.body
    }

    async fn get(&self, schedule: &str) -> Value {
        self.server.get(&format!("/v1/schedules/{schedule}")).expect(200).await.body
    }

    /// All slots from a month ago until the next years, but not the one of the catalogue.
    async fn slots(&self) -> Vec<Value> {
        let from = at(self.server.clock.now().minus(Span(30 * DAY.0)));
        let to = at(self.server.clock.now().plus(Span(2 * 366 * DAY.0)));
        let path =
            format!("/v1/availability?product_id={}&from={from}&to={to}&limit=200", self.catalogue.product);
        let (mut slots, mut page) = (Vec::new(), path.clone());
        loop {
            let found = self.server.get(&page).expect(200).await.body;
            slots.extend(found["data"].as_array().unwrap().iter().cloned());
            match found["next_cursor"].as_str() {
                Some(cursor) => page = format!("{path}&cursor={cursor}"),
                None => return slots,
            }
        }
    }

    /// The local starts of the slots with this status.
    async fn starts(&self, status: &str) -> BTreeSet<String> {
        let slots = self.slots().await;
        let slots = slots.iter().filter(|slot| slot["status"] == status);
        slots.map(|slot| slot["local_starts_at"].as_str().unwrap().to_owned()).collect()
    }

    async fn slot(&self, local: &str) -> Value {
        let slots = self.slots().await;
        slots.into_iter().find(|slot| slot["local_starts_at"] == local).unwrap()
    }

    async fn book(&self, slot: &Value, seats: i64) -> TestReply {
        let key = uuid::Uuid::from_u128(rand::random()).to_string();
        let mut body = self.catalogue.booking(seats, &key);
        body["slot_id"] = slot["id"].clone();
        self.server.post("/v1/bookings", &body).key(&key).expect(201).await
    }

    /// Makes all that is due.
    async fn make(&self) {
        make(self.server).await;
    }
}

async fn make(server: &TestServer) {
    for _ in 0..1_000 {
        let due = server.store.due_schedules(server.clock.now(), 100).await.unwrap();
        if due.is_empty() {
            return;
        }
        for schedule in due {
            make_slots(&server.store, server.clock.now(), schedule).await.unwrap();
        }
    }
    panic!("there is always more to make");
}

fn at(instant: Timestamp) -> String {
    jiff::Timestamp::from_second(instant.unix_seconds()).unwrap().to_string()
}

/// The date of the product that is so many days after the present one.
fn day(server: &TestServer, days: i64) -> Date {
    let now = jiff::Timestamp::from_microsecond(server.clock.now().0).unwrap();
    now.to_zoned(TimeZone::get(ZONE).unwrap()).date().saturating_add(days.days())
}

fn starts_at(dates: impl IntoIterator<Item = Date>, times: &[&str]) -> BTreeSet<String> {
    let of = |date: Date| times.iter().map(move |time| format!("{date}T{time}:00"));
    dates.into_iter().flat_map(of).collect()
}

fn daily(server: &TestServer, times: &[&str], horizon_days: i64) -> Value {
    let rule = json!({ "first_date": day(server, 1), "rrule": "FREQ=DAILY", "start_times": times });
    json!({ "rule": rule, "capacity": 10, "horizon_days": horizon_days })
}

async fn slots_are_made_until_the_horizon_and_the_horizon_moves_on(server: TestServer) {
    let seller = Seller::open(&server).await;
    let id = seller.schedule(&daily(&server, &["09:00", "14:30"], 10)).await;
    assert_eq!(seller.slots().await.len(), 0, "nothing is made by the request");
    assert_eq!(seller.get(&id).await["schedule"]["slots_in_progress"], true);
    seller.make().await;
    let made = seller.starts("available").await;
    let expected =
        |from: i64, to: i64| starts_at((from..=to).map(|days| day(&server, days)), &["09:00", "14:30"]);
    assert!(made.is_superset(&expected(1, 9)), "{made:?}");
    assert!(made.len() <= 24, "the horizon ends: {made:?}");
    assert_eq!(seller.get(&id).await["schedule"]["slots_in_progress"], false);

    // Most of it is there already.
    server.clock.advance(Span(DAY.0 * 5));
    seller.make().await;
    assert!(seller.starts("available").await.is_superset(&expected(1, 9)), "the horizon moved on");
    let first = seller.slot(made.first().unwrap()).await;
    assert_eq!((&first["capacity"], &first["vacancies"]), (&json!(10), &json!(10)));
    assert_eq!(first["schedule_id"], id.as_str());
}

/// Servers that find the same schedule, at the same time and one after another.
async fn a_schedule_is_made_once_however_often_it_is_tried(server: TestServer) {
    let seller = Seller::open(&server).await;
    seller.schedule(&daily(&server, &["09:00", "10:00", "11:00", "12:00"], 90)).await;
    let due = server.store.due_schedules(server.clock.now(), 100).await.unwrap();
    let others = server.other_stores(3).await;
    let stores: Vec<_> = others.iter().chain(std::iter::once(&server.store)).collect();
    for _ in 0..8 {
        let rivals = stores.iter().map(|store| make_slots(store, server.clock.now(), due[0]));
        for made in join_all(rivals).await {
            made.unwrap();
        }
    }
    seller.make().await;
    let slots = seller.slots().await;
    let ids: BTreeSet<&str> = slots.iter().map(|slot| slot["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), slots.len());
    let expected = starts_at((1..=90).map(|days| day(&server, days)), &["09:00", "10:00", "11:00", "12:00"]);
    assert!(seller.starts("available").await.is_superset(&expected));
    assert!((360..=372).contains(&slots.len()), "{}", slots.len());
}

/// Each step commits its mark. What a killed server leaves is the schedule, still due.
async fn a_schedule_that_stopped_half_way_goes_on(server: TestServer) {
    let seller = Seller::open(&server).await;
    let times: Vec<String> = (0..100).map(|n| format!("{:02}:{:02}", 8 + n / 10, 5 * (n % 10))).collect();
    let times: Vec<&str> = times.iter().map(String::as_str).collect();
    let id = seller.schedule(&daily(&server, &times, 60)).await;
    let due = server.store.due_schedules(server.clock.now(), 100).await.unwrap();
    // One turn has fewer steps than the schedule needs.
    make_slots(&server.store, server.clock.now(), due[0]).await.unwrap();
    let half = seller.slots().await.len();
    assert!(half > 0 && half < 5_000, "{half}");
    assert_eq!(seller.get(&id).await["schedule"]["slots_in_progress"], true);
    assert_eq!(server.store.due_schedules(server.clock.now(), 100).await.unwrap(), due);
    seller.make().await;
    assert!(seller.slots().await.len() >= 5_900);
    assert_eq!(seller.get(&id).await["schedule"]["slots_in_progress"], false);
}

/// The clock of PostgreSQL cannot be moved, so the schedule itself begins in the past.
async fn slots_of_a_schedule_that_nobody_made_for_long_begin_now(server: TestServer) {
    let seller = Seller::open(&server).await;
    let mut body = daily(&server, &["00:01", "23:59"], 3);
    body["rule"]["first_date"] = json!(day(&server, -4_000));
    seller.schedule(&body).await;
    seller.make().await;
    let starts = seller.starts("available").await;
    let first = starts.first().unwrap();
    assert!(*first >= format!("{}T00:01:00", day(&server, 0)), "{first}");
    let now = jiff::Timestamp::from_microsecond(server.clock.now().0).unwrap();
    let slots = seller.slots().await;
    let is_future =
        |slot: &Value| slot["starts_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap() > now;
    assert!(slots.iter().all(is_future), "{slots:?}");

    // Long after, the next server makes what is ahead of it.
    server.clock.advance(Span(DAY.0 * 400));
    seller.make().await;
    assert!(seller.starts("available").await.is_superset(&starts_at([day(&server, 2)], &["23:59"])));
}

async fn a_slot_that_a_person_added_stays_as_it_is(server: TestServer) {
    let seller = Seller::open(&server).await;
    let (date, other) = (day(&server, 2), day(&server, 3));
    let noon = |date: Date| date.at(12, 0, 0, 0).to_zoned(TimeZone::get(ZONE).unwrap()).unwrap().timestamp();
    let slots = json!({ "slots": [{ "starts_at": noon(date).to_string(), "capacity": 3 }] });
    server.post(&seller.path("slots"), &slots).expect(201).await;
    let id = seller.schedule(&daily(&server, &["12:00"], 5)).await;
    seller.make().await;
    assert_eq!(seller.slot(&format!("{date}T12:00:00")).await["capacity"], 3);
    assert_eq!(seller.slot(&format!("{other}T12:00:00")).await["capacity"], 10);
    let mut rule = daily(&server, &["13:00"], 5)["rule"].clone();
    rule["start_times"] = json!(["13:00"]);
    seller.change(&id, &json!({ "rule": rule })).await;
    seller.make().await;
    assert_eq!(
        seller.slot(&format!("{date}T12:00:00")).await["status"],
        "available",
        "it is not the schedule's"
    );
    assert_eq!(seller.slot(&format!("{other}T12:00:00")).await["status"], "closed");
    // Adding a slot where the schedule has made one doubles no seats.
    let slots = json!({ "slots": [{ "starts_at": noon(other).to_string(), "capacity": 3 }] });
    server.post(&seller.path("slots"), &slots).refused(409, "slot_already_exists").await;
}

async fn a_bad_rule_is_refused_with_its_pointer(server: TestServer) {
    let seller = Seller::open(&server).await;
    for (member, value, pointer) in [
        ("rrule", json!("FREQ=HOURLY"), "/rule/rrule"),
        ("rrule", json!("FREQ=MINUTELY;INTERVAL=1"), "/rule/rrule"),
        ("rrule", json!("FREQ=DAILY;BYHOUR=9"), "/rule/rrule"),
        ("rrule", json!("FREQ=DAILY;UNTIL=20270101T000000Z"), "/rule/rrule"),
        ("rrule", json!("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), "/rule/rrule"),
        ("rrule", json!("every day"), "/rule/rrule"),
        ("start_times", json!([]), "/rule/start_times"),
        ("start_times", json!(["25:00"]), "/rule/start_times/0"),
        ("first_date", json!("2026-02-30"), "/rule/first_date"),
        ("extra_dates", json!(["x"]), "/rule/extra_dates/0"),
        ("opening_hours", json!({ "opens": "09:00" }), "/rule/opening_hours/closes"),
    ] {
        let mut body = daily(&server, &["09:00"], 5);
        body["rule"][member] = value;
        let refused = server.post(&seller.path("schedules"), &body).refused(400, "validation_failed").await;
        assert!(refused.pointers().contains(&pointer), "{member}: {}", refused.text);
    }
    let listed = server.get(&seller.path("schedules")).expect(200).await.body;
    assert_eq!(listed["data"], json!([]));
}

async fn a_product_has_a_limited_number_of_schedules(server: TestServer) {
    let seller = Seller::open(&server).await;
    let mut body = daily(&server, &["09:00"], 5);
    body["active"] = json!(false);
    // At once: a schedule that a rival adds is counted.
    let path = seller.path("schedules");
    for _ in 0..9 {
        let rivals = (0..5).map(|_| server.post(&path, &body).send());
        assert!(join_all(rivals).await.iter().all(|answer| answer.status == 201));
    }
    let rivals = (0..8).map(|_| server.post(&path, &body).send());
    let made = join_all(rivals).await.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 5);
    server.post(&path, &body).refused(409, "too_many_schedules").await;
}

async fn a_schedule_of_another_tenant_is_unknown(server: TestServer) {
    let seller = Seller::open(&server).await;
    let body = daily(&server, &["09:00"], 5);
    let id = seller.schedule(&body).await;
    let blackout = json!({ "first_date": day(&server, 2), "reason": "storm" });
    let added = server.post(&seller.path("blackouts"), &blackout).expect(201).await.body;
    let end = format!("/v1/blackouts/{}/end", added["blackout"]["id"].as_str().unwrap());
    for (method, path, body, code) in [
        ("GET", format!("/v1/schedules/{id}"), None, "schedule_not_found"),
        ("PATCH", format!("/v1/schedules/{id}"), Some(json!({ "active": false })), "schedule_not_found"),
        ("GET", seller.path("schedules"), None, "product_not_found"),
        ("POST", seller.path("schedules"), Some(body.clone()), "product_not_found"),
        ("GET", seller.path("blackouts"), None, "product_not_found"),
        ("POST", seller.path("blackouts"), Some(blackout.clone()), "product_not_found"),
        ("POST", end, None, "blackout_not_found"),
    ] {
        let mut request = server.request(method, &path).by("sk_two");
        if let Some(body) = &body {
            request = request.json(body);
        }
        request.refused(404, code).await;
    }
    assert_eq!(seller.get(&id).await["schedule"]["version"], 1);
    assert_eq!(seller.get(&id).await["schedule"]["active"], true);
}

/// The requests in `docs/schedules.md`, each a block of JSON behind the line that names it.
async fn the_examples_of_the_page_work(server: TestServer) {
    const PAGE: &str = include_str!("../../../../docs/schedules.md");
    let seller = Seller::open(&server).await;
    let (mut schedule, mut run) = (String::new(), 0);
    for block in PAGE.split("```http\n").skip(1) {
        let (request, _) = block.split_once("```").unwrap();
        let (head, body) = request.split_once('\n').unwrap();
        let (method, path) = head.split_once(' ').unwrap();
        let path = path.replace("{product}", &seller.catalogue.product).replace("{schedule}", &schedule);
        let mut request = server.request(method, &path);
        let body: Option<Value> = (!body.trim().is_empty()).then(|| serde_json::from_str(body).unwrap());
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = request.send().await;
        assert!(answer.status < 300, "{head}: {}", answer.text);
        if path.ends_with("/schedules") && method == "POST" {
            schedule = answer.id();
        }
        seller.make().await;
        run += 1;
    }
    assert!(run >= 4, "{run}");
}
