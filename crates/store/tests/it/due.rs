//! Due jobs while one account has more of them than a page; and late jobs.

use domain::commands::{MethodUse, PaymentTarget, StartPayment};
use domain::jobs::JobKinds;
use domain::limits::OPERATION_DEADLINE_SECONDS;
use domain::provider::{AmountRule, AmountRules};
use domain::rows::{Account, Capture, Lane, Mode};
use domain::time::Span;
use domain::{AccountId, Currency, JobId, Money, Reply, Timestamp};
use store::queries::DueJob;
use store::{CommandResult, Store};
use uuid::Uuid;

use crate::store_database::StoreDatabase;

use crate::test_command::{Seller, insert};

testkit::on_both_engines!(an_account_that_cannot_be_called_hides_no_jobs_of_others, jobs_past_their_deadline);

const DEADLINE: Span = Span::seconds(OPERATION_DEADLINE_SECONDS);
const LATER: Timestamp = Timestamp(i64::MAX / 2);

pub async fn account(store: &Store, seller: Seller, name: &str) -> AccountId {
    let account = Account {
        id: AccountId::of("stripe", name),
        tenant: seller.tenant,
        provider: "stripe".to_owned(),
        name: name.to_owned(),
        mode: Mode::Test,
        has_payment_unknown_here: false,
        created_at: Timestamp(1),
    };
    let id = account.id;
    insert(move |outcome| outcome.put(account.clone())).on(store).await.unwrap();
    id
}

pub async fn charge(store: &Store, seller: Seller, account: AccountId, key: &str) -> JobId {
    let start = StartPayment {
        claim: seller.claim(key),
        target: PaymentTarget::Amount { amount: Money::new(700, Currency::EUR), reference: None },
        account,
        payment_method: "pm_card_visa".to_owned(),
        brand: None,
        alternatives: vec![],
        instalments: 1,
        payer: None,
        pay_within: None,
        method_currency: None,
        method_use: MethodUse::default(),
        capture: Capture::Automatic,
        return_url: None,
        metadata: [].into(),
        amounts: AmountRules(|_, _| Some(AmountRule { min_minor: 1, max_minor: 1_000, step_minor: 1 })),
        deadline: DEADLINE,
        lease: None,
    };
    match store.submit(Box::new(start)).await.unwrap() {
        CommandResult::Fresh { reply: Reply::Started(claimed), .. } => claimed.job.id,
        answer => panic!("{answer:?}"),
    }
}

pub async fn due(store: &Store, now: Timestamp, without: &[Uuid], max: usize) -> Vec<DueJob> {
    store.due_jobs(JobKinds::default(), Lane::Critical, now, without, max).await.unwrap()
}

async fn an_account_that_cannot_be_called_hides_no_jobs_of_others(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let (slow, other, third) = (
        account(&store, seller, "acct_slow").await,
        account(&store, seller, "acct_other").await,
        account(&store, seller, "acct_third").await,
    );
    for number in 0..5 {
        charge(&store, seller, slow, &format!("slow-{number}")).await;
    }
    let of_other = charge(&store, seller, other, "other").await;
    let of_third = charge(&store, seller, third, "third").await;
    let found = async |without: &[AccountId], max: usize| {
        let without: Vec<Uuid> = without.iter().map(|account| account.0).collect();
        let mut found = due(&store, LATER, &without, max).await;
        found.sort();
        found
    };
    let (of_other, of_third) = (
        DueJob { job: of_other, concurrency_key: Some(other.0) },
        DueJob { job: of_third, concurrency_key: Some(third.0) },
    );
    let mut both = vec![of_other, of_third];
    both.sort();
    assert!(
        found(&[], 5).await.iter().all(|due| due.concurrency_key == Some(slow.0)),
        "they hide those of others"
    );
    assert_eq!(found(&[slow], 9).await, both);
    assert_eq!(found(&[slow, third], 9).await, [of_other]);
    assert_eq!(found(&[slow, other, third], 9).await, []);
    assert_eq!(found(&[slow], 1).await.len(), 1);
    assert_eq!(found(&[AccountId::of("stripe", "nobody")], 9).await.len(), 7);
    assert_eq!(due(&store, Timestamp(0), &[], 9).await, []);
}

async fn jobs_past_their_deadline(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let (shut, other) =
        (account(&store, seller, "acct_shut").await, account(&store, seller, "acct_other").await);
    let changes = [
        ("attempts", "state = 'created'"),
        ("attempts", "state = 'sent'"),
        ("attempts", "state = 'unknown'"),
        ("jobs", "state = 'running'"),
        ("attempts", "state = 'review'"),
        ("attempts", "state = 'declined'"),
        ("attempts", "deadline_at = deadline_at + 1"),
        ("jobs", "due_at = 9000000000"),
        ("jobs", "state = 'done'"),
        ("jobs", "state = 'dead'"),
    ];
    let mut late = Vec::new();
    for (_, change) in changes {
        late.push(charge(&store, seller, shut, change).await);
    }
    let of_other = charge(&store, seller, other, "other").await;
    let deadline = Timestamp(1).plus(DEADLINE);
    database.execute(&format!("update attempts set created_at = 1, deadline_at = {}", deadline.0)).await;
    database.execute("update jobs set due_at = 1").await;
    for (job, (table, change)) in late.iter().zip(changes) {
        let id = database.literal(*job);
        database.execute(&format!("update {table} set {change} where id = {id}")).await;
    }
    late.truncate(4);
    late.sort();
    let found = async |now: Timestamp, of: &[AccountId]| {
        let mut found = store.late_jobs(JobKinds::default(), now, of, 99).await.unwrap();
        found.sort();
        found
    };
    assert_eq!(found(deadline, &[shut]).await, late);
    assert_eq!(found(deadline, &[other]).await, [of_other]);
    assert_eq!(found(deadline, &[shut, other]).await.len(), 5);
    assert_eq!(found(deadline, &[AccountId::of("stripe", "nobody")]).await, []);
    assert_eq!(found(deadline, &[]).await, []);
    assert_eq!(found(deadline.minus(Span(1)), &[shut, other]).await, []);
    assert_eq!(store.late_jobs(JobKinds::default(), deadline, &[shut], 3).await.unwrap().len(), 3);
}
