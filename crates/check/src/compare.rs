//! Compares our rows with the provider's books.
//!
//! | promise | what must agree |
//! |---|---|
//! | `charged_once` | one object with money per operation; its captured, refunded and disputed sums are ours; no object is unknown to us |
//! | `refund_matches_quote` | one refund per refund of ours, to the minor unit; refunds that somebody made at the provider are known here |
//! | `released_once` | one transfer per payout, and no more than its share: [`super::payouts`] |
//! | `books_balance` | the ledger's account of each provider account is what the provider took less what it gave back, paid out, and kept as fees that we recorded; a recorded fee is the provider's |
//! | `tenant_walls` | an object is in an account of the tenant that requested it |
//!
//! While an operation is under way, the provider may be ahead of our rows, and never behind. An
//! object with an open review case is known to disagree. An object of a payment that a restored database does not
//! have is known as a difference, and left out. Money that a person recorded has no provider: its
//! rows stand in for the books, against the ledger.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::lifecycle::State as _;
use domain::lifecycle::{difference, refund};
use domain::rows::{Account, DifferenceKind, Payment};
use domain::{AccountId, PaymentId, TenantId};
use store::Queries;
use store::queries::{Cursor, DifferenceSearch, PaymentSearch};
use uuid::Uuid;

use super::books::{Books, Charge, Refund, money};
use super::{Error, Verdicts, payouts};

const PAGE_ROWS: usize = 1_000;
/// Far more than one installation has.
const TENANTS_MAX: usize = 100_000;

struct Comparison<'a> {
    verdicts: &'a mut Verdicts,
    queries: &'a Queries,
    books: &'a Books,
    /// Objects by the provider's id.
    charges: HashMap<&'a str, &'a Charge>,
    /// Refunds that moved money, by the provider's id, and by our id if they have one.
    refunds: HashMap<&'a str, Vec<&'a Refund>>,
    accounts: BTreeMap<AccountId, Account>,
    /// By account: operations that are under way, or that disagree and have a review case.
    open: BTreeMap<AccountId, usize>,
    /// What a person recorded, less what was given back, by account and currency.
    recorded: BTreeMap<(AccountId, String), i64>,
    /// Payments' objects that a bank has disputed.
    disputed: HashSet<&'a str>,
    /// The fees that we recorded, by account and currency.
    fees: BTreeMap<(AccountId, String), i64>,
    known: HashSet<PaymentId>,
    /// Objects of payments that a restored database does not have, and that a person knows of.
    lost: HashSet<String>,
    known_refunds: HashSet<String>,
    reviewed: HashSet<Uuid>,
}

pub(super) async fn check(verdicts: &mut Verdicts, queries: &Queries, books: &Books) -> Result<(), Error> {
    let accounts = queries.accounts(TENANTS_MAX).await?;
    let mut refunds: HashMap<&str, Vec<&Refund>> = HashMap::new();
    for refund in books.refunds.iter().filter(|refund| refund.moved()) {
        for id in refund.refund().into_iter().chain([refund.id.as_str()]) {
            refunds.entry(id).or_default().push(refund);
        }
    }
    let mut comparison = Comparison {
        verdicts,
        queries,
        books,
        charges: books.charges.iter().map(|charge| (charge.id.as_str(), charge)).collect(),
        refunds,
        accounts: accounts.into_iter().map(|account| (account.id, account)).collect(),
        open: BTreeMap::new(),
        recorded: BTreeMap::new(),
        disputed: books.disputes.iter().map(|dispute| dispute.payment_intent.as_str()).collect(),
        fees: BTreeMap::new(),
        known: HashSet::new(),
        lost: HashSet::new(),
        known_refunds: HashSet::new(),
        reviewed: HashSet::new(),
    };
    let tenants = queries.tenants(TENANTS_MAX).await?;
    for tenant in &tenants {
        comparison.tenant(tenant.id).await?;
    }
    comparison.theirs();
    for (account, count) in payouts::check(comparison.verdicts, queries, books, &tenants).await? {
        *comparison.open.entry(account).or_default() += count;
    }
    for tenant in &tenants {
        comparison.ledger(tenant.id).await?;
    }
    Ok(())
}

