//! Random commands, in batches of one and of many, on both engines, compared with a model that has
//! no database.

use std::collections::BTreeMap;

use domain::{BookingId, Reply, SlotId};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use store::{CommandResult, Store};

use crate::store_database::StoreDatabase;

use crate::test_command::{Seller, TestCommand, WriterPause};

const SLOTS: usize = 3;
const CAPACITY: i64 = 6;

#[derive(Clone, Debug)]
enum Step {
    /// Uses one of a few keys, so that some requests are replays.
    Reserve { slot: usize, seats: i64, key: Option<u8> },
    /// The n-th booking made in an earlier round.
    Cancel(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let reserve = (0..SLOTS, 1..4_i64, proptest::option::of(0..12_u8))
        .prop_map(|(slot, seats, key)| Step::Reserve { slot, seats, key });
    prop_oneof![3 => reserve, 2 => (0..20_usize).prop_map(Step::Cancel)]
}

/// The expected state: seats held, and the outcome of each key.
#[derive(Default)]
struct Model {
    held: [i64; SLOTS],
    /// Slot, seats, and whether they are held, in the order of the bookings.
    bookings: Vec<(usize, i64, bool)>,
    keys: BTreeMap<u8, &'static str>,
}

impl Model {
    fn apply(&mut self, step: &Step, known: usize) -> &'static str {
        match *step {
            Step::Reserve { key: Some(key), .. } if self.keys.contains_key(&key) => "replay",
            Step::Reserve { slot, seats, key } => {
                let made = self.held[slot] + seats <= CAPACITY;
                if made {
                    self.held[slot] += seats;
                    self.bookings.push((slot, seats, true));
                }
                let outcomes = if made { "made" } else { "refused" };
                if let Some(key) = key {
                    self.keys.insert(key, outcomes);
                }
                outcomes
            }
            Step::Cancel(at) if at < known => {
                let (slot, seats, held) = &mut self.bookings[at];
                if std::mem::take(held) {
                    self.held[*slot] -= *seats;
                    "made"
                } else {
                    "refused"
                }
            }
            Step::Cancel(_) => "refused",
        }
    }
}

fn act(seller: Seller, slots: &[SlotId], made: &[BookingId], step: &Step) -> TestCommand {
    match *step {
        Step::Reserve { slot, seats, key } => {
            let act = seller.reserve(slots[slot], seats);
            match key {
                Some(key) => act.claiming(&seller.claim(&key.to_string())),
                None => act,
            }
        }
        Step::Cancel(at) => seller.cancel(made.get(at).copied().unwrap_or(BookingId(uuid::Uuid::nil()))),
    }
}

/// Every request of a key has the same fingerprint.
async fn play(store: &Store, rounds: &[Vec<Step>]) {
    let seller = Seller::open(store).await;
    let mut slots = Vec::new();
    for _ in 0..SLOTS {
        slots.push(seller.slot(store, CAPACITY).await);
    }
    let mut model = Model::default();
    let mut made = Vec::new();
    for round in rounds {
        let known = made.len();
        let expected: Vec<_> = round.iter().map(|step| model.apply(step, known)).collect();
        let acts = round.iter().map(|step| act(seller, &slots, &made, step)).collect();
        let answers = WriterPause::start(store).together(store, acts).await;
        let mut outcomes = Vec::new();
        for answer in answers {
            outcomes.push(match answer.unwrap() {
                CommandResult::Fresh { reply, .. } => {
                    if let Reply::Booking(reply) = reply {
                        made.push(reply.booking.id);
                    }
                    "made"
                }
                CommandResult::Refused { .. } => "refused",
                CommandResult::Replay { .. } => "replay",
                answer => panic!("{answer:?}"),
            });
        }
        assert_eq!(outcomes, expected, "{round:?}");
        let mut held = [0; SLOTS];
        for (slot, held) in slots.iter().zip(&mut held) {
            *held = store.slot(seller.tenant, *slot).await.unwrap().unwrap().held;
        }
        assert_eq!(held, model.held);
    }
    let oversold = |finding: &&store::queries::check::Finding| finding.promise.contains("seats of the slot");
    let found = store.check().await.unwrap();
    let found = found.iter().find(oversold).unwrap();
    assert_eq!(found.broken, Vec::<String>::new());
}

/// Cases per run. A failure prints its seed and its smallest case.
const CASES: u32 = 12;

async fn the_books_are_the_models(database: StoreDatabase) {
    for batch_max in [1, 128] {
        let store = database.open_with(|options| options.batch_max = batch_max).await;
        let runtime = tokio::runtime::Handle::current();
        let rounds = proptest::collection::vec(proptest::collection::vec(step(), 1..40), 1..4);
        tokio::task::block_in_place(|| {
            let seed: [u8; 32] = rand::random();
            println!("the seed is {seed:?}");
            let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
            let mut runner =
                TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
            let played = runner.run(&rounds, |rounds| {
                runtime.block_on(play(&store, &rounds));
                Ok(())
            });
            if let Err(failed) = played {
                panic!("in batches of {batch_max}: {failed}");
            }
        });
        store.close().await;
    }
}

testkit::on_both_engines!(the_books_are_the_models);
