//! Sends one attempt over the wire, and never sends anything twice.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use outbound::{HttpClient, HttpReply};
use tower::{Service, ServiceExt as _};

use crate::RequestFailure;
use crate::api_request::{ApiRequest, CommonHeaders};

/// Enough for a page of 200 rows with the largest contents.
const REPLY_BYTES_MAX: usize = 16 << 20;

pub type ReplyFuture = Pin<Box<dyn Future<Output = Result<HttpReply, RequestFailure>> + Send>>;

/// The HTTP connections of one client.
#[derive(Clone)]
pub struct Transport {
    http: HttpClient,
    common: CommonHeaders,
}

impl Transport {
    pub fn new(common: CommonHeaders, connect_timeout: Duration) -> Result<Transport, String> {
        let settings = outbound::Settings { connect_timeout, reply_bytes_max: REPLY_BYTES_MAX };
        Ok(Transport { http: HttpClient::new(settings)?, common })
    }
}

impl Service<ApiRequest> for Transport {
    type Response = HttpReply;
    type Error = RequestFailure;
    type Future = ReplyFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), RequestFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: ApiRequest) -> ReplyFuture {
        let request = call.request(&self.common);
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
