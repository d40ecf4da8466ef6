//! Every call once, against the whole service: what it answers is what the types say.

use std::time::Duration;

use client::requests::{
    AvailabilityQuery, BookedUnit, BookingsQuery, Capture, ChangedProduct, ChangedSettings,
    LedgerAccountsQuery, LetterDecision, ListQuery, NewApiKey, NewBooking, NewCancellation, NewCapture,
    NewCustomer, NewExtension, NewPayment, NewProduct, NewQuote, NewRefund, NewSlot, NewSlots, NewTax,
    NewUnit, Scope,
};
use client::views::{Booking, Event, HistoryEntry, Product, Slot, Tax};
use client::{Charge, Client, Currency};
use futures_util::StreamExt as _;
use uuid::Uuid;

use crate::sdk_service::{SdkService, euros};

async fn offer(client: &Client) -> (Product, Slot) {
    let product = NewProduct {
        name: "Sunset sail".to_owned(),
        description: String::new(),
        time_zone: "Europe/Lisbon".to_owned(),
        currency: Currency::EUR,
        units: vec![NewUnit { name: "Adult".to_owned(), price: euros(4_500), seats: 1 }],
        taxes: vec![NewTax { name: "VAT".to_owned(), rate_basis_points: 600, included: true }],
        metadata: Default::default(),
    };
    let made = client.create_product(&product).send().await.unwrap();
    assert_eq!(made.status, 201);
    let id = made.value.id;
    let change = ChangedProduct { description: Some("With wine.".to_owned()), ..ChangedProduct::default() };
    let changed = client.change_product(id, &change).send().await.unwrap();
    assert_eq!((changed.status, changed.value.description.as_str()), (200, "With wine."));
    assert_eq!(client.get_product(id).await.unwrap(), changed.value);
    assert_eq!(client.list_products(&ListQuery::default()).await.unwrap().data, vec![changed.value.clone()]);
    let slot = NewSlot { starts_at: "2050-07-01T20:00:00+01:00".parse().unwrap(), capacity: 10 };
    let slots = client.add_slots(id, &NewSlots { slots: vec![slot] }).send().await.unwrap().value.data;
    let span = AvailabilityQuery {
        product_id: id,
        from: "2050-01-01T00:00:00Z".parse().unwrap(),
        to: "2051-01-01T00:00:00Z".parse().unwrap(),
        limit: None,
        cursor: None,
    };
    assert_eq!(client.get_availability(&span).await.unwrap().data, slots);
    (changed.value, slots[0].clone())
}

async fn reserve(client: &Client, (product, slot): &(Product, Slot), seats: i64) -> Booking {
    let units = vec![BookedUnit { unit_id: product.units[0].id, quantity: seats }];
    let asked = NewQuote { slot_id: Some(slot.id), units: Some(units.clone()), items: None };
    let quote = client.quote(&asked).await.unwrap();
    assert_eq!((quote.seats, quote.has_room), (seats, true));
    let customer =
        NewCustomer { name: "Ana Lima".to_owned(), email: "ana@example.com".to_owned(), phone: None };
    let request = NewBooking {
        hold_seconds: Some(600),
        expected_total: Some(quote.total),
        ..NewBooking::new(slot.id, units, customer)
    };
    let reply = client.reserve(&request).send().await.unwrap();
    assert_eq!((reply.status, reply.value.state.as_str()), (201, "held"));
    let longer = NewExtension { hold_seconds: Some(660) };
    let extended = client.extend_booking(reply.value.id, &longer).send().await.unwrap();
    assert!(extended.value.hold_expires_at > reply.value.hold_expires_at);
    // 600 of 10,600 of the price of each ticket.
    let taxes = |taxes: &[Tax]| taxes.iter().map(|tax| tax.amount).collect::<Vec<_>>();
    let expected = vec![euros(255 * seats)];
    assert_eq!((taxes(&quote.taxes), taxes(&quote.lines[0].taxes)), (expected.clone(), expected.clone()));
    let booking = &extended.value;
    assert_eq!((taxes(&booking.taxes), taxes(&booking.items[0].taxes)), (expected.clone(), expected));
    extended.value
}

fn payment_for(booking: Uuid, capture: Capture) -> NewPayment {
    NewPayment { booking_id: Some(booking), capture, ..NewPayment::new("stripe", "pm_card_visa") }
}

