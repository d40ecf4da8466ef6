//! Arbitrary replies in any order.

use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use super::*;

/// Time is paused and moves only by sleeps.
fn paused_runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// Known headers with arbitrary values.
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

/// Bodies from random bytes to almost correct documents.
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
        let ScriptStep::Answer(mut made) = answer(status, body) else {
            unreachable!("`answer` returns a reply")
        };
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
    let retry = prop::sample::select(Code::ALL).prop_map(problem);
    prop_oneof![
        Just(broken()),
        Just(not_sent()),
        Just(ScriptStep::NoReply),
        retry,
        any_answer(),
        Just(captured())
    ]
}

/// Whether a request with this outcome may have done the work.
fn may_have_been_done(step: &ScriptStep) -> bool {
    let ScriptStep::Answer(made) = step else {
        return !matches!(step, ScriptStep::Lost(RequestFailure::NotSent(_)));
    };
    let code = crate::reply_meaning::problem(made).as_ref().and_then(crate::reply_meaning::code);
    let nothing = matches!(code, Some(Code::Overloaded | Code::StorageUnavailable));
    !nothing && made.status.as_u16() != 429
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_reply_is_read_without_a_panic(step in any_answer()) {
        paused_runtime().block_on(async {
            let client = Script::new([step]).client();
            let _ = charge(&client).send().await;
            let _ = client.refund(Uuid::nil(), &Default::default()).send().await;
            let _ = client.get_payment(Uuid::nil()).await;
            let _ = client.list_products(&Default::default()).await;
            let _ = client.get_booking(Uuid::nil()).await;
            let _ = client.revoke_api_key(Uuid::nil()).await;
        });
    }

    /// In every case all attempts send one request, their number is limited, and "not done" is
    /// reported only if it is true.
    #[test]
    fn any_sequence_of_replies(steps in prop::collection::vec(any_step(), 1..12)) {
        let script = Script::new(steps.clone());
        let result = paused_runtime().block_on(charged(&script));
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
        let waits = script.retries().iter().filter(|retry| retry.label == "request_in_progress").count();
        prop_assert!(calls.len() <= 3 * (waits + 1), "{} attempts and {waits} waits", calls.len());
    }
}
