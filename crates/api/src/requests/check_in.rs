//! Requests of the entrance.

use domain::limits::{PERSON_CHARACTERS_MAX, QUANTITY_MAX};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Request;
use crate::ticket::TICKET_CHARS;
use crate::validation_errors::ValidationErrors;

/// Checks a ticket in: by its text, or by hand with `booking_id`, `item_id` and `number`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCheckIn {
    /// The text of the ticket, as its QR code has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booking_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_id: Option<Uuid>,
    /// The number of the ticket within its item, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
    /// When it was scanned, by the clock of the device; now if absent. A time in the future counts as now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanned_at: Option<jiff::Timestamp>,
    /// Who scanned it: a person, a gate or a device, in free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Gate 2")]
    pub who: Option<String>,
    /// The slot that is being checked in. A ticket for another one is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<Uuid>,
}

impl Request for NewCheckIn {
    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(ticket) = &self.ticket {
            findings.line("/ticket", ticket, TICKET_CHARS);
        }
        if let Some(number) = self.number {
            findings.between("/number", number, 1, QUANTITY_MAX);
        }
        if let Some(who) = &self.who {
            findings.line("/who", who, PERSON_CHARACTERS_MAX);
        }
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        let by_hand = [
            ("/booking_id", self.booking_id.is_some()),
            ("/item_id", self.item_id.is_some()),
            ("/number", self.number.is_some()),
        ];
        for (pointer, is_given) in by_hand {
            match (&self.ticket, is_given) {
                (Some(_), true) => findings.add(pointer, "is said by the ticket"),
                (None, false) => findings.add(pointer, "is missing, and so is the ticket"),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::json::decode;

    #[test]
    fn a_ticket_is_named_in_one_way() {
        let check = |body: Value, expected: &[&str]| {
            let found =
                decode::<NewCheckIn>(body.clone()).map_or_else(|found| found.errors().to_vec(), |_| vec![]);
            let found: Vec<_> = found.into_iter().map(|error| error.pointer).collect();
            assert_eq!(found, expected, "{body}");
        };
        let id = "00000000-0000-0000-0000-000000000001";
        check(json!({ "ticket": "ABAB" }), &[]);
        check(json!({ "booking_id": id, "item_id": id, "number": 1 }), &[]);
        check(json!({}), &["/booking_id", "/item_id", "/number"]);
        check(json!({ "booking_id": id, "item_id": id }), &["/number"]);
        check(json!({ "ticket": "ABAB", "number": 1 }), &["/number"]);
        check(json!({ "booking_id": id, "item_id": id, "number": 0 }), &["/number"]);
        check(json!({ "ticket": "A".repeat(TICKET_CHARS + 1), "who": "" }), &["/ticket", "/who"]);
    }
}
