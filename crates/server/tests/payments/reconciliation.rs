//! The provider's books are compared with ours: every difference that is planted in them is found, by its
//! kind; what a webhook did not report is applied as evidence; and a restored database is repaired.

use domain::rows::Mode;
use domain::time::Span;
use providers::{Secret, mercado_pago};
use serde_json::{Value, json};
use server::service::{AccountSettings, Settings};
use testkit::{
    Engine, ONE, SandboxBooks, TestCatalogue, TestService, charge, eur, now_ms, payment_of, until,
};

testkit::on_both_engines![
    books_that_agree_have_no_difference,
    a_lost_webhook_is_found_and_applied,
    a_booking_that_waits_for_evidence_is_confirmed,
    every_planted_difference_is_found_at_stripe,
    every_planted_difference_is_found_at_mercado_pago,
    every_planted_difference_is_found_among_orders,
    a_difference_that_is_gone_is_settled,
    a_person_accepts_a_difference,
    the_ledger_is_compared,
    a_run_goes_on_where_its_server_was_stopped,
    an_ordinary_charge_does_not_look_among_the_differences,
    a_restored_database_is_repaired,
];

/// Stripe lists whole seconds, and the last one is not over.
const SECOND_OVER_MS: i64 = 2_000;
const ACCOUNT: &str = "421";
const TOKEN: &str = "TEST-token-one";
const SECRET: &str = "signature-one";

/// No webhook arrives, and nothing looks for it: only a reconciliation finds what happened.
pub(super) async fn service(engine: Engine) -> TestService {
    service_by(engine, None).await
}

/// `api` is that of Mercado Pago by which payments are made.
async fn service_by(engine: Engine, api: Option<&str>) -> TestService {
    let service = TestService::with(engine, |settings| {
        settings.pace.evidence_after = Span::seconds(3_600);
        let secrets = vec![Secret::new(SECRET)];
        let mut of_account = mercado_pago::ADAPTER.settings(Secret::new(TOKEN), secrets, Mode::Test);
        of_account.wire.base_url.clone_from(&settings.accounts[0].settings.wire.base_url);
        of_account.api = api.map(str::to_owned);
        settings.accounts.push(AccountSettings::new(ONE.id(), &mercado_pago::ADAPTER, ACCOUNT, of_account));
    })
    .await;
    let webhook = json!({
        "url": format!("{}/webhooks/mercado_pago/{ACCOUNT}", service.one.base_url),
        "secrets": [SECRET],
    });
    let account = json!({
        "id": ACCOUNT, "provider": "mercado_pago", "secret_key": TOKEN, "webhook": webhook,
        "fees": { "basis_points": 290, "fixed_minor": 30 },
    });
    service.provider.post("/sandbox/accounts", &account).await;
    service
}

fn card_at_mercado_pago(minor: i64) -> Value {
    let tax_id = json!({ "kind": "cpf", "number": "12345678909" });
    json!({
        "amount": { "minor": minor, "currency": "BRL" }, "provider": "mercado_pago",
        "payment_method": "approved", "brand": "visa", "instalments": 1,
        "payer": { "email": "ana@example.com", "name": "Ana Lima", "tax_id": tax_id },
    })
}

/// Whose books are compared, and how a payment is made there.
#[derive(Clone, Copy)]
pub(super) struct Wire {
    pub(super) provider: &'static str,
    api: Option<&'static str>,
    body: fn(i64) -> Value,
    /// The id of an object that is not there.
    gone: &'static str,
}

pub(super) const STRIPE: Wire =
    Wire { provider: "stripe", api: None, body: |minor| charge(minor, "pm_card_visa"), gone: "pi_gone" };
pub(super) const MERCADO_PAGO: Wire =
    Wire { provider: "mercado_pago", api: None, body: card_at_mercado_pago, gone: "9999999" };
const ORDERS: Wire = Wire { api: Some("orders"), gone: "ORD01J00000000000000009999999", ..MERCADO_PAGO };

/// A captured payment with evidence: its id, and the provider's.
pub(super) async fn paid(service: &TestService, wire: Wire, minor: i64, key: &str) -> (String, String) {
    let made = service.one.post("/v1/charges", &(wire.body)(minor)).key(key).expect(201).await;
    let path = format!("/v1/payments/{}", made.id());
    let seen =
        service.one.becomes(&path, |seen| seen["confirmed_by_provider"] == true, "there is evidence").await;
    assert_eq!(seen["state"], "captured");
    (made.id(), seen["provider_reference"].as_str().unwrap().to_owned())
}

