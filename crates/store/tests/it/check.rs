//! The check is clean over the store's rows, and finds rows that were broken without the store.

use store::Store;
use store::queries::check::Finding;

use crate::store_database::StoreDatabase;

use crate::due::{account, charge};
use crate::seats::reserve;
use crate::test_command::Seller;

testkit::on_both_engines!(what_is_broken_is_found, all_that_is_broken_is_named, moves_are_counted);

fn broken(findings: &[Finding]) -> Vec<&'static str> {
    let broken = findings.iter().filter(|finding| !finding.broken.is_empty());
    let mut names: Vec<_> = broken.map(|finding| finding.invariant).collect();
    names.dedup();
    names
}

async fn what_is_broken_is_found(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 10).await;
    let booking = reserve(&store, seller, slot).await;
    seller.cancel(reserve(&store, seller, slot).await).on(&store).await.unwrap();
    let account = account(&store, seller, "acct_1").await;
    charge(&store, seller, account, "charge").await;
    let findings = store.check().await.unwrap();
    assert_eq!(broken(&findings), Vec::<&str>::new(), "{findings:?}");
    assert!(findings.iter().any(|finding| finding.counted == 2));
    store.close().await;
    let blob = |id: uuid::Uuid| match &database.location {
        store::Location::Sqlite { .. } => format!("x'{}'", id.simple()),
        store::Location::Postgres { .. } => format!("'{id}'"),
    };
    let (tenant, booking) = (blob(seller.tenant.0), blob(booking.0));
    let (a, b, c) =
        (blob(uuid::Uuid::from_u128(1)), blob(uuid::Uuid::from_u128(2)), blob(uuid::Uuid::from_u128(3)));
    for (harm, found) in [
        ("update slots set held = held + 1".to_owned(), "never_oversold"),
        (format!("update bookings set state = 'confirmed' where id = {booking}"), "paid_by_evidence"),
        (
            format!(
                "insert into audit values ({a}, {tenant}, 1, 'client', null, 'booking', {booking}, 'x', null, 'held', null, null, null); \
                 insert into audit values ({b}, {tenant}, 2, 'client', null, 'booking', {booking}, 'x', 'expired', 'confirmed', null, null, null)"
            ),
            "only_forward",
        ),
        (
            format!(
                "update outbox set seq = 7 where subject = {booking}; insert into outbox values \
                 ({a}, {tenant}, 'booking', {booking}, 9, 'x', '', 1, 0, null, 0, null, null)"
            ),
            "event_applied_once",
        ),
        (
            format!(
                "insert into jobs values ({a}, {tenant}, 'charge', 'critical', 'attempt', {a}, null, '{{}}', 1, \
                 null, 'dead', 1, null, null, 1, 1, 0, 0, null, 1, 1)"
            ),
            "nothing_lost",
        ),
        (
            format!(
                "insert into transfers values ({a}, {tenant}, 'k', 'm', {b}, 1, {c}); \
                 insert into ledger_accounts values ({c}, {tenant}, 'n', 'EUR', 5, 1, 1); \
                 insert into postings values ({b}, {tenant}, {a}, {c}, 4, 'EUR', 1)"
            ),
            "books_balance",
        ),
        (format!("update ledger_accounts set tenant = {a}"), "tenant_walls"),
        ("update payments set captured_minor = 1".to_owned(), "refund_matches_quote"),
    ] {
        database.execute(&harm).await;
        let findings = Store::open_read_only(&database.location).await.unwrap().check().await.unwrap();
        assert!(broken(&findings).contains(&found), "{harm}: {findings:?}");
    }
}

async fn all_that_is_broken_is_named(database: StoreDatabase) {
    const DEAD: usize = 30;
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    store.close().await;
    let blob = |id: uuid::Uuid| match &database.location {
        store::Location::Sqlite { .. } => format!("x'{}'", id.simple()),
        store::Location::Postgres { .. } => format!("'{id}'"),
    };
    let tenant = blob(seller.tenant.0);
    let dead = (1..=DEAD).map(|number| {
        let id = blob(uuid::Uuid::from_u128(number as u128));
        format!(
            "insert into jobs values ({id}, {tenant}, 'charge', 'critical', 'attempt', {id}, null, '{{}}', 1, null, \
             'dead', 1, null, null, 1, 1, 0, 0, null, 1, 1);"
        )
    });
    database.execute(&dead.collect::<String>()).await;
    let findings = Store::open_read_only(&database.location).await.unwrap().check().await.unwrap();
    assert!(findings.iter().any(|finding| finding.broken.len() == DEAD), "{findings:?}");
}

async fn moves_are_counted(database: StoreDatabase) {
    let store = database.open().await;
    assert_eq!(store.moves().await.unwrap(), []);
}
