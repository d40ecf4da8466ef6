//! Compares operations with their effects in the provider's books.

use std::collections::BTreeMap;

use super::operation_history::{OperationHistory, RecordedOperation};
use crate::findings::Findings;
use crate::operation_request::{ExpectedEffect, mark};
use check::{Books, Charge, Refund, money};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Operations that move money and were accepted.
    pub operations: u64,
    /// Operations whose effect is in the books.
    pub applied: u64,
    /// Effects in the books beyond the first of an operation.
    pub duplicates: u64,
    /// Effects without an accepted operation.
    pub unasked: u64,
}

/// The expected effects of one payment.
#[derive(Debug, Default)]
struct Expected {
    captured_minor: i64,
    /// All of it may have gone back.
    may_return: bool,
    refunded_minor: i64,
}

/// Compares each operation with the money that moved.
pub fn judge(findings: &Findings, history: &OperationHistory, books: &Books) -> Effects {
    let mut effects = Effects::default();
    let mut moved: BTreeMap<&str, Vec<&Charge>> = BTreeMap::new();
    let answered = answered(history);
    for charge in books.charges.iter().filter(|charge| charge.moved()) {
        match name_of(charge, &answered) {
            Some(name) => moved.entry(name).or_default().push(charge),
            None => unasked(findings, &mut effects, &format!("{} carries no operation's name", charge.id)),
        }
    }
    let expected = expected(history);
    for operation in history.operations.values() {
        let made = match operation.wants {
            ExpectedEffect::Charge { .. } | ExpectedEffect::Authorize { .. } => {
                moved.remove(operation.operation.as_str()).unwrap_or_default()
            }
            _ => continue,
        };
        charge(findings, &mut effects, operation, &made, expected.get(operation.operation.as_str()));
    }
    for (operation, charges) in moved {
        unasked(findings, &mut effects, &format!("{} objects moved money for {operation}", charges.len()));
    }
    // This counts as a check, also if there was no such charge.
    findings.always("nothing_moved_unasked", true, String::new);
    captures_and_refunds(findings, &mut effects, history, books);
    voids(findings, history, books);
    findings.always("effects_equal_operations", effects.applied == effects.operations, || {
        format!("{} of {} operations are in the books", effects.applied, effects.operations)
    });
    effects
}

/// Finds damage that no further work can repair: money that moved more than once for an operation,
/// money for an operation that was refused, and a refund that was made more than once. If there is
/// any, the deployment need not come to rest.
pub fn irreparable(findings: &Findings, history: &OperationHistory, books: &Books) {
    let mut moved: BTreeMap<&str, usize> = BTreeMap::new();
    let answered = answered(history);
    for charge in books.charges.iter().filter(|charge| charge.moved()) {
        if let Some(name) = name_of(charge, &answered) {
            *moved.entry(name).or_default() += 1;
        }
    }
    for operation in history.operations.values() {
        let (ExpectedEffect::Charge { .. } | ExpectedEffect::Authorize { .. }) = operation.wants else {
            continue;
        };
        let made = moved.get(operation.operation.as_str()).copied().unwrap_or(0);
        let answer = operation.answer.as_ref();
        let turned_down = answer.is_some_and(|answer| answer.settled && answer.status >= 400);
        if made > 1 || (made > 0 && turned_down) {
            findings.always("effects_equal_operations", false, || {
                format!("{}: {made} objects moved money", operation.summary())
            });
        }
    }
    let mut returned: BTreeMap<&str, usize> = BTreeMap::new();
    for refund in books.refunds.iter().filter(|refund| refund.moved()).filter_map(Refund::refund) {
        *returned.entry(refund).or_default() += 1;
    }
    for (refund, made) in returned.into_iter().filter(|(_, made)| *made > 1) {
        let offender = || format!("refund {refund} was made {made} times");
        findings.always("effects_equal_operations", false, offender);
    }
}

/// The names of operations by the payment that their answer shows.
fn answered(history: &OperationHistory) -> BTreeMap<&str, &str> {
    let pays = |operation: &&RecordedOperation| {
        matches!(operation.wants, ExpectedEffect::Charge { .. } | ExpectedEffect::Authorize { .. })
    };
    let paid = history.operations.values().filter(pays);
    paid.filter_map(|operation| {
        Some((operation.answer.as_ref()?.id.as_deref()?, operation.operation.as_str()))
    })
    .collect()
}

