//! A tenant's settings.

use domain::rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::requests::LateMoney;

/// The tenant's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    pub tenant_id: Uuid,
    pub tenant_name: String,
    pub late_money: LateMoney,
    /// Unpaid seats that one customer may hold at once; null: no limit.
    #[serde(default)]
    pub seats_held_per_customer_max: Option<i64>,
    pub hold_seconds: i64,
    pub hold_seconds_max: i64,
}

impl Settings {
    pub fn of(tenant: &rows::Tenant) -> Settings {
        let settings = &tenant.settings.0;
        Settings {
            tenant_id: tenant.id.0,
            tenant_name: tenant.name.clone(),
            late_money: match settings.late_money {
                rows::LateMoney::Reseat => LateMoney::Reseat,
                rows::LateMoney::Refund => LateMoney::Refund,
            },
            seats_held_per_customer_max: settings.seats_held_per_customer_max,
            hold_seconds: settings.default_hold_seconds(),
            hold_seconds_max: settings.hold_seconds_max,
        }
    }
}
