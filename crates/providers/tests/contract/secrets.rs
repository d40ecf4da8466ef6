//! What must not be in a log, nor in the text of an error, which is logged and shown in review cases.

use std::{io, sync::Arc};

use parking_lot::Mutex;
use providers::Guard;
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    answers,
    calls::FIRST,
    outcomes::{patient, successful},
    rows::{ContractRow, ROWS, SignedBy},
};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Log;

    fn make_writer(&self) -> Log {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock()).into_owned()
    }
}

fn check(row: &ContractRow, source: &str, text: &str) {
    let secrets = [row.secret_key, row.webhook_secret];
    for hidden in row.hidden.iter().chain(&secrets) {
        let line = text.lines().find(|line| line.contains(hidden));
        assert!(line.is_none(), "{} {source} shows {hidden}: {line:?}", row.adapter.name);
    }
}

#[tokio::test]
async fn neither_a_log_nor_an_error_shows_a_secret() {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    tracing::trace!("the log is kept");
    for row in ROWS {
        check(row, "the settings", &format!("{:?}", row.settings("http://127.0.0.1:9")));
        let server = ScriptedServer::start(Vec::new()).await;
        let provider = row.open(&row.settings(&server.base_url), &patient());
        for call in row.calls() {
            let successes = [successful((row.replies)(call))];
            // The bodies of successes under the statuses of errors.
            let body = (row.replies)(call)[0].to_string();
            let errors = [202, 400, 404, 409, 500].map(|status| {
                vec![ServerStep::Answer(answer(status, "x-request-id: r\r\nrequest-id: r\r\n", &body))]
            });
            let others = answers::answers(row, call).into_iter().map(|answer| vec![answer.step]);
            for script in others.chain(successes).chain(errors) {
                server.follow(row.script(call, script));
                let ended = call.make(row, &*provider, FIRST).await;
                check(row, &format!("{call:?}"), &ended.text);
            }
        }
        let provider = row.open(&row.settings("http://127.0.0.1:9"), &Guard::default());
        for secret in [row.webhook_secret, "another"] {
            let delivery = (row.delivery)(&SignedBy { secret, at: 1, event: 1 });
            let refused = provider.verify(delivery.head(), &delivery.body, domain::Timestamp(0));
            check(row, "a refusal", &refused.map_or_else(|why| format!("{why} {why:?}"), |_| String::new()));
        }
    }
    assert!(log.text().contains("the log is kept"));
    for row in ROWS {
        check(row, "the log", &log.text());
    }
}
