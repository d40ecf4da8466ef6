//! The figures of `/metrics`, which are counted from committed rows, against the provider's books.

use std::time::{Duration, Instant};

use crate::attack::patience::Patience;
use crate::attack::{Deployment, Error, Part, ScenarioContext};
use crate::oracle::Books;
use crate::scrape::Scrape;

/// The program reads its counters now and then. So long they may stay as far from the books as they were.
const COUNTED_WITHIN: Duration = Duration::from_mins(1);
/// Where something is seen broken already the figures need not be waited for.
const COUNTED_WITHIN_IF_BROKEN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What the books say that the figures must be.
struct Expected {
    metric: &'static str,
    labels: Vec<(&'static str, &'static str)>,
    count: usize,
}

fn expected(books: &Books) -> Vec<Expected> {
    let captured = books.charges.iter().filter(|charge| charge.captured_minor > 0).count();
    let refunded = books.refunds.iter().filter(|refund| refund.moved()).count();
    let effect =
        |kind, count| Expected { metric: "surehold_effects_applied", labels: vec![("kind", kind)], count };
    vec![
        Expected {
            metric: "surehold_operations",
            labels: vec![("operation", "charge"), ("outcome", "succeeded")],
            count: captured,
        },
        effect("payment.captured", captured),
        effect("refund.succeeded", refunded),
    ]
}

/// Waits until the figures were counted anew, for as long as they come nearer, and then holds them to the books.
pub(super) async fn judge(
    context: &ScenarioContext,
    deployment: &Deployment,
    books: &Books,
) -> Result<(), Error> {
    let expected = expected(books);
    let Some(server) = deployment.names(Part::Server).into_iter().next() else { return Ok(()) };
    let broken = context.findings.any_broken();
    let begun = Instant::now();
    let mut patience = Patience::of(COUNTED_WITHIN);
    let seen = loop {
        let scrape = deployment.scrape(&server).await?;
        let agrees = expected.iter().all(|expected| agrees(&scrape, expected));
        let off = expected.iter().map(|expected| (count(&scrape, expected) - expected.count as f64).abs());
        let waits =
            if broken { begun.elapsed() <= COUNTED_WITHIN_IF_BROKEN } else { patience.lasts(off.sum()) };
        if agrees || !waits {
            break scrape;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    if broken && begun.elapsed() > COUNTED_WITHIN_IF_BROKEN {
        context
            .findings
            .note("the figures were not held against the books: they may not have been counted anew");
        return Ok(());
    }
    for expected in &expected {
        let shown = count(&seen, expected);
        context.findings.always("figures_equal_books", agrees(&seen, expected), || {
            let Expected { metric, labels, count } = expected;
            format!("{metric}{labels:?} is {shown}, the provider's books have {count}")
        });
        let name = expected.labels.iter().map(|(_, value)| *value).collect::<Vec<_>>().join(" ");
        context.findings.figure(format!("{} {name}", expected.metric), shown);
    }
    Ok(())
}

/// What was never counted is not there.
fn count(scrape: &Scrape, expected: &Expected) -> f64 {
    scrape.sum(expected.metric, &expected.labels).unwrap_or(0.0)
}

fn agrees(scrape: &Scrape, expected: &Expected) -> bool {
    (count(scrape, expected) - expected.count as f64).abs() < 0.5
}