/// The operation that a charge is of. A bank shows no metadata of the client, but the id of our payment.
fn name_of<'a>(charge: &'a Charge, answered: &BTreeMap<&'a str, &'a str>) -> Option<&'a str> {
    mark(charge).or_else(|| answered.get(charge.operation()?).copied())
}

fn unasked(findings: &Findings, effects: &mut Effects, text: &str) {
    effects.unasked += 1;
    findings.always("nothing_moved_unasked", false, || text.to_owned());
}

/// The sums of accepted captures and refunds, by the operation that they refer to.
fn expected(history: &OperationHistory) -> BTreeMap<&str, Expected> {
    let mut expected: BTreeMap<&str, Expected> = BTreeMap::new();
    for operation in history.operations.values().filter(|operation| operation.is_done()) {
        match &operation.wants {
            ExpectedEffect::Charge { minor, may_return } => {
                let expected = expected.entry(&operation.operation).or_default();
                expected.captured_minor += minor;
                expected.may_return = *may_return;
            }
            ExpectedEffect::Capture { of, minor } => expected.entry(of).or_default().captured_minor += minor,
            ExpectedEffect::Refund { of, minor } | ExpectedEffect::Cancellation { of, minor } => {
                expected.entry(of).or_default().refunded_minor += minor;
            }
            _ => {}
        }
    }
    expected
}

fn charge(
    findings: &Findings,
    effects: &mut Effects,
    operation: &RecordedOperation,
    made: &[&Charge],
    expected: Option<&Expected>,
) {
    let name = "effects_equal_operations";
    let wanted = usize::from(operation.is_done());
    effects.operations += wanted as u64;
    effects.applied += made.len().min(wanted) as u64;
    effects.duplicates += made.len().saturating_sub(1) as u64;
    findings.always(name, made.len() == wanted, || {
        let ids: Vec<&str> = made.iter().map(|charge| charge.id.as_str()).collect();
        format!("{}: {} objects moved money: {}", operation.summary(), made.len(), ids.join(", "))
    });
    let (Some(charge), true) = (made.first(), operation.is_done()) else { return };
    let nothing = Expected::default();
    let Expected { captured_minor, may_return, refunded_minor } = expected.unwrap_or(&nothing);
    let back = charge.refunded_minor == *refunded_minor
        || (*may_return && charge.refunded_minor == charge.captured_minor);
    findings.always(name, charge.captured_minor == *captured_minor && back, || {
        format!(
            "{}: {} was to be captured and {} to go back; the provider captured {} and sent back {}",
            operation.operation,
            money(*captured_minor, &charge.currency),
            money(*refunded_minor, &charge.currency),
            money(charge.captured_minor, &charge.currency),
            money(charge.refunded_minor, &charge.currency)
        )
    });
    let id = operation.answer.as_ref().and_then(|answer| answer.id.as_deref());
    findings.always(name, charge.operation() == id, || {
        format!(
            "{}: the provider has the payment {}, the client {}",
            operation.operation,
            charge.operation().unwrap_or("none"),
            id.unwrap_or("none")
        )
    });
}

/// Each accepted refund is one refund at the provider. Each accepted capture was counted with its
/// payment.
fn captures_and_refunds(
    findings: &Findings,
    effects: &mut Effects,
    history: &OperationHistory,
    books: &Books,
) {
    let mut moved: BTreeMap<&str, Vec<&Refund>> = BTreeMap::new();
    for refund in books.refunds.iter().filter(|refund| refund.moved()) {
        // A refund by a person has no metadata of ours; the journal has the provider's id for it.
        moved.entry(refund.refund().unwrap_or(&refund.id)).or_default().push(refund);
    }
    for operation in history.operations.values().filter(|operation| operation.is_done()) {
        match operation.wants {
            ExpectedEffect::Capture { .. } | ExpectedEffect::Cancellation { .. } => {
                effects.operations += 1;
                // The check of the payment covers the sum.
                effects.applied += 1;
            }
            ExpectedEffect::Refund { minor, .. } => {
                let answer = operation.answer.as_ref();
                let id = answer.and_then(|answer| answer.id.as_deref()).unwrap_or_default();
                // Some providers' refunds carry no reference of ours.
                let object = answer.and_then(|answer| answer.object.as_deref()).unwrap_or_default();
                let made = moved.remove(id).or_else(|| moved.remove(object)).unwrap_or_default();
                effects.operations += 1;
                effects.applied += u64::from(!made.is_empty());
                effects.duplicates += made.len().saturating_sub(1) as u64;
                let right = made.len() == 1 && made[0].amount_minor == minor;
                findings.always("effects_equal_operations", right, || {
                    let sums = made.iter().map(|refund| money(refund.amount_minor, &refund.currency));
                    let sums: Vec<String> = sums.collect();
                    let sums = sums.join(", ");
                    format!(
                        "{}: {minor} minor units were to go back, the provider sent back {sums}",
                        operation.summary()
                    )
                });
            }
            _ => {}
        }
    }
}

