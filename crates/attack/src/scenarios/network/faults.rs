//! Random faults of connections, and their record for the findings and the timeline.

use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::ScenarioContext;
use testkit::proxy::{Entry, Fault, Plan, Proxy, What};

/// The most faults of one proxy in the timeline.
const SHOWN_MAX: usize = 400;

/// The network with faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Between clients and a server.
    Clients,
    /// Between servers and the provider.
    Provider,
}

const EVERY_KIND: [Fault; 10] = [
    Fault::CutResponse { after_bytes: 0 },
    Fault::CutRequest { after_bytes: 100 },
    Fault::Reset { after_bytes: 40 },
    Fault::Blackhole,
    Fault::HalfOpen,
    Fault::HalfClose,
    Fault::Slow { bytes_per_second: 2_000 },
    Fault::Latency { ms: 50 },
    Fault::Refuse,
    Fault::Duplicate,
];

/// Every kind once, in the first connections; then at random.
pub fn plan(side: Side, seed: u64) -> Plan {
    let draw = match side {
        Side::Clients => before_clients,
        Side::Provider => before_the_provider,
    };
    Plan::drawn(seed, draw).after(EVERY_KIND.to_vec())
}

/// An exchange is about 600 bytes there and 1,000 back: a cut hits the first exchange, or a later
/// one.
fn before_clients(random: &mut StdRng) -> Fault {
    match random.random_range(0..100) {
        0..30 => Fault::CutResponse { after_bytes: random.random_range(0..4_000) },
        30..40 => Fault::CutRequest { after_bytes: random.random_range(0..1_500) },
        40..55 => Fault::Reset { after_bytes: random.random_range(0..4_000) },
        55..60 => Fault::Blackhole,
        60..65 => Fault::HalfOpen,
        65..70 => Fault::HalfClose,
        70..78 => Fault::Slow { bytes_per_second: random.random_range(1_000..10_000) },
        78..85 => Fault::Latency { ms: random.random_range(5..150) },
        85..90 => Fault::Refuse,
        90..97 => Fault::Duplicate,
        _ => Fault::Pass,
    }
}

/// A charge is three exchanges, and a lost one is repeated: half of the connections have no fault.
fn before_the_provider(random: &mut StdRng) -> Fault {
    match random.random_range(0..100) {
        0..15 => Fault::CutResponse { after_bytes: random.random_range(0..8_000) },
        15..22 => Fault::CutRequest { after_bytes: random.random_range(0..3_000) },
        22..32 => Fault::Reset { after_bytes: random.random_range(0..8_000) },
        32..34 => Fault::Blackhole,
        34..37 => Fault::HalfOpen,
        37..40 => Fault::HalfClose,
        40..45 => Fault::Slow { bytes_per_second: random.random_range(5_000..20_000) },
        45..50 => Fault::Latency { ms: random.random_range(5..100) },
        50..53 => Fault::Refuse,
        53..58 => Fault::Duplicate,
        _ => Fault::Pass,
    }
}

fn state(side: Side, fault: Fault) -> Option<&'static str> {
    Some(match (side, fault) {
        (_, Fault::Pass) => return None,
        (Side::Clients, Fault::CutResponse { .. }) => "clients_met_cut_response",
        (Side::Clients, Fault::CutRequest { .. }) => "clients_met_cut_request",
        (Side::Clients, Fault::Reset { .. }) => "clients_met_reset",
        (Side::Clients, Fault::Blackhole) => "clients_met_blackhole",
        (Side::Clients, Fault::HalfOpen) => "clients_met_half_open",
        (Side::Clients, Fault::HalfClose) => "clients_met_half_close",
        (Side::Clients, Fault::Slow { .. }) => "clients_met_slow",
        (Side::Clients, Fault::Latency { .. }) => "clients_met_latency",
        (Side::Clients, Fault::Refuse) => "clients_met_refuse",
        (Side::Clients, Fault::Duplicate) => "clients_met_duplicate",
        (Side::Provider, Fault::CutResponse { .. }) => "provider_met_cut_response",
        (Side::Provider, Fault::CutRequest { .. }) => "provider_met_cut_request",
        (Side::Provider, Fault::Reset { .. }) => "provider_met_reset",
        (Side::Provider, Fault::Blackhole) => "provider_met_blackhole",
        (Side::Provider, Fault::HalfOpen) => "provider_met_half_open",
        (Side::Provider, Fault::HalfClose) => "provider_met_half_close",
        (Side::Provider, Fault::Slow { .. }) => "provider_met_slow",
        (Side::Provider, Fault::Latency { .. }) => "provider_met_latency",
        (Side::Provider, Fault::Refuse) => "provider_met_refuse",
        (Side::Provider, Fault::Duplicate) => "provider_met_duplicate",
    })
}

/// Kinds that have not occurred yet, with the names of their states.
pub fn missed(context: &ScenarioContext, side: Side) -> Vec<(Fault, &'static str)> {
    let named = EVERY_KIND.into_iter().filter_map(|fault| Some((fault, state(side, fault)?)));
    named.filter(|(_, state)| !context.findings.has_reached(state)).collect()
}

/// Whether this kind has occurred.
pub fn has_struck(proxies: &[Proxy], kind: Fault) -> bool {
    let struck =
        |entry: &Entry| matches!(entry.what, What::Struck { fault, .. } if fault.name() == kind.name());
    proxies.iter().any(|proxy| proxy.log().iter().any(struck))
}

/// Records the faults of the proxies.
pub fn record_faults(context: &ScenarioContext, side: Side, proxies: &[Proxy]) {
    let whom = match side {
        Side::Clients => "clients",
        Side::Provider => "provider",
    };
    let (mut copies, mut swallowed) = (0, 0);
    for proxy in proxies {
        let mut shown = 0;
        for entry in proxy.log() {
            let (what, details) = match entry.what {
                What::Struck { fault, request_bytes, response_bytes, .. } => {
                    if let Some(state) = state(side, fault) {
                        context.findings.reached(state);
                    }
                    (fault.name(), format!("after {request_bytes} bytes there and {response_bytes} back"))
                }
                What::ResetAll => ("reset of all connections", String::new()),
                _ => continue,
            };
            shown += 1;
            if shown <= SHOWN_MAX {
                context.timeline.fault_at(entry.at, &format!("network: {what}"), whom, details);
            }
        }
        if shown > SHOWN_MAX {
            let left_out = shown - SHOWN_MAX;
            context
                .findings
                .note(format!("{left_out} faults of the network of the {whom} are not in the timeline"));
        }
        let counters = proxy.counters();
        copies += counters.copies;
        swallowed += counters.swallowed_bytes;
    }
    let struck: u64 = proxies.iter().map(|proxy| proxy.counters().struck).sum();
    context.findings.figure(format!("connections struck ({whom})"), struck as f64);
    context.findings.figure(format!("requests doubled by the network ({whom})"), copies as f64);
    context.findings.figure(format!("bytes swallowed ({whom})"), swallowed as f64);
}
