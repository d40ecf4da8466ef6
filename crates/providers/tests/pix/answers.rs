//! What each answer proves.

use domain::{
    provider::{CallOutcome, ProviderStatus, RefundStatus},
    rows::FailureCause,
};
use providers::Provider;
use serde_json::{Value, json};
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};

use crate::{
    OURS, PAID, adapter, cob, is_revealing, on, order, pix, problem, refund, returned, script, shows,
};

#[derive(Debug, PartialEq, Eq)]
enum Proof {
    Payable,
    Captured,
    Cancelled,
    Refused(String),
    /// With the object.
    RefusedAs(Box<Proof>),
    NotSent,
    Unknown,
}

fn proof(status: &ProviderStatus) -> Proof {
    match status {
        ProviderStatus::NeedsAction(_) => Proof::Payable,
        ProviderStatus::Captured { .. } => Proof::Captured,
        ProviderStatus::Cancelled => Proof::Cancelled,
        other => panic!("{other:?}"),
    }
}

fn of<O>(outcome: CallOutcome<O>, proof: impl Fn(&O) -> Proof) -> Proof {
    match outcome {
        CallOutcome::Object(seen) => proof(&seen),
        CallOutcome::Refused { object: Some(seen), .. } => Proof::RefusedAs(Box::new(proof(&seen))),
        CallOutcome::Refused { code, cause, object: None } => {
            assert_eq!(cause, FailureCause::OurRequest);
            Proof::Refused(code)
        }
        CallOutcome::NotSent { error, .. } => {
            assert!(!is_revealing(&error), "{error}");
            Proof::NotSent
        }
        CallOutcome::Unknown { error, key_spent } => {
            assert!(!key_spent && !is_revealing(&error), "{error}");
            Proof::Unknown
        }
    }
}

fn charge(status: &str) -> ServerStep {
    let paid = if status == "CONCLUIDA" { json!([pix(Some(OURS), &json!([]))]) } else { json!([]) };
    shows(&cob(OURS, status, &paid))
}

fn missing() -> ServerStep {
    problem(404, "NaoEncontrado")
}

const REMOVED: &str = "REMOVIDA_PELO_USUARIO_RECEBEDOR";

