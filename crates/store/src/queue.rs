//! The queue of the writers: bounded, fair between tenants, and with a lane for background commands.
//!
//! A writer takes the waiting commands, at most a batch, one command of each tenant in turn, so
//! that a tenant that floods the queue delays only itself. No command is delayed to make a batch
//! larger: while a writer commits, the next commands arrive.
//!
//! Other work waits for the system's own commands (settling, marking as sent, renewing a lease),
//! and a lease lapses if they are late. They go first, in up to half of a batch, however many
//! commands of tenants wait.
//!
//! Background commands (relaying, posting, sweeping, pruning) get the rest of a batch, and at least
//! an eighth of it: they never delay the others by much, and are never starved. Their lane has a
//! limit of its own, so that they cannot fill the queue either.

use parking_lot::{Mutex, MutexGuard};
use std::collections::{HashMap, VecDeque};

use domain::TenantId;
use domain::working_set::Command;
use tokio::sync::{Notify, oneshot};

use crate::{CommandResult, Unavailable};

/// A waiting command, and the channel of its result.
pub(crate) struct Pending {
    pub command: Box<dyn Command>,
    pub asker: oneshot::Sender<Result<CommandResult, Unavailable>>,
}

/// Background commands get at least one of this many commands of a batch.
const BACKGROUND_PART: usize = 8;

#[derive(Default)]
struct State {
    /// Commands of no tenant. They have a limit of their own, so that tenants cannot keep them out.
    system: VecDeque<Pending>,
    lanes: HashMap<TenantId, VecDeque<Pending>>,
    /// The tenants with waiting commands, in the order of their turns.
    turns: VecDeque<TenantId>,
    /// Commands in the lanes.
    len: usize,
    background: VecDeque<Pending>,
    /// Commands that were taken before a waiting background command, for batches too small to share.
    passed: usize,
    closed: bool,
}

pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Notify,
    queue_max: usize,
    tenant_max: usize,
}

impl Queue {
    pub fn new(queue_max: usize, tenant_share: f64) -> Queue {
        let tenant_max = ((queue_max as f64 * tenant_share) as usize).clamp(1, queue_max.max(1));
        Queue { state: Mutex::default(), wake: Notify::new(), queue_max, tenant_max }
    }

    // Nothing that can panic runs under the lock, so a poisoned lock has consistent contents.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub fn push(&self, pending: Pending) -> Result<(), Unavailable> {
        let mut state = self.state();
        if state.closed {
            return Err(Unavailable::Closed);
        }
        let full = |len| if len >= self.queue_max { Err(Unavailable::QueueFull) } else { Ok(()) };
        match pending.command.tenant() {
            _ if pending.command.background() => {
                full(state.background.len())?;
                state.background.push_back(pending);
            }
            None => {
                full(state.system.len())?;
                state.system.push_back(pending);
            }
            Some(tenant) => {
                full(state.len)?;
                let waiting = state.lanes.entry(tenant).or_default();
                if waiting.len() >= self.tenant_max
                    && !fault_injection::is(fault_injection::InjectedFault::QueueNotShared)
                {
                    return Err(Unavailable::TenantShareFull);
                }
                waiting.push_back(pending);
                if waiting.len() == 1 {
                    state.turns.push_back(tenant);
                }
                state.len += 1;
            }
        }
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// The waiting commands, at most `max`. Waits while there are none. `None` once the queue is
    /// closed and empty.
    pub async fn take(&self, max: usize) -> Option<Vec<Pending>> {
        loop {
            // Made before the queue is read, so that a push or a close in between is not missed.
            let woken = self.wake.notified();
            {
                let mut state = self.state();
                if state.waits() > 0 {
                    let batch = state.take(max);
                    if state.waits() > 0 {
                        self.wake.notify_one();
                    }
                    return Some(batch);
                }
                if state.closed {
                    return None;
                }
            }
            woken.await;
        }
    }

