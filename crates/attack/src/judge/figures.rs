//! Compares the figures of `/metrics`, which are counted from committed rows, with the provider's
//! books.

use std::time::{Duration, Instant};

use crate::backlog_wait::Patience;
use crate::{Deployment, Error, Part, ScenarioContext};
use check::Books;
use testkit::scrape::Scrape;

/// The program reads its counters at intervals. This is the longest wait without progress.
const COUNTED_WITHIN: Duration = Duration::from_mins(1);
/// The wait if an invariant is broken already.
const COUNTED_WITHIN_IF_BROKEN: Duration = Duration::from_secs(3);
const POLL_EVERY: Duration = Duration::from_millis(200);

/// The figure that follows from the books.
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

/// Waits while the figures come nearer to the books, and then compares them.
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
        tokio::time::sleep(POLL_EVERY).await;
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

/// A figure that was never counted is missing.
fn count(scrape: &Scrape, expected: &Expected) -> f64 {
    scrape.sum(expected.metric, &expected.labels).unwrap_or(0.0)
}

fn agrees(scrape: &Scrape, expected: &Expected) -> bool {
    (count(scrape, expected) - expected.count as f64).abs() < 0.5
}
