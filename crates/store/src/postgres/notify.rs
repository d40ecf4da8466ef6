//! Notifications: the other processes on a database are told what was committed here, and this one hears of
//! theirs.
//!
//! | step | what | why so |
//! |---|---|---|
//! | gather | what the commits of ten milliseconds left for others to do | a NOTIFY holds a lock of the whole server while it commits: one a transaction makes all of them queue |
//! | ring | one NOTIFY, on a connection of its own | never inside a transaction that somebody waits for |
//! | hear | the listener is told what others rang, and nothing of its own | it was told of that by the writer |
//! | break | a connection that ends is made again | what was rung meanwhile is not heard: everybody looks once |
//!
//! It saves waiting and nothing else: whoever is woken by it also looks by itself now and then.

use std::fmt::Write as _;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::KeyId;
use domain::side_effects::WakeUp;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};
use uuid::Uuid;

use super::describe;
use crate::{Committed, Listener, Notification};

const CHANNEL: &str = "surehold";
/// For how long is gathered.
const GATHER: Duration = Duration::from_millis(10);
/// PostgreSQL takes less than 8000 bytes at once; a key has 33.
const KEYS_PER_PAYLOAD: usize = 200;
/// Past it keys are left out: who waits for them finds out by looking.
const KEYS_MAX: usize = 10_000;
/// Heard and not yet passed on; past it they are left out as well.
const UNHEARD_MAX: usize = 1_000;
/// A connection that does not answer for so long is given up.
const PATIENCE: Duration = Duration::from_secs(5);
const CONNECT_AGAIN: Duration = Duration::from_secs(1);

/// What is gathered here goes out with the next ring.
#[derive(Default)]
pub(crate) struct Notifier {
    gathered: Mutex<Notification>,
    rings: Notify,
}

/// Rings and hears until it is dropped.
pub(crate) struct NotifierTask(JoinHandle<()>);

impl Drop for NotifierTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Notifier {
    pub fn gather(&self, committed: &Committed) {
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.wake_ups.extend(&committed.wake_ups);
        let room = KEYS_MAX.saturating_sub(gathered.answered.len());
        gathered.answered.extend(committed.answered.iter().map(|(key, _)| *key).take(room));
        if *gathered != Notification::default() {
            self.rings.notify_one();
        }
    }

    fn take(&self) -> Notification {
        std::mem::take(&mut *self.gathered.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// `me` tells this process from the others.
    pub fn ring(
        self: Arc<Notifier>,
        mut config: Config,
        listener: Arc<dyn Listener>,
        me: Uuid,
    ) -> NotifierTask {
        config.application_name("surehold notify");
        NotifierTask(tokio::spawn(async move {
            loop {
                if let Err(error) = self.session(&config, listener.as_ref(), me).await {
                    tracing::debug!(error, "other processes are not notified at once");
                }
                tokio::time::sleep(CONNECT_AGAIN).await;
            }
        }))
    }

    /// Until the connection ends.
    async fn session(&self, config: &Config, listener: &dyn Listener, me: Uuid) -> Result<(), String> {
        let (client, mut connection) = config.connect(NoTls).await.map_err(|error| describe(&error))?;
        let (hears, mut heard) = mpsc::channel(UNHEARD_MAX);
        let driving = tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(notification) = message {
                    let _left_out = hears.try_send(notification.payload().to_owned());
                }
            }
        });
        let _driving = NotifierTask(driving);
        in_time(client.batch_execute(&format!("listen {CHANNEL}"))).await?;
        listener.notified(&Notification::everything());
        loop {
            tokio::select! {
                payload = heard.recv() => match payload {
                    Some(payload) => listen(&payload, me, listener),
                    None => return Err("its connection ended".to_owned()),
                },
                () = self.rings.notified() => {
                    tokio::time::sleep(GATHER).await;
                    tell(&client, &self.take(), me).await?;
                }
            }
        }
    }
}

async fn tell(client: &Client, heard: &Notification, me: Uuid) -> Result<(), String> {
    if *heard == Notification::default() {
        return Ok(());
    }
    let payloads = written(heard, me);
    let sql = "select pg_notify($1, payload) from unnest($2::text[]) as payload";
    in_time(client.execute(sql, &[&CHANNEL, &payloads])).await.map(drop)
}

