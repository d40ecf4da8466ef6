//! The payment methods that a provider has saved for a customer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The newest saved payment methods of a customer at one account, as the provider shows them now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SavedPaymentMethods {
    #[schema(example = "stripe")]
    pub provider: String,
    /// The account's configured name.
    #[schema(example = "acct_main")]
    pub account: String,
    /// Newest first, at most a hundred.
    pub data: Vec<SavedPaymentMethod>,
    /// The customer has older ones besides.
    pub has_more: bool,
}

/// A payment method that can be charged while its customer is absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SavedPaymentMethod {
    /// The token: the `payment_method` of a later payment.
    #[schema(example = "pm_1N3T0x")]
    pub id: String,
    /// The provider's word for the way to pay.
    #[schema(example = "card")]
    pub kind: String,
    /// Null if it is no card.
    #[serde(default)]
    pub card: Option<SavedCard>,
    pub saved_at: jiff::Timestamp,
}

/// What a customer recognises a card by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SavedCard {
    #[schema(example = "visa")]
    pub brand: String,
    #[schema(example = "4242")]
    pub last_digits: String,
    #[schema(example = 12)]
    pub expiry_month: i64,
    #[schema(example = 2034)]
    pub expiry_year: i64,
}

/// A payment method that cannot be charged any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RemovedPaymentMethod {
    /// The token that was saved.
    #[schema(example = "pm_1N3T0x")]
    pub id: String,
    /// It was removed before, by this API or by somebody else.
    pub was_removed_before: bool,
}
