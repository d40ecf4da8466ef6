//! The faults of a connection, and the plan that chooses one.

use std::sync::Arc;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde::Serialize;

/// Bytes are counted from the connection's beginning, or from the command that applied the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
pub enum Fault {
    Pass,
    /// After this many bytes of the response both sides are closed. With 0 the whole response is
    /// lost after its first byte arrived: the work was done.
    CutResponse {
        after_bytes: u64,
    },
    /// After this many bytes of the request both sides are closed. With 0 nothing is delivered.
    CutRequest {
        after_bytes: u64,
    },
    /// As `CutResponse`, with a reset.
    Reset {
        after_bytes: u64,
    },
    /// Accepted, discarded, never answered, and never forwarded.
    Blackhole,
    /// Requests are delivered; the responses and the end of the connection are discarded.
    HalfOpen,
    /// After the first bytes of a request the client sees the end of the connection; its requests
    /// are still delivered.
    HalfClose,
    Slow {
        bytes_per_second: u64,
    },
    /// Delays each block of bytes, in both directions.
    Latency {
        ms: u64,
    },
    /// Reset on arrival.
    Refuse,
    /// A lower layer sends each HTTP request a second time, on a separate connection.
    Duplicate,
}

impl Fault {
    pub fn name(self) -> &'static str {
        match self {
            Fault::Pass => "pass",
            Fault::CutResponse { .. } => "cut_response",
            Fault::CutRequest { .. } => "cut_request",
            Fault::Reset { .. } => "reset",
            Fault::Blackhole => "blackhole",
            Fault::HalfOpen => "half_open",
            Fault::HalfClose => "half_close",
            Fault::Slow { .. } => "slow",
            Fault::Latency { .. } => "latency",
            Fault::Refuse => "refuse",
            Fault::Duplicate => "duplicate",
        }
    }
}

/// The faults of connections by number, counted from 0 in the order of arrival.
#[derive(Clone)]
pub enum Plan {
    Always(Fault),
    /// The first ones by the list, the others as `then` states.
    Listed {
        first: Vec<Fault>,
        then: Box<Plan>,
    },
    /// Drawn for each connection; the same seed and number give the same fault.
    Drawn {
        seed: u64,
        draw: Arc<dyn Fn(&mut StdRng) -> Fault + Send + Sync>,
    },
}

impl Plan {
    pub fn pass() -> Plan {
        Plan::Always(Fault::Pass)
    }

    /// The first ones by the list; the others have no fault.
    pub fn listed(first: Vec<Fault>) -> Plan {
        Plan::Listed { first, then: Box::new(Plan::pass()) }
    }

    /// The first ones by the list, then this plan.
    pub fn after(self, first: Vec<Fault>) -> Plan {
        Plan::Listed { first, then: Box::new(self) }
    }

    pub fn drawn(seed: u64, draw: impl Fn(&mut StdRng) -> Fault + Send + Sync + 'static) -> Plan {
        Plan::Drawn { seed, draw: Arc::new(draw) }
    }

    pub fn fault(&self, number: u64) -> Fault {
        match self {
            Plan::Always(fault) => *fault,
            Plan::Listed { first, then } => {
                let listed = usize::try_from(number).ok().and_then(|number| first.get(number));
                listed.copied().unwrap_or_else(|| then.fault(number))
            }
            // From the number, not from the previous draw, so that a connection's fault does not
            // depend on the order of arrival.
            Plan::Drawn { seed, draw } => {
                let mixed = seed.rotate_left(32) ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                draw(&mut StdRng::seed_from_u64(mixed))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;

    #[test]
    fn a_seed_repeats_what_befalls_each() {
        let drawn = |seed| {
            let plan =
                Plan::drawn(seed, |random| Fault::Reset { after_bytes: random.random_range(0..1_000) });
            (0..50).map(|number| plan.fault(number)).collect::<Vec<_>>()
        };
        assert_eq!(drawn(4), drawn(4));
        assert_ne!(drawn(4), drawn(5));
        assert!(drawn(4).windows(2).any(|pair| pair[0] != pair[1]), "not the same for all");
    }

    #[test]
    fn a_list_ends() {
        let listed = vec![Fault::Blackhole, Fault::Refuse];
        let faults = |plan: Plan| (0..3).map(|number| plan.fault(number)).collect::<Vec<_>>();
        assert_eq!(faults(Plan::listed(listed.clone())), [Fault::Blackhole, Fault::Refuse, Fault::Pass]);
        let then = Plan::Always(Fault::HalfOpen).after(listed);
        assert_eq!(faults(then), [Fault::Blackhole, Fault::Refuse, Fault::HalfOpen]);
    }
}
