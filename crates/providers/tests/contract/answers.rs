//! The table of replies and missing replies, with the outcome of each.

use testkit::scripted_server::{ServerStep, answer};

use crate::{
    calls::{Call, OutcomeKind},
    rows::ContractRow,
};

/// One reply of a provider to the first request of a call.
pub struct Answer {
    pub name: String,
    pub step: ServerStep,
    pub expected: OutcomeKind,
    /// The request is made once more, with another access token.
    pub is_repeated: bool,
}

const HTML: &str = "<html><body>502 Bad Gateway</body></html>";
/// Deeper than any recursion that a reader may make.
const DEEP: usize = 200_000;
/// Longer than any reply that is read.
const LONG_BYTES: usize = 1 << 20;

/// Errors in the provider's own form about our request: each status with its outcome.
const ERRORS: [(u16, OutcomeKind); 20] = [
    (400, OutcomeKind::Refused),
    (401, OutcomeKind::NotSent(None)),
    (402, OutcomeKind::Unknown),
    (403, OutcomeKind::NotSent(None)),
    (404, OutcomeKind::Refused),
    (405, OutcomeKind::Unknown),
    (408, OutcomeKind::Unknown),
    (409, OutcomeKind::Unknown),
    (410, OutcomeKind::Unknown),
    (418, OutcomeKind::Unknown),
    (422, OutcomeKind::Refused),
    (423, OutcomeKind::Unknown),
    (424, OutcomeKind::Unknown),
    (425, OutcomeKind::Unknown),
    (429, OutcomeKind::NotSent(None)),
    (500, OutcomeKind::Unknown),
    (501, OutcomeKind::Unknown),
    (502, OutcomeKind::Unknown),
    (503, OutcomeKind::Unknown),
    (504, OutcomeKind::Unknown),
];

/// `Retry-After`, and the pause that is kept.
const PAUSES: [(&str, Option<i64>); 6] = [
    ("retry-after: 7\r\n", Some(7)),
    ("retry-after: 99999\r\n", Some(3_600)),
    ("retry-after: -1\r\n", None),
    ("retry-after: soon\r\n", None),
    ("retry-after: Wed, 21 Oct\r\n", None),
    ("date: Sun, 06 Nov 1994 08:49:37 GMT\r\nretry-after: Sun, 06 Nov 1994 08:49:47 GMT\r\n", Some(10)),
];

/// Replies that come at once.
pub fn answers(row: &ContractRow, call: Call) -> Vec<Answer> {
    let mut answers = errors(row, call);
    answers.extend(redirects());
    answers.extend(unreadable(row, call));
    answers.extend(wrong_values(row, call));
    answers.extend(broken(row, call));
    answers
}

/// Replies that never end.
pub fn silences(row: &ContractRow, call: Call) -> Vec<Answer> {
    let whole = answer(200, "", &(row.replies)(call)[0].to_string());
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n".to_vec();
    vec![
        unknown("silence", ServerStep::AnswerAndStall(Vec::new())),
        unknown("silence after the headers", ServerStep::AnswerAndStall(head)),
        unknown("silence within the body", ServerStep::AnswerAndStall(whole[..whole.len() - 5].to_vec())),
    ]
}

fn of(name: impl Into<String>, step: ServerStep, expected: OutcomeKind) -> Answer {
    Answer { name: name.into(), step, expected, is_repeated: false }
}

fn unknown(name: impl Into<String>, step: ServerStep) -> Answer {
    of(name, step, OutcomeKind::Unknown)
}

fn errors(row: &ContractRow, call: Call) -> Vec<Answer> {
    let replied = |status: u16, headers: &str, body: &str| ServerStep::Answer(answer(status, headers, body));
    let mut answers = Vec::new();
    for (status, common) in ERRORS {
        let own = row.differs.iter().find(|(differs, _)| *differs == status);
        let expected = match own.map_or(common, |(_, expected)| *expected) {
            // Nobody may conclude from a refused look-up that there is no such object.
            OutcomeKind::Refused if status == 404 && row.particulars.absent.contains(&call) => {
                OutcomeKind::Object
            }
            OutcomeKind::Refused if call.is_list() => OutcomeKind::Unknown,
            expected => expected,
        };
        let body = (row.error)(status).to_string();
        let is_repeated = row.particulars.repeats.contains(&status);
        let form = of(format!("{status} in the provider's form"), replied(status, "", &body), expected);
        answers.push(Answer { is_repeated, ..form });
        let html = "content-type: text/html\r\n";
        let foreign = if status == 429 { common } else { OutcomeKind::Unknown };
        for body in [HTML, "", "{}", "null"] {
            let name = format!("{status} {body}");
            answers.push(Answer { is_repeated, ..of(name, replied(status, html, body), foreign) });
        }
    }
    let body = (row.error)(429).to_string();
    for (headers, seconds) in PAUSES {
        answers.push(of(headers, replied(429, headers, &body), OutcomeKind::NotSent(seconds)));
    }
    answers
}

