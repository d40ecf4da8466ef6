//! Pages on which the customer pays (Checkout Pro),
//! <https://www.mercadopago.com.br/developers/en/reference/preferences/_checkout_preferences/post>.
//!
//! A preference moves no money and has no idempotency: an order that is made twice makes two pages. Both carry
//! our reference, and so does each payment on either. So the payments are found by the reference, and never by
//! the page.
//!
//! | the payments with our reference | the page | observed as |
//! |---|---|---|
//! | one has money | any | that payment, with its own id |
//! | none has money, one is undecided | any | needs action: redirect |
//! | the newest was declined | open | declined; the customer may try again |
//! | none | open | needs action: redirect |
//! | none has money or is undecided | over for less than [`INDEXED_WITHIN`] | processing: the search may lag |
//! | the same | over for longer | cancelled |
//!
//! Times are compared by the provider's own clock, which each reply shows.
//!
//! To end a page is to set its end to now, and to cancel the payments on it that wait for somebody.

use domain::{
    Currency, Money, PaymentId, Timestamp,
    provider::{CallOutcome, Observation, ProviderStatus},
    rows::NextAction,
    time::Span,
};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    decimal::{from_number, to_number},
    key,
    objects::{lenient, own_payment, parse_time},
    outcome,
    payment_body::{PayerIdentification, check_amount, identification, names, to_time},
    payments::{CancelBody, Payments, never_sent, rank},
};
use crate::{ObjectCall, PaymentOrder, exchange::segment};

const PREFERENCES: &str = "/checkout/preferences";
/// How long a payment may be missing in the search. Nothing is documented.
const INDEXED_WITHIN: Span = Span::seconds(10);
/// What is paid days later, at a counter or a machine: the seats are not held so long.
const EXCLUDED_TYPES: [TypeId; 2] = [TypeId { id: "ticket" }, TypeId { id: "atm" }];
const TITLE_DEFAULT: &str = "Payment";

/// Members have a fixed order.
#[derive(Serialize)]
struct PreferenceBody<'a> {
    items: [ItemBody<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    payer: Option<PagePayer<'a>>,
    payment_methods: MethodsBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    back_urls: Option<BackUrls<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_return: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification_url: Option<&'a str>,
    external_reference: String,
    expires: bool,
    expiration_date_to: String,
}

#[derive(Serialize)]
struct ItemBody<'a> {
    title: &'a str,
    quantity: u32,
    currency_id: &'a str,
    unit_price: Box<RawValue>,
}

#[derive(Serialize)]
struct PagePayer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    surname: Option<&'a str>,
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identification: Option<PayerIdentification<'a>>,
}

#[derive(Serialize)]
struct MethodsBody {
    excluded_payment_types: [TypeId; 2],
    installments: i64,
}

#[derive(Serialize)]
struct TypeId {
    id: &'static str,
}

#[derive(Serialize)]
struct BackUrls<'a> {
    success: &'a str,
    pending: &'a str,
    failure: &'a str,
}

/// The items are sent as they were shown, because Mercado Pago asks for them in each change.
#[derive(Serialize)]
struct EndBody<'a> {
    items: &'a RawValue,
    expires: bool,
    expiration_date_to: String,
}

#[derive(Deserialize)]
struct Preference {
    id: String,
    init_point: String,
    items: Box<RawValue>,
    #[serde(default, deserialize_with = "lenient")]
    external_reference: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    expires: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    expiration_date_to: Option<String>,
}

#[derive(Deserialize)]
struct ShownItem {
    quantity: i64,
    unit_price: Box<RawValue>,
    currency_id: String,
}

/// The id of a preference has parts; that of a payment is a number.
pub fn is_page(object: &str) -> bool {
    object.contains('-')
}

fn path(object: &str) -> String {
    format!("{PREFERENCES}/{}", segment(object))
}

fn unknown<O>(reason: &str) -> CallOutcome<O> {
    CallOutcome::Unknown { error: reason.to_owned(), key_spent: false }
}

impl Preference {
    fn amount(&self) -> Option<Money> {
        let items: Vec<ShownItem> = serde_json::from_str(self.items.get()).ok()?;
        let [item] = &items[..] else { return None };
        let currency = Currency::new(&item.currency_id)?;
        let minor = from_number(&item.unit_price, currency)?.checked_mul(item.quantity)?;
        Some(Money::new(minor, currency))
    }

    /// How long ago it ended.
    fn over_for(&self, now: Timestamp) -> Option<Span> {
        let ends_at = self.expiration_date_to.as_deref().and_then(parse_time)?;
        (self.expires == Some(true) && ends_at <= now).then(|| now.since(ends_at))
    }

    fn observe(&self, status: ProviderStatus) -> CallOutcome<Observation> {
        let Some(Money { minor: amount_minor, currency }) = self.amount() else {
            return unknown("the page shows no amount");
        };
        let object = self.id.clone();
        CallOutcome::Object(Observation {
            object,
            status,
            amount_minor,
            currency,
            capture_before: None,
            saved_method: None,
            incoming: Vec::new(),
        })
    }

