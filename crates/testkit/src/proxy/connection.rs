//! One connection: accepted, forwarded, and ended as its fault requires.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::pump::{Direction, Pump, Stop, Struck};
use super::{Command, Fault, Shared, What};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
pub(super) const BUFFER_BYTES: usize = 16 * 1024;

pub(super) struct Connection {
    shared: Arc<Shared>,
    number: u64,
    fault: Fault,
    commands: watch::Receiver<Command>,
}

impl Connection {
    /// Follows the commands from now on, not earlier ones.
    pub fn new(shared: Arc<Shared>, number: u64) -> Connection {
        let commands = shared.command.subscribe();
        let fault = shared.plan.lock().fault(number);
        shared.chronicle.count(|counters| counters.connections += 1);
        Connection { shared, number, fault, commands }
    }

    pub async fn carry(mut self, mut client: TcpStream) {
        let _ = client.set_nodelay(true);
        let (Ok(stop) | Err(stop)) = self.lead(&mut client).await;
        end(&mut client, stop).await;
        drop(client);
        self.shared.chronicle.count(|counters| counters.ended += 1);
    }

    /// Forwards the connection, and returns how the client's side ends.
    async fn lead(&mut self, client: &mut TcpStream) -> Result<Stop, Stop> {
        self.hold(client).await?;
        let Ok(mut upstream) = self.connect().await else {
            self.shared.chronicle.record(What::Unreachable { connection: self.number });
            return Err(Stop::Reset);
        };
        let stop = self.pump(client, &mut upstream).await;
        if stop == Stop::Reset {
            let _ = upstream.set_zero_linger();
        }
        Ok(stop)
    }

    /// Holds the connection back from its upstream while the fault requires it.
    async fn hold(&mut self, client: &mut TcpStream) -> Result<(), Stop> {
        let struck = Struck::new(&self.shared, self.number);
        let mut swallowed = 0;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match self.fault {
                Fault::Refuse => {
                    struck.by(self.fault);
                    return Err(Stop::Reset);
                }
                Fault::Blackhole => struck.by(self.fault),
                // Discarded bytes cannot be recovered.
                _ if swallowed > 0 => return Err(Stop::Reset),
                _ => return Ok(()),
            }
            tokio::select! {
                changed = self.commands.changed() => {
                    let command = *self.commands.borrow_and_update();
                    self.fault = match (changed, command) {
                        (Ok(()), Command::Suffer(fault)) => fault,
                        (Ok(()), Command::End) => return Err(Stop::Reset),
                        (Err(_), _) => return Err(Stop::Ended),
                    };
                }
                read = client.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => return Err(Stop::Ended),
                    Ok(bytes) => {
                        swallowed += bytes as u64;
                        self.shared.chronicle.count(|counters| counters.swallowed_bytes += bytes as u64);
                    }
                },
            }
        }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let connecting = TcpStream::connect(self.shared.upstream());
        let upstream = tokio::time::timeout(CONNECT_WITHIN, connecting).await??;
        upstream.set_nodelay(true)?;
        Ok(upstream)
    }

    /// Forwards both directions in one task. When one of them stops, the other has nothing left to
    /// do, unless it was a regular end.
    async fn pump(&self, client: &mut TcpStream, upstream: &mut TcpStream) -> Stop {
        let struck = Struck::new(&self.shared, self.number);
        let (from_client, to_client) = client.split();
        let (from_upstream, to_upstream) = upstream.split();
        let there = Pump::new(Direction::Request, &self.shared, &struck, self.fault, self.commands.clone());
        let back = Pump::new(Direction::Response, &self.shared, &struck, self.fault, self.commands.clone());
        let there = there.run(from_client, to_upstream);
        let back = back.run(from_upstream, to_client);
        tokio::pin!(there, back);
        tokio::select! {
            stop = &mut there => if stop == Stop::Ended { back.await } else { stop },
            stop = &mut back => if stop == Stop::Ended { there.await } else { stop },
        }
    }
}

async fn end(client: &mut TcpStream, stop: Stop) {
    match stop {
        Stop::Ended => {}
        // Before the socket is dropped, because that may reset the connection if unread bytes are
        // left.
        Stop::Cut => drop(client.shutdown().await),
        Stop::Reset => drop(client.set_zero_linger()),
    }
}
