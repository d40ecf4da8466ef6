//! Pages: the number of rows, and the start of the next page.

use api::limits::{PAGE_ROWS, PAGE_ROWS_MAX};
use api::openapi::ApiOperation;
use api::requests::ListQuery;
use api::views::Page;
use axum::extract::FromRequestParts;
use domain::Timestamp;
use http::request::Parts;
use store::queries::Cursor;
use uuid::Uuid;

use super::endpoint::Extractor;
use super::read_request::QueryParameters;
use super::{App, RefusedRequest};

pub fn limit(requested: Option<i64>) -> Result<usize, RefusedRequest> {
    let limit = requested.unwrap_or(PAGE_ROWS);
    if (1..=PAGE_ROWS_MAX).contains(&limit) {
        Ok(limit as usize)
    } else {
        Err(RefusedRequest::parameter("limit", format!("must be between 1 and {PAGE_ROWS_MAX}")))
    }
}

/// Opaque to clients: an instant and an id. It is written in letters only, because some random
/// digits would be taken for a card number.
pub fn cursor(text: Option<&str>) -> Result<Option<Cursor>, RefusedRequest> {
    text.map(|text| read(text).ok_or_else(|| RefusedRequest::parameter("cursor", "is none of ours")))
        .transpose()
}

fn read(text: &str) -> Option<Cursor> {
    let bytes: [u8; 24] = bytes(text)?.try_into().ok()?;
    let (at, id) = bytes.split_at(8);
    Some(Cursor {
        created_at: Timestamp(i64::from_be_bytes(at.try_into().ok()?)),
        id: Uuid::from_slice(id).ok()?,
    })
}

fn write(cursor: Cursor) -> String {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&cursor.created_at.0.to_be_bytes());
    bytes[8..].copy_from_slice(cursor.id.as_bytes());
    text(&bytes)
}

/// Two letters per byte, each one of the first sixteen of the alphabet.
fn text(bytes: &[u8]) -> String {
    let letter = |nibble: u8| char::from(b'a' + nibble);
    bytes.iter().flat_map(|byte| [letter(byte >> 4), letter(byte & 15)]).collect()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let nibble = |letter: u8| letter.checked_sub(b'a').filter(|nibble| *nibble < 16);
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect()
}

/// A page of `limit` rows. One more row was read: if it exists, there is a next page.
pub fn page<R, V>(
    mut rows: Vec<R>,
    limit: usize,
    at: impl Fn(&R) -> Cursor,
    view: impl Fn(R) -> V,
) -> Page<V> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| write(at(row)));
    Page { data: rows.into_iter().map(view).collect(), next_cursor }
}

/// The page that a request names by `limit` and `cursor`.
pub struct PageRequest {
    pub after: Option<Cursor>,
    limit: usize,
}

impl PageRequest {
    pub fn read(query: &ListQuery) -> Result<PageRequest, RefusedRequest> {
        Ok(PageRequest { limit: limit(query.limit)?, after: cursor(query.cursor.as_deref())? })
    }

    pub fn first(limit: usize) -> PageRequest {
        PageRequest { after: None, limit }
    }

    /// One row more than the page has.
    pub fn rows_max(&self) -> usize {
        self.limit + 1
    }

    /// `place` is the instant and the id that the list is ordered by.
    pub fn of<R, V>(
        &self,
        rows: Vec<R>,
        place: impl Fn(&R) -> (Timestamp, Uuid),
        view: impl Fn(R) -> V,
    ) -> Page<V> {
        let at = |row: &R| {
            let (created_at, id) = place(row);
            Cursor { created_at, id }
        };
        page(rows, self.limit, at, view)
    }
}

impl FromRequestParts<App> for PageRequest {
    type Rejection = RefusedRequest;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<PageRequest, RefusedRequest> {
        let QueryParameters(query) = QueryParameters::<ListQuery>::from_request_parts(parts, app).await?;
        PageRequest::read(&query)
    }
}

impl Extractor for PageRequest {
    fn describe(operation: &mut ApiOperation) {
        QueryParameters::<ListQuery>::describe(operation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: i64) -> Cursor {
        Cursor { created_at: Timestamp(number), id: Uuid::from_u128(7) }
    }

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        for number in [0, -1, i64::MAX, 1_767_225_600_000_000] {
            assert_eq!(cursor(Some(&write(at(number)))).unwrap(), Some(at(number)));
        }
        assert_eq!(cursor(None).unwrap(), None);
        for refused in ["", "zz", "aa", &"a".repeat(47), &"a".repeat(50), &"q".repeat(48), "' or 1=1"] {
            assert_eq!(cursor(Some(refused)).unwrap_err().problem.code, "validation_failed", "{refused}");
        }
    }

    #[test]
    fn the_last_page_has_no_next() {
        let of = |rows: &[i64]| page(rows.to_vec(), 2, |row| at(*row), |row| row * 10);
        assert_eq!(of(&[1, 2, 3]), Page { data: vec![10, 20], next_cursor: Some(write(at(2))) });
        assert_eq!(of(&[1, 2]), Page { data: vec![10, 20], next_cursor: None });
        assert_eq!(of(&[]), Page::whole(vec![]));
    }

    #[test]
    fn a_limit_has_limits() {
        assert_eq!(limit(None).unwrap(), 50);
        assert_eq!(limit(Some(200)).unwrap(), 200);
        for refused in [0, -1, 201, i64::MAX] {
            assert_eq!(limit(Some(refused)).unwrap_err().problem.errors[0].pointer, "/limit");
        }
    }
}
