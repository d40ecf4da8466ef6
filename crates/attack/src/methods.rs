//! The methods of payment that customers use at the providers: one row per method. A further provider
//! is a row here, and an account in [`testkit::program`].

use serde_json::{Map, Value, json};

use super::{Error, OperationAnswer, Target};
use outbound::HttpConnection;
use std::time::{Duration, Instant};

/// How a payment is made, at which provider.
#[derive(Debug)]
pub struct PaymentMethod {
    /// For messages.
    pub name: &'static str,
    pub provider: &'static str,
    pub currency: &'static str,
    /// The members of an order that name the method, as JSON: one that pays.
    pays: &'static str,
    /// The members for a method that is declined, if there is one.
    declined: Option<&'static str>,
    /// The members for another method that pays.
    other: &'static str,
    /// Money can be reserved, and captured later.
    pub authorizes: bool,
    /// Where the customer pays later, on the sandbox: the path before and after the object's id.
    paid_at: Option<(&'static str, &'static str)>,
}

pub static STRIPE: PaymentMethod = PaymentMethod {
    name: "a card at Stripe",
    provider: "stripe",
    currency: "EUR",
    pays: r#"{"payment_method":"pm_card_visa"}"#,
    declined: Some(r#"{"payment_method":"pm_card_chargeDeclined"}"#),
    other: r#"{"payment_method":"pm_card_mastercard"}"#,
    authorizes: true,
    paid_at: None,
};

pub static STRIPE_ASKING: PaymentMethod = PaymentMethod {
    name: "a card at Stripe that needs 3-D Secure",
    pays: r#"{"payment_method":"pm_card_authenticationRequired"}"#,
    declined: None,
    ..STRIPE
};

pub static MERCADO_PAGO: PaymentMethod = PaymentMethod {
    name: "a card at Mercado Pago",
    provider: "mercado_pago",
    currency: "BRL",
    pays: r#"{"payment_method":"approved","brand":"visa","instalments":1,
        "payer":{"email":"ana@example.com","name":"Ana Lima","tax_id":{"kind":"cpf","number":"12345678909"}}}"#,
    declined: Some(r#"{"payment_method":"rejected_insufficient_funds"}"#),
    other: r#"{"brand":"master"}"#,
    authorizes: true,
    paid_at: None,
};

pub static MERCADO_PAGO_PIX: PaymentMethod = PaymentMethod {
    name: "Pix at Mercado Pago",
    provider: "mercado_pago",
    currency: "BRL",
    pays: r#"{"payment_method":"pix","payer":{"email":"ana@example.com","name":"Ana Lima"}}"#,
    declined: None,
    other: r#"{"payer":{"email":"rui@example.com"}}"#,
    authorizes: false,
    paid_at: Some(("/sandbox/mercado_pago/payments/", "/pay")),
};

/// The customer pays a code in the application of the own bank. The bank's webhook proves nothing, and the charge
/// has the id that we gave it.
pub static PIX_AT_BANK: PaymentMethod = PaymentMethod {
    name: "Pix at a bank",
    provider: "pix",
    currency: "BRL",
    pays: r#"{"payment_method":"pix",
        "payer":{"email":"ana@example.com","name":"Ana Lima","tax_id":{"kind":"cpf","number":"12345678909"}}}"#,
    declined: None,
    other: r#"{"payer":{"email":"rui@example.com","name":"Rui Lima","tax_id":{"kind":"cpf","number":"11144477735"}}}"#,
    authorizes: false,
    paid_at: Some(("/sandbox/pix/cob/", "/pay")),
};

/// In the order in which orders use them. The length has no factor in common with the number of kinds of
/// orders, so each kind meets each method.
pub const ROTATION: [&PaymentMethod; 7] =
    [&STRIPE, &MERCADO_PAGO, &STRIPE, &MERCADO_PAGO_PIX, &STRIPE, &MERCADO_PAGO, &PIX_AT_BANK];

/// The cards among them, whose answer is final.
const CARDS: [&PaymentMethod; 2] = [&STRIPE, &MERCADO_PAGO];

const PAID_WITHIN: Duration = Duration::from_mins(1);
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The card for this number; the first of two is at Stripe.
pub fn card(number: usize) -> &'static PaymentMethod {
    CARDS[number % CARDS.len()]
}

impl PaymentMethod {
    pub fn money(&self, minor: i64) -> Value {
        json!({ "minor": minor, "currency": self.currency })
    }

    /// An order with these members beside those of the method.
    pub fn order(&self, members: Value) -> Value {
        let order = merged(members, self.pays);
        merged(order, &format!(r#"{{"provider":"{}"}}"#, self.provider))
    }

    pub fn can_be_declined(&self) -> bool {
        self.declined.is_some()
    }

    /// The same order with a method that is declined, if there is one.
    pub fn declined(&self, order: Value) -> Value {
        self.declined.map_or_else(|| order.clone(), |declined| merged(order.clone(), declined))
    }

    /// The same order with another method.
    pub fn changed(&self, order: Value) -> Value {
        merged(order, self.other)
    }

    /// The customer pays what waits for it. The sandbox may be down meanwhile.
    pub async fn customer_pays(&self, target: &Target, answer: &OperationAnswer) -> Result<(), Error> {
        let object = answer.body["provider_reference"].as_str();
        let (Some((before, after)), Some(object), Some(url)) = (self.paid_at, object, &target.sandbox_url)
        else {
            return Ok(());
        };
        let begun = Instant::now();
        loop {
            let path = format!("{before}{object}{after}");
            let outcome = match HttpConnection::new(url).post(&path, &[], "{}".to_owned()).await {
                // A refusal means that it was paid already: the answer to that was lost.
                Ok(answer) if answer.status.as_u16() < 500 => return Ok(()),
                Ok(answer) => answer.status.to_string(),
                Err(error) => error.to_string(),
            };
            if begun.elapsed() > PAID_WITHIN {
                return Err(Error::NoAnswer { operation: path, outcome });
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// Whether an answer is final, or the customer has to pay first.
    pub fn waits_for_customer(&self) -> bool {
        self.paid_at.is_some()
    }
}

fn merged(order: Value, members: &str) -> Value {
    let members: Map<String, Value> = serde_json::from_str(members).unwrap_or_default();
    let mut order = order;
    for (name, value) in members {
        order[name.as_str()] = value;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_an_order_that_can_be_read() {
        for method in ROTATION {
            let order = method.order(json!({ "amount": method.money(100) }));
            let members = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
            for text in [Some(method.pays), method.declined, Some(method.other)].into_iter().flatten() {
                assert!(!members(text).is_empty(), "{}", method.name);
            }
            assert_eq!(order["provider"], method.provider);
            assert!(order["payment_method"].is_string(), "{}", method.name);
            assert_ne!(method.changed(order.clone()), order, "{}", method.name);
            assert_eq!(method.declined(order.clone()) != order, method.can_be_declined(), "{}", method.name);
            assert!(
                method.authorizes || method.waits_for_customer(),
                "{}: nothing would be final",
                method.name
            );
        }
    }
}
