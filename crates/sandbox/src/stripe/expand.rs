//! `expand`: the whole object instead of its id, <https://docs.stripe.com/api/expanding_objects>.
//!
//! The table says which members can be expanded. The sandbox has payment intents, charges, refunds,
//! disputes and payment methods. Balance transactions are only listed: expanding one is refused. All
//! other members are null here and stay null.

use serde_json::Value;

use super::{schema::SCHEMA, unmodelled};
use crate::{
    answer::{ExpandedObject, StripeAnswer},
    books::AccountBooks,
    call_draft::CallDraft,
    parameters::Parameters,
    refusal::StripeRefusal,
    snapshot::Snapshot,
};

/// Stripe's limit.
const DEPTH_MAX: usize = 4;
/// Shown by their id only.
const UNMODELLED: &str = "BalanceTransaction";

/// The members from the shown object on; `data`, in a list, is left out.
pub type Path = Vec<String>;

/// `object` is what the endpoint shows, such as `PaymentIntent`.
pub fn read(parameters: &mut Parameters, object: &str, is_list: bool) -> Result<Vec<Path>, StripeRefusal> {
    let mut paths = Vec::new();
    for text in parameters.list("expand").unwrap_or_default() {
        let mut path: Path = text.split('.').map(str::to_owned).collect();
        if path.len() > DEPTH_MAX {
            let message = format!("You cannot expand more than {DEPTH_MAX} levels of a property ({text}).");
            return Err(StripeRefusal::invalid(message));
        }
        if is_list {
            if path[0] != "data" {
                let message = format!(
                    "This property cannot be expanded ({text}). You may want to try expanding 'data.{text}' instead."
                );
                return Err(StripeRefusal::invalid(message));
            }
            path.remove(0);
        }
        match target(object, &path) {
            None => {
                return Err(StripeRefusal::invalid(format!("This property cannot be expanded ({text}).")));
            }
            Some(UNMODELLED) => return Err(unmodelled::refusal(&text).with_param("expand")),
            Some(_) => {}
        }
        // Objects on the path are expanded as well, and before it.
        paths.extend((1..=path.len()).map(|length| path[..length].to_vec()));
    }
    paths.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
    paths.dedup();
    Ok(paths)
}

/// The object at the end of a path.
fn target<'a>(object: &'a str, path: &[String]) -> Option<&'a str> {
    let Some((member, rest)) = path.split_first() else { return Some(object) };
    target(SCHEMA.expandable.get(object)?.get(member)?, rest)
}

/// Adds the requested objects to the reply, in their state after the call.
pub fn expand(draft: &mut CallDraft, answer: &mut StripeAnswer, paths: &[Path]) {
    let StripeAnswer::Shown { snapshot, expanded } = answer else { return };
    for path in paths {
        let (member, above) = path.split_last().expect("a path has a member");
        let parent = expanded.iter().find(|found| found.path == above).map(|found| found.snapshot);
        let Some(parent) = parent.or(above.is_empty().then_some(*snapshot)) else { continue };
        let Some(id) = json(&draft.snapshots[parent])[member].as_str().map(str::to_owned) else { continue };
        let changed = draft.snapshots.iter().rposition(|snapshot| snapshot.id() == id);
        let position = changed.or_else(|| find(draft.held, &id).map(|found| draft.add_snapshot(found)));
        expanded.extend(position.map(|snapshot| ExpandedObject { path: path.clone(), snapshot }));
    }
}

fn json(snapshot: &Snapshot) -> Value {
    serde_json::to_value(snapshot.view()).expect("these types have only text keys")
}

/// Fills in the expanded objects of one object, or of each object of a list.
pub fn fill(held: &AccountBooks, body: &[u8], paths: &[Path]) -> Result<Vec<u8>, StripeRefusal> {
    let unreadable = |_| StripeRefusal::api("An answer of this sandbox cannot be read.");
    let mut shown: Value = serde_json::from_slice(body).map_err(unreadable)?;
    let is_list = shown.get("data").is_some_and(Value::is_array);
    let objects: Vec<&mut Value> =
        if is_list { shown["data"].as_array_mut().into_iter().flatten().collect() } else { vec![&mut shown] };
    for object in objects {
        for path in paths {
            let place = path.iter().try_fold(&mut *object, |place, member| place.get_mut(member));
            let Some(place) = place else { continue };
            if let Some(whole) = place.as_str().and_then(|id| find(held, id)) {
                *place = json(&whole);
            }
        }
    }
    serde_json::to_vec(&shown).map_err(unreadable)
}

/// Ids are unique over all kinds.
fn find(held: &AccountBooks, id: &str) -> Option<Snapshot> {
    let intent = held.intents.get(id).cloned().map(Snapshot::from);
    let charge = || held.charges.get(id).cloned().map(Snapshot::from);
    let refund = || held.refunds.get(id).cloned().map(Snapshot::from);
    let dispute = || held.disputes.get(id).cloned().map(Snapshot::from);
    let method = || held.payment_methods.get(id).cloned().map(Snapshot::from);
    let transfer = || held.transfers.get(id).cloned().map(Snapshot::from);
    let customer = || held.customers.get(id).cloned().map(Snapshot::from);
    intent
        .or_else(charge)
        .or_else(refund)
        .or_else(dispute)
        .or_else(method)
        .or_else(customer)
        .or_else(transfer)
}
