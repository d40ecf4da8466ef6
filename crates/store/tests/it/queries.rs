//! Every query runs on both engines, finds the tenant's rows, and none of another tenant.

use domain::lifecycle::booking;
use domain::{AccountId, EventId, Timestamp};
use store::Store;
use store::queries::{BookingSearch, Cursor, OldRows, PaymentSearch};
use testkit::new_id;

use crate::store_database::StoreDatabase;

use crate::seats::reserve;
use crate::test_command::{Seller, insert};

testkit::on_both_engines!(
    a_search_finds_page_by_page,
    a_tenant_sees_its_own_alone,
    every_query_runs,
    review_cases_are_found,
    events_of_other_accounts_hide_none,
    what_is_old_is_found_page_by_page,
);

async fn a_search_finds_page_by_page(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let (slot, other) = (seller.slot(&store, 10).await, seller.slot(&store, 10).await);
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(reserve(&store, seller, slot).await);
    }
    reserve(&store, seller, other).await;
    seller.cancel(made[2]).on(&store).await.unwrap();
    let mut search = BookingSearch { slot: Some(slot), limit: 2, ..BookingSearch::default() };
    search.customer_email = Some("ANA@example.com".into());
    let mut found = Vec::new();
    loop {
        let page = store.bookings(seller.tenant, &search).await.unwrap();
        let Some(last) = page.last() else { break };
        search.after = Some(Cursor { created_at: last.created_at, id: last.id.0 });
        found.extend(page.iter().map(|booking| booking.id));
    }
    found.reverse();
    // On SQLite the test's clock does not move, so only the ids give the order.
    assert_eq!(found, made);
    let held = BookingSearch { state: Some(booking::State::Cancelled), limit: 9, ..BookingSearch::default() };
    let cancelled = store.bookings(seller.tenant, &held).await.unwrap();
    assert_eq!(cancelled.iter().map(|booking| booking.id).collect::<Vec<_>>(), [made[2]]);
    let lapsed = store.lapsed_holds_of_slot(seller.tenant, slot, Timestamp(10), 9).await.unwrap();
    assert_eq!(lapsed.len(), 4);
    assert_eq!(store.lapsed_holds(Timestamp(9), 9).await.unwrap(), []);
}

async fn a_tenant_sees_its_own_alone(database: StoreDatabase) {
    let store = database.open().await;
    let (seller, stranger) = (Seller::open(&store).await, Seller::open(&store).await);
    let slot = seller.slot(&store, 10).await;
    let booking = reserve(&store, seller, slot).await;
    assert!(store.booking(seller.tenant, booking).await.unwrap().is_some());
    assert!(store.booking(stranger.tenant, booking).await.unwrap().is_none());
    assert!(store.slot(stranger.tenant, slot).await.unwrap().is_none());
    assert!(store.product(stranger.tenant, seller.product).await.unwrap().is_none());
    for (tenant, count) in [(seller.tenant, 1), (stranger.tenant, 0)] {
        assert_eq!(store.slots_by_ids(tenant, &[slot]).await.unwrap().len(), count);
        assert_eq!(store.products_by_ids(tenant, &[seller.product]).await.unwrap().len(), count);
        assert_eq!(store.items_of_bookings(tenant, &[booking]).await.unwrap().len(), count);
    }
    let all = BookingSearch { limit: 9, ..BookingSearch::default() };
    assert_eq!(store.bookings(stranger.tenant, &all).await.unwrap(), []);
}

