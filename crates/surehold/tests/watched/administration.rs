//! Tenants and keys from the command line while a server serves. On SQLite the request goes through
//! that server.

use std::process::Command;

use serde_json::Value;
use testkit::Engine;

use crate::deployment::Deployment;

fn surehold(deployment: &Deployment, arguments: &[&str]) -> Result<Value, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_surehold"));
    command.args(arguments).args(["--database-url", &deployment.installation.database_url]);
    let ended = command.output().unwrap();
    if ended.status.success() {
        return Ok(serde_json::from_slice(&ended.stdout).unwrap());
    }
    let error = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(error.lines().count(), 1, "{error}");
    Err(error)
}

fn refused(deployment: &Deployment, arguments: &[&str], reason: &str) {
    let error = surehold(deployment, arguments).unwrap_err();
    assert!(error.contains(reason), "{arguments:?}: {error}");
}

async fn is_let_in(deployment: &Deployment, key: &Value) -> bool {
    let mut client = outbound::HttpConnection::new(&deployment.base_url);
    let authorization = format!("Bearer {}", key.as_str().unwrap());
    client.get("/v1/products", &[("authorization", &authorization)]).await.unwrap().status == 200
}

async fn products_and_slots(engine: Engine) {
    let deployment = Deployment::open(engine, "").await;
    let create = ["product", "create", "--tenant", "ferry", "--name", "Fjord", "--time-zone", "Europe/Oslo"];
    let with = |more: &[&str]| surehold(&deployment, &[&create[..], more].concat());
    let made = with(&["--currency", "EUR", "--unit", "Adult=4500", "--unit", "Child=0"]).unwrap();
    assert_eq!(made["units"][0]["price"], serde_json::json!({ "minor": 4_500, "currency": "EUR" }));
    for (more, reason) in [
        (["--currency", "EUR", "--unit", "Adult"], "minor unit"),
        (["--currency", "EUR", "--unit", "Adult=-1"], "/units/0/price/minor"),
        (["--currency", "XXQ", "--unit", "Adult=1"], "/currency"),
        (["--currency", "EUR", "--unit", "4242 4242 4242 4242=1"], "card number"),
    ] {
        let error = with(&more).unwrap_err();
        assert!(error.contains(reason), "{more:?}: {error}");
    }
    let product = made["id"].as_str().unwrap();
    let add = |starts_at: &str| {
        let arguments = ["slot", "add", "--tenant", "ferry", "--product", product, "--capacity", "8"];
        surehold(&deployment, &[&arguments[..], &["--starts-at", starts_at]].concat())
    };
    let slots = add("2099-07-01T19:00:00+02:00").unwrap();
    assert_eq!((&slots["data"][0]["vacancies"], slots["data"].as_array().unwrap().len()), (&8.into(), 1));
    assert!(add("2099-07-01T17:00:00Z").unwrap_err().contains("already"));
    assert!(add("tomorrow").unwrap_err().contains("/slots/0/starts_at"));
    // The API shows the same product.
    assert_eq!(deployment.get(&format!("/v1/products/{product}")).await.json().unwrap()["name"], "Fjord");
    let listed = surehold(&deployment, &["product", "list", "--tenant", "ferry", "--json"]).unwrap();
    assert_eq!((&listed[0]["name"], listed.as_array().unwrap().len()), (&"Fjord".into(), 2));
    deployment.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn products_and_slots_on_sqlite() {
    products_and_slots(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn products_and_slots_on_postgres() {
    products_and_slots(Engine::Postgres).await;
}

async fn tenants_and_keys(engine: Engine) {
    let deployment = Deployment::open(engine, "").await;
    let fjord = surehold(&deployment, &["tenant", "create", "--name", "Fjord Tours"]).unwrap();
    assert_eq!(fjord["slug"], "fjord-tours");
    assert!(is_let_in(&deployment, &fjord["api_key"]).await);
    refused(
        &deployment,
        &["tenant", "create", "--name", "Fjord, Tours"],
        "there is a tenant `fjord-tours` already",
    );
    refused(&deployment, &["tenant", "create", "--name", "日本"], "--slug");
    surehold(&deployment, &["tenant", "create", "--name", "日本", "--slug", "nippon"]).unwrap();
    let renamed =
        surehold(&deployment, &["tenant", "rename", "fjord-tours", "--name", "Fjord & Fell"]).unwrap();
    assert_eq!((&renamed["slug"], &renamed["name"]), (&fjord["slug"], &"Fjord & Fell".into()));
    refused(&deployment, &["tenant", "rename", "nobody", "--name", "x"], "there is no tenant `nobody`");
    let listed = surehold(&deployment, &["tenant", "list", "--json"]).unwrap();
    let slugs: Vec<&str> = listed.as_array().unwrap().iter().filter_map(|row| row["slug"].as_str()).collect();
    assert_eq!(slugs, ["ferry", "fjord-tours", "nippon"]);

    let create =
        ["key", "create", "--tenant", "Fjord & Fell", "--client", "kiosk", "--scopes", "bookings,catalogue"];
    let kiosk = surehold(&deployment, &create).unwrap();
    let again = surehold(&deployment, &create).unwrap();
    assert_eq!(kiosk["client_id"], again["client_id"], "the client is there by now");
    assert_eq!(kiosk["scopes"], serde_json::json!(["bookings", "catalogue"]));
    assert!(
        is_let_in(&deployment, &kiosk["api_key"]).await && is_let_in(&deployment, &again["api_key"]).await
    );
    let keys = || surehold(&deployment, &["key", "list", "--tenant", "fjord-tours", "--json"]).unwrap();
    assert_eq!(keys().as_array().unwrap().len(), 4);
    assert!(!keys().to_string().contains("sh_test_"), "a secret is shown once");
    let id = |key: &Value| key["key_id"].as_str().unwrap().to_owned();
    let revoke = |tenant: &str, key: &str| surehold(&deployment, &["key", "revoke", "--tenant", tenant, key]);
    assert!(revoke("nippon", &id(&kiosk)).unwrap_err().contains("no such API key"));
    assert!(revoke("fjord-tours", &id(&kiosk)).unwrap()["revoked_at"].is_string());
    let ops = keys().as_array().unwrap().iter().find(|key| key["client"] == "ops").map(id).unwrap();
    assert!(revoke("fjord-tours", &ops).is_err(), "the last key that gives keys");

    let archived = surehold(&deployment, &["tenant", "archive", "fjord-tours"]).unwrap();
    assert!(archived["archived_at"].is_string());
    assert!(keys().as_array().unwrap().iter().all(|key| key["revoked_at"].is_string()));
    refused(&deployment, &create, "The tenant is archived");
    if matches!(engine, Engine::Sqlite) {
        // The process that made the change applies it at once; another one uses its cached keys for
        // some seconds.
        for key in [&kiosk, &again, &fjord] {
            assert!(!is_let_in(&deployment, &key["api_key"]).await);
        }
    }
    assert_eq!(deployment.get("/v1/products").await.status, 200, "another tenant's key is as good as before");
    deployment.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_and_keys_on_sqlite() {
    tenants_and_keys(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_and_keys_on_postgres() {
    tenants_and_keys(Engine::Postgres).await;
}

/// Other users have no access, and a socket that a crash left does not prevent the start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_socket_is_its_owners() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut deployment = Deployment::open(Engine::Sqlite, "").await;
    let socket = format!("{}.sock", deployment.installation.database_url.trim_start_matches("sqlite:"));
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    deployment.take_server().kill().await.unwrap();
    assert!(std::fs::exists(&socket).unwrap());
    surehold(&deployment, &["tenant", "create", "--name", "Fjord Tours"]).unwrap();
    deployment.start_again("").await;
    surehold(&deployment, &["tenant", "rename", "fjord-tours", "--name", "Fell Tours"]).unwrap();
    deployment.stop_server().await;
    assert!(!std::fs::exists(&socket).unwrap());
    deployment.close().await;
}
