//! The two APIs that make payments, of which an account's settings choose one. What was made by one is followed by
//! it: the id of an object says which it was.

use domain::rows::PaymentMethod;

use crate::{PaymentOrder, ProviderSettings};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// `/v1/payments`.
    Payments,
    /// `/v1/orders`.
    Orders,
}

/// As in the settings, and in the rows of attempts. The first is the default.
pub const NAMES: [&str; 2] = ["payments", "orders"];

impl Api {
    fn named(name: Option<&str>) -> Api {
        if name == Some(NAMES[1]) { Api::Orders } else { Api::Payments }
    }

    pub fn name(self) -> &'static str {
        match self {
            Api::Payments => NAMES[0],
            Api::Orders => NAMES[1],
        }
    }

    /// That of a new payment. A page is a preference, and what is paid on it is a payment.
    pub fn chosen(settings: &ProviderSettings, method: &PaymentMethod) -> Api {
        match method {
            PaymentMethod::Page { .. } => Api::Payments,
            _ => Api::named(settings.api.as_deref()),
        }
    }

    /// That to which an order was sent first.
    pub fn of(order: &PaymentOrder) -> Api {
        Api::named(order.api.as_deref())
    }
}
