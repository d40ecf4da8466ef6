//! A newer version has the same database: it is rolled out beside this one, and writes what this one does not
//! know.

use domain::commands::{ClaimJobs, JobLease};
use domain::jobs::JobKinds;
use domain::lifecycle::job;
use domain::rows::{Lane, Tenant};
use domain::time::Span;
use domain::working_set::{Decision, Json};
use domain::{EventId, JobId, Refusal, Reply, SlotId, Timestamp};
use serde_json::json;
use store::{CommandResult, Location, Store, Unavailable};
use testkit::new_id;

use crate::seats;
use crate::store_database::StoreDatabase;
use crate::test_command::{Seller, TestCommand, WriterPause, insert};

testkit::on_both_engines!(
    a_row_that_cannot_be_read_fails_who_needs_it_and_nobody_else,
    an_item_that_cannot_be_read_fails_who_needs_its_booking,
    what_a_newer_version_added_is_read_over_and_kept,
    a_sweep_leaves_out_what_it_cannot_read,
    lapsed_holds_are_found_beside_one_that_cannot_be_read,
    a_relay_passes_over_messages_that_it_cannot_read,
    jobs_that_only_a_newer_version_can_do_are_left_alone_and_hide_no_others,
    the_next_schema_can_be_worked_on,
);

/// Needs the tenant's settings and a slot, as a reserve does.
fn reserve(seller: Seller, slot: SlotId) -> TestCommand {
    let reserve = seller.reserve(slot, 1);
    TestCommand {
        needs: Box::new(move |rows| {
            let tenant = rows.tenant(seller.tenant).map(drop);
            rows.slot(slot).and(tenant)
        }),
        ..reserve
    }
}

async fn two_shops(store: &Store) -> [(Seller, SlotId); 2] {
    let (ours, theirs) = (Seller::open(store).await, Seller::open(store).await);
    [(ours, ours.slot(store, 100).await), (theirs, theirs.slot(store, 100).await)]
}