    /// Refuses new commands. The waiting ones are still carried out.
    pub fn close(&self) {
        self.state().closed = true;
        self.wake.notify_waiters();
        self.wake.notify_one();
    }

    pub fn len(&self) -> usize {
        self.state().waits()
    }
}

impl State {
    fn waits(&self) -> usize {
        self.system.len() + self.len + self.background.len()
    }

    fn take(&mut self, max: usize) -> Vec<Pending> {
        let sure = match max / BACKGROUND_PART {
            0 => usize::from(self.passed + 1 >= BACKGROUND_PART),
            part => part,
        };
        let room = max - sure.min(self.background.len());
        let first = room.div_ceil(2).min(self.system.len());
        let mut batch: Vec<Pending> = self.system.drain(..first).collect();
        self.turn(&mut batch, room);
        let rest = (room - batch.len()).min(self.system.len());
        batch.extend(self.system.drain(..rest));
        let foreground = batch.len();
        let left = (max - foreground).min(self.background.len());
        batch.extend(self.background.drain(..left));
        self.passed = if left > 0 || self.background.is_empty() { 0 } else { self.passed + foreground };
        batch
    }

    /// One command of each tenant in turn, until the batch has this many.
    fn turn(&mut self, batch: &mut Vec<Pending>, max: usize) {
        while batch.len() < max
            && let Some(lane) = self.turns.pop_front()
        {
            let waiting = self.lanes.get_mut(&lane).expect("a lane with a turn exists");
            batch.extend(waiting.pop_front());
            self.len -= 1;
            if waiting.is_empty() {
                self.lanes.remove(&lane);
            } else {
                self.turns.push_back(lane);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::rows::{Facts, Needs};
    use domain::working_set::{Context, Decision, DecisionResult};
    use futures_util::FutureExt;
    use uuid::Uuid;

    #[derive(Debug)]
    struct Of(Option<u128>);

    /// Stands for a tenant that no command has.
    const BACKGROUND: Option<u128> = Some(u128::MAX);

    impl Command for Of {
        fn tenant(&self) -> Option<TenantId> {
            self.0.map(|tenant| TenantId(Uuid::from_u128(tenant)))
        }
        fn background(&self) -> bool {
            self.0 == BACKGROUND
        }
        fn needs(&self, _: &mut Needs<'_>) -> Option<()> {
            Some(())
        }
        fn decide(&self, _: &Facts, _: &Context<'_>) -> DecisionResult {
            Ok(Decision::default())
        }
    }

    fn push(queue: &Queue, tenant: Option<u128>) -> Result<(), Unavailable> {
        queue.push(Pending { command: Box::new(Of(tenant)), asker: oneshot::channel().0 })
    }

    #[derive(Debug, PartialEq)]
    enum Taken {
        Batch(Vec<Option<u128>>),
        Ended,
        Waiting,
    }

    fn take(queue: &Queue, max: usize) -> Taken {
        let tenant = |pending: &Pending| pending.command.tenant().map(|tenant| tenant.0.as_u128());
        match queue.take(max).now_or_never() {
            Some(Some(batch)) => Taken::Batch(batch.iter().map(tenant).collect()),
            Some(None) => Taken::Ended,
            None => Taken::Waiting,
        }
    }

    #[test]
    fn tenants_take_turns() {
        let queue = Queue::new(100, 1.0);
        for tenant in [Some(1), Some(1), Some(1), Some(2), Some(3), Some(1)] {
            push(&queue, tenant).unwrap();
        }
        assert_eq!(take(&queue, 4), Taken::Batch(vec![Some(1), Some(2), Some(3), Some(1)]));
        assert_eq!(take(&queue, 4), Taken::Batch(vec![Some(1), Some(1)]));
        assert_eq!(take(&queue, 4), Taken::Waiting, "an empty queue waits");
    }

    #[test]
    fn the_systems_own_commands_go_first_and_leave_half_to_the_tenants() {
        let queue = Queue::new(100, 1.0);
        for tenant in 1..=20 {
            push(&queue, Some(tenant)).unwrap();
        }
        for _ in 0..6 {
            push(&queue, None).unwrap();
        }
        let first = Taken::Batch(vec![None, None, None, None, Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!(take(&queue, 8), first, "however many tenants wait before them");
        assert_eq!(take(&queue, 4), Taken::Batch(vec![None, None, Some(5), Some(6)]));
        for _ in 0..5 {
            push(&queue, None).unwrap();
        }
        let Taken::Batch(rest) = take(&queue, 100) else { panic!("something waits") };
        assert_eq!(rest.len(), 14 + 5, "all of them, where there is room");
    }

    #[test]
    fn the_queue_and_each_tenants_share_are_bounded() {
        let queue = Queue::new(4, 0.5);
        assert_eq!(push(&queue, Some(1)), Ok(()));
        assert_eq!(push(&queue, Some(1)), Ok(()));
        assert_eq!(push(&queue, Some(1)), Err(Unavailable::TenantShareFull));
        assert_eq!(push(&queue, Some(2)), Ok(()));
        assert_eq!(push(&queue, Some(3)), Ok(()));
        assert_eq!(push(&queue, Some(4)), Err(Unavailable::QueueFull));
        for _ in 0..4 {
            assert_eq!(push(&queue, None), Ok(()), "tenants do not keep the system out");
        }
        assert_eq!(push(&queue, None), Err(Unavailable::QueueFull));
    }

    /// How many of a batch are in the background.
    fn shares(queue: &Queue, max: usize) -> (usize, usize) {
        let Taken::Batch(batch) = take(queue, max) else { panic!("something waits") };
        let background = batch.iter().filter(|tenant| **tenant == BACKGROUND).count();
        (batch.len() - background, background)
    }

    #[test]
    fn background_commands_fill_what_is_left_and_have_an_eighth_for_sure() {
        let queue = Queue::new(1_000, 1.0);
        let fill = |tenant, count| (0..count).for_each(|_| push(&queue, tenant).unwrap());
        fill(BACKGROUND, 20);
        fill(Some(1), 30);
        assert_eq!(shares(&queue, 16), (14, 2), "an eighth, however many wait before them");
        assert_eq!(shares(&queue, 16), (14, 2));
        assert_eq!(shares(&queue, 16), (2, 14), "and whatever the others leave");
        fill(Some(1), 5);
        assert_eq!(shares(&queue, 16), (5, 2), "no more than there are");
    }

    #[test]
    fn a_batch_of_one_is_a_background_command_now_and_then() {
        let queue = Queue::new(1_000, 1.0);
        for _ in 0..30 {
            push(&queue, Some(1)).unwrap();
            push(&queue, BACKGROUND).unwrap();
        }
        let taken: Vec<usize> = (0..24).map(|_| shares(&queue, 1).1).collect();
        assert_eq!(taken.iter().sum::<usize>(), 3, "one in eight: {taken:?}");
        assert_eq!(taken[..7], [0; 7]);
    }

    #[test]
    fn background_commands_do_not_fill_the_queue_before_a_client() {
        let queue = Queue::new(2, 1.0);
        push(&queue, BACKGROUND).unwrap();
        push(&queue, BACKGROUND).unwrap();
        assert_eq!(push(&queue, BACKGROUND), Err(Unavailable::QueueFull));
        assert_eq!(push(&queue, Some(1)), Ok(()));
        assert_eq!(queue.len(), 3);
        queue.close();
        assert_eq!(shares(&queue, 4), (1, 2), "what waits at the close is still taken");
        assert_eq!(take(&queue, 4), Taken::Ended);
    }

    #[test]
    fn what_waits_at_the_close_is_still_taken() {
        let queue = Queue::new(4, 1.0);
        push(&queue, None).unwrap();
        queue.close();
        assert_eq!(push(&queue, None), Err(Unavailable::Closed));
        assert_eq!(take(&queue, 4), Taken::Batch(vec![None]));
        assert_eq!(take(&queue, 4), Taken::Ended);
    }
}
