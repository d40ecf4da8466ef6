//! The log of this process, kept for a test to read.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use server::work_context;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// A line of the log: its fields, and those of its work context.
pub type LogLine = BTreeMap<String, String>;

#[derive(Clone, Default)]
pub struct LogLines(Arc<Mutex<Vec<LogLine>>>);

impl<S: Subscriber> Layer<S> for LogLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Fields(LogLine);
        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                self.0.insert(field.name().to_owned(), format!("{value:?}"));
            }
            fn record_str(&mut self, field: &Field, value: &str) {
                self.0.insert(field.name().to_owned(), value.to_owned());
            }
        }
        let level = event.metadata().level().to_string();
        let mut fields = Fields(LogLine::from([("level".to_owned(), level)]));
        event.record(&mut fields);
        if let Some(work_context) = work_context::current() {
            fields.0.extend(work_context.fields().map(|(name, value)| (name.to_owned(), value)));
        }
        self.0.lock().push(fields.0);
    }
}

impl LogLines {
    pub fn so_far(&self) -> Vec<LogLine> {
        self.0.lock().clone()
    }
}

/// Collects the log from now on; called once per process.
pub fn keep_log() -> LogLines {
    let lines = LogLines::default();
    tracing_subscriber::registry().with(lines.clone()).init();
    lines
}
