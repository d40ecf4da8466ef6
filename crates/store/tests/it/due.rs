//! Due jobs, while an account has so many of them that nobody else's would be found.

use domain::commands::{StartPayment, Target};
use domain::rows::{Account, Capture, Mode};
use domain::{AccountId, Currency, JobId, Money, Reply, Timestamp};
use store::queries::Due;
use store::{Answer, Store};

use crate::act::{Shop, insert};
use crate::place::Place;

both!(an_account_that_cannot_be_called_hides_no_jobs_of_others);

const LATER: Timestamp = Timestamp(i64::MAX / 2);

async fn account(store: &Store, shop: Shop, name: &str) -> AccountId {
    let account = Account {
        id: AccountId::of("stripe", name),
        tenant: shop.tenant,
        provider: "stripe".to_owned(),
        name: name.to_owned(),
        mode: Mode::Test,
        created_at: Timestamp(1),
    };
    let id = account.id;
    insert(move |outcome| outcome.put(account.clone())).on(store).await.unwrap();
    id
}

async fn charge(store: &Store, shop: Shop, account: AccountId, key: &str) -> JobId {
    let start = StartPayment {
        claim: shop.claim(key),
        target: Target::Amount { amount: Money::new(700, Currency::EUR), reference: None },
        account,
        payment_method: "pm_card_visa".to_owned(),
        capture: Capture::Automatic,
        return_url: None,
        metadata: [].into(),
        lease: None,
    };
    match store.submit(Box::new(start)).await.unwrap() {
        Answer::Fresh { reply: Reply::Started(claimed), .. } => claimed.job.id,
        answer => panic!("{answer:?}"),
    }
}

async fn an_account_that_cannot_be_called_hides_no_jobs_of_others(place: Place) {
    let store = place.open().await;
    let shop = Shop::open(&store).await;
    let (slow, other, third) = (
        account(&store, shop, "acct_slow").await,
        account(&store, shop, "acct_other").await,
        account(&store, shop, "acct_third").await,
    );
    for number in 0..5 {
        charge(&store, shop, slow, &format!("slow-{number}")).await;
    }
    let of_other = charge(&store, shop, other, "other").await;
    let of_third = charge(&store, shop, third, "third").await;
    let found = async |without: &[AccountId], max: usize| {
        let mut found = store.due_jobs(LATER, without, max).await.unwrap();
        found.sort();
        found
    };
    let (of_other, of_third) = (Due { job: of_other, account: other }, Due { job: of_third, account: third });
    let mut both = vec![of_other, of_third];
    both.sort();
    assert!(found(&[], 5).await.iter().all(|due| due.account == slow), "they hide those of others");
    assert_eq!(found(&[slow], 9).await, both);
    assert_eq!(found(&[slow, third], 9).await, [of_other]);
    assert_eq!(found(&[slow, other, third], 9).await, []);
    assert_eq!(found(&[slow], 1).await.len(), 1);
    assert_eq!(found(&[AccountId::of("stripe", "nobody")], 9).await.len(), 7);
    assert_eq!(store.due_jobs(Timestamp(0), &[], 9).await.unwrap(), []);
}
