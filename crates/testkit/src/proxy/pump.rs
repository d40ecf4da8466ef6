//! One direction of a connection: reads bytes, and delivers what the fault lets through.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{Notify, watch};

use super::connection::BUFFER_BYTES;
use super::copy::Copier;
use super::{Command, Fault, Shared, What};

/// A slow connection delivers this many times per second.
const TURNS_PER_SECOND: u64 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Request,
    Response,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The peer closed its side, and the other side was closed.
    Ended,
    Cut,
    /// By a fault, or because one side was reset: the other side is reset too.
    Reset,
}

/// The faults of a connection so far; both directions record them.
pub(super) struct Struck<'a> {
    shared: &'a Shared,
    number: u64,
    faults: Mutex<Vec<&'static str>>,
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
    /// The first bytes of a request were delivered.
    begun: Notify,
    /// The client has closed its side.
    client_ended: Notify,
}

impl Struck<'_> {
    pub fn new(shared: &Shared, number: u64) -> Struck<'_> {
        Struck {
            shared,
            number,
            faults: Mutex::new(Vec::new()),
            request_bytes: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
            begun: Notify::new(),
            client_ended: Notify::new(),
        }
    }

    /// Recorded once per fault.
    pub fn by(&self, fault: Fault) {
        let mut faults = self.faults.lock();
        if faults.contains(&fault.name()) {
            return;
        }
        faults.push(fault.name());
        self.shared.chronicle.record(What::Struck {
            connection: self.number,
            fault,
            request_bytes: self.request_bytes.load(Ordering::Relaxed),
            response_bytes: self.response_bytes.load(Ordering::Relaxed),
        });
    }

    fn passed(&self, direction: Direction, bytes: u64) {
        match direction {
            Direction::Request => {
                self.request_bytes.fetch_add(bytes, Ordering::Relaxed);
                self.shared.chronicle.count(|counters| counters.request_bytes += bytes);
                self.begun.notify_one();
            }
            Direction::Response => {
                self.response_bytes.fetch_add(bytes, Ordering::Relaxed);
                self.shared.chronicle.count(|counters| counters.response_bytes += bytes);
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Course {
    Pass,
    /// Delivers this many more bytes, then stops.
    Until {
        left: u64,
        stop: Stop,
    },
    Swallow,
    /// Signals the end as soon as a request has begun; then as `Swallow`.
    EndOnceBegun,
    Paced {
        bytes_per_second: u64,
    },
    Delayed {
        ms: u64,
    },
    Over,
}

impl Course {
    fn of(fault: Fault, direction: Direction) -> Course {
        match (fault, direction) {
            (Fault::CutResponse { after_bytes }, Direction::Response)
            | (Fault::CutRequest { after_bytes }, Direction::Request) => {
                Course::Until { left: after_bytes, stop: Stop::Cut }
            }
            (Fault::Reset { after_bytes }, Direction::Response) => {
                Course::Until { left: after_bytes, stop: Stop::Reset }
            }
            (Fault::Blackhole, _) | (Fault::HalfOpen, Direction::Response) => Course::Swallow,
            (Fault::HalfClose, Direction::Response) => Course::EndOnceBegun,
            (Fault::Slow { bytes_per_second }, _) => {
                Course::Paced { bytes_per_second: bytes_per_second.max(1) }
            }
            (Fault::Latency { ms }, _) => Course::Delayed { ms },
            (Fault::Refuse, _) => Course::Over,
            (Fault::Pass | Fault::Duplicate, _)
            | (Fault::CutRequest { .. }, Direction::Response)
            | (
                Fault::CutResponse { .. } | Fault::Reset { .. } | Fault::HalfOpen | Fault::HalfClose,
                Direction::Request,
            ) => Course::Pass,
        }
    }
}

pub(super) struct Pump<'a> {
    direction: Direction,
    shared: &'a Shared,
    struck: &'a Struck<'a>,
    fault: Fault,
    course: Course,
    commands: watch::Receiver<Command>,
    copier: Option<Copier>,
    /// Bytes were discarded, so what follows would make no sense.
    torn: bool,
}

impl<'a> Pump<'a> {
    pub fn new(
        direction: Direction,
        shared: &'a Shared,
        struck: &'a Struck<'a>,
        fault: Fault,
        commands: watch::Receiver<Command>,
    ) -> Pump<'a> {
        let course = Course::of(fault, direction);
        let copies = fault == Fault::Duplicate && direction == Direction::Request;
        let copier = copies.then(Copier::new);
        Pump { direction, shared, struck, fault, course, commands, copier, torn: false }
    }

    pub async fn run(mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Stop {
        let struck = self.struck;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let read = tokio::select! {
                stop = self.obeys() => match stop {
                    Some(stop) => return stop,
                    None => continue,
                },
                () = struck.begun.notified(), if matches!(self.course, Course::EndOnceBegun) => {
                    struck.by(self.fault);
                    drop(to.shutdown().await);
                    self.course = Course::Swallow;
                    self.torn = true;
                    continue;
                }
                read = from.read(&mut buffer) => read,
            };
            let bytes = match read {
                Ok(0) => return self.ends(&mut to).await,
                Ok(bytes) => &buffer[..bytes],
                Err(_) => return Stop::Reset,
            };
            if let Some(stop) = self.deliver(bytes, &mut to).await {
                return stop;
            }
        }
    }

    /// Waits for the next command. Returns a stop if the command requires one.
    async fn obeys(&mut self) -> Option<Stop> {
        if self.commands.changed().await.is_err() {
            return Some(Stop::Reset);
        }
        self.fault = match *self.commands.borrow_and_update() {
            Command::Suffer(fault) => fault,
            Command::End => return Some(Stop::Reset),
        };
        self.course = Course::of(self.fault, self.direction);
        self.copier = None;
        match self.course {
            Course::Over => {
                self.struck.by(self.fault);
                Some(Stop::Reset)
            }
            Course::Swallow => None,
            _ if self.torn => Some(Stop::Reset),
            _ => None,
        }
    }

    /// The peer closed its side. If the fault discards bytes, this end is discarded too, while the
    /// client is there.
    async fn ends(&mut self, to: &mut WriteHalf<'_>) -> Stop {
        let struck = self.struck;
        if self.direction == Direction::Request {
            struck.client_ended.notify_one();
        } else {
            while matches!(self.course, Course::Swallow) {
                self.torn = true;
                tokio::select! {
                    () = struck.client_ended.notified() => return Stop::Ended,
                    stop = self.obeys() => if let Some(stop) = stop {
                        return stop;
                    },
                }
            }
        }
        drop(to.shutdown().await);
        Stop::Ended
    }

    async fn deliver(&mut self, mut bytes: &[u8], to: &mut WriteHalf<'_>) -> Option<Stop> {
        if let Some(copier) = &mut self.copier {
            self.struck.by(self.fault);
            copier.reads(bytes, self.shared);
        }
        while !bytes.is_empty() {
            let (most, pause) = match self.course {
                Course::Over => return Some(Stop::Reset),
                Course::Pass => (u64::MAX, None),
                Course::Until { left: 0, stop } => {
                    self.struck.by(self.fault);
                    return Some(stop);
                }
                Course::Until { left, .. } => (left, None),
                Course::Swallow | Course::EndOnceBegun => {
                    self.vanishes(bytes.len() as u64);
                    return None;
                }
                Course::Paced { bytes_per_second } => {
                    let turn = bytes_per_second.div_ceil(TURNS_PER_SECOND).min(bytes.len() as u64);
                    (turn, Some(Duration::from_micros(turn * 1_000_000 / bytes_per_second)))
                }
                Course::Delayed { ms } => (u64::MAX, Some(Duration::from_millis(ms))),
            };
            if let Some(pause) = pause {
                self.struck.by(self.fault);
                tokio::select! {
                    stop = self.obeys() => match stop {
                        Some(stop) => return Some(stop),
                        None => continue,
                    },
                    () = tokio::time::sleep(pause) => {}
                }
            }
            let most = bytes.len().min(usize::try_from(most).unwrap_or(usize::MAX));
            match self.passes(&bytes[..most], to).await {
                Ok(passed) => bytes = &bytes[passed..],
                Err(stop) => return Some(stop),
            }
        }
        None
    }

    /// Returns how many bytes were delivered: none if a command came before the peer accepted any.
    async fn passes(&mut self, bytes: &[u8], to: &mut WriteHalf<'_>) -> Result<usize, Stop> {
        let written = tokio::select! {
            biased;
            written = to.write(bytes) => written,
            stop = self.obeys() => return stop.map_or(Ok(0), Err),
        };
        let Ok(written) = written else {
            // If responses are discarded, the end of the server must not be visible.
            if self.fault == Fault::HalfOpen {
                self.vanishes(bytes.len() as u64);
                return Ok(bytes.len());
            }
            return Err(Stop::Reset);
        };
        self.struck.passed(self.direction, written as u64);
        if let Course::Until { left, stop } = &mut self.course {
            *left -= written as u64;
            if *left == 0 {
                let stop = *stop;
                self.struck.by(self.fault);
                return Err(stop);
            }
        }
        Ok(written)
    }

    fn vanishes(&mut self, bytes: u64) {
        self.struck.by(self.fault);
        self.torn = true;
        self.shared.chronicle.count(|counters| counters.swallowed_bytes += bytes);
    }
}