#[tokio::test]
async fn a_refused_charge_is_looked_up_before_it_is_refused() {
    let check = async |steps: &[ServerStep], expected: Proof| {
        let server = ScriptedServer::start(script(steps)).await;
        let found = adapter(&server.base_url).create(&order(1)).await;
        assert_eq!(of(found, |seen| proof(&seen.status)), expected, "{steps:?}");
    };
    let refused = || problem(400, "CobOperacaoInvalida");
    check(&[charge("ATIVA")], Proof::Payable).await;
    check(&[refused(), charge("ATIVA")], Proof::Payable).await;
    check(&[refused(), charge("CONCLUIDA")], Proof::Captured).await;
    check(&[refused(), charge(REMOVED)], Proof::Cancelled).await;
    check(&[refused(), missing()], Proof::Refused("CobOperacaoInvalida".to_owned())).await;
    check(&[refused(), problem(503, "ServicoIndisponivel")], Proof::Unknown).await;
    check(&[problem(404, "NaoEncontrado"), missing()], Proof::Refused("resource_missing".to_owned())).await;
    check(&[shows(&cob("sh00000000000000000000000000000002", "ATIVA", &json!([])))], Proof::Unknown).await;
    check(&[ServerStep::Answer(answer(201, "", "Maria"))], Proof::Unknown).await;
    check(&[ServerStep::Answer(answer(400, "", "<html>Maria</html>"))], Proof::Unknown).await;
    check(&[ServerStep::Answer(answer(400, "", r#"{"type":"about:blank/ "}"#))], Proof::Unknown).await;
    check(&[problem(403, "AcessoNegado")], Proof::NotSent).await;
    // A page of an intermediary.
    check(&[ServerStep::Answer(answer(403, "", "<html>Maria</html>"))], Proof::Unknown).await;
    check(&[ServerStep::Answer(answer(429, "", ""))], Proof::NotSent).await;
    check(&[problem(409, "Conflito")], Proof::Unknown).await;
    check(&[problem(500, "ErroInternoDoServidor")], Proof::Unknown).await;
    check(&[ServerStep::Reset], Proof::Unknown).await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let check = async |step: ServerStep, expected: Result<Option<Proof>, Proof>| {
        let server = ScriptedServer::start(script(&[step])).await;
        let found = match adapter(&server.base_url).find(&order(1)).await {
            CallOutcome::Object(found) => Ok(found.map(|seen| proof(&seen.status))),
            other => Err(of(other, |_| unreachable!())),
        };
        assert_eq!(found, expected);
    };
    check(charge("ATIVA"), Ok(Some(Proof::Payable))).await;
    check(missing(), Ok(None)).await;
    // A server that is not the bank's.
    check(ServerStep::Answer(answer(404, "", "not here")), Err(Proof::Unknown)).await;
    check(problem(410, "PermanentementeRemovido"), Err(Proof::Unknown)).await;
    check(problem(403, "AcessoNegado"), Err(Proof::NotSent)).await;
}

#[tokio::test]
async fn a_charge_that_cannot_be_removed_shows_what_it_is() {
    let check = async |steps: &[ServerStep], expected: Proof| {
        let server = ScriptedServer::start(script(steps)).await;
        let found = adapter(&server.base_url).cancel(on(OURS)).await;
        assert_eq!(of(found, |seen| proof(&seen.status)), expected, "{steps:?}");
    };
    let refused = || problem(400, "CobOperacaoInvalida");
    check(&[charge(REMOVED)], Proof::Cancelled).await;
    check(&[refused(), charge("CONCLUIDA")], Proof::RefusedAs(Box::new(Proof::Captured))).await;
    check(&[refused(), charge(REMOVED)], Proof::RefusedAs(Box::new(Proof::Cancelled))).await;
    check(&[refused(), problem(503, "ServicoIndisponivel")], Proof::Unknown).await;
}

#[tokio::test]
async fn a_refused_return_is_looked_up_before_it_is_refused() {
    let paid = |returns: Value| shows(&cob(OURS, "CONCLUIDA", &json!([pix(Some(OURS), &returns)])));
    let check = async |steps: &[ServerStep], expected: Result<RefundStatus, Proof>, calls: usize| {
        let server = ScriptedServer::start(script(steps)).await;
        let found = match adapter(&server.base_url).refund(&refund(500)).await {
            CallOutcome::Object(seen) => {
                assert_eq!((seen.object, seen.amount_minor), (format!("{PAID}-{OURS}"), 500));
                Ok(seen.status)
            }
            other => Err(of(other, |_| unreachable!())),
        };
        assert_eq!(found, expected, "{steps:?}");
        assert_eq!(server.requests().len(), calls + 1, "{steps:?}");
    };
    let refused = || problem(400, "PixDevolucaoInvalida");
    let made = |status: &str| shows(&returned(OURS, status));
    check(&[paid(json!([])), made("EM_PROCESSAMENTO")], Ok(RefundStatus::Pending), 2).await;
    check(&[paid(json!([])), made("DEVOLVIDO")], Ok(RefundStatus::Succeeded), 2).await;
    check(&[paid(json!([])), refused(), made("DEVOLVIDO")], Ok(RefundStatus::Succeeded), 3).await;
    let code = "PixDevolucaoInvalida".to_owned();
    check(&[paid(json!([])), refused(), missing()], Err(Proof::Refused(code)), 3).await;
    check(&[paid(json!([])), refused(), problem(503, "ServicoIndisponivel")], Err(Proof::Unknown), 3).await;
    // One that the charge shows already is not made again.
    check(&[paid(json!([returned(OURS, "DEVOLVIDO")]))], Ok(RefundStatus::Succeeded), 1).await;
    check(&[paid(json!([])), shows(&returned("other", "DEVOLVIDO"))], Err(Proof::Unknown), 2).await;
    // Without the charge it is not known which Pix to return, and an earlier call may have made it.
    check(&[missing()], Err(Proof::Unknown), 1).await;
    check(&[charge("ATIVA")], Err(Proof::Refused("no_pix_is_large_enough".to_owned())), 1).await;
}

#[tokio::test]
async fn what_the_bank_took_is_no_refund() {
    let by_bank = {
        let mut made = returned("MED1", "DEVOLVIDO");
        made["natureza"] = json!("MED_FRAUDE");
        made
    };
    let returns = json!([returned(OURS, "DEVOLVIDO"), returned("other", "DEVOLVIDO"), by_bank]);
    let shown = shows(&cob(OURS, "CONCLUIDA", &json!([pix(Some(OURS), &returns)])));
    let server = ScriptedServer::start(script(&[shown])).await;
    let CallOutcome::Object(listed) = adapter(&server.base_url).refunds_of(OURS).await else { panic!() };
    let found: Vec<_> =
        listed.iter().map(|listed| (listed.refund, listed.observation.object.as_str())).collect();
    let (ours, other) = (format!("{PAID}-{OURS}"), format!("{PAID}-other"));
    assert_eq!(found, [(Some(refund(1).refund), ours.as_str()), (None, other.as_str())]);
}

/// A list with fewer refunds than there are would say that one was never made.
#[tokio::test]
async fn a_return_that_cannot_be_read_is_not_left_out() {
    for (member, value) in
        [("id", json!({})), ("id", json!(null)), ("valor", json!(5)), ("valor", json!("5"))]
    {
        let mut made = returned(OURS, "DEVOLVIDO");
        made[member] = value;
        let returns = json!([returned("other", "DEVOLVIDO"), made]);
        let shown = shows(&cob(OURS, "CONCLUIDA", &json!([pix(Some(OURS), &returns)])));
        let server = ScriptedServer::start(script(&[shown])).await;
        let listed = adapter(&server.base_url).refunds_of(OURS).await;
        assert!(matches!(listed, CallOutcome::Unknown { .. }), "{made}: {listed:?}");
    }
}
