use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;

use super::*;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn settings_of(ratio: f64, floor_per_second: f64) -> Settings {
    Settings { ratio, floor_per_second, ..Settings::default() }
}

/// Withdraws until it is refused.
fn drain(budget: &mut Budget, now: Duration) -> u32 {
    (0..100_000u32).take_while(|_| budget.withdraw(now)).count() as u32
}

#[test]
fn ten_requests_pay_for_one_retry() {
    let mut budget = Budget::new(&settings_of(0.1, 0.0), ms(0));
    for _ in 0..9 {
        budget.deposit(ms(0));
    }
    assert!(!budget.withdraw(ms(0)));
    budget.deposit(ms(0));
    assert!(budget.withdraw(ms(0)));
    assert!(!budget.withdraw(ms(0)));
}

#[test]
fn a_deposit_expires() {
    let check = |spent_at: u64, expected: u32| {
        let mut budget = Budget::new(&settings_of(1.0, 0.0), ms(0));
        budget.deposit(ms(500));
        assert_eq!(drain(&mut budget, ms(spent_at)), expected, "{spent_at}");
    };
    check(500, 1);
    check(9_999, 1);
    check(10_000, 0);
    check(u64::MAX, 0);
}

#[test]
fn the_floor_rises_with_time_and_is_saved_as_long_as_a_deposit() {
    let mut budget = Budget::new(&settings_of(0.0, 1.0), ms(0));
    assert_eq!(drain(&mut budget, ms(0)), 10);
    assert_eq!(drain(&mut budget, ms(999)), 0);
    assert_eq!(drain(&mut budget, ms(1_000)), 1);
    assert_eq!(drain(&mut budget, ms(3_500)), 2);
    assert_eq!(drain(&mut budget, ms(4_000)), 1);
    assert_eq!(drain(&mut budget, ms(86_400_000)), 10);
}

#[test]
fn a_floor_below_one_token_per_ttl_can_still_be_spent() {
    let mut budget = Budget::new(&settings_of(0.0, 0.05), ms(0));
    assert_eq!(drain(&mut budget, ms(0)), 1);
    assert_eq!(drain(&mut budget, ms(19_999)), 0);
    assert_eq!(drain(&mut budget, ms(20_000)), 1);
}

#[test]
fn deposit_and_floor_add_up_to_a_token() {
    let mut budget = Budget::new(&settings_of(0.5, 1.0), ms(0));
    assert_eq!(drain(&mut budget, ms(0)), 10);
    budget.deposit(ms(0));
    assert_eq!(drain(&mut budget, ms(499)), 0);
    assert_eq!(drain(&mut budget, ms(500)), 1);
}

#[test]
fn without_the_local_floor_only_deposits_and_grants_count() {
    let mut budget = Budget::new(&settings_of(0.1, 1.0), ms(0));
    assert!(!budget.withdraw_deposited(ms(0)));
    budget.grant(ms(0), 2);
    assert!(budget.withdraw_deposited(ms(0)));
    assert!((budget.left_deposited(ms(0)) - 1.0).abs() < 1e-9);
    assert!((budget.left(ms(0)) - 11.0).abs() < 1e-9);
    assert!(!budget.withdraw_deposited(ms(10_000)), "a grant expires as well");
}

#[test]
fn a_clock_that_runs_backwards_adds_nothing() {
    let mut budget = Budget::new(&settings_of(0.0, 1.0), ms(60_000));
    assert_eq!(drain(&mut budget, ms(60_000)), 10);
    assert_eq!(drain(&mut budget, ms(0)), 0);
    assert_eq!(drain(&mut budget, ms(60_000)), 0);
}

