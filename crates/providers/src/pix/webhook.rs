//! What the bank delivers, and the events that are stored.
//!
//! The bank proves itself by its certificate (mutual TLS), which ends at the proxy in front of this
//! program. Nothing that arrives here is signed. So two things are asked of a delivery:
//!
//! - **The address has a secret** (`?hmac=`), one of the account's, compared in constant time. It keeps
//!   strangers from causing work.
//! - **Each entry only names what to fetch.** Nothing of it is believed, whoever sent it.
//!
//! An event is named by what was delivered and when it arrived. A forged delivery, or one that came
//! before the bank shows its money, therefore never suppresses the fetch of a later one. What a fetch
//! shows is named by its content, so it is stored once, however often it was fetched.
//!
//! | body | made from | says |
//! |---|---|---|
//! | `fetch` | an entry of a delivery; a Pix of a list | which charge, or which Pix, to fetch |
//! | `charge`, `return` | a charge that was fetched | the object, without anything about the customer |

use std::collections::BTreeSet;

use domain::{PaymentId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::{
    cob::{Cob, PixReturn, ReceivedPix},
    ids,
    settings::PixReceiver,
};
use crate::{
    Secret, VerifiedEvent, WebhookHead,
    webhook::{EventContent, MalformedEvent, WebhookRefused},
};

/// The parameter of the address that holds its secret.
const SECRET_PARAMETER: &str = "hmac=";
/// Some banks append this to the whole address, after its query.
const APPENDED: &str = "/pix";
/// Pix in one delivery. A bank may group as many as it likes; what a refused delivery had is found in
/// the bank's list.
const ENTRIES_MAX: usize = 500;
/// Bytes of a hash in an event's name.
const HASH_BYTES: usize = 16;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EventBody {
    /// A `txid` of ours, or the end-to-end id of a Pix.
    Fetch {
        object: String,
    },
    Charge(Cob),
    Return(ReturnOfCharge),
}

/// A return with what it takes from its charge.
#[derive(Serialize, Deserialize)]
struct ReturnOfCharge {
    txid: String,
    end_to_end_id: String,
    made: PixReturn,
}

/// Only what names an object is read.
#[derive(Deserialize)]
struct Delivered {
    #[serde(default)]
    pix: Vec<DeliveredPix>,
}

#[derive(Deserialize)]
struct DeliveredPix {
    #[serde(rename = "endToEndId")]
    end_to_end_id: Option<String>,
    txid: Option<String>,
}

/// The secret of the address, in constant time for each of the account's.
pub fn check_secret(head: WebhookHead<'_>, secrets: &[Secret]) -> Result<(), WebhookRefused> {
    let mut parameters = head.query.split('&');
    let given = parameters.find_map(|parameter| parameter.strip_prefix(SECRET_PARAMETER));
    let given = given.ok_or(WebhookRefused::SignatureMissing)?;
    let given = given.strip_suffix(APPENDED).unwrap_or(given);
    let mut matches = Choice::from(0);
    for secret in secrets {
        matches |= given.as_bytes().ct_eq(secret.expose().as_bytes());
    }
    if bool::from(matches) { Ok(()) } else { Err(WebhookRefused::SignatureDoesNotMatch) }
}

/// The events of a delivery: one for each charge that it names. A delivery without Pix is the bank's
/// test of the address.
pub fn delivered(body: &[u8], now: Timestamp) -> Result<Vec<VerifiedEvent>, WebhookRefused> {
    let delivered: Delivered = serde_json::from_slice(body).map_err(|_| WebhookRefused::BodyIsNotAnEvent)?;
    if delivered.pix.len() > ENTRIES_MAX {
        return Err(WebhookRefused::BodyIsNotAnEvent);
    }
    // Several Pix of one charge are fetched together.
    let objects: BTreeSet<String> = delivered.pix.into_iter().filter_map(object).collect();
    let hash = hash(body);
    let event = |object: String| {
        let event = format!("fetch.{object}.{}.{hash}", now.0);
        VerifiedEvent { event, kind: "pix".to_owned(), body: write(&EventBody::Fetch { object }) }
    };
    Ok(objects.into_iter().map(event).collect())
}

/// What to fetch because of an entry. A `txid` that we did not make is of somebody else on this account.
fn object(entry: DeliveredPix) -> Option<String> {
    match entry.txid {
        Some(txid) => ids::payment(&txid).map(|_| txid),
        None => entry.end_to_end_id.filter(|id| ids::is_end_to_end_id(id)),
    }
}

/// The request to fetch the charge of a Pix because of the Pix's present state. `None` if it is not of
/// a charge of ours.
pub fn fetch_of_state(pix: &ReceivedPix) -> Option<VerifiedEvent> {
    let txid = pix.txid.as_ref().filter(|txid| ids::payment(txid).is_some())?;
    let state = serde_json::to_vec(pix).expect("a pix that was read can be written");
    let event = format!("listed.{}.{}", pix.end_to_end_id, hash(&state));
    let body = write(&EventBody::Fetch { object: txid.clone() });
    Some(VerifiedEvent { event, kind: "pix".to_owned(), body })
}

/// A charge that was fetched, and each of its returns.
pub fn events_of(cob: Cob) -> Vec<VerifiedEvent> {
    let returns: Vec<VerifiedEvent> = cob.returns().map(|(pix, made)| event_of(&cob, pix, made)).collect();
    let txid = cob.txid.clone();
    let mut events = vec![state("charge", &txid, &EventBody::Charge(cob))];
    events.extend(returns);
    events
}

fn event_of(cob: &Cob, pix: &ReceivedPix, made: &PixReturn) -> VerifiedEvent {
    let (txid, end_to_end_id) = (cob.txid.clone(), pix.end_to_end_id.clone());
    let id = format!("{end_to_end_id}.{}", made.id);
    state("return", &id, &EventBody::Return(ReturnOfCharge { txid, end_to_end_id, made: made.clone() }))
}

/// The event of an object's present state.
fn state(kind: &str, id: &str, content: &EventBody) -> VerifiedEvent {
    let body = write(content);
    VerifiedEvent { event: format!("{kind}.{id}.{}", hash(&body)), kind: kind.to_owned(), body }
}

pub fn interpret(body: &[u8], receiver: &PixReceiver) -> Result<EventContent, MalformedEvent> {
    let stored: EventBody =
        serde_json::from_slice(body).map_err(|_| MalformedEvent("the body is not one of ours".to_owned()))?;
    match stored {
        EventBody::Fetch { object } if ids::payment(&object).is_some() || ids::is_end_to_end_id(&object) => {
            Ok(EventContent::Fetch { object })
        }
        EventBody::Fetch { .. } => Err(MalformedEvent("its object is not one of Pix".to_owned())),
        EventBody::Charge(cob) => {
            let observation = cob.observe(receiver).map_err(MalformedEvent)?;
            Ok(EventContent::Payment { payment: cob.payment(), observation })
        }
        EventBody::Return(ReturnOfCharge { txid, end_to_end_id, made }) if made.is_by_bank() => {
            let observation = made.dispute(&end_to_end_id).map_err(MalformedEvent)?;
            Ok(EventContent::Dispute { payment_object: txid, observation })
        }
        EventBody::Return(ReturnOfCharge { txid, end_to_end_id, made }) => {
            let observation = made.observe(&end_to_end_id).map_err(MalformedEvent)?;
            let payment: Option<PaymentId> = ids::payment(&txid);
            let refund = ids::refund(&made.id);
            Ok(EventContent::Refund { refund, payment, payment_object: Some(txid), observation })
        }
    }
}

fn write(content: &EventBody) -> Vec<u8> {
    serde_json::to_vec(content).expect("what was read can be written")
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..HASH_BYTES])
}