/// Follows the event log until this has happened to that.
async fn happened(client: &Client, subject: Uuid, what: &str) -> Event {
    let events = client.events_after(0).poll_every(Duration::from_millis(20)).follow();
    let mut events = std::pin::pin!(events);
    loop {
        let event = events.next().await.expect("it never ends").unwrap();
        if event.r#type == what && event.subject_id == subject {
            return event;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_are_held_paid_and_refunded() {
    let service = SdkService::start().await;
    let client = service.client();
    let sail = offer(&client).await;
    let booking = reserve(&client, &sail, 2).await;
    let paid = client.start_payment(&payment_for(booking.id, Capture::Automatic)).send().await.unwrap();
    let Charge::Accepted(payment) = &paid.value else { panic!("{paid:?}") };
    assert_eq!((payment.state.as_str(), payment.captured), ("captured", euros(9_000)));
    let confirmed = happened(&client, booking.id, "booking.confirmed").await;
    assert!(confirmed.position > 0);
    let detail = client.get_booking(booking.id).await.unwrap();
    assert_eq!((detail.booking.state.as_str(), detail.booking.paid), ("confirmed", euros(9_000)));
    let payments: Vec<_> = detail.payments.unwrap().iter().map(|payment| payment.id).collect();
    assert_eq!(payments, [payment.id]);
    assert!(!client.get_booking_history(booking.id, &ListQuery::default()).await.unwrap().data.is_empty());
    let query = BookingsQuery { state: Some("confirmed".to_owned()), ..BookingsQuery::default() };
    assert_eq!(client.find_bookings(&query).await.unwrap().data[0].id, booking.id);
    assert_eq!(client.find_payments_of_booking(booking.id).await.unwrap().data[0].id, payment.id);
    assert!(!client.get_payment_history(payment.id, &ListQuery::default()).await.unwrap().data.is_empty());

    let half =
        NewRefund { amount: Some(euros(4_500)), reason: Some("one less".to_owned()), ..NewRefund::default() };
    let refund = client.refund(payment.id, &half).send().await.unwrap();
    assert_eq!((refund.status, refund.value.amount), (201, euros(4_500)));
    assert_eq!(client.get_refund(refund.value.id).await.unwrap().id, refund.value.id);
    assert_eq!(client.all_refunds(payment.id, &ListQuery::default()).collect().await.unwrap().len(), 1);
    assert!(
        !client.get_refund_history(refund.value.id, &ListQuery::default()).await.unwrap().data.is_empty()
    );
    let too_much = client.refund(payment.id, &NewRefund { amount: Some(euros(4_501)), ..half });
    assert_eq!(too_much.send().await.unwrap_err().code(), Some("refund_exceeds_capture"));

    happened(&client, refund.value.id, "refund.succeeded").await;
    let events: Vec<_> = client.events_after(0).page_rows(2).rest().collect().await;
    let positions: Vec<i64> = events.into_iter().map(|event| event.unwrap().position).collect();
    // Held, extended, captured, confirmed, refunded.
    assert!(positions.windows(2).all(|pair| pair[0] < pair[1]) && positions.len() == 5, "{positions:?}");
    service.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_is_held_captured_and_called_off() {
    let service = SdkService::start().await;
    let client = service.client();
    let sail = offer(&client).await;
    let booking = reserve(&client, &sail, 1).await;
    let held = client.start_payment(&payment_for(booking.id, Capture::Manual)).send().await.unwrap();
    let payment = held.value.payment_id();
    assert_eq!(held.value.accepted().unwrap().state, "authorized");
    let captured = client.capture(payment, &NewCapture::default()).send().await.unwrap();
    assert_eq!((captured.status, captured.value.captured), (200, euros(4_500)));

    let deposit = NewPayment {
        booking_id: None,
        amount: Some(euros(10_000)),
        reference: Some("deposit-17".to_owned()),
        ..payment_for(booking.id, Capture::Manual)
    };
    let held = client.start_payment(&deposit).send().await.unwrap();
    let found = client.find_payments_of_reference("deposit-17").await.unwrap().data;
    assert_eq!(found[0].id, held.value.payment_id());
    let called_off = client.cancel_payment(held.value.payment_id()).send().await.unwrap();
    assert_eq!((called_off.status, called_off.value.state.as_str()), (200, "cancelled"));
    let given_up = reserve(&client, &sail, 1).await;
    let given_up = client.cancel_booking(given_up.id, &NewCancellation::default()).send().await.unwrap();
    assert_eq!((given_up.status, given_up.value.state.as_str()), (200, "cancelled"));
    let again =
        client.cancel_booking(given_up.value.id, &NewCancellation::default()).send().await.unwrap_err();
    assert_eq!(again.code(), Some("state_does_not_allow_it"));
    service.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_and_operations() {
    let service = SdkService::start().await;
    let client = service.client();
    let sail = offer(&client).await;
    let booking = reserve(&client, &sail, 1).await;
    client.start_payment(&payment_for(booking.id, Capture::Automatic)).send().await.unwrap();
    happened(&client, booking.id, "booking.confirmed").await;
    let transfers = client.list_ledger_transfers(&ListQuery::default()).await.unwrap().data;
    assert!(
        transfers
            .iter()
            .all(|transfer| transfer.postings.iter().map(|leg| leg.amount.minor).sum::<i64>() == 0)
    );
    let accounts = client
        .all_ledger_accounts(&LedgerAccountsQuery { limit: Some(1), ..Default::default() })
        .collect()
        .await
        .unwrap();
    assert_eq!(accounts.iter().map(|account| account.balance.minor).sum::<i64>(), 0);
    assert_eq!((transfers.len(), accounts.len()), (1, 2));

    let change = ChangedSettings { hold_seconds: Some(1_200), ..ChangedSettings::default() };
    let changed = client.change_settings(&change).send().await.unwrap();
    assert_eq!((changed.status, changed.value.hold_seconds), (200, 1_200));
    assert_eq!(client.get_settings().await.unwrap(), changed.value);
    assert_eq!(client.list_review_cases(&Default::default()).await.unwrap().data, []);
    let resolution = client::requests::Resolution { resolution: "seen".to_owned(), who: None };
    let unknown = client.resolve_review_case(Uuid::nil(), &resolution).send().await.unwrap_err();
    assert_eq!(unknown.code(), Some("review_case_not_found"));

    let request =
        NewApiKey { client_id: None, client_name: Some("kiosk".to_owned()), scopes: vec![Scope::Bookings] };
    let made = client.create_api_key(&request).await.unwrap();
    let kiosk = Client::builder(service.line.url(), &made.secret).build().unwrap();
    assert_eq!(kiosk.get_booking(booking.id).await.unwrap().booking.id, booking.id);
    assert_eq!(kiosk.get_settings().await.unwrap_err().code(), Some("scope_is_missing"));
    assert!(client.list_api_keys(&ListQuery::default()).await.unwrap().data.contains(&made.key));
    assert!(client.revoke_api_key(made.key.id).await.unwrap().revoked_at.is_some());
    service.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_shown_and_decided_on() {
    let service = SdkService::start().await;
    let client = service.client();
    assert_eq!(client.list_dead_letters(&ListQuery::default()).await.unwrap().data, []);
    let dead = service.dead_event().await;
    let listed = client.list_dead_letters(&ListQuery::default()).await.unwrap().data;
    assert_eq!((listed.len(), listed[0].id, listed[0].kind.as_str()), (1, dead, "event"));
    let decision = LetterDecision { who: "Ana Lima".to_owned(), why: "nobody needs it".to_owned() };
    let discarded = client.discard_dead_letter(dead, &decision).send().await.unwrap();
    assert_eq!((discarded.status, discarded.value.id), (200, dead));
    assert_eq!(client.list_dead_letters(&ListQuery::default()).await.unwrap().data, []);
    let again = client.retry_dead_letter(dead, &decision).send().await.unwrap_err();
    assert_eq!(again.code(), Some("state_does_not_allow_it"));
    let history = client.get_dead_letter(dead).await.unwrap().history.unwrap();
    let decided = |entry: &HistoryEntry| (entry.person.clone(), entry.why.clone());
    assert!(
        history
            .iter()
            .map(decided)
            .any(|decided| decided == (Some(decision.who.clone()), Some(decision.why.clone())))
    );
    service.end_reviewed(&["event_cannot_be_processed"]).await;
}
