//! Create a beneficiary: somebody who gets a share of bookings.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;

use super::own_account;
use crate::commands::draft::{About, Draft, Origin};
use crate::ids::{AccountId, TenantId};
use crate::reply::Reply;
use crate::rows::{Beneficiary, Facts, Mode, Needs, PayoutMethod, Subject};
use crate::working_set::{Claim, Command, Context, DecisionResult, Json};

#[derive(Clone, Debug)]
pub struct CreateBeneficiary {
    pub claim: Claim,
    pub mode: Mode,
    pub name: String,
    /// The tenant's account that pays, and the beneficiary's own account at that provider. `None`: a
    /// person pays.
    pub transfer: Option<(AccountId, String)>,
    pub metadata: BTreeMap<String, String>,
}

impl Command for CreateBeneficiary {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.claim.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        if let Some((account, _)) = &self.transfer {
            rows.account(*account);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let tenant = self.claim.tenant;
        let paying =
            self.transfer.as_ref().map(|(account, _)| own_account(facts, tenant, self.mode, *account));
        let account = paying.transpose()?;
        let destination = self.transfer.as_ref().map(|(_, destination)| destination.clone());
        // Nothing can fail from here on.

        let origin = Origin::claimed(&self.claim);
        let mut draft = Draft::new(context, &origin);
        let beneficiary = Beneficiary {
            id: draft.id_under(self.claim.key),
            tenant,
            mode: self.mode,
            name: self.name.clone(),
            method: if account.is_some() { PayoutMethod::Transfer } else { PayoutMethod::Manual },
            account: account.map(|account| account.id),
            provider: account.map(|account| account.provider.clone()),
            destination,
            metadata: Json(self.metadata.clone()),
            created_at: context.now,
            version: 1,
            deactivated_at: None,
            updated_at: context.now,
        };
        let about = About { tenant, kind: Subject::Beneficiary, id: beneficiary.id.0 };
        draft.audit(about, "beneficiary_created", None, None);
        draft.put(beneficiary.clone());
        Ok(draft.reply(Reply::Beneficiary(Box::new(beneficiary))))
    }
}
