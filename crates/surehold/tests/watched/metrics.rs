//! The metrics of a server after some work: they are those of the catalogue, and Prometheus accepts
//! them.

use server::metrics::CATALOGUE;
use testkit::Engine;

use crate::deployment::Deployment;
use crate::prometheus::{families, promtool};

async fn check(engine: Engine) {
    let deployment = Deployment::open(engine, "").await;
    deployment.live_a_day().await;
    deployment.counted().await;
    let text = deployment.get("/metrics").await.text();
    let complaints = promtool(&["check", "metrics"], &text);
    assert_eq!(complaints, "", "promtool reports nothing");
    let families = families(&text);
    let residents = deployment.installation.residents().iter();
    let accounts: Vec<&String> =
        residents.flat_map(|resident| resident.accounts.iter().map(|account| &account.name)).collect();
    for (name, family) in &families {
        let known = CATALOGUE.iter().find(|instrument| instrument.metric().name == name);
        let metric = known.unwrap_or_else(|| panic!("{name} is not in the catalogue")).metric();
        assert_eq!(
            (family.kind.as_str(), family.help.clone()),
            (metric.kind.name(), metric.help()),
            "{name}"
        );
        for (labels, _) in &family.series {
            if let Some(account) = labels.get("account").filter(|account| !accounts.contains(account)) {
                // A counter has one more series from its start, under which nothing is ever
                // counted.
                assert_eq!((account.as_str(), metric.kind.name()), ("unconfigured", "counter"), "{name}");
            }
            let expected: Vec<&str> = metric.labels.iter().map(|label| label.name).collect();
            let besides = |name: &&str| *name != "le";
            let mut found: Vec<&str> = labels.keys().map(String::as_str).filter(besides).collect();
            found.sort_by_key(|name| expected.iter().position(|expected| expected == name));
            assert_eq!(found, expected, "{name}");
            for label in metric.labels.iter().filter(|label| label.name != "account") {
                let value = &labels[label.name];
                assert!((label.values)().contains(&value.as_str()), "{name}: {} = {value}", label.name);
            }
        }
    }
    let missing: Vec<&str> = CATALOGUE
        .iter()
        .map(|instrument| instrument.metric().name)
        .filter(|name| !families.contains_key(*name))
        .collect();
    assert_eq!(missing, [""; 0], "a server that has worked shows all of the catalogue");
    deployment.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrape_matches_the_catalogue_on_sqlite() {
    check(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrape_matches_the_catalogue_on_postgres() {
    check(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_forgets_nothing() {
    let mut deployment = Deployment::open(Engine::Sqlite, "").await;
    deployment.live_a_day().await;
    deployment.counted().await;
    deployment.kill_and_restart("").await;
    // The second process does no work, so its values come from the rows.
    deployment.counted().await;
    let scrape = deployment.scrape().await;
    assert_eq!(scrape.total("surehold_attempts_total"), Some(0.0), "what a process counts begins anew");
    deployment.close().await;
}
