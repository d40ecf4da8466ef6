use serde_json::{Value, json};

use super::*;

const TXID: &str = "sh00000000000000000000000000000007";
const PAID: &str = "E12345678202009091000abcde123456";
const PAID_TOO: &str = "E12345678202009091000abcde123457";
const CODE: &str = "00020101021226760014br.gov.bcb.pix2554pix.example.com/qr/v2/8b3da2f39a4140d1a91abd93113bd4415204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***80800014br.gov.bcb.pix2558pix.example.com/qr/v2/rec/94ed2badcbc04c15b0bb7fa35319489063047741";
const LOCATION: &str = "pix.example.com/qr/v2/7";

fn receiver() -> PixReceiver {
    PixReceiver { name: "Harbour Tours".to_owned(), city: "RECIFE".to_owned() }
}

fn cob(changes: &Value) -> Cob {
    let mut cob = json!({
        "txid": TXID, "status": "ATIVA", "revisao": 0, "chave": "key", "location": LOCATION,
        "calendario": {"criacao": "2023-11-14T22:13:20.000Z", "expiracao": 600},
        "valor": {"original": "100.50"}, "pixCopiaECola": CODE,
        "devedor": {"cpf": "12345678909", "nome": "Maria da Silva"},
    });
    for (name, value) in changes.as_object().unwrap() {
        cob[name] = value.clone();
    }
    serde_json::from_str(&cob.to_string()).unwrap()
}

fn pix(end_to_end_id: &str, valor: &str, returns: &Value) -> Value {
    json!({
        "endToEndId": end_to_end_id, "txid": TXID, "valor": valor, "horario": "2023-11-14T22:14:00Z",
        "pagador": {"cpf": "12345678909", "nome": "Maria"}, "infoPagador": "Maria", "devolucoes": returns,
    })
}

fn pay(code: &str, expires_at: i64) -> ProviderStatus {
    let expires_at = Timestamp(expires_at * 1_000_000);
    ProviderStatus::NeedsAction(NextAction::PayPix { code: code.to_owned(), expires_at })
}

#[test]
fn each_status_of_a_charge_has_its_meaning() {
    let check = |changes: Value, expected: ProviderStatus| {
        let found = cob(&changes).observe(&receiver()).unwrap();
        assert_eq!(found.status, expected, "{changes}");
        assert_eq!((found.object.as_str(), found.amount_minor), (TXID, 10_050), "{changes}");
    };
    let captured = |amount_minor| ProviderStatus::Captured { amount_minor };
    let paid = |valor: &str| json!([pix(PAID, valor, &json!([]))]);
    check(json!({}), pay(CODE, 1_700_000_600));
    check(json!({"calendario": {"criacao": "2023-11-14T19:13:20-03:00"}}), pay(CODE, 1_700_086_400));
    check(json!({"status": "CONCLUIDA", "pix": paid("100.50")}), captured(10_050));
    check(json!({"status": "CONCLUIDA"}), ProviderStatus::Processing);
    for removed in ["REMOVIDA_PELO_USUARIO_RECEBEDOR", "REMOVIDA_PELO_PSP"] {
        check(json!({"status": removed}), ProviderStatus::Cancelled);
        // Money that came nevertheless is not hidden by the removal.
        check(json!({"status": removed, "pix": paid("100.50")}), captured(10_050));
    }
    check(json!({"status": "INVENTADA_EM_2030"}), ProviderStatus::Processing);
    check(json!({"status": "INVENTADA_EM_2030", "pix": paid("100.50")}), captured(10_050));
    check(json!({"status": "ATIVA", "pix": paid("100.50")}), captured(10_050));
}

#[test]
fn what_was_received_is_summed_and_not_believed() {
    let check = |received: Value, expected: i64| {
        let found = cob(&json!({"status": "CONCLUIDA", "pix": received})).observe(&receiver()).unwrap();
        assert_eq!(found.status, ProviderStatus::Captured { amount_minor: expected }, "{received}");
        assert_eq!(found.amount_minor, 10_050, "{received}");
    };
    check(json!([pix(PAID, "99.00", &json!([]))]), 9_900);
    check(json!([pix(PAID, "100.50", &json!([])), pix(PAID_TOO, "100.50", &json!(null))]), 20_100);
}

#[test]
fn a_code_that_cannot_be_paid_is_made_again_from_the_location() {
    let check = |code: Value, location: Value, is_made: Option<bool>| {
        let changes = json!({"pixCopiaECola": code, "location": location});
        let found = cob(&changes).observe(&receiver()).map(|found| found.status);
        let Some(is_made) = is_made else { return assert!(found.is_err(), "{changes}") };
        let Ok(ProviderStatus::NeedsAction(NextAction::PayPix { code, .. })) = found else {
            panic!("{changes}: {found:?}");
        };
        let read = BrCode::parse(&code).unwrap();
        let expected = if is_made { "Harbour Tours" } else { "Fulano de Tal" };
        assert_eq!(read.receiver_name, expected, "{changes}");
        if is_made {
            assert_eq!(read.location.as_deref(), Some(LOCATION), "{changes}");
        }
    };
    check(json!(CODE), json!(LOCATION), Some(false));
    check(json!(CODE), json!(null), Some(false));
    check(json!(null), json!(LOCATION), Some(true));
    check(json!(null), json!(format!("https://{LOCATION}")), Some(true));
    check(json!(CODE.replace("7741", "7742")), json!(LOCATION), Some(true));
    check(json!("x"), json!(null), None);
    check(json!(null), json!("x".repeat(78)), None);
}

