//! Every call of every adapter, against the table of replies.

use std::sync::Arc;

use providers::{Guard, Provider, ProviderSettings, guard};
use resilience::{NoObserver, breaker};
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};
use tokio::task::JoinSet;

use crate::{
    answers::{self, Answer},
    calls::{Call, Ended, FIRST, OutcomeKind},
    rows::{ContractRow, ROWS},
};

/// A guard whose circuit never opens, and whose budget allows the repetitions that an adapter may make.
pub fn patient() -> Guard {
    let breaker = breaker::Settings { calls_min: breaker::Settings::CALLS_MIN_MAX, ..Default::default() };
    let settings = guard::Settings { breaker, ..Default::default() };
    Guard::new("contract", &settings, None, Arc::new(NoObserver))
}

pub fn successful<B: ToString>(replies: Vec<B>) -> Vec<ServerStep> {
    replies.iter().map(|reply| ServerStep::Answer(answer(200, "", &reply.to_string()))).collect()
}

/// An access token that comes late on a busy machine is no reply of the call that is tested. So it is
/// there before the script begins.
pub async fn follow_with_token(
    row: &ContractRow,
    provider: &dyn Provider,
    server: &ScriptedServer,
    script: Vec<ServerStep>,
) {
    const TRIES_MAX: usize = 60;
    let is_needed = row.particulars.token_requests > 0;
    for tries in 1..=TRIES_MAX {
        server.follow(successful((row.replies)(Call::Fetch)));
        if !is_needed || Call::Fetch.make(row, provider, FIRST).await.kind == OutcomeKind::Object {
            break;
        }
        assert!(tries < TRIES_MAX, "{}: there is no token", row.adapter.name);
    }
    server.follow(script);
}

/// Makes the calls of all adapters, each on a task of its own.
async fn every_call(check: impl AsyncFn(&'static ContractRow, Call) + Clone + 'static) {
    let tasks = tokio::task::LocalSet::new();
    let mut checks = JoinSet::new();
    for row in ROWS {
        for call in row.calls() {
            let check = check.clone();
            checks.spawn_local_on(async move { check(row, call).await }, &tasks);
        }
    }
    tasks.await;
    while let Some(checked) = checks.join_next().await {
        checked.unwrap();
    }
}

/// The second and further replies of a call are good. One connection may serve several answers.
async fn check(
    row: &'static ContractRow,
    call: Call,
    answers: Vec<Answer>,
    settings: impl Fn(&str) -> ProviderSettings,
) {
    let server = ScriptedServer::start(Vec::new()).await;
    let provider = row.open(&settings(&server.base_url), &patient());
    follow_with_token(row, &*provider, &server, Vec::new()).await;
    let before = row.requests_before(call);
    for Answer { name, step, expected, is_repeated } in answers {
        let mut script = row.script(call, [step]);
        if expected == OutcomeKind::Object {
            script.extend(successful((row.replies)(call)).into_iter().skip(1));
        }
        let looked_up = (row.particulars.look_up)(call).filter(|_| expected == OutcomeKind::Refused);
        let tries = 1 + usize::from(is_repeated);
        let most = tries + usize::from(looked_up.is_some());
        script.extend(
            looked_up.map(|(status, body)| ServerStep::Answer(answer(status, "", &body.to_string()))),
        );
        server.follow(script);
        let ended = call.make(row, &*provider, FIRST).await;
        let context = format!("{} {call:?}, {name}: {ended:?}", row.adapter.name);
        assert_eq!(ended.kind, expected, "{context}");
        let requests = server.requests();
        let requests = requests.get(before..).unwrap_or_default();
        let is_one_read = requests.windows(2).all(|two| two[0] == two[1]) || expected == OutcomeKind::Object;
        let writes = requests.iter().filter(|request| !request.starts_with("GET ")).count();
        let is_at_most_once =
            if call.is_write() { writes <= tries && requests.len() <= most } else { is_one_read };
        assert!(is_at_most_once, "{context}: repeated: {requests:?}");
    }
}

#[tokio::test]
async fn each_reply_has_the_outcome_that_it_proves() {
    every_call(async |row: &'static ContractRow, call: Call| {
        check(row, call, answers::answers(row, call), |base_url| row.settings(base_url)).await;
    })
    .await;
}