    fn redirect(&self) -> ProviderStatus {
        ProviderStatus::NeedsAction(NextAction::Redirect { url: self.init_point.clone() })
    }
}

impl Payments {
    pub async fn create_page(
        &self,
        order: &PaymentOrder,
        pay_until: Timestamp,
        instalments: i64,
    ) -> CallOutcome<Observation> {
        if let Err(code) = check_amount(order.amount, self.currency) {
            return never_sent(code);
        }
        let Some(expiration_date_to) = to_time(pay_until) else {
            return never_sent("time_is_not_representable");
        };
        let return_url = order.return_url.as_deref();
        let payer = order.payer.as_ref().map(|payer| {
            let (name, surname) = names(payer);
            let identification = payer.tax_id.as_ref().map(identification);
            PagePayer { name, surname, email: &payer.email, identification }
        });
        let body = PreferenceBody {
            items: [ItemBody {
                title: order.reference.as_deref().unwrap_or(TITLE_DEFAULT),
                quantity: 1,
                currency_id: order.amount.currency.code(),
                unit_price: to_number(order.amount),
            }],
            payer,
            payment_methods: MethodsBody {
                excluded_payment_types: EXCLUDED_TYPES,
                installments: instalments,
            },
            back_urls: return_url.map(|url| BackUrls { success: url, pending: url, failure: url }),
            // Mercado Pago returns by itself to a web page only.
            auto_return: return_url.filter(|url| url.starts_with("https://")).map(|_| "approved"),
            notification_url: self.notification_url.as_deref(),
            external_reference: order.operation.0.hyphenated().to_string(),
            expires: true,
            expiration_date_to,
        };
        let key = key(order.attempt, "page", order.key_number);
        let subject = order.operation.to_string();
        let result = self.client.change(Method::POST, PREFERENCES, Some(&body), key, &subject).await;
        let page: Preference = match outcome::shown_page(result) {
            Ok((page, _)) => page,
            Err(outcome) => return outcome,
        };
        if own_payment(page.external_reference.as_deref()) != Some(order.operation) {
            return unknown("the reply is about another page");
        }
        page.observe(page.redirect())
    }

    async fn page(
        &self,
        object: &str,
    ) -> Result<(Preference, PaymentId, Timestamp), CallOutcome<Observation>> {
        let result = self.client.get(&path(object), object).await;
        let (page, now): (Preference, Timestamp) = outcome::shown_page(result)?;
        let payment = own_payment(page.external_reference.as_deref());
        match payment.filter(|_| page.id == object) {
            Some(payment) => Ok((page, payment, now)),
            None => Err(unknown("the reply is about another page")),
        }
    }

    /// What became of a page: the table of the module.
    pub async fn fetch_page(&self, object: &str) -> CallOutcome<Observation> {
        let (page, payment, now) = match self.page(object).await {
            Ok(shown) => shown,
            Err(outcome) => return outcome,
        };
        let made = match self.of_reference(payment).await {
            Ok(made) => made,
            Err(outcome) => return outcome,
        };
        if let Some(paid) = made.iter().find(|made| made.status.has_money()) {
            // The search lags behind.
            let path = super::payments::payment_path(&paid.object);
            let result = self.client.get(&path, &paid.object).await;
            return outcome::payment(result, outcome::RequestedPayment::Object(&paid.object));
        }
        let is_undecided = made.iter().any(|made| rank(&made.status) > 0);
        let status = match (page.over_for(now), made.first().map(|newest| &newest.status)) {
            _ if is_undecided => page.redirect(),
            (None, Some(ProviderStatus::Failed(failure))) => ProviderStatus::Declined(failure.clone()),
            (None, _) => page.redirect(),
            (Some(over), _) if over < INDEXED_WITHIN => ProviderStatus::Processing,
            (Some(_), _) => ProviderStatus::Cancelled,
        };
        page.observe(status)
    }

    /// Ends a page and the payments on it that wait. What it is then is the answer.
    pub async fn end_page(&self, action: ObjectCall<'_>) -> CallOutcome<Observation> {
        let (page, payment, now) = match self.page(action.object).await {
            Ok(shown) => shown,
            Err(outcome) => return outcome,
        };
        if page.over_for(now).is_none() {
            let Some(expiration_date_to) = to_time(now) else {
                return unknown("the time is not representable");
            };
            let body = EndBody { items: &page.items, expires: true, expiration_date_to };
            let key = key(action.attempt, "end_page", action.key_number);
            let path = path(action.object);
            let result = self.client.change(Method::PUT, &path, Some(&body), key, action.object).await;
            if let Err(outcome) = outcome::shown_page::<Preference, _>(result) {
                return outcome;
            }
        }
        let made = match self.of_reference(payment).await {
            Ok(made) => made,
            Err(outcome) => return outcome,
        };
        for made in made.iter().filter(|made| rank(&made.status) == 1) {
            let of_payment = ObjectCall { object: &made.object, ..action };
            // A payment that cannot be cancelled shows next what it became.
            self.update(of_payment, &format!("cancel/{}", made.object), &CancelBody { status: "cancelled" })
                .await;
        }
        self.fetch_page(action.object).await
    }
}
