//! Step 9: the booking is completed, its funds are released, and the guide's share is paid out.

use serde_json::{Value, json};

use super::{Demonstration, detail, money, step, text};
use crate::Failed;

/// The guide's own account at Stripe.
const DESTINATION: &str = "acct_demo_guide";
/// The platform's part, in hundredths of a percent.
const PLATFORM_BASIS_POINTS: i64 = 2_000;

impl Demonstration<'_> {
    /// Before the first booking, because a booking keeps the split of the moment when it was made.
    /// Returns the guide. Another run gets the same one.
    pub(super) async fn share_with_a_guide(&mut self) -> Result<String, Failed> {
        let guide = json!({ "name": "Marta, guide", "provider": "stripe", "destination": DESTINATION });
        let guide = self.post_to_the_end("/v1/beneficiaries", "demo-guide", &guide).await?;
        let guide = text(&guide, "/id");
        let split = json!({
            "platform_fee": { "basis_points": PLATFORM_BASIS_POINTS },
            "shares": [{ "beneficiary_id": guide }],
            "remainder_to": guide,
        });
        let path = format!("/v1/products/{}/split", self.environment.seeds.tenants[0].product.id);
        let key = self.key("split");
        self.post_to_the_end(&path, &key, &split).await?;
        Ok(guide)
    }

    pub(super) async fn pay_the_guide(&mut self, booking: &str, guide: &str) -> Result<(), Failed> {
        step(9, "Ana has sailed. Her guide gets 80 % of the price, by a transfer at Stripe.");
        let path = format!("/v1/bookings/{booking}/complete");
        let key = self.key("complete");
        let completed = self.post_to_the_end(&path, &key, &json!({})).await?;
        detail(format!("200, booking {booking} is {}", text(&completed, "/state")));
        let path = format!("/v1/bookings/{booking}/release");
        let release = self.becomes(&path, |seen| seen["state"] == "released").await?;
        let (released, platform) = (money(&release["released"]), money(&release["platform"]));
        detail(format!("its funds are released: {released}, of which {platform} are the platform's"));
        let path = format!("/v1/payouts?booking_id={booking}");
        let payouts = self.becomes(&path, |seen| seen["data"][0]["state"] == "paid").await?;
        let payout = &payouts["data"][0];
        detail(format!(
            "payout {} is {}, {}, transfer {}",
            text(payout, "/id"),
            text(payout, "/state"),
            money(&payout["amount"]),
            text(payout, "/provider_reference")
        ));
        let to = "2100-01-01T00:00:00Z";
        let path = format!("/v1/beneficiaries/{guide}/statement?from={}&to={to}", self.begun);
        let posted = |seen: &Value| seen["movements"].as_array().is_some_and(|posted| posted.len() == 2);
        let statement = self.becomes(&path, posted).await?;
        for movement in statement["movements"].as_array().into_iter().flatten() {
            let (moved, kind) = (money(&movement["amount"]), text(movement, "/kind"));
            print_line!("   statement {moved:>15}   {kind}");
        }
        let closing = money(&statement["balances"][0]["closing"]);
        print_line!("   statement {closing:>15}   owed to the guide now");
        Ok(())
    }
}