#[test]
fn settings_outside_their_limits_are_refused() {
    let check = |accepted: bool, change: fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        assert_eq!(settings.check().is_ok(), accepted, "{settings:?}: {:?}", settings.check());
    };
    check(true, |_| ());
    check(true, |settings| settings.ratio = 0.0);
    check(true, |settings| settings.floor_per_second = 0.0);
    check(false, |settings| settings.ratio = -0.1);
    check(false, |settings| settings.ratio = 1.1);
    check(false, |settings| settings.ratio = f64::NAN);
    check(false, |settings| settings.floor_per_second = f64::INFINITY);
    check(false, |settings| settings.floor_per_second = -1.0);
    check(false, |settings| settings.ttl = Duration::ZERO);
    check(false, |settings| settings.ttl = Duration::from_secs(301));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u16),
    Deposit,
    Grant(u8),
    Withdraw,
    WithdrawDeposited,
    GiveBack,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..3_000u16).prop_map(Step::Wait),
        4 => Just(Step::Deposit),
        1 => (0..4u8).prop_map(Step::Grant),
        4 => Just(Step::Withdraw),
        2 => Just(Step::WithdrawDeposited),
        1 => Just(Step::GiveBack),
    ]
}

/// A naive budget: every deposit is a row of its own, in millionths of a token.
struct Model {
    deposits: Vec<(u64, u64)>,
    floor: u64,
    now: u64,
}

const RATIO: u64 = 300_000;
const FLOOR_PER_SECOND: u64 = 2;
const ONE: u64 = 1_000_000;
const MODEL_DEPOSITS_MAX: u64 = 6 * ONE;
const FLOOR_MAX: u64 = FLOOR_PER_SECOND * 10 * ONE;

impl Model {
    fn advance(&mut self, ms: u64) {
        self.now += ms;
        self.floor = (self.floor + ms * FLOOR_PER_SECOND * 1_000).min(FLOOR_MAX);
        // A deposit lives until the tenth second after the one it was made in.
        let now = self.now;
        self.deposits.retain(|(made, _)| made / 1_000 + 10 > now / 1_000);
    }

    fn deposited(&self) -> u64 {
        self.deposits.iter().map(|(_, parts)| parts).sum()
    }

    fn put(&mut self, parts: u64) {
        self.deposits.push((self.now, parts.min(MODEL_DEPOSITS_MAX - self.deposited())));
    }

    fn withdraw(&mut self, floor: bool) -> bool {
        let lacking = ONE.saturating_sub(self.deposited());
        if lacking > if floor { self.floor } else { 0 } {
            return false;
        }
        self.floor -= lacking;
        let mut spent = ONE - lacking;
        for (_, parts) in &mut self.deposits {
            let taken = spent.min(*parts);
            *parts -= taken;
            spent -= taken;
        }
        true
    }
}

proptest! {
    #[test]
    fn does_what_the_model_does_and_never_exceeds_its_bound(steps in proptest::collection::vec(step(), 0..300)) {
        let settings = Settings {
            ratio: 0.3,
            ttl: Duration::from_secs(10),
            floor_per_second: FLOOR_PER_SECOND as f64,
            deposits_max: 6,
        };
        let mut budget = Budget::new(&settings, ms(0));
        let mut model = Model { deposits: Vec::new(), floor: FLOOR_MAX, now: 0 };
        let (mut requests, mut granted, mut retries, mut given_back) = (0u64, 0u64, 0u64, 0u64);
        for (index, step) in steps.iter().enumerate() {
            let now = ms(model.now);
            match step {
                Step::Wait(passed) => model.advance(u64::from(*passed)),
                Step::Deposit => { budget.deposit(now); model.put(RATIO); requests += 1; }
                Step::Grant(tokens) => {
                    budget.grant(now, u32::from(*tokens));
                    model.put(u64::from(*tokens) * ONE);
                    granted += u64::from(*tokens);
                }
                Step::GiveBack => {
                    budget.give_back(now);
                    model.put(ONE);
                    given_back += 1;
                }
                Step::Withdraw => {
                    let allowed = budget.withdraw(now);
                    prop_assert_eq!(allowed, model.withdraw(true), "step {}", index);
                    retries += u64::from(allowed);
                }
                Step::WithdrawDeposited => {
                    let allowed = budget.withdraw_deposited(now);
                    prop_assert_eq!(allowed, model.withdraw(false), "step {}", index);
                    retries += u64::from(allowed);
                }
            }
            let bound = given_back * ONE + RATIO * requests + FLOOR_PER_SECOND * 1_000 * model.now + FLOOR_MAX + (granted + given_back) * ONE;
            prop_assert!(retries * ONE <= bound, "step {}: {} retries, {} millionths allowed", index, retries, bound);
            let left = budget.left(ms(model.now));
            prop_assert!(left <= 6.0 + 20.0, "it holds {} tokens", left);
        }
    }

    /// The bound holds for any period and not only for the whole: expired deposits do not count.
    #[test]
    fn a_burst_after_a_busy_time_is_bounded_by_what_is_recent(busy in 0..5_000u32, pause in 10_000..100_000u64, recent in 0..200u32) {
        let mut budget = Budget::new(&settings_of(0.1, 1.0), ms(0));
        for _ in 0..busy {
            budget.deposit(ms(0));
        }
        for _ in 0..recent {
            budget.deposit(ms(pause));
        }
        let allowed = drain(&mut budget, ms(pause));
        prop_assert_eq!(allowed, recent / 10 + 10);
    }
}

