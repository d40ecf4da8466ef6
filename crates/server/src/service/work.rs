//! The tasks that run beside the requests. They are stopped together and waited for.

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The tasks of a service, and the signal that ends them.
pub struct ServiceTasks {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl ServiceTasks {
    pub fn new() -> ServiceTasks {
        let (stop, _) = watch::channel(false);
        ServiceTasks { stop, tasks: Vec::new() }
    }

    /// A receiver of the signal to stop.
    pub fn stopped(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    pub fn push(&mut self, task: JoinHandle<()>) {
        self.tasks.push(task);
    }

    pub fn extend(&mut self, tasks: impl IntoIterator<Item = JoinHandle<()>>) {
        self.tasks.extend(tasks);
    }

    /// Signals the tasks to stop, and waits until all have ended.
    pub async fn end(mut self) {
        self.stop.send_replace(true);
        for task in std::mem::take(&mut self.tasks) {
            // A task that panicked has logged it already.
            let _ = task.await;
        }
    }
}

/// A start that fails must not leave tasks that retry forever.
impl Drop for ServiceTasks {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        for task in &self.tasks {
            task.abort();
        }
    }
}
