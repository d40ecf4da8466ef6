//! A newer version has the same database: it is rolled out beside this one, and writes what this one does not
//! know.

use domain::rows::Tenant;
use domain::working_set::{Decision, Json};
use domain::{EventId, Refusal, Reply, SlotId, Timestamp};
use serde_json::json;
use store::{CommandResult, Location, Store, Unavailable};

use crate::act::{Act, Gate, Shop, insert};
use crate::place::{Place, id};
use crate::seats;

both!(
    a_row_that_cannot_be_read_fails_who_needs_it_and_nobody_else,
    an_item_that_cannot_be_read_fails_who_needs_its_booking,
    what_a_newer_version_added_is_read_over_and_kept,
    a_sweep_leaves_out_what_it_cannot_read,
    lapsed_holds_are_found_beside_one_that_cannot_be_read,
    a_relay_passes_over_messages_that_it_cannot_read,
    the_next_schema_can_be_worked_on,
);

/// As a reserve does: the tenant's settings, and its slot.
fn reserve(shop: Shop, slot: SlotId) -> Act {
    let reserve = shop.reserve(slot, 1);
    Act {
        needs: Box::new(move |rows| {
            let tenant = rows.tenant(shop.tenant).map(drop);
            rows.slot(slot).and(tenant)
        }),
        ..reserve
    }
}

async fn two_shops(store: &Store) -> [(Shop, SlotId); 2] {
    let (ours, theirs) = (Shop::open(store).await, Shop::open(store).await);
    [(ours, ours.slot(store, 100).await), (theirs, theirs.slot(store, 100).await)]
}

