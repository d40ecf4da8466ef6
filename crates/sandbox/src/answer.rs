//! The reply to a call: an object or a refusal, rendered from the snapshots of its journal line.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    intent::IntentView,
    refusal::{StripeRefusal, doc_url},
    snapshot::Snapshot,
};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StripeAnswer {
    /// Positions among the snapshots.
    Shown {
        snapshot: usize,
        /// The objects that replace ids, because the call asked to expand them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        expanded: Vec<ExpandedObject>,
    },
    Refused(StripeRefusal),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExpandedObject {
    /// From the shown object down, such as `latest_charge` and `payment_intent`.
    pub path: Vec<String>,
    pub snapshot: usize,
}

impl StripeAnswer {
    pub fn shown(snapshot: usize) -> Self {
        Self::Shown { snapshot, expanded: Vec::new() }
    }

    pub fn status(&self) -> u16 {
        match self {
            Self::Shown { .. } => 200,
            Self::Refused(refusal) => refusal.status,
        }
    }

    /// The id of the object that the reply is about.
    pub fn object<'a>(&self, snapshots: &'a [Snapshot]) -> Option<&'a str> {
        let position = match self {
            Self::Shown { snapshot, .. } => Some(*snapshot),
            Self::Refused(refusal) => refusal.intent,
        };
        snapshots.get(position?).map(Snapshot::id)
    }

    pub fn render(&self, snapshots: &[Snapshot], request: &str) -> Vec<u8> {
        let drawn = match self {
            Self::Shown { snapshot, expanded } if expanded.is_empty() => {
                serde_json::to_vec(&snapshots.get(*snapshot).map(Snapshot::view))
            }
            Self::Shown { snapshot, expanded } => {
                let mut shown = json(snapshots.get(*snapshot));
                for ExpandedObject { path, snapshot } in expanded {
                    let place = path.iter().fold(&mut shown, |object, member| &mut object[member]);
                    *place = json(snapshots.get(*snapshot));
                }
                serde_json::to_vec(&shown)
            }
            Self::Refused(refusal) => {
                serde_json::to_vec(&ErrorView { error: view(refusal, request, snapshots) })
            }
        };
        drawn.expect("these types have only text keys")
    }
}

fn json(snapshot: Option<&Snapshot>) -> Value {
    let view = snapshot.map(Snapshot::view);
    serde_json::to_value(view).expect("these types have only text keys")
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
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_method: Option<Value>,
    request_log_url: String,
    r#type: &'a str,
}

fn view<'a>(refusal: &'a StripeRefusal, request: &str, snapshots: &'a [Snapshot]) -> RefusalView<'a> {
    let at = |position: Option<usize>| snapshots.get(position?);
    RefusalView {
        charge: refusal.charge.as_deref(),
        code: refusal.code.as_deref(),
        decline_code: refusal.decline_code.as_deref(),
        doc_url: refusal.code.as_deref().map(doc_url),
        message: &refusal.message,
        param: refusal.param.as_deref(),
        payment_intent: match at(refusal.intent) {
            Some(Snapshot::Intent(intent)) => Some(intent.view()),
            _ => None,
        },
        payment_method: match at(refusal.method) {
            Some(Snapshot::PaymentMethod(method)) => Some(method.view()),
            _ => None,
        },
        request_log_url: format!("https://dashboard.stripe.com/test/logs/{request}"),
        r#type: &refusal.kind,
    }
}
