//! Carries one attempt over the wire, and never sends anything twice.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use outbound::{HttpClient, HttpReply};
use tower::{Service, ServiceExt as _};

use crate::RequestFailure;
use crate::api_request::{ApiRequest, CommonHeaders};

/// A page of 200 rows, each with what a client may put into it, has room.
const REPLY_BYTES_MAX: usize = 16 << 20;

pub type Answered = Pin<Box<dyn Future<Output = Result<HttpReply, RequestFailure>> + Send>>;

/// The wire under one client.
#[derive(Clone)]
pub struct Transport {
    http: HttpClient,
    who: CommonHeaders,
}

impl Transport {
    pub fn new(who: CommonHeaders, connect_timeout: Duration) -> Result<Transport, String> {
        let settings = outbound::Settings { connect_timeout, reply_bytes_max: REPLY_BYTES_MAX };
        Ok(Transport { http: HttpClient::new(settings)?, who })
    }
}

impl Service<ApiRequest> for Transport {
    type Response = HttpReply;
    type Error = RequestFailure;
    type Future = Answered;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), RequestFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: ApiRequest) -> Answered {
        let request = call.request(&self.who);
        let http = self.http.clone();
        Box::pin(async move {
            let request = request.map_err(|error| RequestFailure::NotSent(error.to_string()))?;
            http.oneshot(request).await.map_err(|error| match error {
                outbound::Error::NotSent(why) => RequestFailure::NotSent(why),
                outbound::Error::Broken(why) => RequestFailure::Broken(why),
            })
        })
    }
}
