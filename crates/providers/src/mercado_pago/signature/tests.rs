use super::*;

const SECRET: &str = "your_secret_key_here";
const REQUEST: &str = "2066ca19-c6f1-498a-be75-1923005edd06";
const QUERY: &str = "data.id=999999999&type=payment";
const TIME: &str = "1742505638683";
const V1: &str = "28fe7557d9faae33f1283eb1423243ce48fc606c8afc17c8ad8ff70133d6a6f6";
const NOW_SECONDS: i64 = 1_742_505_638;

/// A delivery that is to be verified.
struct Case<'a> {
    header: &'a str,
    request: Option<&'a str>,
    query: &'a str,
    secrets: &'a [&'a str],
    now_seconds: i64,
}

impl Case<'_> {
    fn verdict(&self) -> Result<(Option<String>, Option<String>), WebhookRefused> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, self.header.parse().unwrap());
        if let Some(request) = self.request {
            headers.insert(REQUEST_ID, request.parse().unwrap());
        }
        let secrets: Vec<Secret> = self.secrets.iter().map(|secret| Secret::new(*secret)).collect();
        let head = WebhookHead { headers: &headers, query: self.query };
        let now = Timestamp(self.now_seconds * 1_000_000);
        verify(head, &secrets, Span::seconds(300), now).map(|delivery| {
            (delivery.object.map(|object| object.as_str().to_owned()), delivery.topic.map(str::to_owned))
        })
    }
}

fn case(header: &str) -> Case<'_> {
    Case { header, request: Some(REQUEST), query: QUERY, secrets: &[SECRET], now_seconds: NOW_SECONDS }
}

/// The header of a delivery whose signed text is this.
fn signed(text: &str, time: &str) -> String {
    format!("ts={time},v1={}", hex::encode(sign(&Secret::new(SECRET), text)))
}

const MALFORMED: WebhookRefused = WebhookRefused::SignatureMalformed;
const DOES_NOT_MATCH: WebhookRefused = WebhookRefused::SignatureDoesNotMatch;

#[test]
fn only_a_valid_signature_is_accepted() {
    let check = |header: &str, expected: Result<(), WebhookRefused>| {
        assert_eq!(case(header).verdict().map(drop), expected, "{header}");
    };
    let zeros = "0".repeat(64);
    check(&format!("ts={TIME},v1={V1}"), Ok(()));
    check(&format!("v1={V1}, ts={TIME}"), Ok(()));
    check(&format!("ts={TIME},v1={zeros},v1={V1}"), Ok(()));
    check(&format!("ts={TIME},v1=xyz,v1={V1},v2=x"), Ok(()));
    check(&format!("ts={TIME},v1={zeros}"), Err(DOES_NOT_MATCH));
    check(&format!("ts={TIME},v1={}", &V1[..62]), Err(DOES_NOT_MATCH));
    check(&format!("ts=0{TIME},v1={V1}"), Err(DOES_NOT_MATCH));
    check(&format!("ts=1742505638684,v1={V1}"), Err(DOES_NOT_MATCH));
    check(&format!("ts={TIME},v0={V1}"), Err(MALFORMED));
    check(&format!("v1={V1}"), Err(MALFORMED));
    check(&format!("ts={TIME},ts={TIME},v1={V1}"), Err(MALFORMED));
    check(&format!("ts=-{TIME},v1={V1}"), Err(MALFORMED));
    check(&format!("ts=,v1={V1}"), Err(MALFORMED));
    check(&format!("ts={},v1={V1}", "9".repeat(16)), Err(MALFORMED));
    check(&format!("ts={TIME},v1={V1},"), Err(MALFORMED));
    check(&format!("ts={TIME},{}v1={V1}", "v1=0,".repeat(8)), Err(MALFORMED));
    check(&format!("ts={TIME},v1={V1},v0={}", "0".repeat(3_000)), Err(MALFORMED));
    check("", Err(MALFORMED));
}

