use crate::http::endpoint::Endpoint;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/health/live", "get_liveness", handle)
        .about("Is it alive?", "The process runs and answers.")
        .answers_text(200, "text/plain", "It does.")
}

async fn handle() -> &'static str {
    "alive\n"
}
