//! All rows of a list, page by page.
//!
//! A page starts after the last row of the one before, so rows that are added meanwhile neither
//! remove nor repeat a row.

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

/// The rows of one list. Created by the calls of [`Client`] that begin with `all_`.
#[must_use = "nothing is read before it is polled as a stream"]
pub struct Listing<T> {
    client: Client,
    path: String,
    /// The parameters as they are sent; the cursor is replaced by that of the last page.
    query: Vec<(String, String)>,
    row: PhantomData<fn() -> T>,
}

const CURSOR: &str = "cursor";
const LIMIT: &str = "limit";

impl<T: DeserializeOwned + Send + 'static> Listing<T> {
    /// Starts at the query's own cursor, if it has one, and uses its limit, or the largest page.
    pub(crate) fn new(client: &Client, path: impl Into<String>, query: &impl Serialize) -> Listing<T> {
        let text =
            serde_urlencoded::to_string(query).expect("queries are flat records of strings and numbers");
        let query = serde_urlencoded::from_str(&text).expect("the query was just written");
        let mut listing = Listing { client: client.clone(), path: path.into(), query, row: PhantomData };
        if !listing.query.iter().any(|(name, _)| name == LIMIT) {
            listing.set(LIMIT, PAGE_ROWS_MAX.to_string());
        }
        listing
    }

    /// All rows in order. Ends with the last row, or with the first error.
    pub fn stream(self) -> impl Stream<Item = Result<T>> + Send {
        unfold(Some(self), |listing| async move {
            let mut listing = listing?;
            match listing.page().await {
                Ok((page, true)) => Some((Ok(page), Some(listing))),
                Ok((page, false)) => Some((Ok(page), None)),
                Err(error) => Some((Err(error), None)),
            }
        })
        .map_ok(|page| futures_util::stream::iter(page.into_iter().map(Ok)))
        .try_flatten()
        .boxed()
    }

    /// All rows at once, for a list that is known to be short.
    pub async fn collect(self) -> Result<Vec<T>> {
        self.stream().try_collect().await
    }

    /// The next page, and whether another one follows.
    async fn page(&mut self) -> Result<(Vec<T>, bool)> {
        let page: Page<T> = self.client.call(ApiRequest::search(&self.path, &self.query)).await?;
        let Some(next) = page.next_cursor else { return Ok((page.data, false)) };
        if self.query.iter().any(|(name, value)| name == CURSOR && *value == next) {
            return Err(Error::Invalid("the server's next page is the same page".to_owned()));
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
        out.debug_struct("Listing").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use api::requests::{LedgerAccountsQuery, PaymentsQuery};
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

    fn requested(script: &Script) -> Vec<String> {
        script.calls().iter().map(|call| call.target.clone()).collect()
    }

    #[tokio::test]
    async fn all_pages_are_read() {
        let script = Script::new([page(&["a", "b"], Some("x")), page(&["c"], Some("y z")), page(&[], None)]);
        let found =
            script.client().all_ledger_accounts(&LedgerAccountsQuery::default()).collect().await.unwrap();
        assert_eq!(found.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        let path = "/v1/ledger/accounts?limit=200";
        assert_eq!(
            requested(&script),
            [path.to_owned(), format!("{path}&cursor=x"), format!("{path}&cursor=y+z")]
        );
    }

    #[tokio::test]
    async fn a_query_keeps_its_filters_its_limit_and_its_cursor() {
        let script =
            Script::new([answer(200, r#"{"data":[],"next_cursor":"b"}"#), answer(200, r#"{"data":[]}"#)]);
        let query = PaymentsQuery {
            reference: Some("a&b".to_owned()),
            limit: Some(7),
            cursor: Some("a".to_owned()),
            ..PaymentsQuery::default()
        };
        assert_eq!(script.client().all_payments(&query).collect().await, Ok(vec![]));
        let path = "/v1/payments?reference=a%26b&limit=7";
        assert_eq!(requested(&script), [format!("{path}&cursor=a"), format!("{path}&cursor=b")]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_or_a_repeated_page_ends_the_stream() {
        let script = Script::new([page(&["a"], Some("x")), not_sent()]);
        let found: Vec<Result<LedgerAccount>> =
            script.client().all_ledger_accounts(&LedgerAccountsQuery::default()).stream().collect().await;
        assert_eq!(found.len(), 2);
        assert!(found[0].is_ok() && found[1].is_err());
        let script = Script::new([page(&["a"], Some("x"))]);
        let found = script.client().all_ledger_accounts(&LedgerAccountsQuery::default()).collect().await;
        assert!(matches!(found, Err(Error::Invalid(_))), "{found:?}");
        assert_eq!(script.calls().len(), 2);
    }
}
