//! A disk without room: requests are turned away, nothing is half done, and with room it goes on.

use rusqlite::Connection;
use serde_json::Value;

use crate::clients::{Entry, Teller};
use crate::town::Town;

/// Room for some holds.
const PAGES: i64 = 80;
/// Far more than fit.
const HOLDS_MAX: usize = 5_000;

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    let mut town = Town::on_sqlite().await;
    town.stop_server().await;
    let store::Location::Sqlite { path } = &town.installation.location else { panic!("it is a file") };
    let database = Connection::open(path).unwrap();
    let pages: i64 = database.query_row("pragma page_count", [], |row| row.get(0)).unwrap();
    drop(database);
    town.restart_server(&format!("sqlite_max_page_count = {}\n", pages + PAGES)).await;

    let shop = town.shop.clone();
    let mut teller = Teller::new(&shop);
    let hold = |number: usize| Entry {
        key: format!("hold-{number}"),
        path: "/v1/bookings".to_owned(),
        body: shop.hold(&format!("customer-{number}")).to_string(),
        answer: None,
    };
    let mut held = 0;
    let refused = loop {
        let answer = teller.once(&hold(held)).await.unwrap();
        if answer.status.as_u16() != 201 {
            break answer;
        }
        held += 1;
        assert!(held < HOLDS_MAX, "the disk does not fill");
    };
    let problem: Value = refused.json().unwrap();
    assert_eq!((refused.status.as_u16(), problem["code"].as_str()), (503, Some("storage_unavailable")));
    assert_eq!(problem["retryable"], true, "{problem}");
    assert!(refused.header("retry-after").is_some());
    for number in held..held + 20 {
        assert_eq!(teller.once(&hold(number)).await.unwrap().status.as_u16(), 503, "there is no room");
    }
    // What is there can still be read, and what was said is said again.
    assert_eq!(teller.once(&hold(0)).await.unwrap().status.as_u16(), 201);
    let verdicts = town.verdicts().await;
    assert!(held > 0 && verdicts.all_hold(), "{held} holds\n{verdicts}");

    town.stop_server().await;
    town.restart_server("").await;
    for number in 0..held + 20 {
        assert_eq!(teller.insist(&hold(number)).await.status.as_u16(), 201);
    }
    let verdicts = town.quiet().await;
    assert!(verdicts.all_hold(), "{verdicts}");
    println!("{held} holds fitted");
}
