//! All rows of a list, page by page.
//!
//! A page begins behind the last row of the one before, so rows that are added meanwhile push none out
//! and bring none twice.

use std::fmt;
use std::marker::PhantomData;

use api::limits::PAGE_ROWS_MAX;
use api::views::Page;
use futures_util::stream::{StreamExt as _, unfold};
use futures_util::{Stream, TryStreamExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api_request::ApiRequest;
use crate::{Client, Error, Result};

/// The rows of one list. Made by the calls of [`Client`] that begin with `all_`.
#[must_use = "nothing is read before it is polled as a stream"]
pub struct Listing<T> {
    client: Client,
    path: String,
    /// The parameters as they are sent; the cursor is the last one's, once there is one.
    query: Vec<(String, String)>,
    row: PhantomData<fn() -> T>,
}

const CURSOR: &str = "cursor";
const LIMIT: &str = "limit";

impl<T: DeserializeOwned + Send + 'static> Listing<T> {
    /// From the query's own cursor on, if it has one; with its limit, or as many a page as there may be.
    pub(crate) fn of(client: &Client, path: impl Into<String>, query: &impl Serialize) -> Listing<T> {
        let text = serde_urlencoded::to_string(query).expect("queries are flat records of texts and numbers");
        let query = serde_urlencoded::from_str(&text).expect("what was written can be read");
        let mut rows = Listing { client: client.clone(), path: path.into(), query, row: PhantomData };
        if !rows.query.iter().any(|(name, _)| name == LIMIT) {
            rows.set(LIMIT, PAGE_ROWS_MAX.to_string());
        }
        rows
    }

    /// One after another. Ends with the last row, or with the first error.
    pub fn stream(self) -> impl Stream<Item = Result<T>> + Send {
        unfold(Some(self), |rows| async move {
            let mut rows = rows?;
            match rows.page().await {
                Ok((page, true)) => Some((Ok(page), Some(rows))),
                Ok((page, false)) => Some((Ok(page), None)),
                Err(error) => Some((Err(error), None)),
            }
        })
        .map_ok(|page| futures_util::stream::iter(page.into_iter().map(Ok)))
        .try_flatten()
        .boxed()
    }

    /// All of them at once: for a list that is known to be short.
    pub async fn collect(self) -> Result<Vec<T>> {
        self.stream().try_collect().await
    }

    /// The next page, and whether another one follows.
    async fn page(&mut self) -> Result<(Vec<T>, bool)> {
        let page: Page<T> = self.client.ask(ApiRequest::search(&self.path, &self.query)).await?;
        let Some(next) = page.next_cursor else { return Ok((page.data, false)) };
        if self.query.iter().any(|(name, value)| name == CURSOR && *value == next) {
            return Err(Error::Invalid("the server leads from a page to the same page".to_owned()));
        }
        self.set(CURSOR, next);
        Ok((page.data, true))
    }

    fn set(&mut self, name: &str, value: String) {
        self.query.retain(|(other, _)| other != name);
        self.query.push((name.to_owned(), value));
    }
}

impl<T> fmt::Debug for Listing<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Rows").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use api::requests::{ListQuery, PaymentsQuery};
    use api::views::LedgerAccount;

    use super::*;
    use crate::script::{Script, ScriptStep, answer, not_sent};

    fn page(names: &[&str], next: Option<&str>) -> ScriptStep {
        let row = |name: &&str| {
            serde_json::json!({
                "id": uuid::Uuid::nil(), "name": name, "created_at": "2026-07-01T09:00:00Z",
                "balance": { "minor": 0, "currency": "EUR" },
            })
        };
        let data: Vec<_> = names.iter().map(row).collect();
        answer(200, serde_json::json!({ "data": data, "next_cursor": next }).to_string())
    }

    fn asked(script: &Script) -> Vec<String> {
        script.calls().iter().map(|call| call.target.clone()).collect()
    }

    #[tokio::test]
    async fn pages_are_read_to_the_last() {
        let script = Script::of([page(&["a", "b"], Some("x")), page(&["c"], Some("y z")), page(&[], None)]);
        let rows = script.client().all_ledger_accounts(&ListQuery::default()).collect().await.unwrap();
        assert_eq!(rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        let path = "/v1/ledger/accounts?limit=200";
        assert_eq!(
            asked(&script),
            [path.to_owned(), format!("{path}&cursor=x"), format!("{path}&cursor=y+z")]
        );
    }

    #[tokio::test]
    async fn a_query_keeps_its_filters_its_limit_and_its_cursor() {
        let script =
            Script::of([answer(200, r#"{"data":[],"next_cursor":"b"}"#), answer(200, r#"{"data":[]}"#)]);
        let query = PaymentsQuery {
            reference: Some("a&b".to_owned()),
            limit: Some(7),
            cursor: Some("a".to_owned()),
            ..PaymentsQuery::default()
        };
        assert_eq!(script.client().all_payments(&query).collect().await, Ok(vec![]));
        let path = "/v1/payments?reference=a%26b&limit=7";
        assert_eq!(asked(&script), [format!("{path}&cursor=a"), format!("{path}&cursor=b")]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_ends_it_and_no_page_is_read_for_ever() {
        let script = Script::of([page(&["a"], Some("x")), not_sent()]);
        let rows: Vec<Result<LedgerAccount>> =
            script.client().all_ledger_accounts(&ListQuery::default()).stream().collect().await;
        assert_eq!(rows.len(), 2);
        assert!(rows[0].is_ok() && rows[1].is_err());
        let script = Script::of([page(&["a"], Some("x"))]);
        let rows = script.client().all_ledger_accounts(&ListQuery::default()).collect().await;
        assert!(matches!(rows, Err(Error::Invalid(_))), "{rows:?}");
        assert_eq!(script.calls().len(), 2);
    }
}
