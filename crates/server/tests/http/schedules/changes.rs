//! What a change of a schedule, or a blackout, does to slots that are made already.

use std::collections::BTreeSet;

use domain::time::{DAY, Span};
use futures_util::future::join_all;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use store::Clock as _;

use super::{Seller, ZONE, daily, day, starts_at};
use crate::test_server::TestServer;

testkit::on_both_engines![
    a_change_closes_free_slots_and_lists_those_with_bookings,
    a_capacity_below_the_bookings_leaves_the_slot,
    a_paused_schedule_makes_nothing_and_its_slots_follow_changes,
    a_change_over_an_older_version_is_refused,
    a_slot_that_is_booked_before_its_schedule_withdraws_it_stays,
    a_step_over_an_older_rule_or_mark_is_refused,
    a_blackout_closes_the_days_and_its_end_opens_them,
];

async fn a_change_closes_free_slots_and_lists_those_with_bookings(server: TestServer) {
    let seller = Seller::open(&server).await;
    let mut body = daily(&server, &["09:00", "14:30"], 10);
    let id = seller.schedule(&body).await;
    seller.make().await;
    let before = seller.starts("available").await;
    let [kept, cancelled, same] = [2, 3, 4].map(|days| format!("{}T09:00:00", day(&server, days)));
    let same = same.replace("T09:00", "T14:30");
    seller.book(&seller.slot(&kept).await, 2).await;
    seller.book(&seller.slot(&same).await, 1).await;
    let ends = seller.book(&seller.slot(&cancelled).await, 1).await.id();
    server.request("POST", &format!("/v1/bookings/{ends}/cancel")).key("c-1").expect(200).await;

    body["rule"]["start_times"] = json!(["14:30", "16:00"]);
    let changed = seller.change(&id, &json!({ "rule": body["rule"], "capacity": 8 })).await;
    assert_eq!(changed["schedule"]["slots_in_progress"], true);
    let listed = |detail: &Value| -> Vec<String> {
        assert_eq!(
            detail["slots_with_bookings_count"],
            json!(detail["slots_with_bookings"].as_array().unwrap().len())
        );
        let slots = detail["slots_with_bookings"].as_array().unwrap().iter();
        slots.map(|slot| slot["local_starts_at"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed(&changed), [kept.as_str()]);
    assert_eq!(changed["slots_with_bookings"][0]["seats_taken"], 2);
    seller.make().await;

    let open = seller.starts("available").await;
    assert!(open.contains(&kept), "a slot with bookings stays open");
    let nine: BTreeSet<String> = before.iter().filter(|start| start.contains("T09:00")).cloned().collect();
    let closed: BTreeSet<String> = nine.into_iter().filter(|start| *start != kept).collect();
    assert_eq!(seller.starts("closed").await, closed);
    assert!(open.contains(&format!("{}T16:00:00", day(&server, 5))));
    assert_eq!(seller.slot(&same).await["capacity"], 8);
    assert_eq!(seller.slot(&kept).await["capacity"], 10, "it is as it was");
    assert_eq!(listed(&seller.get(&id).await), [kept.as_str()]);
    let refused = {
        let mut booking = seller.catalogue.booking(1, "bea");
        booking["slot_id"] = seller.slot(closed.first().unwrap()).await["id"].clone();
        server.post("/v1/bookings", &booking).key("b-9")
    };
    refused.refused(409, "slot_is_closed").await;

    // The rule that it had opens them again.
    body["rule"]["start_times"] = json!(["09:00", "14:30"]);
    let changed = seller.change(&id, &json!({ "rule": body["rule"] })).await;
    assert_eq!(listed(&changed), Vec::<String>::new());
    seller.make().await;
    assert!(seller.starts("available").await.is_superset(&before));
    assert!(seller.starts("closed").await.iter().all(|start| start.contains("T16:00")));
    assert_eq!(listed(&seller.get(&id).await), Vec::<String>::new());
}

/// The reply to the change cannot know it.
async fn a_slot_that_is_booked_before_its_schedule_withdraws_it_stays(server: TestServer) {
    let seller = Seller::open(&server).await;
    let mut body = daily(&server, &["09:00"], 5);
    let id = seller.schedule(&body).await;
    seller.make().await;
    body["rule"]["start_times"] = json!(["10:00"]);
    let changed = seller.change(&id, &json!({ "rule": body["rule"] })).await;
    assert_eq!(changed["slots_with_bookings_count"], 0);
    let late = format!("{}T09:00:00", day(&server, 2));
    seller.book(&seller.slot(&late).await, 1).await;
    seller.make().await;
    assert_eq!(seller.slot(&late).await["status"], "available");
    let shown = seller.get(&id).await;
    assert_eq!(shown["slots_with_bookings_count"], 1);
    assert_eq!(shown["slots_with_bookings"][0]["local_starts_at"], late.as_str());
}

async fn a_capacity_below_the_bookings_leaves_the_slot(server: TestServer) {
    let seller = Seller::open(&server).await;
    let id = seller.schedule(&daily(&server, &["09:00"], 5)).await;
    seller.make().await;
    let [full, other] = [2, 3].map(|days| format!("{}T09:00:00", day(&server, days)));
    seller.book(&seller.slot(&full).await, 7).await;
    let changed = seller.change(&id, &json!({ "capacity": 5 })).await;
    assert_eq!(changed["slots_with_bookings_count"], 1);
    assert_eq!(changed["slots_with_bookings"][0]["local_starts_at"], full.as_str());
    seller.make().await;
    assert_eq!(seller.slot(&full).await["capacity"], 10);
    assert_eq!(seller.slot(&other).await["capacity"], 5);
    let changed = seller.change(&id, &json!({ "capacity": 7 })).await;
    assert_eq!(changed["slots_with_bookings_count"], 0);
    seller.make().await;
    assert_eq!(seller.slot(&full).await["capacity"], 7);
    assert_eq!(seller.slot(&full).await["vacancies"], 0);
}

async fn a_paused_schedule_makes_nothing_and_its_slots_follow_changes(server: TestServer) {
    let seller = Seller::open(&server).await;
    let mut body = daily(&server, &["09:00"], 5);
    body["active"] = json!(false);
    let id = seller.schedule(&body).await;
    seller.make().await;
    assert_eq!(seller.slots().await.len(), 0);
    seller.change(&id, &json!({ "active": true })).await;
    seller.make().await;
    let made = seller.starts("available").await;
    assert!(made.len() >= 5);
    seller.change(&id, &json!({ "active": false, "horizon_days": 50, "capacity": 4 })).await;
    seller.make().await;
    server.clock.advance(Span(DAY.0 * 2));
    seller.make().await;
    assert_eq!(seller.slots().await.iter().filter(|slot| slot["status"] != "started").count(), {
        let now = jiff::Timestamp::from_microsecond(server.clock.now().0).unwrap();
        let now = now.to_zoned(TimeZone::get(ZONE).unwrap()).datetime().to_string();
        made.iter().filter(|start| **start > now).count()
    });
    assert!(seller.slots().await.iter().all(|slot| slot["capacity"] == 4));
    body["rule"]["start_times"] = json!(["10:00"]);
    seller.change(&id, &json!({ "rule": body["rule"] })).await;
    seller.make().await;
    assert_eq!(seller.starts("available").await.len(), 0, "those that are made follow the rule");
}

async fn a_change_over_an_older_version_is_refused(server: TestServer) {
    let seller = Seller::open(&server).await;
    let id = seller.schedule(&daily(&server, &["09:00"], 5)).await;
    let path = format!("/v1/schedules/{id}");
    let change = json!({ "capacity": 6, "version": 1 });
    let first = server.request("PATCH", &path).json(&change).key("k-1").expect(200).await;
    assert_eq!(first.body["schedule"]["version"], 2);
    let again = server.request("PATCH", &path).json(&change).key("k-1").expect(200).await;
    assert_eq!(again.body, first.body, "a repetition has the same reply");
    server.request("PATCH", &path).json(&change).key("k-2").refused(409, "changed_meanwhile").await;
    let rivals = (0..4).map(|n| {
        let body = json!({ "capacity": 20 + n, "version": 2 });
        let request = server.request("PATCH", &path).json(&body);
        async { request.send().await.status }
    });
    let mut statuses = join_all(rivals).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
    // Without a version the last one has it.
    let rivals = (0..4).map(|n| server.request("PATCH", &path).json(&json!({ "capacity": 30 + n })).send());
    assert!(join_all(rivals).await.iter().all(|answer| answer.status == 200));
    assert_eq!(seller.get(&id).await["schedule"]["version"], 7);
}

/// What was computed before a change, or before another server's step, makes nothing after it.
async fn a_step_over_an_older_rule_or_mark_is_refused(server: TestServer) {
    let seller = Seller::open(&server).await;
    let id = seller.schedule(&daily(&server, &["09:00"], 5)).await;
    let tenant = testkit::ONE.id();
    let schedule = domain::ScheduleId(id.parse().unwrap());
    let change = json!({ "capacity": 6 });
    let blackout = json!({ "first_date": day(&server, 1), "reason": "storm" });
    for meanwhile in ["change", "blackout", "step"] {
        let row = server.store.schedule(tenant, schedule).await.unwrap().unwrap();
        let start = server.clock.now().plus(DAY);
        let step = domain::commands::MakeSlots {
            tenant,
            product: row.product,
            schedule,
            revision: row.revision,
            span: row.made_until..row.made_until.plus(Span(DAY.0 * 3)),
            starts: vec![start],
            made: Vec::new(),
            then: domain::commands::NextStep::AtOnce,
        };
        match meanwhile {
            "change" => drop(seller.change(&id, &change).await),
            "blackout" => drop(server.post(&seller.path("blackouts"), &blackout).expect(201).await),
            _ => seller.make().await,
        }
        let answer = server.store.submit(Box::new(step)).await.unwrap();
        let is_refused = matches!(
            answer,
            store::CommandResult::Refused { refusal: domain::Refusal::ChangedMeanwhile, .. }
        );
        assert!(is_refused, "{meanwhile}: {answer:?}");
    }
    assert!(seller.starts("available").await.iter().all(|start| start.ends_with("T09:00:00")));
}

async fn a_blackout_closes_the_days_and_its_end_opens_them(server: TestServer) {
    let seller = Seller::open(&server).await;
    seller.schedule(&daily(&server, &["09:00"], 10)).await;
    seller.schedule(&daily(&server, &["18:00"], 10)).await;
    seller.make().await;
    let all = seller.starts("available").await;
    let kept = format!("{}T18:00:00", day(&server, 4));
    seller.book(&seller.slot(&kept).await, 1).await;
    let (first, last) = (day(&server, 3), day(&server, 5));
    let body = json!({ "first_date": first, "last_date": last, "reason": "The boat is in the dry dock." });
    let added = server.post(&seller.path("blackouts"), &body).key("bl-1").expect(201).await;
    let again = server.post(&seller.path("blackouts"), &body).key("bl-1").expect(201).await;
    assert_eq!(again.body, added.body);
    assert_eq!(added.body["slots_with_bookings_count"], 1);
    assert_eq!(added.body["slots_with_bookings"][0]["local_starts_at"], kept.as_str());
    seller.make().await;
    let mut closed = starts_at((3..=5).map(|days| day(&server, days)), &["09:00", "18:00"]);
    assert!(closed.remove(&kept));
    assert_eq!(seller.starts("closed").await, closed);
    let listed = server.get(&seller.path("blackouts")).expect(200).await.body;
    assert_eq!(listed["data"], json!([added.body["blackout"]]));
    // What is made later follows it as well.
    server.clock.advance(DAY);
    seller.make().await;
    assert_eq!(seller.starts("closed").await, closed);

    let path = format!("/v1/blackouts/{}/end", added.body["blackout"]["id"].as_str().unwrap());
    let ended = server.request("POST", &path).expect(200).await.body;
    assert!(ended["ended_at"].is_string());
    assert_eq!(server.request("POST", &path).expect(200).await.body, ended, "once and for all");
    seller.make().await;
    assert_eq!(seller.starts("closed").await.len(), 0);
    assert!(seller.starts("available").await.is_superset(&closed));
    assert!(seller.slots().await.len() >= all.len());
    server.request("POST", &path.replace("end", "x")).refused(404, "not_found").await;
}
