//! Every endpoint of the API has its call, with the key that the API requires.

use std::collections::BTreeSet;

use api::requests::{
    AccountStatementQuery, AvailabilityQuery, CalendarQuery, ChangedBeneficiary, ChangedProduct,
    ChangedResource, ChangedSchedule, ChangedSettings, DifferencesQuery, LetterDecision, ListQuery,
    ManualMethod, NewApiKey, NewBeneficiary, NewBlackout, NewBooking, NewCharge, NewCustomer,
    NewLedgerClosing, NewPayment, NewPayoutReversal, NewProduct, NewProductResources, NewReconciliation,
    NewRecordedPayment, NewRecordedRefund, NewResource, NewSchedule, NewScheduleRule, NewSlots, NewSplit,
    PayoutRecord, RecordedOutcome, Resolution, ReviewAction, ReviewAssignment, SavedMethodRemoval,
    SavedMethodsQuery, StatementQuery,
};
use api::{Currency, Money};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use uuid::Uuid;

use crate::Client;
use crate::api_request::Repeat;
use crate::script::{Script, answer};

/// Probes and metrics are for operators of the server.
const NOT_FOR_CLIENTS: [&str; 3] = ["/health/live", "/health/ready", "/metrics"];

fn id() -> Uuid {
    Uuid::nil()
}

/// Ignores the replies: the tests look at the requests.
async fn all_writes(client: &Client) {
    let amount = Money::new(1, Currency::EUR);
    let text = String::new;
    let charge = NewCharge::new(amount, "", "");
    let customer = NewCustomer { name: text(), email: text(), phone: None };
    let booking = NewBooking::new(id(), vec![], customer);
    let product = NewProduct {
        name: text(),
        description: text(),
        time_zone: text(),
        currency: Currency::EUR,
        units: vec![],
        taxes: vec![],
        metadata: Default::default(),
    };
    let _ = client.create_product(&product).send().await;
    let _ = client.change_product(id(), &ChangedProduct::default()).send().await;
    let _ = client.add_slots(id(), &NewSlots { slots: vec![] }).send().await;
    let _ = client.reserve(&booking).send().await;
    let _ = client.cancel_booking(id(), &Default::default()).send().await;
    let _ = client.set_cancellation_policy(id(), &Default::default()).send().await;
    let _ = client.extend_booking(id(), &Default::default()).send().await;
    let _ = client.check_in(&Default::default()).send().await;
    let _ = client.undo_check_in(id(), &LetterDecision { who: text(), why: text() }).send().await;
    let _ = client.complete_booking(id()).send().await;
    let _ = client.record_no_show(id()).send().await;
    let beneficiary =
        NewBeneficiary { name: text(), provider: None, destination: None, metadata: Default::default() };
    let _ = client.create_beneficiary(&beneficiary).send().await;
    let _ = client.change_beneficiary(id(), &ChangedBeneficiary::default()).send().await;
    let _ = client.set_split(id(), &NewSplit::default()).send().await;
    let record = PayoutRecord { outcome: RecordedOutcome::Paid, reference: text(), who: text(), why: text() };
    let _ = client.record_payout(id(), &record).send().await;
    let back = NewPayoutReversal { amount: None, who: text(), why: text() };
    let _ = client.reverse_payout(id(), &back).send().await;
    let _ = client.charge(&charge).send().await;
    let _ = client.start_payment(&NewPayment::from(charge)).send().await;
    let _ = client.capture(id(), &Default::default()).send().await;
    let _ = client.cancel_payment(id()).send().await;
    let _ = client.refund(id(), &Default::default()).send().await;
    let _ = client.submit_evidence(id(), &Default::default()).send().await;
    let who = text;
    let paid = NewRecordedPayment {
        booking_id: None,
        amount: Some(amount),
        reference: None,
        method: ManualMethod::Cash,
        who: who(),
        why: None,
        metadata: Default::default(),
    };
    let _ = client.record_payment(&paid).send().await;
    let back = NewRecordedRefund {
        payment_id: id(),
        amount: None,
        who: who(),
        why: text(),
        metadata: Default::default(),
    };
    let _ = client.record_refund(&back).send().await;
    let resolution = Resolution { resolution: text(), who: None };
    let _ = client.resolve_review_case(id(), &resolution).send().await;
    let decision = LetterDecision { who: text(), why: text() };
    let (provider, who) = (text(), text());
    let run = NewReconciliation { provider, account: None, from: None, to: None, who };
    let _ = client.start_reconciliation(&run).send().await;
    let _ = client.accept_difference(id(), &decision).send().await;
    let assignment = ReviewAssignment { assignee: None, who: text(), why: text() };
    let action = ReviewAction { action: text(), amount: None, who: text(), why: text() };
    let _ = client.assign_review_case(id(), &assignment).send().await;
    let _ = client.note_review_case(id(), &decision).send().await;
    let _ = client.act_on_review_case(id(), &action).send().await;
    let _ = client.retry_dead_letter(id(), &decision).send().await;
    let _ = client.discard_dead_letter(id(), &decision).send().await;
    let _ = client.change_settings(&ChangedSettings::default()).send().await;
    let close = NewLedgerClosing { through: Date::constant(2026, 1, 31), who: "Ana".into() };
    let _ = client.close_ledger(&close).send().await;
}

