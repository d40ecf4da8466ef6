//! The schemas of the document, from the types themselves, with what [`constraints`] adds to them.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema as _, ToSchema};

use super::constraints;
use super::patterns::CURRENCY_PATTERN;
use crate::money;
use crate::problem::Problem;
use crate::requests::{
    AccountStatementQuery, AvailabilityQuery, BookingsQuery, CalendarQuery, CancellationQuoteQuery,
    ChangedBeneficiary, ChangedProduct, ChangedResource, ChangedSchedule, ChangedSettings, DifferencesQuery,
    DisputesQuery, EventsQuery, LedgerAccountsQuery, LetterDecision, ListQuery, NewApiKey, NewBeneficiary,
    NewBlackout, NewBooking, NewCancellation, NewCancellationPolicy, NewCapture, NewCharge, NewCheckIn,
    NewCompletion, NewDisputeEvidence, NewExtension, NewLedgerClosing, NewPayment, NewPaymentCancellation,
    NewPayoutReversal, NewProduct, NewProductResources, NewQuote, NewReconciliation, NewRecordedPayment,
    NewRecordedRefund, NewRefund, NewResource, NewSchedule, NewSlots, NewSplit, PaymentsQuery, PayoutRecord,
    PayoutsQuery, Resolution, ReviewAction, ReviewAssignment, ReviewCasesQuery, SavedMethodRemoval,
    SavedMethodsQuery, StatementQuery,
};
use crate::views::{
    AccountStatement, ApiKey, Beneficiary, Blackout, BlackoutDetail, Booking, BookingDetail, BookingTicket,
    Breaker, CalendarEntry, CancellationQuote, CheckIn, DeadLetter, Difference, Dispute, DisputeEvidence,
    Event, HistoryEntry, LedgerAccount, LedgerClosing, ManifestEntry, Movement, Page, Payment, Payout,
    Product, ProviderAccount, Quote, Reconciliation, Refund, Release, RemovedPaymentMethod, Resource,
    ReviewCase, ReviewCaseDetail, SavedPaymentMethods, ScannedTicket, Schedule, ScheduleDetail, Settings,
    ShownApiKey, Slot, Statement, TicketKeys, Transfer,
};

/// The name that the schema generator gives the type of [`crate::views::Metadata`].
const MAP: &str = "BTreeMap";

/// Examples by the name of their schema: requests to the demo and its replies.
pub static EXAMPLES: LazyLock<Map<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("examples.json")).expect("the examples are JSON"));

/// Schemas of bodies and replies.
pub static COMPONENTS: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let mut schemas = Vec::new();
    requests(&mut schemas);
    views(&mut schemas);
    let mut all = refined(schemas);
    all.insert(CURRENCY.to_owned(), currency());
    all
});

/// Those of queries, whose members stand in the document as parameters.
pub static QUERIES: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let mut schemas = Vec::new();
    add::<ListQuery>(&mut schemas);
    add::<AvailabilityQuery>(&mut schemas);
    add::<CalendarQuery>(&mut schemas);
    add::<CancellationQuoteQuery>(&mut schemas);
    add::<BookingsQuery>(&mut schemas);
    add::<PaymentsQuery>(&mut schemas);
    add::<DisputesQuery>(&mut schemas);
    add::<EventsQuery>(&mut schemas);
    add::<DifferencesQuery>(&mut schemas);
    add::<ReviewCasesQuery>(&mut schemas);
    add::<PayoutsQuery>(&mut schemas);
    add::<StatementQuery>(&mut schemas);
    add::<SavedMethodsQuery>(&mut schemas);
    add::<LedgerAccountsQuery>(&mut schemas);
    add::<AccountStatementQuery>(&mut schemas);
    refined(schemas)
});

/// The currencies that a request may name. It is not a type, because a reply may name others.
const CURRENCY: &str = "Currency";
pub const CURRENCY_REFERENCE: &str = "#/components/schemas/Currency";

fn currency() -> Value {
    json!({
        "type": "string",
        "description": "A currency that ISO 4217 has assigned.",
        "pattern": CURRENCY_PATTERN,
        "enum": money::assigned().collect::<Vec<_>>(),
        "example": "EUR",
    })
}

/// The schema with this name.
pub fn schema(name: &str) -> Option<&'static Value> {
    COMPONENTS.get(name).or_else(|| QUERIES.get(name))
}

/// The name of the page of a list.
pub fn page_of(name: &str) -> String {
    format!("{name}Page")
}

type Schemas = Vec<(String, RefOr<Schema>)>;