async fn in_time<T>(asked: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(answered) => answered.map_err(|error| describe(&error)),
        Err(_) => Err(format!("no answer in {} s", PATIENCE.as_secs())),
    }
}

fn listen(payload: &str, me: Uuid, listener: &dyn Listener) {
    match read(payload) {
        Some((sender, _)) if sender == me => {}
        Some((_, heard)) => listener.notified(&heard),
        // Of a later version, perhaps.
        None => listener.notified(&Notification::everything()),
    }
}

fn letter(wake_up: WakeUp) -> char {
    match wake_up {
        WakeUp::Jobs => 'j',
        WakeUp::Messages => 'm',
        WakeUp::Partitions => 'p',
        WakeUp::Retries => 'r',
        WakeUp::Events => 'e',
    }
}

/// `sender letters key,key`.
fn written(heard: &Notification, me: Uuid) -> Vec<String> {
    let letters: String = heard.wake_ups.iter().copied().map(letter).collect();
    let mut payloads: Vec<String> = Vec::new();
    // Letters go with the first; keys alone need no letters.
    let mut chunks = heard.answered.chunks(KEYS_PER_PAYLOAD);
    let mut letters = Some(letters);
    loop {
        let keys = chunks.next();
        let letters = letters.take();
        if keys.is_none() && letters.is_none() {
            return payloads;
        }
        let mut payload = format!("{} {} ", me.simple(), letters.unwrap_or_default());
        for (place, key) in keys.unwrap_or_default().iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(payload, "{comma}{}", key.0.simple()).expect("a String takes it");
        }
        payloads.push(payload);
    }
}

fn read(payload: &str) -> Option<(Uuid, Notification)> {
    let mut words = payload.split(' ');
    let sender = words.next()?.parse().ok()?;
    let letters = words.next()?;
    let keys = words.next()?.split(',').filter(|key| !key.is_empty());
    let answered = keys.map(|key| key.parse().ok().map(KeyId)).collect::<Option<Vec<_>>>()?;
    let wake_ups = WakeUp::ALL.into_iter().filter(|wake_up| letters.contains(letter(*wake_up))).collect();
    Some((sender, Notification { answered, wake_ups }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn key(number: u128) -> KeyId {
        KeyId(Uuid::from_u128(number))
    }

    fn notification<const N: usize>(keys: u128, wake_ups: [WakeUp; N]) -> Notification {
        Notification { answered: (0..keys).map(key).collect(), wake_ups: wake_ups.into() }
    }

    #[test]
    fn what_is_written_is_read() {
        let me = Uuid::from_u128(7);
        for heard in [
            notification(0, [WakeUp::Jobs]),
            notification(0, [WakeUp::Messages, WakeUp::Partitions, WakeUp::Retries, WakeUp::Events]),
            notification(2, [WakeUp::Jobs]),
            notification(450, [WakeUp::Messages]),
        ] {
            let payloads = written(&heard, me);
            assert_eq!(payloads.len(), heard.answered.len().div_ceil(KEYS_PER_PAYLOAD).max(1));
            let mut all = Notification::default();
            for payload in payloads {
                assert!(payload.len() < 8_000, "{}", payload.len());
                let (sender, part) = read(&payload).unwrap();
                assert_eq!(sender, me);
                all.answered.extend(part.answered);
                all.wake_ups.extend(part.wake_ups);
            }
            assert_eq!(all, heard);
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_misread() {
        for payload in
            ["", "x", "0", "00000000000000000000000000000007 j", "00000000000000000000000000000007 j x"]
        {
            assert_eq!(read(payload), None, "{payload}");
        }
    }

    #[test]
    fn what_nobody_rings_is_bounded() {
        let notifier = Notifier::default();
        let rendered = crate::Rendered { status: 201, body: String::new(), location: None };
        let answered = |count: u128| (0..count).map(|number| (key(number), rendered.clone())).collect();
        notifier.gather(&Committed { answered: answered(6_000), ..Committed::default() });
        notifier.gather(&Committed { answered: answered(6_000), wake_ups: BTreeSet::from([WakeUp::Jobs]) });
        let heard = notifier.take();
        assert_eq!((heard.answered.len(), heard.wake_ups), (KEYS_MAX, BTreeSet::from([WakeUp::Jobs])));
        assert_eq!(notifier.take(), Notification::default());
    }
}