async fn all_writes_of_schedules(client: &Client) {
    let rule = NewScheduleRule {
        first_date: Date::constant(2026, 7, 1),
        last_date: None,
        rrule: String::new(),
        start_times: vec![],
        opening_hours: None,
        extra_dates: vec![],
        excepted_dates: vec![],
    };
    let schedule = NewSchedule { rule, capacity: 1, horizon_days: 1, active: true };
    let _ = client.create_schedule(id(), &schedule).send().await;
    let _ = client.change_schedule(id(), &ChangedSchedule::default()).send().await;
    let blackout =
        NewBlackout { first_date: Date::constant(2026, 7, 1), last_date: None, reason: String::new() };
    let _ = client.add_blackout(id(), &blackout).send().await;
}

async fn all_writes_of_resources(client: &Client) {
    let resource =
        NewResource { name: String::new(), capacity: 1, closures: vec![], metadata: Default::default() };
    let _ = client.create_resource(&resource).send().await;
    let _ = client.change_resource(id(), &ChangedResource::default()).send().await;
    let needed = NewProductResources { duration_minutes: 60, resources: vec![] };
    let _ = client.set_product_resources(id(), &needed).send().await;
}

/// They take no idempotency key.
async fn all_unkeyed_writes(client: &Client) {
    let text = String::new;
    let _ = client.create_api_key(&NewApiKey { client_id: None, client_name: None, scopes: vec![] }).await;
    let _ = client.revoke_api_key(id()).await;
    let _ = client.end_blackout(id()).await;
    let (customer, payment_method) = (text(), text());
    let removal = SavedMethodRemoval { customer, payment_method, provider: None, account: None };
    let _ = client.remove_saved_payment_method(&removal).await;
}

