//! Forged evidence: made by a stranger, or made from old events of the provider.
//!
//! The forger has everything but the account's secret: true events, old signatures, the form of the
//! header, and the secret of another tenant's account.

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use server::ports::clock::SystemClock;
use store::Clock as _;

use super::courier::WebhookForwarder;
use crate::Error;
use testkit::program::Resident;

/// The server takes signatures that are at most five minutes old, and at most five minutes early.
const TOLERANCE_S: i64 = 300;
const DAY_S: i64 = 86_400;
/// Larger than any event.
const LARGE_BYTES: usize = 400 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgery {
    Unsigned,
    /// A well-formed signature without the secret.
    Guessed,
    /// A true signature with another amount.
    Altered,
    /// A true signature with another payment.
    ForAnotherPayment,
    /// A true signature of six minutes ago.
    Stale,
    /// A true signature of three days ago.
    DaysOld,
    FromTheFuture,
    /// Signed with the secret of another tenant's account.
    SignedByANeighbour,
    /// The true signature under the name of an older scheme.
    OtherScheme,
    UnreadableHeader,
    /// A valid signature on an event of live mode at a test account.
    LiveMode,
    /// A valid signature on an event that has only the id of its object.
    Thin,
    TooLarge,
}

impl Forgery {
    pub const ALL: [Forgery; 13] = [
        Forgery::Unsigned,
        Forgery::Guessed,
        Forgery::Altered,
        Forgery::ForAnotherPayment,
        Forgery::Stale,
        Forgery::DaysOld,
        Forgery::FromTheFuture,
        Forgery::SignedByANeighbour,
        Forgery::OtherScheme,
        Forgery::UnreadableHeader,
        Forgery::LiveMode,
        Forgery::Thin,
        Forgery::TooLarge,
    ];

    pub fn state(self) -> &'static str {
        match self {
            Forgery::Unsigned => "tried_unsigned",
            Forgery::Guessed => "tried_guessed",
            Forgery::Altered => "tried_altered",
            Forgery::ForAnotherPayment => "tried_for_another_payment",
            Forgery::Stale => "tried_stale",
            Forgery::DaysOld => "tried_days_old",
            Forgery::FromTheFuture => "tried_from_the_future",
            Forgery::SignedByANeighbour => "tried_signed_by_a_neighbour",
            Forgery::OtherScheme => "tried_other_scheme",
            Forgery::UnreadableHeader => "tried_unreadable_header",
            Forgery::LiveMode => "tried_live_mode",
            Forgery::Thin => "tried_thin",
            Forgery::TooLarge => "tried_too_large",
        }
    }

    /// The body, and its signature if it has one. `event` is the true event, which has not been
    /// sent yet; `other` is an event about another payment.
    pub async fn made(
        self,
        courier: &mut WebhookForwarder,
        (own, neighbour): (&Resident, &Resident),
        (event, other): (&Value, &Value),
        random: &mut StdRng,
    ) -> Result<(String, Option<String>), Error> {
        let now = SystemClock.now().unix_seconds();
        let body = event.to_string();
        let account = own.account.as_str();
        let hex: String =
            (0..64).map(|_| char::from(b"0123456789abcdef"[random.random_range(0..16)])).collect();
        let signed = match self {
            Forgery::Unsigned => None,
            Forgery::Guessed => Some(format!("t={now},v1={hex}")),
            Forgery::Altered => {
                let signature = courier.signs(account, &body, None).await?;
                let mut altered = event.clone();
                altered["data"]["object"]["amount_received"] = json!(1);
                return Ok((altered.to_string(), Some(signature)));
            }
            Forgery::ForAnotherPayment => Some(courier.signs(account, &other.to_string(), None).await?),
            Forgery::Stale => Some(courier.signs(account, &body, Some(now - TOLERANCE_S - 60)).await?),
            Forgery::DaysOld => Some(courier.signs(account, &body, Some(now - 3 * DAY_S)).await?),
            Forgery::FromTheFuture => {
                Some(courier.signs(account, &body, Some(now + TOLERANCE_S + 60)).await?)
            }
            Forgery::SignedByANeighbour => Some(courier.signs(&neighbour.account, &body, None).await?),
            Forgery::OtherScheme => Some(courier.signs(account, &body, None).await?.replace("v1=", "v0=")),
            Forgery::UnreadableHeader => {
                let headers = ["", "t=,v1=", "v1=", "t=99999999999999999999,v1=00", "t=1,v1=zz", "nonsense"];
                Some(headers[random.random_range(0..headers.len())].to_owned())
            }
            Forgery::LiveMode => {
                let mut live = event.clone();
                live["livemode"] = json!(true);
                let signature = courier.signs(account, &live.to_string(), None).await?;
                return Ok((live.to_string(), Some(signature)));
            }
            Forgery::Thin => {
                let mut thin = event.clone();
                thin["object"] = json!("v2.core.event");
                let signature = courier.signs(account, &thin.to_string(), None).await?;
                return Ok((thin.to_string(), Some(signature)));
            }
            Forgery::TooLarge => {
                let mut large = event.clone();
                large["padding"] = json!("x".repeat(LARGE_BYTES));
                return Ok((large.to_string(), Some(format!("t={now},v1={hex}"))));
            }
        };
        Ok((body, signed))
    }
}