async fn plant(service: &TestService, object: &str, body: Value) -> Value {
    service.provider.post(&format!("/sandbox/plant/{object}"), &body).await
}

/// Everything is posted, so that the ledger can be compared.
pub async fn posted(service: &TestService) {
    until("everything is published and received", async || {
        let backlog = service.store().backlog().await.unwrap();
        (backlog.outbox_pending + backlog.outbox_unreceived + backlog.events_received == 0).then_some(())
    })
    .await;
    service.database.execute("update outbox set received_at = created_at where received_at is null").await;
}

/// Compares the books of the last day, and returns the finished run.
pub async fn reconcile(service: &TestService, provider: &str) -> Value {
    reconcile_before(service, provider, SECOND_OVER_MS).await
}

/// The same of the day before a time, which is given from now.
pub async fn reconcile_before(service: &TestService, provider: &str, after_now_ms: i64) -> Value {
    let id = begin(service, provider, after_now_ms).await;
    ended(service, &id).await
}

async fn begin(service: &TestService, provider: &str, after_now_ms: i64) -> String {
    let to = jiff::Timestamp::from_millisecond(now_ms() + after_now_ms).unwrap();
    let request = json!({ "provider": provider, "who": "Ana", "to": to.to_string() });
    let made = service.one.post("/v1/ops/reconciliations", &request).expect(202).await;
    assert_eq!(made.header("location"), Some(format!("/v1/ops/reconciliations/{}", made.id()).as_str()));
    made.id()
}

async fn ended(service: &TestService, id: &str) -> Value {
    let path = format!("/v1/ops/reconciliations/{id}");
    let run = service.one.becomes(&path, |run| run["state"] != "running", "the run has ended").await;
    assert_eq!(run["state"], "finished", "{run}");
    run
}

/// The kinds and objects of the differences in a state, sorted.
pub async fn differences(service: &TestService, state: &str) -> Vec<(String, String)> {
    let listed = service.one.see(&format!("/v1/ops/differences?limit=200&state={state}")).await;
    let listed = listed["data"].as_array().unwrap().iter();
    let text = |row: &Value, member: &str| row[member].as_str().unwrap().to_owned();
    let mut rows: Vec<_> = listed.map(|row| (text(row, "kind"), text(row, "object"))).collect();
    rows.sort();
    rows
}

pub fn pairs(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut rows: Vec<_> =
        rows.iter().map(|(kind, object)| ((*kind).to_owned(), (*object).to_owned())).collect();
    rows.sort();
    rows
}

async fn books_that_agree_have_no_difference(engine: Engine) {
    let service = service(engine).await;
    for wire in [STRIPE, MERCADO_PAGO] {
        for number in 0..3 {
            let key = format!("{}-{number}", wire.provider);
            let (payment, _) = paid(&service, wire, 1_000 + number, &key).await;
            if number == 1 {
                let body = json!({ "amount": { "minor": 300, "currency": if wire.provider == "stripe" { "EUR" } else { "BRL" } } });
                let path = format!("/v1/payments/{payment}/refunds");
                service.one.post(&path, &body).key(&format!("r-{key}")).expect(201).await;
            }
        }
        posted(&service).await;
        let run = reconcile(&service, wire.provider).await;
        assert_eq!(differences(&service, "open").await, [], "{}", wire.provider);
        assert_eq!((&run["found"], &run["repaired"]), (&json!(0), &json!(0)));
        assert!(run["provider_objects"].as_i64().unwrap() >= 4, "{run}");
        let marks = "select cast(count(*) as text) from reconciliation_marks";
        assert_eq!(service.database.query_text(marks).await, "0");
    }
    service.two.get("/v1/ops/differences").expect(200).await;
    service.end().await;
}

async fn a_lost_webhook_is_found_and_applied(engine: Engine) {
    let service = service(engine).await;
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let held = charge(2_000, "pm_card_authenticationRequired");
    let made = service.one.post("/v1/charges", &held).key("k").expect(201).await;
    let object = service.provider_reference(&made.id()).await;
    service.provider.authenticate(&object, true).await;
    assert_eq!(service.one.payment(&made.id()).await["state"], "pending");
    let run = reconcile(&service, "stripe").await;
    let payment = service.one.payment(&made.id()).await;
    assert_eq!((&payment["state"], &payment["confirmed_by_provider"]), (&json!("captured"), &json!(true)));
    assert_eq!((&run["found"], &run["repaired"]), (&json!(0), &json!(1)));
    assert_eq!(differences(&service, "settled").await, pairs(&[("captured_not_here", &object)]));
    service.provider.faults(json!({})).await;
    service.end().await;
}

