//! Parameters of the lists.

use domain::limits::AMOUNT_MINOR_MAX;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Request;
use crate::email;
use crate::limits::{IDEMPOTENCY_KEY_CHARS_MAX, PAGE_ROWS_MAX, REFERENCE_CHARS_MAX};
use crate::validation_errors::ValidationErrors;

/// A list without filters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Rows of one page.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Slots of one product in a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AvailabilityQuery {
    pub product_id: Uuid,
    /// Slots that start at this time or later.
    pub from: jiff::Timestamp,
    /// Slots that start before this time.
    pub to: jiff::Timestamp,
    /// Rows of one page.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A search for bookings, latest first. All filters must match.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BookingsQuery {
    pub slot_id: Option<Uuid>,
    /// In any spelling.
    pub customer_email: Option<String>,
    pub state: Option<String>,
    /// Bookings that were made at this time or later.
    pub created_from: Option<jiff::Timestamp>,
    /// Bookings that were made before this time.
    pub created_before: Option<jiff::Timestamp>,
    /// Rows of one page.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A search for payments, latest first. All filters must match.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentsQuery {
    pub booking_id: Option<Uuid>,
    /// Payments of the bookings of the customer with this address.
    pub customer_email: Option<String>,
    pub reference: Option<String>,
    /// The key under which this client started the payment.
    pub idempotency_key: Option<String>,
    pub state: Option<String>,
    /// The account at a provider.
    pub account_id: Option<Uuid>,
    /// Exactly this amount. Not together with `state` or `account_id`.
    pub amount_minor: Option<i64>,
    /// Payments that were made at this time or later.
    pub created_from: Option<jiff::Timestamp>,
    /// Payments that were made before this time.
    pub created_before: Option<jiff::Timestamp>,
    /// Rows of one page.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A search for disputes, latest first. All filters must match.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisputesQuery {
    pub payment_id: Option<Uuid>,
    pub state: Option<String>,
    /// Disputes for which the bank takes evidence, until a time before this one.
    pub evidence_due_before: Option<jiff::Timestamp>,
    /// Rows of one page.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Events after a position. `next_cursor` of a page is a position.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// The position that was read last; 0 or absent starts at the first event.
    #[schema(minimum = 0, default = 0)]
    pub after: Option<i64>,
    /// Rows of one page.
    pub limit: Option<i64>,
}

pub(super) fn page(findings: &mut ValidationErrors, limit: Option<i64>, cursor: Option<&str>) {
    if let Some(limit) = limit {
        findings.between("/limit", limit, 1, PAGE_ROWS_MAX);
    }
    if let Some(cursor) = cursor {
        findings.cursor("/cursor", cursor);
    }
}

fn period(findings: &mut ValidationErrors, from: Option<jiff::Timestamp>, before: Option<jiff::Timestamp>) {
    if from.zip(before).is_some_and(|(from, before)| before <= from) {
        findings.add("/created_before", "must be later than created_from");
    }
}

impl Request for ListQuery {
    fn check(&self, findings: &mut ValidationErrors) {
        page(findings, self.limit, self.cursor.as_deref());
    }
}

impl Request for AvailabilityQuery {
    fn check(&self, findings: &mut ValidationErrors) {
        page(findings, self.limit, self.cursor.as_deref());
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        if self.to <= self.from {
            findings.add("/to", "must be later than from");
        }
    }
}

impl Request for BookingsQuery {
    fn check(&self, findings: &mut ValidationErrors) {
        page(findings, self.limit, self.cursor.as_deref());
        if let Some(email) = &self.customer_email {
            findings.email("/customer_email", email);
        }
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        period(findings, self.created_from, self.created_before);
    }

    fn canonical(mut self) -> BookingsQuery {
        self.customer_email = self.customer_email.map(|email| email::canonical(&email).unwrap_or(email));
        self
    }
}

impl Request for PaymentsQuery {
    fn check(&self, findings: &mut ValidationErrors) {
        page(findings, self.limit, self.cursor.as_deref());
        if let Some(reference) = &self.reference {
            findings.line("/reference", reference, REFERENCE_CHARS_MAX);
        }
        if let Some(key) = &self.idempotency_key {
            findings.visible("/idempotency_key", key, IDEMPOTENCY_KEY_CHARS_MAX);
        }
        if let Some(email) = &self.customer_email {
            findings.email("/customer_email", email);
        }
        if let Some(minor) = self.amount_minor {
            findings.between("/amount_minor", minor, 1, AMOUNT_MINOR_MAX);
        }
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        period(findings, self.created_from, self.created_before);
        // No index has both, and a page must not read every payment of an amount.
        if self.amount_minor.is_some() && (self.state.is_some() || self.account_id.is_some()) {
            findings.add("/amount_minor", "must not be together with state or account_id");
        }
    }

    fn canonical(mut self) -> PaymentsQuery {
        self.customer_email = self.customer_email.map(|email| email::canonical(&email).unwrap_or(email));
        self
    }
}

impl Request for DisputesQuery {
    fn check(&self, findings: &mut ValidationErrors) {
        page(findings, self.limit, self.cursor.as_deref());
    }
}

impl Request for EventsQuery {
    fn check(&self, findings: &mut ValidationErrors) {
        page(findings, self.limit, None);
        if self.after.is_some_and(|after| after < 0) {
            findings.add("/after", "must not be negative");
        }
    }
}
