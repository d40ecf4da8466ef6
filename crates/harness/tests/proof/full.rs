//! A disk without room: requests are turned away, nothing is half done, and with room it goes on.

use harness::attack::{Answer, Arena, Ask, Caller, Error, Ground, Need, Said, Scenario, Tuning, judge};
use rusqlite::Connection;

use crate::prove;

/// Room for some holds.
const PAGES: i64 = 80;
/// Far more than fit.
const HOLDS_MAX: usize = 5_000;
/// Said when it is full.
const MORE: usize = 20;

static FULL: Scenario = Scenario {
    number: 3,
    name: "proof-full",
    promise: "Without room it turns requests away and keeps what it has; with room it goes on.",
    needs: &[Need::Deployment],
    always: &["a_full_disk_is_told", "what_is_there_is_said_again", "with_room_it_goes_on"],
    sometimes: &["some_fitted"],
    run: |arena| Box::pin(full(arena)),
};

async fn full(arena: Arena) -> Result<(), Error> {
    let mut town = arena.deploy(&Tuning::default()).await?;
    let Some(store::Location::Sqlite { path }) = town.location() else { panic!("it is a file") };
    let database = Connection::open(path).unwrap();
    let pages: i64 = database.query_row("pragma page_count", [], |row| row.get(0)).unwrap();
    drop(database);
    town.retune(&Tuning::default().with("", "sqlite_max_page_count", pages + PAGES)).await?;

    let catalogue = town.shop.catalogue.clone();
    let mut caller = arena.caller(&town.shop, 0)?;
    let hold = |number: usize| Ask::hold(&arena.operation(number), &catalogue, 0, 3_600);
    let mut held = 0;
    let refused = loop {
        let answer = answered(&mut caller, &hold(held)).await?;
        if answer.status != 201 {
            break answer;
        }
        held += 1;
        assert!(held < HOLDS_MAX, "the disk does not fill");
    };
    arena.findings.reached_times("some_fitted", held as u64);
    told(&arena, &refused);
    for number in held..held + MORE {
        told(&arena, &answered(&mut caller, &hold(number)).await?);
    }
    // What is there can still be read, and what was said is said again.
    let again = answered(&mut caller, &hold(0)).await?;
    let same = again.status == 201 && again.replayed;
    arena.findings.always("what_is_there_is_said_again", same, || again.words());
    let verdicts = town.verdicts().await?;
    arena.findings.oracle(&verdicts);

    town.retune(&Tuning::default()).await?;
    for number in 0..held + MORE {
        let answer = caller.insist(&hold(number)).await?;
        arena.findings.always("with_room_it_goes_on", answer.status == 201, || answer.words());
    }
    judge(&arena, &town).await?;
    Ok(())
}

async fn answered(caller: &mut Caller, ask: &Ask) -> Result<Answer, Error> {
    match caller.once(ask).await? {
        Said::Answered(answer) => Ok(answer),
        Said::Lost(told) => Err(Error::NoAnswer { operation: ask.operation.clone(), told }),
    }
}

fn told(arena: &Arena, answer: &Answer) {
    let code = answer.code();
    let right = answer.status == 503
        && code.as_deref() == Some("storage_unavailable")
        && answer.is_retryable()
        && answer.retry_after.is_some();
    arena.findings.always("a_full_disk_is_told", right, || answer.words());
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    prove(&FULL, 1, Ground::Sqlite).await;
}