/// A redirection is not followed: the call would be made at another place, or made again.
fn redirects() -> Vec<Answer> {
    let step = |status| ServerStep::Answer(answer(status, "location: /elsewhere\r\n", ""));
    [301, 302, 303, 307, 308].map(|status| unknown(format!("{status}"), step(status))).into()
}

fn unreadable(row: &ContractRow, call: Call) -> Vec<Answer> {
    let whole = (row.replies)(call)[0].to_string();
    let ok = |headers: &str, body: &str| ServerStep::Answer(answer(200, headers, body));
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(DEEP), close.repeat(DEEP));
    let mut answers: Vec<Answer> = [
        "",
        "{}",
        "null",
        "7",
        "\"text\"",
        "[[]]",
        "[[],false]",
        "[[],{\"total\":0}]",
        "{\"id\":{}}",
        "\u{fe0f}",
    ]
    .into_iter()
    .map(|body| unknown(format!("200 {body}"), ok("", body)))
    .collect();
    answers.extend([
        unknown("200 with a page", ok("content-type: text/html\r\n", HTML)),
        unknown("200 cut off", ok("", &whole[..whole.len() - 1])),
        unknown("200 with more behind it", ok("", &format!("{whole}{{}}"))),
        unknown("200 with deep arrays", ok("", &deep("[", "]"))),
        unknown("200 with deep objects", ok("", &deep("{\"id\":", "}"))),
        unknown("200 too long", ok("", &format!("{whole}{}", " ".repeat(LONG_BYTES)))),
        unknown("204", ServerStep::Answer(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())),
        // What a body says does not depend on its label, and only a part of the providers sends one.
        of("200 under another label", ok("content-type: text/plain\r\n", &whole), OutcomeKind::Object),
    ]);
    answers
}

/// A number that is no amount makes the whole object unreadable.
fn wrong_values(row: &ContractRow, call: Call) -> Vec<Answer> {
    // Events are stored as they are, and are read later.
    if matches!(call, Call::Events | Call::FetchEvents) {
        return Vec::new();
    }
    let amounts = ["1e30", "99999999999999999999", "-1", "0.0001", "1e-400", "\"NaN\"", "[]", "{}"];
    let with = |names: &[&str], value: &str| {
        ServerStep::Answer(answer(200, "", &row.replies_with(call, names, value)[0]))
    };
    let amounts = amounts.into_iter().filter(|_| !call.is_of_customer());
    amounts
        .map(|amount| unknown(format!("an amount of {amount}"), with(row.amounts, amount)))
        .chain([unknown("an id of another form", with(row.particulars.ids, "{}"))])
        .collect()
}

fn broken(row: &ContractRow, call: Call) -> Vec<Answer> {
    let whole = answer(200, "", &(row.replies)(call)[0].to_string());
    let long = " ".repeat(LONG_BYTES + 1);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n",
        long.len()
    );
    vec![
        unknown("reset before it was read", ServerStep::ResetUnread),
        unknown("reset before an answer", ServerStep::Reset),
        unknown("closed before an answer", ServerStep::AnswerAndClose(Vec::new())),
        unknown(
            "closed within the headers",
            ServerStep::AnswerAndClose(b"HTTP/1.1 200 OK\r\nconte".to_vec()),
        ),
        unknown("closed within the body", ServerStep::AnswerAndClose(whole[..whole.len() - 5].to_vec())),
        unknown("garbage", ServerStep::AnswerAndClose(b"\x00\xff\r\n\r\nSSH-2.0\r\n\r\n".to_vec())),
        unknown("endless headers", ServerStep::AnswerEndlessly(b"HTTP/1.1 200 OK\r\nx: y\r\n".to_vec())),
        unknown("a chunked body too long", ServerStep::Answer(chunked.into_bytes())),
    ]
}