async fn all_reads(client: &Client) {
    let span = span();
    let list = ListQuery::default();
    let _ = client.list_products(&Default::default()).await;
    let _ = client.get_product(id()).await;
    let _ = client.get_availability(&span).await;
    let _ = client.list_resources(&list).await;
    let _ = client.get_resource(id()).await;
    let _ = client.get_resource_calendar(id(), &calendar()).await;
    let _ = client.list_schedules(id(), &list).await;
    let _ = client.get_schedule(id()).await;
    let _ = client.list_blackouts(id(), &list).await;
    let _ = client.quote(&Default::default()).await;
    let _ = client.find_bookings(&Default::default()).await;
    let _ = client.get_booking(id()).await;
    let _ = client.get_cancellation_quote(id(), &Default::default()).await;
    let _ = client.list_manifest(id(), &list).await;
    let _ = client.list_tickets(id(), &list).await;
    let _ = client.get_ticket_keys().await;
    let _ = client.get_booking_history(id(), &list).await;
    let _ = client.list_beneficiaries(&list).await;
    let _ = client.get_beneficiary(id()).await;
    let _ = client.get_statement(id(), &StatementQuery { from: span.from, to: span.to }).await;
    let _ = client.get_release(id()).await;
    let _ = client.find_payouts(&Default::default()).await;
    let _ = client.get_payout(id()).await;
    let _ = client.get_payout_history(id(), &list).await;
    let _ = client.find_payments(&Default::default()).await;
    let saved = SavedMethodsQuery { customer: "customer-1".to_owned(), ..Default::default() };
    let _ = client.list_saved_payment_methods(&saved).await;
    let _ = client.get_payment(id()).await;
    let _ = client.get_payment_history(id(), &list).await;
    let _ = client.list_movements(id(), &list).await;
    let _ = client.list_refunds(id(), &list).await;
    let _ = client.get_refund(id()).await;
    let _ = client.get_refund_history(id(), &list).await;
    let _ = client.find_disputes(&Default::default()).await;
    let _ = client.get_dispute(id()).await;
    let _ = client.list_evidence(id(), &list).await;
    let _ = client.get_dispute_history(id(), &list).await;
    let _ = client.list_ledger_accounts(&Default::default()).await;
    let _ = client.get_account_statement(id(), &statement()).await;
    let _ = client.list_ledger_transfers(&Default::default()).await;
    let _ = client.get_ledger_closing().await;
    let _ = client.list_events(&Default::default()).await;
    let _ = client.list_review_cases(&Default::default()).await;
    let _ = client.get_review_case(id()).await;
    let _ = client.list_dead_letters(&Default::default()).await;
    let _ = client.get_dead_letter(id()).await;
    let _ = client.get_dead_letter_history(id(), &list).await;
    let _ = client.list_accounts(&list).await;
    let _ = client.list_breakers(&list).await;
    let _ = client.list_reconciliations(&list).await;
    let _ = client.get_reconciliation(id()).await;
    let _ = client.list_differences(&Default::default()).await;
    let _ = client.get_settings().await;
    let _ = client.list_api_keys(&Default::default()).await;
}

fn span() -> AvailabilityQuery {
    AvailabilityQuery {
        product_id: id(),
        from: Timestamp::MIN,
        to: Timestamp::MAX,
        limit: Some(1),
        cursor: None,
    }
}

fn calendar() -> CalendarQuery {
    CalendarQuery { from: Timestamp::MIN, days: Some(1), limit: Some(1), cursor: None }
}

fn statement() -> AccountStatementQuery {
    AccountStatementQuery { from: Timestamp::MIN, to: Timestamp::MAX, limit: Some(1), cursor: None }
}

/// Reads every list to its end. Events have a reader of their own.
async fn all_lists(client: &Client) {
    let list = ListQuery::default();
    let _ = client.all_products(&list).collect().await;
    let _ = client.all_resources(&list).collect().await;
    let _ = client.resource_calendar(id(), &calendar()).collect().await;
    let _ = client.all_schedules(id(), &list).collect().await;
    let _ = client.all_blackouts(id(), &list).collect().await;
    let _ = client.all_reconciliations(&list).collect().await;
    let _ = client.all_differences(&DifferencesQuery::default()).collect().await;
    let _ = client.all_availability(&span()).collect().await;
    let _ = client.all_bookings(&Default::default()).collect().await;
    let _ = client.all_booking_history(id(), &list).collect().await;
    let _ = client.all_manifest(id(), &list).collect().await;
    let _ = client.all_tickets(id(), &list).collect().await;
    let _ = client.all_beneficiaries(&list).collect().await;
    let _ = client.all_payouts(&Default::default()).collect().await;
    let _ = client.all_payout_history(id(), &list).collect().await;
    let _ = client.all_payments(&Default::default()).collect().await;
    let _ = client.all_payment_history(id(), &list).collect().await;
    let _ = client.all_movements(id(), &list).collect().await;
    let _ = client.all_refunds(id(), &list).collect().await;
    let _ = client.all_refund_history(id(), &list).collect().await;
    let _ = client.all_disputes(&Default::default()).collect().await;
    let _ = client.all_evidence(id(), &list).collect().await;
    let _ = client.all_dispute_history(id(), &list).collect().await;
    let _ = client.all_ledger_accounts(&Default::default()).collect().await;
    let _ = client.all_ledger_transfers(&list).collect().await;
    let _ = client.events_after(0).rest().collect::<Vec<_>>().await;
    let _ = client.all_review_cases(&Default::default()).collect().await;
    let _ = client.all_dead_letters(&list).collect().await;
    let _ = client.all_dead_letter_history(id(), &list).collect().await;
    let _ = client.all_accounts(&list).collect().await;
    let _ = client.all_breakers(&list).collect().await;
    let _ = client.all_api_keys(&list).collect().await;
}

