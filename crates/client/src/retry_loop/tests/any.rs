//! Any answers, in any order.

use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use super::*;

/// Time stands still in it, but for what is slept.
fn still() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// Headers that mean something, with values that mean anything.
fn headers() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    let names = prop::sample::select(vec![
        "retry-after",
        "idempotent-replayed",
        "location",
        "x-request-id",
        "content-type",
    ]);
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::sample::select(vec![
            &b"true"[..],
            b"0",
            b"3",
            b"99999999999999999999",
            b"Sun, 06 Nov 1994 08:49:39 GMT"
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec((names, value), 0..4)
}

/// Bodies from noise to documents that are almost right.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let problem = prop::sample::select(Code::ALL)
        .prop_map(|code| serde_json::to_vec(&Problem::new(code, "req_1")).unwrap());
    let document = prop_oneof![problem, Just(payment()), Just(b"[[[[[[".repeat(100))];
    let cut =
        (document.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut text, at, byte)| {
            let at = at.index(text.len());
            text[at] = byte;
            text
        });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..200), document, cut]
}

fn any_answer() -> impl Strategy<Value = ScriptStep> {
    (100..1_000_u16, headers(), body()).prop_map(|(status, headers, body)| {
        let ScriptStep::Answer(mut made) = answer(status, body) else { unreachable!("it is an answer") };
        for (name, value) in headers {
            if let Ok(value) = http::HeaderValue::from_bytes(&value) {
                made.headers.append(name, value);
            }
        }
        ScriptStep::Answer(made)
    })
}

/// What servers and networks do.
fn any_step() -> impl Strategy<Value = ScriptStep> {
    let told = prop::sample::select(Code::ALL).prop_map(problem);
    prop_oneof![
        Just(broken()),
        Just(not_sent()),
        Just(ScriptStep::Silence),
        told,
        any_answer(),
        Just(captured())
    ]
}

/// Whether the work may have been done by a request that met this.
fn may_have_been_done(step: &ScriptStep) -> bool {
    let ScriptStep::Answer(made) = step else {
        return !matches!(step, ScriptStep::Lost(RequestFailure::NotSent(_)));
    };
    let code = crate::answer::problem(made).as_ref().and_then(crate::answer::code);
    let nothing = matches!(code, Some(Code::Overloaded | Code::StorageUnavailable));
    !nothing && made.status.as_u16() != 429
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_answer_is_read_without_harm(step in any_answer()) {
        still().block_on(async {
            let client = Script::of([step]).client();
            let _ = charge(&client).send().await;
            let _ = client.refund(Uuid::nil(), &Default::default()).send().await;
            let _ = client.get_payment(Uuid::nil()).await;
            let _ = client.list_products(&Default::default()).await;
            let _ = client.get_booking(Uuid::nil()).await;
            let _ = client.revoke_api_key(Uuid::nil()).await;
        });
    }

    /// Whatever happens: all attempts are one request, their number has its limit, and "not done" is said
    /// only if it is so.
    #[test]
    fn any_run_of_answers(steps in prop::collection::vec(any_step(), 1..12)) {
        let script = Script::of(steps.clone());
        let result = still().block_on(charged(&script));
        let calls = script.calls();
        for call in &calls {
            prop_assert_eq!(format!("{call:?}"), format!("{:?}", calls[0]));
        }
        let met: Vec<&ScriptStep> = (0..calls.len()).map(|at| steps.get(at).unwrap_or(&steps[steps.len() - 1])).collect();
        match &result {
            Err(Error::Unavailable(stopped)) => {
                prop_assert!(met.iter().all(|step| !may_have_been_done(step)), "{stopped}");
            }
            Err(Error::Refused(refused)) if !refused.in_doubt && !refused.replayed => {
                let earlier = &met[..met.len() - 1];
                let reused = result.as_ref().err().and_then(Error::code).is_some_and(|code| code.starts_with("idempotency_key_"));
                prop_assert!(reused || earlier.iter().all(|step| !may_have_been_done(step)), "{refused}");
            }
            Err(Error::OutcomeUnknown(stopped)) => prop_assert_eq!(stopped.key.as_ref().map(ToString::to_string), Some("order-17".to_owned())),
            _ => {}
        }
        let waits = script.retries().iter().filter(|told| told.word == "request_in_progress").count();
        prop_assert!(calls.len() <= 3 * (waits + 1), "{} attempts and {waits} waits", calls.len());
    }
}
