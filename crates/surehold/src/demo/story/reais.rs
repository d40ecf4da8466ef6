//! Steps 6 to 8: a card at Mercado Pago, and Pix at a bank, of which one seat's price is refunded.

use serde_json::{Value, json};

use super::{Demonstration, PaidBooking, detail, money, step, text};
use crate::{Failed, failed};

impl Demonstration<'_> {
    pub(super) async fn pay_in_reais(&mut self) -> Result<PaidBooking, Failed> {
        step(6, "Rui reserves in reais, and pays by card at Mercado Pago, in three instalments.");
        let booking = self.reserve_in_reais("Rui Prado").await?;
        let body = json!({
            "booking_id": booking, "provider": "mercado_pago", "payment_method": "approved",
            "brand": "visa", "instalments": 3, "payer": payer("Rui Prado", "rui@example.com"),
        });
        let payment = self.pay("rui", &body, |seen| seen["state"] == "captured").await?;
        detail(format!("payment {} is captured, {}", text(&payment, "/id"), money(&payment["captured"])));
        self.becomes_confirmed(&booking).await?;
        Ok(PaidBooking { booking, payment: text(&payment, "/id") })
    }

    pub(super) async fn pay_by_pix(&mut self) -> Result<PaidBooking, Failed> {
        step(7, "Bia pays by Pix: she copies the code, and pays it in her own bank's app.");
        let booking = self.reserve_in_reais("Bia Nunes").await?;
        let body = json!({ "booking_id": booking, "provider": "pix", "payment_method": "pix" });
        let payment = self.pay("bia", &body, |seen| seen["next_action"]["type"] == "pix").await?;
        detail(format!("payment {} is {}", text(&payment, "/id"), text(&payment, "/state")));
        detail(format!("code {}", text(&payment, "/next_action/code")));
        let path = format!("/sandbox/pix/cob/{}/pay", text(&payment, "/provider_reference"));
        self.post_to_sandbox(&path, &json!({})).await?;
        self.becomes_confirmed(&booking).await?;
        Ok(PaidBooking { booking, payment: text(&payment, "/id") })
    }

    pub(super) async fn refund_a_seat(&mut self, paid: &PaidBooking) -> Result<(), Failed> {
        step(8, "A friend of Bia cannot come: half of her Pix goes back.");
        let payment = self.get(&format!("/v1/payments/{}", paid.payment)).await?;
        let half_minor = payment["captured"]["minor"].as_i64().unwrap_or_default() / 2;
        let body = json!({ "amount": { "minor": half_minor, "currency": payment["captured"]["currency"] } });
        let path = format!("/v1/payments/{}/refunds", paid.payment);
        let key = self.key("refund");
        let refund = self.post_to_the_end(&path, &key, &body).await?;
        let path = format!("/v1/refunds/{}", text(&refund, "/id"));
        let refund = self.becomes(&path, |seen| seen["state"] == "succeeded").await?;
        detail(format!("refund {} is succeeded, {}", text(&refund, "/id"), money(&refund["amount"])));
        Ok(())
    }

    async fn reserve_in_reais(&mut self, customer: &str) -> Result<String, Failed> {
        let product = self.environment.seeds.tenants[0].product_in_reais;
        self.reserve(customer, self.environment.slot_in_reais.id.0, product).await
    }

    /// The payment, once it is as expected. A provider may need longer than the first answer waits.
    async fn pay(
        &mut self,
        name: &str,
        body: &Value,
        expected: impl Fn(&Value) -> bool,
    ) -> Result<Value, Failed> {
        let key = self.key(&format!("pay-{name}"));
        let payment = self.post_to_the_end("/v1/payments", &key, body).await?;
        let id = payment["id"].as_str().ok_or_else(|| failed(format!("this is no payment: {payment}")))?;
        self.becomes(&format!("/v1/payments/{id}"), expected).await
    }
}

fn payer(name: &str, email: &str) -> Value {
    json!({ "name": name, "email": email, "tax_id": { "kind": "cpf", "number": "12345678909" } })
}