/// A voided authorisation was not captured, and cannot be captured any more.
fn voids(findings: &Findings, history: &OperationHistory, books: &Books) {
    for operation in history.operations.values().filter(|operation| operation.is_done()) {
        let ExpectedEffect::Void { of } = &operation.wants else { continue };
        let charges = books.charges.iter().filter(|charge| mark(charge) == Some(of));
        let shown: Vec<&Charge> = charges.collect();
        let right = matches!(shown[..], [charge] if is_voided(charge) && charge.captured_minor == 0);
        findings.always("effects_equal_operations", right, || {
            let text = |charge: &&Charge| {
                format!("{} with {}", charge.status, money(charge.captured_minor, &charge.currency))
            };
            let shown: Vec<String> = shown.iter().map(text).collect();
            let shown = shown.join(", ");
            format!("{}: {of} was to be voided, and at the provider it is {shown}", operation.summary())
        });
    }
}

/// In the words of each provider.
fn is_voided(charge: &Charge) -> bool {
    matches!(charge.status.as_str(), "canceled" | "cancelled")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::findings::Findings;
    use crate::journal::JournalLine;
    use crate::scenarios::SCENARIOS;

    fn sent(number: u64, operation: &str, wants: ExpectedEffect) -> JournalLine {
        JournalLine::Sent {
            number,
            at_ms: 0,
            operation: operation.to_owned(),
            key: operation.to_owned(),
            attempt: 1,
            path: "/v1/charges".to_owned(),
            body_sha256: String::new(),
            wants,
            may_be_refused: false,
        }
    }

    fn answered(number: u64, status: u16, id: &str, state: &str) -> JournalLine {
        JournalLine::Answered {
            number,
            at_ms: 0,
            status,
            replayed: false,
            code: None,
            id: Some(id.to_owned()),
            object: None,
            state: Some(state.to_owned()),
            retryable: false,
            body_sha256: None,
        }
    }

    /// A charge, an authorisation of which a part was captured, a decline, and a refund of the charge.
    fn history() -> OperationHistory {
        let charge = |minor| ExpectedEffect::Charge { minor, may_return: false };
        OperationHistory::of([
            sent(1, "charge", charge(700)),
            answered(1, 201, "p1", "captured"),
            sent(2, "authorize", ExpectedEffect::Authorize { minor: 500 }),
            answered(2, 201, "p2", "authorized"),
            sent(3, "capture", ExpectedEffect::Capture { of: "authorize".to_owned(), minor: 300 }),
            answered(3, 200, "p2", "captured"),
            sent(4, "decline", charge(900)),
            answered(4, 402, "p4", "failed"),
            sent(5, "refund", ExpectedEffect::Refund { of: "charge".to_owned(), minor: 200 }),
            answered(5, 201, "r1", "succeeded"),
        ])
    }

    fn books() -> Value {
        let charge = |id: &str, mark: &str, operation: &str, amounts: [i64; 3]| {
            json!({
                "provider": "stripe", "account": "acct_1", "id": id, "amount_minor": amounts[0], "currency": "eur",
                "authorized_minor": amounts[0], "captured_minor": amounts[1], "refunded_minor": amounts[2],
                "status": "succeeded", "metadata": { "attack": mark, "operation": operation },
            })
        };
        let refund = json!({
            "provider": "stripe", "account": "acct_1", "id": "re_1", "payment_intent": "pi_1", "amount_minor": 200,
            "currency": "eur", "status": "succeeded", "metadata": { "refund": "r1" },
        });
        json!({
            "charges": [charge("pi_1", "charge", "p1", [700, 700, 200]), charge("pi_2", "authorize", "p2", [500, 300, 0])],
            "refunds": [refund],
        })
    }

    fn judged(books: &Value) -> (Effects, Vec<&'static str>) {
        judged_of(&history(), books)
    }

    fn judged_of(history: &OperationHistory, books: &Value) -> (Effects, Vec<&'static str>) {
        let books = Books::parse(books.to_string().as_bytes()).unwrap();
        let findings = Findings::new(SCENARIOS[0]);
        let effects = judge(&findings, history, &books);
        let broken = findings.conclude().1.always.into_iter().filter(|always| !always.holds);
        (effects, broken.map(|always| always.name).collect())
    }

    #[test]
    fn books_that_are_right_are_found_right() {
        let expected = Effects { operations: 4, applied: 4, duplicates: 0, unasked: 0 };
        assert_eq!(judged(&books()), (expected, vec![]));
    }

    /// The state in the program's own answer does not matter.
    #[test]
    fn a_refund_that_was_accepted_is_in_the_books() {
        let mut history = history();
        history.operations.get_mut("refund").unwrap().answer.as_mut().unwrap().state =
            Some("failed".to_owned());
        let mut books = books();
        books["charges"][0]["refunded_minor"] = json!(0);
        books["refunds"][0]["status"] = json!("failed");
        let expected = Effects { operations: 4, applied: 3, duplicates: 0, unasked: 0 };
        assert_eq!(judged_of(&history, &books), (expected, vec!["effects_equal_operations"]));
    }

    #[test]
    fn a_voided_payment_is_canceled_in_the_books() {
        let check = |status: &str, captured: i64, expected: &[&str]| {
            let history = OperationHistory::of([
                sent(1, "authorize", ExpectedEffect::Authorize { minor: 500 }),
                answered(1, 201, "p2", "authorized"),
                sent(2, "void", ExpectedEffect::Void { of: "authorize".to_owned() }),
                answered(2, 200, "p2", "cancelled"),
            ]);
            let mut books = books();
            books["refunds"] = json!([]);
            books["charges"].as_array_mut().unwrap().remove(0);
            books["charges"][0]["captured_minor"] = json!(captured);
            books["charges"][0]["status"] = json!(status);
            assert_eq!(judged_of(&history, &books).1, expected, "{status} {captured}");
        };
        let broken = &["effects_equal_operations"];
        check("canceled", 0, &[]);
        check("requires_capture", 0, broken);
        check("succeeded", 500, broken);
    }

    #[test]
    fn each_difference_is_found() {
        let check = |doctor: fn(&mut Value), broken: &str, applied: u64, duplicates: u64| {
            let mut books = books();
            doctor(&mut books);
            let (effects, found) = judged(&books);
            assert_eq!(
                (found.as_slice(), effects.applied, effects.duplicates),
                (&[broken][..], applied, duplicates)
            );
        };
        let equal = "effects_equal_operations";
        // A second object captured as well.
        check(
            |books| {
                let mut again = books["charges"][0].clone();
                again["id"] = json!("pi_9");
                books["charges"].as_array_mut().unwrap().push(again);
            },
            equal,
            4,
            1,
        );
        // Never captured, though the client's answer says so.
        check(|books| drop(books["charges"].as_array_mut().unwrap().remove(0)), equal, 3, 0);
        // Another amount: too much, too little, or more back than was requested.
        check(|books| books["charges"][0]["captured_minor"] = json!(701), equal, 4, 0);
        check(|books| books["charges"][1]["captured_minor"] = json!(500), equal, 4, 0);
        check(|books| books["charges"][0]["refunded_minor"] = json!(700), equal, 4, 0);
        // Another payment than the client's answer names.
        check(|books| books["charges"][0]["metadata"]["operation"] = json!("p7"), equal, 4, 0);
        // The refund twice, of another amount, or not at all.
        check(
            |books| {
                let again = books["refunds"][0].clone();
                books["refunds"].as_array_mut().unwrap().push(again);
            },
            equal,
            4,
            1,
        );
        check(|books| books["refunds"][0]["amount_minor"] = json!(201), equal, 4, 0);
        check(|books| books["refunds"] = json!([]), equal, 3, 0);
        // The declined charge was captured all the same. It is no effect of an accepted operation.
        check(
            |books| {
                let mut declined = books["charges"][0].clone();
                declined["metadata"] = json!({ "attack": "decline", "operation": "p4" });
                declined["refunded_minor"] = json!(0);
                books["charges"].as_array_mut().unwrap().push(declined);
            },
            equal,
            4,
            0,
        );
        // No operation at all.
        let unasked = "nothing_moved_unasked";
        check(
            |books| {
                let mut stray = books["charges"][0].clone();
                stray["metadata"] = json!({ "attack": "nobody" });
                books["charges"].as_array_mut().unwrap().push(stray);
            },
            unasked,
            4,
            0,
        );
        check(
            |books| {
                let mut stray = books["charges"][0].clone();
                stray["metadata"] = json!({});
                books["charges"].as_array_mut().unwrap().push(stray);
            },
            unasked,
            4,
            0,
        );
    }
}
