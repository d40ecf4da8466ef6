//! `GET /pix`: the Pix that were received, by their own time, page by page.

use serde_json::{Value, json};

use super::{
    cob::{StoredCob, StoredPix},
    refusal::PixRefusal,
    returns, text,
};
use crate::{books::AccountBooks, form::FormPairs};

const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1_000;

#[derive(Default)]
struct Criteria<'a> {
    begin: Option<(&'a str, i64)>,
    end: Option<(&'a str, i64)>,
    txid: Option<&'a str>,
    with_returns: Option<bool>,
    page: usize,
    rows: Option<usize>,
}

impl<'a> Criteria<'a> {
    fn read(pairs: &'a FormPairs) -> Result<Self, PixRefusal> {
        let mut read = Self::default();
        for (name, value) in pairs {
            let wrong = || PixRefusal::search(name);
            let time = || text::read_time(value).map(|at_ms| (value.as_str(), at_ms)).ok_or_else(wrong);
            let flag = || value.parse::<bool>().map_err(|_| wrong());
            let number = || value.parse::<usize>().map_err(|_| wrong());
            match name.as_str() {
                "inicio" => read.begin = Some(time()?),
                "fim" => read.end = Some(time()?),
                "txid" => read.txid = Some(value),
                // Every Pix of the sandbox has a txid.
                "txIdPresente" => drop(flag()?),
                "devolucaoPresente" => read.with_returns = Some(flag()?),
                "paginacao.paginaAtual" => read.page = number()?,
                "paginacao.itensPorPagina" => read.rows = Some(number()?),
                _ => return Err(wrong()),
            }
        }
        if read.rows.is_some_and(|rows| !(1..=PAGE_MAX).contains(&rows)) {
            return Err(PixRefusal::search("paginacao.itensPorPagina"));
        }
        Ok(read)
    }
}

pub fn list(held: &AccountBooks, pairs: &FormPairs) -> Result<Value, PixRefusal> {
    let criteria = Criteria::read(pairs)?;
    let ((begin, begin_ms), (end, end_ms)) = match (criteria.begin, criteria.end) {
        (Some(begin), Some(end)) if begin.1 <= end.1 => (begin, end),
        _ => return Err(PixRefusal::search("inicio")),
    };
    let fits = |(cob, pix): &(&StoredCob, &StoredPix)| {
        (begin_ms..=end_ms).contains(&pix.at_ms)
            && criteria.txid.is_none_or(|txid| cob.txid == txid)
            && criteria.with_returns.is_none_or(|wanted| wanted != pix.returns.is_empty())
    };
    let all = held.cobs.values().flat_map(|cob| cob.pix.iter().map(move |pix| (cob, pix)));
    let mut found: Vec<(&StoredCob, &StoredPix)> = all.filter(fits).collect();
    found.sort_by(|(_, a), (_, b)| (b.at_ms, &b.end_to_end_id).cmp(&(a.at_ms, &a.end_to_end_id)));
    let rows = criteria.rows.unwrap_or(PAGE_DEFAULT);
    let paging = json!({
        "paginaAtual": criteria.page, "itensPorPagina": rows,
        "quantidadeDePaginas": found.len().div_ceil(rows).max(1), "quantidadeTotalDeItens": found.len(),
    });
    let shown = found.into_iter().skip(criteria.page * rows).take(rows);
    let shown: Vec<Value> = shown.map(|(cob, pix)| pix.view(&cob.txid, &cob.key)).collect();
    Ok(json!({"parametros": {"inicio": begin, "fim": end, "paginacao": paging}, "pix": shown}))
}

pub fn show(held: &AccountBooks, id: &str) -> Result<Value, PixRefusal> {
    let (cob, position) = returns::find_pix(held, id)?;
    Ok(cob.pix[position].view(&cob.txid, &cob.key))
}
