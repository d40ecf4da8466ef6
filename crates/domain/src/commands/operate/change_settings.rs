//! Change the settings of a tenant and the limits of its clients.

use alloc::vec::Vec;

use super::about_tenant;
use crate::commands::draft::{Draft, Origin};
use crate::ids::{ClientId, TenantId};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Actor, Client, Facts, LateMoney, Needs, Settings, Tenant};
use crate::working_set::{Claim, Command, Context, DecisionResult, Json};

/// The new values. A field that is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct SettingsChange {
    pub late_money: Option<LateMoney>,
    /// `Some(None)` removes the limit.
    pub seats_held_per_customer_max: Option<Option<i64>>,
    pub hold_seconds: Option<i64>,
    pub hold_seconds_max: Option<i64>,
}

impl SettingsChange {
    fn of(&self, settings: &Settings) -> Settings {
        Settings {
            late_money: self.late_money.unwrap_or(settings.late_money),
            seats_held_per_customer_max: self
                .seats_held_per_customer_max
                .unwrap_or(settings.seats_held_per_customer_max),
            hold_seconds: self.hold_seconds.unwrap_or(settings.default_hold_seconds()),
            hold_seconds_max: self.hold_seconds_max.unwrap_or(settings.hold_seconds_max),
        }
    }

    /// The changed settings, checked as a whole.
    fn checked(&self, settings: &Settings) -> Result<Settings, Refusal> {
        let changed = self.of(settings);
        let Settings { hold_seconds, hold_seconds_max, .. } = changed;
        if hold_seconds > hold_seconds_max {
            let setting = if self.hold_seconds.is_some() { "hold_seconds" } else { "hold_seconds_max" };
            return Err(Refusal::SettingsContradictEachOther { setting, hold_seconds, hold_seconds_max });
        }
        Ok(changed)
    }
}

/// Changes a tenant's settings, and how many seats one of its clients may hold. The command has the change
/// and not the result, so that two concurrent changes of different fields both take effect.
#[derive(Clone, Debug)]
pub struct ChangeSettings {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    /// Who requests the change.
    pub client: ClientId,
    pub settings: SettingsChange,
    /// A client and its limit. `None` removes the limit. Seats held before a limit was set do not count.
    pub held_seats_max: Vec<(ClientId, Option<i64>)>,
}

impl Command for ChangeSettings {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.tenant(self.tenant);
        for (client, _) in &self.held_seats_max {
            rows.client(*client);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let tenant = facts.tenants.get(self.tenant).ok_or(Refusal::ClientNotFound)?;
        let own = |id: ClientId| facts.clients.get(id).filter(|client| client.tenant == self.tenant);
        if self.held_seats_max.iter().any(|(client, _)| own(*client).is_none()) {
            return Err(Refusal::ClientNotFound);
        }
        let settings = Json(self.settings.checked(&tenant.settings.0)?);
        // Nothing can fail from here on.

        let origin = Origin::of_request(Actor::Client(self.client), self.claim.as_ref());
        let mut draft = Draft::new(context, &origin);
        draft.audit(about_tenant(self.tenant), "settings_changed", None, None);
        for (id, limit) in &self.held_seats_max {
            if let Some(client) = own(*id) {
                draft.put(Client { held_seats_max: *limit, ..client.clone() });
            }
        }
        let tenant = Tenant { settings, version: tenant.version + 1, ..tenant.clone() };
        draft.put(tenant.clone());
        Ok(draft.reply(Reply::Tenant(alloc::boxed::Box::new(tenant))))
    }
}
