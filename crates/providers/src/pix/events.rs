//! Lost webhooks: the bank lists the Pix that were received (`GET /pix`), by their own time.
//!
//! A return, by us or by the customer's bank, may come months after its Pix, and the list has no time of
//! returns. So the Pix with returns of the last ninety days are listed as well, in each range in which an
//! hour begins.

use domain::{Timestamp, provider::CallOutcome, time::Span};
use serde::Deserialize;

use super::{
    charges::Charges,
    cob::ReceivedPix,
    ids,
    outcome::{self, MISSING, unknown},
    webhook,
};
use crate::{EventPage, VerifiedEvent, exchange::segment};

const PAGE_PIX: u32 = 100;
const HOUR: Span = Span::seconds(3_600);
/// A Pix can be returned for ninety days after it was received.
const RETURNED_WITHIN: Span = Span::seconds(90 * 86_400);
/// The circuit's subject of these calls.
const SUBJECT: &str = "events";

#[derive(Deserialize)]
struct ListedPix {
    parametros: Parameters,
    #[serde(default)]
    pix: Vec<ReceivedPix>,
}

#[derive(Deserialize)]
struct Parameters {
    paginacao: Paging,
}

#[derive(Deserialize)]
struct Paging {
    #[serde(rename = "quantidadeDePaginas")]
    pages: u32,
}

/// The two lists, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Received,
    WithReturns,
}

impl List {
    fn name(self) -> &'static str {
        match self {
            List::Received => "received",
            List::WithReturns => "with_returns",
        }
    }
}

impl Charges {
    /// `page` is a list and its page.
    pub async fn listed(
        &self,
        from: Timestamp,
        before: Timestamp,
        page: Option<&str>,
    ) -> CallOutcome<EventPage> {
        let Some((list, page)) = page.map_or(Some((List::Received, 0)), read_page) else {
            return unknown("the page is not one of this list");
        };
        let begin = if list == List::Received { from } else { from.minus(RETURNED_WITHIN) };
        let (Some(begin), Some(end)) = (to_time(begin), to_time(before)) else {
            return unknown("the time is not representable");
        };
        let filter = if list == List::Received { "txIdPresente" } else { "devolucaoPresente" };
        let path = format!(
            "/pix?inicio={}&fim={}&{filter}=true&paginacao.paginaAtual={page}&paginacao.itensPorPagina={PAGE_PIX}",
            segment(&begin),
            segment(&end)
        );
        let shown: ListedPix = match outcome::read(self.client.get(&path, SUBJECT).await) {
            Ok(shown) => shown,
            Err(outcome) => return outcome::looked_up(outcome),
        };
        let next = if page + 1 < shown.parametros.paginacao.pages {
            Some((list, page + 1))
        } else if list == List::Received && has_beginning_hour(from, before) {
            Some((List::WithReturns, 0))
        } else {
            None
        };
        CallOutcome::Object(EventPage {
            events: shown.pix.iter().filter_map(webhook::fetch_of_state).collect(),
            next: next.map(|(list, page)| format!("{}.{page}", list.name())),
        })
    }

    /// A charge and its returns as they are now. `object` is a `txid`, or the end-to-end id of a Pix whose
    /// `txid` was not delivered. What the bank does not have shows nothing.
    pub async fn events_of(&self, object: &str) -> CallOutcome<Vec<VerifiedEvent>> {
        let txid = if ids::payment(object).is_some() {
            object.to_owned()
        } else {
            match self.txid_of(object).await {
                Ok(Some(txid)) => txid,
                Ok(None) => return CallOutcome::Object(Vec::new()),
                Err(outcome) => return outcome,
            }
        };
        match self.cob(&txid).await {
            Ok(cob) => CallOutcome::Object(webhook::events_of(cob)),
            Err(CallOutcome::Refused { code, .. }) if code == MISSING => CallOutcome::Object(Vec::new()),
            Err(outcome) => outcome,
        }
    }

    /// The `txid` of a Pix, if it is one of ours.
    async fn txid_of<O>(&self, end_to_end_id: &str) -> Result<Option<String>, CallOutcome<O>> {
        let path = format!("/pix/{}", segment(end_to_end_id));
        match outcome::read::<ReceivedPix, O>(self.client.get(&path, end_to_end_id).await) {
            Ok(pix) if pix.end_to_end_id != end_to_end_id => Err(unknown("the reply is about another pix")),
            Ok(pix) => Ok(pix.txid.filter(|txid| ids::payment(txid).is_some())),
            Err(CallOutcome::Refused { code, .. }) if code == MISSING => Ok(None),
            Err(outcome) => Err(outcome),
        }
    }
}

fn read_page(page: &str) -> Option<(List, u32)> {
    let (list, page) = page.split_once('.')?;
    let list = [List::Received, List::WithReturns].into_iter().find(|known| known.name() == list)?;
    page.parse().ok().map(|page| (list, page))
}

fn has_beginning_hour(from: Timestamp, before: Timestamp) -> bool {
    from.0.div_euclid(HOUR.0) != before.0.div_euclid(HOUR.0)
}

/// RFC 3339 with milliseconds.
fn to_time(at: Timestamp) -> Option<String> {
    let at = jiff::Timestamp::from_microsecond(at.0).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}
