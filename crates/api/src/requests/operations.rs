//! Requests of a tenant's operators.

use domain::limits::{HOLD_SECONDS_MAX, HOLD_SECONDS_MIN, PERSON_CHARACTERS_MAX, WHY_CHARACTERS_MAX};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Request;
use crate::limits::{CLIENTS_MAX, DESCRIPTION_CHARS_MAX, SEATS_MAX};
use crate::validation_errors::ValidationErrors;

/// What happens to money that arrives after the hold has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LateMoney {
    /// Takes the seats again if they are free, otherwise refunds.
    Reseat,
    /// Always refunds.
    Refund,
}

/// Changes a tenant's settings. Absent members stay unchanged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChangedSettings {
    pub late_money: Option<LateMoney>,
    /// Unpaid seats that one customer may hold at once; `null` removes the limit.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub seats_held_per_customer_max: Option<Option<i64>>,
    /// How long a hold lasts if the request does not say; at most `hold_seconds_max`.
    pub hold_seconds: Option<i64>,
    /// The longest hold.
    pub hold_seconds_max: Option<i64>,
    pub clients: Vec<ClientLimit>,
}

/// Unpaid seats that one client may hold at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientLimit {
    pub client_id: Uuid,
    /// `null` removes the limit. Seats held before a limit was set do not count.
    pub held_seats_max: Option<i64>,
}

/// Closes a review case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// What was found and what was done.
    pub resolution: String,
    /// Who closes it, in free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
}

/// A person's decision on a dead letter, with a name and a reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LetterDecision {
    /// Who decides, in free text.
    pub who: String,
    pub why: String,
}

/// Distinguishes `null` from absent.
#[expect(clippy::option_option, reason = "absent leaves a limit unchanged, and null removes it")]
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<i64>>, D::Error> {
    Option::<i64>::deserialize(deserializer).map(Some)
}

impl Request for ChangedSettings {
    fn check(&self, findings: &mut ValidationErrors) {
        for (pointer, seconds) in
            [("/hold_seconds", self.hold_seconds), ("/hold_seconds_max", self.hold_seconds_max)]
        {
            if let Some(seconds) = seconds {
                findings.between(pointer, seconds, HOLD_SECONDS_MIN, HOLD_SECONDS_MAX);
            }
        }
        if let Some(Some(seats)) = self.seats_held_per_customer_max {
            findings.between("/seats_held_per_customer_max", seats, 1, SEATS_MAX);
        }
        if self.clients.len() > CLIENTS_MAX {
            findings.add("/clients", format!("must not have more than {CLIENTS_MAX} clients"));
        }
        for (index, client) in self.clients.iter().enumerate().take(CLIENTS_MAX) {
            if let Some(seats) = client.held_seats_max {
                findings.between(&format!("/clients/{index}/held_seats_max"), seats, 1, SEATS_MAX);
            }
            if self.clients[..index].iter().any(|earlier| earlier.client_id == client.client_id) {
                findings.add(format!("/clients/{index}/client_id"), "is named twice");
            }
        }
    }
}

impl Request for Resolution {
    fn check(&self, findings: &mut ValidationErrors) {
        findings.line("/resolution", &self.resolution, DESCRIPTION_CHARS_MAX);
        if let Some(who) = &self.who {
            findings.line("/who", who, PERSON_CHARACTERS_MAX);
        }
    }
}

impl Request for LetterDecision {
    fn check(&self, findings: &mut ValidationErrors) {
        findings.line("/who", &self.who, PERSON_CHARACTERS_MAX);
        findings.line("/why", &self.why, WHY_CHARACTERS_MAX);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::json::decode;

    #[test]
    fn null_is_not_absent() {
        let read = |body: Value| decode::<ChangedSettings>(body).unwrap().seats_held_per_customer_max;
        assert_eq!(read(json!({})), None);
        assert_eq!(read(json!({ "seats_held_per_customer_max": null })), Some(None));
        assert_eq!(read(json!({ "seats_held_per_customer_max": 4 })), Some(Some(4)));
    }

    #[test]
    fn mistakes_are_reported() {
        let client = json!({ "client_id": "00000000-0000-0000-0000-000000000004", "held_seats_max": 0 });
        for (body, pointer) in [
            (json!({ "hold_seconds": 0 }), "/hold_seconds"),
            (json!({ "hold_seconds_max": 86_401 }), "/hold_seconds_max"),
            (json!({ "seats_held_per_customer_max": 0 }), "/seats_held_per_customer_max"),
            (json!({ "clients": [client] }), "/clients/0/held_seats_max"),
        ] {
            let findings = decode::<ChangedSettings>(body).unwrap_err();
            assert_eq!(findings.errors()[0].pointer, pointer);
        }
        let decision = |who: &str, why: &str| decode::<LetterDecision>(json!({ "who": who, "why": why }));
        assert!(decision("Ana", "mended").is_ok());
        assert!(decision("", "mended").is_err() && decision("Ana", "").is_err());
        assert!(decision(&"a".repeat(101), "b").is_err() && decision("a", &"b".repeat(1_001)).is_err());
        assert!(decode::<Resolution>(json!({ "resolution": " " })).is_err());
        assert!(decode::<ChangedSettings>(json!({ "late_money": "keep" })).is_err());
    }
}
