//! Step 10: the bookings, the ledger and the books of each provider must agree.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Demonstration, PATIENCE, POLL, PaidBooking, amount, money, step, text};
use crate::Failed;

/// The balances of the ledger, in minor units, by account and currency.
pub type Balances = BTreeMap<(String, String), i64>;

/// What is left at one provider, in minor units by currency.
struct ProviderTotals {
    provider: String,
    in_books: BTreeMap<String, i64>,
    in_ledger: BTreeMap<String, i64>,
}

impl Demonstration<'_> {
    pub(super) async fn balances(&mut self) -> Result<Balances, Failed> {
        let accounts = self.get("/v1/ledger/accounts?limit=200").await?;
        let balance = |account: &Value| {
            let name = (text(account, "/name"), text(account, "/balance/currency"));
            (name, account["balance"]["minor"].as_i64().unwrap_or_default())
        };
        Ok(accounts["data"].as_array().into_iter().flatten().map(balance).collect())
    }

    /// `true` if each booking has one charge of what was paid, and each provider's books are equal to
    /// the ledger.
    pub(super) async fn compare(&mut self, paid: &[PaidBooking]) -> Result<bool, Failed> {
        step(10, "The books, side by side.");
        print_line!("");
        let mut paid_minor = Vec::new();
        for PaidBooking { booking, .. } in paid {
            let ours = self.get(&format!("/v1/bookings/{booking}")).await?;
            paid_minor.push(ours["paid"]["minor"].as_i64());
            print_line!("   booking   {:>15}   paid, state {}", money(&ours["paid"]), text(&ours, "/state"));
        }
        let (books, ledger) = self.settled_books().await?;
        for (account, balance) in &ledger {
            let moved = balance - self.before.get(account).copied().unwrap_or(0);
            if moved != 0 {
                print_line!("   ledger    {:>15}   {}", amount(moved, &account.1), account.0);
            }
        }
        let mut charges = BTreeMap::new();
        let mut is_equal = true;
        for (PaidBooking { payment, .. }, paid_minor) in paid.iter().zip(paid_minor) {
            let own = |charge: &&Value| charge["metadata"]["operation"] == payment.as_str();
            let made: Vec<&Value> = entries(&books, "charges").filter(own).collect();
            for charge in &made {
                show_charge(charge);
            }
            let captured: i64 = made.iter().filter_map(|charge| charge["captured_minor"].as_i64()).sum();
            is_equal &= made.len() == 1 && Some(captured) == paid_minor;
            if let Some(charge) = made.first() {
                charges.insert(text(charge, "/provider"), made.len());
            }
        }
        for transfer in entries(&books, "transfers").filter(|transfer| of_booking(transfer, paid)) {
            show_transfer(transfer);
        }
        print_line!("");
        for ProviderTotals { provider, in_books, in_ledger } in self.totals(&books, &ledger) {
            let count = charges.get(&provider).copied().unwrap_or(0);
            let plural = if count == 1 { "" } else { "s" };
            let sums = |minor: &BTreeMap<String, i64>| {
                minor.iter().map(|(code, minor)| amount(*minor, code)).collect::<Vec<_>>().join(", ")
            };
            let (theirs, ours) = (sums(&in_books), sums(&in_ledger));
            print_line!(
                "   {provider:<12}  {count} charge{plural}. Its books have {theirs}, the ledger {ours}."
            );
            is_equal &= in_books == in_ledger;
        }
        print_line!("");
        Ok(is_equal)
    }

    /// The providers' books and the ledger, once they are equal: the ledger is posted a moment later.
    /// If they never are, as they were last.
    async fn settled_books(&mut self) -> Result<(Value, Balances), Failed> {
        let began = tokio::time::Instant::now();
        loop {
            let books: Value = self.sandbox.get("/sandbox/books?calls=false", &[]).await?.json()?;
            let ledger = self.balances().await?;
            let equal = |totals: &ProviderTotals| totals.in_books == totals.in_ledger;
            if self.totals(&books, &ledger).iter().all(equal) || began.elapsed() > PATIENCE {
                return Ok((books, ledger));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// For each provider of the tenant.
    fn totals(&self, books: &Value, ledger: &Balances) -> Vec<ProviderTotals> {
        let accounts = &self.environment.seeds.tenants[0].accounts;
        let total = |provider: &str, name: &str| {
            let own = |entry: &&Value| entry["provider"] == provider && entry["account"] == name;
            let mut theirs: BTreeMap<String, i64> = BTreeMap::new();
            for (list, come, gone) in [
                ("charges", &["captured_minor"][..], &["refunded_minor", "disputed_minor"][..]),
                ("transfers", &["reversed_minor"], &["amount_minor"]),
            ] {
                for entry in entries(books, list).filter(own) {
                    let sum =
                        |names: &[&str]| names.iter().filter_map(|name| entry[name].as_i64()).sum::<i64>();
                    *theirs.entry(text(entry, "/currency").to_uppercase()).or_default() +=
                        sum(come) - sum(gone);
                }
            }
            let prefix = format!("provider/{provider}/");
            let mut ours: BTreeMap<String, i64> = BTreeMap::new();
            for ((_, code), minor) in ledger.iter().filter(|((account, _), _)| account.starts_with(&prefix)) {
                *ours.entry(code.clone()).or_default() += minor;
            }
            ProviderTotals { provider: provider.to_owned(), in_books: theirs, in_ledger: ours }
        };
        accounts.iter().map(|account| total(&account.provider, &account.name)).collect()
    }
}

fn entries<'b>(books: &'b Value, list: &str) -> impl Iterator<Item = &'b Value> {
    books[list].as_array().into_iter().flatten()
}

fn show_charge(charge: &Value) {
    let code = text(charge, "/currency").to_uppercase();
    let minor = |name: &str| charge[name].as_i64().unwrap_or_default();
    let returned = match minor("refunded_minor") {
        0 => String::new(),
        returned => format!(", {} returned", amount(returned, &code)),
    };
    print_line!(
        "   provider  {:>15}   {} charge {}{returned}",
        amount(minor("captured_minor"), &code),
        text(charge, "/provider"),
        text(charge, "/id")
    );
}

fn of_booking(transfer: &Value, paid: &[PaidBooking]) -> bool {
    let group = text(transfer, "/transfer_group");
    paid.iter().any(|paid| group.ends_with(&paid.booking))
}

fn show_transfer(transfer: &Value) {
    let code = text(transfer, "/currency").to_uppercase();
    let minor = transfer["amount_minor"].as_i64().unwrap_or_default();
    print_line!(
        "   provider  {:>15}   {} transfer {} to {}",
        amount(-minor, &code),
        text(transfer, "/provider"),
        text(transfer, "/id"),
        text(transfer, "/destination")
    );
}
