//! A network that fails on command: a TCP proxy between any two peers.
//!
//! It stands between a client and a server, a server and its provider, or in front of a database,
//! and applies network faults to connections. A [`Plan`], which a seed repeats, chooses the fault
//! of a new connection; a command changes existing ones.
//!
//! | command | new connections | existing connections |
//! |---|---|---|
//! | [`Proxy::plan`] | by the plan | unchanged |
//! | [`Proxy::strike`] | all have this fault | all have this fault from now on |
//! | [`Proxy::heal`] | no fault | the same; a connection that lost bytes is reset, because it cannot continue |
//! | [`Proxy::refuse`] | refused by the kernel, as by a host without that port | unchanged |
//! | [`Proxy::reset_all`] | unchanged | reset |
//!
//! Its actions are counted ([`Counters`]) and recorded ([`Entry`]). Everything ends with the
//! handle.
//!
//! | module | what it does |
//! |---|---|
//! | [`fault`] | the faults of a connection, and the plan |
//! | [`chronicle`] | the counters and the record |
//! | [`connection`] | one connection, from its first byte to its end |
//! | [`pump`] | one direction of a connection |
//! | [`message`] | where one HTTP message ends |
//! | [`copy`] | sends a request a second time, as a lower layer does that resends |
//!
//! What must never be here: knowledge of what the bytes mean, except where one HTTP request ends.

mod chronicle;
mod connection;
mod copy;
mod fault;
mod message;
mod pump;
#[cfg(test)]
mod tests;

use parking_lot::Mutex;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

pub use chronicle::{Counters, Entry, What};
pub use fault::{Fault, Plan};

use chronicle::Chronicle;

/// Connections at the same time; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 1_024;
const BACKLOG: u32 = 1_024;
/// Copies that wait to be sent. More are left out, and counted.
const COPIES_WAITING_MAX: usize = 64;
/// The pause after a failed accept, as when there are no free file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// The last command. Existing connections follow it.
#[derive(Clone, Copy, Debug)]
enum Command {
    Suffer(Fault),
    /// By a reset, at once.
    End,
}

/// The state that the handle and all connections share.
struct Shared {
    upstream: Mutex<SocketAddr>,
    plan: Mutex<Plan>,
    command: watch::Sender<Command>,
    chronicle: Chronicle,
    copies: mpsc::Sender<Bytes>,
}

impl Shared {
    fn upstream(&self) -> SocketAddr {
        *self.upstream.lock()
    }
}

/// A running proxy. Dropping it ends it and every connection through it.
pub struct Proxy {
    /// Its own address: a free port of the loopback interface.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    wanted: watch::Sender<bool>,
    listens: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens at once, on the current runtime. An upstream that is not there shows with the first
    /// connection.
    pub fn start(upstream: SocketAddr, plan: Plan) -> io::Result<Proxy> {
        // Bound but never listening: it reserves the port while connections are refused.
        let keeper = socket((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = keeper.local_addr()?;
        let listener = socket(address)?.listen(BACKLOG)?;
        let (copies, to_copy) = mpsc::channel(COPIES_WAITING_MAX);
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream),
            plan: Mutex::new(plan),
            command: watch::Sender::new(Command::Suffer(Fault::Pass)),
            chronicle: Chronicle::new(),
            copies,
        });
        let (wanted, wants) = watch::channel(true);
        let (listening, listens) = watch::channel(true);
        let acceptor = Acceptor { address, _keeper: keeper, wants, listening };
        let task = tokio::spawn(acceptor.run(shared.clone(), listener, to_copy));
        Ok(Proxy { address, shared, wanted, listens, task })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn aim(&self, upstream: SocketAddr) {
        *self.shared.upstream.lock() = upstream;
    }

    pub fn plan(&self, plan: Plan) {
        *self.shared.plan.lock() = plan;
    }

    /// Applies the fault to all connections, existing and new. [`Fault::Duplicate`] applies only to
    /// new ones: in the middle of a connection the start of a request is not known.
    pub fn strike(&self, fault: Fault) {
        self.plan(Plan::Always(fault));
        self.shared.chronicle.record(What::Commanded(fault));
        self.shared.command.send_replace(Command::Suffer(fault));
    }

    pub fn heal(&self) {
        self.strike(Fault::Pass);
    }

    pub fn reset_all(&self) {
        self.shared.chronicle.record(What::ResetAll);
        self.shared.command.send_replace(Command::End);
    }

    /// When it returns, no client can connect.
    pub async fn refuse(&self) {
        self.shared.chronicle.record(What::Closed);
        self.listen(false).await;
    }

    /// When it returns, clients can connect again.
    pub async fn accept(&self) {
        self.shared.chronicle.record(What::Opened);
        self.listen(true).await;
    }

    async fn listen(&self, wanted: bool) {
        self.wanted.send_replace(wanted);
        // An error means that the task has ended: then no client can connect, now or later.
        let _ = self.listens.clone().wait_for(|listens| *listens == wanted).await;
    }

    pub fn counters(&self) -> Counters {
        self.shared.chronicle.counters()
    }

    /// Waits until the counters satisfy the condition.
    pub async fn wait_for(&self, so: impl FnMut(&Counters) -> bool) -> Counters {
        self.shared.chronicle.wait_for(so).await
    }

    pub fn log(&self) -> Vec<Entry> {
        self.shared.chronicle.log()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sockets that share a port, so that one can reserve it while another listens.
fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Accepts the connections. It owns all tasks, so they end with it.
struct Acceptor {
    address: SocketAddr,
    _keeper: TcpSocket,
    wants: watch::Receiver<bool>,
    listening: watch::Sender<bool>,
}

impl Acceptor {
    async fn run(mut self, shared: Arc<Shared>, first: TcpListener, mut to_copy: mpsc::Receiver<Bytes>) {
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut tasks = JoinSet::new();
        let mut listener = Some(first);
        let mut number = 0;
        loop {
            while tasks.try_join_next().is_some() {}
            let taken = async {
                let permit = permits.clone().acquire_owned().await.expect("the semaphore is never closed");
                accept(listener.as_ref()).await.map(|client| (client, permit))
            };
            tokio::select! {
                wants = self.wants.changed() => {
                    if wants.is_err() {
                        return;
                    }
                    self.turn(&mut listener).await;
                }
                Some(request) = to_copy.recv() => {
                    tasks.spawn(copy::send(shared.clone(), request));
                }
                taken = taken => {
                    let Ok((client, permit)) = taken else {
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    };
                    let connection = connection::Connection::new(shared.clone(), number);
                    number += 1;
                    tasks.spawn(async move {
                        connection.carry(client).await;
                        drop(permit);
                    });
                }
            }
        }
    }

    async fn turn(&mut self, listener: &mut Option<TcpListener>) {
        let wanted = *self.wants.borrow_and_update();
        *listener = None;
        while wanted && listener.is_none() {
            match socket(self.address).and_then(|socket| socket.listen(BACKLOG)) {
                Ok(opened) => *listener = Some(opened),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
        self.listening.send_replace(wanted);
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<tokio::net::TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(client, _)| client),
        None => std::future::pending().await,
    }
}
