//! A full disk: requests are refused, nothing is half done, and with free space the work goes on.

use attack::{
    Error, Ground, Need, OperationAnswer, OperationRequest, RequestResult, RetryingClient, Scenario,
    ScenarioContext, Tuning, judge,
};
use rusqlite::Connection;

use crate::prove;

/// Space for some holds.
const PAGES: i64 = 80;
/// Far more than fit.
const HOLDS_MAX: usize = 5_000;
/// The code of an answer when the disk is full.
const MORE: usize = 20;

static FULL: Scenario = Scenario {
    number: 3,
    name: "proof-full",
    promise: "Without room it turns requests away and keeps what it has; with room it goes on.",
    needs: &[Need::Deployment],
    always: &["a_full_disk_is_told", "what_is_there_is_said_again", "with_room_it_goes_on"],
    sometimes: &["some_fitted"],
    run: |context| Box::pin(full(context)),
};

async fn full(context: ScenarioContext) -> Result<(), Error> {
    let mut deployment = context.deploy(&Tuning::default()).await?;
    let Some(store::Location::Sqlite { path }) = deployment.location() else { panic!("it is a file") };
    let database = Connection::open(path).unwrap();
    let pages: i64 = database.query_row("pragma page_count", [], |row| row.get(0)).unwrap();
    drop(database);
    deployment.retune(&Tuning::default().with("", "sqlite_max_page_count", pages + PAGES)).await?;

    let catalogue = deployment.target.catalogue.clone();
    let mut caller = context.caller(&deployment.target, 0);
    let hold = |number: usize| OperationRequest::hold(&context.operation(number), &catalogue, 0, 3_600);
    let mut held = 0;
    let refused = loop {
        let answer = answered(&mut caller, &hold(held)).await?;
        if answer.status != 201 {
            break answer;
        }
        held += 1;
        assert!(held < HOLDS_MAX, "the disk does not fill");
    };
    context.findings.reached_times("some_fitted", held as u64);
    record_refusal(&context, &refused);
    for number in held..held + MORE {
        record_refusal(&context, &answered(&mut caller, &hold(number)).await?);
    }
    // Reads still work, and a repeated request gets its stored reply.
    let again = answered(&mut caller, &hold(0)).await?;
    let same = again.status == 201 && again.replayed;
    context.findings.always("what_is_there_is_said_again", same, || again.summary());
    let verdicts = deployment.verdicts().await?;
    context.findings.oracle(&verdicts);

    deployment.retune(&Tuning::default()).await?;
    for number in 0..held + MORE {
        let answer = caller.retry_until_definite(&hold(number)).await?;
        context.findings.always("with_room_it_goes_on", answer.status == 201, || answer.summary());
    }
    judge(&context, &deployment).await?;
    Ok(())
}

async fn answered(caller: &mut RetryingClient, request: &OperationRequest) -> Result<OperationAnswer, Error> {
    match caller.send_once(request).await? {
        RequestResult::Answered(answer) => Ok(answer),
        RequestResult::Lost(outcome) => {
            Err(Error::NoAnswer { operation: request.operation.clone(), outcome })
        }
    }
}

fn record_refusal(context: &ScenarioContext, answer: &OperationAnswer) {
    let code = answer.code();
    let right = answer.status == 503
        && code.as_deref() == Some("storage_unavailable")
        && answer.is_retryable()
        && answer.retry_after.is_some();
    context.findings.always("a_full_disk_is_told", right, || answer.summary());
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    prove(&FULL, 1, Ground::Sqlite).await;
}
