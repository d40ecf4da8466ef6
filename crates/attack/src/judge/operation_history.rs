//! The journal's account of each operation.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::findings::Findings;
use crate::journal::{self, JournalLine};
use crate::operation_request::{ExpectedEffect, ReplyCounts, ReplyKind};

/// The requests and answers of one idempotency key.
#[derive(Clone, Debug)]
pub struct RecordedOperation {
    pub operation: String,
    pub key: String,
    /// The expected effect of the first request.
    pub wants: ExpectedEffect,
    pub may_be_refused: bool,
    pub sent: u64,
    /// The first settled answer, or the last refusal.
    pub answer: Option<DefiniteAnswer>,
    /// Answers that came after the settled one and differ from it.
    pub others: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefiniteAnswer {
    pub status: u16,
    pub body_sha256: Option<String>,
    pub id: Option<String>,
    pub state: Option<String>,
    /// The provider's id of the object.
    pub object: Option<String>,
    /// It was done, declined or replayed. A refusal that is not stored may change.
    pub settled: bool,
}

impl DefiniteAnswer {
    /// Compares the bytes if both are known.
    fn is_the_same(&self, other: &DefiniteAnswer) -> bool {
        let bytes = self.body_sha256.is_none()
            || other.body_sha256.is_none()
            || self.body_sha256 == other.body_sha256;
        bytes && (self.status, &self.id, &self.state) == (other.status, &other.id, &other.state)
    }
}

impl RecordedOperation {
    pub fn is_done(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| matches!(answer.status, 200 | 201))
    }

    /// No fault of an attack is a reason not to do it: it is done if the client retries often
    /// enough. Captures and refunds are left out: some that compete for the same money are refused,
    /// and those of an order are checked as its steps.
    fn can_be_done(&self) -> bool {
        let kind = matches!(
            self.wants,
            ExpectedEffect::Charge { .. } | ExpectedEffect::Authorize { .. } | ExpectedEffect::Seats
        );
        kind && !self.may_be_refused
    }

    fn record_answer(&mut self, answer: DefiniteAnswer, code: Option<&str>) {
        match &mut self.answer {
            Some(first) if first.settled => {
                if !first.is_the_same(&answer) {
                    let code = code.unwrap_or_default();
                    self.others.push(format!("{} and then {} {code}", first.status, answer.status));
                } else if first.body_sha256.is_none() {
                    // The SDK kept no bytes of the first answer, so the next answer with bytes
                    // stands for it.
                    first.body_sha256 = answer.body_sha256;
                }
            }
            _ => self.answer = Some(answer),
        }
    }

    pub fn summary(&self) -> String {
        let answer =
            self.answer.as_ref().map_or("nothing definite".to_owned(), |answer| answer.status.to_string());
        format!("{} (sent {} times, answered {answer})", self.operation, self.sent)
    }
}

/// The journal, by key.
#[derive(Clone, Debug, Default)]
pub struct OperationHistory {
    pub operations: BTreeMap<String, RecordedOperation>,
    pub replies: ReplyCounts,
}

impl OperationHistory {
    pub fn read(path: &Path) -> io::Result<OperationHistory> {
        Ok(OperationHistory::of(journal::read(path)?))
    }

    pub fn of(lines: impl IntoIterator<Item = JournalLine>) -> OperationHistory {
        let mut history = OperationHistory::default();
        let mut keys: BTreeMap<u64, String> = BTreeMap::new();
        for line in lines {
            history.take(line, &mut keys);
        }
        history
    }

    fn take(&mut self, line: JournalLine, keys: &mut BTreeMap<u64, String>) {
        match line {
            JournalLine::Sent { number, operation, key, wants, may_be_refused, .. } => {
                keys.insert(number, key.clone());
                let fresh = || RecordedOperation {
                    operation,
                    key: key.clone(),
                    wants,
                    may_be_refused,
                    sent: 0,
                    answer: None,
                    others: Vec::new(),
                };
                self.operations.entry(key.clone()).or_insert_with(fresh).sent += 1;
            }
            JournalLine::Answered {
                number,
                status,
                replayed,
                code,
                id,
                state,
                object,
                retryable,
                body_sha256,
                ..
            } => {
                let kind = ReplyKind::of(status, replayed, code.as_deref(), retryable);
                self.count(kind);
                // A changed body under a used key is another request. Its refusal is not the key's
                // answer.
                let definite = kind.is_definite() && kind != ReplyKind::Mismatch;
                let operation = keys.get(&number).and_then(|key| self.operations.get_mut(key));
                if let Some(operation) = operation.filter(|_| definite) {
                    let settled = kind != ReplyKind::Refused;
                    operation.record_answer(
                        DefiniteAnswer { status, body_sha256, id, state, object, settled },
                        code.as_deref(),
                    );
                }
            }
            JournalLine::Lost { .. } => self.count(ReplyKind::Lost),
        }
    }

    fn count(&mut self, kind: ReplyKind) {
        *self.replies.entry(kind.name()).or_default() += 1;
    }

