//! The event log, read in order; nothing that the key may see is passed over.
//!
//! A reader keeps the position of the event that it handled last, together with what it did about it, and
//! reads on from there. What is read twice after a crash has the same `id`.

use std::time::Duration;

use api::requests::EventsQuery;
use api::views::{Event, Page};
use futures_util::Stream;
use futures_util::stream::unfold;

use crate::api_request::ApiRequest;
use crate::{Client, Result};

const PAGE_ROWS: i64 = api::limits::PAGE_ROWS_MAX;
const POLL_EVERY: Duration = Duration::from_secs(1);

/// The events after a position. Made by [`Client::events_after`].
#[must_use = "nothing is read before it is polled as a stream"]
#[derive(Clone, Debug)]
pub struct Events {
    client: Client,
    after: i64,
    page_rows: i64,
    poll_every: Duration,
}

impl Client {
    /// One page of events. There is always a position to read on from: `next_cursor`.
    pub async fn list_events(&self, query: &EventsQuery) -> Result<Page<Event>> {
        self.ask(ApiRequest::search("/v1/events", query)).await
    }

    /// The events after this position; 0 begins at the beginning.
    pub fn events_after(&self, position: i64) -> Events {
        Events { client: self.clone(), after: position, page_rows: PAGE_ROWS, poll_every: POLL_EVERY }
    }
}

impl Events {
    /// Events of one request, 1 to 200 (200).
    pub fn page_rows(mut self, rows: i64) -> Events {
        self.page_rows = rows.clamp(1, PAGE_ROWS);
        self
    }

    /// How often it is looked for new events once all are read (every second).
    pub fn poll_every(mut self, interval: Duration) -> Events {
        self.poll_every = interval;
        self
    }

    /// Those that are there by now. Ends with the last of them, or with the first error.
    pub fn rest(self) -> impl Stream<Item = Result<Event>> + Send {
        self.stream(false)
    }

    /// Those that are there, and all that come. Never ends. An error is told and nothing is lost by it:
    /// polled again, the stream waits for its interval and goes on where it was.
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
    /// The position that was given out last.
    after: i64,
    page: std::vec::IntoIter<Event>,
    /// Whether the next look waits for the interval.
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
                    // A server that gave again what was read would be read forever.
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
