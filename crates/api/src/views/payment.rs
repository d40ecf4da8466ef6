//! A payment: money for a booking, or for a reference of the client.

use domain::lifecycle::State as _;
use domain::rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Metadata;
use crate::problem::Failure;
use crate::requests::{Capture, SetupFutureUsage};
use crate::{Money, qr_png, time};

/// One payment at one provider. Another try is a new payment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Payment {
    pub id: Uuid,
    #[serde(default)]
    pub booking_id: Option<Uuid>,
    /// `created`, `pending`, `authorized`, `captured`, `failed`, `cancelled`, `lapsed` or `written_off`.
    #[schema(example = "captured")]
    pub state: String,
    pub amount: Money,
    /// Authorised at the provider.
    pub authorized: Money,
    /// Captured.
    pub captured: Money,
    pub refunded: Money,
    /// Withdrawn by the customer's bank, minus what it returned.
    pub disputed: Money,
    /// Disputes in which the bank has not decided. Meanwhile the payment is not refunded.
    pub open_disputes: i64,
    /// What the provider kept of it, in the currency in which the account is paid out. A reconciliation reads it from
    /// the provider's list; null until then, and where the provider shows no fees.
    #[serde(default)]
    pub provider_fee: Option<Money>,
    /// When authorised money is captured.
    pub capture: Capture,
    #[schema(example = "stripe")]
    pub provider: String,
    /// The account at the provider.
    pub account_id: Uuid,
    /// The provider's token.
    #[schema(example = "pm_card_visa")]
    pub payment_method: String,
    /// Whether the payment method is saved once it has paid.
    #[serde(default)]
    pub setup_future_usage: Option<SetupFutureUsage>,
    /// Whether the customer was absent.
    #[serde(default)]
    pub off_session: bool,
    /// The provider's token of the payment method that was saved: `payment_method` of a later payment of this
    /// customer at this account.
    #[serde(default)]
    pub saved_payment_method: Option<String>,
    /// The client's reference for what is paid.
    #[serde(default)]
    pub reference: Option<String>,
    /// The provider's id of its object, once there is one.
    #[serde(default)]
    pub provider_reference: Option<String>,
    /// Until when the provider keeps an authorisation, once it is known.
    #[serde(default)]
    pub capture_before: Option<jiff::Timestamp>,
    /// What the customer must do before the payment can continue.
    #[serde(default)]
    pub next_action: Option<NextAction>,
    /// Why no money moved.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// The payment that was declined at another account before.
    #[serde(default)]
    pub continues: Option<Uuid>,
    /// The payment at the next account, after this one was declined.
    #[serde(default)]
    pub continued_by: Option<Uuid>,
    pub metadata: Metadata,
    /// Whether a verified webhook or a fetched object of the provider showed the present state.
    /// Only then does a booking follow it, or if a person received the money (`provider` is `manual`).
    pub confirmed_by_provider: bool,
    /// Whether a capture or a cancellation is in progress.
    pub operation_in_progress: bool,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}

/// What the customer must do before the payment can continue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum NextAction {
    /// Send the customer's browser to this address (3-D Secure and similar).
    Redirect { url: String },
    /// The provider's front-end code must finish it.
    UseProviderSdk {
        #[serde(default)]
        client_secret: Option<String>,
    },
    /// Show this Pix code: the customer pays it in the application of a bank.
    Pix {
        /// The text of the code, to copy.
        code: String,
        /// The code as a picture: a QR code as a PNG in a `data:` URL. Absent for a code that is too long
        /// for a picture.
        #[serde(default)]
        qr_png: Option<String>,
        /// The code can be paid until then.
        expires_at: jiff::Timestamp,
    },
    /// Send the customer to this page: it shows a voucher (boleto, OXXO, Multibanco, konbini), which the
    /// customer pays at a bank or in a shop.
    Voucher {
        url: String,
        /// The number to pay by, if the voucher has one.
        #[serde(default)]
        number: Option<String>,
        /// The voucher can be paid until then.
        expires_at: jiff::Timestamp,
        /// Opens the provider's form again, where the customer may choose another way to pay.
        #[serde(default)]
        client_secret: Option<String>,
    },
}

impl NextAction {
    fn of(action: &rows::NextAction) -> NextAction {
        match action {
            rows::NextAction::Redirect { url } => NextAction::Redirect { url: url.clone() },
            rows::NextAction::UseProviderSdk { client_secret } => {
                NextAction::UseProviderSdk { client_secret: client_secret.clone() }
            }
            rows::NextAction::PayPix { code, expires_at } => NextAction::Pix {
                code: code.clone(),
                qr_png: qr_png::data_url(code),
                expires_at: time::instant(*expires_at),
            },
            rows::NextAction::PayVoucher { url, number, expires_at, client_secret } => NextAction::Voucher {
                url: url.clone(),
                number: number.clone(),
                expires_at: time::instant(*expires_at),
                client_secret: client_secret.clone(),
            },
        }
    }
}

impl Payment {
    pub fn of(payment: &rows::Payment) -> Payment {
        let money = |minor| Money::new(minor, payment.currency);
        Payment {
            id: payment.id.0,
            booking_id: payment.booking.map(|booking| booking.0),
            state: payment.state.name().to_owned(),
            amount: money(payment.amount_minor),
            authorized: money(payment.authorized_minor),
            captured: money(payment.captured_minor),
            refunded: money(payment.refunded_minor),
            disputed: money(payment.disputed_minor),
            open_disputes: payment.open_disputes,
            provider_fee: payment
                .provider_fee_currency
                .map(|currency| Money::new(payment.provider_fee_minor, currency)),
            capture: payment.capture.into(),
            provider: payment.provider.clone(),
            account_id: payment.account.0,
            payment_method: payment.payment_method.clone(),
            setup_future_usage: payment.saves_method.then_some(SetupFutureUsage::OffSession),
            off_session: payment.off_session,
            saved_payment_method: payment.saved_method.clone(),
            reference: payment.reference.clone(),
            provider_reference: payment.provider_ref.clone(),
            capture_before: payment.capture_before.map(time::instant),
            next_action: payment.next_action.as_ref().map(|action| NextAction::of(&action.0)),
            failure: payment.failure.as_ref().map(|failure| Failure::from(&failure.0)),
            continues: payment.continues.map(|before| before.0),
            continued_by: payment.continued_by.map(|next| next.0),
            metadata: payment.metadata.0.clone(),
            confirmed_by_provider: payment.evidenced && !payment.is_manual(),
            operation_in_progress: payment.active.is_some(),
            created_at: time::instant(payment.created_at),
            updated_at: time::instant(payment.updated_at),
        }
    }
}
