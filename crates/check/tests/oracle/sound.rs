//! A sound database passes, also with work under way.

use domain::provider::ProviderStatus;
use domain::rows::Capture;
use testkit::{Engine, OnEngine as _, TestDatabase};

use crate::breaks::broken_copy;
use crate::seller::{Day, PRICE_MINOR, ordinary_day, relay};

async fn an_ordinary_day_is_sound(database: TestDatabase) {
    let store = database.open().await;
    let day = ordinary_day(&store).await;
    store.close().await;
    let verdicts = check::run(&database.location, Some(day.books)).await.unwrap();
    assert!(verdicts.all_hold() && !verdicts.has_notes(), "{verdicts}");
    for verdict in verdicts.iter() {
        assert!(verdict.counted > 0, "{verdicts}");
    }
    let without = check::run(&database.location, None).await.unwrap();
    assert!(without.all_hold() && without.has_notes(), "{without}");
}

/// The provider may be ahead of us while an operation is open. The ledger is then not compared, and
/// the verdict has a note.
async fn work_under_way_is_not_broken(database: TestDatabase) {
    let store = database.open().await;
    let mut day = ordinary_day(&store).await;
    let sent = day.ours.send(&store, None, Capture::Automatic).await;
    day.books.charges.push(day.ours.charge(&sent, "succeeded", PRICE_MINOR, 0));
    let verdicts = check::run(&database.location, Some(day.books.clone())).await.unwrap();
    assert!(verdicts.all_hold() && verdicts.has_notes(), "{verdicts}");
    let whole = ProviderStatus::Captured { amount_minor: PRICE_MINOR };
    day.ours.settle(&store, &sent, &whole, None).await;
    day.books.charges.last_mut().unwrap().captured_minor = 0;
    let verdicts = check::run(&database.location, Some(day.books)).await.unwrap();
    assert_eq!(verdicts.broken(), ["charged_once"], "we are ahead of the provider: {verdicts}");
    store.close().await;
}

/// A person refunds at the provider as well, and copies our metadata. Under one of our keys it
/// would be a second refund of ours.
async fn a_refund_that_was_copied_is_sound(database: TestDatabase) {
    let store = database.open().await;
    let Day { ours, mut books, .. } = ordinary_day(&store).await;
    let charge = ours.send(&store, None, Capture::Automatic).await;
    ours.settle(&store, &charge, &ProviderStatus::Captured { amount_minor: PRICE_MINOR }, None).await;
    let refund = ours.refund(&store, &charge, 300).await;
    let copy = ours.copy_refund(&store, &charge, &refund).await;
    books.charges.push(ours.charge(&charge, "succeeded", PRICE_MINOR, 600));
    books.refunds.extend([refund.clone(), copy]);
    relay(&store).await;
    store.close().await;
    let verdicts = check::run(&database.location, Some(books.clone())).await.unwrap();
    assert!(verdicts.all_hold() && !verdicts.has_notes(), "{verdicts}");
    books.refunds.last_mut().unwrap().idempotency_key = refund.idempotency_key.map(|key| key + "-1");
    let verdicts = check::run(&database.location, Some(books)).await.unwrap();
    assert_eq!(verdicts.broken(), ["refund_matches_quote"], "{verdicts}");
}

/// A person closes a review case and revokes a key: both are written into the audit, and neither is a move
/// of a booking or a payment.
const BY_A_PERSON: &str = "insert into audit (id, tenant, at, actor, subject_kind, subject, action, from_state, to_state) \
        select NEW_ID, tenant, 9, 'worker', 'payment', id, 'review_opened', null, 'amount_differs' from payments; \
    insert into audit (id, tenant, at, actor, subject_kind, subject, action, from_state, to_state) \
        select NEW_ID, tenant, 9000000000000000, 'client', 'payment', id, 'review_resolved', 'open', 'resolved' from payments; \
    insert into audit (id, tenant, at, actor, subject_kind, subject, action, from_state, to_state) \
        select NEW_ID, id, 9, 'client', 'api_key', NEW_ID, 'api_key_revoked', 'live', 'revoked' from tenants";

async fn what_a_person_did_is_sound(database: TestDatabase) {
    let store = database.open().await;
    let day = ordinary_day(&store).await;
    store.close().await;
    let copy = broken_copy(&database, BY_A_PERSON).await;
    let verdicts = check::run(&copy.location, Some(day.books)).await.unwrap();
    assert!(verdicts.all_hold(), "{verdicts}");
}

#[tokio::test]
async fn on_sqlite() {
    an_ordinary_day_is_sound(TestDatabase::on(Engine::Sqlite).await).await;
    work_under_way_is_not_broken(TestDatabase::on(Engine::Sqlite).await).await;
    what_a_person_did_is_sound(TestDatabase::on(Engine::Sqlite).await).await;
    a_refund_that_was_copied_is_sound(TestDatabase::on(Engine::Sqlite).await).await;
}

#[tokio::test]
async fn on_postgres() {
    an_ordinary_day_is_sound(TestDatabase::on(Engine::Postgres).await).await;
    work_under_way_is_not_broken(TestDatabase::on(Engine::Postgres).await).await;
    what_a_person_did_is_sound(TestDatabase::on(Engine::Postgres).await).await;
    a_refund_that_was_copied_is_sound(TestDatabase::on(Engine::Postgres).await).await;
}