async fn every_query_runs(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let tenant = seller.tenant;
    assert_eq!(store.tenant(tenant).await.unwrap(), Some(seller.tenant_row()));
    assert_eq!(store.tenants(9).await.unwrap().len(), 1);
    assert_eq!(store.tenants_named("Ferry", 9).await.unwrap(), [seller.tenant_row()]);
    assert_eq!(store.tenants_named("ferry", 9).await.unwrap(), []);
    assert_eq!(store.accounts(9).await.unwrap(), []);
    assert_eq!(store.accounts_of(tenant).await.unwrap(), []);
    assert_eq!(store.account("stripe", "acct").await.unwrap(), None);
    assert_eq!(store.client(tenant, seller.client).await.unwrap(), None);
    assert_eq!(store.clients(tenant, 9).await.unwrap(), []);
    assert_eq!(store.api_key(new_id()).await.unwrap(), None);
    assert_eq!(store.key(tenant, new_id()).await.unwrap(), None);
    assert_eq!(store.products(tenant, None, 9).await.unwrap().len(), 1);
    assert_eq!(store.units(tenant, seller.product).await.unwrap(), []);
    assert_eq!(store.units_of(tenant, &[seller.product, new_id()]).await.unwrap(), []);
    assert_eq!(store.units_of(tenant, &[]).await.unwrap(), []);
    let slot = seller.slot(&store, 1).await;
    let at = store.slot(tenant, slot).await.unwrap().unwrap().starts_at.0;
    let found = store.slots(tenant, seller.product, Timestamp(at)..Timestamp(at + 1), None, 9).await.unwrap();
    assert_eq!(found.iter().map(|slot| slot.id).collect::<Vec<_>>(), [slot]);
    let before = store.slots(tenant, seller.product, Timestamp(at - 1)..Timestamp(at), None, 9);
    assert_eq!(before.await.unwrap(), []);
    let behind = Some(Cursor { created_at: Timestamp(at), id: slot.0 });
    let behind = store.slots(tenant, seller.product, Timestamp(at)..Timestamp(at + 1), behind, 9);
    assert_eq!(behind.await.unwrap(), []);
    let search = PaymentSearch {
        booking: Some(new_id()),
        customer_email: Some("ana@example.com".into()),
        reference: Some("r".into()),
        key: Some(new_id()),
        state: Some(domain::lifecycle::payment::State::Captured),
        account: Some(new_id()),
        amount_minor: Some(7),
        created_from: Some(Timestamp(0)),
        created_before: Some(Timestamp(9)),
        after: Some(Cursor { created_at: Timestamp(3), id: new_id() }),
        limit: 9,
    };
    assert_eq!(store.payments(tenant, &search).await.unwrap(), []);
    assert_eq!(store.payment(tenant, new_id()).await.unwrap(), None);
    assert_eq!(store.payment_at_provider(AccountId::of("a", "b"), "pi_1").await.unwrap(), None);
    assert_eq!(store.payments_of_booking(tenant, new_id()).await.unwrap(), []);
    assert_eq!(store.attempt(tenant, new_id()).await.unwrap(), None);
    assert_eq!(store.attempts_of_payment(tenant, new_id()).await.unwrap(), []);
    assert_eq!(store.refund(tenant, new_id()).await.unwrap(), None);
    assert_eq!(store.refunds_of_payment(tenant, new_id(), None, 9).await.unwrap(), []);
    assert_eq!(store.movements_of_payment(tenant, new_id(), None, 9).await.unwrap(), []);
    assert_eq!(store.known_events(&[new_id(), new_id()]).await.unwrap(), []);
    assert_eq!(store.refund_at_provider(AccountId::of("a", "b"), "re_1").await.unwrap(), None);
    assert_eq!(store.audit_of(tenant, new_id(), None, 9).await.unwrap(), []);
    assert_eq!(store.first_audit_of(tenant, new_id(), "gave_up").await.unwrap(), None);
    assert_eq!(store.events_after(tenant, 0, &domain::rows::Subject::ALL, 9).await.unwrap(), []);
    assert_eq!(store.events_after(tenant, 0, &[], 9).await.unwrap(), []);
    assert_eq!(store.ledger_accounts(tenant, None, None, 9).await.unwrap(), []);
    assert_eq!(store.ledger_accounts(tenant, None, Some(new_id()), 9).await.unwrap(), []);
    assert_eq!(store.transfers(tenant, None, 9).await.unwrap(), []);
    assert_eq!(store.review(tenant, new_id()).await.unwrap(), None);
    assert_eq!(store.open_reviews(tenant, None, 9).await.unwrap(), []);
    assert_eq!(store.messages_of(tenant, new_id(), 9).await.unwrap(), []);
    assert_eq!(crate::due::due(&store, Timestamp(9), &[], 9).await, []);
    assert_eq!(store.job(tenant, new_id()).await.unwrap(), None);
    assert_eq!(store.job(tenant, new_id()).await.unwrap(), None);
    assert_eq!(store.dead_letters(tenant, None, 9).await.unwrap(), []);
    assert_eq!(store.letter(tenant, new_id()).await.unwrap(), None);
    assert_eq!(store.received_events(Timestamp(9), &[new_id()], 9).await.unwrap(), []);
    let replies = store.old_replies(Timestamp(9), new_id(), 9).await.unwrap();
    assert_eq!(replies, OldRows { ids: vec![], next: None });
    let events = store.old_events(Timestamp(9), new_id(), 9).await.unwrap();
    assert_eq!(events, OldRows { ids: vec![], next: None });
    assert_eq!(store.old_jobs(Timestamp(9), new_id(), 9).await.unwrap(), OldRows { ids: vec![], next: None });
    reserve(&store, seller, slot).await;
    let figures = store.figures(Timestamp(9)).await.unwrap();
    assert_eq!((figures.backlog.outbox_pending, figures.holds), (1, 1));
    assert!(figures.backlog.outbox_oldest_pending.is_some());
    let on_sqlite = matches!(database.location, store::Location::Sqlite { .. });
    assert_eq!(store.wal_bytes().await.unwrap().is_none(), on_sqlite);
}