/// The reply to our own call captured the payment, and the webhook that would confirm the booking is lost.
async fn a_booking_that_waits_for_evidence_is_confirmed(engine: Engine) {
    let service = service(engine).await;
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b", 1).await;
    let pay = payment_of(&booking, "pm_card_visa");
    let payment = service.one.post("/v1/payments", &pay).key("p").expect(201).await;
    assert_eq!(payment.body["state"], "captured");
    assert_eq!(service.one.booking(&booking).await["state"], "held");
    let run = reconcile(&service, "stripe").await;
    assert_eq!((&run["found"], &run["repaired"]), (&json!(0), &json!(1)));
    assert_eq!(service.one.booking(&booking).await["state"], "confirmed");
    service.provider.faults(json!({})).await;
    service.end().await;
}

async fn every_planted_difference_is_found_at_stripe(engine: Engine) {
    every_planted_difference_is_found(engine, STRIPE).await;
}

async fn every_planted_difference_is_found_at_mercado_pago(engine: Engine) {
    every_planted_difference_is_found(engine, MERCADO_PAGO).await;
}

/// The search shows the payments of orders by ids that we do not know.
async fn every_planted_difference_is_found_among_orders(engine: Engine) {
    every_planted_difference_is_found(engine, ORDERS).await;
}

async fn every_planted_difference_is_found(engine: Engine, wire: Wire) {
    let service = service_by(engine, wire.api).await;
    let (fine, fine_object) = paid(&service, wire, 1_000, "fine").await;
    let (other, other_object) = paid(&service, wire, 1_100, "other").await;
    let (_, cancelled_object) = paid(&service, wire, 1_200, "cancelled").await;
    let (refunded, refunded_object) = paid(&service, wire, 1_300, "refunded").await;
    let (lost, lost_object) = paid(&service, wire, 1_400, "lost").await;
    let (missing, missing_object) = paid(&service, wire, 1_500, "missing").await;
    posted(&service).await;

    plant(&service, &other_object, json!({ "amount": 999 })).await;
    plant(&service, &cancelled_object, json!({ "cancelled": true })).await;
    let refund = plant(&service, &refunded_object, json!({ "refunded": 400 })).await;
    let foreign = plant(&service, &fine_object, json!({ "copy": true, "captured": 1_000 })).await;
    let unknown = "00000000-0000-7000-8000-000000000001";
    let named = json!({ "copy": true, "captured": 1_000, "reference": unknown });
    let unknown = plant(&service, &fine_object, named).await;
    let again =
        plant(&service, &fine_object, json!({ "copy": true, "captured": 1_000, "reference": fine })).await;
    // A lost webhook: our rows are as they were before it.
    let id = service.database.literal(lost.parse::<uuid::Uuid>().unwrap());
    let behind = format!(
        "delete from postings where transfer in (select id from transfers where subject = {id}); \
         delete from transfers where subject = {id}; delete from movements where payment = {id}; \
         update payments set state = 'pending', captured_minor = 0, authorized_minor = 0, evidenced = 0 \
            where id = {id}"
    );
    service.database.execute(&behind).await;
    let id = service.database.literal(missing.parse::<uuid::Uuid>().unwrap());
    let gone = wire.gone;
    service.database.execute(&format!("update payments set provider_ref = '{gone}' where id = {id}")).await;
    // Rows of ours that no object of the provider has.
    let mut expected = vec![
        ("other_amount", other_object.as_str()),
        ("captured_not_there", &cancelled_object),
        ("foreign_object", foreign["id"].as_str().unwrap()),
        ("payment_unknown_here", unknown["id"].as_str().unwrap()),
        ("other_object", again["id"].as_str().unwrap()),
        ("missing_there", gone),
        ("other_object", &missing_object),
    ];
    if wire.provider == "stripe" {
        let (_, dollars) = paid(&service, wire, 1_600, "dollars").await;
        posted(&service).await;
        plant(&service, &dollars, json!({ "currency": "usd" })).await;
        let leaked: &'static str = dollars.leak();
        expected.push(("other_currency", leaked));
    }
    reconcile(&service, wire.provider).await;
    assert_eq!(differences(&service, "open").await, pairs(&expected));
    let repaired = [
        ("captured_not_here", lost_object.as_str()),
        ("refund_unknown_here", refund["refund"].as_str().unwrap()),
    ];
    assert_eq!(differences(&service, "settled").await, pairs(&repaired));
    assert_eq!(service.one.payment(&lost).await["state"], "captured");
    assert_eq!(service.one.payment(&refunded).await["refunded"]["minor"], 400);
    assert_eq!(service.one.payment(&other).await["captured"]["minor"], 1_100, "a person decides");
    // A second run finds the same, and opens no more review cases.
    let cases = service.reviews().await.len();
    posted(&service).await;
    let run = reconcile(&service, wire.provider).await;
    assert_eq!(differences(&service, "open").await, pairs(&expected));
    assert_eq!((&run["found"], service.reviews().await.len()), (&json!(0), cases));
    let hidden = service.two.see("/v1/ops/differences").await;
    assert_eq!(hidden["data"], json!([]), "they are another tenant's");
    service.stop().await;
}