#[tokio::test]
async fn a_reply_that_does_not_come_is_unknown() {
    every_call(async |row: &'static ContractRow, call: Call| {
        check(row, call, answers::silences(row, call), |base_url| row.impatient_settings(base_url)).await;
    })
    .await;
}

async fn made(row: &ContractRow, call: Call, script: Vec<ServerStep>) -> Ended {
    let server = ScriptedServer::start(script).await;
    let provider = row.open(&row.settings(&server.base_url), &patient());
    call.make(row, &*provider, FIRST).await
}

#[tokio::test]
async fn a_complete_reply_is_an_object() {
    every_call(async |row: &'static ContractRow, call: Call| {
        let ended = made(row, call, row.script(call, successful((row.replies)(call)))).await;
        let context = format!("{} {call:?}: {ended:?}", row.adapter.name);
        assert_eq!(ended.kind, OutcomeKind::Object, "{context}");
        let has_status = !call.is_of_customer() && !matches!(call, Call::Events | Call::FetchEvents);
        assert_eq!(ended.is_final, has_status, "{context}");
    })
    .await;
}

/// A provider may add statuses at any time. Only what is known to be final ends a payment.
#[tokio::test]
async fn a_status_that_is_not_known_ends_nothing() {
    every_call(async |row: &'static ContractRow, call: Call| {
        for status in ["\"invented_in_2030\"", "\"\"", "\"APPROVED\"", "\"Succeeded\"", "\"\u{e9}\""] {
            let replies = row.replies_with(call, row.statuses, status);
            let ended = made(row, call, row.script(call, successful(replies))).await;
            let context = format!("{} {call:?} {status}: {ended:?}", row.adapter.name);
            assert!(matches!(ended.kind, OutcomeKind::Object | OutcomeKind::Unknown), "{context}");
            assert!(!ended.is_final, "{context}");
        }
    })
    .await;
}

/// An intermediary may mix up two replies.
#[tokio::test]
async fn a_reply_about_another_object_is_unknown() {
    every_call(async |row: &'static ContractRow, call: Call| {
        let names_its_object = matches!(
            call,
            Call::Confirm
                | Call::Capture
                | Call::Cancel
                | Call::Fetch
                | Call::FetchRefund
                | Call::FetchEvents
        );
        if names_its_object {
            let replies = row.replies_with(call, row.particulars.ids, "\"777\"");
            let ended = made(row, call, row.script(call, successful(replies))).await;
            assert_eq!(ended.kind, OutcomeKind::Unknown, "{} {call:?}: {ended:?}", row.adapter.name);
        }
    })
    .await;
}

#[tokio::test]
async fn a_call_that_was_never_written_is_not_sent() {
    every_call(async |row: &'static ContractRow, call: Call| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let provider = row.open(&row.settings(&base_url), &patient());
        let ended = call.make(row, &*provider, FIRST).await;
        assert_eq!(ended.kind, OutcomeKind::NotSent(None), "{} {call:?}: {ended:?}", row.adapter.name);
    })
    .await;
}

/// The HTTP library must not repeat a call that may have been read, even over a new connection.
#[tokio::test]
async fn a_kept_connection_that_breaks_is_unknown() {
    every_call(async |row: &'static ContractRow, call: Call| {
        if !call.is_write() {
            return;
        }
        let first = successful((row.replies)(Call::Fetch)).remove(0);
        let mut script = vec![first.clone()];
        script.extend(row.script(call, [ServerStep::Reset, first]));
        let server = ScriptedServer::start(script).await;
        let provider = row.open(&row.settings(&server.base_url), &patient());
        let read = Call::Fetch.make(row, &*provider, FIRST).await;
        assert_eq!(read.kind, OutcomeKind::Object, "{} {read:?}", row.adapter.name);
        let broken = call.make(row, &*provider, FIRST).await;
        assert_eq!(broken.kind, OutcomeKind::Unknown, "{} {call:?}: {broken:?}", row.adapter.name);
        let requests = row.requests_before(call) + 2;
        assert_eq!(server.requests().len(), requests, "{} {call:?}: repeated", row.adapter.name);
    })
    .await;
}
