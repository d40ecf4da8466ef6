//! The form that creates a PaymentIntent. The same order always becomes the same bytes.
//!
//! Without `confirm`, no money can move. What moves it is our own confirm by id; or, with the payment form,
//! the customer's confirm with the client secret, which nobody has before the id is committed.

use domain::{
    Currency,
    rows::{Capture, Payer, PaymentMethod},
};

use super::{currency::to_stripe, form::Form};
use crate::PaymentOrder;

/// Stripe has no such amount, and another amount must not be charged instead.
pub const NOT_REPRESENTABLE: &str = "amount_not_representable";
/// The value of `metadata[confirmed_by]`.
pub const CUSTOMER: &str = "customer";

/// The error is the code of the refusal: such a payment is never sent.
pub fn create_form(order: &PaymentOrder) -> Result<Form, &'static str> {
    let by_customer = matches!(order.method, PaymentMethod::Form { .. });
    let ours = [
        ("operation", Some(order.operation.to_string())),
        ("attempt", Some(order.attempt.to_string())),
        ("tenant", Some(order.tenant.to_string())),
        ("booking", order.booking.map(|booking| booking.to_string())),
        ("reference", order.reference.clone()),
        ("confirmed_by", by_customer.then(|| CUSTOMER.to_owned())),
    ];
    let form = Form::new()
        .with("amount", &to_stripe(order.amount).ok_or(NOT_REPRESENTABLE)?.to_string())
        .with("currency", &order.amount.currency.code().to_ascii_lowercase())
        .with("capture_method", order.capture.name())
        .with_some("customer", order.customer.as_deref())
        .with_some("setup_future_usage", order.saves_method.then_some("off_session"));
    Ok(with_method(form, order)?.with_metadata(&ours, &order.metadata))
}

fn with_method(form: Form, order: &PaymentOrder) -> Result<Form, &'static str> {
    match order.method {
        PaymentMethod::Card { ref token, .. } => {
            Ok(form.with("payment_method", token).with("allowed_payment_method_types[0]", "card"))
        }
        PaymentMethod::Form { .. } => Ok(form.with("automatic_payment_methods[enabled]", "true")),
        PaymentMethod::Page { .. } => Err("checkout_page_is_not_offered"),
        PaymentMethod::Pix { pay_within, .. } => with_pix(form, order, pay_within.as_seconds()),
    }
}

fn with_pix(form: Form, order: &PaymentOrder, seconds: i64) -> Result<Form, &'static str> {
    if order.amount.currency != Currency::BRL {
        return Err("pix_is_paid_in_brl");
    }
    if order.capture == Capture::Manual {
        return Err("pix_cannot_be_authorized");
    }
    let Some(Payer { email, name: Some(name), tax_id: Some(tax_id) }) = &order.payer else {
        return Err("payer_is_missing");
    };
    Ok(form
        .with("allowed_payment_method_types[0]", "pix")
        .with("payment_method_data[type]", "pix")
        .with("payment_method_data[billing_details][email]", email)
        .with("payment_method_data[billing_details][name]", name)
        .with("payment_method_data[billing_details][tax_id]", &tax_id.number)
        .with("payment_method_options[pix][expires_after_seconds]", &seconds.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::{
        AttemptId, Money, PaymentId, TenantId, Timestamp,
        rows::{TaxId, TaxIdKind},
    };
    use uuid::Uuid;

    use super::*;

    fn order(method: PaymentMethod, currency: Currency) -> PaymentOrder {
        let tax_id = TaxId { kind: TaxIdKind::Cpf, number: "12345678909".to_owned() };
        PaymentOrder {
            attempt: AttemptId(Uuid::from_u128(1)),
            key_number: 0,
            operation: PaymentId(Uuid::from_u128(1)),
            booking: None,
            tenant: TenantId(Uuid::from_u128(3)),
            amount: Money::new(10_050, currency),
            capture: Capture::Automatic,
            method,
            payer: Some(Payer {
                email: "ana@a.example".to_owned(),
                name: Some("Ana Lima".to_owned()),
                tax_id: Some(tax_id),
            }),
            return_url: None,
            metadata: BTreeMap::from([("confirmed_by".to_owned(), "theirs".to_owned())]),
            reference: None,
            customer: None,
            saves_method: false,
            off_session: false,
            api: None,
            made_at: domain::Timestamp(1_767_225_600_000_000),
        }
    }

    const UNTIL: Timestamp = Timestamp(1_700_000_000_000_000);

    fn pix() -> PaymentMethod {
        PaymentMethod::Pix { pay_until: UNTIL, pay_within: domain::time::Span::seconds(600) }
    }

    #[test]
    fn the_customer_confirms_what_the_form_pays_and_we_everything_else() {
        let check = |method: PaymentMethod, by_customer: bool| {
            let body = create_form(&order(method, Currency::BRL)).unwrap().into_body();
            assert_eq!(body.contains("metadata[confirmed_by]=customer"), by_customer, "{body}");
            assert_eq!(body.contains("automatic_payment_methods[enabled]=true"), by_customer, "{body}");
            assert_eq!(body.contains("allowed_payment_method_types[0]="), !by_customer, "{body}");
            assert!(!body.contains("theirs") && !body.contains("confirm="), "{body}");
        };
        let card = PaymentMethod::Card { token: "pm_card_visa".to_owned(), brand: None, instalments: 1 };
        check(card, false);
        check(pix(), false);
        check(PaymentMethod::Form { pay_until: UNTIL }, true);
    }

    #[test]
    fn an_order_of_pix_names_its_payer_and_its_time() {
        let body = create_form(&order(pix(), Currency::BRL)).unwrap().into_body();
        for part in [
            "amount=10050&currency=brl&",
            "payment_method_data[billing_details][tax_id]=12345678909",
            "payment_method_data[billing_details][name]=Ana%20Lima",
            "payment_method_options[pix][expires_after_seconds]=600",
        ] {
            assert!(body.contains(part), "{body}");
        }
    }

    #[test]
    fn an_order_that_stripe_has_not_is_not_written() {
        let check = |expected: &str, change: fn(&mut PaymentOrder)| {
            let mut order = order(pix(), Currency::BRL);
            change(&mut order);
            assert_eq!(create_form(&order).map(Form::into_body), Err(expected));
        };
        check("pix_is_paid_in_brl", |order| order.amount.currency = Currency::EUR);
        check("pix_cannot_be_authorized", |order| order.capture = Capture::Manual);
        check("payer_is_missing", |order| order.payer = None);
        check("payer_is_missing", |order| order.payer.as_mut().unwrap().tax_id = None);
    }
}
