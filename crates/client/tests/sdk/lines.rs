//! Lines that break: whatever is lost on the way, each operation is done once.

use std::collections::BTreeMap;
use std::time::Duration;

use client::requests::{ListQuery, NewRefund};
use client::{Client, Timeouts, budget};
use futures_util::future::join_all;
use rand::RngExt as _;
use rand::rngs::StdRng;
use testkit::proxy::{Fault, Plan, Proxy};
use uuid::Uuid;

use crate::sdk_service::{RecordedRetries, SdkService, euros, new_charge};

/// Enough tries and tokens for any run of bad luck: what is asked here is that none of them does harm.
fn patient(line: &Proxy, recorded: &RecordedRetries) -> Client {
    let timeouts = Timeouts { attempt: Duration::from_secs(1), operation: Duration::from_mins(1) };
    let budget = budget::Settings { ratio: 1.0, floor_per_second: 1_000.0, ..budget::Settings::default() };
    SdkService::client_over(line, |builder| {
        let builder = builder.timeouts(timeouts).wait(Duration::from_secs(1)).attempts_max(50);
        builder.budget(budget).breaker(None).observer(recorded.observer())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_asked_for_again() {
    let service = SdkService::start().await;
    let lost = Fault::CutResponse { after_bytes: 0 };
    let torn = Fault::CutResponse { after_bytes: 40 };
    let cases: [&[Fault]; 5] = [
        &[lost],
        &[torn],
        &[lost, torn, Fault::Reset { after_bytes: 100 }],
        &[Fault::CutRequest { after_bytes: 50 }, Fault::Refuse],
        &[Fault::HalfClose, Fault::HalfOpen],
    ];
    let mut expected = Vec::new();
    for (number, faults) in (1_000..).zip(cases) {
        // A connection's faults depend on its number, so each case has its own line.
        let line = service.line_to_service(Plan::listed(faults.to_vec()));
        let recorded = RecordedRetries::nothing();
        let client = patient(&line, &recorded);
        let reply = client.charge(&new_charge(number, "pm_card_visa")).send().await.unwrap();
        let words = recorded.words();
        assert!(reply.attempts as usize > faults.len(), "{faults:?}: {words:?}");
        assert_eq!(words.len() + 1, reply.attempts as usize, "{faults:?}: {words:?}");
        assert_eq!(line.counters().struck, faults.len() as u64, "{faults:?}");
        expected.push((reply.value.payment_id(), number));
    }
    let mut charged = service.charged().await;
    charged.sort_by_key(|(_, captured)| *captured);
    assert_eq!(charged, expected);
    service.end().await;
}

fn drawn(random: &mut StdRng) -> Fault {
    let after_bytes = random.random_range(0..1_500);
    match random.random_range(0..8) {
        0 => Fault::CutResponse { after_bytes },
        1 => Fault::CutResponse { after_bytes: 0 },
        2 => Fault::CutRequest { after_bytes },
        3 => Fault::Reset { after_bytes },
        4 => Fault::Refuse,
        5 => Fault::HalfClose,
        6 => Fault::Duplicate,
        _ => Fault::Pass,
    }
}

/// Forty charges at once over a line that breaks at random, and then half of each is sent back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_breaks_at_random() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let service = SdkService::start().await;
    let line = service.line_to_service(Plan::drawn(seed, drawn));
    let recorded = RecordedRetries::nothing();
    let client = patient(&line, &recorded);

    let amounts: Vec<i64> = (1_000..1_040).map(|amount| amount * 2).collect();
    let charges = amounts.iter().map(|amount| {
        let operation = client.charge(&new_charge(*amount, "pm_card_visa"));
        async move { operation.send().await.map(|reply| reply.value.payment_id()) }
    });
    let payments: Vec<Uuid> = join_all(charges).await.into_iter().map(Result::unwrap).collect();
    let expected: BTreeMap<Uuid, i64> = payments.iter().copied().zip(amounts.iter().copied()).collect();
    let charged = service.charged().await;
    assert_eq!(charged.len(), amounts.len(), "one charge an operation");
    assert_eq!(charged.into_iter().collect::<BTreeMap<_, _>>(), expected);

    let refunds = expected.iter().map(|(payment, amount)| {
        let request = NewRefund { amount: Some(euros(amount / 2)), ..NewRefund::default() };
        let operation = client.refund(*payment, &request);
        async move { operation.send().await }
    });
    for refund in join_all(refunds).await {
        refund.unwrap();
    }
    for (payment, amount) in &expected {
        let refunds = client.all_refunds(*payment, &ListQuery::default()).collect().await.unwrap();
        let amounts: Vec<i64> = refunds.iter().map(|refund| refund.amount.minor).collect();
        assert_eq!(amounts, [amount / 2], "one refund an operation");
    }
    assert!(line.counters().struck > 20, "the line broke: {:?}", line.counters());
    assert!(recorded.words().contains(&"broken"), "{:?}", recorded.words());
    service.end().await;
}
