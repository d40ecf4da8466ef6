//! What is repeated, the time limit, the rate limit, and the circuit.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use providers::{Guard, guard};
use resilience::{Observer, Retry, breaker, budget};
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};

use crate::{
    calls::{Call, FIRST, OutcomeKind},
    outcomes::{follow_with_token, successful},
    rows::{ContractRow, ROWS},
};

/// Records the reasons of retries.
#[derive(Default)]
struct Reasons(Mutex<Vec<&'static str>>);

impl Observer for Reasons {
    fn retrying(&self, retry: &Retry) {
        self.0.lock().push(retry.reason);
    }
}

fn failing(headers: &str) -> ServerStep {
    ServerStep::Answer(answer(500, headers, "{}"))
}

/// The call of the row that takes or reserves the money.
fn charging(row: &ContractRow) -> Call {
    if row.calls().contains(&Call::Confirm) { Call::Confirm } else { Call::Create }
}

async fn check(
    row: &ContractRow,
    call: Call,
    script: Vec<ServerStep>,
    expected: OutcomeKind,
    requests: usize,
    reasons: &[&str],
) {
    let context = format!("{} {call:?} {script:?}", row.adapter.name);
    let stalls = script.iter().any(|step| matches!(step, ServerStep::AnswerAndStall(_)));
    let script = row.script(call, script);
    let server = ScriptedServer::start(script.clone()).await;
    let observed = Arc::new(Reasons::default());
    let guard = Guard::new("contract", &guard::Settings::default(), None, observed.clone());
    let settings =
        if stalls { row.impatient_settings(&server.base_url) } else { row.settings(&server.base_url) };
    let provider = row.open(&settings, &guard);
    if stalls {
        follow_with_token(row, &*provider, &server, script).await;
        observed.0.lock().clear();
    }
    let ended = call.make(row, &*provider, FIRST).await;
    assert_eq!(ended.kind, expected, "{context}: {ended:?}");
    let requested = server.requests().split_off(row.requests_before(call));
    assert_eq!(requested.len(), requests, "{context}");
    assert!(requested.windows(2).all(|two| two[0] == two[1]), "{context}: {requested:?}");
    assert_eq!(*observed.0.lock(), reasons, "{context}");
}

#[tokio::test]
async fn reads_are_repeated_once_and_calls_that_move_money_are_not() {
    let stall = || ServerStep::AnswerAndStall(Vec::new());
    for row in ROWS {
        let object = |call: Call| successful((row.replies)(call)).remove(0);
        let then = |step: ServerStep, call: Call| vec![step, object(call)];
        let unknown = OutcomeKind::Unknown;
        let read = Call::Fetch;
        check(row, read, then(failing(""), read), OutcomeKind::Object, 2, &["server_error"]).await;
        check(row, read, then(ServerStep::Reset, read), OutcomeKind::Object, 2, &["connection_broke"]).await;
        check(row, read, then(stall(), read), OutcomeKind::Object, 2, &["timed_out"]).await;
        check(row, read, vec![failing("")], unknown, 2, &["server_error"]).await;
        let later = failing("retry-after: 3600\r\n");
        check(row, read, then(later, read), unknown, 1, &[]).await;
        let busy = ServerStep::Answer(answer(429, "retry-after: 1\r\n", "{}"));
        check(row, read, then(busy.clone(), read), OutcomeKind::NotSent(Some(1)), 1, &[]).await;
        for call in row.calls().into_iter().filter(|call| call.is_write()) {
            check(row, call, vec![object(call)], OutcomeKind::Object, 1, &[]).await;
            check(row, call, then(failing(""), call), unknown, 1, &[]).await;
            check(row, call, then(ServerStep::Reset, call), unknown, 1, &[]).await;
            check(row, call, then(busy.clone(), call), OutcomeKind::NotSent(Some(1)), 1, &[]).await;
        }
        let call = charging(row);
        check(row, call, then(stall(), call), unknown, 1, &[]).await;
    }
}

#[tokio::test]
async fn a_call_that_was_never_written_is_repeated_whatever_it_is() {
    for row in ROWS {
        let nobody = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            format!("http://{}", listener.local_addr().unwrap())
        };
        let observed = Arc::new(Reasons::default());
        let guard = Guard::new("contract", &guard::Settings::default(), None, observed.clone());
        let ended = charging(row).make(row, &*row.open(&row.settings(&nobody), &guard), FIRST).await;
        assert_eq!(ended.kind, OutcomeKind::NotSent(None), "{}: {ended:?}", row.adapter.name);
        assert_eq!(*observed.0.lock(), ["not_sent"], "{}", row.adapter.name);
    }
}