async fn review_cases_are_found(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 10).await;
    let first = reserve(&store, seller, slot).await;
    let event = domain::rows::Review {
        id: new_id(),
        tenant: seller.tenant,
        subject_kind: domain::rows::Subject::Booking,
        subject: first.0,
        attempt: None,
        reason: "why".into(),
        detail: String::new(),
        state: domain::lifecycle::CurrentState::start(),
        opened_at: Timestamp(3),
        resolved_at: None,
        resolution: None,
        assignee: None,
    };
    insert(move |outcome| outcome.put(event.clone())).on(&store).await.unwrap();
    assert_eq!(store.open_reviews(seller.tenant, None, 9).await.unwrap().len(), 1);
}

async fn put_events(store: &Store, seller: Seller, account: AccountId, count: usize) -> Vec<EventId> {
    let mut ids: Vec<EventId> = (0..count).map(|_| new_id()).collect();
    for event in &ids {
        let event = seller.event_row(*event, account);
        insert(move |outcome| outcome.put(event.clone())).on(store).await.unwrap();
    }
    ids.sort();
    ids
}

/// An account that is configured in another process, or in none, may have any number of waiting events.
async fn events_of_other_accounts_hide_none(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let (configured, other): (AccountId, AccountId) = (new_id(), new_id());
    put_events(&store, seller, other, 20).await;
    let own = put_events(&store, seller, configured, 3).await;
    let found = async |of: &[AccountId], max: usize| {
        let found = store.received_events(Timestamp(9), of, max).await.unwrap();
        let mut ids: Vec<EventId> = found.into_iter().map(|event| event.id).collect();
        ids.sort();
        ids
    };
    assert_eq!(found(&[configured], 5).await, own);
    assert_eq!(found(&[configured, other], 50).await.len(), 23);
    assert_eq!(found(&[], 50).await, []);
}

async fn what_is_old_is_found_page_by_page(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let events = put_events(&store, seller, new_id(), 9).await;
    for (event, ended) in [(events[1], "processed"), (events[4], "ignored"), (events[7], "dead")] {
        let row = database.literal(event);
        database
            .execute(&format!(
                "update inbound_events set state = '{ended}', processed_at = 5 where id = {row}"
            ))
            .await;
    }
    let (mut found, mut after, mut pages) = (Vec::new(), Some(EventId(uuid::Uuid::nil())), 0);
    while let Some(behind) = after {
        let old = store.old_events(Timestamp(6), behind, 4).await.unwrap();
        found.extend(old.ids);
        (after, pages) = (old.next, pages + 1);
    }
    assert_eq!((found, pages), (vec![events[1], events[4]], 3));
    let early = store.old_events(Timestamp(5), EventId(uuid::Uuid::nil()), 9).await.unwrap();
    assert_eq!(early.ids, []);
}