async fn a_difference_that_is_gone_is_settled(engine: Engine) {
    let service = service(engine).await;
    let (payment, object) = paid(&service, STRIPE, 1_000, "k").await;
    posted(&service).await;
    let id = service.database.literal(payment.parse::<uuid::Uuid>().unwrap());
    // Long ago, so that no later run has it in its time.
    service
        .database
        .execute(&format!("update payments set provider_ref = 'pi_gone', created_at = 1 where id = {id}"))
        .await;
    let request = json!({ "provider": "stripe", "who": "Ana", "from": "1970-01-01T00:00:00Z", "to": "1970-01-02T00:00:00Z" });
    let made = service.one.post("/v1/ops/reconciliations", &request).expect(202).await;
    ended(&service, &made.id()).await;
    assert_eq!(differences(&service, "open").await, pairs(&[("missing_there", "pi_gone")]));
    service.database.execute(&format!("update payments set provider_ref = '{object}' where id = {id}")).await;
    reconcile(&service, "stripe").await;
    assert_eq!(differences(&service, "open").await, []);
    assert_eq!(differences(&service, "settled").await, pairs(&[("missing_there", "pi_gone")]));
    service.end().await;
}

async fn a_person_accepts_a_difference(engine: Engine) {
    let service = service(engine).await;
    let (_, object) = paid(&service, STRIPE, 1_000, "k").await;
    posted(&service).await;
    let foreign = plant(&service, &object, json!({ "copy": true, "captured": 1_000 })).await;
    reconcile(&service, "stripe").await;
    let open = service.one.see("/v1/ops/differences?state=open&kind=foreign_object").await;
    let difference = &open["data"][0];
    assert_eq!((&difference["object"], &difference["at_provider"]), (&foreign["id"], &eur(1_000)));
    let path = format!("/v1/ops/differences/{}/accept", difference["id"].as_str().unwrap());
    let decision = json!({ "who": "Ana", "why": "the shop's own till" });
    service.two.post(&path, &decision).refused(404, "difference_not_found").await;
    let accepted = service.one.post(&path, &decision).key("a").expect(200).await;
    assert_eq!((&accepted.body["state"], &accepted.body["closed_by"]), (&json!("accepted"), &json!("Ana")));
    assert!(service.one.post(&path, &decision).key("a").expect(200).await.is_replay());
    service.one.post(&path, &decision).key("b").refused(409, "state_does_not_allow_it").await;
    reconcile(&service, "stripe").await;
    assert_eq!(differences(&service, "open").await, [], "it is known");
    plant(&service, foreign["id"].as_str().unwrap(), json!({ "amount": 1_001 })).await;
    reconcile(&service, "stripe").await;
    assert_eq!(differences(&service, "open").await.len(), 1, "its amount has changed");
    service.stop().await;
}

