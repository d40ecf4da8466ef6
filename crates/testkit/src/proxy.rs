//! A network that can be told to fail: a TCP proxy between any two peers.
//!
//! It stands between a client and a server, a server and its provider, or before a database, and does to a
//! connection what networks do. What befalls a connection is decided when it comes, by a [`Plan`] that a
//! seed repeats, or by a command while it lives.
//!
//! | command | connections to come | connections that live |
//! |---|---|---|
//! | [`Proxy::plan`] | by the plan | as they were |
//! | [`Proxy::strike`] | all alike | all alike, from now on |
//! | [`Proxy::heal`] | nothing befalls them | the same; one that lost bytes is reset, for it cannot go on |
//! | [`Proxy::refuse`] | refused by the kernel, as by a host without that port | as they were |
//! | [`Proxy::reset_all`] | as they were | reset |
//!
//! What it did is counted ([`Counters`]) and written down ([`Entry`]). Everything ends with the handle.
//!
//! | module | what it does |
//! |---|---|
//! | [`fault`] | what can befall a connection, and the plan |
//! | [`chronicle`] | what did |
//! | [`connection`] | one connection, from its first byte to its end |
//! | [`pump`] | one direction of it |
//! | [`message`] | where one HTTP message ends |
//! | [`copy`] | a request said a second time, as a lower layer does that resends |
//!
//! What must never be here: an idea of what the bytes mean, but for where one HTTP request ends.

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

/// At once; the next ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 1_024;
const BACKLOG: u32 = 1_024;
/// Second requests that wait to be said; more are left out, and counted.
const COPIES_WAITING_MAX: usize = 64;
/// After a failed accept, as when file descriptors have run out.
const PAUSE: Duration = Duration::from_millis(50);

/// The last command; a connection that lives follows it.
#[derive(Clone, Copy, Debug)]
enum Command {
    Suffer(Fault),
    /// By a reset, at once.
    End,
}

/// What the handle and all connections share.
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

/// A proxy at work. Dropping it ends it and every connection through it.
pub struct Proxy {
    /// Where it listens: a free port of the loopback.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    wanted: watch::Sender<bool>,
    listens: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens at once, on the runtime that it is called in. Whether the upstream is there shows with the
    /// first connection.
    pub fn start(upstream: SocketAddr, plan: Plan) -> io::Result<Proxy> {
        // Bound, and never listening: it keeps the port ours while connections are refused.
        let keeper = socket((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = keeper.local_addr()?;
        let listener = socket(address)?.listen(BACKLOG)?;
        let (copies, asked) = mpsc::channel(COPIES_WAITING_MAX);
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream),
            plan: Mutex::new(plan),
            command: watch::Sender::new(Command::Suffer(Fault::Pass)),
            chronicle: Chronicle::new(),
            copies,
        });
        let (wanted, wants) = watch::channel(true);
        let (says, listens) = watch::channel(true);
        let door = Door { address, _keeper: keeper, wants, says };
        let task = tokio::spawn(door.attend(shared.clone(), listener, asked));
        Ok(Proxy { address, shared, wanted, listens, task })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where connections to come are led.
    pub fn aim(&self, upstream: SocketAddr) {
        *self.shared.upstream.lock() = upstream;
    }

    /// Decides over connections to come.
    pub fn plan(&self, plan: Plan) {
        *self.shared.plan.lock() = plan;
    }

    /// Befalls all, those that live and those to come. [`Fault::Duplicate`] befalls only those to come:
    /// in the middle of a connection nobody knows where a request begins.
    pub fn strike(&self, fault: Fault) {
        self.plan(Plan::Always(fault));
        self.shared.chronicle.says(What::Commanded(fault));
        self.shared.command.send_replace(Command::Suffer(fault));
    }

    pub fn heal(&self) {
        self.strike(Fault::Pass);
    }

    /// Ends those that live, by a reset.
    pub fn reset_all(&self) {
        self.shared.chronicle.says(What::ResetAll);
        self.shared.command.send_replace(Command::End);
    }

    /// From its return on nobody can connect.
    pub async fn refuse(&self) {
        self.shared.chronicle.says(What::Closed);
        self.listen(false).await;
    }

    /// From its return on connections are taken again.
    pub async fn accept(&self) {
        self.shared.chronicle.says(What::Opened);
        self.listen(true).await;
    }

    async fn listen(&self, wanted: bool) {
        self.wanted.send_replace(wanted);
        // An error is a task that has ended: then nobody can connect, and nobody will.
        let _ = self.listens.clone().wait_for(|listens| *listens == wanted).await;
    }

    pub fn counters(&self) -> Counters {
        self.shared.chronicle.counters()
    }

    /// Waits until the counters are so.
    pub async fn wait_for(&self, so: impl FnMut(&Counters) -> bool) -> Counters {
        self.shared.chronicle.wait_for(so).await
    }

    /// What was done, in order.
    pub fn log(&self) -> Vec<Entry> {
        self.shared.chronicle.log()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sockets that share a port, so that one can keep it while another listens.
fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Where connections come in. It owns all tasks: they end with it.
struct Door {
    address: SocketAddr,
    _keeper: TcpSocket,
    wants: watch::Receiver<bool>,
    says: watch::Sender<bool>,
}

impl Door {
    async fn attend(mut self, shared: Arc<Shared>, first: TcpListener, mut asked: mpsc::Receiver<Bytes>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut tasks = JoinSet::new();
        let mut listener = Some(first);
        let mut number = 0;
        loop {
            while tasks.try_join_next().is_some() {}
            let taken = async {
                let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
                accept(listener.as_ref()).await.map(|client| (client, place))
            };
            tokio::select! {
                wants = self.wants.changed() => {
                    if wants.is_err() {
                        return;
                    }
                    self.turn(&mut listener).await;
                }
                Some(request) = asked.recv() => {
                    tasks.spawn(copy::say(shared.clone(), request));
                }
                taken = taken => {
                    let Ok((client, place)) = taken else {
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    };
                    let connection = connection::Connection::new(shared.clone(), number);
                    number += 1;
                    tasks.spawn(async move {
                        connection.carry(client).await;
                        drop(place);
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
        self.says.send_replace(wanted);
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<tokio::net::TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(client, _)| client),
        None => std::future::pending().await,
    }
}
