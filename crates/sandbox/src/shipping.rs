//! A shipping address, as it was given and as Stripe shows it.

use serde::{Deserialize, Serialize};

use crate::parameters::Parameters;

/// Values that were not given are null, as Stripe shows them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Address {
    city: Option<String>,
    country: Option<String>,
    line1: Option<String>,
    line2: Option<String>,
    postal_code: Option<String>,
    state: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shipping {
    address: Address,
    carrier: Option<String>,
    name: Option<String>,
    phone: Option<String>,
    tracking_number: Option<String>,
}

impl Address {
    pub fn read(mut given: Parameters) -> Self {
        Self {
            city: given.text("city"),
            country: given.text("country"),
            line1: given.text("line1"),
            line2: given.text("line2"),
            postal_code: given.text("postal_code"),
            state: given.text("state"),
        }
    }
}

impl Shipping {
    pub fn read(mut given: Parameters) -> Self {
        Self {
            address: given.hash("address").map(Address::read).unwrap_or_default(),
            carrier: given.text("carrier"),
            name: given.text("name"),
            phone: given.text("phone"),
            tracking_number: given.text("tracking_number"),
        }
    }
}