/// Grants the tokens it has, and counts the calls.
struct FakeFloor {
    tokens: AtomicU32,
    requested: AtomicU32,
    replies: bool,
}

impl FloorSource for FakeFloor {
    fn take<'a>(
        &'a self,
        _: &'a str,
        _: &'a Settings,
        wanted: u32,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<u32, FloorUnavailable>> + Send + 'a>> {
        Box::pin(async move {
            self.requested.fetch_add(1, Ordering::Relaxed);
            if !self.replies {
                std::future::pending::<()>().await;
            }
            let took = self
                .tokens
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| tokens.checked_sub(wanted));
            Ok(took.map_or(0, |_| wanted))
        })
    }
}

fn fleet(tokens: u32, replies: bool, processes: usize) -> (Arc<FakeFloor>, Vec<SharedBudget>) {
    let floor = Arc::new(FakeFloor { tokens: AtomicU32::new(tokens), requested: AtomicU32::new(0), replies });
    let one = |_| SharedBudget::with_source("psp", settings_of(0.1, 1.0), Some(floor.clone()));
    let budgets = (0..processes).map(one).collect();
    (floor, budgets)
}

#[tokio::test(start_paused = true)]
async fn the_fleet_shares_one_floor() {
    let (floor, budgets) = fleet(7, true, 5);
    let mut allowed = 0;
    for _ in 0..10 {
        for budget in &budgets {
            allowed += u32::from(budget.withdraw().await);
        }
    }
    assert_eq!(allowed, 7);
    let requested = floor.requested.load(Ordering::Relaxed);
    assert_eq!(requested, 7 + 5, "each process calls an empty source once and then pauses");
    tokio::time::advance(Duration::from_millis(100)).await;
    floor.tokens.store(1, Ordering::Relaxed);
    assert!(budgets[0].withdraw().await);
    assert!(!budgets[1].withdraw().await);
}

#[tokio::test(start_paused = true)]
async fn deposits_are_spent_before_the_shared_floor() {
    let (floor, budgets) = fleet(1, true, 1);
    for _ in 0..10 {
        budgets[0].deposit();
    }
    assert!(budgets[0].withdraw().await);
    assert_eq!(floor.requested.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn the_local_floor_replaces_a_source_that_hangs() {
    let (_, budgets) = fleet(0, false, 1);
    let mut allowed = 0;
    for _ in 0..20 {
        allowed += u32::from(budgets[0].withdraw().await);
    }
    // Each try waits 100 ms for the source, and the floor rises by a tenth meanwhile.
    assert!((10..=12).contains(&allowed), "{allowed}");
}

#[test]
fn many_threads_spend_no_token_twice() {
    const THREADS: u32 = 8;
    const DEPOSITS: u32 = 1_000;
    let budget = SharedBudget::new("psp", Settings { deposits_max: 10_000, ..settings_of(0.1, 0.0) });
    let allowed: u32 = std::thread::scope(|scope| {
        let spend = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            for _ in 0..DEPOSITS {
                budget.deposit();
            }
            let tries = (0..DEPOSITS).map(|_| runtime.block_on(budget.withdraw()));
            tries.filter(|allowed| *allowed).count() as u32
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(spend)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(allowed + budget.left() as u32, THREADS * DEPOSITS / 10);
}