async fn a_row_that_cannot_be_read_fails_who_needs_it_and_nobody_else(place: Place) {
    let store = place.open().await;
    let [(ours, our_slot), (theirs, their_slot)] = two_shops(&store).await;
    let set = |settings: &str| {
        format!("update tenants set settings = '{settings}' where id = {}", place.literal(theirs.tenant))
    };
    place.sql(&set(r#"{"late_money":"half"}"#)).await;
    let acts = (0..20).flat_map(|_| [reserve(ours, our_slot), reserve(theirs, their_slot)]).collect();
    let answers = Gate::shut(&store).together(&store, acts).await;
    for pair in answers.chunks(2) {
        assert!(matches!(pair[0], Ok(CommandResult::Fresh { .. })), "{pair:?}");
        let Err(Unavailable::Unreadable(why)) = &pair[1] else { panic!("{pair:?}") };
        let words = "the stored value of tenants.settings is not what this version expects";
        assert_eq!(*why, format!("{words} (row {})", theirs.tenant.0));
    }
    assert_eq!(store.slot(ours.tenant, our_slot).await.unwrap().unwrap().held, 20);
    assert_eq!(store.slot(theirs.tenant, their_slot).await.unwrap().unwrap().held, 0);
    place.sql(&set("{}")).await;
    assert!(matches!(reserve(theirs, their_slot).on(&store).await, Ok(CommandResult::Fresh { .. })));
}

async fn an_item_that_cannot_be_read_fails_who_needs_its_booking(place: Place) {
    let store = place.open().await;
    let shop = Shop::open(&store).await;
    let slot = shop.slot(&store, 9).await;
    let [newer, ours] = [seats::reserve(&store, shop, slot).await, seats::reserve(&store, shop, slot).await];
    allow_the_next_state(&place, "booking_items", "held").await;
    let row = place.literal(newer);
    place.sql(&format!("update booking_items set state = 'parked' where booking = {row}")).await;
    let acts = vec![shop.cancel(ours), shop.cancel(newer)];
    let answers = Gate::shut(&store).together(&store, acts).await;
    assert!(matches!(answers[0], Ok(CommandResult::Fresh { .. })), "{answers:?}");
    let Err(Unavailable::Unreadable(why)) = &answers[1] else { panic!("{answers:?}") };
    let words = "the stored value of booking_items.state is not what this version expects";
    assert_eq!(*why, format!("{words} (row {})", newer.0));
}

async fn what_a_newer_version_added_is_read_over_and_kept(place: Place) {
    let store = place.open().await;
    let shop = Shop::open(&store).await;
    let newer = json!({ "hold_seconds": 600, "waits": { "for": ["rain", 1.5] }, "calm": null });
    place.sql(&format!("update tenants set settings = '{newer}'")).await;
    let change = |seconds: i64| {
        Act::new(
            move |rows| rows.tenant(shop.tenant).map(drop),
            move |facts, _| {
                let before = facts.tenants.get(shop.tenant).ok_or(Refusal::ClientNotFound)?;
                let mut settings = before.settings.0.clone();
                settings.hold_seconds = seconds;
                let mut outcome = Decision::default();
                outcome.put(Tenant {
                    settings: Json(settings),
                    version: before.version + 1,
                    ..before.clone()
                });
                Ok(outcome)
            },
        )
    };
    // One batch, and another one after it.
    let twice = Gate::shut(&store).together(&store, vec![change(601), change(602)]).await;
    assert!(twice.iter().all(Result::is_ok), "{twice:?}");
    change(603).on(&store).await.unwrap();
    let kept = place.text("select settings from tenants").await;
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept["hold_seconds"], 603);
    assert_eq!((&kept["waits"], &kept["calm"]), (&newer["waits"], &newer["calm"]));
    assert_eq!(kept["late_money"], "reseat", "what this version knows is written, too");
}

async fn a_sweep_leaves_out_what_it_cannot_read(place: Place) {
    let store = place.open().await;
    let shop = Shop::open(&store).await;
    let ids: Vec<EventId> = (0..9).map(|_| id()).collect();
    for event in &ids {
        let event = shop.event_row(*event, id());
        insert(move |outcome| outcome.put(event.clone())).on(&store).await.unwrap();
    }
    allow_the_next_state(&place, "inbound_events", "received").await;
    for unreadable in [ids[2], ids[7]] {
        let row = place.literal(unreadable);
        place.sql(&format!("update inbound_events set state = 'parked' where id = {row}")).await;
    }
    let sweep = |part: &[EventId]| {
        let (needed, counted) = (part.to_vec(), part.len());
        Act::new(
            move |rows| {
                for event in &needed {
                    rows.inbound_event(*event);
                }
                Some(())
            },
            move |_, _| Ok(Decision::default().reply(Reply::Swept(counted))),
        )
    };
    let answers = store.submit_about(&ids, sweep).await.unwrap();
    let swept = |answer: &CommandResult| match answer {
        CommandResult::Fresh { reply: Reply::Swept(count), .. } => *count,
        answer => panic!("{answer:?}"),
    };
    assert_eq!(answers.iter().map(swept).sum::<usize>(), 7);
}

async fn lapsed_holds_are_found_beside_one_that_cannot_be_read(place: Place) {
    let store = place.open().await;
    let [(ours, our_slot), (theirs, their_slot)] = two_shops(&store).await;
    for (shop, slot) in [(ours, our_slot), (theirs, their_slot)] {
        reserve(shop, slot).on(&store).await.unwrap();
    }
    let late = Timestamp(i64::MAX);
    let found = store.lapsed_holds(late, 9).await.unwrap();
    assert_eq!(found.len(), 2);
    place
        .sql(&format!("update bookings set metadata = '[]' where tenant = {}", place.literal(theirs.tenant)))
        .await;
    assert_eq!(store.lapsed_holds(late, 9).await.unwrap(), found);
    let of_slot = store.lapsed_holds_of_slot(theirs.tenant, their_slot, late, 9).await.unwrap();
    assert_eq!(of_slot.len(), 1);
    assert!(store.booking(theirs.tenant, of_slot[0].booking).await.is_err(), "and it cannot be read");
}

/// One of a kind of subject that only a newer version knows holds up its own subject, and no other.
async fn a_relay_passes_over_messages_that_it_cannot_read(place: Place) {
    let store = place.open().await;
    let [(ours, our_slot), (theirs, their_slot)] = two_shops(&store).await;
    for (shop, slot) in [(ours, our_slot), (theirs, their_slot)] {
        reserve(shop, slot).on(&store).await.unwrap();
    }
    let partitions: Vec<i64> = (0..domain::limits::PARTITIONS).collect();
    let all = store.live_messages(&partitions, Timestamp(0), 99).await.unwrap();
    let newer = all.iter().find(|message| message.tenant == theirs.tenant).unwrap();
    let change = format!("update outbox set subject_kind = 'voucher' where id = {}", place.literal(newer.id));
    place.sql(&change).await;
    let expected: Vec<_> = all.iter().filter(|message| message.subject != newer.subject).cloned().collect();
    assert!(!expected.is_empty());
    assert_eq!(store.live_messages(&partitions, Timestamp(0), 99).await.unwrap(), expected);
    let late = Timestamp(i64::MAX);
    assert_eq!(store.backlog_messages(newer.partition, late, 99).await.unwrap(), {
        let same = |message: &&domain::rows::Message| message.partition == newer.partition;
        expected.iter().filter(same).cloned().collect::<Vec<_>>()
    });
    let ids: Vec<_> = all.iter().map(|message| message.id).collect();
    assert_eq!(store.messages(&ids).await.unwrap(), expected);
}

/// As the next schema would, which knows one state more.
async fn allow_the_next_state(place: &Place, table: &str, first: &str) {
    let change = match place.location {
        Location::Sqlite { .. } => {
            let sql = format!("replace(sql, 'in (''{first}''', 'in (''parked'', ''{first}''')");
            format!(
                "pragma writable_schema = on; update sqlite_schema set sql = {sql} where name = '{table}'; \
                 pragma writable_schema = reset"
            )
        }
        Location::Postgres { .. } => {
            let constraint = format!(
                "select conname::text from pg_constraint where conrelid = '{table}'::regclass \
                 and pg_get_constraintdef(oid) like '%{first}%'"
            );
            format!("alter table {table} drop constraint {}", place.text(&constraint).await)
        }
    };
    place.sql(&change).await;
}

/// The next version migrates while this one runs: it adds columns, and a table of its own.
async fn the_next_schema_can_be_worked_on(place: Place) {
    let store = place.open().await;
    let [(shop, slot), _] = two_shops(&store).await;
    reserve(shop, slot).on(&store).await.unwrap();
    place
        .sql(
            "create table next_things (id bigint primary key); \
             alter table bookings add column next_text text not null default 'none'; \
             alter table slots add column next_int integer; \
             insert into migrations (version, digest) values (9999, 'next')",
        )
        .await;
    reserve(shop, slot).on(&store).await.unwrap();
    assert_eq!(store.slot(shop.tenant, slot).await.unwrap().unwrap().held, 2);
    // But it is not started anew on it.
    store.close().await;
    assert!(matches!(Store::open(place.options()).await, Err(store::Error::Newer { .. })));
}