#[test]
fn an_object_without_its_parts_is_refused() {
    let check = |changes: Value, part: &str| {
        let error = cob(&changes).observe(&receiver()).unwrap_err();
        assert!(error.contains(part), "{changes}: {error}");
    };
    check(json!({"valor": null}), "valor.original");
    check(json!({"valor": {"original": 100.5}}), "valor.original");
    check(json!({"valor": {"original": "100.5"}}), "valor.original");
    check(json!({"status": null}), "status");
    check(json!({"calendario": null}), "calendario");
    check(json!({"calendario": {"criacao": "today", "expiracao": 600}}), "criacao");
    check(json!({"pix": [pix(PAID, "-1.00", &json!([]))]}), "valor of one of its pix");
}

#[test]
fn each_status_of_a_return_has_its_meaning() {
    let check = |status: Value, refund: RefundStatus, dispute: DisputeStatus| {
        let made: PixReturn =
            serde_json::from_value(json!({"id": "a1", "valor": "7.89", "status": status})).unwrap();
        let (refunded, disputed) = (made.observe(PAID).unwrap(), made.dispute(PAID).unwrap());
        assert_eq!((refunded.status, disputed.status), (refund, dispute), "{status}");
        assert_eq!((refunded.amount_minor, disputed.details.amount_minor), (789, 789));
        assert_eq!(refunded.object, format!("{PAID}-a1"));
        assert_eq!(refunded.object, disputed.object);
    };
    check(json!("DEVOLVIDO"), RefundStatus::Succeeded, DisputeStatus::Lost);
    let code = "return_not_made".to_owned();
    let failed = Failure { code, retryable: true, cause: FailureCause::Declined };
    check(json!("NAO_REALIZADO"), RefundStatus::Failed(failed), DisputeStatus::Won);
    for other in [json!("EM_PROCESSAMENTO"), json!("INVENTADO_EM_2030"), json!(7), json!(null)] {
        check(other, RefundStatus::Pending, DisputeStatus::Opened);
    }
}

#[test]
fn only_the_central_banks_mechanism_is_the_bank() {
    let check = |nature: Value, expected: bool| {
        let made = json!({"id": "a1", "valor": "7.89", "natureza": nature});
        let made: PixReturn = serde_json::from_value(made).unwrap();
        assert_eq!(made.is_by_bank(), expected, "{nature}");
    };
    for nature in ["MED_OPERACIONAL", "MED_FRAUDE", "MED_PIX_AUTOMATICO", "MED_INVENTADO_EM_2030"] {
        check(json!(nature), true);
    }
    for nature in [json!("ORIGINAL"), json!("RETIRADA"), json!(null), json!(7)] {
        check(nature, false);
    }
}

#[test]
fn a_refund_takes_the_same_pix_again() {
    let received = |returned: &Value| {
        let received = json!([pix(PAID_TOO, "60.00", &json!([])), pix(PAID, "50.00", returned)]);
        cob(&json!({"status": "CONCLUIDA", "pix": received}))
    };
    let made = json!([{"id": "a1", "valor": "50.00", "status": "DEVOLVIDO"}]);
    let check = |amount_minor: i64, expected: Option<&str>| {
        for returned in [&json!([]), &made] {
            let cob = received(returned);
            let found = cob.returned_from(amount_minor, &[]).map(|pix| pix.end_to_end_id.as_str());
            assert_eq!(found, expected, "{amount_minor}");
        }
    };
    check(1, Some(PAID));
    check(5_000, Some(PAID));
    check(5_001, Some(PAID_TOO));
    check(6_001, None);
}

/// A charge that was paid twice: the money of one Pix counts, and that of the other is in suspense.
#[test]
fn a_refund_takes_the_pix_that_counts() {
    let both = json!([pix(PAID, "50.00", &json!([])), pix(PAID_TOO, "50.00", &json!([]))]);
    let cob = cob(&json!({"status": "CONCLUIDA", "pix": both}));
    assert_eq!(cob.observe(&receiver()).unwrap().incoming, [PAID, PAID_TOO]);
    for counted in [PAID, PAID_TOO] {
        let found = cob.returned_from(5_000, &[counted.to_owned()]);
        assert_eq!(found.map(|pix| pix.end_to_end_id.as_str()), Some(counted));
    }
    let gone = "E".repeat(32);
    assert!(cob.returned_from(5_000, &[gone]).is_none());
}

#[test]
fn nothing_about_the_customer_is_kept() {
    let cob = cob(&json!({"status": "CONCLUIDA", "pix": [pix(PAID, "100.50", &json!([]))]}));
    let kept = serde_json::to_string(&cob).unwrap();
    for hidden in ["12345678909", "Maria"] {
        assert!(!kept.contains(hidden), "{kept}");
    }
}