async fn a_row_that_cannot_be_read_fails_who_needs_it_and_nobody_else(database: StoreDatabase) {
    let store = database.open().await;
    let [(ours, our_slot), (theirs, their_slot)] = two_shops(&store).await;
    let set = |settings: &str| {
        format!("update tenants set settings = '{settings}' where id = {}", database.literal(theirs.tenant))
    };
    database.execute(&set(r#"{"late_money":"half"}"#)).await;
    let acts = (0..20).flat_map(|_| [reserve(ours, our_slot), reserve(theirs, their_slot)]).collect();
    let answers = WriterPause::start(&store).together(&store, acts).await;
    for pair in answers.chunks(2) {
        assert!(matches!(pair[0], Ok(CommandResult::Fresh { .. })), "{pair:?}");
        let Err(Unavailable::Unreadable(why)) = &pair[1] else { panic!("{pair:?}") };
        let message = "the stored value of tenants.settings is not what this version expects";
        assert_eq!(*why, format!("{message} (row {})", theirs.tenant.0));
    }
    assert_eq!(store.slot(ours.tenant, our_slot).await.unwrap().unwrap().held, 20);
    assert_eq!(store.slot(theirs.tenant, their_slot).await.unwrap().unwrap().held, 0);
    database.execute(&set("{}")).await;
    assert!(matches!(reserve(theirs, their_slot).on(&store).await, Ok(CommandResult::Fresh { .. })));
}

async fn an_item_that_cannot_be_read_fails_who_needs_its_booking(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 9).await;
    let [newer, ours] =
        [seats::reserve(&store, seller, slot).await, seats::reserve(&store, seller, slot).await];
    allow_the_next_state(&database, "booking_items", "held").await;
    let row = database.literal(newer);
    database.execute(&format!("update booking_items set state = 'parked' where booking = {row}")).await;
    let acts = vec![seller.cancel(ours), seller.cancel(newer)];
    let answers = WriterPause::start(&store).together(&store, acts).await;
    assert!(matches!(answers[0], Ok(CommandResult::Fresh { .. })), "{answers:?}");
    let Err(Unavailable::Unreadable(why)) = &answers[1] else { panic!("{answers:?}") };
    let message = "the stored value of booking_items.state is not what this version expects";
    assert_eq!(*why, format!("{message} (row {})", newer.0));
}

async fn what_a_newer_version_added_is_read_over_and_kept(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let newer = json!({ "hold_seconds": 600, "waits": { "for": ["rain", 1.5] }, "calm": null });
    database.execute(&format!("update tenants set settings = '{newer}'")).await;
    let change = |seconds: i64| {
        TestCommand::new(
            move |rows| rows.tenant(seller.tenant).map(drop),
            move |facts, _| {
                let before = facts.tenants.get(seller.tenant).ok_or(Refusal::ClientNotFound)?;
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
    // Two batches, one after the other.
    let twice = WriterPause::start(&store).together(&store, vec![change(601), change(602)]).await;
    assert!(twice.iter().all(Result::is_ok), "{twice:?}");
    change(603).on(&store).await.unwrap();
    let kept = database.query_text("select settings from tenants").await;
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept["hold_seconds"], 603);
    assert_eq!((&kept["waits"], &kept["calm"]), (&newer["waits"], &newer["calm"]));
    assert_eq!(kept["late_money"], "reseat", "what this version knows is written, too");
}

async fn a_sweep_leaves_out_what_it_cannot_read(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let ids: Vec<EventId> = (0..9).map(|_| new_id()).collect();
    for event in &ids {
        let event = seller.event_row(*event, new_id());
        insert(move |outcome| outcome.put(event.clone())).on(&store).await.unwrap();
    }
    allow_the_next_state(&database, "inbound_events", "received").await;
    for unreadable in [ids[2], ids[7]] {
        let row = database.literal(unreadable);
        database.execute(&format!("update inbound_events set state = 'parked' where id = {row}")).await;
    }
    let sweep = |part: &[EventId]| {
        let (needed, counted) = (part.to_vec(), part.len());
        TestCommand::new(
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

async fn lapsed_holds_are_found_beside_one_that_cannot_be_read(database: StoreDatabase) {
    let store = database.open().await;
    let [(ours, our_slot), (theirs, their_slot)] = two_shops(&store).await;
    for (seller, slot) in [(ours, our_slot), (theirs, their_slot)] {
        reserve(seller, slot).on(&store).await.unwrap();
    }
    let late = Timestamp(i64::MAX);
    let found = store.lapsed_holds(late, 9).await.unwrap();
    assert_eq!(found.len(), 2);
    database
        .execute(&format!(
            "update bookings set metadata = '[]' where tenant = {}",
            database.literal(theirs.tenant)
        ))
        .await;
    assert_eq!(store.lapsed_holds(late, 9).await.unwrap(), found);
    let of_slot = store.lapsed_holds_of_slot(theirs.tenant, their_slot, late, 9).await.unwrap();
    assert_eq!(of_slot.len(), 1);
    assert!(store.booking(theirs.tenant, of_slot[0].booking).await.is_err(), "and it cannot be read");
}

/// A message of a kind of subject that only a newer version knows blocks only its own subject.
async fn a_relay_passes_over_messages_that_it_cannot_read(database: StoreDatabase) {
    let store = database.open().await;
    let [(ours, our_slot), (theirs, their_slot)] = two_shops(&store).await;
    for (seller, slot) in [(ours, our_slot), (theirs, their_slot)] {
        reserve(seller, slot).on(&store).await.unwrap();
    }
    let partitions: Vec<i64> = (0..domain::limits::PARTITIONS).collect();
    let all = store.live_messages(&partitions, Timestamp(0), 99).await.unwrap();
    let newer = all.iter().find(|message| message.tenant == theirs.tenant).unwrap();
    let change =
        format!("update outbox set subject_kind = 'voucher' where id = {}", database.literal(newer.id));
    database.execute(&change).await;
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

/// Jobs of a kind that the newer version added, and jobs whose payload it changed: any number of
/// them, due for any time.
async fn jobs_that_only_a_newer_version_can_do_are_left_alone_and_hide_no_others(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let account = crate::due::account(&store, seller, "acct_1").await;
    let mut newer = Vec::new();
    for number in 0..6 {
        newer.push(crate::due::charge(&store, seller, account, &format!("newer-{number}")).await);
    }
    let ours = crate::due::charge(&store, seller, account, "ours").await;
    for (at, job) in newer.iter().enumerate() {
        let change = if at % 2 == 0 {
            "kind = 'voucher', subject_kind = 'voucher'"
        } else {
            "payload_version = 2, payload = '{\"more\": 1}'"
        };
        let id = database.literal(*job);
        database
            .execute(&format!("update jobs set {change}, due_at = 1, attempts = 99 where id = {id}"))
            .await;
    }
    let due = store.due_jobs(JobKinds::default(), Lane::Critical, Timestamp(i64::MAX / 2), &[], 3).await;
    let due: Vec<JobId> = due.unwrap().into_iter().map(|due| due.job).collect();
    assert_eq!(due, [ours]);
    // Even a claim with their ids takes none.
    let claim = ClaimJobs {
        jobs: [newer.clone(), vec![ours]].concat(),
        kinds: JobKinds::default(),
        lease: JobLease { worker: new_id(), span: Span::seconds(60) },
        alone: false,
    };
    let CommandResult::Fresh { reply: Reply::Claimed(claimed), .. } =
        store.submit(Box::new(claim)).await.unwrap()
    else {
        panic!("claimed")
    };
    assert_eq!(claimed.iter().map(|claimed| claimed.job().id).collect::<Vec<_>>(), [ours]);
    for job in newer {
        let row = store.job(seller.tenant, job).await.unwrap().unwrap();
        assert_eq!((*row.state, row.token, row.attempts), (job::State::Ready, 0, 99));
    }
}

/// Changes the schema as the next version would, which has one more state.
async fn allow_the_next_state(database: &StoreDatabase, table: &str, first: &str) {
    let change = match database.location {
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
            format!("alter table {table} drop constraint {}", database.query_text(&constraint).await)
        }
    };
    database.execute(&change).await;
}

/// The next version migrates while this one runs: it adds columns, and a table of its own.
async fn the_next_schema_can_be_worked_on(database: StoreDatabase) {
    let store = database.open().await;
    let [(seller, slot), _] = two_shops(&store).await;
    reserve(seller, slot).on(&store).await.unwrap();
    database
        .execute(
            "create table next_things (id bigint primary key); \
             alter table bookings add column next_text text not null default 'none'; \
             alter table slots add column next_int integer; \
             insert into migrations (version, digest) values (9999, 'next')",
        )
        .await;
    reserve(seller, slot).on(&store).await.unwrap();
    assert_eq!(store.slot(seller.tenant, slot).await.unwrap().unwrap().held, 2);
    // But this version does not start on the new schema.
    store.close().await;
    assert!(matches!(Store::open(database.options()).await, Err(store::Error::Newer { .. })));
}