/// The second try would end after the operation's time limit.
#[tokio::test]
async fn no_call_begins_past_the_time_limit() {
    for row in ROWS {
        let server = ScriptedServer::start(Vec::new()).await;
        let mut settings = row.impatient_settings(&server.base_url);
        settings.wire.operation_timeout = settings.wire.call_timeout;
        let provider = row.open(&settings, &Guard::default());
        let stall = vec![ServerStep::AnswerAndStall(Vec::new())];
        follow_with_token(row, &*provider, &server, stall).await;
        let ended = Call::Fetch.make(row, &*provider, FIRST).await;
        assert_eq!(ended.kind, OutcomeKind::Unknown, "{}: {ended:?}", row.adapter.name);
        assert_eq!(server.requests().len(), 1, "{}", row.adapter.name);
    }
}

#[tokio::test]
async fn second_tries_withdraw_from_the_budget() {
    let budget = budget::Settings { ratio: 1.0, floor_per_second: 0.0, ..Default::default() };
    let settings = guard::Settings { budget, ..Default::default() };
    for row in ROWS {
        let server = ScriptedServer::start(vec![failing("")]).await;
        let guard = Guard::new("contract", &settings, None, Arc::new(Reasons::default()));
        let provider = row.open(&row.settings(&server.base_url), &guard);
        Call::Fetch.make(row, &*provider, FIRST).await;
        assert_eq!(server.requests().len(), 1, "{}", row.adapter.name);
        guard.budget.deposit();
        Call::Fetch.make(row, &*provider, FIRST).await;
        Call::Fetch.make(row, &*provider, FIRST).await;
        assert_eq!(server.requests().len(), 1 + 2 + 1, "{}", row.adapter.name);
    }
}

#[tokio::test]
async fn an_open_circuit_makes_no_calls_until_its_probes_succeed() {
    let minute = Duration::from_mins(1);
    let budget = budget::Settings { ratio: 0.0, floor_per_second: 0.0, ..Default::default() };
    for row in ROWS {
        let name = row.adapter.name;
        // Two of the calls, beside those for a token.
        let calls_min = 2 + row.particulars.token_requests;
        let breaker =
            breaker::Settings { calls_min, open_base: minute, open_cap: minute, ..Default::default() };
        let settings = guard::Settings { breaker, budget };
        let guard = Guard::new("contract", &settings, None, Arc::new(Reasons::default()));
        let busy = ServerStep::Answer(answer(429, "", "{}"));
        let mut script = vec![busy.clone(), busy, failing(""), failing("")];
        script.extend(successful((row.replies)(Call::Fetch)));
        let server = ScriptedServer::start(script).await;
        let provider = row.open(&row.settings(&server.base_url), &guard);
        for _ in 0..2 {
            let ended = Call::Fetch.make(row, &*provider, FIRST).await;
            assert_eq!(ended.kind, OutcomeKind::NotSent(None), "{name}: {ended:?}");
        }
        let counted = guard.breaker.snapshot().calls;
        assert_eq!(
            counted, row.particulars.token_requests,
            "{name}: our rate says nothing about the provider"
        );
        // Calls about one object count once, so these are about two.
        Call::FetchRefund.make(row, &*provider, FIRST).await;
        charging(row).make(row, &*provider, FIRST).await;
        assert_eq!(guard.breaker.state(), breaker::BreakerState::Open, "{name}");
        for call in row.calls() {
            let ended = call.make(row, &*provider, FIRST).await;
            assert_eq!(ended.kind, OutcomeKind::NotCalled, "{name} {call:?}: {ended:?}");
        }
        assert_eq!(server.requests().len(), 4, "{name}");

        // Real time is paused meanwhile; no call is in flight.
        tokio::time::pause();
        tokio::time::advance(Duration::from_mins(2)).await;
        tokio::time::resume();
        for _ in 0..3 {
            let ended = Call::Fetch.make(row, &*provider, FIRST).await;
            assert_eq!(ended.kind, OutcomeKind::Object, "{name}: {ended:?}");
        }
        assert_eq!(guard.breaker.state(), breaker::BreakerState::Closed, "{name}");
    }
}
