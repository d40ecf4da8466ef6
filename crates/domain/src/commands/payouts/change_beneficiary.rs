//! Change a beneficiary, or deactivate it. Payouts that are scheduled keep the destination that they have.
//!
//! | a beneficiary that is inactive | |
//! |---|---|
//! | a new split rule | is refused |
//! | a release of a booking whose rule names it | the share is scheduled as a manual payout: a person decides how it is paid |
//! | a payout that is scheduled or sent | goes on |

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;

use super::own_account;
use crate::commands::draft::{About, Draft, Origin};
use crate::ids::{AccountId, BeneficiaryId, TenantId};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Actor, Beneficiary, Facts, Mode, Needs, PayoutMethod, Subject};
use crate::working_set::{Claim, Command, Context, DecisionResult, Json};

/// How the next payouts are paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BeneficiaryTransfer {
    /// A person pays.
    Manual,
    /// The tenant's account pays to this account at the provider.
    To(AccountId, String),
}

/// What is `None` stays.
#[derive(Clone, Debug)]
pub struct ChangeBeneficiary {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    pub by: Actor,
    pub mode: Mode,
    pub beneficiary: BeneficiaryId,
    pub name: Option<String>,
    pub transfer: Option<BeneficiaryTransfer>,
    pub metadata: Option<BTreeMap<String, String>>,
    pub active: Option<bool>,
}

impl ChangeBeneficiary {
    /// What the audit names: the members that differ, and no value of them.
    fn changes(before: &Beneficiary, after: &Beneficiary) -> String {
        let changed = [
            ("name", before.name != after.name),
            ("method", before.method != after.method),
            ("destination", (before.account, &before.destination) != (after.account, &after.destination)),
            ("metadata", before.metadata != after.metadata),
            ("active", before.deactivated_at.is_some() != after.deactivated_at.is_some()),
        ];
        let names: alloc::vec::Vec<&str> =
            changed.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect();
        names.join(", ")
    }
}

impl Command for ChangeBeneficiary {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        if let Some(BeneficiaryTransfer::To(account, _)) = &self.transfer {
            rows.account(*account);
        }
        rows.beneficiary(self.beneficiary);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let missing = Refusal::BeneficiaryNotFound { beneficiary: self.beneficiary.0 };
        let is_own = |one: &&Beneficiary| one.tenant == self.tenant && one.mode == self.mode;
        let before = facts.beneficiaries.get(self.beneficiary).filter(is_own).ok_or(missing)?;
        let mut after = before.clone();
        match &self.transfer {
            None => {}
            Some(BeneficiaryTransfer::Manual) => {
                after.method = PayoutMethod::Manual;
                (after.account, after.provider, after.destination) = (None, None, None);
            }
            Some(BeneficiaryTransfer::To(account, destination)) => {
                let account = own_account(facts, self.tenant, self.mode, *account)?;
                after.method = PayoutMethod::Transfer;
                after.account = Some(account.id);
                after.provider = Some(account.provider.clone());
                after.destination = Some(destination.clone());
            }
        }
        // Nothing can fail from here on.

        let origin = Origin::of_request(self.by, self.claim.as_ref());
        let mut draft = Draft::new(context, &origin);
        if let Some(name) = &self.name {
            after.name.clone_from(name);
        }
        if let Some(metadata) = &self.metadata {
            after.metadata = Json(metadata.clone());
        }
        match self.active {
            Some(true) => after.deactivated_at = None,
            Some(false) => _ = after.deactivated_at.get_or_insert(context.now),
            None => {}
        }
        if after != *before {
            let about = About { tenant: self.tenant, kind: Subject::Beneficiary, id: after.id.0 };
            let changes = Self::changes(before, &after);
            draft.audit_because(about, "beneficiary_changed", None, None, Some(changes));
            after.version += 1;
            after.updated_at = context.now;
            draft.put(after.clone());
        }
        Ok(draft.reply(Reply::BeneficiaryChanged(Box::new(after))))
    }
}
