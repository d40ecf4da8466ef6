//! The id of a request, in its response, its log lines and its audit rows.

use std::sync::Arc;

use api::card_number;
use domain::Ids;
use http::HeaderMap;

pub const HEADER: &str = "x-request-id";
const CHARS_MAX: usize = 128;

/// The client's own id, if it is fit for logs and headers and holds no card number; otherwise a new
/// one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    pub fn of(headers: &HeaderMap, ids: &dyn Ids) -> RequestId {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(|text| is_sane(text));
        match given {
            Some(text) => RequestId(Arc::from(text)),
            None => RequestId(Arc::from(ids.next().as_hyphenated().encode_lower(&mut [0; 36]) as &str)),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn shared(&self) -> Arc<str> {
        self.0.clone()
    }
}

fn is_sane(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    (1..=CHARS_MAX).contains(&text.len()) && text.bytes().all(fine) && !card_number::is_in(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One;
    impl Ids for One {
        fn next(&self) -> uuid::Uuid {
            uuid::Uuid::from_u128(1)
        }
    }

    #[test]
    fn an_id_that_would_break_a_log_is_replaced() {
        const NEW: &str = "00000000-0000-0000-0000-000000000001";
        let long = "a".repeat(129);
        for (given, expected) in [
            ("req-1.a:b_c", "req-1.a:b_c"),
            ("", NEW),
            ("a b", NEW),
            ("<script>", NEW),
            (long.as_str(), NEW),
            ("req_4242-4242-4242-4242", NEW),
        ] {
            let headers = HeaderMap::from_iter([(HEADER.parse().unwrap(), given.parse().unwrap())]);
            assert_eq!(RequestId::of(&headers, &One).as_str(), expected, "{given}");
        }
        assert_eq!(RequestId::of(&HeaderMap::new(), &One).as_str(), NEW);
    }
}
