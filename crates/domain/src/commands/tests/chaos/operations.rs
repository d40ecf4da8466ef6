//! The steps of a random history.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;
use std::vec;
use std::vec::Vec;

use crate::rows::Capture;

/// A step of a history.
#[derive(Clone, Copy, Debug)]
pub enum Operation {
    Reserve,
    Pay(Capture),
    /// All tickets, or one of the first item.
    Cancel {
        part: bool,
    },
    /// The service was delivered, or the customer did not come.
    Complete {
        attended: bool,
    },
    /// The product gets other taxes.
    ChangeTaxes,
    ExtendHold,
    /// A device sends a scan of this many seconds ago.
    CheckIn {
        seconds_ago: i64,
    },
    UndoCheckIn,
    Capture {
        part: bool,
    },
    Void,
    Refund {
        part: bool,
    },
    /// A client sends a request again.
    AskAgain,
    Work,
    Deliver {
        again: bool,
    },
    /// The customer, or the bank, finishes a payment.
    Conclude {
        well: bool,
    },
    Wait {
        seconds: i64,
    },
    ExpireHolds,
    /// A dead worker's command arrives late.
    ZombieReturns,
    WearOutJob,
    DecideOnDeadJob {
        discard: bool,
    },
    ActAtProvider,
}

/// A step, the index of its row, and the faults during it.
#[derive(Clone, Debug)]
pub struct Happening {
    pub operation: Operation,
    pub which: u8,
    pub faults: Vec<u8>,
}

fn operation() -> impl Strategy<Value = Operation> {
    let flag = any::<bool>;
    let seconds = proptest::sample::select(&[1, 31, 400, 901][..]);
    prop_oneof![
        1 => Just(Operation::Reserve),
        1 => Just(Operation::Pay(Capture::Automatic)),
        1 => Just(Operation::Pay(Capture::Manual)),
        1 => any::<bool>().prop_map(|part| Operation::Cancel { part }),
        1 => Just(Operation::ExtendHold),
        1 => flag().prop_map(|attended| Operation::Complete { attended }),
        1 => Just(Operation::ChangeTaxes),
        1 => proptest::sample::select(&[0, 30, 900][..])
            .prop_map(|seconds_ago| Operation::CheckIn { seconds_ago }),
        1 => Just(Operation::UndoCheckIn),
        1 => flag().prop_map(|part| Operation::Capture { part }),
        1 => Just(Operation::Void),
        1 => flag().prop_map(|part| Operation::Refund { part }),
        1 => Just(Operation::AskAgain),
        2 => Just(Operation::Work),
        2 => flag().prop_map(|again| Operation::Deliver { again }),
        1 => flag().prop_map(|well| Operation::Conclude { well }),
        1 => seconds.prop_map(|seconds| Operation::Wait { seconds }),
        1 => Just(Operation::ExpireHolds),
        1 => Just(Operation::ZombieReturns),
        1 => Just(Operation::WearOutJob),
        1 => flag().prop_map(|discard| Operation::DecideOnDeadJob { discard }),
        1 => Just(Operation::ActAtProvider),
    ]
}

pub fn happening() -> impl Strategy<Value = Happening> {
    let parts = (operation(), any::<u8>(), vec(any::<u8>(), 0..8));
    parts.prop_map(|(operation, which, faults)| Happening { operation, which, faults })
}