async fn the_ledger_is_compared(engine: Engine) {
    let service = service(engine).await;
    let (lacking, object) = paid(&service, STRIPE, 1_000, "lacking").await;
    let (extra, _) = paid(&service, STRIPE, 1_100, "extra").await;
    let (other, other_object) = paid(&service, STRIPE, 1_200, "other").await;
    posted(&service).await;
    let literal = |id: &str| service.database.literal(id.parse::<uuid::Uuid>().unwrap());
    let (lacking_id, extra_id, other_id) = (literal(&lacking), literal(&extra), literal(&other));
    let new = literal("00000000-0000-7000-8000-0000000000aa");
    let leg = |number: u8| literal(&format!("00000000-0000-7000-8000-0000000000b{number}"));
    let of = |id: &str| format!("select id from transfers where subject = {id}");
    let spoil = format!(
        "delete from postings where transfer in ({lacking}); delete from transfers where subject = {lacking_id}; \
         insert into transfers select {new}, tenant, kind, 'payment.captured/twice', message, posted_at, subject \
            from transfers where subject = {extra_id}; \
         insert into postings select {one}, tenant, {new}, account, amount_minor, currency, posted_at from postings \
            where transfer in ({extra}) and amount_minor > 0 and transfer <> {new}; \
         insert into postings select {two}, tenant, {new}, account, amount_minor, currency, posted_at from postings \
            where transfer in ({extra}) and amount_minor < 0 and transfer <> {new}; \
         update postings set amount_minor = amount_minor * 2 where transfer in ({other})",
        lacking = of(&lacking_id),
        extra = of(&extra_id),
        other = of(&other_id),
        one = leg(1),
        two = leg(2),
    );
    service.database.execute(&spoil).await;
    reconcile(&service, "stripe").await;
    let expected = [
        ("ledger_lacks_transfer", format!("payment.captured/{lacking}/{object}")),
        ("ledger_extra_transfer", "payment.captured/twice".to_owned()),
        ("ledger_other_amount", format!("payment.captured/{other}/{other_object}")),
    ];
    let expected: Vec<(&str, &str)> =
        expected.iter().map(|(kind, object)| (*kind, object.as_str())).collect();
    assert_eq!(differences(&service, "open").await, pairs(&expected));
    service.stop().await;
}

async fn a_run_goes_on_where_its_server_was_stopped(engine: Engine) {
    let mut service = service(engine).await;
    let (_, object) = paid(&service, STRIPE, 1_000, "k").await;
    posted(&service).await;
    let mut planted = Vec::new();
    for _ in 0..120 {
        planted.push(plant(&service, &object, json!({ "copy": true, "captured": 1_000 })).await);
    }
    service.change(|settings: &mut Settings| settings.lease = Span::seconds(1));
    service.provider.faults(json!({ "delay_ms": [150, 200] })).await;
    let run = begin(&service, "stripe", SECOND_OVER_MS).await;
    let path = format!("/v1/ops/reconciliations/{run}");
    service.one.becomes(&path, |run| run["pages"].as_i64() > Some(0), "a page is recorded").await;
    service.stop_service().await;
    service.start_service().await;
    service.provider.faults(json!({})).await;
    let run = ended(&service, &run).await;
    assert_eq!(run["found"], 120, "each once, whichever process read its page");
    assert_eq!(differences(&service, "open").await.len(), 120);
    let lists = service.provider.books().await.arrivals("GET", "/v1/payment_intents");
    assert!(lists <= 5, "no page before the last was read again, and there are three: {lists}");
    service.stop().await;
}

/// Nothing can be read from a table that is not there.
async fn an_ordinary_charge_does_not_look_among_the_differences(engine: Engine) {
    const HIDE: &str = "alter table differences rename to hidden";
    const SHOW: &str = "alter table hidden rename to differences";
    let service = service(engine).await;
    service.database.execute(HIDE).await;
    let (_, object) = paid(&service, STRIPE, 1_000, "first").await;
    service.database.execute(SHOW).await;

    let unknown = "00000000-0000-7000-8000-000000000001";
    plant(&service, &object, json!({ "copy": true, "captured": 1_000, "reference": unknown })).await;
    reconcile(&service, "stripe").await;
    service.database.execute(HIDE).await;
    let asked = service.one.post("/v1/charges", &(STRIPE.body)(2_000)).key("second");
    let id = asked.without_waiting().expect(202).await.id();
    until("the charge looks before its first call", async || {
        let error = "select coalesce(max(last_error), '') from jobs where kind = 'charge'";
        service.database.query_text(error).await.contains("differences").then_some(())
    })
    .await;
    assert_eq!(service.one.payment(&id).await["state"], "created", "nothing was sent");
    service.database.execute(SHOW).await;
    service.one.payment_becomes(&id, "captured").await;
    service.stop().await;
}