fn requests(schemas: &mut Schemas) {
    add::<NewBooking>(schemas);
    add::<NewQuote>(schemas);
    add::<NewCancellation>(schemas);
    add::<NewExtension>(schemas);
    add::<NewPayment>(schemas);
    add::<NewCharge>(schemas);
    add::<NewRecordedPayment>(schemas);
    add::<NewRecordedRefund>(schemas);
    add::<NewCapture>(schemas);
    add::<NewPaymentCancellation>(schemas);
    add::<NewRefund>(schemas);
    add::<NewDisputeEvidence>(schemas);
    add::<NewProduct>(schemas);
    add::<ChangedProduct>(schemas);
    add::<NewSlots>(schemas);
    add::<LetterDecision>(schemas);
    add::<ChangedSettings>(schemas);
    add::<Resolution>(schemas);
    add::<NewApiKey>(schemas);
    add::<NewReconciliation>(schemas);
    add::<ReviewAssignment>(schemas);
    add::<ReviewAction>(schemas);
    add::<NewCompletion>(schemas);
    add::<NewBeneficiary>(schemas);
    add::<ChangedBeneficiary>(schemas);
    add::<NewSplit>(schemas);
    add::<NewCancellationPolicy>(schemas);
    add::<PayoutRecord>(schemas);
    add::<NewPayoutReversal>(schemas);
    add::<SavedMethodRemoval>(schemas);
    add::<NewLedgerClosing>(schemas);
    add::<NewResource>(schemas);
    add::<ChangedResource>(schemas);
    add::<NewProductResources>(schemas);
    add::<NewSchedule>(schemas);
    add::<ChangedSchedule>(schemas);
    add::<NewBlackout>(schemas);
    add::<NewCheckIn>(schemas);
}

fn views(schemas: &mut Schemas) {
    add::<Problem>(schemas);
    add::<BookingDetail>(schemas);
    add::<Quote>(schemas);
    add::<Settings>(schemas);
    add::<ShownApiKey>(schemas);
    add::<ReviewCaseDetail>(schemas);
    add::<Release>(schemas);
    add::<CancellationQuote>(schemas);
    add::<Statement>(schemas);
    add::<SavedPaymentMethods>(schemas);
    add::<RemovedPaymentMethod>(schemas);
    add::<AccountStatement>(schemas);
    add::<LedgerClosing>(schemas);
    add::<ScheduleDetail>(schemas);
    add::<BlackoutDetail>(schemas);
    add::<CheckIn>(schemas);
    add::<ScannedTicket>(schemas);
    add::<TicketKeys>(schemas);
    add_with_page::<Beneficiary>(schemas);
    add_with_page::<Payout>(schemas);
    add_with_page::<ApiKey>(schemas);
    add_with_page::<Booking>(schemas);
    add_with_page::<ProviderAccount>(schemas);
    add_with_page::<Breaker>(schemas);
    add_with_page::<Payment>(schemas);
    add_with_page::<Refund>(schemas);
    add_with_page::<Dispute>(schemas);
    add_with_page::<DisputeEvidence>(schemas);
    add_with_page::<Movement>(schemas);
    add_with_page::<Product>(schemas);
    add_with_page::<Slot>(schemas);
    add_with_page::<HistoryEntry>(schemas);
    add_with_page::<LedgerAccount>(schemas);
    add_with_page::<Transfer>(schemas);
    add_with_page::<Event>(schemas);
    add_with_page::<ReviewCase>(schemas);
    add_with_page::<DeadLetter>(schemas);
    add_with_page::<Reconciliation>(schemas);
    add_with_page::<Difference>(schemas);
    add_with_page::<Resource>(schemas);
    add_with_page::<CalendarEntry>(schemas);
    add_with_page::<Schedule>(schemas);
    add_with_page::<Blackout>(schemas);
    add_with_page::<ManifestEntry>(schemas);
    add_with_page::<BookingTicket>(schemas);
}

/// The schema and all schemas that it refers to.
fn add<T: ToSchema>(schemas: &mut Schemas) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

fn add_with_page<T: ToSchema>(schemas: &mut Schemas) {
    add::<T>(schemas);
    schemas.push((page_of(&T::name()), Page::<T>::schema()));
}

fn refined(schemas: Schemas) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, schema) in schemas {
        let mut schema = serde_json::to_value(schema).expect("a schema can be written");
        let name = if name == MAP { "Metadata".to_owned() } else { name };
        constraints::refine(&name, &mut schema);
        if let Some(example) = EXAMPLES.get(&name) {
            schema["examples"] = json!([example]);
        }
        rename(&mut schema);
        all.insert(name, schema);
    }
    all
}

/// References to a map become references to the metadata.
fn rename(value: &mut Value) {
    match value {
        Value::String(text) if text.strip_prefix("#/components/schemas/") == Some(MAP) => {
            "#/components/schemas/Metadata".clone_into(text);
        }
        Value::Array(items) => items.iter_mut().for_each(rename),
        Value::Object(members) => members.values_mut().for_each(rename),
        _ => {}
    }
}