/// Method, path and how it may be repeated, of what the document describes.
fn documented() -> BTreeSet<String> {
    let document: Value = serde_json::from_str(&server::http::openapi_json()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().filter(|(path, _)| !NOT_FOR_CLIENTS.contains(&path.as_str()));
    let operations = operations.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| {
            let parameters = operation["parameters"].as_array();
            let has = |name| {
                parameters
                    .is_some_and(|parameters| parameters.iter().any(|parameter| parameter["name"] == name))
            };
            let repeat = match (method.as_str(), has("Idempotency-Key")) {
                ("get", _) => Repeat::Read,
                _ if path == "/v1/quotes" => Repeat::Read,
                (_, true) => Repeat::Keyed,
                (_, false) => Repeat::Once,
            };
            line(&method.to_uppercase(), path, repeat, has("Prefer"))
        })
    });
    operations.collect()
}

fn line(method: &str, path: &str, repeat: Repeat, waits: bool) -> String {
    format!("{method} {path}, {repeat:?}{}", if waits { ", waits" } else { "" })
}

#[tokio::test]
async fn every_endpoint_has_its_call() {
    let script = Script::new([answer(400, "")]);
    let client = script.client_with(|builder| builder.breaker(None));
    all_writes(&client).await;
    all_writes_of_schedules(&client).await;
    all_writes_of_resources(&client).await;
    all_unkeyed_writes(&client).await;
    all_reads(&client).await;
    let made: Vec<String> = script
        .calls()
        .iter()
        .map(|call| {
            let path = call.path().replace(&id().to_string(), "{id}");
            line(call.method.as_str(), &path, call.repeat(), call.wait.is_some())
        })
        .collect();
    let once: BTreeSet<String> = made.iter().cloned().collect();
    assert_eq!(once.len(), made.len(), "no call was made twice");
    assert_eq!(once, documented());
}

#[tokio::test]
async fn every_list_is_read_to_its_end() {
    let script = Script::new([answer(400, "")]);
    let client = script.client_with(|builder| builder.breaker(None));
    all_lists(&client).await;
    let read: BTreeSet<String> =
        script.calls().iter().map(|call| call.path().replace(&id().to_string(), "{id}")).collect();
    let document: Value = serde_json::from_str(&server::http::openapi_json()).unwrap();
    let is_list = |item: &Value| {
        let schema = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
        schema.as_str().is_some_and(|name| name.ends_with("Page"))
    };
    let paths = document["paths"].as_object().unwrap();
    let lists: BTreeSet<String> =
        paths.iter().filter(|(_, item)| is_list(item)).map(|(path, _)| path.clone()).collect();
    assert_eq!(read, lists);
}

/// The shorthands send the search that they are named after.
#[tokio::test]
async fn shorthands_send_their_search() {
    let script = Script::new([answer(200, r#"{"data":[]}"#)]);
    let client = script.client();
    let key = "order-17".parse().unwrap();
    assert_eq!(client.find_payment_of_key(&key).await, Ok(None));
    client.find_payments_of_reference("a&b").await.unwrap();
    client.find_payments_of_booking(id()).await.unwrap();
    let requested: Vec<String> = script.calls().iter().map(|call| call.target.clone()).collect();
    let expected =
        ["idempotency_key=order-17", "reference=a%26b", "booking_id=00000000-0000-0000-0000-000000000000"];
    assert_eq!(requested, expected.map(|query| format!("/v1/payments?{query}")));
}
