//! The calls on returns (`devolucao`), which are our refunds.
//!
//! A return is made on one Pix, under our id. On paper the same call again has the same answer; some
//! banks refuse an id that they know with 400. So a refusal decides nothing before the return was looked
//! up by its id.

use domain::provider::{CallOutcome, RefundObservation};
use http::Method;
use serde::Serialize;

use super::{
    amount,
    charges::Charges,
    cob::{PixReturn, ReceivedPix},
    ids::{self, ReturnOfPix},
    outcome::{self, MISSING, never_sent, refused, unknown},
};
use crate::{ListedRefund, RefundOrder, exchange::segment};

#[derive(Serialize)]
struct ReturnBody {
    valor: String,
}

impl Charges {
    pub async fn refund(&self, refund: &RefundOrder) -> CallOutcome<RefundObservation> {
        let valor = match amount::write(refund.amount) {
            Ok(valor) => valor,
            Err(code) => return never_sent(code),
        };
        let id = ids::return_id(refund.refund);
        let cob = match self.cob::<RefundObservation>(&refund.object).await {
            Ok(cob) => cob,
            Err(CallOutcome::Refused { code, .. }) => return unknown(&code),
            Err(outcome) => return outcome,
        };
        if let Some((pix, made)) = cob.returns().find(|(_, made)| made.id == id) {
            return observed(pix, made);
        }
        let Some(pix) = cob.returned_from(refund.amount.minor, &refund.counted) else {
            return refused("no_pix_is_large_enough");
        };
        let returned = ReturnOfPix { end_to_end_id: &pix.end_to_end_id, id: &id };
        let body = ReturnBody { valor };
        let result = self.client.change(Method::PUT, &path(returned), &body, &refund.object).await;
        let refused = match read(outcome::read(result), returned) {
            refused @ CallOutcome::Refused { .. } => refused,
            outcome => return outcome,
        };
        match self.fetch_return(returned).await {
            CallOutcome::Object(seen) => CallOutcome::Object(seen),
            CallOutcome::Refused { code, .. } if code == MISSING => refused,
            // It is not known whether an earlier call has made it.
            other => unknown(&other.shown().err().unwrap_or_default()),
        }
    }

    /// What the customer's bank took is no refund.
    pub async fn refunds_of(&self, txid: &str) -> CallOutcome<Vec<ListedRefund>> {
        let cob = match self.cob(txid).await {
            Ok(cob) => cob,
            Err(outcome) => return outcome::looked_up(outcome),
        };
        let refunds = cob.returns().filter(|(_, made)| !made.is_by_bank()).map(|(pix, made)| {
            let observation = made.observe(&pix.end_to_end_id)?;
            Ok(ListedRefund { refund: ids::refund(&made.id), observation })
        });
        match refunds.collect::<Result<Vec<ListedRefund>, String>>() {
            Ok(refunds) => CallOutcome::Object(refunds),
            Err(reason) => unknown(&reason),
        }
    }

    pub async fn fetch_refund(&self, object: &str) -> CallOutcome<RefundObservation> {
        match ReturnOfPix::parse(object) {
            Some(returned) => self.fetch_return(returned).await,
            None => unknown("the refund's object is not the id of a return"),
        }
    }

    async fn fetch_return(&self, returned: ReturnOfPix<'_>) -> CallOutcome<RefundObservation> {
        // Others may have given the same id to the return of another Pix.
        let subject = returned.object();
        read(outcome::read(self.client.get(&path(returned), &subject).await), returned)
    }
}

fn path(returned: ReturnOfPix<'_>) -> String {
    format!("/pix/{}/devolucao/{}", segment(returned.end_to_end_id), segment(returned.id))
}

fn observed(pix: &ReceivedPix, made: &PixReturn) -> CallOutcome<RefundObservation> {
    match made.observe(&pix.end_to_end_id) {
        Ok(observation) => CallOutcome::Object(observation),
        Err(reason) => unknown(&reason),
    }
}

fn read(
    shown: Result<PixReturn, CallOutcome<RefundObservation>>,
    requested: ReturnOfPix<'_>,
) -> CallOutcome<RefundObservation> {
    match shown {
        Ok(made) if made.id != requested.id => unknown("the reply is about another return"),
        Ok(made) => match made.observe(requested.end_to_end_id) {
            Ok(observation) => CallOutcome::Object(observation),
            Err(reason) => unknown(&reason),
        },
        Err(outcome) => outcome,
    }
}
