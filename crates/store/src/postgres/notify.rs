//! Notifications: each process notifies the other processes on its database of its commits.
//!
//! | step | what | why |
//! |---|---|---|
//! | collect | the commits of ten milliseconds | a NOTIFY holds a lock of the whole server while it commits: with one per transaction all commits would queue |
//! | send | one NOTIFY, on a connection of its own | never inside a transaction that a caller waits for |
//! | receive | the listener is called for notifications of others, not of this process | the writer has called it for those |
//! | reconnect | a lost connection is made again | notifications in between are lost, so everything is polled once |
//!
//! A notification only saves time: its receivers also poll.

use parking_lot::Mutex;
use std::fmt::Write as _;
use std::future::poll_fn;
use std::sync::Arc;
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
/// How long commits are collected.
const COLLECT_FOR: Duration = Duration::from_millis(10);
/// PostgreSQL takes less than 8000 bytes at once; a key has 33.
const KEYS_PER_PAYLOAD: usize = 200;
/// The most keys of one notification. The waiters of other keys find their replies by polling.
const KEYS_MAX: usize = 10_000;
/// Notifications that were received and not yet handled. More are dropped.
const RECEIVED_MAX: usize = 1_000;
/// After this time without an answer a connection is dropped.
const ANSWER_MAX: Duration = Duration::from_secs(5);
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// Collects commits for the next notification.
#[derive(Default)]
pub(crate) struct Notifier {
    collected: Mutex<Notification>,
    has_commits: Notify,
}

/// Sends and receives notifications until it is dropped.
pub(crate) struct NotifierTask(JoinHandle<()>);

impl Drop for NotifierTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Notifier {
    pub fn collect(&self, committed: &Committed) {
        let mut collected = self.collected.lock();
        collected.wake_ups.extend(&committed.wake_ups);
        let room = KEYS_MAX.saturating_sub(collected.answered.len());
        collected.answered.extend(committed.answered.iter().map(|(key, _)| *key).take(room));
        if *collected != Notification::default() {
            self.has_commits.notify_one();
        }
    }

    fn take(&self) -> Notification {
        std::mem::take(&mut *self.collected.lock())
    }

    /// `me` distinguishes this process from the others.
    pub fn run(
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
                tokio::time::sleep(RECONNECT_AFTER).await;
            }
        }))
    }

    /// Runs until the connection ends.
    async fn session(&self, config: &Config, listener: &dyn Listener, me: Uuid) -> Result<(), String> {
        let (client, mut connection) = config.connect(NoTls).await.map_err(|error| describe(&error))?;
        let (received_tx, mut received) = mpsc::channel(RECEIVED_MAX);
        let driving = tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(notification) = message {
                    let _dropped = received_tx.try_send(notification.payload().to_owned());
                }
            }
        });
        let _driving = NotifierTask(driving);
        in_time(client.batch_execute(&format!("listen {CHANNEL}"))).await?;
        listener.notified(&Notification::everything());
        loop {
            tokio::select! {
                payload = received.recv() => match payload {
                    Some(payload) => receive(&payload, me, listener),
                    None => return Err("its connection ended".to_owned()),
                },
                () = self.has_commits.notified() => {
                    tokio::time::sleep(COLLECT_FOR).await;
                    send(&client, &self.take(), me).await?;
                }
            }
        }
    }
}

async fn send(client: &Client, notification: &Notification, me: Uuid) -> Result<(), String> {
    if *notification == Notification::default() {
        return Ok(());
    }
    let payloads = payloads(notification, me);
    let sql = "select pg_notify($1, payload) from unnest($2::text[]) as payload";
    in_time(client.execute(sql, &[&CHANNEL, &payloads])).await.map(drop)
}

async fn in_time<T>(call: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, String> {
    match tokio::time::timeout(ANSWER_MAX, call).await {
        Ok(outcome) => outcome.map_err(|error| describe(&error)),
        Err(_) => Err(format!("no answer in {} s", ANSWER_MAX.as_secs())),
    }
}

fn receive(payload: &str, me: Uuid, listener: &dyn Listener) {
    match read(payload) {
        Some((sender, _)) if sender == me => {}
        Some((_, notification)) => listener.notified(&notification),
        // A later version may send another format.
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
fn payloads(notification: &Notification, me: Uuid) -> Vec<String> {
    let letters: String = notification.wake_ups.iter().copied().map(letter).collect();
    let mut payloads: Vec<String> = Vec::new();
    // Only the first one has the letters.
    let mut chunks = notification.answered.chunks(KEYS_PER_PAYLOAD);
    let mut letters = Some(letters);
    loop {
        let keys = chunks.next();
        let letters = letters.take();
        if keys.is_none() && letters.is_none() {
            return payloads;
        }
        let mut payload = format!("{} {} ", me.simple(), letters.unwrap_or_default());
        for (index, key) in keys.unwrap_or_default().iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(payload, "{comma}{}", key.0.simple()).expect("a String takes it");
        }
        payloads.push(payload);
    }
}

fn read(payload: &str) -> Option<(Uuid, Notification)> {
    let mut parts = payload.split(' ');
    let sender = parts.next()?.parse().ok()?;
    let letters = parts.next()?;
    let keys = parts.next()?.split(',').filter(|key| !key.is_empty());
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
    fn a_payload_is_read_back() {
        let me = Uuid::from_u128(7);
        for notification in [
            notification(0, [WakeUp::Jobs]),
            notification(0, [WakeUp::Messages, WakeUp::Partitions, WakeUp::Retries, WakeUp::Events]),
            notification(2, [WakeUp::Jobs]),
            notification(450, [WakeUp::Messages]),
        ] {
            let payloads = payloads(&notification, me);
            assert_eq!(payloads.len(), notification.answered.len().div_ceil(KEYS_PER_PAYLOAD).max(1));
            let mut all = Notification::default();
            for payload in payloads {
                assert!(payload.len() < 8_000, "{}", payload.len());
                let (sender, part) = read(&payload).unwrap();
                assert_eq!(sender, me);
                all.answered.extend(part.answered);
                all.wake_ups.extend(part.wake_ups);
            }
            assert_eq!(all, notification);
        }
    }

    #[test]
    fn an_unreadable_payload_is_refused() {
        for payload in
            ["", "x", "0", "00000000000000000000000000000007 j", "00000000000000000000000000000007 j x"]
        {
            assert_eq!(read(payload), None, "{payload}");
        }
    }

    #[test]
    fn collected_keys_are_bounded() {
        let notifier = Notifier::default();
        let rendered = crate::Rendered { status: 201, body: String::new(), location: None };
        let answered = |count: u128| (0..count).map(|number| (key(number), rendered.clone())).collect();
        notifier.collect(&Committed { answered: answered(6_000), ..Committed::default() });
        notifier.collect(&Committed { answered: answered(6_000), wake_ups: BTreeSet::from([WakeUp::Jobs]) });
        let notification = notifier.take();
        assert_eq!(
            (notification.answered.len(), notification.wake_ups),
            (KEYS_MAX, BTreeSet::from([WakeUp::Jobs]))
        );
        assert_eq!(notifier.take(), Notification::default());
    }
}