    /// Checks what the client can see for itself.
    pub fn judge(&self, findings: &Findings) {
        for operation in self.operations.values() {
            findings
                .always("every_operation_is_definite", operation.answer.is_some(), || operation.summary());
            if operation.can_be_done() {
                findings.always("what_can_be_done_is_done", operation.is_done(), || operation.summary());
            }
            findings.always("one_answer_a_key", operation.others.is_empty(), || {
                format!("{} was answered {}", operation.operation, operation.others.join(", "))
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenarios::SCENARIOS;

    /// The answers of one key in order: status, whether replayed, code, hash of the body.
    fn broken(answers: &[(u16, bool, Option<&str>, &str)]) -> Vec<&'static str> {
        broken_of(&ExpectedEffect::Nothing, false, answers)
    }

    fn broken_of(
        wants: &ExpectedEffect,
        may_be_refused: bool,
        answers: &[(u16, bool, Option<&str>, &str)],
    ) -> Vec<&'static str> {
        let mut lines = Vec::new();
        for (number, (status, replayed, code, hash)) in (1..).zip(answers) {
            lines.push(JournalLine::Sent {
                number,
                at_ms: 0,
                operation: "o".to_owned(),
                key: "o".to_owned(),
                attempt: 1,
                path: String::new(),
                body_sha256: String::new(),
                wants: wants.clone(),
                may_be_refused,
            });
            lines.push(match status {
                0 => JournalLine::Lost { number, at_ms: 0, why: "cut".to_owned() },
                _ => JournalLine::Answered {
                    number,
                    at_ms: 0,
                    status: *status,
                    replayed: *replayed,
                    code: code.map(str::to_owned),
                    id: None,
                    state: None,
                    object: None,
                    retryable: *code == Some("request_in_progress"),
                    body_sha256: (!hash.is_empty()).then(|| (*hash).to_owned()),
                },
            });
        }
        let findings = Findings::new(SCENARIOS[0]);
        OperationHistory::of(lines).judge(&findings);
        let found = findings.conclude().1.always.into_iter();
        found.filter(|always| !always.holds).map(|always| always.name).collect()
    }

    #[test]
    fn a_key_has_one_answer() {
        let check = |answers: &[(u16, bool, Option<&str>, &str)], expected: &[&str]| {
            assert_eq!(broken(answers), expected, "{answers:?}");
        };
        let (busy, reused) = (Some("request_in_progress"), Some("idempotency_key_reused"));
        check(
            &[(0, false, None, ""), (409, false, busy, "x"), (201, false, None, "a"), (201, true, None, "a")],
            &[],
        );
        check(&[(201, false, None, "a"), (422, false, reused, "x"), (201, true, None, "a")], &[]);
        check(&[(402, false, None, "a"), (402, true, None, "a")], &[]);
        // A refusal that is not stored may change. A result may not.
        check(
            &[(409, false, Some("slot_is_full"), "x"), (201, false, None, "a"), (201, true, None, "a")],
            &[],
        );
        check(&[(201, false, None, "a"), (201, true, None, "b")], &["one_answer_a_key"]);
        // Without the bytes of the first answer, the other answers are compared.
        check(&[(201, false, None, ""), (201, true, None, "a"), (201, true, None, "a")], &[]);
        check(
            &[(201, false, None, ""), (201, true, None, "a"), (201, true, None, ""), (201, true, None, "b")],
            &["one_answer_a_key"],
        );
        check(&[(201, false, None, "a"), (402, false, None, "a")], &["one_answer_a_key"]);
        check(&[(201, false, None, "a"), (409, false, Some("slot_is_full"), "x")], &["one_answer_a_key"]);
        let never = "every_operation_is_definite";
        check(&[(0, false, None, "")], &[never]);
        check(&[(202, false, None, "a"), (503, false, None, "x")], &[never]);
    }

    #[test]
    fn another_answer_is_shown_with_its_plain_code() {
        let first = DefiniteAnswer {
            status: 201,
            body_sha256: None,
            id: None,
            state: None,
            object: None,
            settled: true,
        };
        let other = DefiniteAnswer { status: 409, ..first.clone() };
        let mut operation = RecordedOperation {
            operation: "o".to_owned(),
            key: "o".to_owned(),
            wants: ExpectedEffect::Nothing,
            may_be_refused: false,
            sent: 2,
            answer: Some(first),
            others: Vec::new(),
        };
        operation.record_answer(other, Some("slot_is_full"));
        assert_eq!(operation.others, ["201 and then 409 slot_is_full"]);
    }

    #[test]
    fn what_can_be_done_is_done() {
        let never = "what_can_be_done_is_done";
        let check =
            |wants: &ExpectedEffect, may_be_refused, status: u16, code: Option<&str>, expected: &[&str]| {
                let found = broken_of(wants, may_be_refused, &[(status, false, code, "a")]);
                assert_eq!(found, expected, "{wants:?} {may_be_refused} {status}");
            };
        let charge = ExpectedEffect::Charge { minor: 700, may_return: false };
        let (declined, full) = (Some("payment_declined"), Some("slot_is_full"));
        check(&charge, false, 201, None, &[]);
        check(&charge, false, 402, declined, &[never]);
        check(&charge, false, 409, Some("hold_has_expired"), &[never]);
        check(&charge, true, 402, declined, &[]);
        check(&ExpectedEffect::Authorize { minor: 700 }, false, 402, declined, &[never]);
        check(&ExpectedEffect::Seats, false, 409, full, &[never]);
        check(&ExpectedEffect::Seats, true, 409, full, &[]);
        let refund = ExpectedEffect::Refund { of: "o".to_owned(), minor: 700 };
        check(&refund, false, 422, Some("refund_exceeds_capture"), &[]);
    }
}
