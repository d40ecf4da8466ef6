//! Finds the end of one HTTP/1.1 message: RFC 9112, section 6. Nothing else of it is interpreted.

const HEADERS_MAX: usize = 100;

/// Not HTTP/1.1, or without a definite end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// The length of the request at the beginning of these bytes; `None` if it is not complete yet.
pub(super) fn request_length(bytes: &[u8]) -> Result<Option<usize>, Unreadable> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => end(bytes, head, request.headers, Some(0)),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => Err(Unreadable),
    }
}

/// The same for a response. A response without a length ends with its connection, and is never
/// complete.
pub(super) fn response_length(bytes: &[u8]) -> Result<Option<usize>, Unreadable> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => {
            let empty = matches!(response.code, Some(204 | 304)).then_some(0);
            end(bytes, head, response.headers, empty)
        }
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => Err(Unreadable),
    }
}

/// `silent` is the length of the body if no header states one.
fn end(
    bytes: &[u8],
    head: usize,
    headers: &[httparse::Header],
    silent: Option<usize>,
) -> Result<Option<usize>, Unreadable> {
    let named = |name: &str| {
        let found = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| String::from_utf8_lossy(header.value).trim().to_ascii_lowercase())
    };
    let body = match (named("transfer-encoding"), named("content-length")) {
        (Some(coding), _) if coding.ends_with("chunked") => return chunks_end(bytes, head),
        (Some(_), _) => return Err(Unreadable),
        (None, Some(length)) => length.parse::<usize>().map_err(|_| Unreadable)?,
        (None, None) => match silent {
            Some(length) => length,
            None => return Ok(None),
        },
    };
    let end = head.checked_add(body).ok_or(Unreadable)?;
    Ok((bytes.len() >= end).then_some(end))
}

/// RFC 9112, section 7.1, without trailers: no peer here sends them.
fn chunks_end(bytes: &[u8], head: usize) -> Result<Option<usize>, Unreadable> {
    let mut at = head;
    loop {
        let Some(rest) = bytes.get(at..) else { return Ok(None) };
        let (line, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(Unreadable),
        };
        let size = usize::try_from(size).map_err(|_| Unreadable)?;
        let after = at.checked_add(line).and_then(|at| at.checked_add(size)).ok_or(Unreadable)?;
        at = after.checked_add(2).ok_or(Unreadable)?;
        if size == 0 {
            return Ok((bytes.len() >= at).then_some(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_where_its_head_states() {
        let check = |message: &str, expected: Result<Option<usize>, Unreadable>| {
            let found = if message.starts_with("HTTP/") { response_length } else { request_length };
            assert_eq!(found(message.as_bytes()), expected, "{message:?}");
        };
        let whole = |message: &str| check(message, Ok(Some(message.len())));
        whole("GET /a HTTP/1.1\r\nhost: b\r\n\r\n");
        whole("POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
        whole(
            "POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
        );
        whole("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        whole("HTTP/1.1 204 No Content\r\n\r\n");
        check("GET /a HTTP/1.1\r\nhost: b\r\n\r\nGET /", Ok(Some(28)));
        check("", Ok(None));
        check("POST /a HT", Ok(None));
        check("POST /a HTTP/1.1\r\ncontent-length: 3\r\n\r\nab", Ok(None));
        check("POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r", Ok(None));
        check("HTTP/1.1 200 OK\r\n\r\nuntil it closes", Ok(None));
        check("POST /a HTTP/1.1\r\ncontent-length: three\r\n\r\n", Err(Unreadable));
        check("POST /a HTTP/1.1\r\ncontent-length: 18446744073709551615\r\n\r\n", Err(Unreadable));
        check("POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", Err(Unreadable));
        check("\u{1}\u{2} no http\r\n\r\n", Err(Unreadable));
    }
}
