//! `GET /health/live`: the process runs and answers.

pub async fn handle() -> &'static str {
    "alive\n"
}
