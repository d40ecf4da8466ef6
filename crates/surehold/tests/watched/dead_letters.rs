//! Dead letters as an operator sees them: `surehold ops dead-letters`, with messages that no
//! consumer could read.

use std::process::Command;

use serde_json::{Value, json};
use testkit::{Engine, until};

use crate::deployment::Deployment;

/// Few attempts, with short pauses.
const CONSUMERS: &str = "[consumers]\nattempts_max = 2\nbackoff_base_ms = 10\nbackoff_cap_ms = 20\n";
/// Each message of a captured payment is spoiled when it is written, and its original is kept.
const SPOIL: &str = "create table spoiled as select id, payload from outbox limit 0;
    create function spoil() returns trigger language plpgsql as $$ begin
        if new.kind = 'payment.captured' then
            insert into spoiled values (new.id, new.payload);
            new.payload := '{}';
        end if;
        return new;
    end $$;
    create trigger spoil before insert on outbox for each row execute function spoil();";
const PUT_RIGHT: &str =
    "update outbox set payload = spoiled.payload from spoiled where outbox.id = spoiled.id";

struct Done {
    well: bool,
    out: String,
    err: String,
}

fn dead_letters(deployment: &Deployment, key: &str, arguments: &[&str]) -> Done {
    let done = Command::new(env!("CARGO_BIN_EXE_surehold"))
        .args(["ops", "dead-letters"])
        .args(arguments)
        .args(["--url", &deployment.base_url, "--api-key", key])
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Done { well: done.status.success(), out: text(&done.stdout), err: text(&done.stderr) }
}

async fn listed(deployment: &Deployment, key: &str, count: usize) -> Vec<String> {
    until(&format!("{count} dead letters are listed"), async || {
        let done = dead_letters(deployment, key, &["list", "--all", "--limit", "1", "--json"]);
        assert!(done.well, "{}", done.err);
        let letters: Vec<Value> = serde_json::from_str(&done.out).unwrap();
        let ids = letters.iter().map(|letter| letter["id"].as_str().unwrap().to_owned());
        (letters.len() == count).then(|| ids.collect())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_lists_and_decides() {
    let deployment = Deployment::open(Engine::Postgres, CONSUMERS).await;
    let ops_key = deployment.installation.tenant.ops_key.clone();
    let ops = |arguments: &[&str]| dead_letters(&deployment, &ops_key, arguments);
    assert_eq!(ops(&["list"]).out, "no dead letters\n");

    deployment.execute(SPOIL).await;
    for key in ["charge-1", "charge-2"] {
        let charge = json!({
            "amount": { "minor": 700, "currency": "EUR" }, "provider": "stripe",
            "payment_method": "pm_card_visa",
        });
        assert_eq!(deployment.post("/v1/charges", key, &charge).await.status, 201);
    }
    let ids = listed(&deployment, &ops_key, 2).await;
    let table = ops(&["list"]).out;
    assert!(table.starts_with("ID ") && ids.iter().all(|id| table.contains(id)), "{table}");
    let page = ops(&["list", "--limit", "1"]);
    assert!(page.out.contains(&ids[0]) && !page.out.contains(&ids[1]), "{}", page.out);
    let next = page.err.split("--cursor ").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    assert!(ops(&["list", "--cursor", next]).out.contains(&ids[1]));

    // Retried before the cause was corrected: the messages die again, and their history shows it.
    let decide = |verb: &str, ids: &[&str]| {
        let author = ["--who", "ana@ops", "--why", "payload put right"];
        ops(&[&[verb], ids, &author].concat())
    };
    let retried = decide("retry", &[&ids[0]]);
    assert!(retried.well, "{}", retried.err);
    let again = listed(&deployment, &ops_key, 2).await;
    assert_eq!(again, [ids[1].as_str(), &ids[0]], "what was given up last comes last");
    let shown = ops(&["show", &ids[0]]).out;
    for expected in ["message ", "state     dead", "attempts  2", "by ana@ops: payload put right", "gave_up"]
    {
        assert!(shown.contains(expected), "{expected} is not in {shown}");
    }

    deployment.execute(PUT_RIGHT).await;
    assert!(decide("retry", &[&ids[0]]).well);
    let posted =
        async || deployment.scrape().await.sum("surehold_effects_applied", &[("kind", "payment.captured")]);
    until("it is posted", async || (posted().await == Some(1.0)).then_some(())).await;
    // A message that was received is not retried; the decision on the other one is carried out
    // anyway.
    let both = decide("discard", &[&ids[0], &ids[1]]);
    assert!(!both.well && both.err.contains(&ids[0]), "{}", both.err);
    assert_eq!(both.out, format!("{} is discarded\n", ids[1]));
    assert!(listed(&deployment, &ops_key, 0).await.is_empty());
    assert_eq!(posted().await, Some(1.0));
    deployment.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_may_not_learns_nothing() {
    let deployment = Deployment::open(Engine::Sqlite, "").await;
    let refused = dead_letters(&deployment, &deployment.installation.tenant.api_key, &["list"]);
    assert!(!refused.well && refused.err.contains("403"), "{}", refused.err);
    let ops_key = &deployment.installation.tenant.ops_key;
    for (arguments, expected) in [
        (&["show", "not-an-id"][..], "not-an-id"),
        (&["show", "019f0000-0000-7000-8000-000000000000"], "dead_letter_not_found"),
        (&["retry", "019f0000-0000-7000-8000-000000000000"], "--who"),
        (&["retry", "019f0000-0000-7000-8000-000000000000", "--who", "", "--why", "x"], "400"),
        (&["list", "--limit", "201"], "201"),
    ] {
        let refused = dead_letters(&deployment, ops_key, arguments);
        assert!(!refused.well && refused.err.contains(expected), "{arguments:?}: {}", refused.err);
    }
    deployment.close().await;
}
