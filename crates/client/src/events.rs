//! The event log, read in order. No event that the key may see is skipped.
//!
//! A consumer stores the position of the event that it handled last, together with the effect, and
//! continues from there. An event that is read twice after a crash has the same `id`.

use std::time::Duration;

use api::requests::EventsQuery;
use api::views::{Event, Page};
use futures_util::Stream;
use futures_util::stream::unfold;

use crate::api_request::ApiRequest;
use crate::{Client, Result};

const PAGE_ROWS: i64 = api::limits::PAGE_ROWS_MAX;
const POLL_EVERY: Duration = Duration::from_secs(1);

/// The events after a position. Created by [`Client::events_after`].
#[must_use = "nothing is read before it is polled as a stream"]
#[derive(Clone, Debug)]
pub struct Events {
    client: Client,
    after: i64,
    page_rows: i64,
    poll_every: Duration,
}

impl Client {
    /// One page of events. `next_cursor` is always set, to continue from.
    pub async fn list_events(&self, query: &EventsQuery) -> Result<Page<Event>> {
        self.call(ApiRequest::search("/v1/events", query)).await
    }

    /// The events after this position; 0 starts at the first event.
    pub fn events_after(&self, position: i64) -> Events {
        Events { client: self.clone(), after: position, page_rows: PAGE_ROWS, poll_every: POLL_EVERY }
    }
}

impl Events {
    /// Events per request, 1 to 200 (200).
    pub fn page_rows(mut self, rows: i64) -> Events {
        self.page_rows = rows.clamp(1, PAGE_ROWS);
        self
    }

    /// How often to poll for new events when all are read (every second).
    pub fn poll_every(mut self, interval: Duration) -> Events {
        self.poll_every = interval;
        self
    }

    /// The events that exist now. Ends after the last of them, or with the first error.
    pub fn rest(self) -> impl Stream<Item = Result<Event>> + Send {
        self.stream(false)
    }

    /// The events that exist now and all later ones; never ends. An error loses nothing: the next
    /// poll waits for the interval and continues at the same position.
    pub fn follow(self) -> impl Stream<Item = Result<Event>> + Send {
        self.stream(true)
    }

    fn stream(self, follow: bool) -> impl Stream<Item = Result<Event>> + Send {
        let reader = Reader { after: self.after, events: self, page: Vec::new().into_iter(), pause: false };
        unfold(Some(reader), move |reader| async move {
            let mut reader = reader?;
            match reader.next(follow).await {
                Some(Err(error)) if !follow => Some((Err(error), None)),
                Some(next) => Some((next, Some(reader))),
                None => None,
            }
        })
    }
}

struct Reader {
    events: Events,
    /// The position of the event that was returned last.
    after: i64,
    page: std::vec::IntoIter<Event>,
    /// Whether the next poll waits for the interval.
    pause: bool,
}

impl Reader {
    async fn next(&mut self, follow: bool) -> Option<Result<Event>> {
        loop {
            if let Some(event) = self.page.next() {
                self.after = event.position;
                return Some(Ok(event));
            }
            if self.pause && !follow {
                return None;
            }
            if std::mem::take(&mut self.pause) {
                tokio::time::sleep(self.events.poll_every).await;
            }
            let query = EventsQuery { after: Some(self.after), limit: Some(self.events.page_rows) };
            match self.events.client.list_events(&query).await {
                Ok(page) => {
                    let mut events = page.data;
                    // Without this check, a server that repeats a page would be read forever.
                    events.retain(|event| event.position > self.after);
                    self.pause = events.is_empty();
                    self.page = events.into_iter();
                }
                Err(error) => {
                    self.pause = true;
                    return Some(Err(error));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
