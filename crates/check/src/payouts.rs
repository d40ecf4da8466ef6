//! Compares our payouts with the transfers in the provider's books.
//!
//! Two transfers of one payout are two payouts of one share. Two payouts of one booking and beneficiary
//! would be as well, also if each had one transfer: so the transfers are summed by booking and
//! beneficiary, as their metadata name them, and held against the shares.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::AccountId;
use domain::lifecycle::payout::State;
use domain::rows::{Payout, PayoutMethod, Tenant};
use store::Queries;
use store::queries::{Cursor, PayoutSearch};

use super::books::{BookedTransfer, Books, money};
use super::{Error, Verdicts};

const INVARIANT: &str = "released_once";
const PAGE_ROWS: usize = 1_000;

/// Returns how many payouts of each account are under way, or disagree and have a person's attention:
/// their account's ledger cannot be compared.
pub(super) async fn check(
    verdicts: &mut Verdicts,
    queries: &Queries,
    books: &Books,
    tenants: &[Tenant],
) -> Result<BTreeMap<AccountId, usize>, Error> {
    let mut made: HashMap<&str, Vec<&BookedTransfer>> = HashMap::new();
    for transfer in &books.transfers {
        verdicts.checked(INVARIANT, 1);
        if let Some(payout) = transfer.payout() {
            made.entry(payout).or_default().push(transfer);
        }
    }
    let (mut open, mut known, mut shares) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
    for tenant in tenants {
        let mut search = PayoutSearch { limit: PAGE_ROWS, ..PayoutSearch::default() };
        loop {
            let page = queries.payouts(tenant.id, &search).await?;
            let Some(last) = page.last() else { break };
            search.after = Some(Cursor { created_at: last.created_at, id: last.id.0 });
            for payout in &page {
                let id = payout.id.to_string();
                let theirs = made.get(id.as_str()).map_or(&[][..], Vec::as_slice);
                compare(verdicts, payout, theirs);
                let share = (payout.booking.to_string(), payout.beneficiary.to_string());
                // One share, however many rows of it there are.
                shares.insert(share, payout.amount_minor);
                if let Some(account) = payout.account.filter(|_| is_open(payout)) {
                    *open.entry(account).or_default() += 1;
                }
                known.insert(id);
            }
        }
    }
    for (payout, transfers) in made.iter().filter(|(payout, _)| !known.contains(**payout)) {
        let text = format!("{} is for payout {payout}, which we do not know", transfers[0].id);
        verdicts.offends(INVARIANT, text);
    }
    never_above_the_share(verdicts, books, &shares);
    Ok(open)
}

/// The provider may be ahead of our row, and never behind.
fn is_open(payout: &Payout) -> bool {
    payout.is_being_reversed() || matches!(*payout.state, State::Sent | State::Unknown | State::Review)
}

fn compare(verdicts: &mut Verdicts, payout: &Payout, theirs: &[&BookedTransfer]) {
    verdicts.checked(INVARIANT, 1);
    let names = || theirs.iter().map(|transfer| transfer.id.as_str()).collect::<Vec<_>>().join(", ");
    if theirs.len() > 1 {
        let text = format!("payout {} was transferred {} times: {}", payout.id, theirs.len(), names());
        verdicts.offends(INVARIANT, text);
        return;
    }
    let by_transfer = payout.method == PayoutMethod::Transfer;
    let expected = match *payout.state {
        State::Paid | State::Returned if by_transfer => 1,
        State::Scheduled | State::Failed | State::Paid | State::Returned => 0,
        State::Sent | State::Unknown | State::Review => theirs.len(),
    };
    if theirs.len() != expected {
        let text = format!("payout {} is {:?}, and the provider has: {}", payout.id, payout.state, names());
        verdicts.offends(INVARIANT, text);
    }
    for transfer in theirs {
        let same = transfer.amount_minor == payout.amount_minor
            && transfer.currency.eq_ignore_ascii_case(payout.currency.code())
            && Some(&transfer.destination) == payout.destination.as_ref();
        if !same {
            let theirs = money(transfer.amount_minor, &transfer.currency);
            let ours = payout.amount();
            let text = format!("payout {} of {ours}: {} is of {theirs}", payout.id, transfer.id);
            verdicts.offends(INVARIANT, text);
        }
    }
}

fn never_above_the_share(verdicts: &mut Verdicts, books: &Books, shares: &BTreeMap<(String, String), i64>) {
    let mut sums: BTreeMap<(String, String), i64> = BTreeMap::new();
    for transfer in &books.transfers {
        let named = |name: &str| transfer.metadata.get(name).cloned();
        if let Some(share) = named("booking").zip(named("beneficiary")) {
            *sums.entry(share).or_default() += transfer.net();
        }
    }
    for (share, paid) in sums {
        let due = shares.get(&share).copied().unwrap_or_default();
        if paid > due {
            let (booking, beneficiary) = share;
            let text = format!("booking {booking}: {beneficiary} got {paid}, and its share is {due}");
            verdicts.offends(INVARIANT, text);
        }
    }
}
