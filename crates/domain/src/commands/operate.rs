//! What operators do: set tenants up, change their settings, settle review cases, and let old
//! replies go.

mod api_keys;
mod resolve_review;
mod tenants;

use alloc::vec::Vec;

use crate::commands::catalogue::origin;
use crate::commands::draft::{About, Draft, Origin};
use crate::idempotency::KeyProgress;
use crate::ids::{ClientId, KeyId, TenantId};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Account, Actor, ApiKey, Client, Facts, Key, LateMoney, Needs, Settings, Subject, Tenant};
use crate::time::Span;
use crate::working_set::{Claim, Command, Context, DecisionResult, Json};

pub use api_keys::{AddApiKey, KeyOwner, OPS_SCOPE, RevokeApiKey};
pub use resolve_review::ResolveReview;
pub use tenants::{ArchiveTenant, RenameTenant};

/// Makes a tenant with all that it needs to be called; what exists already stays as it is.
#[derive(Clone, Debug)]
pub struct Provision {
    pub tenant: Tenant,
    pub accounts: Vec<Account>,
    pub clients: Vec<Client>,
    pub api_keys: Vec<ApiKey>,
}

impl Command for Provision {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant.id)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.tenant(self.tenant.id);
        for account in &self.accounts {
            rows.account(account.id);
        }
        for client in &self.clients {
            rows.client(client.id);
        }
        for key in &self.api_keys {
            rows.api_key(key.id);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let origin = Origin::of(Actor::Person);
        let mut draft = Draft::new(context, &origin);
        if facts.tenants.get(self.tenant.id).is_none() {
            draft.put(self.tenant.clone());
        }
        for account in self.accounts.iter().filter(|row| facts.accounts.get(row.id).is_none()) {
            draft.put(account.clone());
        }
        for client in self.clients.iter().filter(|row| facts.clients.get(row.id).is_none()) {
            draft.put(client.clone());
        }
        for key in self.api_keys.iter().filter(|row| facts.api_keys.get(row.id).is_none()) {
            draft.put(key.clone());
        }
        Ok(draft.done())
    }
}

/// What is to be different; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct SettingsChange {
    pub late_money: Option<LateMoney>,
    /// `Some(None)` lifts the limit.
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

    /// The settings as they would be, looked at as a whole.
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

/// Changes a tenant's settings, and how many seats one of its clients may hold. It carries the
/// change and not the outcome: whoever changes something else at the same time keeps what they
/// changed.
#[derive(Clone, Debug)]
pub struct ChangeSettings {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    /// Who asks.
    pub client: ClientId,
    pub settings: SettingsChange,
    /// A client and its limit; `None` lifts it. Seats held before a limit was set do not count.
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

        let origin = origin(Actor::Client(self.client), self.claim.as_ref());
        let mut draft = Draft::new(context, &origin);
        let about = About { tenant: self.tenant, kind: Subject::Tenant, id: self.tenant.0 };
        draft.audit(about, "settings_changed", None, None);
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

/// Lets stored replies go that are older than they must be kept. The keys stay, forever: what was
/// done once under a key is never done again.
#[derive(Clone, Debug)]
pub struct PruneReplies {
    /// At most [`crate::limits::IDS_PER_COMMAND_MAX`].
    pub keys: Vec<KeyId>,
    /// For how long after the key was finished, by the clock that stamped it.
    pub kept: Span,
}

impl Command for PruneReplies {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn background(&self) -> bool {
        true
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        for key in &self.keys {
            rows.key(*key);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let origin = Origin::of(Actor::Timer);
        let mut draft = Draft::new(context, &origin);
        let finished_before = context.now.minus(self.kept);
        let mut pruned = 0;
        for key in self.keys.iter().filter_map(|id| facts.keys.get(*id)) {
            let old = key.finished_at.is_some_and(|at| at < finished_before);
            if key.progress == KeyProgress::Finished && key.body.is_some() && old {
                pruned += 1;
                draft.put(Key { status: None, body: None, ..key.clone() });
            }
        }
        Ok(draft.reply(Reply::Swept(pruned)))
    }
}