impl Comparison<'_> {
    /// The open and accepted differences of objects that name a payment which we do not have.
    async fn lost(&mut self, tenant: TenantId) -> Result<(), Error> {
        let own = self.accounts.values().filter(|account| account.tenant == tenant);
        let mut search = DifferenceSearch {
            accounts: own.map(|account| account.id).collect(),
            kind: Some(DifferenceKind::PaymentUnknownHere),
            limit: PAGE_ROWS,
            ..DifferenceSearch::default()
        };
        loop {
            let page = self.queries.differences(tenant, &search).await?;
            let Some(last) = page.last() else { return Ok(()) };
            search.after = Some(Cursor { created_at: last.found_at, id: last.id.0 });
            let unsettled = page.into_iter().filter(|row| !row.state.is(difference::State::Settled));
            self.lost.extend(unsettled.map(|row| row.object));
        }
    }

    fn is_lost(&self, charge: &Charge) -> bool {
        let payment = charge.operation().and_then(|operation| operation.parse().ok()).map(PaymentId);
        self.lost.contains(&charge.id) && !payment.is_some_and(|payment| self.known.contains(&payment))
    }

    async fn tenant(&mut self, tenant: TenantId) -> Result<(), Error> {
        self.lost(tenant).await?;
        let mut after = None;
        loop {
            let page = self.queries.open_reviews(tenant, after, PAGE_ROWS).await?;
            let Some(last) = page.last() else { break };
            after = Some(Cursor { created_at: last.opened_at, id: last.id.0 });
            self.reviewed.extend(page.iter().map(|review| review.subject));
        }
        let mut search = PaymentSearch { limit: PAGE_ROWS, ..PaymentSearch::default() };
        loop {
            let page = self.queries.payments(tenant, &search).await?;
            let Some(last) = page.last() else { return Ok(()) };
            search.after = Some(Cursor { created_at: last.created_at, id: last.id.0 });
            for payment in &page {
                if payment.is_manual() {
                    let key = (payment.account, payment.currency.to_string());
                    let left = payment.captured_minor - payment.refunded_minor;
                    *self.recorded.entry(key).or_default() += left;
                    continue;
                }
                self.payment(payment);
                if payment.refunds > 0 {
                    self.refunds(payment).await?;
                }
            }
        }
    }

    fn payment(&mut self, payment: &Payment) {
        self.known.insert(payment.id);
        if let Some(currency) = payment.provider_fee_currency {
            *self.fees.entry((payment.account, currency.to_string())).or_default() +=
                payment.provider_fee_minor;
        }
        self.verdicts.checked("charged_once", 1);
        let reviewed = self.reviewed.contains(&payment.id.0);
        let under_way = !payment.state.is_final() || payment.active.is_some() || payment.refunding_minor > 0;
        if reviewed || under_way {
            *self.open.entry(payment.account).or_default() += 1;
        }
        if reviewed {
            return;
        }
        let theirs = payment.provider_ref.as_deref().and_then(|object| self.charges.get(object));
        let kept = theirs.map(|charge| charge.fee_minor);
        let theirs = theirs.map_or((0, 0, 0), |charge| {
            (charge.captured_minor, charge.refunded_minor, charge.disputed_minor)
        });
        self.fee(payment, kept);
        let (captured, refunded, disputed) = theirs;
        let ours = (payment.captured_minor, payment.refunded_minor, payment.disputed_minor);
        let agrees = if under_way {
            captured >= ours.0
                && refunded >= ours.1
                && refunded <= payment.refunded_minor + payment.refunding_minor
        } else {
            let excess = captured - ours.0;
            let went_back = refunded - ours.1 == excess && disputed == ours.2;
            let was_suspended = ours == (0, 0, 0) || payment.suspended_minor == excess;
            // Money that was never ours was in suspense, and went back.
            theirs == ours || (went_back && was_suspended)
        };
        if !agrees {
            let sums = |(captured, refunded, disputed): (i64, i64, i64)| {
                [captured, refunded, disputed].map(|minor| money(minor, payment.currency.code())).join(", ")
            };
            let text = format!(
                "payment {} is {}: captured, refunded and disputed are {} here and {} there",
                payment.id,
                payment.state.name(),
                sums(ours),
                sums(theirs)
            );
            self.verdicts.offends("charged_once", text);
        }
    }

    /// A fee is recorded by a reconciliation, so it may not be recorded yet, and that of a dispute comes later than
    /// the others.
    fn fee(&mut self, payment: &Payment, theirs: Option<i64>) {
        let (Some(currency), Some(theirs)) = (payment.provider_fee_currency, theirs) else { return };
        if payment.provider_ref.as_deref().is_some_and(|object| self.disputed.contains(object)) {
            return;
        }
        self.verdicts.checked("books_balance", 1);
        let ours = payment.provider_fee_minor;
        if ours != theirs {
            let [ours, theirs] = [ours, theirs].map(|minor| money(minor, currency.code()));
            let text = format!("the fee of payment {} is {ours} here and {theirs} there", payment.id);
            self.verdicts.offends("books_balance", text);
        }
    }

    async fn refunds(&mut self, payment: &Payment) -> Result<(), Error> {
        let refunds = self.queries.refunds_of_payment(payment.tenant, payment.id, None, usize::MAX).await?;
        let external = refunds.iter().filter(|refund| refund.external);
        let external: HashSet<&str> = external.filter_map(|refund| refund.provider_ref.as_deref()).collect();
        for refund in &refunds {
            self.verdicts.checked("refund_matches_quote", 1);
            let id = refund.id.to_string();
            let marked = self.refunds.get(id.as_str()).filter(|_| !refund.external);
            // Some providers' refunds carry no mark of ours.
            let by_object = || self.refunds.get(refund.provider_ref.as_deref()?);
            let theirs = marked.or_else(by_object).map_or(&[][..], Vec::as_slice);
            // Somebody may copy our id into another refund. Only we can refund under one of our
            // keys.
            let own = |theirs: &&&Refund| {
                refund.external || theirs.is_keyed_by_us() || !external.contains(theirs.id.as_str())
            };
            let made: Vec<i64> = theirs.iter().filter(own).map(|theirs| theirs.amount_minor).collect();
            let expected: &[i64] = match *refund.state {
                refund::State::Succeeded => &[refund.amount_minor],
                refund::State::Failed => &[],
                _ if made.is_empty() => &[],
                _ => &[refund.amount_minor],
            };
            if made != expected && !self.reviewed.contains(&refund.id.0) {
                let money = |minor: &i64| money(*minor, refund.currency.code());
                let made: Vec<String> = made.iter().map(money).collect();
                let text = format!(
                    "refund {id} of {} is {}, and the provider refunded {}",
                    money(&refund.amount_minor),
                    refund.state.name(),
                    if made.is_empty() { "nothing".to_owned() } else { made.join(", ") }
                );
                self.verdicts.offends("refund_matches_quote", text);
            }
            self.known_refunds.insert(id);
        }
        Ok(())
    }

    /// Compares the objects in the books, known to us or not.
    fn theirs(&mut self) {
        let mut moved: BTreeMap<&str, usize> = BTreeMap::new();
        for charge in &self.books.charges {
            let Some(operation) = charge.operation() else { continue };
            self.verdicts.checked("charged_once", 1);
            if charge.moved() {
                *moved.entry(operation).or_default() += 1;
            }
            let account = AccountId::of(&charge.provider, &charge.account);
            let Some(account) = self.accounts.get(&account) else { continue };
            self.verdicts.checked("tenant_walls", 1);
            let tenant = account.tenant.to_string();
            if charge.metadata.get("tenant").is_some_and(|owner| *owner != tenant) {
                let text = format!("{} stands in the account of another tenant", charge.id);
                self.verdicts.offends("tenant_walls", text);
            }
            let payment = operation.parse().map(PaymentId);
            if !payment.is_ok_and(|payment| self.known.contains(&payment)) && !self.is_lost(charge) {
                let text = format!("{} is for operation {operation}, which we do not know", charge.id);
                self.verdicts.offends("charged_once", text);
            }
        }
        for (operation, count) in moved.into_iter().filter(|(_, count)| *count > 1) {
            let text = format!("operation {operation} moved money by {count} objects");
            self.verdicts.offends("charged_once", text);
        }
        for refund in &self.books.refunds {
            let account = AccountId::of(&refund.provider, &refund.account);
            let Some(id) = refund.refund().filter(|_| self.accounts.contains_key(&account)) else { continue };
            if !self.known_refunds.contains(id) {
                let text = format!("{} is for refund {id}, which we do not know", refund.id);
                self.verdicts.offends("refund_matches_quote", text);
            }
        }
    }

    /// Compares the ledger with the provider's balance for the tenant, account by account.
    async fn ledger(&mut self, tenant: TenantId) -> Result<(), Error> {
        let waiting = self.queries.backlog().await?;
        let posted = self.queries.ledger_accounts(tenant, None, None, usize::MAX).await?;
        for (id, account) in self.accounts.iter().filter(|(_, account)| account.tenant == tenant) {
            let open = self.open.get(id).copied().unwrap_or(0);
            if waiting.outbox_pending > 0 || waiting.events_received > 0 || open > 0 {
                let note = format!(
                    "the ledger of {} was not held against the provider's books: {} messages and {} events \
                     wait, {open} operations are open",
                    account.name, waiting.outbox_pending, waiting.events_received
                );
                self.verdicts.notes("books_balance", note);
                continue;
            }
            let name = format!("provider/{}/{id}", account.provider);
            let mut nets: BTreeMap<String, (i64, i64)> = BTreeMap::new();
            for ledger in posted.iter().filter(|ledger| ledger.name == name) {
                nets.entry(ledger.currency.to_string()).or_default().0 += ledger.balance_minor;
            }
            for ((_, currency), left) in self.recorded.iter().filter(|((account, _), _)| account == id) {
                nets.entry(currency.clone()).or_default().1 += left;
            }
            for ((_, currency), kept) in self.fees.iter().filter(|((account, _), _)| account == id) {
                nets.entry(currency.clone()).or_default().1 -= kept;
            }
            let theirs = self.books.charges.iter().filter(|charge| {
                charge.provider == account.provider
                    && charge.account == account.name
                    && charge.operation().is_some()
                    && !self.is_lost(charge)
            });
            for charge in theirs {
                let net = &mut nets.entry(charge.currency.to_ascii_uppercase()).or_default().1;
                *net += charge.net();
            }
            let transfers = self.books.transfers.iter().filter(|transfer| {
                transfer.provider == account.provider
                    && transfer.account == account.name
                    && transfer.payout().is_some()
            });
            for transfer in transfers {
                nets.entry(transfer.currency.to_ascii_uppercase()).or_default().1 -= transfer.net();
            }
            for (currency, (ours, theirs)) in nets {
                self.verdicts.checked("books_balance", 1);
                if ours != theirs {
                    let account = &account.name;
                    let (ours, theirs) = (money(ours, &currency), money(theirs, &currency));
                    let text = format!("{account}: the ledger has {ours}, the provider {theirs}");
                    self.verdicts.offends("books_balance", text);
                }
            }
        }
        Ok(())
    }
}
