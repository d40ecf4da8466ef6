//! What a call is answered: an object or a refusal, drawn from the snapshots of its journal line.

use serde::{Deserialize, Serialize};

use crate::{intent::IntentView, refusal::Refusal, snapshot::Snapshot};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Positions among the snapshots; `latest` is a charge to be shown whole inside its intent.
    Shown {
        snapshot: usize,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        latest: Option<usize>,
    },
    Refused(Refusal),
}

impl Answer {
    pub fn status(&self) -> u16 {
        match self {
            Self::Shown { .. } => 200,
            Self::Refused(refusal) => refusal.status,
        }
    }

    /// The id of the object it is about.
    pub fn object<'a>(&self, snapshots: &'a [Snapshot]) -> Option<&'a str> {
        let position = match self {
            Self::Shown { snapshot, .. } => Some(*snapshot),
            Self::Refused(refusal) => refusal.intent,
        };
        snapshots.get(position?).map(Snapshot::id)
    }

    pub fn render(&self, snapshots: &[Snapshot], request: &str) -> Vec<u8> {
        let drawn = match self {
            Self::Shown { snapshot, latest } => {
                let charge = match latest.and_then(|position| snapshots.get(position)) {
                    Some(Snapshot::Charge(charge)) => Some(charge),
                    _ => None,
                };
                serde_json::to_vec(&snapshots.get(*snapshot).map(|shown| shown.view_with(charge)))
            }
            Self::Refused(refusal) => {
                let intent = match refusal.intent.and_then(|position| snapshots.get(position)) {
                    Some(Snapshot::Intent(intent)) => Some(intent.view(None)),
                    _ => None,
                };
                serde_json::to_vec(&ErrorView { error: view(refusal, request, intent) })
            }
        };
        drawn.expect("these shapes have no keys that are not text")
    }
}

#[derive(Serialize)]
struct ErrorView<'a> {
    error: RefusalView<'a>,
}

#[derive(Serialize)]
struct RefusalView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    charge: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decline_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    doc_url: Option<String>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_intent: Option<IntentView<'a>>,
    request_log_url: String,
    r#type: &'a str,
}

fn view<'a>(refusal: &'a Refusal, request: &str, intent: Option<IntentView<'a>>) -> RefusalView<'a> {
    RefusalView {
        charge: refusal.charge.as_deref(),
        code: refusal.code.as_deref(),
        decline_code: refusal.decline_code.as_deref(),
        doc_url: refusal.code.as_ref().map(|code| format!("https://stripe.com/docs/error-codes/{code}")),
        message: &refusal.message,
        param: refusal.param.as_deref(),
        payment_intent: intent,
        request_log_url: format!("https://dashboard.stripe.com/test/logs/{request}"),
        r#type: &refusal.kind,
    }
}
