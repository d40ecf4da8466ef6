//! `GET /v1/payments/search`: payments by reference, status and time, page by page.
//!
//! The index may lag (`search_lag_ms`): a payment that changed a moment ago is then missing, so a
//! search that finds nothing proves nothing.

use serde::Serialize;

use super::{
    ReadContext, date,
    payment::StoredPayment,
    refusal::MercadoPagoRefusal,
    view::{self, PaymentView},
};
use crate::form::FormPairs;

const LIMIT_DEFAULT: usize = 30;
const LIMIT_MAX: usize = 1_000;
/// No page ends behind this many payments.
const REACH_MAX: usize = 10_000;
/// The cause of a page that is too large.
const TOO_MANY_ROWS: u16 = 1000;

#[derive(Clone, Copy)]
enum Time {
    Created,
    Updated,
}

impl Time {
    fn read(name: &str, text: &str) -> Result<Self, MercadoPagoRefusal> {
        match text {
            "date_created" => Ok(Self::Created),
            "date_last_updated" => Ok(Self::Updated),
            _ => Err(MercadoPagoRefusal::bad_request(format!("Invalid value for {name}"))),
        }
    }

    fn of_payment(self, payment: &StoredPayment) -> i64 {
        match self {
            Self::Created => payment.created_ms,
            Self::Updated => payment.updated_ms,
        }
    }
}

#[derive(Default)]
struct Criteria {
    sort: Option<Time>,
    descending: Option<bool>,
    external_reference: Option<String>,
    status: Option<String>,
    range: Option<Time>,
    begin_ms: Option<i64>,
    end_ms: Option<i64>,
    limit: Option<usize>,
    offset: Option<usize>,
}

#[derive(Serialize)]
struct Page<'a> {
    paging: Paging,
    results: Vec<PaymentView<'a>>,
}

#[derive(Serialize)]
struct Paging {
    total: usize,
    limit: usize,
    offset: usize,
}

pub fn search(context: &ReadContext, pairs: &FormPairs) -> Result<Vec<u8>, MercadoPagoRefusal> {
    let criteria = Criteria::read(pairs)?;
    let sort = criteria.sort.ok_or_else(|| MercadoPagoRefusal::missing("sort"))?;
    let descending = criteria.descending.ok_or_else(|| MercadoPagoRefusal::missing("criteria"))?;
    let (limit, offset) = (criteria.limit.unwrap_or(LIMIT_DEFAULT), criteria.offset.unwrap_or(0));
    if offset.saturating_add(limit) > REACH_MAX {
        return Err(MercadoPagoRefusal::caused(TOO_MANY_ROWS, "Number of rows exceeded the limits"));
    }
    let indexed = context.held.payments.values();
    let mut found: Vec<&StoredPayment> = indexed
        .filter(|payment| payment.updated_ms <= context.indexed_until_ms && criteria.fits(payment))
        .collect();
    found.sort_by_key(|payment| (sort.of_payment(payment), &payment.id));
    if descending {
        found.reverse();
    }
    let paging = Paging { total: found.len(), limit, offset };
    let results = found.into_iter().skip(offset).take(limit).map(StoredPayment::view).collect();
    Ok(view::json(&Page { paging, results }))
}

impl Criteria {
    fn read(pairs: &FormPairs) -> Result<Self, MercadoPagoRefusal> {
        let mut read = Self::default();
        for (name, value) in pairs {
            let invalid = || MercadoPagoRefusal::bad_request(format!("Invalid value for {name}"));
            let time = || date::read(value).ok_or_else(|| MercadoPagoRefusal::invalid_date(name));
            let count = || value.parse::<usize>().map_err(|_| invalid());
            match name.as_str() {
                "sort" => read.sort = Some(Time::read(name, value)?),
                "criteria" => {
                    read.descending = Some(match value.as_str() {
                        "asc" => false,
                        "desc" => true,
                        _ => return Err(invalid()),
                    });
                }
                "external_reference" => read.external_reference = Some(value.clone()),
                "status" => read.status = Some(value.clone()),
                "range" => read.range = Some(Time::read(name, value)?),
                "begin_date" => read.begin_ms = Some(time()?),
                "end_date" => read.end_ms = Some(time()?),
                "limit" => read.limit = Some(count()?),
                "offset" => read.offset = Some(count()?),
                _ => return Err(MercadoPagoRefusal::unknown_name(name)),
            }
        }
        if read.limit.is_some_and(|limit| limit > LIMIT_MAX) {
            return Err(MercadoPagoRefusal::caused(TOO_MANY_ROWS, "Number of rows exceeded the limits"));
        }
        let bounds = (read.begin_ms, read.end_ms);
        match (read.range, bounds) {
            (Some(_), (Some(_), Some(_))) | (None, (None, None)) => Ok(read),
            _ => Err(MercadoPagoRefusal::bad_request("range, begin_date and end_date belong together")),
        }
    }

    fn fits(&self, payment: &StoredPayment) -> bool {
        let in_range = self.range.is_none_or(|range| {
            let at_ms = range.of_payment(payment);
            self.begin_ms.is_none_or(|begin| begin <= at_ms) && self.end_ms.is_none_or(|end| at_ms <= end)
        });
        let reference = self.external_reference.as_ref();
        in_range
            && reference.is_none_or(|reference| payment.external_reference.as_ref() == Some(reference))
            && self.status.as_ref().is_none_or(|status| payment.status.name() == status)
    }
}