#[test]
fn each_signed_part_counts() {
    let header = format!("ts={TIME},v1={V1}");
    let check =
        |request: Option<&str>, query: &str, secrets: &[&str], expected: Result<(), WebhookRefused>| {
            let found = Case { request, query, secrets, ..case(&header) }.verdict().map(drop);
            assert_eq!(found, expected, "{request:?} {query} {secrets:?}");
        };
    let request = Some(REQUEST);
    check(request, "type=payment&data.id=999999999&a=b", &[SECRET], Ok(()));
    check(request, "data.id=999999999&type=other", &[SECRET], Ok(()));
    check(request, QUERY, &["new", SECRET], Ok(()));
    check(request, QUERY, &[SECRET, "old"], Ok(()));
    check(request, QUERY, &["other"], Err(DOES_NOT_MATCH));
    check(request, QUERY, &[], Err(DOES_NOT_MATCH));
    check(request, "data.id=999999998&type=payment", &[SECRET], Err(DOES_NOT_MATCH));
    check(request, "type=payment", &[SECRET], Err(DOES_NOT_MATCH));
    check(request, "id=999999999&type=payment", &[SECRET], Err(DOES_NOT_MATCH));
    check(None, QUERY, &[SECRET], Err(DOES_NOT_MATCH));
    check(Some("other"), QUERY, &[SECRET], Err(DOES_NOT_MATCH));
    // These have the signed bytes in other parts.
    check(None, &format!("data.id=999999999;request-id:{REQUEST}"), &[SECRET], Err(MALFORMED));
    check(Some("a;b"), QUERY, &[SECRET], Err(MALFORMED));
    check(request, "data.id=..%2F1&type=payment", &[SECRET], Err(MALFORMED));
}

#[test]
fn missing_parts_are_left_out_of_the_signed_text() {
    let check = |text: &str, request: Option<&str>, query: &str, object: Option<&str>| {
        let header = signed(text, TIME);
        let found = Case { request, query, ..case(&header) }.verdict();
        let expected = (object.map(str::to_owned), Some("payment".to_owned()));
        assert_eq!(found, Ok(expected), "{text}");
    };
    check(&format!("id:1;ts:{TIME};"), None, "data.id=1&topic=payment", Some("1"));
    check(&format!("request-id:r;ts:{TIME};"), Some("r"), "data.id=&type=payment", None);
    check(&format!("ts:{TIME};"), Some(""), "type=payment", None);
}

#[test]
fn an_id_is_signed_as_it_was_sent_or_in_lower_case() {
    let check = |text: &str, expected: Result<(), WebhookRefused>| {
        let header = signed(&format!("id:{text};ts:{TIME};"), TIME);
        let query = "data.id=ORD01J&type=order";
        let found = Case { request: None, query, ..case(&header) }.verdict().map(drop);
        assert_eq!(found, expected, "{text}");
    };
    check("ORD01J", Ok(()));
    check("ord01j", Ok(()));
    check("Ord01J", Err(DOES_NOT_MATCH));
}

#[test]
fn the_time_is_in_seconds_or_milliseconds_and_near() {
    let check = |time: &str, now_seconds: i64, expected: Result<(), WebhookRefused>| {
        let header = signed(&format!("id:999999999;request-id:{REQUEST};ts:{time};"), time);
        let found = Case { now_seconds, ..case(&header) }.verdict().map(drop);
        assert_eq!(found, expected, "{time} {now_seconds}");
    };
    for time in ["1742505638", "1742505638000"] {
        check(time, NOW_SECONDS + 300, Ok(()));
        check(time, NOW_SECONDS + 301, Err(WebhookRefused::SignatureIsTooOld));
        check(time, NOW_SECONDS - 300, Ok(()));
        check(time, NOW_SECONDS - 301, Err(WebhookRefused::SignatureIsFromTheFuture));
    }
    check("999999999999", NOW_SECONDS, Err(WebhookRefused::SignatureIsFromTheFuture));
    check("1000000000000", 1_000_000_000, Ok(()));
    // The clock is revealed only to a sender who knows the secret.
    let forged = format!("ts=1,v1={V1}");
    assert_eq!(case(&forged).verdict().map(drop), Err(DOES_NOT_MATCH));
}

#[test]
fn the_head_alone_shows_a_missing_or_malformed_signature() {
    let check = |header: Option<&str>, query: &str, expected: Result<(), WebhookRefused>| {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(HEADER, header.parse().unwrap());
        }
        assert_eq!(check_head(WebhookHead { headers: &headers, query }), expected, "{header:?} {query}");
    };
    check(None, QUERY, Err(WebhookRefused::SignatureMissing));
    check(Some("x"), QUERY, Err(MALFORMED));
    check(Some("ts=1,v1=0"), "data.id=%", Err(MALFORMED));
    check(Some("ts=1,v1=0"), QUERY, Ok(()));
}
