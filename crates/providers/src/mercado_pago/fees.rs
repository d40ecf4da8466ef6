//! What Mercado Pago keeps of a payment: its `fee_details`, shown once it is approved,
//! <https://www.mercadopago.com.br/developers/en/reference/payments/_payments_id/get>.

use domain::{Currency, Money, Timestamp, provider::FeeAtProvider};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    decimal::from_number,
    objects::{ProviderPayment, lenient},
};

#[derive(Debug, Serialize, Deserialize)]
pub struct FeeDetail {
    #[serde(default, deserialize_with = "lenient")]
    amount: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "lenient")]
    fee_payer: Option<String>,
}

impl ProviderPayment {
    /// What the account pays for a captured payment, all kinds together. What the payer pays for instalments is no
    /// fee of ours.
    pub fn fee(
        &self,
        payment_object: &str,
        currency: Currency,
        otherwise: Timestamp,
    ) -> Option<FeeAtProvider> {
        let details = self.fee_details.iter().flatten().filter(|_| self.is_captured());
        let own = details.filter(|fee| fee.fee_payer.as_deref() == Some("collector"));
        let mut amounts = own.map(|fee| from_number(fee.amount.as_ref()?, currency));
        let minor = amounts.try_fold(0_i64, |sum, amount| sum.checked_add(amount?))?;
        (minor > 0).then(|| FeeAtProvider {
            object: format!("{}/fee", self.id.as_str()),
            payment_object: payment_object.to_owned(),
            amount: Money::new(minor, currency),
            created_at: self.created_at().unwrap_or(otherwise),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn payment(changes: &Value) -> ProviderPayment {
        let mut payment = json!({"id": 123, "status": "approved", "currency_id": "BRL"});
        for (name, value) in changes.as_object().unwrap() {
            payment[name] = value.clone();
        }
        serde_json::from_str(&payment.to_string()).unwrap()
    }

    #[test]
    fn what_the_collector_pays_is_the_fee() {
        let check = |changes: Value, expected: Option<i64>| {
            let found = payment(&changes).fee("ORD1", Currency::BRL, Timestamp(7));
            let expected = expected.map(|minor| FeeAtProvider {
                object: "123/fee".to_owned(),
                payment_object: "ORD1".to_owned(),
                amount: Money::new(minor, Currency::BRL),
                created_at: Timestamp(7),
            });
            assert_eq!(found, expected, "{changes}");
        };
        let fee = |kind: &str, amount: &str, payer: &str| {
            let amount: Value = serde_json::from_str(amount).unwrap();
            json!({"type": kind, "amount": amount, "fee_payer": payer})
        };
        let own = fee("mercadopago_fee", "4.94", "collector");
        check(json!({"fee_details": [own]}), Some(494));
        let financing = fee("financing_fee", "2.5", "collector");
        let of_payer = fee("financing_fee", "9.99", "payer");
        check(json!({"fee_details": [own, financing, of_payer]}), Some(744));
        check(json!({"fee_details": [own], "status": "refunded"}), Some(494));
        for nothing in [
            json!({}),
            json!({"fee_details": []}),
            json!({"fee_details": null}),
            json!({"fee_details": "4.94"}),
            json!({"fee_details": [of_payer]}),
            json!({"fee_details": [own], "status": "authorized"}),
            json!({"fee_details": vec![fee("mercadopago_fee", "90000000000000000", "collector"); 2]}),
            // A fraction of a cent is no amount, and a part of a fee is none.
            json!({"fee_details": [own, fee("application_fee", "0.001", "collector")]}),
        ] {
            check(nothing, None);
        }
    }
}