/// What the sandbox's books have of a payment: the captured and the refunded sum over all its objects.
fn sums(books: &SandboxBooks, payment: &str) -> (i64, i64) {
    let own = books.charges().iter().filter(|charge| charge["metadata"]["operation"] == payment);
    own.fold((0, 0), |(captured, refunded), charge| {
        let minor = |member: &str| charge[member].as_i64().unwrap();
        (captured + minor("captured_minor"), refunded + minor("refunded_minor"))
    })
}

/// The database goes back to an earlier moment, and the provider's books do not.
async fn a_restored_database_is_repaired(engine: Engine) {
    let mut service = service(engine).await;
    let (settled, _) = paid(&service, STRIPE, 1_000, "settled").await;
    let manual = testkit::with(charge(2_000, "pm_card_visa"), json!({ "capture": "manual" }));
    let manual = service.one.post("/v1/payments", &testkit::with(manual, json!({ "reference": "m" })));
    let manual = manual.key("manual").expect(201).await.id();
    service.one.payment_becomes(&manual, "authorized").await;
    let asked = charge(3_000, "pm_card_authenticationRequired");
    let pending = service.one.post("/v1/charges", &asked).key("pending").expect(201).await.id();
    posted(&service).await;
    service.stop_service().await;
    let backup = service.database.copy().await;
    service.start_service().await;

    // After the backup: a capture, a refund, a customer who pays, and a new payment.
    service.one.post(&format!("/v1/payments/{manual}/capture"), &json!({})).key("c").expect(200).await;
    let part = json!({ "amount": eur(400) });
    let refunds = format!("/v1/payments/{settled}/refunds");
    let refund = service.one.post(&refunds, &part).key("r").expect(201).await.id();
    let object = service.provider_reference(&pending).await;
    service.provider.authenticate(&object, true).await;
    service.one.payment_becomes(&pending, "captured").await;
    let (after, _) = paid(&service, STRIPE, 5_000, "after").await;
    let (early, _) = paid(&service, STRIPE, 6_000, "early").await;
    let before = service.provider.books().await;
    let ids = [&settled, &manual, &pending, &after, &early];
    let expected = ids.map(|id| sums(&before, id));
    assert_eq!(expected, [(1_000, 400), (2_000, 0), (3_000, 0), (5_000, 0), (6_000, 0)]);

    service.stop_service().await;
    service.restore(backup);
    service.start_service().await;
    assert_eq!(service.one.payment(&manual).await["state"], "authorized", "as it was");
    service.one.get(&format!("/v1/payments/{after}")).refused(404, "payment_not_found").await;
    // This client is quicker than the reconciliation, and the provider knows the key of its payment.
    let again = service.one.post("/v1/charges", &(STRIPE.body)(6_000)).key("early").expect(201).await;
    assert_eq!((again.id(), &again.body["captured"]), (early.clone(), &eur(6_000)));
    reconcile(&service, "stripe").await;
    let payment = service.one.payment(&manual).await;
    assert_eq!((&payment["state"], &payment["captured"]), (&json!("captured"), &eur(2_000)));
    assert_eq!(service.one.payment_becomes(&pending, "captured").await["captured"], eur(3_000));
    assert_eq!(service.one.payment(&settled).await["refunded"], eur(400));
    let open = differences(&service, "open").await;
    let of_after = before.charge_of(&after)["id"].as_str().unwrap().to_owned();
    assert_eq!(open, pairs(&[("payment_unknown_here", &of_after)]), "a person must decide on it");

    // Repeated requests of the clients find what was repaired, and what is at the provider, although the
    // provider has forgotten the keys.
    service.provider.faults(json!({ "forget_keys": true })).await;
    assert_eq!(paid(&service, STRIPE, 5_000, "after").await.0, after);
    let repeated = service.one.post(&refunds, &part).key("r").expect(201).await;
    assert_eq!((repeated.id(), &repeated.body["state"]), (refund, &json!("succeeded")));
    let too_much = json!({ "amount": eur(1_000) });
    service.one.post(&refunds, &too_much).key("r-2").refused(422, "refund_exceeds_capture").await;
    service.one.post(&format!("/v1/payments/{manual}/capture"), &json!({})).key("c").expect(409).await;
    let books = service.provider.books().await;
    assert_eq!(ids.map(|id| sums(&books, id)), expected, "nothing moved twice");
    posted(&service).await;
    reconcile(&service, "stripe").await;
    assert_eq!(differences(&service, "open").await, pairs(&[]));
    assert!(service.reviews().await.is_empty());
    service.stop().await;
}
